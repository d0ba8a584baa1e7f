"""Windows as the timeline makes them, for tests to change one thing of."""

from collections.abc import Mapping
from typing import Any

import msgspec

from contract.messages import ModelRef
from contract.windows import Cumulative, Drift, Estimate, Estimated, FeatureDrift, Nowcast, Performance, Window
from tests.support.messages import DAY, START

MODEL = ModelRef("churn", 3)


def feature_drift(distance: float, drifted: bool) -> FeatureDrift:
    return FeatureDrift(
        test="ks",
        distance=distance,
        p_value=1e-9 if drifted else 0.4,
        p_adjusted=1e-8 if drifted else 1.0,
        drifted=drifted,
    )


def drift(distances: Mapping[str, float], drifted: tuple[str, ...] = ()) -> Drift:
    """A judged window's drift: distances by column, and the columns that drifted."""
    features = {name: feature_drift(distance, name in drifted) for name, distance in distances.items()}
    return Drift(judged=True, drifted=bool(drifted), share=len(drifted) / len(features), features=features)


def performance(f1: float | None = 0.75, labelled: int = 1_000) -> Performance:
    return Performance(
        labelled=labelled,
        tn=700,
        fp=100,
        fn=50,
        tp=150,
        accuracy=0.85,
        precision=0.6,
        recall=0.75,
        f1=f1,
        roc_auc=0.9,
        brier=0.1,
        log_loss=0.3,
    )


def window(day: int = 0, **changed: Any) -> Window:
    """A provisional 7-day window that starts ``day`` days after START, half of it labelled."""
    made = Window(
        model=MODEL,
        start=START + day * DAY,
        end=START + (day + 7) * DAY,
        status="provisional",
        revision=0,
        records=2_000,
        labelled=1_000,
        threshold=0.4,
        performance=performance(),
        estimated=Estimated(
            records=2_000,
            tn=1400.5,
            fp=200.5,
            fn=100.5,
            tp=298.5,
            accuracy=Estimate(0.84, 0.82, 0.86),
            f1=Estimate(0.7, 0.66, 0.74),
        ),
        drift=drift({"Age": 0.02, "score": 0.03}),
        delay_p50_hours=36.0,
    )
    return msgspec.structs.replace(made, **changed)


def final(day: int = 0, **changed: Any) -> Window:
    """As ``window``, final: its next revision, all labelled."""
    settled: dict[str, Any] = {"status": "final", "revision": 1, "labelled": 2_000}
    return window(day, **settled | changed)


def nowcast(f1: float = 0.72, **changed: Any) -> Nowcast:
    """The nowcast of a window that has fewer of the labels that are 0 than of those that are 1."""
    expected = Estimated(
        records=2_000,
        tn=1_390.0,
        fp=210.0,
        fn=110.0,
        tp=290.0,
        accuracy=Estimate(0.84, 0.83, 0.85),
        f1=Estimate(f1, f1 - 0.03, f1 + 0.03),
    )
    return msgspec.structs.replace(
        Nowcast(performance=expected, coverage_negative=0.4, coverage_positive=0.9), **changed
    )


def cumulative(day: int = 0, f1: float = 0.8, revision: int = 1) -> Cumulative:
    """Cumulative metrics until the end of ``window(day)``."""
    return Cumulative(model=MODEL, end=window(day).end, revision=revision, performance=performance(f1, 9_000))
