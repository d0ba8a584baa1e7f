"""Names of metrics that are made of a feature's name: MLflow takes them, and none is another's. Pure."""

import hashlib
import re

MOST_CHARACTERS = 250
"""MLflow refuses a longer name."""
_OURS = {"share"}
_REFUSED = re.compile(r"[^\w.\- /]")


def drift_name(feature: str) -> str:
    """``drift/Age``; a feature whose name one of ours has in this group (in any case, because databases tell no case
    apart) is ``drift/feature/share``.
    """
    group = "drift/feature" if feature.casefold() in _OURS else "drift"
    return _fitting(f"{group}/{feature}")


def missing_name(feature: str) -> str:
    """``data/missing_Age``."""
    return _fitting(f"data/missing_{feature}")


def violations_name(feature: str) -> str:
    """``data/violations_Age``."""
    return _fitting(f"data/violations_{feature}")


def _fitting(name: str) -> str:
    """The name itself where MLflow takes it, else its first characters and a hash of it.

    The hash stands behind a dot, which no feature's name has.
    """
    if len(name) <= MOST_CHARACTERS and not _REFUSED.search(name):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{_REFUSED.sub('_', name)[: MOST_CHARACTERS - 13]}.{digest}"
