"""Where the command ``churnstream`` begins: Ctrl-C while it is still being imported is no traceback."""

import sys


def main() -> None:
    """Import the command line and run it."""
    try:
        from churnstream.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()
