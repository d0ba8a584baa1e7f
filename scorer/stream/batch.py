"""One batch of customer records in, predictions and dead letters out. No I/O and no clock."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar, cast, overload

import msgspec
import numpy as np

from contract.records import Record
from contract.rejection import Reason, RejectionError
from contract.schema import Schema
from scorer.kernels.check import checked_kernel
from scorer.kernels.definition import Definition
from scorer.kernels.definition import predictions as predictions_of_records
from scorer.kernels.kernel import Taken, Texts, predictions
from scorer.models.columns import CheckedColumns
from scorer.models.isolation import Scored, score_each
from scorer.models.scores import Scores, ScoresColumns, checked_column_scores
from scorer.stream.reading import Raw, Raws

MOST_FAILED_IN_A_ROW = 10
"""Records on which a model may fail, one after the other, before it is taken to be broken."""

FEW = 16
"""Records that are sooner scored by structs: a call of a kernel takes as long as they do."""

Sent = tuple[bytes, bytes]
"""Key and value of a prediction."""
Beside = Callable[[Scores], Sequence[Sent | None]]
"""What another model answers to the records that have a prediction, in the same order; None where it fails on one.

Raises ``BrokenModelError`` where it scores nothing, and whatever else it comes to.
"""
_Answer = TypeVar("_Answer")
_log = logging.getLogger("churnstream.scorer")


def _nothing(_model: Scores) -> Sequence[Sent | None]:
    return ()


@dataclass(frozen=True, slots=True, eq=False)
class KeyedTexts(Sequence[Sent]):
    """Predictions by column. As with ``Texts``, they are to be taken one by one."""

    keys: Sequence[bytes]
    values: Texts

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Sent]:
        return zip(self.keys, self.values, strict=True)

    @overload
    def __getitem__(self, place: int) -> Sent: ...

    @overload
    def __getitem__(self, place: slice) -> list[Sent]: ...

    def __getitem__(self, place: int | slice) -> Sent | list[Sent]:
        if isinstance(place, slice):
            return list(zip(self.keys[place], self.values[place], strict=True))
        return self.keys[place], self.values[place]


@dataclass(slots=True)
class ScoredBatch:
    """One partition's share of a batch: predictions in order of offset, and what could not be used.

    ``beside`` scores the same records with another model. It changes nothing here, and may run on another thread.
    """

    predictions: Sequence[Sent] = ()
    rejected: list[tuple[Raw, RejectionError]] = field(default_factory=list)
    beside: Beside = _nothing

    @property
    def failures(self) -> int:
        """Records that were rejected because the model failed on them."""
        return sum(rejection.reason is Reason.NOT_SCORABLE for _, rejection in self.rejected)

    def let_go(self) -> None:
        """Nothing more is asked of ``beside``, so the records need no longer be kept."""
        self.beside = _nothing


@dataclass(frozen=True, slots=True)
class _Good:
    """Records that can be scored, as structs."""

    messages: Raws
    records: list[Record]

    def __len__(self) -> int:
        return len(self.records)

    def at(self, places: Sequence[int]) -> "_Good":
        return _Good(self.messages.at(places), [self.records[place] for place in places])

    @property
    def features(self) -> list[msgspec.Struct]:
        return [record.features for record in self.records]


class BatchScorer:
    """Decodes, checks and scores the records of one partition.

    Records that a kernel takes become columns, and go to the model as such; what it declines, or the model does not
    score by column, is decoded to structs. Both ways give the same bytes.

    Structs are decoded in one call. If any record is not valid, all of these are decoded one by one: the bad ones are
    rejected, each with its own reason, and the rest is scored.
    """

    def __init__(self, schema: Schema, *, kernels: bool = True) -> None:
        """Without ``kernels``, all goes by structs."""
        self._definition = Definition(schema)
        self._kernel = checked_kernel(schema) if kernels else None
        self._told: set[str] = set()

    def score(
        self,
        messages: Sequence[Raw],
        partition: int,
        model: Scores,
        *,
        most_failed: int | None = MOST_FAILED_IN_A_ROW,
    ) -> ScoredBatch:
        """Score ``messages``.

        A record on which the model fails is rejected. ``most_failed`` is how many such are taken for the records' own
        fault where the model scores no other; None: any number, because the model is known to work.

        Raises:
            BrokenModelError: the model scores nothing, and more than ``most_failed`` records have failed.
        """
        read = Raws.of(messages)
        if self._kernel is None or len(read) < FEW or not isinstance(model, ScoresColumns):
            return self._by_structs(read, partition, model, most_failed)
        taken = self._kernel.take(read.values, read.keys, read.sent)
        if not len(taken):
            return self._by_structs(read, partition, model, most_failed)
        try:
            by_column = _column_predictions(read, taken, partition, model)
        except Exception as error:
            # structs tell which records it fails on
            scored = self._by_structs(read, partition, model, most_failed)
            if not scored.failures:
                self._tell(model, error)
            return scored
        declined = _declined(read, taken)
        rest = self._by_structs(declined, partition, model, None) if len(declined) else ScoredBatch()
        merged = _merged(read, taken, by_column, rest.predictions, declined, rest.rejected)
        return ScoredBatch(
            merged, rest.rejected, partial(self._beside, read, taken, declined, rest.rejected, partition)
        )

    def _beside(
        self,
        read: Raws,
        taken: Taken,
        declined: Raws,
        rejected: Sequence[tuple[Raw, RejectionError]],
        partition: int,
        model: Scores,
    ) -> Sequence[Sent | None]:
        by_column: Sequence[Sent | None] | None = None
        if isinstance(model, ScoresColumns):
            try:
                by_column = _column_predictions(read, taken, partition, model)
            except Exception as error:
                self._tell(model, error)
        if by_column is None:
            good, _ = self._good(read.at(taken.places.tolist()))
            by_column = _struct_predictions(good, partition, model)
        if not len(declined):
            return by_column
        bad = {raw.offset for raw, _ in rejected}
        good, _ = self._good(declined.at([place for place, at in enumerate(declined.offsets) if at not in bad]))
        # a model that scores some records works, whatever it makes of the others
        by_struct = _struct_predictions(good, partition, model, most_failed=None)
        return _merged(read, taken, by_column, by_struct, declined, rejected)

    def _by_structs(self, messages: Raws, partition: int, model: Scores, most_failed: int | None) -> ScoredBatch:
        good, rejected = self._good(messages)
        if not len(good):
            return ScoredBatch(rejected=rejected)
        scored = score_each(model, good.features, most_failed)
        sent = [each for each in _sent(good.messages, scored, partition, model) if each is not None]
        if scored.failures:
            failed = [(good.messages[place], _failure(model, error)) for place, error in scored.failures.items()]
            rejected = sorted(rejected + failed, key=lambda pair: pair[0].offset)
            good = good.at([place for place in range(len(good)) if place not in scored.failures])
        return ScoredBatch(sent, rejected, partial(_struct_predictions, good, partition))

    def _good(self, messages: Raws) -> tuple[_Good, list[tuple[Raw, RejectionError]]]:
        records = self._definition.all_records(messages.values, messages.keys, messages.sent)
        if records is not None:
            return _Good(messages, records), []
        records, places, rejected = [], [], []
        for place, message in enumerate(messages):
            try:
                records.append(self._definition.record(message.value, message.key, message.sent))
                places.append(place)
            except RejectionError as rejection:
                rejected.append((message, rejection))
        return _Good(messages.at(places), records), rejected

    def _tell(self, model: Scores, error: Exception) -> None:
        named = f"model {model.ref.name} v{model.ref.version}"
        if named not in self._told:
            _log.warning(
                "%s fails on columns (%s: %s) but not on the records themselves, so it scores them the slower way",
                named,
                type(error).__name__,
                error,
            )
        self._told.add(named)


def _declined(read: Raws, taken: Taken) -> Raws:
    """What the kernel has not taken."""
    if len(taken) == len(read):
        return Raws((), (), (), ())
    declined = np.ones(len(read), np.bool_)
    declined[taken.places] = False
    return read.at(np.flatnonzero(declined).tolist())


def _merged(
    read: Raws,
    taken: Taken,
    by_column: Sequence[_Answer],
    by_struct: Sequence[_Answer],
    declined: Raws,
    rejected: Sequence[tuple[Raw, RejectionError]],
) -> Sequence[_Answer]:
    """The answers to ``taken`` and to what is good in ``declined``, in order of offset."""
    if not by_struct:
        return by_column
    bad = {raw.offset for raw, _ in rejected}
    good = [offset for offset in declined.offsets if offset not in bad]
    offsets = [*(read.offsets[place] for place in taken.places.tolist()), *good]
    answers = [*by_column, *by_struct]
    return [answers[place] for place in sorted(range(len(answers)), key=offsets.__getitem__)]


def _column_predictions(read: Raws, taken: Taken, partition: int, model: ScoresColumns) -> KeyedTexts:
    """Predictions of the records in ``taken``, in one call of the model.

    Raises:
        ModelAnswerError: the model has not answered each with a probability.
        Exception: what the model itself raises.
    """
    probabilities, decisions = checked_column_scores(model, CheckedColumns(taken.columns))
    offsets = np.array(read.offsets, np.int64)[taken.places]
    made = predictions(taken, probabilities, decisions.astype(np.int64), _constant(model, partition).encode(), offsets)
    keys = read.keys if len(taken) == len(read) else [read.keys[place] for place in taken.places.tolist()]
    return KeyedTexts(cast(Sequence[bytes], keys), made)


def _struct_predictions(
    good: _Good, partition: int, model: Scores, *, most_failed: int | None = MOST_FAILED_IN_A_ROW
) -> Sequence[Sent | None]:
    if not len(good):
        return ()
    return _sent(good.messages, score_each(model, good.features, most_failed), partition, model)


def _sent(messages: Raws, scored: Scored, partition: int, model: Scores) -> Sequence[Sent | None]:
    made = predictions_of_records(
        messages.values,
        scored.probabilities,
        scored.decisions.tolist(),
        _constant(model, partition),
        messages.offsets,
    )
    sent = [(key or b"", value) for key, value in zip(messages.keys, made, strict=True)]
    if not scored.failures:
        return sent
    return [None if place in scored.failures else each for place, each in enumerate(sent)]


def _constant(model: Scores, partition: int) -> str:
    """What stands in a prediction between decision and offset."""
    return (
        f'"threshold":{model.threshold!r},"model":{msgspec.json.encode(model.ref).decode()},'
        f'"source":{{"partition":{partition},"offset":'
    )


def _failure(model: Scores, error: Exception) -> RejectionError:
    return RejectionError(
        Reason.NOT_SCORABLE, "", f"model {model.ref.name} v{model.ref.version} failed: {type(error).__name__}"
    )
