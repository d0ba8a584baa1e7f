"""Pictures of one model's probabilities on labelled rows, and of two models beside each other."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from contract.arrays import Floats, Labels
from training.quality.estimates import wilson
from training.quality.evaluate import CALIBRATION_BINS, calibration_error
from training.quality.importances import Importances
from training.quality.intervals import LOWER_IS_BETTER, METRICS, Difference, ScoredRows
from training.quality.plotting import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SKY,
    VERMILION,
    name,
    one_axes,
    several_axes,
    shortened,
)

MOST_BARS = 40
_GRID = 201  # thresholds drawn


def curves(y: Labels, p: Floats, threshold: float, title: str) -> dict[str, Figure]:
    """``roc``, ``precision_recall``, ``calibration``, ``confusion`` and ``threshold`` of probabilities of label 1.

    ``y`` holds both labels; ``title`` says of which model and rows, and stands over each figure.
    """
    return {
        "roc": _roc(y, p, threshold, title),
        "precision_recall": _precision_recall(y, p, threshold, title),
        "calibration": _calibration(y, p, title),
        "confusion": _confusion(y, p, threshold, title),
        "threshold": _threshold(y, p, threshold, title),
    }


def importance(found: Importances) -> Figure:
    """How much ROC AUC falls when a feature's values are shuffled, most important feature first, at most ``MOST_BARS``.

    Bars are means of the shuffles, with their standard deviation.
    """
    order = np.argsort(found.means, kind="stable")[-MOST_BARS:]
    cut = f", the first {len(order)} of {len(found.names)} features" if len(order) < len(found.names) else ""
    figure, axes = one_axes(
        f"Permutation importance ({found.rows:,} rows{cut})",
        "fall of ROC AUC when the feature is shuffled",
        "",
        height=max(2.5, 0.38 * len(order) + 1.2),
    )
    axes.barh(np.arange(len(order)), found.means[order], xerr=found.spreads[order], color=BLUE, ecolor=INK)
    axes.set_yticks(np.arange(len(order)), [shortened(found.names[place]) for place in order])
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.grid(visible=False, axis="y")
    return figure


def comparison(
    y: Labels, models: tuple[tuple[str, ScoredRows], tuple[str, ScoredRows]], differences: dict[str, Difference]
) -> Figure:
    """ROC curves of two named models, and each metric's difference, first minus second, with its interval."""
    (first, one), (second, other) = models
    figure, (left, right) = several_axes(2, width=12, height=5)
    name(left, f"ROC on {len(y):,} rows that neither has seen", "false positive rate", "true positive rate (recall)")
    for label, model, colour, line in ((first, one, BLUE, "-"), (second, other, VERMILION, "--")):
        x, height, _ = roc_curve(y, model.probabilities)
        auc = roc_auc_score(y, model.probabilities)
        left.plot(x, height, line, color=colour, label=f"{label}, AUC {auc:.3f}")
        _mark(left, y, model, colour)
    left.plot([0, 1], [0, 1], ":", color=GREY)
    left.legend(loc="lower right")

    name(right, f"{first} minus {second}, 95 % interval", f"difference; on the right {first} is better", "")
    for place, metric in enumerate(reversed(METRICS)):
        sign = -1 if metric in LOWER_IS_BETTER else 1
        value, ends = sign * differences[metric].value, sorted(sign * end for end in _ends(differences[metric]))
        colour = GREY if not differences[metric].beyond_noise else (GREEN if value > 0 else ORANGE)
        right.plot(ends, [place, place], color=colour, linewidth=2.5)
        right.plot([value], [place], "o", color=colour)
    right.axvline(0, color=INK, linewidth=0.8)
    named = [f"{metric.replace('_', ' ')}{' (sign turned)' if metric in LOWER_IS_BETTER else ''}" for metric in METRICS]
    right.set_yticks(range(len(METRICS)), list(reversed(named)))
    return figure


def _roc(y: Labels, p: Floats, threshold: float, title: str) -> Figure:
    figure, axes = one_axes(f"ROC\n{title}", "false positive rate", "true positive rate (recall)")
    x, height, _ = roc_curve(y, p)
    axes.plot(x, height, color=BLUE, label=f"model, area {roc_auc_score(y, p):.3f}")
    axes.plot([0, 1], [0, 1], ":", color=GREY, label="chance, area 0.5")
    _mark(axes, y, ScoredRows(p, threshold), VERMILION, f"threshold {threshold:.3f}")
    axes.legend(loc="lower right")
    return figure


