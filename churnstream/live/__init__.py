"""What a running stream shows: read from Kafka, drawn in a terminal."""
