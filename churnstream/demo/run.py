"""``churnstream demo``: the whole stream on this machine, from an empty folder to drift reports in MLflow.

While it runs, and on a terminal until Ctrl-C, the model's page is open. Everything it starts ends with it. What it
leaves is one folder: its Kafka, MLflow's store, the reports and the logs. One that is cut short keeps no Kafka.
"""

import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from churnstream.demo.kept import KAFKA, forget_surroundings, keep_stream, kept_size, places
from churnstream.demo.page import DemoPage
from churnstream.demo.scenario import (
    DRIFTS,
    LABEL_DELAY,
    LABEL_LATENESS,
    LABEL_SHARE,
    PERIOD,
    POSITIVE_LABEL_DELAY,
    REPLAY_SECONDS,
    SLIDE,
    TRAINING_ROWS,
    WINDOW,
    rate_of,
)
from churnstream.live.view import dashboard, remarks, windows_table
from churnstream.live.watch import Snapshot, StreamWatch
from churnstream.local_kafka.broker import LocalKafka
from churnstream.mlflow_server import newest_report
from churnstream.processes.children import Child, Children
from contract.durations import parse_duration
from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.kafka.provision import ensure_topics
from contract.schema import load_schema
from contract.settings import Settings, load_settings
from producer.sources import open_table
from producer.synthetic import write_csv

STALL_SECONDS = 60.0
_REFRESH_SECONDS = 0.5
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Demo:
    """What to replay: ``data`` (CSV or Parquet), or ``rows`` synthetic customers; ``folder`` is this run's own.

    ``look`` and ``reopen`` are the commands that show MLflow's pages and the model's page on the folder, as the user
    would type them. ``waits``: the page stays open until Ctrl-C when all has been measured.
    """

    data: Path | None
    rows: int
    seed: int
    folder: Path
    look: str
    reopen: str
    waits: bool = False


def new_folder(base: Path) -> Path:
    """An empty folder of this run's own below ``base``; runs may begin in the same second.

    Raises:
        UserError: it cannot be made.
    """
    name = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    try:
        base.mkdir(parents=True, exist_ok=True)
        for suffix in ("", *(f"-{number}" for number in range(2, 100))):
            folder = base / f"{name}{suffix}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise UserError(f"folder {base} cannot be written ({error.strerror}); choose another with --dir") from None
    raise UserError(f"folder {base} is full of runs; remove some")


@dataclass(frozen=True)
class _Followed:
    """How the stream ended; how many windows were seen provisional, and how many final while others were that still."""

    snapshot: Snapshot
    provisional: int
    final_before: int


def run_demo(demo: Demo, console: Console) -> None:
    """Run the demo to its end and print what it showed.

    Raises:
        UserError: a part of it failed; the message says which, and shows the end of its log.
    """
    forget_surroundings(demo.folder)
    kafka = LocalKafka(demo.folder / KAFKA)
    settings = _settings(demo, {})
    kept = False
    try:
        environment = _environment(settings)
        with Children(environment, demo.folder) as pages, Children(environment, demo.folder) as children:
            with console.status("training a champion and starting Apache Kafka on 127.0.0.1"):
                training = children.start("train", "train", *_training_arguments(demo))
                kafka.start()
                settings = _settings(demo, {"bootstrap.servers": kafka.bootstrap_servers})
                children.environment |= _environment(settings)
                pages.environment |= _environment(settings)
                ensure_topics(admin_client(settings), settings)
                page = DemoPage(pages)
                console.print(_where(page), soft_wrap=True, highlight=False)
                children.start("join", "join", "-v")
                children.start("monitor", "monitor", "-v")
                training.wait(timeout=300)
            followed = _run(demo, settings, children, page, console)
            keep_stream(demo.folder, _stream(settings))
            kept = True
            _summarise(demo, settings, followed, console)
            if page.problem is not None:
                console.print(page.problem, markup=False)
            elif demo.waits:
                wait_for_ctrl_c(page, console)
    finally:
        kafka.stop()
        if not kept:
            shutil.rmtree(demo.folder / KAFKA, ignore_errors=True)
    size = kept_size(demo.folder) / 1e6
    console.print(f"kept in {demo.folder}: {size:,.0f} MB; the model's page again:\n", soft_wrap=True, highlight=False)
    console.print(f"  {demo.reopen}", soft_wrap=True, highlight=False, markup=False)


def _where(page: DemoPage) -> str:
    return f"the model's page: {page.address}"


def wait_for_ctrl_c(page: DemoPage, console: Console) -> None:
    """Until Ctrl-C, or SIGTERM, which is the same here."""
    console.print(f"{_where(page)} stays open until Ctrl-C\n", style="bold", soft_wrap=True, highlight=False)
    try:
        Event().wait()
    except KeyboardInterrupt:
        console.print()


