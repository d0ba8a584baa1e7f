"""Panes as the join would publish them, and a timeline that follows them on a real broker."""
