"""``python -m churnstream``: the same as the command ``churnstream``."""

from churnstream.start import main

main()
