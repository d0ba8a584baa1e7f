"""Rows and models whose truth is known, for simulations."""
