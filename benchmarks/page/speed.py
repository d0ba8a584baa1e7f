"""What the page costs: start, first paint, push, memory and CPU, over topics that hold a large stream, on real Kafka.

1,000 windows of 20 features for each of two models, each with its drift, its counts and its nowcast. ``churnstream
dashboard`` runs in a process of its own, the page in the system's Chromium without a window. Prints a table with the
limits. Progress goes to standard error.

    python benchmarks/page/speed.py [--quick] [--windows N]

Takes the broker at KAFKA_BOOTSTRAP_SERVERS, or else starts a local Kafka. Wall times mean nothing on a machine that
is busy with something else.
"""

import argparse
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
from playwright.sync_api import Browser

from contract.messages import ModelRef
from contract.settings import Settings
from contract.versions import Reign, ServingVersions
from contract.windows import Window
from tests.support.browser import open_browser
from tests.support.dashboard.course import ModelCourse
from tests.support.dashboard.customers import trained_version
from tests.support.dashboard.process import ShownPage, shown_page
from tests.support.dashboard.sent import SentMessage, StreamWriter, message
from tests.support.dashboard.watched import watched_page
from tests.support.dashboard.workers import workers_at_work
from tests.support.kafka.brokers import session_broker
from tests.support.kafka.topics import stream_settings

_FEATURES = 20
_HOUR = 3_600_000
_MODELS = (ModelRef("churn", 3), ModelRef("churn", 4, "challenger"))
_REVISIONS = 500
_IDLE_SECONDS = 10.0
_BATCH = 100


class PageCost(NamedTuple):
    """A row of the table."""

    what: str
    value: float
    unit: str
    limit: float | None = None


def windows_of(model: ModelRef, count: int) -> Iterator[Window]:
    """Hourly windows of three days, the last tenth provisional."""
    course = ModelCourse(days=12, changes=6, older=7.0)
    shapes = list(course.revisions())[-4:]
    shapes = [wide(one) for one in shapes]
    first = shapes[0].start // _HOUR * _HOUR
    for number in range(count):
        shape = shapes[number % len(shapes)]
        start = first + number * _HOUR
        final = number < 0.9 * count
        yield msgspec.structs.replace(
            shape,
            model=model,
            start=start,
            end=start + 72 * _HOUR,
            slide=_HOUR,
            status="final" if final else "provisional",
            nowcast=None if final else shape.nowcast,
        )


def wide(window: Window) -> Window:
    """With as many features as are asked for."""
    known = list(window.drift.features.items())
    features = dict(known)
    for number in range(_FEATURES + 1 - len(known)):
        features[f"feature_{number:02}"] = known[number % len(known)][1]
    drift = msgspec.structs.replace(window.drift, features=features)
    return msgspec.structs.replace(window, drift=drift)


def messages_of(count: int) -> Iterator[SentMessage]:
    """All that is on the topics before the process starts."""
    for model in _MODELS:
        yield message(trained_version(model))
    yield message(ServingVersions(name="churn", alias="champion", champions=(Reign(3, 1_735_000_000_000),)))
    for model in _MODELS:
        yield from map(message, windows_of(model, count))


def measure(settings: Settings, count: int, folder: Path, browser: Browser) -> Iterator[PageCost]:
    """Fill the topics, start the process, look at it."""
    say("writing windows")
    writer = StreamWriter(settings)
    sent = list(messages_of(count))
    for first in range(0, len(sent), _BATCH):
        writer.write(sent[first : first + _BATCH])
    yield PageCost("on the topics", sum(len(one.value or b"") for one in sent) / 1e6, "MB")
    with workers_at_work(settings):
        say("starting the process")
        begin = time.monotonic()
        with shown_page(settings, folder) as process:
            address = process.address
            yield PageCost("start until it answers", time.monotonic() - begin, "s")
            with watched_page(browser, address) as page:
                page.open()
                page.page.locator("canvas").first.wait_for(timeout=60_000)
            yield PageCost("start until all of it is on the page", time.monotonic() - begin, "s")
            yield PageCost("CPU of the process until then", cpu_seconds(process), "s")
            yield from _looked_at(process, writer, browser, count)


