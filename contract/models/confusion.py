"""The confusion counts of a binary classifier, and the metrics that follow from them."""

from typing import NamedTuple


class Confusion(NamedTuple):
    """Labelled queries by label and decision; a metric that is undefined is None: a precision without predicted
    positives is not 0.
    """

    tn: int = 0
    fp: int = 0
    fn: int = 0
    tp: int = 0

    @property
    def labelled(self) -> int:
        return sum(self)

    @property
    def accuracy(self) -> float | None:
        """Share of right decisions."""
        return ratio(self.tn + self.tp, self.labelled)

    @property
    def precision(self) -> float | None:
        """Share of the predicted positives that are positive."""
        return ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float | None:
        """Share of the positives that were predicted."""
        return ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        return ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)


def ratio(numerator: int, denominator: int) -> float | None:
    """None where the denominator is 0."""
    return numerator / denominator if denominator else None
