"""How customers are divided where nothing is said. Imports nothing, so that ``--help`` is instant."""

DEFAULT_SPLIT_SEED = 0
"""Of the held-out customers; models of different ones are not compared."""
DEFAULT_TEST_SHARE = 0.15
"""Of the customers, held out."""
