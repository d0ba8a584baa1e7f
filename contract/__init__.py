"""What the parts agree on: schema, messages, topics, settings and Kafka clients. Imports no other part."""
