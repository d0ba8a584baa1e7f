"""The documentation as a site: it is built whole, loads nothing from elsewhere, and can be searched."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import expect

from scripts.build_docs import BUILT, STAGED, Stage, faults
from tests.support.browser import DRAWN_MS, open_browser
from tests.support.paths import ROOT


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The built site on a port of this machine."""
    built = subprocess.run(
        [sys.executable, "scripts/build_docs.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(BUILT)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.usefixtures("address")
def test_each_page_is_in_the_menu_and_the_reference_has_what_is_exported() -> None:
    menu = (BUILT / "why.html").read_text(encoding="utf-8")
    pages = [file.relative_to(STAGED).with_suffix(".html").as_posix() for file in STAGED.rglob("*.md")]
    listed = [page for page in pages if page != "why.html" and not page.startswith("source/")]
    assert [page for page in listed if f'href="./{page}"' not in menu] == []
    python = (BUILT / "reference" / "python.html").read_text(encoding="utf-8")
    assert 'id="churnstream.frames.windows.read_windows"' in python
    assert "UserError" in python
    assert 'id="churnstream-backtest"' in (BUILT / "reference" / "commands.html").read_text(encoding="utf-8")


def test_a_browser_loads_nothing_from_elsewhere_and_finds_a_term(address: str) -> None:
    with open_browser() as browser:
        page = browser.new_page()
        asked: list[str] = []
        wrong: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        for name in ("architecture", "reference/python", "index"):
            page.goto(f"{address}/{name}.html")
            expect(page.locator("h1").first).to_be_visible(timeout=DRAWN_MS)
        page.keyboard.press("Control+k")
        page.keyboard.type("watermark")
        expect(page.locator("[role=option][href*='concepts.html']").first).to_be_visible(timeout=DRAWN_MS)
        assert page.locator("[role=option][href*='source/']").count() == 0
        assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
        assert wrong == []


def test_a_link_that_leads_nowhere_and_a_script_from_elsewhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        '<h1 id="top">A</h1><a href="gone.html">b</a><a href="#top">c</a><a href="#nowhere">d</a>'
        '<script src="https://cdn.example.org/x.js"></script><img src="gone.png"><a href="https://example.org">e</a>',
        encoding="utf-8",
    )
    assert faults(tmp_path) == [
        "index.html loads https://cdn.example.org/x.js",
        "index.html loads gone.png, which is not there",
        "index.html links to gone.html, which is not there",
        "index.html links to #nowhere, which has no such heading",
    ]


def test_a_link_to_a_file_of_the_repository_leads_to_a_page_that_shows_it(tmp_path: Path) -> None:
    root, staged = tmp_path / "root", tmp_path / "staged"
    (root / "docs").mkdir(parents=True)
    (root / "code.py").write_text("answer = 42\n", encoding="utf-8")
    (root / "docs" / "page.md").write_text("[a](../code.py)\n\n```\n[b](gone.py)\n```\n", encoding="utf-8")
    (root / "README.md").write_text("[p](docs/page.md#x)", encoding="utf-8")
    Stage(root, staged).lay()
    assert (staged / "page.md").read_text(encoding="utf-8") == "[a](source/code.py.md)\n\n```\n[b](gone.py)\n```\n"
    assert (staged / "index.md").read_text(encoding="utf-8") == "[p](page.md#x)"
    assert "answer = 42" in (staged / "source" / "code.py.md").read_text(encoding="utf-8")
    (root / "docs" / "page.md").write_text("[a](../gone.py)", encoding="utf-8")
    with pytest.raises(ValueError, match=r"docs/page\.md links to \.\./gone\.py, which is not there"):
        Stage(root, staged).lay()
