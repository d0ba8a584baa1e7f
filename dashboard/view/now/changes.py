"""What changed, in plain words: the drifted columns of the newest window that was judged."""

from dashboard.view.chosen import Chosen
from dashboard.view.columns import change_in_words, dependence_in_words
from dashboard.view.model import ColumnChange
from dashboard.view.words import share_of

_MOST = 6


def changes_of(choice: Chosen) -> tuple[ColumnChange, ...]:
    """Most drifted first; the pair of columns whose dependence changed behind them."""
    window = choice.whole_judged
    if window is None or not window.drift.judged:
        return ()
    trained = choice.trained(window.model.version)
    columns = {} if trained is None else trained.columns
    drifted = [(name, drift) for name, drift in window.drift.features.items() if drift.drifted]
    drifted.sort(key=lambda one: (-one[1].distance, one[0]))
    changes = []
    for name, drift in drifted:
        missing = share_of(window.missing.get(name, 0), window.records)
        changes.append(ColumnChange(column=name, text=change_in_words(name, columns.get(name), drift, missing)))
    pair = window.drift.dependence
    if pair is not None and pair.drifted:
        changes.append(ColumnChange(column=pair.title, text=dependence_in_words(pair)))
    if len(changes) <= _MOST:
        return tuple(changes)
    return (*changes[:_MOST], ColumnChange(column="", text=f"and {len(changes) - _MOST} more"))
