"""What a click on a window opens."""
