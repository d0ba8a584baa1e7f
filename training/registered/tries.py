"""How often held-out rows have decided between two models, and how sure the next decision on them has to be.

Each comparison on the same rows is one more chance for luck. So an error of ``ALPHA`` is spent over all comparisons on
a set of held-out rows: the k-th may err with ``ALPHA / (k (k + 1))``, one-sided. These add up to ``ALPHA`` however many
follow, and by Bonferroni's inequality the whole errs with no more than that, whether the comparisons depend on each
other or not (alpha spending: Lan & DeMets, Biometrika 70, 1983; over a stream of hypotheses: Foster & Stine, Journal of
the Royal Statistical Society B 70, 2008). It holds where nobody makes a challenger by looking at its held-out rows.

A comparison is noted as a tag of the registered model before the rows are looked at, each under a name of its own, and
counted after. So no crash gives a free try, none of two trainings at the same time loses its note, and the i-th note
counts at least i.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.settings import Settings
from training.registered import tags
from training.registered.versions import Version

if TYPE_CHECKING:
    from mlflow import MlflowClient

ALPHA = 0.05
"""Chance that any of the comparisons on a set of held-out rows promotes a version that is no better."""
FRESH_FROM = 5
"""Comparisons on the same rows from which on other rows are advised: a sixth of ``ALPHA`` is left then."""
MOST_COMPARISONS = 100
"""On a set of held-out rows; a gain has to be 4.4 times its standard error then, and the next is not made."""
MOST_NOTED = 500
"""Notes kept with a model; beyond, the oldest go."""

_KEY = re.compile(rf"{re.escape(tags.COMPARED)}(?P<rows>[\w/-]+)/(?P<challenger>\d+)-(?P<champion>\d+)", re.ASCII)
_PERIOD = re.compile(r"time/(?P<start>\d{1,15})-(?P<end>\d{1,15})", re.ASCII)


@dataclass(frozen=True)
class Note:
    """That two versions were compared on some rows, by the name of the rows."""

    rows: str
    challenger: int
    champion: int

    @property
    def key(self) -> str:
        return f"{tags.COMPARED}{self.rows}/{self.challenger}-{self.champion}"


def confidence(comparison: int) -> float:
    """Two-sided confidence of the interval that must leave 0 out in the k-th comparison, from 1 on; the first: 0.95."""
    return 1 - 2 * ALPHA / (comparison * (comparison + 1))


def rows_name(version: Version) -> str:
    """Names the rows that were held out from a version's training, so that the same ones are known again.

    Shares of one seed lie within each other, and a table that has grown has the old rows, too: neither makes other
    rows of them.
    """
    if version.test_period is not None:
        start, end = version.test_period
        return f"time/{start}-{end}"
    return f"customer/{version.split_seed}"


def share_rows(one: str, other: str) -> bool:
    """Whether sets of held-out rows of these names have rows in common."""
    first, second = _PERIOD.fullmatch(one), _PERIOD.fullmatch(other)
    if first is None or second is None:
        return one == other
    return int(first["start"]) < int(second["end"]) and int(second["start"]) < int(first["end"])


def spend(client: "MlflowClient", settings: Settings, note: Note) -> int | None:
    """Note that two versions are going to be compared; which comparison on these rows it is, from 1 on.

    The same two on the same rows are one comparison, however often they are noted. None: ``MOST_COMPARISONS`` have been
    made, and nothing is noted.

    Raises:
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    before = [each for each in _noted(client, settings) if share_rows(each.rows, note.rows)]
    if note not in before and len(before) >= MOST_COMPARISONS:
        return None
    client.set_registered_model_tag(
        settings.model_name, note.key, f"v{note.challenger} was compared with v{note.champion}"
    )
    noted = _noted(client, settings)
    _forget(client, settings, noted)
    return sum(share_rows(each.rows, note.rows) for each in noted)


def read_notes(keys: Iterable[str]) -> list[Note]:
    """The notes among the keys of a registered model's tags."""
    return [
        Note(found["rows"], int(found["challenger"]), int(found["champion"]))
        for key in keys
        if (found := _KEY.fullmatch(key))
    ]


def live_rows(champion: int) -> str:
    """Names what the stream says of a champion and its challengers."""
    return f"live/{champion}"


def to_forget(noted: list[Note], most: int = MOST_NOTED) -> list[Note]:
    """The notes to forget where there are more than ``most``: of periods, those that ended first, then of the stream,
    those of the earliest champions. None is of the rows of a split seed: of these there are few."""
    ages = [(age, note.key, note) for note in noted if (age := _age(note)) is not None]
    return [note for _, _, note in sorted(ages, key=lambda each: each[:2])[: max(0, len(noted) - most)]]


def _age(note: Note) -> tuple[bool, int] | None:
    period = _PERIOD.fullmatch(note.rows)
    if period is not None:
        return False, int(period["end"])
    return (True, note.champion) if note.rows == live_rows(note.champion) else None


def _noted(client: "MlflowClient", settings: Settings) -> list[Note]:
    return read_notes(client.get_registered_model(settings.model_name).tags)


def _forget(client: "MlflowClient", settings: Settings, noted: list[Note]) -> None:
    for note in to_forget(noted):
        client.delete_registered_model_tag(settings.model_name, note.key)
