"""Which segments of a model's customers have changed apart from the rest, and what that costs."""
