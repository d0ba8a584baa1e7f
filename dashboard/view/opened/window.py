"""An opened window: its numbers, what drifted, which segments lost, where to look further."""

from contract.topics import WINDOWS
from contract.windows import SegmentMetrics, Window
from dashboard.view.address import address_of
from dashboard.view.chosen import Chosen
from dashboard.view.columns import bars, change_in_words, dependence_in_words
from dashboard.view.metrics import TITLES, MetricValue, estimated, held_out, nowcast, realised
from dashboard.view.model import ColumnDetail, Fact, Link, Number, SegmentDetail, WindowDetail
from dashboard.view.places import CSV_ADDRESS, JSON_ADDRESS, Places
from dashboard.view.selected import METRICS, Selected
from dashboard.view.words import (
    NOTHING,
    hours,
    is_count,
    moment,
    named,
    number,
    percent,
    sane,
    several,
    share_of,
    short_moment,
    span,
    version_title,
    whole,
    with_interval,
)

_MOST_COLUMNS, _MOST_IN_JSON = 12, 1_000
_MOST_SEGMENTS = 12


def window_of(choice: Chosen, selected: Selected, places: Places) -> WindowDetail | None:
    """None where the axis has no window of this start."""
    place = None if selected.window is None else choice.by_start.get(selected.window)
    if place is None:
        return None
    slim = choice.windows[place]
    kept = choice.known.window(slim.model, slim.start)
    window = slim if kept is None else kept.window
    performance = window.performance
    expected = window.estimated
    columns = tuple(_columns(choice, window))
    return WindowDetail(
        start=window.start,
        end=window.end,
        version=window.model.version,
        title=f"{span(window.start, window.end)}, {named(window.model.name)} {version_title(window.model)}",
        status=f"{window.status}, revision {whole(window.revision)}",
        facts=_facts(window, None if kept is None else kept.at),
        numbers=tuple(_numbers(choice, window)),
        confusion=(performance.tn, performance.fp, performance.fn, performance.tp) if window.labelled else None,
        expected=None if window.untrusted_since is not None else (expected.tn, expected.fp, expected.fn, expected.tp),
        columns=columns[:_MOST_COLUMNS],
        others=columns[_MOST_COLUMNS:_MOST_IN_JSON],
        segments=tuple(_segments(window)),
        links=tuple(_links(choice, window, selected, places)),
        position=NOTHING if kept is None else f"{places.topic_prefix}{WINDOWS}-0 @ {kept.offset}",
        before=choice.windows[place - 1].start if place else None,
        after=choice.windows[place + 1].start if place + 1 < len(choice.windows) else None,
    )


def _facts(window: Window, at: int | None) -> tuple[Fact, ...]:
    inferred = (
        f"{whole(window.inferred)} of them are inferred: no label came, which counts as 0." if window.inferred else ""
    )
    facts = [
        Fact(label="Records", value=whole(window.records), term="record"),
        Fact(
            label="Labels in",
            value=f"{whole(window.labelled)} ({percent(window.coverage)})",
            detail=inferred,
            term="coverage",
        ),
        Fact(label="Median delay", value=hours(window.delay_p50_hours), term="delay"),
        Fact(
            label="Customers",
            value=whole(window.customers),
            detail="Estimated number of different customers." if window.customers is not None else "",
            term="customer",
        ),
        Fact(label="Threshold", value=number(window.threshold), term="threshold"),
        _drift(window),
        _relation(window),
        _worsening(window),
    ]
    if window.untrusted_since is not None:
        told = f"withdrawn since {short_moment(window.untrusted_since)}"
        detail = "Labels have shown that scores have had another meaning since then."
        facts.append(Fact(label="Estimate", value=told, tone="notice", detail=detail, term="estimated"))
    lost = sum(window.dead_letters.values())
    reasons = [f"{reason}: {whole(count)}" for reason, count in sorted(window.dead_letters.items())]
    facts.append(
        Fact(
            label="Dead letters",
            value=whole(lost),
            tone="notice" if lost else "good",
            detail=several(reasons, 10),
            term="dead letter",
        )
    )
    if at is not None:
        detail = "When this revision reached Kafka, by the clock."
        facts.append(Fact(label="Last updated", value=moment(at), detail=detail, term="revision"))
    return tuple(facts)


def _drift(window: Window) -> Fact:
    if not window.drift.judged:
        return Fact(label="Inputs", value="not judged", detail="Too few records, or no reference.", term="drift")
    drifted = window.drift.drifted_columns
    return Fact(
        label="Inputs",
        value=f"drifted: {several(drifted)}" if drifted else "as in training",
        tone="notice" if drifted else "good",
        term="drift",
    )


