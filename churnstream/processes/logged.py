"""The start of a process whose output goes to a file, and that Ctrl-C leaves to its owner."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def start_logged(
    command: Sequence[str], log_path: Path, *, folder: Path, environment: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start ``command`` in ``folder``; what it says is added to the log. Without an environment it has ours."""
    with log_path.open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C goes to the owner alone, which ends its children in order
            start_new_session=True,
        )