def _mark(axes: Axes, y: Labels, model: ScoredRows, colour: str, label: str | None = None) -> None:
    x, height = model.decisions[y == 0].mean(), model.decisions[y == 1].mean()
    axes.plot([x], [height], "o", color=colour, markersize=8, label=label)


def _precision_recall(y: Labels, p: Floats, threshold: float, title: str) -> Figure:
    figure, axes = one_axes(f"Precision and recall\n{title}", "recall", "precision")
    precision, recall, _ = precision_recall_curve(y, p)
    axes.plot(recall, precision, color=BLUE, label=f"model, average precision {average_precision_score(y, p):.3f}")
    axes.axhline(y.mean(), linestyle=":", color=GREY, label=f"chance, {y.mean():.3f}")
    decisions = p >= threshold
    if decisions.any():
        axes.plot(
            [decisions[y == 1].mean()],
            [y[decisions].mean()],
            "o",
            color=VERMILION,
            markersize=8,
            label=f"threshold {threshold:.3f}",
        )
    axes.set_ylim(0, 1.03)
    axes.legend(loc="upper right")
    return figure


def _calibration(y: Labels, p: Floats, title: str) -> Figure:
    figure, (axes, below) = several_axes(2, width=6.4, height=6.4, heights=(3.0, 1.0))
    name(axes, f"Calibration, error {calibration_error(y, p):.3f}\n{title}", "", "share that churned (95 % interval)")
    parts = np.array_split(np.argsort(p, kind="stable"), CALIBRATION_BINS)
    parts = [part for part in parts if len(part)]
    said = np.array([p[part].mean() for part in parts])
    counts, churned = np.array([float(len(part)) for part in parts]), np.array([float(y[part].sum()) for part in parts])
    low, high = wilson(churned, counts)
    share = churned / counts
    axes.errorbar(
        said, share, yerr=np.abs([share - low, high - share]), fmt="o", color=BLUE, capsize=3, label="a tenth"
    )
    axes.plot([0, 1], [0, 1], ":", color=GREY, label="perfect")
    axes.legend(loc="upper left")
    name(below, "", "probability that the model gives", "rows")
    below.hist(p, bins=40, range=(0, 1), color=SKY)
    for each in (axes, below):
        each.set_xlim(-0.02, 1.02)
    return figure


def _confusion(y: Labels, p: Floats, threshold: float, title: str) -> Figure:
    counts = confusion_matrix(y, (p >= threshold).astype(np.int64), labels=[0, 1])
    figure, axes = one_axes(f"Confusion matrix at threshold {threshold:.3f}\n{title}", "predicted", "actual", width=5.4)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    short = (("TN", "FP"), ("FN", "TP"))
    for row, column in np.ndindex(2, 2):
        axes.text(
            column,
            row,
            f"{short[row][column]}\n{counts[row, column]:,}\n{share[row, column]:.0%} of row",
            ha="center",
            va="center",
            color="white" if share[row, column] > 0.5 else INK,
            fontsize=12,
        )
    axes.set_xticks([0, 1], ["stays", "churns"])
    axes.set_yticks([0, 1], ["stays", "churns"], rotation=90, va="center")
    axes.grid(visible=False)
    return figure


def _threshold(y: Labels, p: Floats, threshold: float, title: str) -> Figure:
    figure, axes = one_axes(f"Threshold against F1, precision and recall\n{title}", "threshold", "")
    levels = np.linspace(0, 1, _GRID)
    positives = np.sort(p[y == 1])
    found = len(positives) - np.searchsorted(positives, levels)
    said = len(p) - np.searchsorted(np.sort(p), levels)
    f1 = 2 * found / (said + len(positives))
    precision = np.divide(found, said, out=np.full(_GRID, np.nan), where=said > 0)
    axes.plot(levels, f1, color=BLUE, linewidth=2.2, label="F1")
    axes.plot(levels, precision, "--", color=GREEN, label="precision")
    axes.plot(levels, found / len(positives), "-.", color=ORANGE, label="recall")
    decisions = p >= threshold
    chosen = 2 * decisions[y == 1].sum() / (decisions.sum() + len(positives))
    axes.axvline(threshold, color=INK, linewidth=0.8)
    axes.plot(
        [threshold], [chosen], "o", color=VERMILION, markersize=8, label=f"chosen {threshold:.3f}, F1 {chosen:.3f}"
    )
    axes.set_ylim(0, 1.03)
    axes.legend(loc="best")
    return figure


def _ends(difference: Difference) -> tuple[float, float]:
    return difference.low, difference.high
