"""The demo: a whole stream on this machine, for a minute."""
