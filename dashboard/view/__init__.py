"""Core: what the page shows of the stream, in words and numbers. Knows neither Kafka nor a browser."""
