"""What the page ought to say, worked out from the topics themselves: nothing of the dashboard's code is used.

Each function compares a part of ``/page.json``, or of what a browser shows, with the newest messages, and returns the
differences as sentences. A number in a text is right if it is the topic's, rounded as the text has it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from contract.alerts import Alert, ModelVerdict, alert_message_type
from contract.messages import ModelRef
from contract.settings import Settings
from contract.topics import ALERTS, VERSIONS, WINDOWS
from contract.versions import ServingVersions, TrainedVersion, version_message_type
from contract.windows import Cumulative, Estimate, Estimated, Performance, Window, window_message_type
from tests.support.kafka.topics import committed

TITLES = {
    "f1": "F1",
    "brier": "Brier score",
    "roc_auc": "ROC AUC",
    "precision": "Precision",
    "recall": "Recall",
    "accuracy": "Accuracy",
}
METRICS = tuple(TITLES)
_NUMBER = re.compile(r"(?<![\w.])[-+−]?\d[\d,]*(?:\.\d+)?")
TopicValue = tuple[float | None, float | None, float | None]
Json = Mapping[str, Any]


@dataclass
class ToldByTopics:
    """The newest message of each key. ``offsets``: where each window stands."""

    windows: dict[tuple[ModelRef, int], Window] = field(default_factory=dict)
    offsets: dict[tuple[ModelRef, int], int] = field(default_factory=dict)
    alerts: dict[str, list[Alert]] = field(default_factory=dict)
    verdicts: dict[ModelRef, ModelVerdict] = field(default_factory=dict)
    versions: dict[tuple[str, int], TrainedVersion] = field(default_factory=dict)
    serving: dict[str, ServingVersions] = field(default_factory=dict)

    def of(self, model: ModelRef) -> list[Window]:
        """The windows of a model in order of time."""
        return [one for (of, _), one in sorted(self.windows.items(), key=lambda item: item[0][1]) if of == model]


def read_topics(settings: Settings) -> ToldByTopics:
    """All that is committed on ``windows``, ``alerts`` and ``versions``."""
    told = ToldByTopics()
    for message in committed(settings, WINDOWS):
        window: Window | Cumulative = msgspec.json.decode(
            message.value() or b"", type=window_message_type(message.key())
        )
        if isinstance(window, Window):
            told.windows[window.model, window.start] = window
            told.offsets[window.model, window.start] = message.offset() or 0
    for message in committed(settings, ALERTS):
        alert: Alert | ModelVerdict = msgspec.json.decode(
            message.value() or b"", type=alert_message_type(message.key())
        )
        if isinstance(alert, ModelVerdict):
            told.verdicts[alert.model] = alert
        else:
            told.alerts.setdefault(alert.key, []).append(alert)
    for message in committed(settings, VERSIONS):
        version: TrainedVersion | ServingVersions = msgspec.json.decode(
            message.value() or b"", type=version_message_type(message.key())
        )
        if isinstance(version, TrainedVersion):
            told.versions[version.name, version.version] = version
        else:
            told.serving[version.name] = version
    return told


def of_all(fetch: Callable[[str], Json], told: ToldByTopics, model: ModelRef) -> Iterator[str]:
    """The whole of a model's page, each metric, and each window opened. ``fetch`` gets ``/page.json`` with a query."""
    windows = told.of(model)
    for metric in METRICS:
        page = fetch(f"metric={metric}")
        yield from of_axis(page, windows)
        yield from of_course(page, windows, told)
        yield from of_verdict(page, told, model)
        yield from of_tiles({one["name"]: one["now"] for one in page["tiles"]}, windows, metric)
    for window in windows:
        yield from of_window(fetch(f"window={address_of(window)}"), told, window)


def of_axis(page: Json, windows: list[Window]) -> Iterator[str]:
    """The windows of the axis, what came in them, and the heat map."""
    axis, flow = page["axis"], page["flow"]
    yield from _differ("starts", axis["starts"], [one.start for one in windows])
    yield from _differ("ends", axis["ends"], [one.end for one in windows])
    yield from _differ("versions", axis["versions"], [one.model.version for one in windows])
    yield from _differ("records", flow["records"], [one.records for one in windows])
    yield from _differ("coverage", flow["coverage"], [one.labelled / one.records for one in windows])
    yield from _differ("delays", flow["delays"], [one.delay_p50_hours for one in windows])
    reasons = sorted({name.split("/")[0] for one in windows for name in one.dead_letters})
    yield from _differ("reasons", sorted(flow["letters"]), reasons)
    for reason in reasons:
        lost = [sum(n for name, n in one.dead_letters.items() if name.split("/")[0] == reason) for one in windows]
        yield from _differ(f"letters {reason}", flow["letters"].get(reason), lost)
    columns = {name for one in windows if one.drift.judged for name in one.drift.features}
    yield from _differ("columns", sorted(row["column"] for row in page["heat"]["rows"]), sorted(columns))
    for row in page["heat"]["rows"]:
        found = [one.drift.features.get(row["column"]) if one.drift.judged else None for one in windows]
        distances = [None if one is None else one.distance for one in found]
        yield from _differ(f"distances of {row['column']}", row["distances"], distances)
        drifted = [one is not None and one.drifted for one in found]
        yield from _differ(f"drifted {row['column']}", row["drifted"], drifted)


