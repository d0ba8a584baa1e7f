"""Pictures of a review that no other part draws: costs, groups, periods and dependence. From the facts alone."""

from datetime import UTC, datetime

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.quality.plotting import (
    BLUE,
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
from training.review.facts import CostFacts, Explained, GroupFacts, PeriodFacts, RateFacts, ReviewFacts, SegmentFacts

COSTS, GROUPS, PERIODS, DEPENDENCE = "costs", "groups", "periods", "dependence"
_COLOURS = (BLUE, VERMILION, ORANGE, SKY, GREY)
_ACROSS = 4


def review_figures(facts: ReviewFacts) -> dict[str, Figure]:
    """By name; what there are no facts for is not drawn."""
    found = {COSTS: _costs(facts.costs, facts.model.threshold)}
    if any(group.called for segment in facts.segments for group in segment.groups):
        found[GROUPS] = _groups(facts.segments)
    if facts.periods:
        found[PERIODS] = _periods(facts.periods)
    drawn = [one for one in facts.explained if one.mean]
    if drawn:
        found[DEPENDENCE] = _dependence(drawn)
    return found


def _costs(costs: CostFacts, threshold: float) -> Figure:
    """What the better of calling nobody and calling everybody costs, minus what the model costs, by threshold."""
    unit = "" if costs.rows[0].given else ", in needless calls"
    figure, axes = one_axes(
        "What the model saves, by threshold\nagainst the better of calling nobody and calling everybody",
        "threshold",
        f"saved per 1,000 customers{unit}",
        width=7.2,
    )
    grid = np.array(costs.grid)
    for row, curve, colour in zip(costs.rows, costs.curves, _COLOURS, strict=False):
        # at threshold 0 everybody is called; beyond every probability nobody is
        without_model = min(curve[0], row.cost + row.over_nothing.value)
        saved = without_model - np.array(curve)
        axes.plot(grid, saved, color=colour, label=f"a missed churner costs {row.missed / row.needless:,.3g} ×")
        axes.plot([row.threshold], [without_model - row.cost], "o", color=colour)
    top = max(max(0.0, float(line.get_ydata().max())) for line in axes.lines)  # type: ignore[union-attr]
    axes.set_ylim(-0.6 * top if top else None, 1.15 * top if top else None)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.axvline(threshold, color=INK, linestyle=":", linewidth=1, label=f"registered {threshold:.3f}")
    axes.legend(loc="lower right", fontsize=8)
    return figure


def _groups(segments: tuple[SegmentFacts, ...]) -> Figure:
    told = [group for segment in segments for group in segment.groups if group.called is not None]
    figure, panels = several_axes(3, width=12, height=max(2.6, 0.34 * len(told) + 1.3))
    places = np.arange(len(told))[::-1]
    for axes, (what, title) in zip(
        panels,
        (
            ("called", "Called (selection rate)"),
            ("missed", "Churners missed (false negatives)"),
            ("needless", "Stayers called (false positives)"),
        ),
        strict=True,
    ):
        name(axes, title, "share, 95 % interval", "")
        for place, group in zip(places, told, strict=True):
            _point(axes, getattr(group, what), place)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.6, len(told) - 0.4)
        axes.set_yticks(places, [_titled(group) for group in told] if axes is panels[0] else [])
    return figure


def _titled(group: GroupFacts) -> str:
    return f"{shortened(group.name)} ({group.rows:,})"


def _point(axes: Axes, found: RateFacts | None, place: float) -> None:
    if found is not None:
        axes.plot([found.low, found.high], [place, place], color=BLUE, linewidth=2)
        axes.plot([found.value], [place], "o", color=BLUE, markersize=5)


def _periods(periods: tuple[PeriodFacts, ...]) -> Figure:
    figure, (left, right) = several_axes(2, width=12, height=3.8)
    places = np.arange(len(periods))
    name(left, "Churned and predicted", "period begins", "share of the rows")
    churned = np.array([[period.churned.value, period.churned.low, period.churned.high] for period in periods]).T
    left.errorbar(
        places,
        churned[0],
        yerr=[churned[0] - churned[1], churned[2] - churned[0]],
        fmt="o",
        color=VERMILION,
        capsize=3,
        label="churned",
    )
    left.plot(places, [period.predicted for period in periods], "-", color=BLUE, label="mean probability")
    left.plot(places, [period.called.value for period in periods], "--", color=GREY, label="called")
    left.set_ylim(bottom=0)
    left.legend(fontsize=8)
    name(right, "ROC AUC, 95 % intervals", "period begins", "ROC AUC")
    for place, period in zip(places, periods, strict=True):
        if period.auc is not None:
            value, low, high = period.auc
            right.plot([place, place], [low, high], color=BLUE, linewidth=2)
            right.plot([place], [value], "o", color=BLUE)
    for axes in (left, right):
        axes.set_xticks(places, [_day(period.start) for period in periods], rotation=40, ha="right")
    return figure


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1_000, UTC).strftime("%Y-%m-%d")


def _dependence(explained: list[Explained]) -> Figure:
    down = -(-len(explained) // _ACROSS)
    figure = Figure(figsize=(12, 2.5 * down))
    panels = figure.subplots(down, _ACROSS, squeeze=False, sharey=True).ravel()
    figure.subplots_adjust(left=0.06, right=0.99, top=1 - 0.28 / (2.5 * down), bottom=0.5 / (2.5 * down))
    figure.subplots_adjust(hspace=0.4, wspace=0.08)
    for axes, one in zip(panels, explained, strict=False):
        name(axes, shortened(one.feature), "", "")
        axes.title.set_fontsize(9)
        axes.tick_params(labelsize=7)
        if one.names:
            places = np.arange(len(one.names), dtype=np.float64)
            axes.vlines(places, one.low, one.high, color=SKY, linewidth=5)
            axes.plot(places, one.mean, "o", color=BLUE, markersize=4)
            axes.set_xlim(-0.6, len(places) - 0.4)
            axes.set_xticks(places, [each[:12] for each in one.names])
            if sum(len(each) for each in one.names) > 24:
                axes.tick_params(axis="x", rotation=30)
        else:
            axes.fill_between(list(one.numbers), one.low, one.high, color=SKY, alpha=0.45, linewidth=0)
            axes.plot(list(one.numbers), one.mean, "o-", color=BLUE, markersize=2.5, linewidth=1.4)
            axes.locator_params(axis="x", nbins=5)
    for axes in panels[len(explained) :]:
        axes.set_visible(False)
    figure.supylabel("probability", fontsize=9)
    return figure
