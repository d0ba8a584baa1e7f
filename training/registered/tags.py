"""Tags of runs and registered versions by which a later training, comparison or promotion knows what they are."""

from contract.schema import Schema

SCHEMA = "churnstream.schema"
SCHEMA_FINGERPRINT = "churnstream.schema_fingerprint"
DATA_HASH = "churnstream.data_hash"
SPLIT_SEED = "churnstream.split_seed"
SPLIT_HASH = "churnstream.split_hash"
PROTOCOL = "churnstream.protocol"
"""``honest`` or ``report``; what the report's protocol made is never a champion."""
STUDY, HONEST = "report", "honest"
ROLE = "churnstream.role"
"""On runs: ``model`` (a training without a search), or of a search ``selection``, ``candidate`` or ``trial``."""
SELECTION = "churnstream.selection"
"""On a search's candidates and trials: the id of the selection's run."""
FORCED = "churnstream.forced"
"""On a version that took the alias without having been proven better: why, in a sentence."""
HISTORY = "churnstream.history."
"""On the registered model, followed by an alias: the versions that had it before, oldest first, with commas."""


def about(schema: Schema, data_hash: str) -> dict[str, str]:
    """What every run and version says of what it was made from."""
    return {SCHEMA: f"{schema.name} v{schema.version}", SCHEMA_FINGERPRINT: schema.fingerprint, DATA_HASH: data_hash}