def _relation(window: Window) -> Fact:
    found = window.relation
    if found is None:
        return Fact(label="Relation", value="not judged", detail="Too few labels.", term="relation")
    expected = found.expected
    return Fact(
        label="Relation",
        value="changed" if found.changed else "as in training",
        tone="bad" if found.changed else "good",
        detail=f"{whole(found.observed)} churned, {number(expected.value)} "
        f"({number(expected.low)}–{number(expected.high)}) were expected from their scores.",
        term="relation",
    )


def _worsening(window: Window) -> Fact:
    found = window.worsening
    if found is None:
        return Fact(label="Probabilities", value="not judged", detail="Too few labels.", term="brier")
    excess = found.excess
    return Fact(
        label="Probabilities",
        value="worse than in training" if found.worse else "not worse than in training",
        tone="bad" if found.worse else "good",
        detail=f"The Brier score is above that of training by {with_interval(excess.value, excess.low, excess.high)}.",
        term="brier",
    )


def _numbers(choice: Chosen, window: Window) -> list[Number]:
    def text(found: MetricValue | None) -> str:
        return NOTHING if found is None else found.text

    trained = choice.trained(window.model.version)
    return [
        Number(
            metric=metric,
            title=TITLES[metric],
            realised=text(realised(window, metric)),
            nowcast=text(nowcast(window, metric)),
            estimated=text(estimated(window, metric)),
            training=text(held_out(trained, metric)),
        )
        for metric in METRICS
    ]


def _columns(choice: Chosen, window: Window) -> list[ColumnDetail]:
    """Drifted ones first; the pair of columns whose dependence changed among them."""
    trained = choice.trained(window.model.version)
    columns = {} if trained is None else trained.columns
    ordered = sorted(window.drift.features.items(), key=lambda one: (not one[1].drifted, -one[1].distance, one[0]))
    found = []
    pair = window.drift.dependence
    if pair is not None and pair.drifted:
        found.append(ColumnDetail(column=pair.title, drifted=True, distance=None, text=dependence_in_words(pair)))
    for name, drift in ordered:
        missing = share_of(window.missing.get(name, 0), window.records)
        then = columns.get(name)
        if drift.drifted:
            said = change_in_words(name, then, drift, missing)
        else:
            said = f"{named(name)}: {'as in training' if window.drift.judged else 'not judged'}"
        found.append(
            ColumnDetail(
                column=name,
                drifted=drift.drifted,
                distance=sane(drift.distance),
                text=said,
                bars=bars(then, drift),
            )
        )
    return found


def _segments(window: Window) -> list[SegmentDetail]:
    """Those that lost most first; behind them those of which it is not known."""
    ordered = sorted(window.segments, key=lambda one: (one.excess_loss is None, -(one.excess_loss or 0.0), one.name))
    return [_segment(one) for one in ordered[:_MOST_SEGMENTS]]


def _segment(one: SegmentMetrics) -> SegmentDetail:
    churn = NOTHING
    if one.labelled:
        churn = percent(share_of(one.observed, one.labelled))
        if one.expected is not None and is_count(one.labelled):
            churn += f" ({percent(one.expected.value / one.labelled)} expected)"
    return SegmentDetail(
        name=one.name,
        records=one.records,
        labelled=one.labelled,
        changed=one.changed,
        f1=NOTHING if one.f1 is None else with_interval(one.f1.value, one.f1.low, one.f1.high),
        churn=churn,
        lost=NOTHING if sane(one.excess_loss) is None else f"{one.excess_loss:+.4f}",
    )


def _links(choice: Chosen, window: Window, selected: Selected, places: Places) -> list[Link]:
    links = []
    if places.own_reports:
        links.append(
            Link(
                text="Drift report of this window",
                address=places.report_of(window.model, window.start),
                note="By Evidently, made on demand, which takes some seconds.",
            )
        )
    trained = choice.trained(window.model.version)
    if trained is not None and trained.experiment is not None:
        for kind, run in sorted(trained.runs.items())[:10]:
            address = places.mlflow_run(trained.experiment, run)
            if address is not None:
                links.append(Link(text=f"MLflow: {named(kind, 40)} of v{trained.version}", address=address))
    links.append(Link(text="This page as JSON", address=f"{JSON_ADDRESS}{address_of(selected)}"))
    links.append(Link(text="All windows as CSV", address=f"{CSV_ADDRESS}{address_of(selected)}"))
    return links
