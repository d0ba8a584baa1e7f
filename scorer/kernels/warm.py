"""``python -m scorer.kernels.warm`` compiles all loops into the cache, for an image or before tests side by side."""

import logging
import sys

from contract.schema import load_schema
from scorer.kernels.boosted import warm as warm_trees
from scorer.kernels.check import checked_kernel


def main() -> int:
    """0, or 1 where loops cannot be compiled, or give what they should not."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if checked_kernel(load_schema("bank_churn")) is None:
        return 1
    warm_trees()
    return 0


if __name__ == "__main__":
    sys.exit(main())
