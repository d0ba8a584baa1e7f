"""Adapter: follows the stream's topics in Kafka, in no consumer group, and looks how far its workers have got."""
