"""A stream that a model can be trained on anew, and a retraining that dies on the way."""
