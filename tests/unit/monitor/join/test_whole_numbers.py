"""Whole numbers written as floats, from the bytes on ``customers`` and ``labels`` to a window."""

import json
from pathlib import Path
from typing import Any

import msgspec

from contract.messages import Outcome, encode
from contract.panes import JoinProgress, Pane, PaneMessage
from contract.schema import load_schema
from contract.windows import Drift, Window
from monitor.join.incoming import IncomingReader
from monitor.join.pane_limits import PaneLimits
from monitor.join.partition import PartitionJoin
from monitor.join.rules import JoinRules
from monitor.join.store import JoinStore
from monitor.timeline.spec import WindowSpec
from monitor.timeline.windows import WindowBook
from scorer.stream.batch import BatchScorer
from scorer.stream.reading import Raw
from scorer.testing import LogisticModel
from tests.support.kafka.sent import sent
from tests.support.messages import DAY, START, customer, key, label

SCHEMA = load_schema("bank_churn")
NOW = START + 365 * DAY
RECORDS = 50


def written(message: dict[str, Any], floats: bool) -> bytes:
    return json.dumps(json.loads(json.dumps(message), parse_int=float if floats else int)).encode()


def flow(folder: Path, floats: bool) -> tuple[list[Outcome], list[bytes], list[Window]]:
    """Outcomes, panes with their samples, and windows of a small stream that ends."""
    records = [Raw(i, key(customer(i)), written(customer(i), floats)) for i in range(RECORDS)]
    scored = BatchScorer(SCHEMA).score(records, 0, LogisticModel())
    assert not scored.rejected
    reader = IncomingReader(SCHEMA)
    predictions = [reader.prediction(sent(*pair, offset=i)) for i, pair in enumerate(scored.predictions)]
    labels = [reader.label(sent(key(label(i)), written(label(i), floats), offset=i)) for i in range(RECORDS)]
    rules = JoinRules(slide=DAY, out_of_orderness=DAY // 24, lateness=30 * DAY)
    store = JoinStore(folder / "0.sqlite", "test")
    join = PartitionJoin(0, store, rules, SCHEMA, PaneLimits.of(SCHEMA, 100, rules.lateness))
    effects = join.absorb(predictions, labels)
    assert not effects.dead_letters
    progress = join.progress(idle=True)
    published = [one.value for one in join.publications(progress)]
    panes = [msgspec.json.decode(value, type=PaneMessage) for value in published]
    join.commit()
    store.close()
    book = WindowBook(
        WindowSpec(DAY, DAY),
        partitions=1,
        label_lateness=rules.lateness,
        sample_size=100,
        judge=lambda _model, sample, _previous: Drift(judged=False, drifted=False, share=sample.records),
    )
    for pane in panes:
        if isinstance(pane, Pane):
            book.update(pane)
    book.update(JoinProgress(partition=0, watermark=NOW, label_watermark=NOW, ended=True))
    windows = [due.window for due in book.due()]
    outcomes = [msgspec.json.decode(value, type=Outcome) for _, value in effects.outcomes]
    return outcomes, published, windows


def test_outcomes_panes_and_windows_are_those_of_the_same_numbers(tmp_path: Path) -> None:
    for name in ("plain", "floats"):
        (tmp_path / name).mkdir()
    outcomes, panes, windows = flow(tmp_path / "plain", False)
    as_floats = flow(tmp_path / "floats", True)
    assert len(outcomes) == RECORDS
    assert windows
    assert [encode(outcome) for outcome in outcomes] == [encode(outcome) for outcome in as_floats[0]]
    assert panes == as_floats[1]
    assert [encode(window) for window in windows] == [encode(window) for window in as_floats[2]]
