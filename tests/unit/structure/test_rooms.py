"""Rooms that a newcomer can take in: few files, no prefix that asks to be a folder, one meaning a name."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import ROOT

FOLDERS = (
    "benchmarks",
    "churnstream",
    "contract",
    "dashboard",
    "monitor",
    "producer",
    "scorer",
    "scripts",
    "tests",
    "training",
)
PRODUCT = ("churnstream", "contract", "dashboard", "monitor", "producer", "scorer", "training")
MOST_FILES = 20
MOST_LINES = 400
MOST_OF_A_PREFIX = 2


def _files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def _classes(*folders: str) -> Iterator[tuple[Path, ast.ClassDef]]:
    for file in _files(*folders):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                yield file.relative_to(ROOT), node


def test_no_folder_holds_more_files_than_one_can_take_in() -> None:
    counts = Counter(file.parent.relative_to(ROOT) for file in _files(*FOLDERS))
    assert {str(folder): count for folder, count in counts.items() if count > MOST_FILES} == {}


def test_no_prefix_asks_to_be_a_folder() -> None:
    prefixes = Counter(
        (str(file.parent.relative_to(ROOT)), file.stem.removeprefix("test_").partition("_")[0])
        for file in _files(*FOLDERS)
        if file.stem not in ("__init__", "__main__")
    )
    assert [found for found, count in prefixes.items() if count > MOST_OF_A_PREFIX] == []


def test_no_module_is_too_long_to_have_one_reason_to_exist() -> None:
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in _files(*PRODUCT)
    }
    assert {file: lines for file, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_class_name_stands_twice() -> None:
    places: dict[str, list[str]] = {}
    for file, node in _classes(*FOLDERS):
        places.setdefault(node.name.removeprefix("_"), []).append(str(file))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_every_exception_is_a_churnstream_error_and_says_so_by_its_name() -> None:
    named = {node.name: [ast.unparse(base) for base in node.bases] for _, node in _classes(*PRODUCT)}
    errors = {name for name in named if name.endswith("Error")}
    strays = {
        name
        for name, bases in named.items()
        if (name in errors and name != "ChurnstreamError" and not errors & set(bases))
        or (name not in errors and any(base.endswith(("Error", "Exception")) for base in bases))
    }
    assert strays == set()


def test_every_room_says_what_it_is() -> None:
    mute = [
        str(file.relative_to(ROOT))
        for file in _files(*PRODUCT)
        if not ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert mute == []
