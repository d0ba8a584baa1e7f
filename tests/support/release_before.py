"""The release before this one, run from its own source."""

import io
import os
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.shared import made_once

COMMIT = "65c0478eabb8e96ebb012d74a29057403a3ff5c0"


def release_before() -> Path:
    """Its source. The test is skipped where the clone does not reach back to it."""
    there = subprocess.run(
        ["git", "cat-file", "-e", f"{COMMIT}^{{commit}}"], cwd=ROOT, capture_output=True, check=False
    )
    if there.returncode:
        pytest.skip(f"the release before, {COMMIT[:7]}, is not in this clone; run `git fetch --unshallow`")
    return made_once("release-before", _unpack)


def running_it(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment in which ``python -m churnstream`` is the release before."""
    return {**environment, "PYTHONPATH": str(release_before())}


def running_this(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment in which ``python -m churnstream`` is the code under test."""
    return {
        **environment,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]),
    }


def _unpack(folder: Path) -> None:
    parts = ["churnstream", "contract", "monitor", "producer", "scorer", "training"]
    archive = subprocess.run(["git", "archive", COMMIT, *parts], cwd=ROOT, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as source:
        source.extractall(folder, filter="data")
