"""docs/your-stream.md: each message is one that its topic may have, and each producer reaches the right partition."""

import json
import re
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest

from churnstream.local_kafka.runtime import libs_dir
from contract.described.messages import DESCRIBED, message_schema
from contract.kafka.partitioner import belongs_to
from contract.messages import Label
from contract.records import record_type
from contract.rejection import check_key, decode
from contract.schema import load_schema
from contract.settings import Settings
from contract.topics import CUSTOMERS, LABELS
from tests.support.kafka.topics import committed, stream_settings
from tests.support.paths import ROOT

BANK = load_schema("bank_churn")
TEXT = (ROOT / "docs" / "your-stream.md").read_text(encoding="utf-8")
ADDRESS = "127.0.0.1:9092"
"""The broker's in the page's producers."""
READERS = {CUSTOMERS: msgspec.json.Decoder(record_type(BANK)), LABELS: msgspec.json.Decoder(Label)}


@pytest.fixture
def settings(broker: str, tmp_path: Path) -> Settings:
    return stream_settings(broker, f"your-{uuid.uuid4().hex[:8]}-", tmp_path, partitions=4)


def block(language: str) -> str:
    """The page's one block of this language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, flags=re.DOTALL)
    return str(found)


def at_the_test(code: str, settings: Settings) -> str:
    """A producer of the page that sends to the test's own broker and topics."""
    code = code.replace(ADDRESS, settings.kafka["bootstrap.servers"])
    for topic in (CUSTOMERS, LABELS):
        # in quotation marks, or a word of a shell line
        code = re.sub(rf'(["\s]){topic}(["\s])', rf"\g<1>{settings.topic(topic)}\g<2>", code)
    return code


def assert_they_meet(settings: Settings, topics: tuple[str, ...]) -> None:
    """One message on each topic, that our readers take, in the partition that its key belongs to."""
    for topic in topics:
        (message,) = committed(settings, topic)
        taken = decode(READERS[topic], message.value())
        check_key(message.key(), taken.customer_id)
        assert (taken.record_id, taken.customer_id) == ("visit-1", "4711")
        assert message.partition() == belongs_to("4711", 4), topic


@pytest.mark.parametrize("topic", DESCRIBED)
def test_the_pages_messages_are_what_their_topics_may_have(topic: str) -> None:
    message = json.loads(block(f"json {topic}"))
    jsonschema_rs.validator_for(message_schema(topic, BANK)).validate(message)


def test_the_producer_in_python(settings: Settings, tmp_path: Path) -> None:
    script = tmp_path / "send.py"
    script.write_text(at_the_test(block("python"), settings))
    subprocess.run([sys.executable, script], check=True, timeout=60)
    assert_they_meet(settings, (CUSTOMERS, LABELS))


@pytest.mark.skipif(shutil.which("javac") is None or not libs_dir().is_dir(), reason="there is no Java compiler")
def test_the_producer_in_java(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "Send.java").write_text(at_the_test(block("java"), settings))
    jars = f"{libs_dir()}/*"
    subprocess.run(["javac", "-cp", jars, "Send.java"], cwd=tmp_path, check=True, timeout=60)
    subprocess.run(["java", "-cp", f"{jars}:.", "Send"], cwd=tmp_path, check=True, timeout=60)
    assert_they_meet(settings, (CUSTOMERS, LABELS))


@pytest.mark.skipif(shutil.which("kcat") is None, reason="there is no kcat")
def test_the_producer_by_kcat(settings: Settings) -> None:
    (shown,) = re.findall(r"(printf .*?murmur2_random)", TEXT, flags=re.DOTALL)
    subprocess.run(["sh", "-c", at_the_test(shown, settings)], check=True, timeout=60)
    assert_they_meet(settings, (LABELS,))
