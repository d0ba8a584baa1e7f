"""Tables for tests: a toy bank, other shapes, and untidy ones."""
