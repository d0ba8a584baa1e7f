"""What a demo leaves: found again where its folder is now, and told where there is nothing to be found."""

import os
from pathlib import Path

import pytest

from churnstream.demo.kept import forget_surroundings, keep_stream, kept_size, kept_stream
from churnstream.demo.page import page_port
from churnstream.local_kafka import broker
from contract.errors import UserError


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as raised, kept_stream(folder):
        pass
    return str(raised.value)


def test_a_folder_without_a_stream_is_told(tmp_path: Path) -> None:
    assert refusal(tmp_path).startswith(f"{tmp_path} has no stream that can be opened again; give the folder that")
    assert refusal(tmp_path / "nowhere").startswith(f"{tmp_path / 'nowhere'} has no stream")


def test_a_stream_whose_kafka_is_gone_is_told(tmp_path: Path) -> None:
    keep_stream(tmp_path, {})
    assert refusal(tmp_path) == f"the Kafka of {tmp_path} is gone; run `churnstream demo` again"


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"variables": 3}'])
def test_a_damaged_description_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "stream.json").write_bytes(content)
    assert refusal(tmp_path).startswith(f"{tmp_path / 'stream.json'} is damaged")


def test_what_is_set_for_another_stream_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    kept = {"CHURNSTREAM_HTTP_TOKEN": "x", "CHURNSTREAM_KAFKA_LIBS": "x", "HOME": "x"}
    others = ("CHURNSTREAM_SLIDE", "KAFKA_BOOTSTRAP_SERVERS", "MLFLOW_TRACKING_URI")
    # a copy: the session has variables of its own, which stay
    monkeypatch.setattr(os, "environ", kept | dict.fromkeys(others, "x"))
    folder = tmp_path / "run"
    folder.mkdir()
    forget_surroundings(folder, keep=("CHURNSTREAM_HTTP_",))
    assert Path.cwd() == folder
    assert os.environ == kept
    forget_surroundings(folder)
    assert "CHURNSTREAM_HTTP_TOKEN" not in os.environ


def test_a_folders_size_is_what_it_takes_on_disk(tmp_path: Path) -> None:
    (tmp_path / "within").mkdir()
    with (tmp_path / "within" / "sparse").open("wb") as file:
        file.truncate(10_000_000)
    (tmp_path / "full").write_bytes(os.urandom(100_000))
    assert 100_000 <= kept_size(tmp_path) < 300_000


def test_the_page_takes_the_first_port_that_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = {8090, 8091}
    monkeypatch.setattr("churnstream.demo.page.is_free", lambda port: port not in taken)
    assert page_port() == 8092
    taken |= set(range(8090, 8190))
    with pytest.raises(UserError, match=r"no port from 8090 to 8189 is free on 127\.0\.0\.1"):
        page_port()


def test_a_port_is_free_when_nobody_listens() -> None:
    assert broker.is_free(broker.free_port())
