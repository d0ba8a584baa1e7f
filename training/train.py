"""From a table to a registered model: split, choose, fit, measure once, register, and the alias if it has earned it."""

import logging
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from contract.errors import UserError
from contract.models.registry import find_version, model_title, out_of_reach, registry_client
from contract.schema import Schema, load_schema
from contract.settings import Settings
from contract.split.defaults import DEFAULT_SPLIT_SEED, DEFAULT_TEST_SHARE
from contract.tables.options import AS_FOUND, ReadOptions
from contract.tables.times import TimeOptions
from training.defaults import DEFAULT_SEED, OnBadRows, Split
from training.making import Selection, register_best, register_default
from training.quality.costs import Costs
from training.registered.promotion import give_alias, judge
from training.registered.verdict import Verdict
from training.review.made import log_page
from training.selection.develop import HeldOut
from training.selection.listening import Listener
from training.selection.measure import Candidate
from training.selection.search import Plan
from training.steps import untold
from training.table.division import Division, divide
from training.table.prepare import Table, describe, read_table
from training.table.split_files import SPLIT_FILES, write_split
from training.table.suspicions import Suspicion, suspicions
from training.task import Provenance, Task

_log = logging.getLogger("churnstream.training")


@dataclass(frozen=True)
class TrainingResult:
    """What was registered. ``metrics`` and their ``intervals`` are those of the ``test_rows`` held-out rows."""

    model_name: str
    version: int
    run_id: str
    candidate: Candidate
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    train_rows: int
    test_rows: int
    split_hash: str
    division: Division
    table: Table
    suspicions: tuple[Suspicion, ...]
    verdict: Verdict
    held_out: HeldOut
    selection: Selection | None = None

    @property
    def threshold(self) -> float:
        return self.candidate.threshold

    @property
    def calibration(self) -> str:
        return self.candidate.validated.calibration


def train(
    settings: Settings,
    table: Path | pd.DataFrame,
    *,
    name: str | None = None,
    seed: int = DEFAULT_SEED,
    force: bool = False,
    split: Split | None = None,
    split_seed: int = DEFAULT_SPLIT_SEED,
    test_share: float = DEFAULT_TEST_SHARE,
    gap: str | None = None,
    until: str | None = None,
    times: TimeOptions | None = None,
    split_dir: Path | None = None,
    on_bad_rows: OnBadRows = "report",
    options: ReadOptions = AS_FOUND,
    plan: Plan | None = None,
    listener: Listener | None = None,
    figures: bool | None = None,
    provenance: Provenance | None = None,
    judged: bool = True,
    costs: Costs | None = None,
) -> TrainingResult:
    """Train on a file (read by ``options``) or a frame (called ``name`` in messages) and register the model.

    With a ``plan``, the best of its candidates, by the rule in ``selection``; else XGBoost as it comes, in seconds. The
    first version gets the alias. Later ones get it if they are better than the version that has it by more than noise
    on the same held-out rows, or if ``force``. ``split``, ``split_seed``, ``test_share`` and ``gap`` say which rows are
    held out, as ``training.table.division.divide`` has it; the split is kept with the run, and in ``split_dir`` if
    given. Figures are drawn if there is a plan, unless ``figures`` says otherwise. With ``until`` it learns from what
    was known before that moment alone, as ``training.table.prepare.read_table`` has it; ``times`` are columns of time
    in place of the schema's. ``provenance`` says where a frame came from. Unless ``judged``, the version is registered,
    and nobody asks whether it takes the alias.

    Raises:
        UserError: the table or the registry cannot be used; the message says why and what to do.
    """
    started = time.monotonic()
    tell = listener.progress if listener is not None else untold
    tell(0.0, "reading the table")
    schema = (times or TimeOptions()).over(load_schema(settings.dataset))
    origin = name or ("the table" if isinstance(table, pd.DataFrame) else str(table))
    read = partial(read_table, table, schema, name, on_bad_rows=on_bad_rows, options=options, until=until)
    rows = _read(read, schema, origin, split, until)
    tell(0.15, "looking at the table")
    looked_at = tuple(suspicions(rows, schema))
    _warn(rows, looked_at, origin, on_bad_rows)
    division = divide(rows, schema, split, seed=split_seed, share=test_share, gap=gap)
    if division.doubt is not None:
        _log.warning("%s: %s", origin, division.doubt)
    tell(0.25, "writing the split")
    made, files = _split(division, schema, split_dir)
    client = registry_client(settings, create=True)
    from mlflow.exceptions import MlflowException

    drawn = plan is not None if figures is None else figures
    task = Task(
        client,
        settings,
        schema,
        division,
        seed,
        made,
        files,
        looked_at,
        drawn,
        started,
        provenance or Provenance(),
        tell,
        costs,
    )
    try:
        champion = find_version(client, settings)  # an unreachable registry is told before the work, not after
        found = register_default(task) if plan is None else register_best(task, plan, listener)
        tell(0.98, "comparing with the champion")
        held = found.developed.held_out
        verdict = (
            judge(client, settings, schema, found.version, champion, held, force=force)
            if judged
            else Verdict(False, f"{model_title(settings, found.version)} is registered, and was not judged")
        )
        if verdict.promoted:
            give_alias(client, settings, found.version, verdict)
        log_page(client, settings, found.run_id, found.version, found.review)
    except (MlflowException, OSError) as error:
        raise out_of_reach(settings, error) from error
    return TrainingResult(
        model_name=settings.model_name,
        version=found.version,
        run_id=found.run_id,
        candidate=found.developed.candidate,
        metrics=found.metrics,
        intervals=found.intervals,
        train_rows=int((~division.test).sum()),
        test_rows=int(division.test.sum()),
        split_hash=made,
        division=division,
        table=rows,
        suspicions=looked_at,
        verdict=verdict,
        held_out=held,
        selection=found.selection,
    )


def _read(read: Callable[..., Table], schema: Schema, origin: str, split: Split | None, until: str | None) -> Table:
    """The table, with its times unless it is divided by customer; without them where nobody asked to divide by time."""
    if split is not None or until is not None or schema.time is None:
        return read(times=split == "time")
    try:
        return read(times=True)
    except UserError as error:
        rows = read(times=False)
        _log.warning("%s: its dates are not used, and it is divided by customer: %s", origin, error)
        return rows


def _split(division: Division, schema: Schema, folder: Path | None) -> tuple[str, dict[str, bytes]]:
    """Write the split, in ``folder`` if given; its hash and its files' contents."""
    with nullcontext(str(folder)) if folder else tempfile.TemporaryDirectory(prefix="churnstream-split-") as place:
        made = write_split(Path(place), division, schema)
        return made, {name: (Path(place) / name).read_bytes() for name in SPLIT_FILES}


def _warn(rows: Table, looked_at: tuple[Suspicion, ...], origin: str, on_bad_rows: OnBadRows) -> None:
    if rows.excluded:
        left_out = rows.rows_read - len(rows.y)
        _log.warning("%s: %s rows violate the schema and are left out (%s)", origin, left_out, describe(rows.excluded))
    if on_bad_rows == "report":
        for bad in rows.bad_rows:
            _log.info("%s: row %s is left out, because column %r %s", origin, bad.row, bad.column, bad.reason)
    for repair in rows.repairs:
        _log.warning("%s: %s", origin, repair)
    if rows.duplicates:
        _log.warning(
            "%s: %s rows repeat a customer's id; all rows of a customer stay on one side of the test split",
            origin,
            rows.duplicates,
        )
    for suspicion in looked_at:
        _log.warning("%s: %s", origin, suspicion.text)
