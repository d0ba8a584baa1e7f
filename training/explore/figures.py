"""Pictures of a labelled table, from its schema's kinds alone: nothing here knows a column's name."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from contract.arrays import Floats, Labels, Mask
from contract.schema import Feature, FeatureKind, Schema
from training.quality.estimates import wilson
from training.quality.plotting import BLUE, GREY, INK, ORANGE, SKY, VERMILION, name, one_axes, several_axes
from training.table.prepare import Table

FEW_VALUES = 15
"""Most values of a feature that are drawn one by one; of names the commonest, the others together."""
BINS = 30
RATE_BINS = 10
OTHERS = "(others)"
MISSING = "(missing)"
_MATRIX_COLUMNS = 30
_WIDTH, _HEIGHT = 7.6, 3.2  # inches; two cards stand side by side on the page


@dataclass(frozen=True)
class Picture:
    """A figure, the name of its file, its heading on the page and what it shows in words; ``wide`` has a row alone."""

    file: str
    title: str
    text: str
    figure: Figure
    wide: bool = False


@dataclass(frozen=True)
class Group:
    """Rows with one value of a feature, or ``binned``: with a number in a range, or one that many rows have."""

    title: str
    rows: Mask
    middle: float = 0.0
    binned: bool = False


def pictures(rows: Table, schema: Schema) -> list[Picture]:
    """The label, each feature with the churn rate by it, the missing values and the correlations, in this order."""
    return [
        _label(rows.y, schema),
        *(_feature(feature, rows) for feature in schema.features),
        _missing(rows, schema),
        _correlations(rows, schema),
    ]


def groups(feature: Feature, column: "pd.Series[float]") -> list[Group]:
    """How the rows are divided by a feature, for the churn rate; rows without a value come last."""
    gone = column.isna().to_numpy()
    values = column.to_numpy()
    found: list[Group]
    if feature.is_categorical:
        found = _by_name(feature, values.astype(object), gone)
    else:
        numbers = values.astype(np.float64)
        levels = np.unique(numbers[~gone])
        if feature.kind is not FeatureKind.NUMERIC and len(levels) <= FEW_VALUES:
            found = [Group(f"{level:g}", numbers == level, float(level)) for level in levels]
        else:
            found = _by_bin(numbers, gone)
    if gone.any():
        found.append(Group(MISSING, gone, np.nan))
    return found


def _label(y: Labels, schema: Schema) -> Picture:
    figure, axes = one_axes("Customers", "customers", "", width=_WIDTH, height=_HEIGHT)
    counts = np.bincount(y, minlength=2)
    bars = axes.barh([1, 0], counts, color=[SKY, VERMILION], height=0.6)
    axes.bar_label(bars, [f" {count:,} ({count / len(y):.1%})" for count in counts], color=INK)
    axes.set_yticks([1, 0], [f"stayed ({schema.label.negative})", f"churned ({schema.label.positive})"])
    axes.set_xlim(0, counts.max() * 1.25)
    axes.grid(visible=False, axis="y")
    text = f"{counts[1]:,} of {len(y):,} customers churned ({counts[1] / len(y):.1%})."
    return Picture("label.png", f"Churned or not ({schema.label.column})", text, figure)


def _feature(feature: Feature, rows: Table) -> Picture:
    column, y = rows.X[feature.name], rows.y
    parts = groups(feature, column)
    figure, (left, right) = several_axes(2, width=_WIDTH, height=_HEIGHT)
    if not any(part.binned for part in parts):
        _counts(left, parts, y)
    else:
        _histogram(left, column.to_numpy().astype(np.float64), y)
    name(left, "Customers", feature.name, "customers")
    left.grid(visible=False, axis="x")
    _legend(left)
    _rates(right, parts, y, feature.name)
    rates = [float(y[part.rows].mean()) for part in parts]
    low, high = int(np.argmin(rates)), int(np.argmax(rates))
    text = (
        f"Lowest churn rate: {rates[low]:.1%} of {parts[low].rows.sum():,} customers with {feature.name} "
        f"{parts[low].title}; highest: {rates[high]:.1%} of {parts[high].rows.sum():,} with {parts[high].title}."
    )
    return Picture(f"feature-{feature.name}.png", f"{feature.name} ({feature.kind})", text, figure)


def _counts(axes: Axes, parts: list[Group], y: Labels) -> None:
    places = np.arange(len(parts))
    stayed = np.array([int((y[part.rows] == 0).sum()) for part in parts])
    churned = np.array([int((y[part.rows] == 1).sum()) for part in parts])
    axes.bar(places, stayed, color=SKY, label="stayed", width=0.7)
    axes.bar(places, churned, bottom=stayed, color=VERMILION, label="churned", width=0.7)
    _ticks(axes, [part.title for part in parts])


def _histogram(axes: Axes, numbers: Floats, y: Labels) -> None:
    present = np.isfinite(numbers)
    edges = _edges(numbers[present])
    axes.hist(
        [numbers[present & (y == 0)], numbers[present & (y == 1)]],
        bins=edges.tolist(),
        stacked=True,
        color=[SKY, VERMILION],
        label=["stayed", "churned"],
    )
    _short_numbers(axes)


def _short_numbers(axes: Axes) -> None:
    """``50 k`` for 50,000 along the bottom, and not too many of them."""
    axes.xaxis.set_major_locator(MaxNLocator(6))
    if max(map(abs, axes.get_xlim())) >= 10_000:
        axes.xaxis.set_major_formatter(EngFormatter())


def _edges(numbers: Floats) -> Floats:
    """At most about ``BINS`` equal bins; whole numbers are never split unevenly between them."""
    low, high = float(numbers.min()), float(numbers.max())
    if (numbers != np.round(numbers)).any() or high - low < 1:
        edges: Floats = np.histogram_bin_edges(numbers, bins=BINS)
        return edges
    step = max(1, int(np.ceil((high - low + 1) / BINS)))
    return np.arange(low - 0.5, high + step, step)


def _legend(axes: Axes) -> None:
    """Above the drawing, where it hides nothing; the title stands on the left."""
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 0.98),
        ncols=2,
        fontsize=8,
        frameon=False,
        columnspacing=1,
        handlelength=1.4,
    )


def _rates(axes: Axes, parts: list[Group], y: Labels, feature: str) -> None:
    counts = np.array([float(part.rows.sum()) for part in parts])
    churned = np.array([float(y[part.rows].sum()) for part in parts])
    low, high = wilson(churned, counts)
    rate = churned / counts
    # rounding can put an end a hair inside
    reach = np.maximum([rate - low, high - rate], 0.0)
    binned = any(part.binned for part in parts)
    places = np.array([part.middle for part in parts]) if binned else np.arange(len(parts), dtype=np.float64)
    drawn = np.isfinite(places)
    axes.errorbar(places[drawn], rate[drawn], yerr=reach[:, drawn], fmt="o", color=BLUE, ecolor=BLUE, capsize=3)
    axes.axhline(float(y.mean()), linestyle="--", color=GREY, label=f"all: {y.mean():.1%}")
    if not binned:
        _ticks(axes, [part.title for part in parts])
        axes.set_xlim(-0.6, len(parts) - 0.4)
    else:
        _short_numbers(axes)
    axes.set_ylim(0, min(1.02, float(high.max()) * 1.15))
    _legend(axes)
    name(axes, "Churn rate, 95 % intervals", f"{feature}{', tenths of the customers' if binned else ''}", "churn rate")


def _ticks(axes: Axes, titles: list[str]) -> None:
    crowded = len(titles) * max(map(len, titles)) > 40
    axes.set_xticks(
        np.arange(len(titles)),
        [title if len(title) <= 24 else f"{title[:23]}…" for title in titles],
        rotation=40 if crowded else 0,
        ha="right" if crowded else "center",
    )


def _by_name(feature: Feature, values: npt.NDArray[np.object_], gone: Mask) -> list[Group]:
    present = values[~gone].astype(str)
    names, counts = np.unique(present, return_counts=True)
    listed = [each for each in feature.categories if each in names]
    by_count = [str(each) for each in names[np.argsort(-counts, kind="stable")] if str(each) not in listed]
    shown = (listed + by_count)[: FEW_VALUES if len(names) <= FEW_VALUES else FEW_VALUES - 1]
    found = [Group(each, values == each) for each in shown]
    rest = ~gone & ~np.isin(np.where(gone, "", values).astype(str), shown)
    return [*found, Group(OTHERS, rest)] if rest.any() else found


def _by_bin(numbers: Floats, gone: Mask) -> list[Group]:
    """Tenths of the rows; a value that a tenth of the rows have is a group of its own."""
    levels, counts = np.unique(numbers[~gone], return_counts=True)
    heavy = levels[counts >= len(numbers) / RATE_BINS]
    alone = np.isin(numbers, heavy)
    found = [Group(f"{level:,.6g}", numbers == level, float(level), binned=True) for level in heavy]
    rest = ~gone & ~alone
    if rest.any():
        parts = max(1, round(RATE_BINS * rest.sum() / (~gone).sum()))
        edges = np.unique(np.quantile(numbers[rest], np.linspace(0, 1, parts + 1)))
        place = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, max(0, len(edges) - 2))
        found += [_bin(numbers, rest & (place == number)) for number in np.unique(place[rest])]
    return sorted(found, key=lambda group: group.middle)


def _bin(numbers: Floats, rows: Mask) -> Group:
    inside = numbers[rows]
    low, high = float(inside.min()), float(inside.max())
    return Group(f"{low:,.6g} to {high:,.6g}", rows, float(inside.mean()), binned=True)


def _correlations(rows: Table, schema: Schema) -> Picture:
    columns: dict[str, Floats] = {}
    for feature in schema.features:
        column = rows.X[feature.name]
        if feature.is_categorical:
            # of two names, one says it all
            told = feature.categories[1:] if len(feature.categories) == 2 else feature.categories
            columns |= {f"{feature.name} = {each}": np.asarray(column == each, dtype=np.float64) for each in told}
        else:
            columns[feature.name] = column.to_numpy(np.float64)
    left_out = len(columns) - _MATRIX_COLUMNS
    columns = dict(list(columns.items())[:_MATRIX_COLUMNS]) | {schema.label.column: rows.y.astype(np.float64)}
    matrix = pd.DataFrame(columns).corr().to_numpy()
    size = 2.6 + 0.42 * len(columns)
    figure, axes = one_axes("Pearson's correlation", "", "", width=size + 1, height=size)
    image = axes.imshow(matrix, cmap="PuOr", vmin=-1, vmax=1)
    for row, column_number in np.ndindex(*matrix.shape):
        value = matrix[row, column_number]
        if np.isfinite(value):
            axes.text(
                column_number,
                row,
                f"{value:.2f}".replace("0.", ".").replace("-.00", ".00"),
                ha="center",
                va="center",
                fontsize=7,
                color="white" if abs(value) > 0.6 else INK,
            )
    axes.set_xticks(np.arange(len(columns)), list(columns), rotation=45, ha="right")
    axes.set_yticks(np.arange(len(columns)), list(columns))
    axes.grid(visible=False)
    figure.colorbar(image, ax=axes, shrink=0.7)
    strongest = _strongest(matrix[-1, :-1], list(columns)[:-1])
    if left_out > 0:
        strongest += f" The first {_MATRIX_COLUMNS} columns are drawn, {left_out} are not."
    return Picture("correlation.png", "Correlation matrix", strongest, figure, wide=True)


def _strongest(with_label: Floats, names: list[str]) -> str:
    known = [(abs(value), value, each) for value, each in zip(with_label, names, strict=True) if np.isfinite(value)]
    first = sorted(known, reverse=True)[:3]
    told = ", ".join(f"{each} ({value:+.2f})" for _, value, each in first)
    return f"With churn, linearly: {told}. An effect that goes up and down again does not show here." if told else ""


def _missing(rows: Table, schema: Schema) -> Picture:
    empty = {feature.name: int(rows.X[feature.name].isna().sum()) for feature in schema.features}
    left_out = [rows.excluded.get(feature.name, 0) for feature in schema.features]
    figure, axes = one_axes("Rows", "rows", "", width=_WIDTH, height=max(_HEIGHT, 1.2 + 0.24 * len(schema.features)))
    places = np.arange(len(empty))[::-1]
    axes.barh(places + 0.2, list(empty.values()), height=0.38, color=ORANGE, label="missing, as the schema allows")
    axes.barh(places - 0.2, left_out, height=0.38, color=VERMILION, label="left out: violates the schema")
    axes.set_yticks(places, list(empty))
    axes.set_xlim(0, max(1, *empty.values(), *left_out) * 1.1)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(visible=False, axis="y")
    _legend(axes)
    gaps = [each for each, count in empty.items() if count]
    text = f"Missing values in {', '.join(gaps)}." if gaps else "No value is missing in the rows that are used."
    out = rows.rows_read - len(rows.y)
    return Picture("missing.png", "Missing values", f"{text} {out:,} of {rows.rows_read:,} rows are left out.", figure)
