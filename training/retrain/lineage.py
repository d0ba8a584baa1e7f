"""Where a retrained version came from, and by what it is known again.

A version is registered with its lineage's hash in one call, so a retraining that was killed has registered it, with the
hash, or has not registered it. Whoever begins again finds it and trains no second one.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from contract.settings import Settings
from contract.topics import OUTCOMES, PREDICTIONS
from training.outcomes.reading import Passage
from training.registered import tags
from training.task import Provenance

if TYPE_CHECKING:
    from mlflow import MlflowClient

LINEAGE_ARTIFACT = "churnstream/lineage.json"
_TAG_LENGTH = 500


@dataclass(frozen=True)
class Lineage:
    """What a version was made from.

    ``first`` and ``last`` are the event times (ms) of the stream's rows, ``rows`` their number; ``rows_hash`` is of all
    rows that are learned from or tested on. ``settings_text`` says how it was trained. ``reasons`` say why. ``new_to``
    are the versions that have scored each of the newest rows before their labels were known.
    """

    passage: Passage
    first: int
    last: int
    rows: int
    table: str | None
    table_rows: int
    rows_hash: str
    settings_text: str
    reasons: tuple[str, ...]
    new_to: tuple[int, ...]

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of the stream's name, the rows, and how they are trained on: not of offsets, which move on
        while no new row is there to learn from."""
        text = json.dumps([self.passage.stream, self.rows_hash, self.settings_text])
        return hashlib.sha256(text.encode()).hexdigest()

    def provenance(self, settings: Settings) -> Provenance:
        """As tags of the version, and as its artifact."""
        made = {
            tags.RETRAINING: self.hash,
            tags.RETRAINED_FROM: moment_text(self.first),
            tags.RETRAINED_UNTIL: moment_text(self.last),
            tags.RETRAINED_TOPICS: f"{settings.topic(PREDICTIONS)},{settings.topic(OUTCOMES)}",
            tags.RETRAINED_ROWS: str(self.rows),
            tags.RETRAINED_BECAUSE: " ".join(self.reasons)[:_TAG_LENGTH],
        }
        if self.new_to:
            made[tags.NEW_TO] = ",".join(map(str, self.new_to))
        content = {
            "hash": self.hash,
            "topics": [settings.topic(PREDICTIONS), settings.topic(OUTCOMES)],
            "read": msgspec.to_builtins(self.passage),
            "first": moment_text(self.first),
            "last": moment_text(self.last),
            "rows": self.rows,
            "table": self.table,
            "table_rows": self.table_rows,
            "rows_hash": self.rows_hash,
            "trained": self.settings_text,
            "because": list(self.reasons),
        }
        return Provenance(made, {LINEAGE_ARTIFACT: json.dumps(content, indent=2).encode() + b"\n"})


@dataclass(frozen=True)
class RetrainedVersion:
    """A version that ``retrain`` made, by its tags. ``policy`` is empty as long as nothing has become of it."""

    number: int
    lineage: str
    until: int | None
    policy: str


def retrained_versions(client: "MlflowClient", settings: Settings) -> list[RetrainedVersion]:
    """All of a model, the oldest first.

    Raises:
        mlflow.exceptions.MlflowException: MLflow does not answer.
    """
    found: list[RetrainedVersion] = []
    token = None
    quoted = settings.model_name.replace("'", "''")
    while True:
        page = client.search_model_versions(f"name='{quoted}'", page_token=token)
        for version in page:
            lineage = version.tags.get(tags.RETRAINING)
            if lineage is not None:
                until = _moment(version.tags.get(tags.RETRAINED_UNTIL, ""))
                policy = version.tags.get(tags.RETRAINING_POLICY, "")
                found.append(RetrainedVersion(int(version.version), lineage, until, policy))
        token = page.token
        if not token:
            return sorted(found, key=lambda one: one.number)


def moment_text(moment: int) -> str:
    """ms as ISO 8601, UTC."""
    return datetime.fromtimestamp(moment / 1_000, UTC).isoformat(timespec="milliseconds")


def _moment(text: str) -> int | None:
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1_000)
    except ValueError:
        return None
