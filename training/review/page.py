"""A review as one HTML page: no script, and nothing that is loaded from elsewhere. All text is escaped."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import resources

from jinja2 import Environment, StrictUndefined, Template

from training.quality.evaluate import METRIC_TITLES
from training.review.facts import FEWEST_OF_LABEL, FEWEST_ROWS, RateFacts, ReviewFacts
from training.review.standing import RegistryFacts

PAGE = "review.html"
RATE_TITLES = {
    "called": "selection rate",
    "missed": "share of churners missed",
    "needless": "share of stayers called",
}
NO_INTERVAL = "–"


def review_page(facts: ReviewFacts, standing: RegistryFacts, pictures: Mapping[str, bytes]) -> str:
    """The page; ``pictures`` are PNGs by name, and one that is not there is left out."""
    return _template().render(
        facts=facts,
        standing=standing,
        pictures={name: base64.b64encode(content).decode() for name, content in pictures.items()},
        titles=METRIC_TITLES,
        rate_titles=RATE_TITLES,
        fewest_rows=FEWEST_ROWS,
        fewest_of_label=FEWEST_OF_LABEL,
    )


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {
        "count": lambda number: f"{number:,}",
        "fixed": _fixed,
        "percent": _percent,
        "money": _money,
        "number": lambda number: f"{number:,.6g}",
        "day": lambda moment: datetime.fromtimestamp(moment / 1_000, UTC).strftime("%Y-%m-%d"),
        "share": _share,
        "ends": _ends,
        "saved": _saved,
        "points": _points,
        "small": lambda number: _signed(number, ".4f"),
        "within": lambda name, feature: name.removeprefix(f"{feature}: "),
    }
    return environment.from_string(resources.files("training.review").joinpath("page.html.j2").read_text("utf-8"))


def _fixed(number: float | None) -> str:
    return NO_INTERVAL if number is None else f"{number:.3f}"


def _percent(number: float | None) -> str:
    return NO_INTERVAL if number is None else f"{number:.1%}"


def _money(number: float) -> str:
    return _signed(number, ",.0f" if abs(number) >= 100 else ",.3g")


def _signed(number: float, form: str) -> str:
    """With a real minus, and none before a zero."""
    told = format(number, form)
    return told.replace("-", "−") if any(digit in told for digit in "123456789") else told.lstrip("-")


def _share(rate: RateFacts | None) -> str:
    """``12.3% (10.1 to 14.9)``."""
    if rate is None:
        return NO_INTERVAL
    return f"{rate.value:.1%} ({100 * rate.low:.1f} to {100 * rate.high:.1f})"


def _ends(found: tuple[float, float, float] | None) -> str:
    if found is None:
        return NO_INTERVAL
    value, low, high = (_signed(number, ".3f") for number in found)
    return f"{value} ({low} to {high})"


def _points(found: tuple[float, float, float]) -> str:
    value, low, high = (_signed(100 * number, ".1f") for number in found)
    return f"{value} points ({low} to {high})"


def _saved(rate: RateFacts) -> str:
    return f"{_money(rate.value)} ({_money(rate.low)} to {_money(rate.high)})"
