"""The verdict at the top, in the monitor's own words."""

import re

from contract.alerts import ModelVerdict, VerdictState
from dashboard.stream.received import Positions, Reach
from dashboard.view.chosen import Chosen
from dashboard.view.model import Headline, Stage, Tone
from dashboard.view.now.freshness import is_away
from dashboard.view.now.stage import early_headline, label_outlook
from dashboard.view.places import Places
from dashboard.view.selected import Metric, Selected
from dashboard.view.words import (
    EARLIEST,
    LATEST,
    SIGNS,
    iso_time,
    moment,
    named,
    plain_times,
    sentence,
    short_moment,
    version_title,
)

_TONES: dict[VerdictState, Tone] = {
    "silent": "bad",
    "worse": "bad",
    "probably_worse": "notice",
    "relation_changed": "notice",
    "customers_changed": "notice",
    "unjudged": "unknown",
    "healthy": "good",
}
_OF_PROBABILITIES: frozenset[VerdictState] = frozenset({"worse", "probably_worse"})
_LONGEST = 1_000
_COLUMNS = "drift in "
_DISTANCE = re.compile(r" \(distance \d\.\d+\)")
_PLAIN = ("performance hold", "performance held", "whether performance", "estimates without labels")
"""What sentences begin with that are no figures."""
_SINCE = " since "


def headline_of(
    choice: Chosen, stage: Stage, reach: Reach, positions: Positions, now_ms: int, places: Places
) -> Headline:
    """What the monitor says of the version shown; before it has said anything, how far the stream is."""
    verdict = choice.verdict
    if verdict is None or stage in ("unreachable", "no_stream"):
        return early_headline(choice, stage, reach, positions, now_ms, places)
    tone = _TONES[verdict.state]
    why, evidence = _why(verdict)
    if stage == "young":
        why = f"{why} {label_outlook(choice, places)}".strip()
    if is_away(reach, now_ms):
        # nobody knows whether it is still so
        tone = "unknown" if tone == "good" else tone
        why = f"As of {moment(reach.away_since)}: {why}"
    word, _, since = verdict.title.partition(_SINCE)
    model = verdict.model
    return Headline(
        subject=f"{named(model.name)} v{model.version} {model.role}",
        word=named(word, 100) or verdict.state.replace("_", " ").upper(),
        tone=tone,
        sign=SIGNS[tone],
        since=named(since, 100) + (" by the clock" if since and verdict.state == "silent" else ""),
        why=why,
        evidence=evidence,
        remedy=sentence(named(verdict.remedy, _LONGEST)) or "Nothing needs to be done.",
    )


def metric_of(choice: Chosen, selected: Selected) -> Metric:
    """The one asked for, else the one that the verdict rests on: F1 moves with the share of churners, Brier's score is
    what the monitor judges probabilities by.
    """
    if selected.metric is not None:
        return selected.metric
    return "brier" if choice.verdict is not None and choice.verdict.state in _OF_PROBABILITIES else "f1"


def _why(verdict: ModelVerdict) -> tuple[str, str]:
    """The monitor's message in two: what everybody understands, and the figures behind it.

    The model's name at its beginning stands beside it, and other alerts have a list of their own. A message of another
    form stays as it is.
    """
    model = verdict.model
    text = named(verdict.message, _LONGEST).removeprefix(f"{model.name} {version_title(model)}: ")
    text = text.partition("; alerts besides: ")[0]
    mark = f", since {_iso(verdict.since)}: "
    lead, found, rest = text.partition(mark)
    if not found:
        return sentence(plain_times(text)), ""
    finding, *others = rest.split("; ")
    lead = f"since {short_moment(verdict.since)}, {lead}"
    evidence = []
    if verdict.state == "customers_changed" and finding.startswith(_COLUMNS):
        lead += f": {_DISTANCE.sub('', finding.removeprefix(_COLUMNS))}"
    evidence.append(finding)
    said = [one for one in others if one.startswith(_PLAIN)]
    evidence += [one for one in others if one not in said]
    plain = " ".join(sentence(plain_times(one)) for one in (lead, *said))
    return plain, sentence(plain_times("; ".join(evidence)))


def _iso(milliseconds: int | None) -> str:
    return iso_time(milliseconds) if milliseconds is not None and EARLIEST <= milliseconds <= LATEST else "?"
