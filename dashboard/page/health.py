"""The page at ``/``."""

import re
from functools import cache
from html import escape
from pathlib import Path

from fastapi import Request
from nicegui import __version__, ui
from nicegui.dependencies import esm_modules
from nicegui.language import Language
from nicegui.translations import translations

from dashboard.charts.palette import variables
from dashboard.page.session import Session
from dashboard.page.source import PageSource
from dashboard.view.address import selected_of

_LANGUAGE: Language = "en-GB"
_SLOWEST_SECONDS = 30.0
_STYLES = Path(__file__).parent / "styles.css"


def register(source: PageSource) -> None:
    """Serves the page of ``source`` at ``/``, as soon as NiceGUI runs."""
    translations[_LANGUAGE] = {
        **translations[_LANGUAGE],
        "connection_lost": "The page has lost its connection.",
        "trying_to_reconnect": "What you see is from before that. It goes on as soon as the dashboard answers.",
    }

    @ui.page("/", title="churnstream", language=_LANGUAGE, dark=None, response_timeout=_SLOWEST_SECONDS)
    async def health(request: Request) -> None:
        base = request.headers.get("X-Forwarded-Prefix", "") + request.scope.get("root_path", "")
        ahead = "".join(f'<link rel="modulepreload" href="{escape(base + path)}">' for path in charts_library())
        ui.add_head_html(f"{ahead}<style>{styles()}</style>")
        await Session(source, selected_of(request.query_params)).begin()


@cache
def charts_library() -> tuple[str, ...]:
    """Where ECharts is served: a browser that knows it from the start need not find out module by module."""
    [(key, module)] = [(key, module) for key, module in esm_modules.items() if module.name == "nicegui-echart"]
    entry = (module.path / "index.js").read_text(encoding="utf-8")
    parts = dict.fromkeys(re.findall(r"\./([\w.-]+\.js)", entry))
    return tuple(f"/_nicegui/{__version__}/esm/{key}/{name}" for name in ("index.js", *parts))


@cache
def styles() -> str:
    """The style sheet, with the colours of both schemes."""
    light, dark = (
        "".join(f"--{name}:{colour};" for name, colour in variables(scheme).items()) for scheme in ("light", "dark")
    )
    return (
        f"body{{{light}}} body.body--dark{{{dark}}} body.printing{{{light}}} "
        f"@media print{{body.body--dark{{{light}}}}}\n{_STYLES.read_text(encoding='utf-8')}"
    )
