"""Data flow one way: no part imports another, and inside a part a room imports only what lies below it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# from the bottom up; a room, or a module that stands beside the rooms, imports only what stands on a lower line
LAYERS: dict[str, tuple[str, ...]] = {
    "contract": (
        "masking variables",
        "arrays bounds durations errors signals",
        "dates segments split",
        "schema settings",
        "records tables topics",
        "messages rejection",
        "alerts history panes windows",
        "alert_rules versions",
        "described",
        "kafka models",
        "worker",
        "http",
        "testing",
    ),
    "producer": (
        "options randomness sorting sources",
        "continuing delays history repeated synthetic weekdays",
        "injections",
        "opening scenario",
        "scenario_options stream",
        "replay",
        "display",
        "history_told",
        "cli",
    ),
    "training": (
        "defaults steps",
        "kinds outcomes table",
        "quality",
        "infer selection",
        "registered",
        "task",
        "review",
        "explore making protocol",
        "train",
        "retrain",
        "commands",
    ),
    "scorer": (
        "signals",
        "kernels",
        "models",
        "serving stream",
        "rest testing",
        "cli serve_cli",
    ),
    "monitor": (
        "budget files intervals naming panes signals slot window_sums",
        "health inputs",
        "nowcast rhythms verdicts",
        "segments",
        "alert_sinks join timeline",
        "reports watch",
        "mlflow_sink",
        "model_facts on_demand news",
        "window_sink",
        "worker",
        "cli",
    ),
    "dashboard": (
        "signals",
        "stream",
        "following view",
        "charts",
        "page",
        "serving",
        "cli",
    ),
    "churnstream": (
        "checkup failures frames live processes",
        "redrive status",
        "doctor",
        "local_kafka",
        "mlflow_server",
        "demo",
        "backtest",
        "stack",
        "reset",
        "commands",
        "cli",
        "start",
        "__main__",
    ),
}
SHARED, TOGETHER = "contract", "churnstream"
"""The part that every other may import, and the one that may import every other."""


def climbs(root: Path) -> list[str]:
    """Each import in the parts below ``root`` that goes up or sideways, as ``importer imports imported``."""
    return [
        f"{importer} imports {imported}"
        for part in LAYERS
        for importer, imported in _imports(root, part)
        if not _is_downward(importer, imported)
    ]


def _imports(root: Path, part: str) -> Iterator[tuple[str, str]]:
    for file in sorted((root / part).rglob("*.py")):
        importer = ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                # `from part import room` names a room, `from part.room import thing` a module
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            yield from ((importer, name) for name in names if name.partition(".")[0] in LAYERS)


def _is_downward(importer: str, imported: str) -> bool:
    part, imported_part = importer.partition(".")[0], imported.partition(".")[0]
    if part != imported_part:
        return imported_part == SHARED or part == TOGETHER
    room, imported_room = (name.split(".")[1] if "." in name else "" for name in (importer, imported))
    # a part's own __init__ lies above its rooms, because it gives out what users import; its version lies below them
    if not room or imported_room in (room, "__version__"):
        return True
    return _floor(part, imported_room) < _floor(part, room)


def _floor(part: str, room: str) -> int:
    floors = [number for number, rooms in enumerate(LAYERS[part]) if room in rooms.split()]
    assert floors, f"{part}.{room} has no place in LAYERS; say between which rooms it stands"
    return floors[0]


def test_nothing_climbs() -> None:
    assert climbs(ROOT) == []


def test_what_layers_names_is_there() -> None:
    gone = [
        f"{part}/{room}"
        for part, floors in LAYERS.items()
        for room in " ".join(floors).split()
        if not ((ROOT / part / room).is_dir() or (ROOT / part / f"{room}.py").is_file())
    ]
    assert gone == []


@pytest.mark.parametrize(
    ("file", "line", "climbing"),
    [
        ("scorer/stream/batch.py", "from monitor.panes import Pane", "scorer.stream.batch imports monitor.panes.Pane"),
        ("contract/topics.py", "import churnstream.cli", "contract.topics imports churnstream.cli"),
        ("contract/topics.py", "from contract import kafka", "contract.topics imports contract.kafka"),
        (
            "monitor/join/store.py",
            "from monitor.reports.files import WORKSPACE",
            "monitor.join.store imports monitor.reports.files.WORKSPACE",
        ),
        (
            "monitor/join/store.py",
            "def f():\n    import monitor.timeline.windows",
            "monitor.join.store imports monitor.timeline.windows",
        ),
        (
            "training/table/split.py",
            "from training.train import train",
            "training.table.split imports training.train.train",
        ),
    ],
)
def test_an_import_against_the_layers_is_found(tmp_path: Path, file: str, line: str, climbing: str) -> None:
    target = tmp_path / file
    target.parent.mkdir(parents=True)
    target.write_text(f"from contract.errors import UserError\n{line}\n", encoding="utf-8")

    assert climbs(tmp_path) == [climbing]
