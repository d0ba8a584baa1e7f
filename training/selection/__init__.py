"""Which candidate becomes the model: searches, measurements, and the rule that decides."""
