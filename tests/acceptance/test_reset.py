"""A stream that is reset and replayed anew, over the same days, by the commands: its windows are its own."""

from pathlib import Path

import pytest

from churnstream.live.watch import StreamWatch
from churnstream.processes.children import Children
from contract.settings import Settings
from contract.topics import LABELS, PREDICTIONS
from contract.windows import Window
from producer.synthetic import write_csv
from tests.support.kafka.topics import environment, stream_settings
from tests.support.oracle import assert_windows_are_one_group_by, topic_frame
from tests.support.polling import eventually
from tests.support.versions import store_with

PACE = ["--period", "5d", "--label-delay", "1d", "--start", "2025-01-01"]


def windows_of(settings: Settings, children: Children, table: Path, number: int) -> list[Window]:
    """The final windows of a replay of ``table``, once all are there; the workers have ended then."""
    for name in ("score", "join", "monitor"):
        children.start(f"{name}-{number}", name, "-v")
    children.start(f"replay-{number}", "replay", "--data", str(table), *PACE).wait(120)
    watch = StreamWatch(settings)

    def complete() -> bool:
        children.check()
        return watch.refresh().complete

    eventually(complete, timeout=180, interval=0.3)
    children.stop(timeout=120)
    watch.close()
    finals = [window for window in watch.snapshot.ordered() if window.status == "final"]
    assert_windows_are_one_group_by(finals, topic_frame(settings, PREDICTIONS), topic_frame(settings, LABELS))
    return finals


@pytest.mark.timeout(500)
def test_after_a_reset_another_stream_of_the_same_days_has_windows_of_its_own(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(
        broker,
        topic_prefix,
        tmp_path,
        mlflow_tracking_uri=store_with(tmp_path).mlflow_tracking_uri,
        window=86_400_000,
        session_timeout_ms=6_000,
    )
    tables = [tmp_path / f"table-{rows}.csv" for rows in (1_200, 600)]
    for seed, (table, rows) in enumerate(zip(tables, (1_200, 600), strict=True)):
        write_csv(table, rows, seed=seed)
    with Children(environment(settings), tmp_path) as children:
        first = windows_of(settings, children, tables[0], 1)
        children.start("reset", "reset", "--yes").wait(60)
        second = windows_of(settings, children, tables[1], 2)
    assert [(window.start, window.model) for window in first] == [(window.start, window.model) for window in second]
    # fewer than before: a timeline that took up the first stream would take them for what it knows already
    assert [sum(window.records for window in windows) for windows in (first, second)] == [1_200, 600]
