"""The verdict at the top, in the monitor's own words."""

from contract.alerts import ModelVerdict, VerdictState
from dashboard.stream.received import Positions, Reach
from dashboard.view.chosen import Chosen
from dashboard.view.model import Headline, Stage, Tone
from dashboard.view.now.freshness import is_away
from dashboard.view.now.stage import early_headline, label_outlook
from dashboard.view.places import Places
from dashboard.view.words import SIGNS, moment, named, plain_times, sentence

_TONES: dict[VerdictState, Tone] = {
    "silent": "bad",
    "worse": "bad",
    "probably_worse": "notice",
    "relation_changed": "notice",
    "customers_changed": "notice",
    "unjudged": "unknown",
    "healthy": "good",
}
_LONGEST = 1_000
_SINCE = " since "


def headline_of(
    choice: Chosen, stage: Stage, reach: Reach, positions: Positions, now_ms: int, places: Places
) -> Headline:
    """What the monitor says of the version shown; before it has said anything, how far the stream is."""
    verdict = choice.verdict
    if verdict is None or stage in ("unreachable", "no_stream"):
        return early_headline(choice, stage, reach, positions, now_ms, places)
    tone = _TONES[verdict.state]
    why = _why(verdict)
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
        remedy=sentence(named(verdict.remedy, _LONGEST)) or "Nothing needs to be done.",
    )


def _why(verdict: ModelVerdict) -> str:
    """The monitor's sentence, without the model's name at its beginning, which stands beside it."""
    model = verdict.model
    version = f"v{model.version}" if model.role == "champion" else f"v{model.version} {model.role}"
    text = verdict.message.removeprefix(f"{model.name} {version}: ")
    return sentence(plain_times(named(text, _LONGEST)))
