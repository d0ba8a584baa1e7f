"""What a demo leaves behind: its Kafka and the settings of its stream, so that its page can be opened again.

A kept Kafka is some 25 MB for the demo's 20,000 customers, and grows with the table that is replayed.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from churnstream.local_kafka.broker import LocalKafka, free_port
from contract.errors import UserError

KAFKA = "kafka"
STORE = "mlflow.db"
SCHEMA = "schema.toml"
"""The schema of a run on a table of one's own."""
_STREAM = "stream.json"
_OURS = ("KAFKA_", "CHURNSTREAM_", "MLFLOW_")
_KEPT = {"CHURNSTREAM_KAFKA_LIBS", "CHURNSTREAM_MAVEN_REPOSITORY", "MLFLOW_DISABLE_TELEMETRY"}


class _KeptStream(msgspec.Struct, frozen=True):
    """``variables``: those of the stream's settings. Where it lies is told by the folder, which may have been moved."""

    variables: dict[str, str]


def forget_surroundings(folder: Path, keep: tuple[str, ...] = ()) -> None:
    """Work in ``folder``, where no ``.env`` is. What a user has set for another stream, in the environment or in
    ``.env``, must not reach into this one; variables that begin with one of ``keep`` stay.
    """
    for name in list(os.environ):
        if name.startswith(_OURS) and name not in _KEPT and not name.startswith(keep):
            del os.environ[name]
    os.chdir(folder)


def places(folder: Path) -> dict[str, str]:
    """The variables that say where a demo's things, its own schema among them, lie when its folder is ``folder``."""
    schema = {"CHURNSTREAM_DATASET": str(folder / SCHEMA)} if (folder / SCHEMA).is_file() else {}
    return {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / STORE}", "CHURNSTREAM_STATE_DIR": str(folder), **schema}


def keep_stream(folder: Path, variables: Mapping[str, str]) -> None:
    """Write down the settings of a demo's stream."""
    (folder / _STREAM).write_bytes(msgspec.json.format(msgspec.json.encode(_KeptStream(dict(variables)))))


def kept_size(folder: Path) -> int:
    """Bytes that a folder takes."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


@contextmanager
def kept_stream(folder: Path) -> Iterator[dict[str, str]]:
    """For the block, run the Kafka that a demo has kept, on free ports; the variables by which its stream is found.

    Where one runs there already, such as that of a demo whose page is still open, it is used, and goes on.

    Raises:
        UserError: there is none in ``folder``, or it does not start.
    """
    try:
        kept = msgspec.json.decode((folder / _STREAM).read_bytes(), type=_KeptStream)
    except FileNotFoundError:
        raise UserError(
            f"{folder} has no stream that can be opened again; give the folder that `churnstream demo` printed, or run "
            f"the demo again (demos of earlier releases and interrupted demos keep no stream)"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{folder / _STREAM} is damaged ({error}); run `churnstream demo` again") from None
    directory = folder / KAFKA
    if not (directory / "data" / "meta.properties").is_file():
        raise UserError(f"the Kafka of {folder} is gone; run `churnstream demo` again")
    running = LocalKafka(directory)
    if running.pid is not None:
        yield _found(kept, folder, running)
        return
    # its last port may be another program's by now
    with LocalKafka(directory, free_port()) as kafka:
        yield _found(kept, folder, kafka)


def _found(kept: _KeptStream, folder: Path, kafka: LocalKafka) -> dict[str, str]:
    return {**kept.variables, **places(folder.resolve()), "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
