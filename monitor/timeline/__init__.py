"""Panes merged into windows, with their metrics, estimate, drift and alerts."""
