"""Applies the registered model: to the stream, and to a request."""
