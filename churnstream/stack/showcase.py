"""``churnstream showcase``: the demo's scenario on workers that run already, and where to look when it has flowed.

The records are replayed once: a file in the state folder says that all of them are on Kafka. A replay that was cut
short is run again whole, because the join drops what it knows. Then the stream is followed until a signal ends it.
"""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from rich.console import Console

from churnstream.demo.scenario import (
    DRIFTS,
    LABEL_DELAY,
    LABEL_SHARE,
    PERIOD,
    POSITIVE_LABEL_DELAY,
    SEED,
    rate_of,
)
from churnstream.live.view import remarks, windows_table
from churnstream.live.watch import Snapshot, StreamWatch
from churnstream.stack.addresses import strongest_report_address, timeline_address
from churnstream.stack.own_table import open_own
from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.kafka.provision import ensure_topics
from contract.kafka.stream_identity import stream_identity
from contract.schema import load_schema
from contract.settings import Settings
from contract.topics import CUSTOMERS
from contract.worker.heartbeat import Heartbeat
from dashboard.view.words import count
from producer.continuing import next_start, replay_name
from producer.display import progress_shown, summary
from producer.opening import Opened, open_source
from producer.replay import ReplayProgress, replay
from producer.scenario import Scenario
from producer.scenario_options import ScenarioOptions

MARK = "replayed"
_REFRESH_SECONDS = 0.5
_SECONDS_BETWEEN_LINES = 10.0
_SETTLED_SECONDS = 5.0
"""Wall time without another report after which those that were asked for are taken to be made."""


@dataclass(frozen=True)
class Pages:
    """Addresses of MLflow and of the report pages, as seen from here and as published to the browser, and that of the
    model's page there.
    """

    mlflow: str
    mlflow_published: str
    reports: str
    reports_published: str
    dashboard_published: str


@dataclass(frozen=True)
class Showcase:
    """What to replay, within how many seconds of wall time: ``data`` (a table), or ``rows`` synthetic customers."""

    data: Path | None
    rows: int
    seconds: float
    pages: Pages


def run_showcase(settings: Settings, showcase: Showcase, stop: threading.Event, console: Console) -> None:
    """Replay unless that has been done, then follow the stream until ``stop`` is set.

    Raises:
        UserError: the table cannot be replayed, Kafka is out of reach or has not taken everything.
    """
    ensure_topics(admin_client(settings), settings)
    heartbeat = Heartbeat(settings.heartbeat)
    mark = settings.state_dir / MARK
    stream = f"{stream_identity(settings, CUSTOMERS)} {settings.topic(CUSTOMERS)}"
    resumed = mark.exists() and mark.read_text(encoding="utf-8") == stream
    if resumed:
        console.print("the stream has already been replayed; `docker compose run --rm replay` continues it")
    elif _replay(settings, showcase, None, stop, heartbeat, console):
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text(stream, encoding="utf-8")
    follower = _Follower(settings, showcase.pages, stop, heartbeat, console, resumed)
    try:
        follower.run()
    finally:
        follower.close()


def replay_again(settings: Settings, showcase: Showcase, stop: threading.Event, console: Console) -> None:
    """Replay the same scenario behind the end of the stream, as records of their own.

    Raises:
        UserError: as ``run_showcase``, there is no stream that has ended, or a table is dated.
    """
    if showcase.data is not None and load_schema(settings.dataset).time is not None:
        raise UserError(
            f"the rows of {showcase.data} have their own dates and have all been replayed; nothing is left to replay"
        )
    _replay(settings, showcase, next_start(settings), stop, Heartbeat(settings.heartbeat), console)


def _replay(
    settings: Settings,
    showcase: Showcase,
    start: str | None,
    stop: threading.Event,
    heartbeat: Heartbeat,
    console: Console,
) -> bool:
    """Whether all of it, and the end of the stream, is on Kafka; False if the stop flag cut it short."""
    if showcase.data is not None:
        opened, scenario, told = open_own(settings, showcase.data, showcase.seconds, start)
        for line in told:
            console.print(line, markup=False, soft_wrap=True, highlight=False)
    else:
        opened, scenario = _open_synthetic(settings, showcase, start)
    source = opened.source
    for repair in opened.repairs:
        console.print(f"warning: {repair}", markup=False)
    with progress_shown(len(source)) as show:

        def progress(now: ReplayProgress) -> None:
            heartbeat.beat()
            show(now)

        name = replay_name(opened.name, start)
        result = replay(settings, source, scenario, name, stop=stop, progress=progress)
    console.print(summary(result))
    if result.failures:
        raise UserError(f"Kafka did not accept {result.failures:,} messages; {result.first_failure}")
    return result.ended


