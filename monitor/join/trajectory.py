"""What a batch of one topic's messages does to its progress, and where the topic stood before each of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contract.arrays import Integers, Mask
from contract.messages import Prediction
from contract.rejection import RejectionError
from monitor.join.incoming import EndOfStream, Incoming
from monitor.join.rules import NEVER, JoinRules, TopicProgress

_ODD = {EndOfStream, RejectionError}
"""What a message may be that has no event time."""


@dataclass(frozen=True)
class Trajectory:
    """The readable messages of a batch, and for each where its topic stood before it: ``latest`` (``NEVER`` before
    there is one) and ``epochs``; which are a challenger's; and the messages that could not be read."""

    readable: list[Incoming]
    times: Integers
    latest: Integers
    epochs: Integers
    challengers: Mask
    refused: list[tuple[Incoming, RejectionError]]


def follow(progress: TopicProgress, messages: Sequence[Incoming], rules: JoinRules) -> Trajectory:
    """Advance ``progress`` over messages, in order of offset, as ``TopicProgress.advance`` and ``end`` would.

    A challenger's prediction moves no watermark: it repeats what its record has moved already, and as a second witness
    it would let half as many wrong clocks move it.
    """
    readable: list[Incoming] = []
    refused: list[tuple[Incoming, RejectionError]] = []
    ends: list[int] = []
    times: list[int] = []
    if _ODD.isdisjoint({type(message.content) for message in messages}):
        readable = list(messages)
        times = [message.content.event_time for message in messages]  # type: ignore[union-attr]
    else:
        for message in messages:
            content = message.content
            if isinstance(content, EndOfStream):
                ends.append(len(readable))
            elif isinstance(content, RejectionError):
                refused.append((message, content))
            else:
                readable.append(message)
                times.append(content.event_time)
    found = np.array(times, np.int64)
    challengers = np.fromiter(map(_is_challengers, readable), np.bool_, len(readable))
    moving = found[~challengers]
    reached, after = _latest(progress, moving, rules.confirmations)
    latest = reached[np.cumsum(~challengers) - ~challengers]
    epochs = progress.epoch + np.searchsorted(np.array(ends, np.int64), np.arange(len(readable)), side="right")
    if messages:
        progress.offset = messages[-1].offset + 1
        progress.ended = isinstance(messages[-1].content, EndOfStream)
    progress.epoch += len(ends)
    progress.latest = None if after == NEVER else after
    kept = 2 * rules.confirmations - 1
    progress.recent = (*progress.recent, *moving[-kept:].tolist())[-kept:]
    return Trajectory(readable, found, latest, epochs, challengers, refused)


def _is_challengers(message: Incoming) -> bool:
    content = message.content
    return isinstance(content, Prediction) and content.model.role == "challenger"


def _latest(progress: TopicProgress, times: Integers, confirmations: int) -> tuple[Integers, int]:
    """``latest`` before each message and after the last one; and the latter."""
    before = NEVER if progress.latest is None else progress.latest
    if not len(times):
        return np.array([before], np.int64), before
    width = 2 * confirmations - 1
    recent = progress.recent[-(width - 1) :] if width > 1 else ()
    padding = [NEVER] * (width - 1 - len(recent))
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate((padding, recent, times)).astype(np.int64), width)
    confirmed = np.partition(windows, width - confirmations, axis=1)[:, width - confirmations]
    reached = np.maximum.accumulate(np.concatenate(([before], confirmed)))
    return reached, int(reached[-1])
