"""Core: what the topics say, kept in bounded memory. Knows neither Kafka nor a browser."""
