"""Has what comes in changed? A window's records against the reference sample of the model. Pure: no I/O, no clock."""
