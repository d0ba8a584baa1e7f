"""A terminal, for what is shown on one."""
