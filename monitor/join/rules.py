"""When a label joins a prediction, what becomes of those that do not, and when a join may forget. Pure.

Every decision here depends on the two messages concerned and on what stood before each in its *own* topic, never on
how the two topics interleave. So a worker that reads them again after a crash, in whatever order, ends in the same
state, and one that is asked what it has published can tell from offsets alone.

With ``lateness`` the allowed time from a record to its label, ``tolerance`` how far a label's time may be rounded down,
and a topic's watermark what several of its messages have reached (``TopicProgress.latest``) less the out-of-orderness:

- a label joins a prediction iff ``-tolerance <= label_time - event_time <= lateness`` and it was not sent before an end
  of the stream that the prediction came after (``epoch`` counts these ends);
- the last label that joins is true; ``revision`` is one more than the changes of value that led to it;
- a label that comes later than that after its record, though not later than twice that, has come too late;
- a label that is dated before its record, by more than the tolerance, can never join it and is told at once, unless its
  time was up before the record's prediction came;
- a prediction more than ``lateness`` behind its topic's watermark is refused, and so is a label (that by ``tolerance``
  more); a challenger's is refused with its record's, which has its dead letter from the champion's, and moves no
  watermark;
- a label's time is up when the predictions' watermark has passed it by ``lateness`` and ``tolerance``, or the stream
  has ended: no prediction accepted after that could join it;
- a label of a key that Kafka's own partitioner sends elsewhere is told at once where all predictions of its partition
  obey that partitioner (``keys_obey``): its record's prediction lies elsewhere;
- a pane and its predictions are forgotten when both watermarks have passed its end by three times ``lateness``, and by
  ``tolerance``: no message accepted after that could concern it, and the time of every label that has joined one of
  them, or has come too late for it, is up. So a state that is rebuilt from a later origin, without them, keeps none of
  these labels. While no labels come, the watermark of ``predictions`` decides alone; what was forgotten is on record
  with the offsets (``forgotten``), so a state that is rebuilt agrees, whatever the clock said;
- a record is ahead of its time if it lies further beyond ``latest`` than a pane is long and than messages are out of
  order: it is joined and counted like any other, moves nothing by itself, and ``ahead`` says how many there were.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from contract.arrays import Integers, Mask
from contract.rejection import Reason, RejectionError

CONFIRMATIONS = 6
"""Messages that must have reached an event time, of the last eleven, before the watermark follows. Up to five wrong
clocks among any eleven messages of a partition move nothing, and a jump of the whole stream counts from its sixth
message on."""
LATEST_STEP = 10_000
"""ms of event time. A label's time is up by the predictions' ``latest`` in whole steps, so that little is to be kept of
what it was before each prediction."""
NEVER = -(2**62)
"""Stands for no event time in arrays."""
_ENOUGH_KEYS = 20


class JoinRules(msgspec.Struct, frozen=True):
    """Durations in ms of event time, and the number of ``partitions`` of both topics.

    A pane's length, out-of-orderness, the longest time from record to label, and how long before it a label may be
    dated. ``horizon``: the time from a record after which silence counts as 0; None where it never does.
    ``confirmations``: how many of the last messages must have reached a time before the watermark follows.
    """

    slide: int
    out_of_orderness: int
    lateness: int
    tolerance: int = 0
    partitions: int = 1
    horizon: int | None = None
    confirmations: int = CONFIRMATIONS


class TopicProgress(msgspec.Struct):
    """What one topic of a partition has shown: next offset, event time, ends of the stream.

    ``recent``: event times of its last messages, at most ``2 * confirmations - 1``. ``latest``: the largest event time
    that ``confirmations`` of them have reached at any moment; None before there are so many messages.
    ``ended``: the last message was such an end. ``forgotten`` (of ``predictions``): panes that end before this event
    time have been forgotten, so that a state that is rebuilt from a later origin does not begin them anew.
    ``obeying`` (of ``predictions``): those whose key belongs in this partition by Kafka's own partitioner, up to the
    number that proves something; ``foreign``: whether there was one whose key does not.
    """

    offset: int = 0
    latest: int | None = None
    epoch: int = 0
    ended: bool = False
    forgotten: int | None = None
    obeying: int = 0
    foreign: bool = False
    recent: tuple[int, ...] = ()

    def watermark(self, rules: JoinRules) -> int | None:
        """No message earlier than this is expected; None before the first one."""
        return None if self.latest is None else self.latest - rules.out_of_orderness

    def advance(self, offset: int, event_time: int | None, rules: JoinRules) -> None:
        """Count a message in; ``event_time`` is None for one that could not be read."""
        self.offset = offset + 1
        self.ended = False
        if event_time is None:
            return
        confirmations = rules.confirmations
        self.recent = (*self.recent, event_time)[1 - 2 * confirmations :]
        if len(self.recent) >= confirmations:
            confirmed = sorted(self.recent)[-confirmations]
            if self.latest is None or confirmed > self.latest:
                self.latest = confirmed

    def see_keys(self, belonging: int, foreign: bool) -> None:
        """Count in keys that Kafka's partitioner sends here, and whether one that it does not came after them."""
        self.obeying = min(self.obeying + belonging, _ENOUGH_KEYS)
        self.foreign = self.foreign or foreign

    @property
    def keys_obey(self) -> bool:
        """Whether the predictions are spread by Kafka's own partitioner, and by no other: chance is below 1e-6."""
        return self.obeying >= _ENOUGH_KEYS and not self.foreign

    def end(self, offset: int) -> None:
        """Count an end of the stream in."""
        self.offset = offset + 1
        self.epoch += 1
        self.ended = True


