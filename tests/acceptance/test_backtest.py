"""``churnstream backtest`` from outside: from a file to the answer, with one command and without editing."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def run(arguments: Sequence[str], folder: Path) -> tuple[int, str]:
    """The command's exit code and all that it said, where nobody can be asked."""
    done = subprocess.run(
        [sys.executable, "-m", "churnstream", *arguments, "--dir", "runs"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "160"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
