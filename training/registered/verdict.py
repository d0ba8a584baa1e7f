"""Whether a version takes the alias, and how a comparison of two is said and kept with the version."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from contract.models.registry import model_title
from contract.settings import Settings
from training.quality.evaluate import Comparison
from training.registered.tries import FRESH_FROM, MOST_COMPARISONS

_MOST_OBJECTIONS = 3


@dataclass(frozen=True)
class Verdict:
    """Whether a version takes the alias, and why; ``comparison`` is None where there was nothing to compare with.

    ``forced``: it takes the alias though it was not proven better.
    """

    promoted: bool
    reason: str
    comparison: Comparison | None = None
    forced: bool = False

    def saying(self, more: str) -> "Verdict":
        """The same, with more in its reason."""
        return replace(self, reason=f"{self.reason}; {more}")


@dataclass(frozen=True)
class Names:
    """How a verdict names the challenger, the champion and the alias."""

    new: str
    old: str
    alias: str

    @classmethod
    def of(cls, settings: Settings, version: int, champion: int) -> "Names":
        return cls(model_title(settings, version), model_title(settings, champion), f"@{settings.model_alias}")


class PairJudged(msgspec.Struct, frozen=True):
    """What comparing a version with a champion on ``rows`` held-out rows gave; ``number``: as which comparison on them.

    It is kept as a tag of the version.
    """

    champion: int
    number: int
    rows: int
    gain: float
    low: float
    high: float
    confidence: float

    @property
    def comparison(self) -> Comparison:
        return Comparison(self.gain, self.low, self.high, self.confidence)


def judged_text(judged: PairJudged) -> str:
    return msgspec.json.encode(judged).decode()


def read_judged(text: str) -> PairJudged | None:
    """None if the tag has another form, so that it was not written by us."""
    try:
        return msgspec.json.decode(text, type=PairJudged)
    except msgspec.DecodeError:
        return None


def verdict_of(judged: PairJudged, names: Names, *, force: bool) -> Verdict:
    """What a comparison says of the alias."""
    comparison = judged.comparison
    asked = f", as needed for comparison {judged.number} on them" if judged.number > 1 else ""
    found = (
        f"on {judged.rows:,} held-out rows its Brier score is {differs(comparison.gain)} "
        f"({percent(judged.confidence)} interval of the gain {comparison.low:.5f} to {comparison.high:.5f}{asked})"
    )
    if comparison.better:
        return Verdict(True, f"{names.new} takes {names.alias} from {names.old}: {found}", comparison)
    if force:
        return Verdict(
            True,
            f"{names.new} takes {names.alias} from {names.old}, as --force says, though not proven better: {found}",
            comparison,
            forced=True,
        )
    return Verdict(
        False,
        f"{names.new} does not take {names.alias} from {names.old}, which is not worse by more than noise: {found}"
        f"{_fresh(judged.number)}",
        comparison,
    )


def differs(gain: float) -> str:
    """How far a Brier score is from the champion's, such as ``0.00120 lower``."""
    if gain == 0:
        return "the same"
    return f"{abs(gain):.5f} {'lower' if gain > 0 else 'higher'}"


def percent(share: float) -> str:
    """To two places, such as ``98.33 %``."""
    return f"{100 * share:.2f}".rstrip("0").rstrip(".") + " %"


def incomparable(names: Names, why: str, *, force: bool) -> Verdict:
    if force:
        return Verdict(
            True,
            f"{names.new} takes {names.alias} from {names.old}, as --force says; the two cannot be compared: {why}",
            forced=True,
        )
    return Verdict(
        False,
        f"{names.new} does not take {names.alias}, because it cannot be compared with {names.old}: {why}; --force "
        "gives it the alias",
    )


def objected(new: str, alias: str, objections: Sequence[str], *, force: bool) -> Verdict:
    """On a version that something speaks against, whatever it is compared with."""
    more = len(objections) - _MOST_OBJECTIONS
    listed = "; ".join([*objections[:_MOST_OBJECTIONS], *([f"and {more} more"] if more > 0 else [])])
    if force:
        return Verdict(True, f"{new} takes {alias}, as --force says, despite this: {listed}", forced=True)
    return Verdict(False, f"{new} does not take {alias}: {listed}; --force gives it the alias")


USED_UP = (
    f"{MOST_COMPARISONS} comparisons have been made on these held-out rows, and any more would find only luck; judge "
    "it on other rows: a newer time slice, its answers on the stream (`churnstream challenge`), or train both with "
    "another --split-seed"
)


def _fresh(number: int) -> str:
    if number < FRESH_FROM:
        return ""
    return (
        "; each further comparison on the same rows needs a larger gain, so it is time for other rows: a newer "
        "time slice, answers on the stream (`churnstream challenge`), or both trained with another --split-seed"
    )
