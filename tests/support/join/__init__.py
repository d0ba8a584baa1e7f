"""The join, tried without Kafka: streams, logs, and an oracle that says what must come out."""
