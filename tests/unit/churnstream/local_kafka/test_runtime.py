import functools
import hashlib
import http.server
import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from churnstream.local_kafka import runtime as kafka_runtime
from churnstream.local_kafka.runtime import Jar, fetch, kafka_jars, libs_dir
from contract.errors import UserError

CONTENT = {"org.example:first:1.0": b"first jar", "org.example:second:2.0": b"second jar"}
QUIET = Console(file=io.StringIO())


class Mirror(http.server.SimpleHTTPRequestHandler):
    requested: list[str]

    def log_request(self, *_: object) -> None:
        self.requested.append(self.path)

    def log_message(self, *_: object) -> None:
        """The terminal is pytest's."""


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A Maven repository with two jars, which are also the pinned ones; the cache is empty."""
    repository = tmp_path / "repository"
    for coordinates, content in CONTENT.items():
        _, artifact, version = coordinates.split(":")
        folder = repository / "org" / "example" / artifact / version
        folder.mkdir(parents=True)
        (folder / f"{artifact}-{version}.jar").write_bytes(content)
    jars = [Jar(name, hashlib.sha256(content).hexdigest()) for name, content in CONTENT.items()]
    monkeypatch.setattr(kafka_runtime, "kafka_jars", lambda: jars)
    monkeypatch.delenv(kafka_runtime.LIBS_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Mirror.requested = []
    handler = functools.partial(Mirror, directory=str(repository))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv(kafka_runtime.REPOSITORY_VARIABLE, f"http://127.0.0.1:{server.server_port}")
        yield repository
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("mirror")
def test_fetch_fills_the_cache_once() -> None:
    assert not libs_dir().exists()
    libs = fetch(QUIET)
    assert {path.name: path.read_bytes() for path in libs.iterdir()} == {
        "first-1.0.jar": b"first jar",
        "second-2.0.jar": b"second jar",
    }
    requests = len(Mirror.requested)
    assert libs_dir().is_dir()
    assert fetch(QUIET) == libs
    assert len(Mirror.requested) == requests


@pytest.mark.usefixtures("mirror")
def test_two_fetches_at_once_download_once() -> None:
    threads = [threading.Thread(target=fetch, args=[QUIET]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert libs_dir().is_dir()
    assert sum(path.endswith("first-1.0.jar") for path in Mirror.requested) == 1


def remove(jar: Path) -> None:
    jar.unlink()


def tamper(jar: Path) -> None:
    jar.write_bytes(b"another jar")


@pytest.mark.parametrize(("damage", "reason"), [(remove, "RuntimeError"), (tamper, "not that of the release")])
def test_a_jar_that_is_missing_or_changed_is_refused(mirror: Path, damage: Callable[[Path], None], reason: str) -> None:
    jar = mirror / "org" / "example" / "second" / "2.0" / "second-2.0.jar"
    content = jar.read_bytes()
    damage(jar)
    with pytest.raises(UserError, match=f"org.example:second:2.0: .*{reason}.*churnstream kafka fetch"):
        fetch(QUIET)
    assert not libs_dir().exists()
    assert [path.name for path in libs_dir().parent.iterdir()] == [f"{libs_dir().name}.lock"]
    jar.write_bytes(content)
    fetch(QUIET)
    assert libs_dir().is_dir()


@pytest.mark.usefixtures("mirror")
def test_without_a_network_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kafka_runtime.REPOSITORY_VARIABLE, "http://127.0.0.1:1")
    with pytest.raises(UserError, match=r"could not be downloaded from .*ConnectionError.*KAFKA_BOOTSTRAP_SERVERS"):
        fetch(QUIET)


def test_a_folder_of_ones_own_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kafka_runtime.LIBS_VARIABLE, str(tmp_path))
    with pytest.raises(UserError, match=kafka_runtime.LIBS_VARIABLE):
        fetch(QUIET)
    (tmp_path / "kafka.jar").touch()
    assert fetch(QUIET) == tmp_path


def test_the_pinned_release_is_whole() -> None:
    jars = kafka_jars()
    assert f"org.apache.kafka:kafka_2.13:{kafka_runtime.KAFKA_VERSION}" in {jar.coordinates for jar in jars}
    assert len({jar.filename for jar in jars}) == len(jars)
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in jars)
