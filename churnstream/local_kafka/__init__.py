"""A real Kafka on this machine, with nothing to install."""
