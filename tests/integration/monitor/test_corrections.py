"""Late corrections on a real broker: what wrong labels made believed is taken back, in windows, alert and verdict."""

from pathlib import Path

import pytest

from contract.settings import Settings
from tests.support.kafka.topics import stream_settings
from tests.support.messages import DAY, START
from tests.support.polling import eventually
from tests.support.timeline.following import alerts_on, following, newest_windows, verdicts_on
from tests.support.timeline.panes import progress, publish
from tests.support.timeline.relation_days import labelled_day, verdicts

WRONG = 4


@pytest.fixture
def settings(broker: str, topic_prefix: str, tmp_path: Path) -> Settings:
    return stream_settings(
        broker,
        topic_prefix,
        tmp_path / "state",
        partitions=1,
        window=DAY,
        session_timeout_ms=6_000,
        false_alerts_per_month=0.01,
    )


def test_labels_that_are_corrected_late_take_back_an_incident_and_the_model_is_healthy_again(
    settings: Settings,
) -> None:
    with following(settings, complete=verdicts(settings)):
        for day in range(WRONG + 1):
            publish(settings, [labelled_day(day, flip=day == WRONG), progress(day + 1)])
        eventually(lambda: {one.kind for one in alerts_on(settings)} >= {"relation", "performance"}, timeout=60)
        wrong = START + WRONG * DAY
        eventually(lambda: newest_windows(settings)[wrong].untrusted_since == wrong, timeout=60)
        assert newest_windows(settings)[wrong].estimated.f1 is None
        assert verdicts_on(settings)[-1].title == "WORSE since 5 Jan 2025"
    # another monitor gets the corrections
    with following(settings, complete=verdicts(settings)) as again:
        publish(settings, [labelled_day(WRONG), progress(WRONG + 1)])
        eventually(lambda: len([one for one in alerts_on(settings) if one.state == "retracted"]) == 2, timeout=60)
        eventually(lambda: newest_windows(settings)[wrong].untrusted_since is None, timeout=60)
        eventually(lambda: verdicts_on(settings)[-1].untrusted_since is None, timeout=60)
        assert again.sink.verdicts[0].title == "WORSE since 5 Jan 2025", "told again at the start, for MLflow"
    alerts = alerts_on(settings)
    states = {key: [one.state for one in alerts if one.key == key] for key in {one.key for one in alerts}}
    assert set(map(tuple, states.values())) == {("opened", "retracted")}
    assert verdicts_on(settings)[-1].title == "HEALTHY since 1 Jan 2025"
    assert newest_windows(settings)[wrong].estimated.f1 is not None
