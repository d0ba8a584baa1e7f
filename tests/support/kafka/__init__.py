"""Kafka for tests: brokers, topics, and a proxy that fails on demand."""
