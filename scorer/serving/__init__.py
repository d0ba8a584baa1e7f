"""What is made of records and labels, whatever carries them here: scoring, where answers go, and the stream's time."""
