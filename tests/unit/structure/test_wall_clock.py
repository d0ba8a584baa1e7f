"""Who may look at the wall clock, which can be set: those that show it, and nobody who decides by it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import ROOT

PARTS = ("contract", "scorer", "producer", "monitor", "dashboard", "churnstream", "training")
SHOWN = {
    "churnstream/demo/run.py": "in the name of a run's folder",
    "contract/worker/clock.py": "this is the clock",
    "dashboard/following/follower.py": "as the time since which the broker is away",
    "churnstream/status/looking.py": "as when a status was taken, and for how long ago a window came",
    "churnstream/doctor.py": "compared with Kafka's, because that is what is asked",
    "dashboard/serving/server.py": "for how long ago the page says that something was",
    "monitor/join/worker.py": "in the header of a dead letter",
    "monitor/worker.py": "as the start of a run in MLflow",
    "producer/cli.py": "for a warning that event times will be refused",
    "scorer/kernels/unused.py": "compared with the times of files, to remove what nobody has used for long",
    "scorer/models/swap.py": "as the time since which a version scores",
    "scorer/rest/server.py": "as the event time of a request that gives none",
    "scorer/serving/live_metrics.py": "as the timestamp of a point in MLflow",
    "scorer/serving/stream_time.py": "as the time of a stream without a record",
    "scorer/stream/worker.py": "in the header of a dead letter",
    "training/registered/promotion.py": "as the time since which a version has the alias",
    "training/registered/mlflow_runs.py": "as the start of a run in MLflow",
}
"""Where it is read, and what for."""
COMPARED = {"churnstream/doctor.py", "scorer/kernels/unused.py"}
_READS = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today")}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for part in PARTS:
        for path in sorted((ROOT / part).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith("contract/testing/"):
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def reads_wall_time(node: ast.AST) -> bool:
    """Whether the node is ``time.time()`` or the like, or takes the machine's clock by its name."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = node.func.value
        return isinstance(owner, ast.Name) and (owner.id, node.func.attr) in _READS
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "SystemClock"


def gives_wall_time(node: ast.AST) -> bool:
    """Whether the node is a reading of a clock: ``….now()`` without arguments, or ``time.time()``."""
    is_now = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "now"
    return reads_wall_time(node) or is_now


def test_with_the_clock_set_back_or_forward_an_hour_nothing_but_what_is_shown_changes() -> None:
    found = {name for name, tree in modules() if any(reads_wall_time(node) for node in ast.walk(tree))}
    assert found == SHOWN.keys(), "whoever reads the wall clock says here what for; intervals are monotonic"


def test_nobody_measures_an_interval_by_the_wall_clock() -> None:
    measured = {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub))
        for inner in ast.iter_child_nodes(node)
        if gives_wall_time(inner) or any(gives_wall_time(deeper) for deeper in ast.iter_child_nodes(inner))
    }
    assert measured <= COMPARED | {"contract/worker/clock.py"}


def test_the_list_is_of_modules_that_are_there() -> None:
    assert all((Path(ROOT) / name).is_file() for name in SHOWN)
