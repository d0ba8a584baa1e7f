"""What a batch of one topic's messages does to its progress, and where the topic stood before each of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contract.arrays import Integers
from contract.rejection import RejectionError
from monitor.join.incoming import EndOfStream, Incoming
from monitor.join.rules import NEVER, JoinRules, TopicProgress

_ODD = {EndOfStream, RejectionError}
"""What a message may be that has no event time."""


@dataclass(frozen=True)
class Trajectory:
    """The readable messages of a batch, and for each where its topic stood before it: ``latest`` (``NEVER`` before
    there is one) and ``epochs``; and the messages that could not be read."""

    readable: list[Incoming]
    times: Integers
    latest: Integers
    epochs: Integers
    refused: list[tuple[Incoming, RejectionError]]


def follow(progress: TopicProgress, messages: Sequence[Incoming], rules: JoinRules) -> Trajectory:
    """Advance ``progress`` over messages, in order of offset, as ``TopicProgress.advance`` and ``end`` would."""
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
    latest, after = _latest(progress, found, rules.confirmations)
    epochs = progress.epoch + np.searchsorted(np.array(ends, np.int64), np.arange(len(readable)), side="right")
    if messages:
        progress.offset = messages[-1].offset + 1
        progress.ended = isinstance(messages[-1].content, EndOfStream)
    progress.epoch += len(ends)
    progress.latest = None if after == NEVER else after
    kept = 2 * rules.confirmations - 1
    progress.recent = (*progress.recent, *times[-kept:])[-kept:]
    return Trajectory(readable, found, latest, epochs, refused)


def _latest(progress: TopicProgress, times: Integers, confirmations: int) -> tuple[Integers, int]:
    """``latest`` before each message, and after the last."""
    before = NEVER if progress.latest is None else progress.latest
    if not len(times):
        return times, before
    width = 2 * confirmations - 1
    recent = progress.recent[-(width - 1) :] if width > 1 else ()
    padding = [NEVER] * (width - 1 - len(recent))
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate((padding, recent, times)).astype(np.int64), width)
    confirmed = np.partition(windows, width - confirmations, axis=1)[:, width - confirmations]
    reached = np.maximum.accumulate(np.concatenate(([before], confirmed)))
    return reached[:-1], int(reached[-1])
