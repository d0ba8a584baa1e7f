"""The commands of training. They import what they need when they run."""
