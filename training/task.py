"""One training: what it works on, and what of it every run and version carries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from contract.arrays import Mask
from contract.schema import Schema
from contract.settings import Settings
from training.quality.costs import Costs
from training.registered import tags
from training.steps import Tell, untold
from training.table.division import Division
from training.table.prepare import Table
from training.table.suspicions import Suspicion

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Provenance:
    """Where a table that is no file came from: ``tags`` of its runs and version, ``files`` kept with its run (contents
    by path)."""

    tags: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One training: what it works on, and what of it every run and version carries."""

    client: "MlflowClient"
    settings: Settings
    schema: Schema
    division: Division
    seed: int
    split_hash: str
    split_files: dict[str, bytes]
    looked_at: tuple[Suspicion, ...]
    figures: bool
    started: float
    provenance: Provenance = field(default_factory=Provenance)
    tell: Tell = untold
    costs: Costs | None = None

    @property
    def threshold_rule(self) -> str:
        """How the decision threshold follows, in words."""
        if self.costs is None:
            return "It is the threshold with the highest F1 on validation folds (mean over bootstrap samples)."
        return (
            f"From this threshold on, a call costs less than silence, if a missed churner costs {self.costs.missed:g} "
            f"and a needless call {self.costs.needless:g}."
        )

    @property
    def rows(self) -> Table:
        """The rows that are learned from and those held out."""
        return self.division.rows

    @property
    def test(self) -> Mask:
        """Which of ``rows`` are held out."""
        return self.division.test

    @property
    def tags(self) -> dict[str, str]:
        return {
            **tags.about(self.schema, self.rows.data_hash),
            **tags.divided(self.division),
            tags.SPLIT_HASH: self.split_hash,
            tags.PROTOCOL: tags.HONEST,
            **({} if self.rows.past is None else {tags.LEARNED_UNTIL: self.rows.past.moment}),
            **self.provenance.tags,
        }
