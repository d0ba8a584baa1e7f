"""The REST service's guarantee where the broker goes and comes: what was acknowledged is there."""

from pathlib import Path

import msgspec
import pytest

from churnstream.local_kafka.broker import LocalKafka
from contract.messages import prediction_type
from contract.schema import load_schema
from contract.settings import Settings
from contract.topics import PREDICTIONS
from tests.support.kafka.topics import committed
from tests.support.service.load import load
from tests.support.service.process import Served, served
from tests.support.versions import stream_with_champion

CLIENTS = 16
PREDICTION = prediction_type(load_schema("bank_churn"))


@pytest.fixture
def settings(own_broker: LocalKafka, tmp_path: Path) -> Settings:
    """A stream on a broker of the test's own, and a champion."""
    return stream_with_champion(own_broker.bootstrap_servers, tmp_path, acknowledge_timeout_ms=2_000)


def is_ready(service: Served) -> bool:
    return service.client.get("/ready").status_code == 200


def test_no_acknowledged_prediction_is_missing_after_the_broker_was_away(
    own_broker: LocalKafka, settings: Settings, tmp_path: Path
) -> None:
    with served(settings, tmp_path) as service:
        with load(service.address, CLIENTS) as asked:
            for end in (own_broker.stop, own_broker.kill):
                asked.wait_for(300, 200)
                end()
                asked.wait_for(200, 503)
                assert not is_ready(service)
                own_broker.start()
                asked.wait_for(300, 200)
                assert is_ready(service)
        assert service.stop() == 0
    assert {one.status for one in asked.asked} == {200, 503}
    for one in asked.asked:
        if one.status == 503:
            assert int(one.headers["retry-after"]) > 0
            assert one.headers["content-type"] == "application/problem+json"
    stored = {
        prediction.record_id: prediction
        for prediction in (
            msgspec.json.decode(message.value() or b"", type=PREDICTION) for message in committed(settings, PREDICTIONS)
        )
    }
    acknowledged = [one for one in asked.asked if one.status == 200]
    assert [one.record_id for one in acknowledged if one.record_id not in stored] == []
    assert all(one.body["probability"] == stored[one.record_id].probability for one in acknowledged)
