"""Turns a table into a registered model, and says how good it honestly is."""
