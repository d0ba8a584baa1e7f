"""The commands that span parts. They import what they need when they run."""
