"""The top of the page: how the model is now, how fresh that is, and what changed."""
