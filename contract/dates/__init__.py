"""Which columns of a table say when something happened."""
