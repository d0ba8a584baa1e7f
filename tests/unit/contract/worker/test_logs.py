"""Log lines in JSON: one object a line, the same fields everywhere, no secret in any of them."""

import json
import logging

import pytest

from contract.worker.logs import configure_logging, failure


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def no_log_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Called in the test itself, because pytest puts handlers of its own there before."""
    root, ours = logging.getLogger(), logging.getLogger("churnstream")
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(ours, "level", ours.level)


def test_a_line_is_one_object_with_the_event_beside_its_values(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    no_log_yet(monkeypatch)
    configure_logging(True, "json", "join")

    logging.getLogger("churnstream.join").info("window %s closed\nwith %d records", "3", 5)

    (line,) = lines(capsys)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "churnstream.join",
        "event": "window %s closed\nwith %d records",
        "message": "window 3 closed\nwith 5 records",
        "worker": "join",
    }


def test_a_traceback_is_a_field_and_secrets_are_hidden_in_all(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    no_log_yet(monkeypatch)
    configure_logging(False, "json")

    try:
        raise ValueError("http://user:hunter2hunter2@host failed")
    except ValueError:
        logging.getLogger("churnstream.x").exception("cannot reach %s", "http://user:hunter2hunter2@host")

    (line,) = lines(capsys)
    assert line["message"] == "cannot reach http://user:***@host"
    assert "Traceback" in line["error"]
    assert "hunter2" not in json.dumps(line)


def test_what_is_quiet_in_text_is_quiet_in_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    no_log_yet(monkeypatch)
    configure_logging(False, "json")

    logging.getLogger("churnstream.x").info("said with --verbose only")

    assert lines(capsys) == []


def test_half_a_surrogate_pair_from_a_message_is_shown_and_loses_no_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    no_log_yet(monkeypatch)
    configure_logging(False, "json")

    logging.getLogger("churnstream.x").warning("category %s is new", "\ud800")

    (line,) = lines(capsys)
    assert line["message"] == r"category \ud800 is new"


def test_of_an_error_that_may_hold_values_its_kind_and_place_are_told() -> None:
    try:
        float("Zzyzx")
    except ValueError as error:
        told = failure(error)
    assert told.startswith("ValueError at test_logs.py:")
    assert "Zzyzx" not in told
    assert failure(KeyError("Zzyzx")) == "KeyError"
