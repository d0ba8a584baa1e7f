"""Where ``churnstream mlflow`` says no before it prints a link."""

import socket
from pathlib import Path

import pytest

from churnstream.local_kafka.broker import HOST, is_free
from churnstream.mlflow_server import STORE, serve
from contract.errors import UserError


@pytest.mark.parametrize("address", [HOST, "0.0.0.0"])  # as other programs do
def test_a_port_that_is_taken_is_told_before_a_link_with_one_that_is_free(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / STORE).touch()
    with socket.create_server((address, 0)) as other:
        port = int(other.getsockname()[1])
        with pytest.raises(UserError, match=rf"port {port} of 127\.0\.0\.1 is taken .*; give --port \d+") as caught:
            serve(tmp_path, port, "churn monitor")
    assert is_free(int(str(caught.value).rpartition(" ")[2]))
    assert capsys.readouterr().out == ""


def test_a_folder_without_a_store_is_named_whatever_has_the_port(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as other, pytest.raises(UserError, match=r"has no mlflow\.db; give"):
        serve(tmp_path, int(other.getsockname()[1]), "churn monitor")
