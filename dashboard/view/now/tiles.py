"""Tiles: how the newest windows are, beside how it was in training."""

from contract.windows import Window
from dashboard.view.chosen import Chosen
from dashboard.view.incident_state import standing_of
from dashboard.view.metrics import TITLES, MetricValue, better, estimated, held_out, realised
from dashboard.view.model import Tile, Tone
from dashboard.view.selected import Metric
from dashboard.view.words import (
    NOTHING,
    SIGNS,
    count,
    hours,
    percent,
    several,
    severity_tone,
    share_of,
    short_moment,
    span,
    version_title,
    whole,
)


def tiles_of(choice: Chosen, metric: Metric) -> tuple[Tile, ...]:
    """Those of a stream with windows; without any there is nothing to tell."""
    if not choice.windows:
        return ()
    first = (
        [_realised(choice, metric), _brier(choice)] if metric != "brier" else [_brier(choice), _realised(choice, "f1")]
    )
    return (
        *first,
        _estimated(choice, metric),
        _coverage(choice),
        _drifted(choice),
        _dead_letters(choice),
    )


def _tile(name: str, now: str, tone: Tone, term: str, *, then: str = "", detail: str = "") -> Tile:
    return Tile(name=name, now=now, then=then, detail=detail, tone=tone, sign=SIGNS[tone], term=term)


def _realised(choice: Chosen, metric: Metric) -> Tile:
    window = choice.labelled
    name = f"{TITLES[metric]}, realised"
    found = None if window is None else realised(window, metric)
    if window is None or found is None:
        missing = "No label has come yet." if window is None else f"Not defined in window {_of_when(window)}."
        return _tile(name, NOTHING, "unknown", metric, then=_then(choice, choice.windows[-1], metric), detail=missing)
    before = held_out(choice.trained(window.model.version), metric)
    return _tile(
        name,
        found.text,
        _compared(found, before, metric),
        metric,
        then=_text(before),
        detail=f"{_of_labels(window)} {_in_words(found, before, metric)}".strip(),
    )


def _brier(choice: Chosen) -> Tile:
    window = choice.labelled
    found = None if window is None else realised(window, "brier")
    if window is None or found is None:
        then = _then(choice, choice.windows[-1], "brier")
        return _tile("Brier score", NOTHING, "unknown", "brier", then=then, detail="No label has come yet.")
    before = held_out(choice.trained(window.model.version), "brier")
    then = _text(before)
    if window.worsening is not None:
        # the monitor's own judgement, which knows margin and noise
        tone: Tone = "bad" if window.worsening.worse else "good"
        told = "Worse than in training." if window.worsening.worse else "Not worse than in training."
        then = then if before is not None else MetricValue(window.worsening.reference).text
    else:
        tone, told = "unknown", "Not judged: too few labels, or the value in training is not known."
    return _tile("Brier score", found.text, tone, "brier", then=then, detail=f"{_of_labels(window)} {told}")


def _estimated(choice: Chosen, metric: Metric) -> Tile:
    name = f"{TITLES[metric]}, estimated"
    newest = choice.windows[-1]
    then = _then(choice, newest, metric)
    if newest.untrusted_since is not None:
        told = (
            f"Withdrawn: labels show that scores have had another meaning since {short_moment(newest.untrusted_since)}."
        )
        return _tile(name, "withdrawn", "notice", "estimated", then=then, detail=told)
    found = estimated(newest, metric)
    if found is None:
        return _tile(name, NOTHING, "unknown", "estimated", then=then, detail="No estimate for the newest window.")
    inside = _inside(choice.labelled, metric)
    told = (
        ""
        if inside is None
        else f"The realised value is {'inside' if inside else 'outside'} the estimate's interval where "
    )
    where = "" if inside is None or choice.labelled is None else f"labels are in (window {_of_when(choice.labelled)})."
    before = held_out(choice.trained(newest.model.version), metric)
    tone: Tone = "unknown" if inside is None else "good" if inside else "notice"
    # the monitor's own word, where the verdict rests on it
    expected = newest.outlook is not None and newest.outlook.worse and metric == "brier"
    worse = expected or _compared(found, before, metric) == "notice"
    if worse:
        tone = "notice"
    beside = ("Lower than in training. " if better(metric) == "more" else "Higher than in training. ") if worse else ""
    detail = f"Newest window, {_of_when(newest)}. {beside}{told}{where}".strip()
    return _tile(name, found.text, tone, "estimated", then=then, detail=detail)


