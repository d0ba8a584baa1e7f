"""The REST service keeps to its OpenAPI document: whatever is asked, no answer is a fault or undocumented.

Requests are made by schemathesis from the document: such as it allows, such as it just does not allow, and such as are
no requests at all. What cannot be made from a document (bodies that are not JSON, states of the service) is asked by
hand, and its answers are held against the document too.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from prometheus_client.parser import text_string_to_metric_families

from contract.settings import Settings
from tests.support.messages import customer, encode
from tests.support.paths import ROOT
from tests.support.service.process import Served, served
from tests.support.sizes import LONG, size
from tests.support.versions import stream_with_champion

EXAMPLES = size(ci=500, full=10_000)
EACH = size(ci=100, full=3_400)
ACCEPTED = size(ci=25, full=1_000)
TOKEN = "correct-horse-battery-staple"
POSTS = {"/predict": 200, "/explain": 200, "/labels": 202}


@pytest.fixture(scope="module")
def stream(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A stream of this module's own, and a champion."""
    return stream_with_champion(broker, tmp_path_factory.mktemp("openapi"))


@pytest.fixture(scope="module")
def service(stream: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(stream, tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="module")
def document(service: Served) -> "Document":
    return Document(service.client.get("/openapi.json").json())


@pytest.mark.timeout(900)
def test_requests_made_from_the_document(service: Served, tmp_path: Path) -> None:
    before = answered(service)
    others = [flag for path in ("/predict", "/explain") for flag in ("--exclude-path", path)]
    # a process generates more slowly than the service answers, but is slow to start
    apart = [["--include-path", "/predict"], ["--include-path", "/explain"], others]
    schemathesis_finds_nothing(service, tmp_path, EACH, *size(ci=[[]], full=apart))
    found = answered(service) - before
    assert found.total() >= EXAMPLES
    assert {status for _, status in found} <= {200, 202, 400, 404, 405, 413, 415, 429}
    for path, status in POSTS.items():
        assert found[path, status] >= ACCEPTED, f"{path}: most requests were refused, which proves little"
        assert found[path, 400] >= ACCEPTED


def test_requests_without_the_token(stream: Settings, tmp_path: Path) -> None:
    with served(stream, tmp_path, CHURNSTREAM_HTTP_TOKEN=TOKEN) as service:
        schemathesis_finds_nothing(
            service, tmp_path, size(ci=5, full=30), ["--header", f"Authorization: Bearer {TOKEN}"]
        )
        metrics = service.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
        statuses = statuses_in(metrics)
        for path, status in POSTS.items():
            assert statuses[path, 401]
            assert statuses[path, status]


@pytest.mark.skipif(not LONG, reason="requests at random, of which there are others; with CHURNSTREAM_LONG_TESTS=1")
def test_requests_without_kafka(stream: Settings, tmp_path: Path) -> None:
    with served(stream, tmp_path, "--local") as service:
        schemathesis_finds_nothing(service, tmp_path, 100, [])
        statuses = answered(service)
        assert statuses["/predict", 200]
        assert statuses["/labels", 404]


class Document:
    """An OpenAPI document that answers are held against."""

    def __init__(self, content: dict[str, Any]) -> None:
        self._paths = content["paths"]
        self._loaded = schemathesis.openapi.from_dict(content)

    def describes(self, path: str, method: str, answer: httpx.Response) -> None:
        """Fail if the answer's status, media type, headers or body are not as described."""
        responses = self._paths[path][method.lower()]["responses"]
        assert str(answer.status_code) in responses, f"{path}: status {answer.status_code} is not documented"
        media_type = answer.headers["content-type"].partition(";")[0]
        assert media_type in responses[str(answer.status_code)]["content"]
        self._loaded[path][method].validate_response(answer)


_RECORD = encode(customer(1))
_JSON = {"Content-Type": "application/json"}
_ODD_BODIES = {
    "nothing": b"",
    "a NUL": b"\0",
    "a NUL in an id": _RECORD.replace(b"test-1", rb"\u0000"),
    "a byte order mark": b"\xef\xbb\xbf" + _RECORD,
    "UTF-16": _RECORD.decode().encode("utf-16"),
    "a byte that is not UTF-8": _RECORD.replace(b"test-1", b"\xff"),
    "a high surrogate alone": _RECORD.replace(b"test-1", rb"\ud800"),
    "a low surrogate alone": _RECORD.replace(b"test-1", rb"\udc00"),
    "a surrogate as a name": rb'{"\ud800": 1}',
    "a number beyond 64 bits": b'{"event_time": 1%s}' % (b"0" * 5_000),
    "a number beyond a double": b'{"event_time": 1e999}',
    "NaN": b'{"label": NaN}',
    "the same name twice": b'{"features": 1, "record_id": "r", "record_id": 2}',
    "two documents": _RECORD + _RECORD,
    "arrays in arrays": b"[" * 100_000,
    "objects in objects": b'{"features":' * 50_000,
    "arrays in an id": b'{"record_id":' + b"[" * 900 + b"]" * 900 + b"}",
    "a long name": b'{"%s": 1}' % (b"n" * 1_000_000),
    "too many": b"[" + b",".join([b"{}"] * 5_001) + b"]",
    "many faults": b"[" + b",".join([b'{"q": 1}'] * 5_000) + b"]",
    "too many bytes": b" " * 4_000_001,
}
_ODD_HEADERS = [
    {"Content-Type": "application/json; charset=utf-16"},
    {"Content-Type": "application/json; charset"},
    {"Content-Type": "application/vnd.api+json"},
    {"Content-Type": "multipart/form-data; boundary=x"},
    {"Content-Type": ";"},
    {"Content-Type": "\xe9"},
    _JSON | {"Content-Encoding": "br"},
    _JSON | {"Accept": "image/png"},
    _JSON | {"Authorization": "\xff"},
    {},
]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("name", _ODD_BODIES)
def test_an_odd_body_has_a_documented_answer(name: str, path: str, service: Served, document: Document) -> None:
    answer = service.client.post(path, content=_ODD_BODIES[name], headers=_JSON)
    assert answer.status_code < 500
    document.describes(path, "POST", answer)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("headers", _ODD_HEADERS, ids=str)
def test_odd_headers_have_a_documented_answer(
    headers: dict[str, str], path: str, service: Served, document: Document
) -> None:
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = service.client.post(path, content=_RECORD, headers=encoded)
    assert answer.status_code < 500
    document.describes(path, "POST", answer)


def test_what_is_turned_away_has_a_documented_answer(stream: Settings, tmp_path: Path, document: Document) -> None:
    with served(stream.model_copy(update={"http_queue": 1, "http_max_records": 1}), tmp_path) as service:
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(lambda _: service.client.post("/predict", content=_RECORD, headers=_JSON), range(300))
            )
        assert {answer.status_code for answer in answers} == {200, 429}
        for answer in answers:
            document.describes("/predict", "POST", answer)


