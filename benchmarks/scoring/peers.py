"""The environments of the libraries that the scorer is compared with: made by uv, each its own, and kept."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGES = {
    "quix": ("quixstreams==3.28.1", "xgboost==3.2.0", "numpy", "orjson"),
    "faust": ("faust-streaming[uvloop]==0.15.3", "aiokafka<0.15", "cramjam", "xgboost==3.2.0", "numpy", "orjson"),
}


def interpreter(name: str) -> Path | None:
    """The Python in which ``name`` is installed; None, with a word why, where it cannot be installed."""
    folder = _cache() / "-".join([name, *(part for part in PACKAGES[name] if "==" in part)]).replace("==", "-")
    python, whole = folder / "bin" / "python", folder / "whole"
    if whole.exists():
        return python
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if uv is None:
        _say(name, "uv is not installed")
        return None
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    commands: list[Sequence[str]] = [
        (uv, "venv", "--quiet", "--python", version, str(folder)),
        (uv, "pip", "install", "--quiet", "--python", str(python), *PACKAGES[name]),
    ]
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            _say(name, done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "uv failed")
            return None
    whole.touch()
    return python


def _say(name: str, reason: str) -> None:
    print(f"{name} is left out: {reason}", file=sys.stderr)


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "churnstream" / "benchmarks"