def of_course(page: Json, windows: list[Window], told: ToldByTopics) -> Iterator[str]:
    """The chosen metric over time, each kind of it, and what training held out."""
    metric = page["course"]["metric"]
    for series in page["course"]["series"]:
        kind = series["kind"]
        wanted = []
        for one in windows:
            value, low, high = _of_kind(one, kind, metric)
            if value is not None:
                coverage = one.labelled / one.records
                wanted.append([one.end, one.start, one.model.version, value, low, high, coverage, one.revision])
        names = ("at", "start", "version", "value", "low", "high", "coverage", "revision")
        found = [[point.get(name) for name in names] for point in series["points"]]
        yield from _differ(f"{metric} {kind}", found, wanted)
    for level in page["course"]["levels"]:
        held = told.versions[windows[0].model.name, level["version"]].held_out[metric]
        found_level = [level["value"], level["low"], level["high"]]
        yield from _differ(f"held out {metric}", found_level, [held.value, held.low, held.high])


def of_verdict(page: Json, told: ToldByTopics, model: ModelRef) -> Iterator[str]:
    """The verdict, and each incident with its history."""
    verdict, head = told.verdicts[model], page["headline"]
    word, _, since = verdict.title.partition(" since ")
    yield from _differ("verdict", head["word"], word)
    if since and since not in head["since"]:
        yield f"since: {head['since']!r} instead of {since!r}"
    states = {
        key: "standing" if one[-1].standing else "retracted" if one[-1].state == "retracted" else "closed"
        for key, one in told.alerts.items()
    }
    shown = {line["key"]: line["state"] for line in page["incidents"]}
    yield from _differ("incidents", shown, states)
    for line in page["incidents"]:
        messages = len(told.alerts.get(line["key"], ()))
        yield from _differ(f"history of {line['key']}", len(line["history"]), messages)


def of_window(page: Json, told: ToldByTopics, window: Window) -> Iterator[str]:
    """An opened window: all numbers of its panel."""
    detail = page["window"]
    if detail is None:
        yield f"window {window.start} is not open"
        return
    facts = {one["label"]: one["value"] for one in detail["facts"]}
    yield from _says("records", facts["Records"], window.records)
    yield from _says("labels", facts["Labels in"], window.labelled, 100 * window.labelled / window.records)
    yield from _says("threshold", facts["Threshold"], window.threshold)
    yield from _says("dead letters", facts["Dead letters"], sum(window.dead_letters.values()))
    yield from _differ("status", detail["status"], f"{window.status}, revision {window.revision}")
    offset = told.offsets[window.model, window.start]
    yield from _differ("offset", detail["position"].split(" @ ")[-1], str(offset))
    counts = window.performance
    confusion = [counts.tn, counts.fp, counts.fn, counts.tp] if window.labelled else None
    yield from _differ("confusion", detail["confusion"], confusion)
    guess = window.estimated
    expected = None if window.untrusted_since is not None else [guess.tn, guess.fp, guess.fn, guess.tp]
    yield from _differ("expected", detail["expected"], expected)
    trained = told.versions.get((window.model.name, window.model.version))
    for row in detail["numbers"]:
        metric = row["metric"]
        for column, value in (
            ("realised", _of_kind(window, window.status, metric)),
            ("nowcast", _of_kind(window, "nowcast", metric)),
            ("estimated", _of_kind(window, "estimated", metric)),
            ("training", _interval(None if trained is None else trained.held_out.get(metric))),
        ):
            yield from _says(f"{metric} {column}", row[column], *(one for one in value if one is not None))
    yield from _of_columns(detail, window, trained)
    segments = {one.name: one for one in window.segments}
    for row in detail["segments"]:
        one = segments[row["name"]]
        yield from _differ(f"segment {one.name}", [row["records"], row["labelled"]], [one.records, one.labelled])
        yield from _says(f"F1 of {one.name}", row["f1"], *(each for each in _interval(one.f1) if each is not None))


