"""The REST service for tests: its process, clients, load and bad input."""
