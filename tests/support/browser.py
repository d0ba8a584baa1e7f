"""The system's Chromium, without a window."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

DRAWN_MS = 120_000
"""How long MLflow's charts may take on a busy machine."""
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_REQUIRED = ("CI", "REQUIRE_BROWSER")
"""Variables that are set where a test that is skipped would not be noticed."""


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A browser; where the system has none, the test is skipped with the reason, but in CI it fails."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        reason = f"no browser here: none of {', '.join(_NAMES)} is on the PATH; `make browser` installs one"
        if any(os.environ.get(name) not in (None, "", "0", "false") for name in _REQUIRED):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs rights that containers and root do not have
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()
