"""Where the command ``churnstream`` begins: before it is imported, and so before anything of it can go wrong.

Ctrl-C while it is still being imported is no traceback. Its packages have general names (``training``, ``monitor``), so
a folder of the user's that has such a package, too, must not be taken for them.
"""

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path

PACKAGES = ("contract", "producer", "scorer", "training", "monitor", "dashboard")
"""All that the wheel brings besides ``churnstream``."""
_HOME = Path(__file__).resolve().parent.parent


def main() -> None:
    """Import the command line and run it. Exit code 2 where another package hides one of its own."""
    try:
        _look_past_working_folder()
        for name in PACKAGES:
            if (elsewhere := _hidden_by(name)) is not None:
                print(
                    f"error: {elsewhere} hides churnstream's own package {name!r}, which the wheel installs under that "
                    f"name; remove {elsewhere.parent} from PYTHONPATH, or install churnstream in its own environment",
                    file=sys.stderr,
                )
                sys.exit(2)
        from churnstream.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


def _look_past_working_folder() -> None:
    """``python -m churnstream`` looks for packages in the working folder first; what is there is not ours."""
    here = Path.cwd()
    if here != _HOME and sys.path and sys.path[0] in ("", os.fspath(here)):
        del sys.path[0]


def _hidden_by(name: str) -> Path | None:
    """The package or module that would be imported for ours; None where it is ours."""
    found = PathFinder.find_spec(name)
    if found is None or found.origin is None:
        return None
    origin = Path(found.origin).resolve()
    place = origin.parent if origin.name == "__init__.py" else origin
    return None if place == _HOME / name else place
