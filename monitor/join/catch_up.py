"""Tells what a partition has published already from what it has not. Pure.

A worker that starts reads on from what its store has absorbed, which may lie behind what was published. Everything
before the published offsets is absorbed in silence; nothing from behind them is touched before both topics are there,
for a pair is published as soon as one of its messages is.
"""

from collections.abc import Sequence
from typing import NamedTuple

from monitor.join.incoming import Incoming


class Split(NamedTuple):
    """Messages to absorb in silence, then messages to absorb and publish."""

    silent_predictions: Sequence[Incoming]
    silent_labels: Sequence[Incoming]
    predictions: Sequence[Incoming]
    labels: Sequence[Incoming]


class CatchUp:
    """The way of one partition from its absorbed to its published offsets."""

    def __init__(self, absorbed: tuple[int, int], published: tuple[int, int]) -> None:
        """Offsets of the next message to absorb, and of the first that was not published: predictions, labels."""
        self._published = published
        self._missing = [a < p for a, p in zip(absorbed, published, strict=True)]
        self._held: tuple[list[Incoming], list[Incoming]] = ([], [])

    @property
    def done(self) -> bool:
        """Whether everything that was published has been absorbed."""
        return not any(self._missing)

    def split(self, predictions: Sequence[Incoming], labels: Sequence[Incoming]) -> Split:
        """Sort the next messages of both topics; those that must wait come with a later call."""
        if self.done:
            return Split((), (), predictions, labels)
        silent = self._silent(0, predictions), self._silent(1, labels)
        if not self.done:
            return Split(*silent, (), ())
        held, self._held = self._held, ([], [])
        return Split(*silent, *held)

    def _silent(self, topic: int, messages: Sequence[Incoming]) -> Sequence[Incoming]:
        published = self._published[topic]
        silent = [message for message in messages if message.offset < published]
        late = messages[len(silent) :]
        self._held[topic].extend(late)
        # the log may have lost messages before the published offset; one from behind it shows that none will come
        if late or (silent and silent[-1].offset + 1 >= published):
            self._missing[topic] = False
        return silent
