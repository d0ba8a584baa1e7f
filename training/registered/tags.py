"""Tags of runs and registered versions by which a later training, comparison or promotion knows what they are."""

from datetime import UTC, datetime

from contract.durations import format_duration
from contract.models.aliases import HISTORY, HONEST, PROTOCOL, REIGNS, STUDY
from contract.schema import Schema
from training.table.division import Division

__all__ = ["HISTORY", "HONEST", "PROTOCOL", "REIGNS", "STUDY"]

SCHEMA = "churnstream.schema"
SCHEMA_FINGERPRINT = "churnstream.schema_fingerprint"
DATA_HASH = "churnstream.data_hash"
SPLIT_SEED = "churnstream.split_seed"
SPLIT_HASH = "churnstream.split_hash"
SPLIT_RULE = "churnstream.split_rule"
"""By which rule customers were divided; versions of earlier releases do not say, and had another one."""
TEST_SHARE = "churnstream.test_share"
TEST_FROM = "churnstream.test_from"
"""Where rows were divided by time: the moment from which on they are held out, in ISO 8601."""
TEST_UNTIL = "churnstream.test_until"
"""Likewise, the moment before which the held-out rows lie."""
GAP = "churnstream.gap"
"""Likewise, the time between the rows that were learned from and those held out, such as ``30d``."""
LEARNED_BEFORE = "churnstream.learned_before"
"""Before which moment all rows lie that a version has learned from, in ISO 8601; not there where nobody knows."""
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
NEW_TO = "churnstream.held_out_new_to"
"""Numbers of versions, with commas, that have surely not learned from this version's held-out rows, however they were
divided: they scored each of them on the stream before its label was known."""
RETRAINING = "churnstream.retraining"
"""On a version that was made from the stream: the hash of its lineage. The others say more of that."""
RETRAINED_FROM = "churnstream.retrained_from"
RETRAINED_UNTIL = "churnstream.retrained_until"
"""Event times of the first and the last record of the stream, in ISO 8601."""
RETRAINED_TOPICS = "churnstream.retrained_topics"
RETRAINED_ROWS = "churnstream.retrained_rows"
RETRAINED_BECAUSE = "churnstream.retrained_because"
RETRAINING_POLICY = "churnstream.retraining_policy"
"""What became of it: written last, so a version without it was registered by a retraining that did not end."""


def divided(division: Division) -> dict[str, str]:
    """What every run and version says of which rows were learned from.

    By time there is no split seed, so that releases that know of seeds alone take it for unknown.
    """
    said = {SPLIT_RULE: division.rule, TEST_SHARE: str(division.share)}
    if division.split == "customer":
        said[SPLIT_SEED] = str(division.seed)
    moments = {
        LEARNED_BEFORE: division.learned_before,
        TEST_FROM: division.test_from,
        TEST_UNTIL: division.test_until,
    }
    said |= {tag: iso_moment(moment) for tag, moment in moments.items() if moment is not None}
    return said if division.gap is None else said | {GAP: format_duration(division.gap)}


def iso_moment(milliseconds: int) -> str:
    """A moment in ISO 8601, UTC, to the millisecond."""
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).isoformat(timespec="milliseconds")


def read_moment(text: str | None) -> int | None:
    """The ms of what ``iso_moment`` wrote; None if it is something else."""
    try:
        return None if text is None else round(datetime.fromisoformat(text).timestamp() * 1_000)
    except ValueError:
        return None


def about(schema: Schema, data_hash: str) -> dict[str, str]:
    """What every run and version says of what it was made from."""
    return {SCHEMA: f"{schema.name} v{schema.version}", SCHEMA_FINGERPRINT: schema.fingerprint, DATA_HASH: data_hash}
