"""The REST service while the champion changes under load: no failed request, every answer from a good version."""

from pathlib import Path

import pytest

from tests.support.kafka.topics import stream_settings
from tests.support.messages import features
from tests.support.polling import eventually
from tests.support.service.load import load
from tests.support.service.process import served
from tests.support.sizes import size
from tests.support.versions import FIVE, VersionKind, move_alias, probabilities, store_with

CLIENTS = 32
REQUESTS = size(ci=2_000, full=5_000)


@pytest.mark.timeout(300)
def test_no_request_fails_while_five_versions_take_turns(broker: str, topic_prefix: str, tmp_path: Path) -> None:
    uri = store_with(tmp_path, FIVE).mlflow_tracking_uri
    settings = stream_settings(broker, topic_prefix, tmp_path, mlflow_tracking_uri=uri, model_poll_ms=100)
    good = [version for version, kind in enumerate(FIVE, 1) if kind is VersionKind.GOOD]
    with served(settings, tmp_path) as service, load(service.address, CLIENTS) as asked:
        for turn, version in enumerate([2, 3, 4, 5, 1], 1):
            move_alias(settings, version)
            eventually(lambda v=version: settled(service.client.get("/model").json(), v), 60, f"v{version} is judged")
            eventually(lambda t=turn: asked.count() >= t * REQUESTS / 5, 120, "requests are answered meanwhile")
    assert {one.status for one in asked.asked} == {200}
    assert len(asked.asked) >= REQUESTS
    assert {one.body["model"]["version"] for one in asked.asked} == set(good)
    for version in good:
        mine = [one for one in asked.asked if one.body["model"]["version"] == version]
        expected = probabilities(settings, version, [features(one.number) for one in mine])
        assert [one.body["probability"] for one in mine] == pytest.approx(expected.tolist(), abs=1e-6)
    assert len({tuple(probabilities(settings, version, [features(i) for i in range(5)])) for version in good}) == 3


def settled(model: dict[str, object], version: int) -> bool:
    """Whether the service has taken the version, or refused it."""
    at_work, refused = model["model"], model["refused"]
    assert isinstance(at_work, dict)
    return at_work["version"] == version or (isinstance(refused, dict) and refused["version"] == version)
