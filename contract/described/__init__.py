"""Messages as others read and write them: JSON Schemas of what is on each topic, and examples."""
