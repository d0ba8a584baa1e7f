"""``python -m churnstream``: the same as the command ``churnstream``."""

from churnstream.cli import main

main()
