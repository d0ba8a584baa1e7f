"""Make the pictures of the page that docs/ shows anew: each state on a local Kafka, in the system's Chromium.

Usage: python scripts/page_pictures.py [FOLDER]

Takes the broker at KAFKA_BOOTSTRAP_SERVERS, or else starts a local Kafka.
"""

import os
import sys
import tempfile
import uuid
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from tests.support.browser import open_browser
from tests.support.dashboard.process import shown_page
from tests.support.dashboard.sent import StreamWriter
from tests.support.dashboard.states import STATES
from tests.support.dashboard.watched import PHONE, PICTURES, SCREEN, Scheme, watched_page
from tests.support.dashboard.workers import workers_at_work
from tests.support.kafka.brokers import session_broker
from tests.support.kafka.topics import stream_settings

DOCS = Path(__file__).resolve().parent.parent / "docs"
_COLOURS = 256


class DocsPicture(NamedTuple):
    """A picture by its name in docs/: what it shows of which state, and how."""

    name: str
    state: str
    path: str = "/"
    size: tuple[int, int] = (SCREEN[0], 1_500)
    scheme: Scheme = "light"


WANTED = (
    DocsPicture("dashboard-drifted", "drifted"),
    DocsPicture("dashboard-window", "drifted", "/?window=2025-01-27"),
    DocsPicture("dashboard-phone", "drifted", size=(PHONE[0], 1_400)),
    DocsPicture("dashboard-worse", "worse"),
    DocsPicture("dashboard-dark", "worse", scheme="dark"),
)


def main(folder: Path) -> None:
    os.environ[PICTURES] = str(folder)
    with (
        tempfile.TemporaryDirectory() as name,
        session_broker(Path(name) / "kafka") as servers,
        open_browser() as browser,
    ):
        for state in dict.fromkeys(one.state for one in WANTED):
            place = Path(name) / state
            place.mkdir()
            settings = stream_settings(servers, f"{state}-{uuid.uuid4().hex[:8]}-", place)
            StreamWriter(settings).write(STATES[state]())
            with workers_at_work(settings), shown_page(settings, place) as process:
                for wanted in (one for one in WANTED if one.state == state):
                    with watched_page(browser, process.address, size=wanted.size, scheme=wanted.scheme) as page:
                        page.open(wanted.path)
                        page.wait_for_charts()
                        page.picture(wanted.name, whole=False)
                    path = folder / f"{wanted.name}.png"
                    with Image.open(path) as picture:
                        fewer = picture.convert("RGB").quantize(_COLOURS, kmeans=2, dither=Image.Dither.NONE)
                        fewer.save(path, optimize=True)
                    print(f"{path}: {path.stat().st_size // 1_000} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS)
