"""Tags of runs and registered versions by which a later training, comparison or promotion knows what they are."""

from contract.models.aliases import HISTORY, HONEST, PROTOCOL, REIGNS, STUDY
from contract.schema import Schema

__all__ = ["HISTORY", "HONEST", "PROTOCOL", "REIGNS", "STUDY"]

SCHEMA = "churnstream.schema"
SCHEMA_FINGERPRINT = "churnstream.schema_fingerprint"
DATA_HASH = "churnstream.data_hash"
SPLIT_SEED = "churnstream.split_seed"
SPLIT_HASH = "churnstream.split_hash"
SPLIT_RULE = "churnstream.split_rule"
"""By which rule customers were divided; versions of earlier releases do not say, and had another one."""
TEST_SHARE = "churnstream.test_share"
LEARNED_UNTIL = "churnstream.learned_until"
"""Before which moment a version's rows lie, and its labels were known, in ISO 8601; not there where all rows count."""
ROLE = "churnstream.role"
"""On runs: ``model`` (a training without a search), or of a search ``selection``, ``candidate`` or ``trial``."""
SELECTION = "churnstream.selection"
"""On a search's candidates and trials: the id of the selection's run."""
OBJECTIONS = "churnstream.objections"
"""What speaks against giving the version the alias: a JSON list of clauses, empty where nothing does."""
FORCED = "churnstream.forced"
"""On a version that took the alias without having been proven better: why, in a sentence."""

JUDGED = "churnstream.judged"
"""On a version that was compared with a champion: what that gave, as JSON, so that it is not compared twice."""
COMPARED = "churnstream.compared/"
"""On the registered model, followed by held-out rows and two versions: that these were compared on those."""


def about(schema: Schema, data_hash: str) -> dict[str, str]:
    """What every run and version says of what it was made from."""
    return {SCHEMA: f"{schema.name} v{schema.version}", SCHEMA_FINGERPRINT: schema.fingerprint, DATA_HASH: data_hash}
