"""What Prometheus is told of a monitor at work on a real broker, and of one that has stopped."""

from pathlib import Path

from prometheus_client import REGISTRY

from contract.topics import PANES
from tests.support.kafka.topics import shortest_session_timeout, stream_settings
from tests.support.messages import DAY, START
from tests.support.polling import eventually
from tests.support.timeline.following import following, windows_on
from tests.support.timeline.panes import MODEL, apart, numeric_schema, pane_of, progress, publish, scored

NARROW = numeric_schema(2)
OF_MODEL = {"model": MODEL.name, "version": str(MODEL.version), "role": MODEL.role}


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"churnstream_{name}", labels)


def test_a_monitor_shows_how_models_are_and_how_far_it_is_while_it_is_at_work(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(
        broker,
        topic_prefix,
        tmp_path / "state",
        partitions=1,
        window=2 * DAY,
        label_lateness=3 * DAY,
        session_timeout_ms=shortest_session_timeout(broker),
    )
    panes = settings.topic(PANES)
    days = [[*apart(pane_of(scored(day, 20), NARROW)), progress(day + 1)] for day in range(4)]
    publish(settings, [one for day in days[:2] for one in day])
    batches = value("batches_total") or 0.0
    newest_end = (START + 4 * DAY) / 1_000
    with following(settings):
        eventually(lambda: value("window_records", **OF_MODEL) is not None, timeout=60, message="what was there before")
        publish(settings, [one for day in days[2:] for one in day])
        eventually(
            lambda: value("window_end_timestamp_seconds", **OF_MODEL) == newest_end,
            timeout=60,
            message="the newest window",
        )
        assert value("window_records", **OF_MODEL) == 40
        eventually(lambda: value("lag_records", topic=panes, partition="0") == 0, message="nothing waits")
        eventually(lambda: value("watermark_timestamp_seconds") == newest_end, message="the watermark")

        def counts_what_comes() -> bool:
            # what comes while the monitor takes up the rest is taken up, too, and does not count
            publish(settings, [progress(4)])
            return (value("records_total", topic=panes) or 0) > 0

        eventually(counts_what_comes, timeout=60, message="what came is counted", interval=0.5)
        assert (value("monitor_kept", what="windows") or 0) >= 3
        assert (value("monitor_kept", what="panes") or 0) >= 3
        assert value("alerts_standing", kind="drift") == 0
        assert sum(value("verdict", state=state, **OF_MODEL) or 0 for state in ("healthy", "unjudged")) == 1
        assert (value("batches_total") or 0.0) > batches
        shown = value("window_performance_ratio", metric="accuracy", basis="estimated", **OF_MODEL)
        newest = max(windows_on(settings), key=lambda window: (window.end, window.revision))
        assert newest.estimated.accuracy is not None
        assert shown == newest.estimated.accuracy.value
    with following(settings):
        # taken up from the topics, without any new window
        eventually(lambda: value("window_records", **OF_MODEL) == 40, timeout=60, message="the same window")
