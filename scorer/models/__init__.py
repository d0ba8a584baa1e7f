"""Models loaded, followed by their alias, asked and explained."""
