"""Which dead letters are meant, as a command's flags say it."""

from collections.abc import Sequence
from dataclasses import dataclass

from churnstream.frames.moments import TimeSpan, span
from contract.errors import UserError
from contract.rejection import Reason
from contract.settings import Settings
from contract.topics import CUSTOMERS, LABELS, PREDICTIONS
from dashboard.stream.letters import SeenLetter

ORIGINS = (CUSTOMERS, LABELS, PREDICTIONS)
"""Topics, by their short names, whose messages become dead letters."""
_FEATURES = "features."


_ALWAYS = TimeSpan()


@dataclass(frozen=True)
class ChosenLetters:
    """Letters of these reasons, fields and topics (full names; empty: of any), that came ``within`` a span."""

    reasons: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    within: TimeSpan = _ALWAYS

    def holds(self, letter: SeenLetter) -> bool:
        """Whether a letter is one of them. One of which Kafka does not say when it came is in no span."""
        field = letter.field.removeprefix(_FEATURES)
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.fields or field in self.fields)
            and (not self.topics or letter.origin_topic in self.topics)
            and (self.within == _ALWAYS or (letter.at is not None and self.within.holds(letter.at)))
        )


def choose_letters(
    settings: Settings,
    reasons: Sequence[str] = (),
    fields: Sequence[str] = (),
    topics: Sequence[str] = (),
    since: str | None = None,
    until: str | None = None,
) -> ChosenLetters:
    """``topics`` are short names; ``fields`` with or without ``features.``; ``since`` and ``until`` ISO 8601.

    Raises:
        UserError: there is no such reason or topic, or a time is none.
    """
    known = {reason.value for reason in Reason}
    for reason in reasons:
        if reason not in known:
            raise UserError(f"--reason got {reason!r}; take one of {', '.join(sorted(known))}")
    for topic in topics:
        if topic not in ORIGINS:
            raise UserError(f"--topic got {topic!r}; take one of {', '.join(ORIGINS)}")
    return ChosenLetters(
        frozenset(reasons),
        frozenset(field.removeprefix(_FEATURES) for field in fields),
        frozenset(settings.topic(topic) for topic in topics),
        span(since, until),
    )
