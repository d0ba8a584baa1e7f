"""Whether a stream is well now, told from its topics and groups on Kafka alone."""
