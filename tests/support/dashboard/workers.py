"""Members of the workers' consumer groups, who are there and take nothing: so a stream looks like one at work."""

import contextlib
import threading
from collections.abc import Iterator

from confluent_kafka import Consumer

from contract.settings import Settings
from contract.topics import CUSTOMERS, LABELS, PANES, PREDICTIONS
from tests.support.dashboard.sent import commit_positions
from tests.support.polling import eventually

_TOPICS = {"scorer": (CUSTOMERS,), "join": (PREDICTIONS, LABELS), "timeline": (PANES,)}


@contextlib.contextmanager
def workers_at_work(settings: Settings) -> Iterator[None]:
    """A scorer, a join and a monitor that have read all there is."""
    for group in ("scorer", "join"):
        commit_positions(settings, group)
    stop = threading.Event()
    members = {group: _member(settings, group) for group in _TOPICS}
    thread = threading.Thread(target=_stay, args=(list(members.values()), stop))
    thread.start()
    try:
        eventually(lambda: all(one.assignment() for one in members.values()), timeout=30, message="groups have met")
        yield
    finally:
        stop.set()
        thread.join(30)


def _member(settings: Settings, group: str) -> Consumer:
    properties = {"group.id": settings.topic(group), "enable.auto.commit": False, "auto.offset.reset": "latest"}
    member = Consumer(settings.kafka | properties)
    member.subscribe([settings.topic(topic) for topic in _TOPICS[group]])
    return member


def _stay(members: list[Consumer], stop: threading.Event) -> None:
    while not stop.is_set():
        for member in members:
            member.poll(0.05)
    for member in members:
        member.close()
