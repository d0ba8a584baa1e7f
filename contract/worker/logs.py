"""Log lines on standard error: for people, or one JSON object a line for machines; never a secret in them."""

import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from contract.masking import without_secrets
from contract.settings import LogFormat

NEWS = "churnstream.news"
"""The log of lines that are few and always shown: that a worker is ready, and what it has done."""


class LogLine(msgspec.Struct, omit_defaults=True):
    """A line in JSON. ``time`` is wall time in UTC, ISO 8601, to the millisecond; ``event`` is the message without its
    values, so that lines of one kind can be counted; ``error`` is the traceback, where there is one.
    """

    time: str
    level: str
    logger: str
    event: str
    message: str
    worker: str = ""
    error: str = ""


class _MaskedFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


class _JsonFormatter(logging.Formatter):
    def __init__(self, worker: str) -> None:
        super().__init__()
        self._worker = worker

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = LogLine(
            time=moment.replace("+00:00", "Z"),
            level=record.levelname.lower(),
            logger=record.name,
            event=_text(str(record.msg)),
            message=_text(record.getMessage()),
            worker=self._worker,
            error=_text(self.formatException(record.exc_info)) if record.exc_info else "",
        )
        return msgspec.json.encode(line).decode()


def failure(error: BaseException) -> str:
    """Of an error whose own text may hold values of records: its type, and where it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


def fault(error: BaseException) -> str:
    """``failure``, and below it where the error went through, for whoever has to mend it."""
    return f"{failure(error)}\n{''.join(traceback.format_tb(error.__traceback__))}".rstrip()


def _text(text: str) -> str:
    """Without secrets, and with half a surrogate pair, which JSON in UTF-8 cannot hold, as standard error shows it."""
    return without_secrets(text).encode(errors="backslashreplace").decode()


def configure_logging(verbose: bool, form: LogFormat = "text", worker: str = "") -> None:
    """Our own messages to standard error, without secrets: from INFO up where ``verbose``, else news and warnings.

    ``worker`` names the process in each line of JSON.
    """
    handler = logging.StreamHandler()
    if form == "json":
        handler.setFormatter(_JsonFormatter(worker))
    else:
        handler.setFormatter(_MaskedFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("churnstream").setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger(NEWS).setLevel(logging.INFO)
