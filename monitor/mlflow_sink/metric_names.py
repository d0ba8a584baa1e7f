"""Names of metrics that are made of a feature's name: MLflow takes them, and none is another's. Pure."""

import hashlib
import re

MOST_CHARACTERS = 250
"""MLflow refuses a longer name."""
_OURS = {"share"}
_REFUSED = re.compile(r"[^\w.\- /]")
_PART = re.compile(r"(?!\.)[\w.\- ]+")
"""What may stand between two slashes."""
_BETWEEN = ": "


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


def segment_name(segment: str, value: str) -> str:
    """``segments/Geography/Germany/f1``, of a segment called ``Geography: Germany``.

    Where MLflow takes no such name, the segment's first characters and a hash of it, with a slash less.
    """
    feature, _, part = segment.partition(_BETWEEN)
    plain = f"segments/{feature}/{part}/{value}"
    if len(plain) <= MOST_CHARACTERS and all(_PART.fullmatch(each) for each in (feature, part)):
        return plain
    ending = f".{hashlib.sha256(segment.encode()).hexdigest()[:12]}/{value}"
    kept = re.sub(r"[^\w\- ]", "_", segment)[: MOST_CHARACTERS - len("segments/") - len(ending)]
    return f"segments/{kept}{ending}"


def dead_letters_name(reason: str) -> str:
    """``data/dead_letters_out-of-range_Age``, of ``out-of-range/Age``: a slash would begin a group of charts.

    Reasons have no underscore, so no two names become one.
    """
    return _fitting(f"data/dead_letters_{reason.replace('/', '_', 1)}")


def _fitting(name: str) -> str:
    """The name itself where MLflow takes it, else its first characters and a hash of it.

    The hash stands behind a dot, which no feature's name has.
    """
    if len(name) <= MOST_CHARACTERS and not _REFUSED.search(name):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{_REFUSED.sub('_', name)[: MOST_CHARACTERS - 13]}.{digest}"
