"""Figures of a table before any model: what is in it, and what looks odd."""
