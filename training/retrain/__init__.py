"""The next version, from what the stream has learned: whether it is time, from which rows, what becomes of it."""