def test_without_a_model_answers_are_documented(stream: Settings, tmp_path: Path, document: Document) -> None:
    settings = stream.model_copy(update={"model_name": "none-has-this-name"})
    with served(settings, tmp_path, ready=False) as service:
        for path in ("/predict", "/explain"):
            answer = service.client.post(path, content=_RECORD, headers=_JSON)
            assert answer.status_code == 503
            document.describes(path, "POST", answer)
        for path in ("/model", "/ready"):
            answer = service.client.get(path)
            assert answer.status_code == 503
            document.describes(path, "GET", answer)


def answered(service: Served) -> Counter[tuple[str, int]]:
    """How many requests the service has answered, by route and status."""
    return statuses_in(service.client.get("/metrics").text)


def statuses_in(metrics: str) -> Counter[tuple[str, int]]:
    return Counter(
        {
            (sample.labels["route"], int(sample.labels["status"])): int(sample.value)
            for family in text_string_to_metric_families(metrics)
            for sample in family.samples
            if sample.name == "churnstream_http_requests_total"
        }
    )


def schemathesis_finds_nothing(service: Served, folder: Path, examples: int, *runs: Sequence[str]) -> None:
    """Run schemathesis once for each of ``runs``, all at the same time; ``examples`` are for each path with a body.

    All checks are on. Those that follow what a request has made (use after free, availability of a resource, whose it
    is) find nothing to follow here, for there is neither a resource nor a link in the document; therefore no stateful
    phase, either.
    """
    with ExitStack() as stack:
        started = []
        for number, run in enumerate(runs):
            place = folder / f"schemathesis-{number}"  # its caches go there
            place.mkdir()
            output = place / "output"
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "schemathesis.cli", "--no-color", "run", f"{service.address}/openapi.json"),
                    *("--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", str(examples)),
                    *("--seed", "6", "--generation-database", "none", "--no-shrink"),
                    # a busy machine is no failure
                    *("--suppress-health-check", "all", "--request-timeout", "60"),
                    *run,
                ],
                cwd=place,
                env=os.environ
                | {"PYTHONPATH": os.fspath(ROOT), "SCHEMATHESIS_HOOKS": "tests.support.service.schemathesis_hooks"},
                stdin=subprocess.DEVNULL,
                stdout=stack.enter_context(output.open("wb")),
                stderr=subprocess.STDOUT,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            started.append((process, output))
        for process, output in started:
            code = process.wait()
            said = output.read_text(errors="replace")
            assert code == 0, f"schemathesis found:\n{said[-6_000:]}"
            assert "No issues found" in said
