"""The heat map: each column's distance from training, window by window."""

from contract.windows import FeatureDrift
from dashboard.view.chosen import Chosen
from dashboard.view.model import HeatMap, HeatRow
from dashboard.view.words import sane

_MOST_ROWS = 40


def heat_of(choice: Chosen, least: float, feature: str | None) -> HeatMap:
    """Rows in the order of the newest judged window: drifted ones first, then by distance."""
    judged = [window.drift.features if window.drift.judged else {} for window in choice.windows]
    last: dict[str, FeatureDrift] = {}
    for features in judged:
        last.update(features)
    newest = {} if choice.judged is None else choice.judged.drift.features
    order = sorted(last, key=lambda name: _rank(name, newest, last))
    shown = order[:_MOST_ROWS]
    if feature in last and feature not in shown:
        shown[-1] = feature
    rows = []
    for name in shown:
        found = [features.get(name) for features in judged]
        rows.append(
            HeatRow(
                column=name,
                distances=tuple([None if one is None else sane(one.distance) for one in found]),
                drifted=tuple([one is not None and one.drifted for one in found]),
            )
        )
    return HeatMap(rows=tuple(rows), least=least, hidden=len(order) - len(shown))


def _rank(name: str, newest: dict[str, FeatureDrift], last: dict[str, FeatureDrift]) -> tuple[bool, bool, float, str]:
    now = newest.get(name)
    return now is None, not (now or last[name]).drifted, -(now or last[name]).distance, name
