"""The states that the page has to show, by name, each as the messages that bring a stream there.

Event times begin on 1 January 2025. Every state but ``empty`` is that of a replay that has come to its end.
"""

from collections.abc import Callable
from functools import lru_cache

import msgspec

from contract.alerts import Alert, ModelVerdict, alert_message_type
from contract.messages import ModelRef
from contract.panes import JoinProgress
from contract.rejection import Reason
from contract.topics import ALERTS
from contract.versions import Reign, ServingVersions
from contract.windows import Window
from tests.support.dashboard.course import ModelCourse, Published, new_board, published, silence, told
from tests.support.dashboard.customers import trained_version
from tests.support.dashboard.sent import SentMessage, dead_letter, message
from tests.support.messages import DAY, START
from tests.support.scores import flipped, times

HOUR = 3_600_000
DAYS = 32
V2, V3, V4 = ModelRef("churn", 2), ModelRef("churn", 3), ModelRef("churn", 4, "challenger")
WEAKER = 1.0
"""Noise in the log-odds of the version that is the poorer one."""
Messages = tuple[SentMessage, ...]


def empty() -> Messages:
    """Topics are there, and nothing is on them."""
    return ()


def registered() -> Messages:
    """A champion is known, and nothing has been scored."""
    return (*_version(V3), message(_serving(3)))


def without_model() -> Messages:
    """There is a stream, and no version has the alias."""
    return (*_progress(1), message(ServingVersions(name="churn", alias="champion", without=True)))


def young() -> Messages:
    """Twelve days, and no label has come yet."""
    return _whole(published(ModelCourse(days=12, labels_until=0)), 12, labels=None)


def healthy() -> Messages:
    return _whole(_healthy(), DAYS)


def drifted() -> Messages:
    """Customers are older, richer and more active from 21 January on; the model holds."""
    course = ModelCourse(days=DAYS, changes=20, older=7.0, active=0.75, letters=(("out-of-range/CreditScore", 9),))
    return _whole(published(course), DAYS, letters=_letters())


def worse() -> Messages:
    """Scores mean less from 16 January on: labels show it."""
    return _whole(published(ModelCourse(days=DAYS, changes=15, truth=flipped(0.12))), DAYS)


def probably_worse() -> Messages:
    """Customers have changed, and labels stay away since."""
    return _whole(published(ModelCourse(days=DAYS, changes=20, older=9.0, labels_until=20)), DAYS, labels=20)


def relation_changed() -> Messages:
    """Fewer churn at each score; the Brier score is no worse."""
    return _whole(published(ModelCourse(days=DAYS, changes=15, truth=times(0.7))), DAYS)


def silent() -> Messages:
    """No predictions come since noon of the last day, by the clock."""
    board = new_board()
    said = published(ModelCourse(days=DAYS), board=board)
    alert = silence(START + DAYS * DAY + 12 * HOUR)
    return _whole([*said, alert, *board.of_stream(alert)], DAYS)


def retracted() -> Messages:
    """A change that later records and labels have taken back."""
    board = new_board()
    course, strange = ModelCourse(days=DAYS), ModelCourse(days=DAYS, changes=28, older=9.0)
    said = published(course, board=board)
    first = course.starts()[-1]
    windows = {(one.start - START) // DAY: one for one in said if isinstance(one, Window)}
    for start in range(first - 1, first + 1):
        odd = [one for one in strange.revisions() if (one.start - START) // DAY == start][-1]
        said += told(board, msgspec.structs.replace(odd, revision=windows[start].revision + 1))
    for start in range(first - 1, first + 1):
        said += told(board, msgspec.structs.replace(windows[start], revision=windows[start].revision + 2))
    return _whole(said, DAYS)


def versions() -> Messages:
    """Version 3 took over from the weaker version 2 on 17 January; version 4 is its challenger."""
    said = published(
        ModelCourse(model=V2, days=16, noise=WEAKER, seed=2, until=DAYS),
        ModelCourse(model=V3, first=16, days=DAYS - 16),
        ModelCourse(model=V4, first=20, days=DAYS - 20, seed=3),
    )
    serving = ServingVersions(
        name="churn",
        alias="champion",
        champions=(Reign(2, START - 3 * DAY), Reign(3, START + 16 * DAY)),
        challengers=(4,),
    )
    return (
        *_version(V2, WEAKER),
        *_version(V3),
        *_version(V4),
        message(serving),
        *map(message, said),
        *_progress(DAYS),
    )


@lru_cache(maxsize=1)
def _healthy() -> tuple[Published, ...]:
    return tuple(published(ModelCourse(days=DAYS)))


STATES: dict[str, Callable[[], Messages]] = {
    one.__name__: lru_cache(maxsize=1)(one)
    for one in (
        empty,
        registered,
        without_model,
        young,
        healthy,
        drifted,
        worse,
        probably_worse,
        relation_changed,
        silent,
        retracted,
        versions,
    )
}
"""Each is made at most once in a process."""


def _whole(
    said: "tuple[Published, ...] | list[Published]",
    day: int,
    *,
    labels: int | None = -1,
    letters: Messages = (),
) -> Messages:
    """A stream of version 3 with all that belongs to it. ``labels``: the day up to which they have come."""
    return (
        *_version(V3),
        message(_serving(3)),
        *map(message, said),
        *_progress(day, labels=day if labels == -1 else labels),
        *letters,
    )


def _version(model: ModelRef, noise: float = 0.0) -> Messages:
    return (message(trained_version(model, noise)),)


def _serving(version: int) -> ServingVersions:
    return ServingVersions(name="churn", alias="champion", champions=(Reign(version, START - 2 * DAY),))


def _progress(day: int, *, labels: int | None = -1) -> Messages:
    reached = day if labels == -1 else labels
    return tuple(
        message(
            JoinProgress(
                partition=partition,
                watermark=START + day * DAY,
                label_watermark=None if reached is None else START + reached * DAY,
                ended=False,
                next_prediction=0,
                next_label=0,
            )
        )
        for partition in range(2)
    )


def _letters() -> Messages:
    """Twenty records that could not be scored, and three labels that came too late."""
    found = [
        dead_letter(
            Reason.OUT_OF_RANGE,
            "features.CreditScore",
            "Expected `float` <= 900.0",
            event_time=START + 25 * DAY + number * HOUR,
            time=START + 26 * DAY + number * HOUR,
            partition=number % 2,
            offset=4_000 + number,
        )
        for number in range(16)
    ]
    found += [
        dead_letter(
            Reason.UNKNOWN_CATEGORY,
            "features.Geography",
            "the value is none of the schema's categories",
            event_time=START + 28 * DAY + number * HOUR,
            time=START + 29 * DAY,
            offset=5_000 + number,
        )
        for number in range(4)
    ]
    found += [
        dead_letter(
            Reason.LABEL_TOO_LATE,
            "",
            "the label came 15 days after its record, at most 14 are waited for",
            event_time=START + 2 * DAY,
            time=START + 20 * DAY,
            partition=1,
            offset=900 + number,
        )
        for number in range(3)
    ]
    return tuple(found)


def verdict_of_state(messages: Messages) -> ModelVerdict | None:
    """The last verdict on a champion that is among the messages."""
    found: ModelVerdict | None = None
    for one in messages:
        if one.topic != ALERTS:
            continue
        read: Alert | ModelVerdict = msgspec.json.decode(one.value or b"", type=alert_message_type(one.key))
        if isinstance(read, ModelVerdict) and read.model.role == "champion":
            found = read
    return found
