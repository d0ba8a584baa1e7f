"""A stream whose topics say what a test has them say, and the page of it."""

from collections import Counter
from typing import Any

import msgspec

from contract.alerts import Alert, AlertKind, ModelVerdict
from contract.messages import ModelRef, encode
from contract.panes import JoinProgress
from contract.topics import ALERTS, DEAD_LETTERS, PANES, VERSIONS, WINDOWS
from contract.versions import Reign, ServingVersions, TrainedCell, TrainedColumn, TrainedVersion
from contract.windows import Estimate, Window
from dashboard.stream.received import Positions, Reach, Received
from dashboard.stream.state import StreamState
from dashboard.view.model import Page
from dashboard.view.page import page_of
from dashboard.view.places import Places
from dashboard.view.selected import Selected
from tests.support.messages import DAY, START
from tests.support.windows import MODEL

NOW = START + 400 * DAY
"""Wall time: long after the event times, as in a replay."""
CAUGHT_UP = Reach(caught_up=True)
Told = Window | Alert | ModelVerdict | JoinProgress | TrainedVersion | ServingVersions
_TOPICS: dict[type[Told], str] = {
    Window: WINDOWS,
    Alert: ALERTS,
    ModelVerdict: ALERTS,
    JoinProgress: PANES,
    TrainedVersion: VERSIONS,
    ServingVersions: VERSIONS,
}


class ToldStream:
    """Messages in the order in which they are told, at ``NOW`` by Kafka's clock unless said otherwise."""

    def __init__(self, *messages: Told) -> None:
        self.state = StreamState()
        self._offsets: Counter[str] = Counter()
        self.tell(*messages)

    def tell(self, *messages: Told, at: int | None = NOW) -> None:
        for message in messages:
            self._take(_TOPICS[type(message)], message.key.encode(), encode(message), {}, at)

    def reject(self, reason: str, field: str = "", *, event_time: int | None = START, at: int | None = NOW) -> None:
        """A dead letter; its key and value are private."""
        headers = {
            "reason": reason,
            "field": field,
            "detail": "private detail",
            "origin-topic": "customers",
            "origin-partition": "2",
            "origin-offset": str(self._offsets[DEAD_LETTERS]),
        }
        if event_time is not None:
            headers["event-time"] = str(event_time)
        self._take(DEAD_LETTERS, b"private key", b"private value", headers, at)

    def page(
        self,
        selected: Selected | None = None,
        *,
        now: int = NOW,
        reach: Reach = CAUGHT_UP,
        positions: Positions | None = None,
        places: Places | None = None,
    ) -> Page:
        return page_of(self.state, reach, positions or Positions(), selected or Selected(), now, places or Places())

    def _take(self, topic: str, key: bytes, value: bytes, headers: dict[str, str], at: int | None) -> None:
        offset = self._offsets[topic]
        self._offsets[topic] += 1
        kept = tuple((name, text.encode()) for name, text in headers.items())
        self.state.take(Received(topic, 0, offset, key, value, kept, at))


def verdict(
    state: str = "healthy", since: int | None = START, *, model: ModelRef = MODEL, **changed: Any
) -> ModelVerdict:
    """As the monitor says it, more or less."""
    title = {"healthy": "HEALTHY", "worse": "WORSE", "silent": "SILENT", "customers_changed": "CUSTOMERS CHANGED"}
    made = {
        "model": model,
        "state": state,
        "since": since,
        "until": START + 7 * DAY,
        "title": f"{title.get(state, 'LABELS TO COME')} since 1 Jan 2025",
        "message": f"churn v{model.version}: it is so since 2025-01-01T00:00:00Z; labels go with its scores",
        "remedy": "" if state == "healthy" else "train on newer customers",
    }
    return msgspec.convert(made | changed, ModelVerdict)


def incident(kind: AlertKind = "drift", day: int = 0, **changed: Any) -> Alert:
    """A standing incident that began with the window of this day."""
    made = Alert(
        key=f"{kind}/{MODEL.key}/{day}",
        state="opened",
        kind=kind,
        model=MODEL,
        start=START + day * DAY,
        end=START + (day + 7) * DAY,
        features=["Age"],
        message=f"churn v3: {kind} since 2025-01-21T06:00:00Z",
        title=f"churn v3: {kind} since 21 Jan 2025",
    )
    return msgspec.structs.replace(made, **changed)


def progress(partition: int = 0, **changed: Any) -> JoinProgress:
    made = JoinProgress(partition=partition, watermark=START + 8 * DAY, label_watermark=START + 6 * DAY, ended=False)
    return msgspec.structs.replace(made, **changed)


def serving(*versions: int, **changed: Any) -> ServingVersions:
    """These have had the alias, a day each."""
    reigns = tuple(Reign(version, START + place * DAY + 9 * 3_600_000) for place, version in enumerate(versions))
    return msgspec.structs.replace(ServingVersions(name="churn", alias="champion", champions=reigns), **changed)


def numeric_column(
    mean: float | None, median: float | None, counts: tuple[int, ...] = (40, 30, 30, 0, 0, 0)
) -> TrainedColumn:
    """Cells up to 30, 30 to 40, and above; behind them below, above, missing."""
    cells = (TrainedCell(None, 30.0), TrainedCell(30.0, 40.0), TrainedCell(40.0, None))
    return TrainedColumn(mean=mean, median=median, cells=cells, counts=counts)


def category_column(counts: dict[str, int], unknown: int = 0, missing: int = 0) -> TrainedColumn:
    cells = tuple(TrainedCell(category=name) for name in counts)
    return TrainedColumn(cells=cells, counts=(*counts.values(), unknown, 0, missing))


def trained(version: int = MODEL.version, **changed: Any) -> TrainedVersion:
    """A version with its metrics on held-out rows."""
    made = TrainedVersion(
        name="churn",
        version=version,
        rows=2_000,
        held_out={
            "f1": Estimate(0.74, 0.71, 0.77),
            "brier": Estimate(0.107, 0.1, 0.114),
            "roc_auc": Estimate(0.88, 0.86, 0.9),
        },
        columns={"Age": numeric_column(38.0, 37.0), "score": numeric_column(0.21, 0.15)},
    )
    return msgspec.structs.replace(made, **changed)
