"""How the loops of this project are compiled, and where the machine code is kept.

Compiling takes seconds, so the code is kept on disk: below ``NUMBA_CACHE_DIR``, or else the user's cache directory.
Where that cannot be written to (a container) its content is taken along to a temporary directory.
"""

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any, TypeVar, cast

_log = logging.getLogger("churnstream.kernels")

Loop = TypeVar("Loop", bound=Callable[..., object])

_SCORER = Path(__file__).resolve().parent.parent
_ROOMS = ("kernels", "models")
"""Rooms of the scorer that have compiled loops."""
_TOLD_AFTER_SECONDS = 1.0


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
    made = numba.njit(loop, cache=_keep_on_disk(), **options)
    return cast(Loop, made)


@contextmanager
def told_if_long(what: str) -> Iterator[None]:
    """Says in the log what takes so long, where the code of ``what`` is not on disk yet."""
    timer = Timer(
        _TOLD_AFTER_SECONDS,
        _log.info,
        ("compiling %s, which takes 10 to 30 s, once for this version and processor; %s", what, _where()),
    )
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def sources_digest() -> str:
    """16 hex digits that change with any line of the loops; numba itself does not see a change in another module."""
    found = hashlib.sha256()
    for room in _ROOMS:
        for file in sorted((_SCORER / room).glob("*.py")):
            found.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()[:16]


@cache
def _keep_on_disk() -> bool:
    """Tell numba where to keep code; False where there is no place."""
    from numba.core import config

    given: str = vars(config)["CACHE_DIR"]
    wanted = (Path(given) if given else _user_cache() / "churnstream" / "kernels") / sources_digest()
    place = wanted if _is_writable(wanted) else _copied(wanted)
    if place is None:
        return False
    vars(config)["CACHE_DIR"] = str(place)
    return True


def _where() -> str:
    if not available():
        return ""
    from numba.core import config

    return (
        f"the code is kept in {vars(config)['CACHE_DIR']}"
        if _keep_on_disk()
        else "there is no place to keep the code in"
    )


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
        place = Path(tempfile.mkdtemp(prefix="churnstream-kernels-"))
        if directory.is_dir():
            shutil.copytree(directory, place, dirs_exist_ok=True)
    except OSError:
        return None
    return place
