"""A monitor killed by SIGKILL between windows, alerts, verdict, withdrawal and folds: no incident twice, none lost."""

from itertools import cycle, groupby
from pathlib import Path

from tests.support.kafka.topics import shortest_session_timeout, stream_settings
from tests.support.messages import DAY, START
from tests.support.polling import eventually
from tests.support.timeline.following import alerts_on, newest_windows, verdicts_on
from tests.support.timeline.panes import progress, publish
from tests.support.timeline.relation_days import labelled_day
from tests.support.worker_process import InjectedFault, worker_processes

DAYS, FLIPPED = 9, range(2, 4)
FAULTS = [InjectedFault(step, at) for at in (1, 2, 3) for step in ("before-commit", "after-commit")]
"""The first transaction has windows, alerts and verdict, the next windows that are withdrawn, or folds."""


def test_a_monitor_killed_at_any_step_says_each_state_of_each_incident_once_and_in_order(
    broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = stream_settings(
        broker,
        topic_prefix,
        tmp_path / "state",
        partitions=1,
        window=DAY,
        label_lateness=DAY,
        session_timeout_ms=shortest_session_timeout(broker),
        false_alerts_per_month=0.01,
    )
    with worker_processes(tmp_path) as workers:
        for day, fault in zip(range(DAYS), cycle(FAULTS), strict=False):
            publish(settings, [labelled_day(day, flip=day in FLIPPED), progress(day + 1)])
            victim = workers.start("timeline", settings, fault)
            # it dies by its own hand at the step, or, where there are fewer of them, by ours
            eventually(
                lambda killed=victim, start=START + day * DAY: (  # type: ignore[misc]
                    not killed.running or start in newest_windows(settings)
                ),
                timeout=90,
                message=f"day {day} is said, or its monitor dead",
                progress=victim.work_done,
            )
            victim.kill()
        publish(settings, [progress(DAYS + 1, ended=True)])
        last = workers.start("timeline", settings)
        workers.eventually(
            lambda: (
                "took up" in last.log
                and verdicts_on(settings)[-1].title.startswith("HEALTHY")
                and len(newest_windows(settings)) == DAYS
            ),
            "all is said",
        )
        last.finish()
    alerts = sorted(alerts_on(settings), key=lambda one: one.key)
    states = {key: [one.state for one in group] for key, group in groupby(alerts, lambda one: one.key)}
    assert sorted(key.partition("/")[0] for key in states) == ["performance", "relation"]
    assert set(map(tuple, states.values())) == {("opened", "closed")}
