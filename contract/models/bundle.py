"""What a registered model carries besides the pipeline: where training puts it and the others find it."""

from typing import Any

import msgspec

from contract.errors import UserError
from contract.schema import Schema

METADATA_KEY = "churnstream"
"""Key of the ``ModelCard`` in the MLflow model's metadata."""
REFERENCE_ARTIFACT = "churnstream/reference.parquet"
"""Artifact of the training run: held-out rows with the schema's features, ``score`` and ``label`` (0/1)."""
TRAINING_SAMPLE_ARTIFACT = "churnstream/training_sample.parquet"
"""Artifact of the training run, likewise, of training rows with out-of-fold scores: what streams are compared with.

A run of an earlier release lacks it; then the held-out rows are what there is.
"""
SCORE_COLUMN = "score"
LABEL_COLUMN = "label"
CUSTOMER_COLUMN = "customer number"
"""Beside held-out rows of customers that have several: a number that stands for the customer, and never the id. No
feature's name has a space."""
TIME_COLUMN = "event time"
"""Beside held-out rows whose times are known: when each came, in ms since 1970."""

BUNDLE_FORMAT = 1


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """What serving must know of a model: decision threshold in (0, 1), the schema and the data it was made from.

    ``format`` is the bundle's own version, ``data_hash`` the SHA-256 (hex) of the training table's canonical form,
    ``expected`` the probabilities that the model gave for the rows of its input example when it was registered.
    """

    threshold: float
    schema_name: str
    schema_version: int
    schema_fingerprint: str
    features: tuple[str, ...]
    data_hash: str
    expected: tuple[float, ...] = ()
    format: int = BUNDLE_FORMAT


def make_card(schema: Schema, threshold: float, data_hash: str, expected: tuple[float, ...] = ()) -> ModelCard:
    """The card of a model trained on ``schema``."""
    return ModelCard(
        threshold=threshold,
        schema_name=schema.name,
        schema_version=schema.version,
        schema_fingerprint=schema.fingerprint,
        features=schema.names,
        data_hash=data_hash,
        expected=expected,
    )


def read_card(metadata: dict[str, Any] | None, schema: Schema, model: str) -> ModelCard:
    """The card in an MLflow model's metadata, checked against the schema in use; ``model`` names it in errors.

    Raises:
        UserError: the model was not made by churnstream, in another format, or for another schema.
    """
    raw = (metadata or {}).get(METADATA_KEY)
    if raw is None:
        raise UserError(f"model {model} has no churnstream card; register one with `churnstream train`")
    try:
        card = msgspec.convert(raw, ModelCard, strict=False)
    except msgspec.ValidationError as error:
        raise UserError(f"model {model} has a damaged churnstream card ({error}); train it again") from None
    if card.format != BUNDLE_FORMAT:
        raise UserError(
            f"model {model} has bundle format {card.format}, but this version reads {BUNDLE_FORMAT}; train it again"
        )
    if card.schema_fingerprint != schema.fingerprint:
        raise UserError(
            f"model {model} was trained on schema {card.schema_name} v{card.schema_version} "
            f"({card.schema_fingerprint}), not on {schema.name} v{schema.version} ({schema.fingerprint}); "
            f"train it again, or set CHURNSTREAM_DATASET to the schema it was trained on"
        )
    return card
