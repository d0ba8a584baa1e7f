"""What a window's metrics will be when all labels are in, told from those that have come."""
