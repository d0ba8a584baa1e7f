"""Predictions joined to labels, and the panes that sum them up."""
