"""What the stream has learned: records as they were scored, with the labels that came of them, read from Kafka."""
