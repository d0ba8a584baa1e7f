"""What a registered model is: its files, its registry, and the experiments that tell of it."""
