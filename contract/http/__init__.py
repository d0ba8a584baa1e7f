"""What every server of ours over HTTP has: a bound port, the names it answers to, and its token."""
