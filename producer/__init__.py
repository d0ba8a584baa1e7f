"""How data enters: sources of rows, the scenario that puts them on a clock, and the replay onto Kafka."""
