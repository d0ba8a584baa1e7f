"""A schema drafted from a table."""
