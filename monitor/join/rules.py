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
  more);
- a label's time is up when the predictions' watermark has passed it by ``lateness`` and ``tolerance``, or the stream
  has ended: no prediction accepted after that could join it;
- a label of a key that Kafka's own partitioner sends elsewhere is told at once where all predictions of its partition
  obey that partitioner (``keys_obey``): its record's prediction lies elsewhere;
- a pane and its predictions are forgotten when both watermarks have passed its end by three times ``lateness``, and by
  ``tolerance``: no
  message accepted after that could concern it, and the time of every label that has joined one of them, or has come
  too late for it, is up. So a state that is rebuilt from a later origin, without them, keeps none of these labels.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from contract.messages import Label, ModelRef, Prediction
from contract.rejection import Reason, RejectionError

CONFIRMATIONS = 6
"""Messages that must have reached an event time, of the last eleven, before the watermark follows. Up to five wrong
clocks among any eleven messages of a partition move nothing, and a jump of the whole stream counts from its sixth
message on."""
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

    def see_key(self, belongs_here: bool) -> None:
        """Count in where the partitioner of Kafka sends a prediction's key."""
        self.obeying = min(self.obeying + belongs_here, _ENOUGH_KEYS)
        self.foreign = self.foreign or not belongs_here

    @property
    def keys_obey(self) -> bool:
        """Whether the predictions are spread by Kafka's own partitioner, and by no other: chance is below 1e-6."""
        return self.obeying >= _ENOUGH_KEYS and not self.foreign

    def end(self, offset: int) -> None:
        """Count an end of the stream in."""
        self.offset = offset + 1
        self.epoch += 1
        self.ended = True


class PredictionKey(NamedTuple):
    """One prediction per record and role; a second one is a duplicate."""

    record_id: str
    role: str


class KeptPrediction(msgspec.Struct):
    """A prediction that may still get a label, or another one.

    ``latest``, ``recent`` and ``epoch`` are those of ``predictions`` before it. ``label``, ``label_time`` and
    ``revision`` are what has been counted for it so far (revision 0: none).
    """

    record_id: str
    customer_id: str
    event_time: int
    probability: float
    predicted: int
    threshold: float
    model: ModelRef
    features: tuple[float | str | None, ...]
    offset: int
    latest: int | None
    epoch: int
    label: int | None = None
    label_time: int | None = None
    revision: int = 0
    recent: tuple[int, ...] = ()

    @property
    def key(self) -> PredictionKey:
        return PredictionKey(self.record_id, self.model.role)


class KeptLabel(msgspec.Struct):
    """A label that may still join a prediction. ``latest``, ``recent`` and ``epoch`` are those of ``labels`` before it.

    ``raw`` is the message's value, unchanged, for the dead letter that it becomes unless ``joined`` a prediction.
    """

    record_id: str
    customer_id: str
    event_time: int
    label: int
    offset: int
    latest: int | None
    epoch: int
    raw: bytes
    joined: bool = False
    recent: tuple[int, ...] = ()


class Joined(NamedTuple):
    """What the labels of a prediction come to."""

    label: int
    label_time: int
    revision: int


def refuse_prediction(prediction: Prediction, before: TopicProgress, rules: JoinRules) -> RejectionError | None:
    """Why a prediction comes too late for any label, or None. ``before`` is its topic's progress before it."""
    watermark = before.watermark(rules)
    if watermark is None or prediction.event_time + rules.lateness >= watermark:
        return None
    return RejectionError(
        Reason.RECORD_TOO_LATE, "event_time", "the record is behind the watermark by more than the lateness"
    )


def refuse_label(label: Label, before: TopicProgress, rules: JoinRules) -> RejectionError | None:
    """Why a label comes too late for any prediction, or None. ``before`` is its topic's progress before it."""
    watermark = before.watermark(rules)
    if watermark is None or label.event_time + rules.lateness + rules.tolerance >= watermark:
        return None
    return RejectionError(
        Reason.LABEL_TOO_LATE, "event_time", "the label is behind the watermark by more than the lateness"
    )


def joins(prediction: KeptPrediction, label: KeptLabel, rules: JoinRules) -> bool:
    """Whether the label is one of the prediction's."""
    return (
        -rules.tolerance <= label.event_time - prediction.event_time <= rules.lateness
        and prediction.epoch <= label.epoch
        and prediction.customer_id == label.customer_id
    )


def comes_too_late(prediction: KeptPrediction, label: KeptLabel, rules: JoinRules) -> bool:
    """Whether the label is the prediction's but for its time; not told of a label that the prediction may not see."""
    return (
        rules.lateness < label.event_time - prediction.event_time <= 2 * rules.lateness
        and prediction.epoch <= label.epoch
        and prediction.customer_id == label.customer_id
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
        and prediction.customer_id == label.customer_id
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
    watermark = predictions.watermark(rules)
    return None if watermark is None else watermark - rules.lateness - rules.tolerance


def forget_before(predictions: TopicProgress, labels: TopicProgress, rules: JoinRules) -> int | None:
    """Panes that end before this event time can be forgotten; None while there can be no such pane."""
    prediction_watermark, label_watermark = predictions.watermark(rules), labels.watermark(rules)
    if prediction_watermark is None or label_watermark is None:
        return None
    return min(prediction_watermark, label_watermark) - 3 * rules.lateness - rules.tolerance
