"""``churnstream demo``: the whole stream on this machine, from an empty folder to drift reports in MLflow.

While it runs, and on a terminal until Ctrl-C, the model's page is open. Everything it starts ends with it. What it
leaves is one folder: its Kafka, MLflow's store, the reports and the logs. One that is cut short keeps no Kafka.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event

from rich.console import Console
from rich.text import Text

from churnstream.demo.acts import announced
from churnstream.demo.ending import addresses, day_of, strongest, tell
from churnstream.demo.following import Followed, follow
from churnstream.demo.kept import KAFKA, forget_surroundings, keep_stream, kept_size, places
from churnstream.demo.page import DemoPage
from churnstream.demo.plan import RunPlan
from churnstream.demo.ready import WorkersReady
from churnstream.local_kafka.broker import LocalKafka
from churnstream.processes.children import Child, Children
from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.kafka.provision import ensure_topics
from contract.settings import Settings, load_settings
from training.defaults import NOT_PROMOTED


@dataclass(frozen=True)
class LocalRun:
    """One run of a ``plan``; ``folder`` is its own.

    ``look``, ``reopen`` and ``report`` are the commands that show MLflow's pages, the model's page and, with a date,
    the report of a window on the folder, as the user would type them. ``waits``: the page stays open until Ctrl-C when
    all has been measured.
    """

    plan: RunPlan
    folder: Path
    look: str
    reopen: str
    report: str
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
    raise UserError(f"folder {base} is full of runs; remove old ones")


def run_demo(demo: LocalRun, console: Console) -> None:
    """Run the demo to its end and print what it showed.

    Raises:
        UserError: a part of it failed; the message says which, and shows the end of its log.
    """
    forget_surroundings(demo.folder)
    for line in demo.plan.told:
        # a terminal would break them within words
        console.print(line, soft_wrap=not console.is_terminal, highlight=False, markup=False)
    if demo.plan.acts:
        console.print(announced(demo.plan.acts))
    training_arguments, replay_arguments = demo.plan.prepare(demo.folder)
    kafka = LocalKafka(demo.folder / KAFKA)
    kept = False
    try:
        environment = {**places(demo.folder), **demo.plan.variables}
        with Children(environment, demo.folder) as pages, Children(environment, demo.folder) as children:
            ready = WorkersReady(demo.folder)
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
                # the scorer imports what it needs meanwhile, and so is ready soon after the champion
                for name, *flags in (("join",), ("monitor",), ("score", "--wait-for-model")):
                    _start_worker(children, name, ready, flags)
                if training.wait(demo.plan.training_seconds, expected=NOT_PROMOTED) == NOT_PROMOTED:
                    raise UserError(_refused(training))
            with console.status("waiting for scorer, join and monitor"):
                # or the first windows would be over before anybody judges them
                ready.wait()
            replay = children.start("replay", "replay", *replay_arguments)
            followed = follow(settings, children, replay, demo.plan, Text(_where(page), style="bold"), console)
            with console.status("finishing reports and the last writes to MLflow"):
                children.stop(timeout=120)
            keep_stream(demo.folder, {**_named(settings), **demo.plan.variables})
            kept = True
            tell(followed, demo.plan, console)
            console.print()
            waits = demo.waits and page.problem is None
            addresses(_addresses(demo, settings, followed, page.address if waits else demo.reopen), console)
            for line in demo.plan.concluding(followed.snapshot):
                console.print(line, soft_wrap=True, highlight=False, markup=False)
            if page.problem is not None:
                console.print(page.problem, markup=False)
            elif waits:
                wait_for_ctrl_c(page, console)
    finally:
        kafka.stop()
        if not kept:
            shutil.rmtree(demo.folder / KAFKA, ignore_errors=True)
    size = kept_size(demo.folder) / 1e6
    console.print(
        f"kept in {demo.folder}: {size:,.0f} MB; to open the model's page again:\n", soft_wrap=True, highlight=False
    )
    console.print(f"  {demo.reopen}", soft_wrap=True, highlight=False, markup=False)


def _start_worker(children: Children, name: str, ready: WorkersReady, flags: Sequence[str]) -> None:
    ready.expect(children.start(name, name, "-v", *flags, variables=ready.variables(name)))


def _refused(training: Child) -> str:
    """Why nothing is scored: what ``train`` has said last but for what to do next."""
    reasons = [line for line in training.last_lines(2) if not line.startswith("Next: ")]
    return (
        f"there is no champion, so nothing can be scored: {reasons[-1] if reasons else training.explain()}. "
        f"Correct the table or its schema, or continue anyway with --force; the full training log is "
        f"{training.log_path}"
    )


def _where(page: DemoPage) -> str:
    return f"the model's page: {page.address}"


def wait_for_ctrl_c(page: DemoPage, console: Console) -> None:
    """Until Ctrl-C, or SIGTERM, which is the same here."""
    console.print(f"\n{_where(page)} stays open until Ctrl-C\n", style="bold", soft_wrap=True, highlight=False)
    try:
        Event().wait()
    except KeyboardInterrupt:
        console.print()


def _named(settings: Settings) -> dict[str, str]:
    """What says of a stream how it is found on its Kafka."""
    return {
        "CHURNSTREAM_PARTITIONS": str(settings.partitions),
        "CHURNSTREAM_TOPIC_PREFIX": settings.topic_prefix,
    }


def _addresses(demo: LocalRun, settings: Settings, followed: Followed, page: str) -> list[tuple[str, str]]:
    """Where to look, what says most first."""
    found = [("the model's page", page), ("timelines in MLflow", demo.look)]
    drift = strongest(settings, followed.snapshot.ordered())
    if drift is not None and drift[1] is not None:
        found.append(("strongest drift report", str(drift[1])))
    windows = followed.snapshot.ordered()
    if windows:
        asked = windows[len(windows) // 2] if drift is None else drift[0]
        found.append(("report of any window", f"{demo.report} {day_of(asked)}"))
    return found