def _inside(window: Window | None, metric: Metric) -> bool | None:
    """Whether the realised metric lies in the interval of its window's estimate; None where it cannot be said."""
    if window is None or (window.relation is None and window.worsening is None):
        return None
    found, expected = realised(window, metric), estimated(window, metric)
    if found is None or expected is None or expected.low is None or expected.high is None:
        return None
    return expected.low <= found.value <= expected.high


def _coverage(choice: Chosen) -> Tile:
    newest = choice.windows[-1]
    final = next((one for one in reversed(choice.windows) if one.status == "final"), None)
    shown = final or newest
    standing = [*standing_of(choice.known, "coverage", choice.name), *standing_of(choice.known, "delay", choice.name)]
    tone: Tone = "unknown" if final is None else "good"
    if standing:
        tone = severity_tone(min(standing, key=lambda one: one.severity != "critical").severity)
    delay = hours(shown.delay_p50_hours)
    told = f"{shown.status.capitalize()} window {_of_when(shown)}, median delay {delay}."
    if final is not None and newest is not final:
        told += f" The newest window has {percent(newest.coverage)}; its labels are still to come."
    return _tile("Labels in", percent(shown.coverage), tone, "coverage", detail=told)


def _drifted(choice: Chosen) -> Tile:
    window = choice.judged
    if window is None:
        told = "No window had enough records to be compared with training."
        return _tile("Drifted columns", NOTHING, "unknown", "drifted", detail=told)
    features = [name for name in window.drift.features if name != "score"]
    drifted = [name for name in features if window.drift.features[name].drifted]
    score = window.drift.features.get("score")
    also = ", and the score" if score is not None and score.drifted else ""
    pair = window.drift.dependence
    changed = [*drifted, *([pair.title] if pair is not None and pair.drifted else [])]
    tone: Tone = "notice" if window.drift.drifted or changed or also else "good"
    return _tile(
        "Drifted columns",
        f"{len(drifted)} of {count(len(features), 'column')}{also}",
        tone,
        "drifted",
        then="0",
        detail=f"{f'{several(changed, 4)}. ' if changed else ''}Window {_of_when(window)}.",
    )


def _dead_letters(choice: Chosen) -> Tile:
    window = choice.windows[-1]
    lost = sum(window.dead_letters.values())
    standing = standing_of(choice.known, "dead_letters", choice.name)
    tone: Tone = severity_tone(standing[0].severity) if standing else "notice" if lost else "good"
    reasons = sorted(window.dead_letters.items(), key=lambda one: (-one[1], one[0]))
    told = "; ".join(f"{several([reason])}: {whole(number)}" for reason, number in reasons[:3])
    share = f" ({percent(share_of(lost, lost + window.records))})" if lost else ""
    return _tile(
        "Dead letters",
        f"{whole(lost)}{share}",
        tone,
        "dead letter",
        detail=f"Newest window, {_of_when(window)}.{f' {told}.' if told else ''}",
    )


def _compared(now: MetricValue, then: MetricValue | None, metric: Metric) -> Tone:
    """Plain to see only where the intervals do not meet."""
    if then is None:
        return "unknown"
    worse = _is_worse(now, then) if better(metric) == "more" else _is_worse(_mirrored(now), _mirrored(then))
    return "unknown" if worse is None else "notice" if worse else "good"


def _in_words(now: MetricValue, then: MetricValue | None, metric: Metric) -> str:
    tone = _compared(now, then, metric)
    if tone == "notice":
        return "Lower than in training." if better(metric) == "more" else "Higher than in training."
    return "Not worse than in training, within noise." if tone == "good" else ""


def _is_worse(now: MetricValue, then: MetricValue) -> bool | None:
    if now.high is None or then.low is None:
        return None
    return now.high < then.low


def _mirrored(one: MetricValue) -> MetricValue:
    def less(value: float | None) -> float | None:
        return None if value is None else -value

    return MetricValue(-one.value, less(one.high), less(one.low))


def _then(choice: Chosen, window: Window, metric: Metric) -> str:
    return _text(held_out(choice.trained(window.model.version), metric))


def _text(measured: MetricValue | None) -> str:
    return "" if measured is None else measured.text


def _of_labels(window: Window) -> str:
    return (
        f"{window.status.capitalize()}, {version_title(window.model)}, window {_of_when(window)}, "
        f"{count(window.labelled, 'label')} of {count(window.records, 'record')}."
    )


def _of_when(window: Window) -> str:
    return span(window.start, window.end)