class KeptPrediction(msgspec.Struct, frozen=True):
    """What a label needs to know of a prediction that is kept.

    ``customer`` is the hash of the customer's id; ``latest`` and ``epoch`` are those of ``predictions`` before it.
    """

    event_time: int
    customer: int
    latest: int | None
    epoch: int


class KeptLabel(msgspec.Struct):
    """A label that may still join a prediction, or has joined one and may join another role's.

    ``record`` and ``customer`` are hashes of the ids, ``epoch`` is that of ``labels`` before it. ``raw`` is the
    message's value and ``key`` its key, unchanged, and ``resent`` its headers if it was sent again, for the dead letter
    that it becomes unless it joins a prediction; ``origin`` is where ``labels`` stood before it, or before an earlier
    one. Of one that has joined, these are empty.
    """

    record: int
    customer: int
    event_time: int
    label: int
    offset: int
    epoch: int
    key: str = ""
    raw: bytes = b""
    origin: TopicProgress | None = None
    resent: list[tuple[str, str]] = []


class Joined(NamedTuple):
    """What the labels of a prediction come to."""

    label: int
    label_time: int
    revision: int


def late_record() -> RejectionError:
    """Why a prediction that comes too late for any label is refused."""
    return RejectionError(
        Reason.RECORD_TOO_LATE, "event_time", "the record is behind the watermark by more than the lateness"
    )


def late_label() -> RejectionError:
    """Why a label that comes too late for any prediction is refused."""
    return RejectionError(
        Reason.LABEL_TOO_LATE, "event_time", "the label is behind the watermark by more than the lateness"
    )


def too_late(times: Integers, latest: Integers, allowed: int, rules: JoinRules) -> Mask:
    """Which messages lie behind their topic's watermark by more than ``allowed`` ms.

    ``latest`` is that of the topic before each, ``NEVER`` before there is one. For predictions ``allowed`` is the
    lateness, for labels the tolerance more.
    """
    late: Mask = (latest != NEVER) & (times + allowed < latest - rules.out_of_orderness)
    return late


def joins(prediction: KeptPrediction, label: KeptLabel, rules: JoinRules) -> bool:
    """Whether the label is one of the prediction's."""
    return (
        -rules.tolerance <= label.event_time - prediction.event_time <= rules.lateness
        and prediction.epoch <= label.epoch
        and prediction.customer == label.customer
    )


def comes_too_late(prediction: KeptPrediction, label: KeptLabel, rules: JoinRules) -> bool:
    """Whether the label is the prediction's but for its time; not told of a label that the prediction may not see."""
    return (
        rules.lateness < label.event_time - prediction.event_time <= 2 * rules.lateness
        and prediction.epoch <= label.epoch
        and prediction.customer == label.customer
    )


def comes_before(prediction: KeptPrediction, label: KeptLabel, rules: JoinRules) -> bool:
    """Whether the label is the prediction's but is dated before it.

    Not told of one whose time was up when the prediction came: that depends on no order of reading.
    """
    before = TopicProgress(latest=prediction.latest)
    time_was_up_before = time_is_up_before(before, rules)
    return (
        label.event_time - prediction.event_time < -rules.tolerance
        and (time_was_up_before is None or label.event_time >= time_was_up_before)
        and prediction.epoch <= label.epoch
        and prediction.customer == label.customer
    )


def resolve(prediction: KeptPrediction, labels: Iterable[KeptLabel], rules: JoinRules) -> Joined | None:
    """The prediction's label, from all labels of its record in order of offset; None if none joins."""
    joined: Joined | None = None
    for label in labels:
        if not joins(prediction, label, rules):
            continue
        if joined is None:
            joined = Joined(label.label, label.event_time, 1)
        elif joined.label != label.label:
            joined = Joined(label.label, label.event_time, joined.revision + 1)
    return joined


def time_is_up_before(predictions: TopicProgress, rules: JoinRules) -> int | None:
    """Labels with an earlier event time can no longer be joined by a prediction still to come; None: none yet.

    Nor can those of an earlier ``epoch`` than the predictions' own.
    """
    if predictions.latest is None:
        return None
    latest = predictions.latest // LATEST_STEP * LATEST_STEP
    return latest - rules.out_of_orderness - rules.lateness - rules.tolerance


def forget_before(predictions: TopicProgress, labels: TopicProgress, rules: JoinRules, labels_idle: bool) -> int | None:
    """Panes that end before this event time can be forgotten; None while there can be no such pane.

    ``labels_idle``: all labels that there are have been read, and none has come for the idle time.
    """
    watermark, label_watermark = predictions.watermark(rules), labels.watermark(rules)
    if watermark is None or (label_watermark is None and not labels_idle):
        return None
    if label_watermark is not None and not labels_idle:
        watermark = min(watermark, label_watermark)
    before = watermark - 3 * rules.lateness - rules.tolerance
    return before if predictions.forgotten is None else max(before, predictions.forgotten)


def ahead_by(rules: JoinRules) -> int:
    """ms beyond ``latest`` from which on a record counts as ahead of its time."""
    return max(rules.slide, rules.out_of_orderness)
