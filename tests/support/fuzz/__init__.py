"""Messages that are nearly right, to be thrown at whatever reads a topic."""
