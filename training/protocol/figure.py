"""One picture of where the report's F1 comes from: its test rows after SMOTE, real and synthetic, and honest ones."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from contract.arrays import Floats, Labels
from training.protocol.reproduction import THRESHOLD, Reproduction
from training.quality.estimates import wilson
from training.quality.evaluate import evaluate
from training.quality.intervals import bootstrap, percentiles
from training.quality.plotting import BLUE, INK, ORANGE, PURPLE, SKY, VERMILION, name, several_axes

_DRAWS = 1_000

Interval = tuple[float, float]


def origin_figure(found: Reproduction, seed: int) -> Figure:
    """F1 from honest rows to the report's, step by step; and which churners the report's model finds."""
    figure, (left, right) = several_axes(2, width=13, height=5.2)
    _steps(left, found, seed)
    _found(right, found)
    return figure


def balanced_f1(y: Labels, decisions: np.typing.NDArray[np.bool_]) -> float:
    """F1 that the decisions would have if half of the rows had label 1, errors of each label as they are."""
    found, alarmed = decisions[y == 1].mean(), decisions[y == 0].mean()
    return float(2 * found / (found + alarmed + 1))


def _steps(axes: Axes, found: Reproduction, seed: int) -> None:
    real = ~found.origin.synthetic
    y, p = found.after.y[real], found.after.probabilities[real]
    honest, after, origin = found.honest_smote, found.after, found.origin
    bars: list[tuple[str, float, Interval, str]] = [
        ("honest: customers held out\nbefore SMOTE", honest.metrics["f1"], honest.intervals["f1"], BLUE),
        (
            "report's model on the real\nrows of its test set",
            evaluate(y, p, THRESHOLD)["f1"],
            bootstrap(y, p, THRESHOLD, seed=seed)["f1"],
            SKY,
        ),
        (
            "the same rows, weighed as if\nhalf of them had churned",
            balanced_f1(y, p >= THRESHOLD),
            _balanced_interval(y, p, seed),
            ORANGE,
        ),
        (
            "synthetic rows instead,\ntheir fractions rounded away",
            evaluate(after.y, origin.rounded, THRESHOLD)["f1"],
            bootstrap(after.y, origin.rounded, THRESHOLD, seed=seed)["f1"],
            PURPLE,
        ),
        ("as reported: synthetic\nrows as SMOTE made them", after.metrics["f1"], after.intervals["f1"], VERMILION),
    ]
    name(axes, "F1 of the same kind of model, 95 % intervals", "F1 at threshold 0.5", "")
    places = np.arange(len(bars))[::-1]
    for place, (_, value, (low, high), colour) in zip(places, bars, strict=True):
        axes.barh(place, value, color=colour, height=0.6)
        axes.plot([low, high], [place, place], color=INK, linewidth=1.5)
        axes.text(high + 0.015, float(place), f"{value:.3f}", va="center", color=INK)
    axes.set_yticks(places, [label for label, *_ in bars])
    axes.set_xlim(0, 1.05)
    axes.grid(visible=False, axis="y")


def _found(axes: Axes, found: Reproduction) -> None:
    origin = found.origin
    of_them, synthetic = found.after.y == origin.rarer, origin.synthetic
    as_made, rounded = origin.recognised(found.after.probabilities), origin.recognised(origin.rounded)
    bars = [
        ("real", as_made[of_them & ~synthetic], SKY),
        ("synthetic,\nfractions rounded away", rounded[synthetic], PURPLE),
        ("synthetic,\nas SMOTE made them", as_made[synthetic], VERMILION),
    ]
    bars = [bar for bar in bars if len(bar[1])]
    name(
        axes,
        f"{origin.customers.capitalize()} in the report's test set\n"
        f"({origin.fractional:.0%} of the synthetic have fractions, no real one has)",
        "share that the report's model recognises, 95 % intervals",
        "",
    )
    places = np.arange(len(bars))[::-1]
    for place, (_, hits, colour) in zip(places, bars, strict=True):
        low, high = wilson(np.array([float(hits.sum())]), np.array([float(len(hits))]))
        axes.barh(place, hits.mean(), color=colour, height=0.6)
        axes.plot([low[0], high[0]], [place, place], color=INK, linewidth=1.5)
        axes.text(high[0] + 0.015, float(place), f"{hits.mean():.0%} of {len(hits):,}", va="center", color=INK)
    axes.set_yticks(places, [label for label, *_ in bars])
    axes.set_xlim(0, 1.2)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.grid(visible=False, axis="y")


def _balanced_interval(y: Labels, p: Floats, seed: int) -> Interval:
    """Percentile bootstrap of ``balanced_f1``."""
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(_DRAWS):
        rows = rng.integers(0, len(y), len(y))
        draws.append(balanced_f1(y[rows], p[rows] >= THRESHOLD))
    return percentiles(np.array(draws))
