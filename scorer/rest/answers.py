"""What the REST service answers."""

from typing import Literal

import msgspec

from contract.messages import Binary, ModelRef, Probability
from contract.models.bundle import ModelCard
from scorer.models.swap import Refusal


class ScoringAnswer(msgspec.Struct, frozen=True, gc=False):
    """A record's answer, fields as on ``predictions``. ``predicted`` is 1 iff ``probability >= threshold``."""

    record_id: str
    customer_id: str
    event_time: int
    probability: Probability
    predicted: Binary
    threshold: Probability
    model: ModelRef


class ExplainedAnswer(msgspec.Struct, frozen=True):
    """A record's probability taken apart: ``bias`` and ``contributions`` add up to ``margin``, its log-odds."""

    record_id: str
    probability: Probability
    margin: float
    bias: float
    contributions: dict[str, float]
    model: ModelRef


class LabelsAccepted(msgspec.Struct, frozen=True):
    """How many labels were taken."""

    accepted: int


class SignatureColumn(msgspec.Struct, frozen=True):
    """One input of the model: its name, its kind in the schema, and what a value must be."""

    name: str
    kind: Literal["numeric", "ordinal", "categorical", "flag"]
    value: str


class ServedModel(msgspec.Struct, frozen=True):
    """The version at work ``since`` (wall time, ms since 1970, UTC), and what is known of it."""

    model: ModelRef
    alias: str
    since: int
    threshold: Probability
    signature: list[SignatureColumn]
    card: ModelCard | None
    refused: Refusal | None


class Health(msgspec.Struct, frozen=True):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Readiness(msgspec.Struct, frozen=True):
    """Whether requests can be answered, and what is in the way."""

    ready: bool
    hindrances: list[str]


class Home(msgspec.Struct, frozen=True):
    """What this is, and where to go on."""

    service: str
    description: str
    links: dict[str, str]
