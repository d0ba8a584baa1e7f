"""What a challenger's answers on the stream say: its Brier score beside the champion's, on the same records.

A customer counts once, with the first record that both have scored and whose label is known, because a customer who is
scored every day is no new evidence each day. Only records count whose label's time is up, so that neither the labels
that come sooner nor the customers who are told sooner have more of a say; and where too many of those have no label,
nothing is said, because labels that do not come may be others than those that do. Nor does a record count that one of
the two has learned from.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from contract.arrays import Floats
from contract.messages import ModelRef
from contract.schema import Schema
from contract.settings import Settings
from training.outcomes.reading import read_scored
from training.outcomes.rows import NO_LABEL, ScoredRecords
from training.quality.sequential import RunningMean, running_mean
from training.registered.compare_rows import new_to
from training.registered.verdict import Names, Verdict, differs, percent
from training.registered.versions import Version

if TYPE_CHECKING:
    from mlflow import MlflowClient

LEAST_LABELLED = 0.8
"""Share of the records whose label's time is up that must have one."""
MOST_LIVE = 1_000_000
"""Records that are looked at; more are refused, because all are in memory."""


@dataclass(frozen=True)
class LiveEvidence:
    """``gain``: champion's squared error minus challenger's, over ``gain.count`` customers.

    Of the ``records`` that both have scored and whose label's time is up, ``labelled`` have one. ``number``: as which
    challenger of this champion, from 1 on; ``one_label``: all the labels are the same, or there is none.
    """

    records: int
    labelled: int
    gain: RunningMean
    number: int
    one_label: bool

    @property
    def lacking(self) -> str | None:
        """Why nothing can be said, None if it can."""
        if not self.records:
            return (
                "there is no record that both have scored, that neither has learned from, and whose label's time is up"
            )
        if self.labelled < LEAST_LABELLED * self.records:
            return (
                f"only {self.labelled:,} of the {self.records:,} records that both have scored and whose label's time "
                f"is up have a label, and the missing ones may differ from the others"
            )
        if self.one_label:
            return f"all {self.labelled:,} labels so far are the same"
        return None

    @property
    def found(self) -> str:
        """What it says, in words."""
        gain = self.gain
        asked = f", as needed for challenger {self.number} of this champion" if self.number > 1 else ""
        return (
            f"on {gain.count:,} customers of the stream its Brier score is {differs(gain.mean)} "
            f"({percent(gain.confidence)} confidence sequence of the gain {gain.low:.5f} to {gain.high:.5f}{asked})"
        )


def read_pairs(
    client: "MlflowClient", settings: Settings, schema: Schema, versions: tuple[Version, Version]
) -> ScoredRecords:
    """What was scored on the stream; what one of the versions may have learned from is never mature.

    Of a version that says until when it has learned, that is what came before; else the records with all the features
    of a row that it has learned from, as they come when a table is replayed.

    Raises:
        UserError: the broker does not answer, there is no such stream, it holds too many records, or it cannot be known
            what a version has learned from.
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    moments = [version.learned_before for version in versions]
    untimed = [version for version, moment in zip(versions, moments, strict=True) if moment is None]
    since = max((moment for moment in moments if moment is not None), default=None)
    rows, _ = read_scored(settings, schema, since=since, features=bool(untimed), most=MOST_LIVE)
    for version in untimed:
        counting = rows.mature & rows.scored_by(*_models(versions))
        if counting.any():
            counting[counting] = new_to(client, version, rows.X[counting], schema)
        rows = replace(rows, mature=counting)
    return rows


def evidence(rows: ScoredRecords, versions: tuple[Version, Version], number: int, confidence: float) -> LiveEvidence:
    """Compare challenger and champion on the rows that both have scored.

    ``number`` says as which challenger of that champion; ``confidence`` is the confidence sequence's.
    """
    challenger, champion = _models(versions)
    both = rows.scored_by(champion, challenger) & rows.mature
    taken = np.flatnonzero(both & (rows.labels != NO_LABEL))
    # rows stand in the order of their times, so the first of a customer is the earliest
    once = taken[~pd.Series(rows.customers[taken]).duplicated().to_numpy()]
    y = rows.labels[once].astype(np.float64)
    differences: Floats = np.zeros(0)
    if len(once):
        differences = (rows.scores[champion][once] - y) ** 2 - (rows.scores[challenger][once] - y) ** 2
    return LiveEvidence(
        int(both.sum()), len(taken), running_mean(differences, confidence), number, len(np.unique(y)) < 2
    )


def _models(versions: tuple[Version, Version]) -> tuple[ModelRef, ModelRef]:
    challenger, champion = versions
    name = challenger.settings.model_name
    return ModelRef(name, challenger.number, "challenger"), ModelRef(name, champion.number, "champion")


def with_live(verdict: Verdict, live: LiveEvidence, names: Names, *, force: bool) -> Verdict:
    """The verdict of the held-out rows, and what the stream adds to it.

    A challenger that is better there takes the alias; one that is worse there does not, whatever the held-out rows say.
    """
    if live.lacking is not None:
        return verdict.saying(f"the stream does not decide: {live.lacking}")
    if live.gain.above:
        return Verdict(True, f"{names.new} takes {names.alias} from {names.old}: {live.found}", verdict.comparison)
    if not live.gain.below:
        return verdict.saying(f"the stream does not decide yet: {live.found}")
    if force:
        return Verdict(
            True,
            f"{names.new} takes {names.alias} from {names.old}, as --force says, though it is worse: {live.found}",
            verdict.comparison,
            forced=True,
        )
    return Verdict(False, f"{names.new} does not take {names.alias} from {names.old}: {live.found}", verdict.comparison)
