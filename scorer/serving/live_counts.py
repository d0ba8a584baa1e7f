"""Confusion counts of the answers whose label has come, by model version, from a bounded memory of answers. Pure."""

from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from contract.messages import ModelRef
from contract.models.confusion import Confusion


class Answered(Protocol):
    """What is remembered of an answer; a ``Prediction`` is one."""

    @property
    def record_id(self) -> str: ...

    @property
    def predicted(self) -> int: ...

    @property
    def model(self) -> ModelRef: ...


@dataclass(slots=True)
class _Remembered:
    model: ModelRef
    predicted: int
    label: int | None = None


class LiveCounts:
    """Counts the newest ``limit`` answers' labels; what was counted stays when its answer is forgotten."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # a dict would look for its first entry among all that were deleted before it
        self._answers: OrderedDict[str, _Remembered] = OrderedDict()
        self._cells: defaultdict[ModelRef, list[int]] = defaultdict(lambda: [0, 0, 0, 0])

    def __len__(self) -> int:
        """Answers remembered."""
        return len(self._answers)

    def predicted(self, answers: Sequence[Answered]) -> None:
        """Remember answers in the place of the oldest. Of several to one record the first counts, as in the join."""
        for answer in answers:
            self._answers.setdefault(answer.record_id, _Remembered(answer.model, answer.predicted))
        while len(self._answers) > self._limit:
            self._answers.popitem(last=False)

    def labelled(self, labels: Sequence[tuple[str, int]]) -> list[str]:
        """Count (record id, label) pairs, or return the record ids that are not remembered: then none is counted.

        A label that repeats the record's last one changes nothing; one that contradicts it takes its place.
        """
        unknown = dict.fromkeys(record_id for record_id, _ in labels if record_id not in self._answers)
        if unknown:
            return list(unknown)
        for record_id, label in labels:
            answer = self._answers[record_id]
            if label == answer.label:
                continue
            cells = self._cells[answer.model]
            if answer.label is not None:
                cells[_cell(answer.label, answer.predicted)] -= 1
            cells[_cell(label, answer.predicted)] += 1
            answer.label = label
        return []

    @property
    def counts(self) -> dict[ModelRef, Confusion]:
        """By version, of those with a labelled answer."""
        return {model: Confusion(*cells) for model, cells in self._cells.items()}


def _cell(label: int, predicted: int) -> int:
    """Where a pair is counted, in ``Confusion``'s order."""
    return 2 * label + predicted