def _open_synthetic(settings: Settings, showcase: Showcase, start: str | None) -> tuple[Opened, Scenario]:
    """The demo's scenario on the synthetic bank."""
    schema = load_schema(settings.dataset)
    opened = open_source(None, showcase.rows, SEED, schema)
    options = ScenarioOptions(
        start=start,
        period=PERIOD,
        rate=rate_of(len(opened.source), showcase.seconds),
        label_delay=LABEL_DELAY,
        positive_label_delay=POSITIVE_LABEL_DELAY,
        label_share=LABEL_SHARE,
        drifts=DRIFTS,
    )
    return opened, options.build(schema)


class _Follower:
    """Prints how far the stream is, and where to look each time that everything on it has been measured.

    Requests of the REST service open an ended stream again; where it was ``resumed``, a stream at rest will do, too.
    """

    def __init__(
        self,
        settings: Settings,
        pages: Pages,
        stop: threading.Event,
        heartbeat: Heartbeat,
        console: Console,
        resumed: bool,
    ) -> None:
        self._resumed = resumed
        self._seen: tuple[int, ...] = ()
        self._seen_since = 0.0
        self._experiment = settings.experiment
        self._pages = pages
        self._stop = stop
        self._heartbeat = heartbeat
        self._console = console
        self._watch = StreamWatch(settings)
        self._line = ""
        self._next_line = 0.0

    def run(self) -> None:
        """Follow until the stop flag is set."""
        flowed = False
        while self._wait():
            try:
                snapshot = self._watch.refresh()
            except KafkaException as error:
                self._say(f"Kafka does not answer ({error.args[0].str()}); waiting for it")
                continue
            complete = snapshot.complete or (self._resumed and self._is_at_rest(snapshot))
            if complete and not flowed:
                self._say_where_to_look(snapshot)
            flowed = complete
            if not flowed:
                self._say_how_far(snapshot)

    def close(self) -> None:
        """Let go of the connections."""
        self._watch.close()

    def _wait(self) -> bool:
        """A pause between two looks; False if the stop flag ended it."""
        self._heartbeat.beat()
        return not self._stop.wait(_REFRESH_SECONDS)

    def _is_at_rest(self, snapshot: Snapshot) -> bool:
        now = time.monotonic()
        seen = snapshot.scored, snapshot.joined, snapshot.distinct, len(snapshot.windows)
        if seen != self._seen:
            self._seen, self._seen_since = seen, now
        return snapshot.lag == 0 and snapshot.distinct > 0 and now - self._seen_since >= _SETTLED_SECONDS

    def _say_how_far(self, snapshot: Snapshot) -> None:
        self._say(
            f"{snapshot.distinct:,} records scored, lag {snapshot.lag:,}, {len(snapshot.windows)} windows, "
            f"{snapshot.measured:,} records measured for good"
        )

    def _say(self, line: str) -> None:
        """Print a line that says something new, not too often."""
        now = time.monotonic()
        if now >= self._next_line and line != self._line:
            self._console.print(line)
            self._line, self._next_line = line, now + _SECONDS_BETWEEN_LINES

    def _say_where_to_look(self, snapshot: Snapshot) -> None:
        labelled = sum(window.labelled for window in snapshot.tiles())
        say = self._console.print
        say(windows_table([window for window in snapshot.ordered() if window.status == "final"]))
        say(
            f"\n{snapshot.distinct:,} records scored, {labelled:,} of them with their label, "
            f"{count(snapshot.dead_letters, 'dead letter')}, {count(len(snapshot.alerts), 'incident')}"
        )
        for remark in remarks(snapshot):
            say(remark)
        pages, experiment = self._pages, self._experiment
        report = self._settled_report(snapshot) or pages.reports_published
        timeline = timeline_address(pages.mlflow, experiment, pages.mlflow_published) or pages.mlflow_published
        say(f"the model's page:       {pages.dashboard_published}", soft_wrap=True, highlight=False)
        say(f"metric timelines:       {timeline}", soft_wrap=True, highlight=False)
        say(f"strongest drift report: {report}", soft_wrap=True, highlight=False)

    def _settled_report(self, snapshot: Snapshot) -> str | None:
        """The address of the report that says most, once it has been that for a while."""
        pages, windows = self._pages, snapshot.ordered()
        strongest, since = None, time.monotonic()
        while time.monotonic() - since < _SETTLED_SECONDS and self._wait():
            found = strongest_report_address(pages.reports, self._experiment, pages.reports_published, windows)
            if found != strongest:
                strongest, since = found, time.monotonic()
        return strongest
