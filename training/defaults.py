"""What the command offers and training takes where nothing is said. Imports nothing, so that ``--help`` is instant."""

from typing import Literal

DEFAULT_SEED = 42
"""Of folds, searches and models."""
DEFAULT_BOOTSTRAP_SEED = 0

OnBadRows = Literal["stop", "skip", "report"]
SearchName = Literal["grid", "exhaustive", "random", "bayes"]
