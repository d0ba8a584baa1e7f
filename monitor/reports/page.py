"""A report as one HTML page. Imported in the report process only, because Evidently takes 5 s."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evidently.core.report import Snapshot
from evidently.legacy.utils import dashboard

_IN_SCRIPT = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def report_page(report: Snapshot) -> str:
    """The page, with everything in it. No text of the report can end the script that holds it, or begin an element."""
    with _script_safe_json():
        page: str = report.get_html_str(as_iframe=False)
    return page


class _ScriptEncoder(dashboard.NumpyEncoder):  # type: ignore[misc]  # evidently ships no types
    """JSON that is safe inside ``<script>``, where a browser looks for tags before it reads a string."""

    def encode(self, o: Any) -> str:
        encoded: str = super().encode(o)
        return encoded.translate(_IN_SCRIPT)


@contextmanager
def _script_safe_json() -> Iterator[None]:
    """Evidently writes its JSON into the page as it is, and has no option for another encoder."""
    theirs = dashboard.NumpyEncoder
    dashboard.NumpyEncoder = _ScriptEncoder
    try:
        yield
    finally:
        dashboard.NumpyEncoder = theirs