def _looked_at(process: ShownPage, writer: StreamWriter, browser: Browser, count: int) -> Iterator[PageCost]:
    paints, busy = [], cpu_seconds(process)
    for _ in range(5):
        with watched_page(browser, process.address) as page:
            begin = time.monotonic()
            page.page.goto(process.address)
            page.page.locator(".verdict .word").wait_for()
            page.page.locator("canvas").first.wait_for()
            page.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            paints.append(time.monotonic() - begin)
    yield PageCost("first paint with charts, median of 5", statistics.median(paints), "s", 2.0)
    yield PageCost("first paint with charts, worst of 5", max(paints), "s", 2.0)
    yield PageCost("CPU of the process for a page that is opened", (cpu_seconds(process) - busy) / 5, "s")
    yield PageCost("memory after load", memory(process), "MB", 250.0)
    with watched_page(browser, process.address) as page:
        page.open()
        page.wait_for_charts()
        say("pushing windows")
        pushes = []
        newest = list(windows_of(_MODELS[0], count))[-1]
        for number in range(1, 11):
            later = msgspec.structs.replace(
                newest,
                start=newest.start + number * _HOUR,
                end=newest.end + number * _HOUR,
                dead_letters={"not-json": 71_000 + number},
            )
            begin = time.monotonic()
            writer.write([message(later)])
            page.page.locator(".tile-now", has_text=f"71,{number:03}").wait_for(timeout=30_000)
            pushes.append(time.monotonic() - begin)
        yield PageCost("a new window until it is seen, median of 10", statistics.median(pushes), "s", 1.0)
        yield PageCost("a new window until it is seen, worst of 10", max(pushes), "s", 1.0)
        say("revising windows")
        busy = cpu_seconds(process)
        known = [one for model in _MODELS for one in windows_of(model, count)][-_REVISIONS:]
        for first in range(0, _REVISIONS, 10):
            revised = [
                msgspec.structs.replace(one, revision=one.revision + 1, dead_letters={"not-json": 82_000 + first})
                for one in known[first : first + 10]
            ]
            writer.write(map(message, revised))
        last = msgspec.structs.replace(
            newest, start=newest.start + 11 * _HOUR, end=newest.end + 11 * _HOUR, dead_letters={"not-json": 83_123}
        )
        writer.write([message(last)])
        page.page.locator(".tile-now", has_text="83,123").wait_for(timeout=60_000)
        yield PageCost(f"CPU for {_REVISIONS} revisions, a page open", cpu_seconds(process) - busy, "s")
        yield PageCost(f"memory after {_REVISIONS} revisions", memory(process), "MB", 250.0)
        busy, begin = cpu_seconds(process), time.monotonic()
        page.page.wait_for_timeout(_IDLE_SECONDS * 1_000)
        idle = (cpu_seconds(process) - busy) / (time.monotonic() - begin)
        yield PageCost("CPU while idle, a page open", 100 * idle, "% of a core")


def memory(process: ShownPage) -> float:
    """Resident MB."""
    return float(psutil.Process(process.process.pid).memory_info().rss) / 1e6


def cpu_seconds(process: ShownPage) -> float:
    """Used since it began."""
    times = psutil.Process(process.process.pid).cpu_times()
    return float(times.user + times.system)


def say(text: str) -> None:
    """What is being done."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="100 windows")
    parser.add_argument("--windows", type=int, default=1_000, help="windows of each of the two models")
    arguments = parser.parse_args()
    count = 100 if arguments.quick else arguments.windows
    with (
        tempfile.TemporaryDirectory() as name,
        session_broker(Path(name) / "kafka") as servers,
        open_browser() as browser,
    ):
        settings = stream_settings(servers, f"bench-{uuid.uuid4().hex[:8]}-", Path(name))
        rows = list(measure(settings, count, Path(name), browser))
    print(f"\n{count:,} windows × {_FEATURES} features × {len(_MODELS)} models\n")
    print("| | measured | limit | of the limit |\n|---|--:|--:|--:|")
    for row in rows:
        limit = "" if row.limit is None else f"{row.limit:g} {row.unit}"
        ratio = "" if row.limit is None else f"{row.value / row.limit:.0%}"
        print(f"| {row.what} | {row.value:.2f} {row.unit} | {limit} | {ratio} |")


if __name__ == "__main__":
    main()
