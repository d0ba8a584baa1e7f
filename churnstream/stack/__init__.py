"""What the compose stack does besides its workers."""
