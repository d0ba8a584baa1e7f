"""No password or token is left in text that people read, in whatever form it came."""

import json
import logging
import time

import pytest

from contract.errors import UserError
from contract.masking import public_address, without_secrets
from contract.worker.logs import configure_logging

SECRET = "S3cret.Pw"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"http://user:{SECRET}@host:5000/a", "http://user:***@host:5000/a"),
        (f"(postgresql+psycopg://u:{SECRET}@db/mlflow?sslmode=require)", "(postgresql+psycopg://u:***@db/mlflow?sslmode=require)"),
        (f"mysql://u:p@ss/{SECRET}:x@db/mlflow is away", "mysql://u:***@db/mlflow is away"),
        (f"https://{SECRET}@host/x and https://{SECRET}:@host/y", "https://***@host/x and https://***@host/y"),
        (f"https://:{SECRET}@host", "https://***@host"),
        (f"two: http://a:{SECRET}@one http://b:{SECRET}@two", "two: http://a:***@one http://b:***@two"),
        (f"postgresql://db/x?user=u&password={SECRET}&port=1", "postgresql://db/x?user=u&password=***&port=1"),
        (f"https://s3/x?X-Amz-Signature={SECRET}&a=b", "https://s3/x?X-Amz-Signature=***&a=b"),
        (f"https://host/x?access_token={SECRET}", "https://host/x?access_token=***"),
        (f"KAFKA_SASL_PASSWORD={SECRET} KAFKA_LINGER_MS=5", "KAFKA_SASL_PASSWORD=*** KAFKA_LINGER_MS=5"),
        (f"ssl.key.password = '{SECRET} with a space' x", "ssl.key.password = *** x"),
        (json.dumps({"sasl.password": SECRET, "a": 1}), '{"sasl.password": ***, "a": 1}'),
        (f"sasl.jaas.config=X username='u' password='{SECRET}';", "sasl.jaas.config=X username='u' password=***;"),
        (f"Authorization: Bearer {SECRET}{SECRET}", "Authorization: Bearer ***"),
    ],
)  # fmt: skip
def test_secrets_are_hidden_and_the_rest_stays(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
    assert str(UserError(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:///mlflow.db",
        "MLflow at http://127.0.0.1:5000 does not answer (Max retries exceeded with url: /api/2.0)",
        "set KAFKA_SASL_PASSWORD, or --token; a bearer token has at least 16 characters",
        "customers@8 t7f.customers[0]@12 c@d.example",
        "the secret: none. password: give one",
    ],
)
def test_what_holds_no_secret_is_left_alone(text: str) -> None:
    assert without_secrets(text) == text


def test_a_link_carries_neither_user_nor_query() -> None:
    assert public_address(f"https://u:{SECRET}@host:5000/mlflow?token={SECRET}#x") == "https://host:5000/mlflow"
    assert public_address("http://127.0.0.1:5000") == "http://127.0.0.1:5000"


def test_no_text_is_slow_to_look_through() -> None:
    began = time.process_time()
    for part in ("a", "://", "a://", "password=", "password ", "'", "@", "http://x:"):
        without_secrets(part * (200_000 // len(part)))
    assert time.process_time() - began < 20


def test_logs_hide_secrets_also_in_tracebacks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    configure_logging(verbose=True)
    log = logging.getLogger("churnstream.test")
    try:
        raise ValueError(f"API request to http://user:{SECRET}@host failed")
    except ValueError as error:
        log.exception("cannot reach %s (%s)", f"http://user:{SECRET}@host", error)
    written = capsys.readouterr().err
    assert "Traceback" in written
    assert SECRET not in written
    assert "cannot reach http://user:***@host" in written