def _run(demo: Demo, settings: Settings, children: Children, page: DemoPage, console: Console) -> _Followed:
    beat = demo.folder / "scorer.beat"
    children.environment["CHURNSTREAM_HEARTBEAT"] = str(beat)
    children.start("score", "score", "-v")
    del children.environment["CHURNSTREAM_HEARTBEAT"]
    with console.status("waiting for the scorer to load the champion"):
        # or most of the replay would be over before the first prediction
        while not beat.exists():
            children.check()
            time.sleep(_POLL_SECONDS)
    replay = children.start("replay", "replay", *_replay_arguments(demo))
    followed = _follow(settings, children, replay, page, console)
    with console.status("finishing reports and the last writes to MLflow"):
        children.stop(timeout=120)
    return followed


def _follow(settings: Settings, children: Children, replay: Child, page: DemoPage, console: Console) -> _Followed:
    watch = StreamWatch(settings)
    began = moved = time.monotonic()
    seen: tuple[int, ...] = ()
    provisional: set[str] = set()
    final_before = 0
    try:
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            while True:
                snapshot = watch.refresh()
                now = time.monotonic()
                state = "replaying" if replay.exit_code is None else "measuring what is left"
                final = {key for key, window in snapshot.windows.items() if window.status == "final"}
                provisional |= snapshot.windows.keys() - final
                final_before = len(final) if len(final) < len(snapshot.windows) else final_before
                live.update(Group(dashboard(snapshot, now - began, state), Text(_where(page), style="bold")))
                if snapshot.complete:
                    return _Followed(snapshot, len(provisional), final_before)
                children.check()
                position = (snapshot.records, snapshot.lag, len(snapshot.windows), snapshot.measured)
                if position != seen:
                    seen, moved = position, now
                elif now - moved > STALL_SECONDS:
                    raise UserError(
                        f"nothing has moved for {STALL_SECONDS:.0f} s; see the logs in {replay.log_path.parent}"
                    )
                time.sleep(_REFRESH_SECONDS)
    finally:
        watch.close()


def _settings(demo: Demo, kafka: dict[str, str]) -> Settings:
    return load_settings(
        kafka=kafka,
        mlflow_tracking_uri=places(demo.folder)["MLFLOW_TRACKING_URI"],
        state_dir=demo.folder,
        window=parse_duration(WINDOW),
        slide=parse_duration(SLIDE),
        label_lateness=parse_duration(LABEL_LATENESS),
    )


def _environment(settings: Settings) -> dict[str, str]:
    """What the workers are told."""
    servers = settings.kafka.get("bootstrap.servers", "")
    return {"KAFKA_BOOTSTRAP_SERVERS": servers, **places(settings.state_dir), **_stream(settings)}


def _stream(settings: Settings) -> dict[str, str]:
    """What says of the stream how it is measured, wherever it lies."""
    return {
        "CHURNSTREAM_WINDOW": WINDOW,
        "CHURNSTREAM_SLIDE": SLIDE,
        "CHURNSTREAM_LABEL_LATENESS": LABEL_LATENESS,
        "CHURNSTREAM_PARTITIONS": str(settings.partitions),
        "CHURNSTREAM_TOPIC_PREFIX": settings.topic_prefix,
    }


def _training_arguments(demo: Demo) -> list[str]:
    if demo.data is not None:
        return ["--data", str(demo.data)]
    table = demo.folder / "training.csv"
    # customers of the same bank, but not those that are replayed
    write_csv(table, TRAINING_ROWS, seed=demo.seed + 1)
    return ["--data", str(table)]


def _replay_arguments(demo: Demo) -> list[str]:
    rows = len(open_table(demo.data, load_schema("bank_churn"))) if demo.data is not None else demo.rows
    source = ["--data", str(demo.data)] if demo.data is not None else ["--rows", str(rows), "--seed", str(demo.seed)]
    drifts = [argument for drift in DRIFTS for argument in ("--drift", drift)]
    pace = ["--period", PERIOD, "--rate", str(rate_of(rows, REPLAY_SECONDS))]
    delays = ["--label-delay", LABEL_DELAY, "--positive-label-delay", POSITIVE_LABEL_DELAY]
    return [*source, *pace, *delays, "--label-share", str(LABEL_SHARE), *drifts]


def _summarise(demo: Demo, settings: Settings, followed: _Followed, console: Console) -> None:
    snapshot = followed.snapshot
    console.print(windows_table([window for window in snapshot.ordered() if window.status == "final"]))
    console.print(
        f"\n{followed.provisional} windows were provisional first, and {followed.final_before} were final while others "
        f"still were provisional",
        soft_wrap=True,
    )
    for remark in remarks(snapshot):
        console.print(remark)
    outcomes = sum(window.labelled for window in snapshot.tiles())
    console.print(
        f"{snapshot.records:,} records replayed, {snapshot.predictions:,} predictions, {outcomes:,} outcomes, "
        f"{snapshot.dead_records + snapshot.dead_labels:,} dead letters, {len(snapshot.alerts)} incidents"
    )
    standing = sorted((a for a in snapshot.alerts.values() if a.state != "retracted"), key=lambda alert: alert.end)
    if standing:
        console.print(f"first incident: {standing[0].message}")
    report = newest_report(settings)
    if report is not None:
        console.print(f"newest drift report: {report}", soft_wrap=True)
    console.print(f"metric timelines and all reports, in MLflow:\n\n  {demo.look}\n", soft_wrap=True, highlight=False)
