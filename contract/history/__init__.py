"""What of a table with dates was known when."""
