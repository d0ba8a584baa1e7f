"""How the loops of this project are compiled, and where the machine code is kept.

Compiling takes seconds, so the code is kept on disk: below ``NUMBA_CACHE_DIR``, or else the user's cache directory.
Where that cannot be written to (a container) its content is taken along to a temporary directory.
"""

import atexit
import hashlib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any, TypeVar, cast

from scorer.kernels.unused import mark_used, remove_unused

_log = logging.getLogger("churnstream.kernels")

Loop = TypeVar("Loop", bound=Callable[..., object])

_ROOM = Path(__file__).resolve().parent
_ROOT = _ROOM.parent.parent
_DECORATED = re.compile(rb"^@(compiled|inlined)$", re.MULTILINE)
_CONSTANTS = ("scorer/kernels/tables.py", "contract/bounds.py", "contract/rejection.py", "contract/topics.py")
"""Modules whose constants become part of the code of loops."""
_DIGITS = 16
_TOLD_AFTER_SECONDS = 1.0
_TOLD_OF_OTHER_PROCESSOR_AFTER_SECONDS = 5.0
"""There is code on disk, and reading it takes a second or two. It does not fit where it is of another processor."""


@cache
def available() -> bool:
    """Whether loops can be compiled. If not, a warning says so, once."""
    try:
        import numba  # noqa: F401
    except Exception as error:
        _log.warning(
            "numba cannot be imported (%s: %s), so records are read without compiled code, at about half the speed; "
            "install numba, or a version of it for this Python",
            type(error).__name__,
            error,
        )
        return False
    return True


if TYPE_CHECKING:

    def compiled(loop: Loop) -> Loop: ...

    def inlined(loop: Loop) -> Loop: ...

else:

    def compiled(loop: Loop) -> Loop:
        """``loop`` compiled when it is first called, the global lock released while it runs. It must make no array.

        Where numba cannot be imported, or with ``NUMBA_DISABLE_JIT=1``, it is ``loop`` itself.
        """
        return _compiled(loop, forceinline=False)

    def inlined(loop: Loop) -> Loop:
        """The same for a small part of loops, which becomes part of each."""
        return _compiled(loop, forceinline=True)


def _compiled(loop: Loop, *, forceinline: bool) -> Loop:
    if not available():
        return loop
    import numba

    # no array is made in a loop, and counting the references to those it is given takes longer than its work
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "forceinline": forceinline, "_nrt": False}
    made = numba.njit(loop, cache=cache_place() is not None, **options)
    return cast(Loop, made)


@contextmanager
def told_if_long(what: str) -> Iterator[None]:
    """Says in the log what takes so long, where the code of ``what`` is not on disk yet."""
    place = cache_place()
    where = f"the code is kept in {place}" if place else "there is no folder to keep the code in"
    kept = place is not None and any(place.rglob("*.nbi"))
    said = (
        "loading the compiled code of %s takes long: the processors are busy, or it is compiled again for this one; %s"
        if kept
        else "compiling %s (10 to 30 s, once for this version and processor); %s"
    )
    timer = Timer(
        _TOLD_OF_OTHER_PROCESSOR_AFTER_SECONDS if kept else _TOLD_AFTER_SECONDS, _log.info, (said, what, where)
    )
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def sources_digest() -> str:
    """16 hex digits that change with any line of the loops; numba itself does not see a change in another module."""
    import numba

    found = hashlib.sha256(numba.__version__.encode())
    kernels = {file for file in _ROOM.glob("*.py") if _DECORATED.search(file.read_bytes())}
    for file in sorted(kernels | {_ROOT / name for name in _CONSTANTS}):
        found.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()[:_DIGITS]


@cache
def cache_place() -> Path | None:
    """Where code is kept, which numba is told; None where there is no place."""
    from numba.core import config

    given: str = vars(config)["CACHE_DIR"]
    wanted = (Path(given) if given else _user_cache() / "churnstream" / "kernels") / sources_digest()
    place = wanted if _is_writable(wanted) else _copied(wanted)
    if place == wanted:
        mark_used(wanted)
        remove_unused(wanted.parent, "[0-9a-f]" * _DIGITS)
    if place is not None:
        vars(config)["CACHE_DIR"] = str(place)
    return place


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _is_writable(directory: Path) -> bool:
    try:
        # numba unpickles what it finds there, so nobody else may write to it
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError:
        return False
    return True


def _copied(directory: Path) -> Path | None:
    """A temporary directory of this process with the content of ``directory``."""
    try:
        own = Path(tempfile.mkdtemp(prefix="churnstream-kernels-"))
        atexit.register(shutil.rmtree, own, ignore_errors=True)
        place = own / directory.name
        if directory.is_dir():
            shutil.copytree(directory, place)
        else:
            place.mkdir()
    except OSError:
        return None
    return place