def of_tiles(texts: Mapping[str, str], windows: list[Window], metric: str) -> Iterator[str]:
    """Tiles by their names, each with its number as a text, beside the newest windows; Brier and F1 go together."""
    other = "f1" if metric == "brier" else metric
    newest = windows[-1]
    judged = [one for one in windows if one.relation is not None or one.worsening is not None]
    labelled = judged or [one for one in windows if one.labelled]
    if labelled:
        value = _of_kind(labelled[-1], labelled[-1].status, other)
        yield from _says(
            "realised tile", texts[f"{TITLES[other]}, realised"], *(one for one in value if one is not None)
        )
        brier = _of_kind(labelled[-1], labelled[-1].status, "brier")
        yield from _says("Brier tile", texts["Brier score"], *(one for one in brier if one is not None))
    value = _of_kind(newest, "estimated", metric)
    yield from _says(
        "estimated tile", texts[f"{TITLES[metric]}, estimated"], *(one for one in value if one is not None)
    )
    final = [one for one in windows if one.status == "final"] or [newest]
    yield from _says("coverage tile", texts["Labels in"], 100 * final[-1].labelled / final[-1].records)
    lost = sum(newest.dead_letters.values())
    share = [100 * lost / (lost + newest.records)] if lost else []
    yield from _says("letters tile", texts["Dead letters"], lost, *share)
    compared = [one for one in windows if one.drift.judged]
    if compared:
        features = {name: one for name, one in compared[-1].drift.features.items() if name != "score"}
        drifted = sum(one.drifted for one in features.values())
        yield from _says("drift tile", texts["Drifted columns"], drifted, len(features))


def address_of(window: Window) -> str:
    """How the page's address names a window."""
    return datetime.fromtimestamp(window.start / 1_000, UTC).date().isoformat()


def numbers_in(text: str) -> list[str]:
    """The numbers that a text shows, without separators of thousands."""
    # a dash between two numbers is no sign
    return [one.replace(",", "").replace("−", "-") for one in _NUMBER.findall(text.replace("–", " "))]


def _of_columns(detail: Json, window: Window, trained: TrainedVersion | None) -> Iterator[str]:
    for row in detail["columns"]:
        drift = window.drift.features.get(row["column"])
        if drift is None:
            continue
        yield from _differ(f"{row['column']}", [row["distance"], row["drifted"]], [drift.distance, drift.drifted])
        then = None if trained is None else trained.columns.get(row["column"])
        if not row["bars"] or then is None:
            continue
        for name, counts in (("now", drift.counts), ("then", then.counts)):
            shown = sum(bar[name] for bar in row["bars"])
            if abs(shown - 1) > 1e-6:
                yield f"{row['column']}: shares {name} add up to {shown}"
            largest = max(counts) / sum(counts)
            if all(abs(bar[name] - largest) > 1e-9 for bar in row["bars"]) and len(row["bars"]) >= len(then.cells):
                yield f"{row['column']}: no bar {name} is the largest share {largest}"


def _of_kind(window: Window, kind: str, metric: str) -> TopicValue:
    if kind in ("final", "provisional"):
        return _realised(window.performance, metric) if window.status == kind else (None, None, None)
    if kind == "nowcast":
        return (None, None, None) if window.nowcast is None else _expected(window.nowcast.performance, metric)
    if window.untrusted_since is not None:
        return None, None, None
    return _expected(window.estimated, metric)


def _realised(found: Performance, metric: str) -> TopicValue:
    value: float | None = getattr(found, metric)
    low, high = found.intervals.get(metric, (None, None))
    return (None, None, None) if value is None else (value, low, high)


def _expected(found: Estimated, metric: str) -> TopicValue:
    return _interval(getattr(found, metric))


def _interval(found: Estimate | None) -> TopicValue:
    return (None, None, None) if found is None else (found.value, found.low, found.high)


def _says(what: str, text: str, *values: float) -> Iterator[str]:
    """Whether a text shows these numbers, in this order, each rounded to the places that the text gives it."""
    shown = numbers_in(text)
    if len(shown) < len(values) or (not values and shown):
        yield f"{what}: {text!r} does not show {values}"
        return
    for one, value in zip(shown, values, strict=False):
        places = len(one.partition(".")[2])
        if abs(float(one) - value) > 0.5000001 * 10**-places:
            yield f"{what}: {text!r} says {one} where the topic has {value}"


def _differ(what: str, found: object, wanted: object) -> Iterator[str]:
    if _plain(found) != _plain(wanted):
        yield f"{what}: {str(found)[:300]} instead of {str(wanted)[:300]}"


def _plain(value: Any) -> Any:
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        return [_plain(one) for one in value]
    return value
