"""A training table: read, checked, suspected and split."""
