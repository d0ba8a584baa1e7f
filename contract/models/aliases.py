"""What a registered model's tags say of an alias: which versions have had it, and since when. Pure.

MLflow keeps no time for an alias, so whoever gives it away notes it in a tag.
"""

import re
from collections.abc import Sequence

from contract.versions import MOST_CHAMPIONS, Reign

CHALLENGER = "challenger"
"""Alias of the version that scores beside the champion, or waits to."""
HISTORY = "churnstream.history."
"""On the registered model, followed by an alias: the versions that had it before, oldest first, with commas."""
REIGNS = "churnstream.reigns."
"""Likewise: each version that got it, with the time (``3:1711929600000``, ms UTC), oldest first, with commas.

Written after the alias was given, so each entry was true. Where it was given by another tool there is no entry.
"""
PROTOCOL = "churnstream.protocol"
"""On a version: ``honest`` or ``report``; what the report's protocol made is never a champion."""
STUDY, HONEST = "report", "honest"

_REIGN = re.compile(r"\s*(\d{1,9}):(\d{1,15})\s*", re.ASCII)
_VERSION = re.compile(r"\s*(\d{1,9})\s*", re.ASCII)


def read_history(text: str) -> list[int]:
    """Versions that had the alias before, oldest first; what is no number was not written by us."""
    return [int(found[1]) for part in text.split(",") if (found := _VERSION.fullmatch(part))]


def history_text(versions: Sequence[int]) -> str:
    """The tag's value for these versions."""
    return ",".join(map(str, versions))


def read_reigns(text: str) -> list[Reign]:
    """Versions that got the alias, and when, oldest first; what has another form was not written by us."""
    return [Reign(int(found[1]), int(found[2])) for part in text.split(",") if (found := _REIGN.fullmatch(part))]


def with_reign(text: str, version: int, since: int) -> str:
    """The tag's value with one more entry, without the oldest of more than ``MOST_CHAMPIONS``: 2,500 characters."""
    reigns = [*read_reigns(text), Reign(version, since)][-MOST_CHAMPIONS:]
    return ",".join(f"{reign.version}:{reign.since}" for reign in reigns)
