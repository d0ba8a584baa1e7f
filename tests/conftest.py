"""Fixtures for all tests. Importing this sets the environment before any test module imports a library."""

import contextlib
import logging
import os
import signal
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from churnstream.cli import TELEMETRY_OFF
from churnstream.local_kafka.broker import LocalKafka
from contract.worker.logs import NEWS
from tests.support.kafka.brokers import session_broker
from tests.support.shared import SHARED_FOLDER
from tests.support.sizes import load_hypothesis_profile

os.environ.update(TELEMETRY_OFF)
# The tests run side by side, on small tables: more threads in each would only wait for each other, at full load.
for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
# A shell that runs the tests in the background makes them ignore Ctrl-C, and the processes that they start, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
load_hypothesis_profile()

# Where the controller of pytest-xdist tells its workers that a broker runs for all of them.
SHARED_BROKER = "CHURNSTREAM_TEST_BROKER"
_shared = pytest.StashKey[contextlib.ExitStack]()
WITHOUT_BROKER = {Path(__file__).parent / name for name in ("unit", "compose")}


def pytest_sessionstart(session: pytest.Session) -> None:
    """What all workers share lives longer than every one of them, and dies with the session.

    With ``-n``, the controller owns the one broker, too.
    """
    if SHARED_FOLDER in os.environ:
        return
    stack = session.config.stash[_shared] = contextlib.ExitStack()
    directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="churnstream-test-")))
    _share(stack, SHARED_FOLDER, str(directory))
    if session.config.getoption("numprocesses", None) and not _all_without_broker(session.config):
        _share(stack, SHARED_BROKER, stack.enter_context(session_broker(directory / "broker")))


def pytest_unconfigure(config: pytest.Config) -> None:
    stack = config.stash.get(_shared, None)
    if stack:
        stack.close()


def _share(stack: contextlib.ExitStack, name: str, value: str) -> None:
    os.environ[name] = value
    stack.callback(os.environ.pop, name)


def _all_without_broker(config: pytest.Config) -> bool:
    """Whether only tests were asked for that do not use the session's broker."""
    asked = [Path(config.invocation_params.dir, argument.partition("::")[0]) for argument in config.args]
    return all(not WITHOUT_BROKER.isdisjoint((path, *path.parents)) for path in asked)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap servers of the session's broker. It is shared: use topics of your own (`topic_prefix`)."""
    shared = os.environ.get(SHARED_BROKER)
    if shared:
        yield shared
        return
    with session_broker(tmp_path_factory.mktemp("broker") / "kafka") as servers:
        yield servers


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[LocalKafka]:
    """A running local Kafka of the test's own, to be killed and started again at will."""
    broker = LocalKafka(tmp_path / "kafka")
    broker.start()
    try:
        yield broker
    finally:
        # nobody uses it any more, so it need not end in good order
        broker.kill()


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for topics, groups and transactional ids that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}."


@pytest.fixture(autouse=True)
def log_levels() -> None:
    """A command sets them, also one of an earlier test in this process; this test would find nothing in the log."""
    for name in ("churnstream", NEWS):
        logging.getLogger(name).setLevel(logging.NOTSET)
