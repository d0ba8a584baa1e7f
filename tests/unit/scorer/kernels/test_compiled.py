"""Where compiled code is kept, and what happens where there is no compiler."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scorer.kernels import compiled
from tests.support.paths import ROOT

PROGRAM = """
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
from contract.schema import load_schema
from scorer.kernels import parse
from scorer.kernels.check import checked_kernel, probes
schema = load_schema("bank_churn")
kernel = checked_kernel(schema)
print("kernel" if kernel else "none", type(parse.parse).__name__)
if kernel:
    print("taken", len(kernel.take(*map(list, zip(*probes(schema))))))
from numba.core import config
print("kept in", config.CACHE_DIR)
"""


def run(**environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=150,
    )
    return done.stdout


def test_the_same_code_runs_without_being_compiled() -> None:
    told = run(NUMBA_DISABLE_JIT="1")
    assert "kernel function" in told
    compiled_told = run()
    assert "kernel CPUDispatcher" in compiled_told
    assert [line for line in told.splitlines() if "taken" in line] == [
        line for line in compiled_told.splitlines() if "taken" in line
    ]


def test_a_warm_cache_is_read_and_not_written_again(tmp_path: Path) -> None:
    assert f"once for this version and processor); the code is kept in {tmp_path}" in run(NUMBA_CACHE_DIR=str(tmp_path))
    told = run(NUMBA_CACHE_DIR=str(tmp_path), NUMBA_DEBUG_CACHE="1")
    assert "data loaded from" in told
    assert "data saved" not in told


def test_a_cache_that_cannot_be_written_to_is_taken_along(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from numba.core import config

    warm = tmp_path / compiled.sources_digest()
    warm.mkdir()
    (warm / "parse.nbi").write_bytes(b"code")
    monkeypatch.setitem(vars(config), "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(compiled, "_is_writable", lambda _: False)
    place = compiled.cache_place.__wrapped__()
    assert place is not None
    assert place != warm
    assert (place / "parse.nbi").read_bytes() == b"code"
    assert place.parent.stat().st_mode & 0o077 == 0
    assert vars(config)["CACHE_DIR"] == str(place)


def test_without_numba_a_warning_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    compiled.available.cache_clear()
    try:
        assert [compiled.available() for _ in range(3)] == [False] * 3
        assert caplog.text.count("numba cannot be imported") == 1
        assert compiled.compiled(run) is run
    finally:
        compiled.available.cache_clear()


def test_the_digest_of_the_loops_changes_with_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    before = compiled.sources_digest()
    monkeypatch.setattr(compiled, "_CONSTANTS", compiled._CONSTANTS[1:])
    assert compiled.sources_digest() != before
