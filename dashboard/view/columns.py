"""One column of a window beside that of training: shares of rows in the cells, and what changed in plain words."""

from collections.abc import Callable, Sequence

from contract.versions import TrainedCell, TrainedColumn
from contract.windows import DependenceDrift, FeatureDrift
from dashboard.view.model import HistogramBar
from dashboard.view.words import metric, named, number, percent, sane

_OUTER = 3
"""Counts behind those of the cells: below (or not known), above, missing."""
_OUTER_RANGES, _OUTER_VALUES = ("below", "above", "missing"), ("other values", "above", "missing")
_PLAIN_MISSING = 0.05
_LARGE = 1_000
_ABOUT_THE_SAME = 0.01
_MOST_BARS = 200


def shares(counts: Sequence[int]) -> tuple[float, ...]:
    """Of all rows; empty where there are none, or where a count cannot be right."""
    total = sum(counts)
    return tuple(one / total for one in counts) if 0 < total < 1e15 and min(counts) >= 0 else ()


def missing_share(counts: Sequence[int]) -> float | None:
    """Of the rows of a column; None where there are none."""
    found = shares(counts)
    return found[-1] if found else None


def bars(trained: TrainedColumn | None, drift: FeatureDrift) -> tuple[HistogramBar, ...]:
    """Both histograms in the reference's cells. Of the three outer ones only those that hold rows."""
    then, now = _both(trained, drift)
    if trained is None or not then:
        return ()
    found = [
        HistogramBar(label=_label(cell), then=then[place], now=now[place], low=sane(cell.low), high=sane(cell.high))
        for place, cell in enumerate(trained.cells[:_MOST_BARS])
    ]
    outer = _outer(trained)
    cells = len(trained.cells)
    for place, label in enumerate(outer, cells):
        if then[place] or now[place]:
            bar = HistogramBar(label=label, then=then[place], now=now[place])
            found.insert(0, bar) if label == "below" else found.append(bar)
    return tuple(found)


def change_in_words(name: str, trained: TrainedColumn | None, drift: FeatureDrift, missing: float | None) -> str:
    """``Age: median 37 → 45``. ``missing``: the share of the window's rows without a value."""
    return f"{named(name)}: {_changed(name, trained, drift, missing)}"


def dependence_in_words(pair: DependenceDrift) -> str:
    """``Age × Balance: correlation 0.10 → 0.45``."""
    first, second = sorted(pair.columns)
    title = f"{named(first, 40)} × {named(second, 40)}"
    if pair.kind == "correlation":
        return f"{title}: correlation {_two(pair.then)} → {_two(pair.now)}"
    return (
        f"{title}: pairs of values that never occurred in training {percent(pair.then)} → {percent(pair.now)} of rows"
    )


def _changed(name: str, trained: TrainedColumn | None, drift: FeatureDrift, missing: float | None) -> str:
    distance = f"differs from training (distance {number(drift.distance)})"
    if trained is None:
        return distance
    then, now = _both(trained, drift)
    before = missing_share(trained.counts)
    gone = now[-1] if now else missing
    if gone is not None and before is not None and gone - before >= _PLAIN_MISSING:
        return f"{percent(gone)} missing, {f'{percent(before)} before' if before else 'none before'}"
    if _is_flag(trained):
        return _flag(trained, then, now) or distance
    if any(cell.category is not None for cell in trained.cells):
        return _category(trained, then, now) or distance
    if name == "score":
        return _moved("mean", trained.mean, drift.mean, metric) or distance
    return (
        _moved("median", trained.median, drift.median, number)
        or _moved("mean", trained.mean, drift.mean, number)
        or _cell(trained, then, now)
        or distance
    )


def _moved(word: str, then: float | None, now: float | None, written: Callable[[float | None], str]) -> str:
    """Nothing where it is the same, or about."""
    then, now = sane(then), sane(now)
    if then is None or now is None or written(then) == written(now):
        return ""
    if abs(now - then) <= _ABOUT_THE_SAME * max(abs(then), abs(now)):
        return ""
    grown = f" ({100 * (now - then) / then:+,.0f} %)" if then >= _LARGE and abs(now / then) < 100 else ""
    return f"{word} {written(then)} → {written(now)}{grown}"


def _flag(trained: TrainedColumn, then: Sequence[float], now: Sequence[float]) -> str:
    place = next((place for place, cell in enumerate(trained.cells) if cell.low == 1), None)
    return "" if not then or place is None else f"share of 1: {percent(then[place])} → {percent(now[place])}"


def _category(trained: TrainedColumn, then: Sequence[float], now: Sequence[float]) -> str:
    """The value whose share has changed most."""
    place = _most_changed(then, now)
    if place is None:
        return ""
    cells = len(trained.cells)
    label = _label(trained.cells[place]) if place < cells else _outer(trained)[place - cells]
    return f"{label} {percent(then[place])} → {percent(now[place])}"


def _cell(trained: TrainedColumn, then: Sequence[float], now: Sequence[float]) -> str:
    """The range whose share has changed most: middle values are the same, so the spread differs."""
    place = _most_changed(then, now)
    if place is None:
        return ""
    cells = len(trained.cells)
    label = _label(trained.cells[place]) if place < cells else _outer(trained)[place - cells]
    return f"same middle, but {label} {percent(then[place])} → {percent(now[place])} of rows"


def _most_changed(then: Sequence[float], now: Sequence[float]) -> int | None:
    if not then:
        return None
    return max(range(len(then)), key=lambda place: abs(now[place] - then[place]))


def _both(trained: TrainedColumn | None, drift: FeatureDrift) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Shares of the reference and of the window, in the same cells; both empty unless both are known."""
    if trained is None or not trained.cells or len(trained.counts) != len(trained.cells) + _OUTER:
        return (), ()
    if len(drift.counts) != len(trained.counts):
        return (), ()
    then, now = shares(trained.counts), shares(drift.counts)
    return (then, now) if then and now else ((), ())


def _is_flag(trained: TrainedColumn) -> bool:
    """Only 0 and 1: the share says more than mean or median."""
    values = {(cell.low, cell.high) for cell in trained.cells}
    return bool(values) and values <= {(0.0, 0.0), (1.0, 1.0)}


def _outer(trained: TrainedColumn) -> tuple[str, str, str]:
    """What the three counts behind those of the cells are of: without ranges, there is no below and above."""
    ranges = any(cell.category is None and (cell.low is None or cell.low != cell.high) for cell in trained.cells)
    return _OUTER_RANGES if ranges else _OUTER_VALUES


def _label(cell: TrainedCell) -> str:
    if cell.category is not None:
        return named(cell.category)
    if cell.low is not None and cell.low == cell.high:
        return number(cell.low)
    if cell.low is None:
        return f"up to {number(cell.high)}"
    return f"above {number(cell.low)}" if cell.high is None else f"{number(cell.low)} to {number(cell.high)}"


def _two(value: float) -> str:
    return "–" if sane(value) is None else f"{value:.2f}"
