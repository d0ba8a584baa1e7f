"""How good a model is: metrics, their intervals, and figures of both."""
