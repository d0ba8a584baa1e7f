"""What the command offers and training takes where nothing is said. Imports nothing, so that ``--help`` is instant."""

from typing import Literal

DEFAULT_SEED = 42
"""Of folds, searches and models."""
DEFAULT_BOOTSTRAP_SEED = 0
NOT_PROMOTED = 3
"""Exit code of a command that has judged a version, which does not take the alias. 1 and 2 are failures."""

Split = Literal["customer", "time"]
"""How rows are divided into those that are learned from and those that are held out."""
OnBadRows = Literal["stop", "skip", "report"]
SearchName = Literal["grid", "exhaustive", "random", "bayes"]
