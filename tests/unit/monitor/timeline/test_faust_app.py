"""The Faust application: what it reads, and what it refuses."""

from types import SimpleNamespace

import pytest

from contract.errors import UserError
from contract.settings import load_settings
from monitor.timeline.faust_app import create_app, read_committed_only


def test_a_consumer_that_cannot_be_told_to_read_committed_messages_is_refused() -> None:
    renamed = SimpleNamespace(_isolation="read_uncommitted")
    with pytest.raises(UserError, match="cannot be set to read committed messages only; install"):
        read_committed_only(renamed)  # type: ignore[arg-type]
    known = SimpleNamespace(_isolation_level="read_uncommitted")
    read_committed_only(known)  # type: ignore[arg-type]
    assert known._isolation_level == "read_committed"


def test_a_mechanism_that_faust_does_not_know_is_refused_in_one_line() -> None:
    settings = load_settings(kafka={"security.protocol": "sasl_ssl", "sasl.mechanism": "GSSAPI"})
    with pytest.raises(UserError, match=r"sasl\.mechanism 'GSSAPI' \(KAFKA_SASL_MECHANISM\) is not supported"):
        create_app(settings)


def test_the_application_makes_no_topic_and_has_no_table() -> None:
    app = create_app(load_settings())
    assert not app.conf.topic_allow_declare
    assert not app.tables.data
