"""The command beside a user's own packages, whose names the wheel's packages have, too."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from churnstream.start import PACKAGES
from tests.support.paths import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's folder with a ``training`` and a ``monitor`` of its own."""
    for name in ("training", "monitor"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the wrong package')\n", encoding="utf-8")
    return tmp_path


def version_in(folder: Path, path: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "churnstream", "--version"]
    return subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": path}, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_folder_with_packages_of_the_same_names_is_let_be(project: Path) -> None:
    done = version_in(project, str(ROOT))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("churnstream ")


def test_packages_on_the_path_that_hide_ours_are_named(project: Path) -> None:
    done = version_in(project.parent, f"{project}:{ROOT}")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {project / 'training'} hides churnstream's own package 'training'")
    assert f"remove {project} from PYTHONPATH" in done.stderr
    assert "Traceback" not in done.stderr


def test_all_packages_of_the_wheel_are_looked_at() -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = built["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {*PACKAGES, "churnstream"} == set(wheel["packages"])
