"""One browser for each module, and streams in the states that its tests look at, each with the page's process."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser

from contract.settings import Settings
from tests.support.browser import open_browser
from tests.support.dashboard.hostile import hostile
from tests.support.dashboard.process import ShownPage, shown_page
from tests.support.dashboard.sent import StreamWriter
from tests.support.dashboard.states import STATES, Messages
from tests.support.dashboard.workers import workers_at_work
from tests.support.kafka.topics import stream_settings


class ShownStream(NamedTuple):
    """A stream in a state, and the page that shows it."""

    settings: Settings
    messages: Messages
    writer: StreamWriter
    process: ShownPage


Shown = Callable[[str], ShownStream]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def shown(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """By its name a state, on topics of its own; each is there until the module ends."""
    known: dict[str, ShownStream] = {}
    with contextlib.ExitStack() as stack:

        def show(name: str) -> ShownStream:
            if name not in known:
                folder = tmp_path_factory.mktemp(name)
                settings = stream_settings(broker, f"{name}-{uuid.uuid4().hex[:8]}-", folder)
                messages = (STATES | {"hostile": hostile})[name]()
                writer = StreamWriter(settings)
                writer.write(messages)
                stack.enter_context(workers_at_work(settings))
                process = stack.enter_context(shown_page(settings, folder))
                known[name] = ShownStream(settings, messages, writer, process)
            return known[name]

        yield show
