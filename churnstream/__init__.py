"""The command line, the demo and the local Kafka: the only package that knows all parts."""
