"""One column's history over the windows of the axis."""

from dashboard.view.chosen import Chosen
from dashboard.view.columns import change_in_words, missing_share
from dashboard.view.model import FeatureHistory
from dashboard.view.words import named, sane, share_of, span


def feature_of(choice: Chosen, column: str) -> FeatureHistory | None:
    """None where no window has such a column."""
    found = [window.drift.features.get(column) if window.drift.judged else None for window in choice.windows]
    if not any(one is not None for one in found):
        return None
    window = choice.whole_judged
    trained = None if window is None else choice.trained(window.model.version)
    then = None if trained is None else trained.columns.get(column)
    text = f"{named(column)}: not compared in the newest window."
    if window is not None and column in window.drift.features:
        drift = window.drift.features[column]
        missing = share_of(window.missing.get(column, 0), window.records)
        when = span(window.start, window.end)
        said = change_in_words(column, then, drift, missing)
        text = f"{said} (window {when})" if drift.drifted else f"{named(column)}: as in training (window {when})"
    return FeatureHistory(
        column=column,
        text=text,
        distances=tuple([None if one is None else sane(one.distance) for one in found]),
        drifted=tuple([one is not None and one.drifted for one in found]),
        means=tuple([None if one is None else sane(one.mean) for one in found]),
        medians=tuple([None if one is None else sane(one.median) for one in found]),
        missing=tuple(
            [None if column == "score" else share_of(one.missing.get(column, 0), one.records) for one in choice.windows]
        ),
        mean_then=None if then is None else sane(then.mean),
        median_then=None if then is None else sane(then.median),
        missing_then=None if then is None else missing_share(then.counts),
    )
