"""What ``retrain`` can be told. Imports little, so that ``--help`` is instant."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from contract.durations import DAY, parse_duration
from contract.errors import UserError
from contract.tables.options import AS_FOUND, ReadOptions

Occasion = Literal["drift", "performance", "schedule", "always"]
"""When it is time: input drift stands, or the model does worse, or so much time has passed, or in any case."""
Policy = Literal["none", "challenger", "promote"]
"""What becomes of the new version: registered only, beside the champion, or champion if it is proven better."""
DEFAULT_EVERY = 30 * DAY
LEAST_RECORDS = 200
"""Labelled records, new since the last retraining, below which nothing is trained: training takes no smaller table."""


@dataclass(frozen=True)
class RetrainOptions:
    """Times are event time in ms. ``table``: rows to learn from besides the stream's, read by ``read``. Unless
    ``trains``, it is only decided whether it is time. ``gap`` is a duration between what is learned from and what is
    tested on, as long as labels take if not given."""

    when: tuple[Occasion, ...] = ("always",)
    policy: Policy = "none"
    every: int = DEFAULT_EVERY
    since: int | None = None
    until: int | None = None
    maturity: int | None = None
    gap: str | None = None
    least: int = LEAST_RECORDS
    table: Path | None = None
    read: ReadOptions = AS_FOUND
    trains: bool = True


def read_occasions(text: str) -> tuple[Occasion, ...]:
    """Occasions with commas.

    Raises:
        UserError: one is none of them, or there is none.
    """
    known: tuple[Occasion, ...] = get_args(Occasion)
    given = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [part for part in given if part not in known]
    if unknown or not given:
        raise UserError(f"--when got {unknown[0] if unknown else 'nothing'!r}; give some of {', '.join(known)}")
    return tuple(occasion for occasion in known if occasion in given)


def duration_of(flag: str, text: str) -> int:
    """ms of a duration. Raises UserError: it is none, or nothing."""
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise UserError(f"{flag}: {error}") from None
    if found <= 0:
        raise UserError(f"{flag} got {text!r}; give a time longer than zero, such as 30d")
    return found


def moment_of(flag: str, text: str) -> int:
    """ms of a time in ISO 8601, UTC unless it says. Raises UserError: it is none."""
    from contract.tables.times import parse_moment

    return parse_moment(text, ZoneInfo("UTC"), flag)
