"""``churnstream demo``: the whole stream on this machine, from an empty folder to drift reports in MLflow.

While it runs, and on a terminal until Ctrl-C, the model's page is open. Everything it starts ends with it. What it
leaves is one folder: its Kafka, MLflow's store, the reports and the logs. One that is cut short keeps no Kafka.
"""

import os
import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event

from rich.console import Console
from rich.text import Text

from churnstream.demo.kept import KAFKA, forget_surroundings, keep_stream, kept_size, places
from churnstream.demo.page import DemoPage
from churnstream.demo.plan import RunPlan
from churnstream.live.lines import incident_lines
from churnstream.live.shown import shown
from churnstream.live.view import remarks, windows_table
from churnstream.live.watch import Snapshot, StreamWatch
from churnstream.local_kafka.broker import LocalKafka
from churnstream.mlflow_server import newest_report
from churnstream.processes.children import Child, Children
from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.kafka.provision import ensure_topics
from contract.settings import Settings, load_settings

STALL_SECONDS = 60.0
_REFRESH_SECONDS = 0.5
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class LocalRun:
    """One run of a ``plan``; ``folder`` is its own.

    ``look`` and ``reopen`` are the commands that show MLflow's pages and the model's page on the folder, as the user
    would type them. ``waits``: the page stays open until Ctrl-C when all has been measured.
    """

    plan: RunPlan
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


def run_demo(demo: LocalRun, console: Console) -> None:
    """Run the demo to its end and print what it showed.

    Raises:
        UserError: a part of it failed; the message says which, and shows the end of its log.
    """
    forget_surroundings(demo.folder)
    for line in demo.plan.told:
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    training_arguments, replay_arguments = demo.plan.prepare(demo.folder)
    kafka = LocalKafka(demo.folder / KAFKA)
    kept = False
    try:
        environment = {**places(demo.folder), **demo.plan.variables}
        with Children(environment, demo.folder) as pages, Children(environment, demo.folder) as children:
            with console.status("training a champion and starting Apache Kafka on 127.0.0.1"):
                training = children.start("train", "train", *training_arguments)
                kafka.start()
                environment["KAFKA_BOOTSTRAP_SERVERS"] = kafka.bootstrap_servers
                # this process reads the same settings as its children
                os.environ.update(environment)
                settings = load_settings()
                children.environment |= environment
                pages.environment |= environment
                ensure_topics(admin_client(settings), settings)
                page = DemoPage(pages)
                console.print(_where(page), soft_wrap=True, highlight=False)
                children.start("join", "join", "-v")
                children.start("monitor", "monitor", "-v")
                training.wait(timeout=demo.plan.training_seconds)
            followed = _run(demo, settings, children, page, replay_arguments, console)
            keep_stream(demo.folder, {**_named(settings), **demo.plan.variables})
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


def _run(
    demo: LocalRun,
    settings: Settings,
    children: Children,
    page: DemoPage,
    replay_arguments: list[str],
    console: Console,
) -> _Followed:
    beat = demo.folder / "scorer.beat"
    children.environment["CHURNSTREAM_HEARTBEAT"] = str(beat)
    children.start("score", "score", "-v")
    del children.environment["CHURNSTREAM_HEARTBEAT"]
    with console.status("waiting for the scorer to load the champion"):
        # or most of the replay would be over before the first prediction
        while not beat.exists():
            children.check()
            time.sleep(_POLL_SECONDS)
    replay = children.start("replay", "replay", *replay_arguments)
    followed = _follow(settings, children, replay, page, console, demo.plan.own_dates)
    with console.status("finishing reports and the last writes to MLflow"):
        children.stop(timeout=120)
    return followed


def _follow(
    settings: Settings, children: Children, replay: Child, page: DemoPage, console: Console, own_dates: bool
) -> _Followed:
    watch = StreamWatch(settings)
    began = moved = time.monotonic()
    seen: tuple[int, ...] = ()
    provisional: set[str] = set()
    final_before = 0
    try:
        footer = Text(_where(page), style="bold")
        with shown(console, footer, own_dates=own_dates) as show:
            while True:
                snapshot = watch.refresh()
                now = time.monotonic()
                state = "replaying" if replay.exit_code is None else "measuring what is left"
                final = {key for key, window in snapshot.windows.items() if window.status == "final"}
                provisional |= snapshot.windows.keys() - final
                final_before = len(final) if len(final) < len(snapshot.windows) else final_before
                show(snapshot, now - began, state)
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


def _named(settings: Settings) -> dict[str, str]:
    """What says of a stream how it is found on its Kafka."""
    return {
        "CHURNSTREAM_PARTITIONS": str(settings.partitions),
        "CHURNSTREAM_TOPIC_PREFIX": settings.topic_prefix,
    }


def _summarise(demo: LocalRun, settings: Settings, followed: _Followed, console: Console) -> None:
    snapshot = followed.snapshot
    console.print(windows_table([window for window in snapshot.ordered() if window.status == "final"]))
    console.print(
        f"\n{followed.provisional} windows were provisional first, and {followed.final_before} were final while others "
        f"still were provisional",
        soft_wrap=True,
    )
    for remark in remarks(snapshot, demo.plan.own_dates):
        console.print(remark)
    outcomes = sum(window.labelled for window in snapshot.tiles())
    console.print(
        f"{snapshot.records:,} records replayed, {snapshot.predictions:,} predictions, {outcomes:,} outcomes, "
        f"{snapshot.dead_records + snapshot.dead_labels:,} dead letters, {len(snapshot.alerts)} incidents"
    )
    for line in incident_lines(snapshot.alerts.values(), snapshot.ordered()):
        console.print(line)
    report = newest_report(settings)
    if report is not None:
        console.print(f"newest drift report: {report}", soft_wrap=True)
    console.print(f"metric timelines and all reports, in MLflow:\n\n  {demo.look}\n", soft_wrap=True, highlight=False)
