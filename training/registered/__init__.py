"""Registered versions: how they are made, described, compared and promoted."""
