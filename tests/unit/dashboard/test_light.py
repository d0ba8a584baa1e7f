"""The page's process stays small: it loads nothing that is for training, judging or storing."""

import subprocess
import sys

import pytest

from tests.support.paths import ROOT

HEAVY = ("pandas", "mlflow", "sklearn", "scipy", "evidently", "faust", "pyarrow")


def modules() -> list[str]:
    files = sorted((ROOT / "dashboard").rglob("*.py"))
    return [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]


@pytest.mark.timeout(120)
def test_no_part_of_the_page_loads_what_is_heavy() -> None:
    code = f"import importlib, sys\nfor name in {modules()!r}: importlib.import_module(name)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "dashboard.stream.state" in loaded
    assert loaded & set(HEAVY) == set()
