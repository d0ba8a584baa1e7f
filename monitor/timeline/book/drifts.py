"""What a model's windows say of drift. Each is judged with the disjoint windows before it, and so again when one of
these has changed.

A verdict carries a digest of each window that it was pooled with. So it is seen, also after a restart, which verdicts
rest on windows as they are no longer; and the same windows get the same verdicts in whatever order they came, as far
back as they are not yet folded.
"""

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b

import msgspec

from contract.messages import ModelRef
from contract.windows import Drift
from monitor.inputs.rule import LONGEST_SPAN, design_effect
from monitor.timeline.book.content import pack_drift, packed_sketch, unpack_drift
from monitor.timeline.book.life import WindowState
from monitor.timeline.book.rules import BookRules
from monitor.timeline.samples import Sample

_UNJUDGED = Drift(judged=False, drifted=False, share=0.0)
_NONE = 0
_BYTES = 4


class ModelDrifts:
    """Args:
    states: the model's windows by start, as they are at each call.
    sample: reads the merged sample of the window that begins there.
    """

    def __init__(
        self,
        model: ModelRef,
        rules: BookRules,
        states: Mapping[int, WindowState],
        sample: Callable[[int], Sample | None],
    ) -> None:
        self._model = model
        self._rules = rules
        self._states = states
        self._sample = sample

    def of(self, state: WindowState) -> Drift:
        """The window's verdict; that of fewer predictions, marked so, while the sample of the newest is not there."""
        known = _UNJUDGED if state.drift is None else unpack_drift(state.drift)
        if state.judged == state.records:
            if not self.is_outdated(state):
                return known
            return self._keep(state, self._rules.judge_again(self._model, known, self._verdicts_before(state.start)))
        sample = self._sample(state.start)
        if sample is None:
            return msgspec.structs.replace(known, outdated=True) if known.judged else _UNJUDGED
        drift = self._rules.judge(self._model, sample, self._verdicts_before(state.start))
        state.judged, state.repeats = state.records, sample.repeats
        state.own = digest_of(drift)
        return self._keep(state, drift)

    def is_outdated(self, state: WindowState) -> bool:
        """Whether a window before it is another one by now than the one that it was pooled with."""
        return any(
            now not in (_NONE, then) for then, now in zip(state.pooled, self._digests_before(state.start), strict=False)
        )

    def outdated_by(self, start: int) -> Iterator[int]:
        """The starts of the windows that rest on another one at ``start``, at most ``LONGEST_SPAN`` less one."""
        size = self._rules.spec.size
        later = (self._states.get(place) for place in range(start + size, start + LONGEST_SPAN * size, size))
        return (one.start for one in later if one is not None and self.is_outdated(one))

    def recurrence(self, start: int, drift: Drift) -> float:
        """The design effect of customers that were in the disjoint windows before, too."""
        sketches = (None if packed is None else packed_sketch(packed) for packed in self._packed_before(start))
        return design_effect([drift.customers, *filter(None, sketches)])

    def _keep(self, state: WindowState, drift: Drift) -> Drift:
        if drift.judged:
            drift = msgspec.structs.replace(drift, pooled=tuple(self._digests_before(state.start)))
        state.drift, state.pooled = pack_drift(drift), drift.pooled
        return drift

    def _digests_before(self, start: int) -> Iterator[int]:
        return (_NONE if one is None else one.own for one in self._before(start))

    def _verdicts_before(self, start: int) -> list[Drift | None]:
        return [None if packed is None else unpack_drift(packed) for packed in self._packed_before(start)]

    def _packed_before(self, start: int) -> Iterator[bytes | None]:
        return (None if one is None else one.drift for one in self._before(start))

    def _before(self, start: int) -> Iterator[WindowState | None]:
        """The disjoint windows before, the nearest first, as far as they are pooled and not yet folded."""
        return (self._states.get(start - back * self._rules.spec.size) for back in range(1, LONGEST_SPAN))


def digest_of(drift: Drift) -> int:
    """Of what other windows take of one: its rows by cell and its customers; 0 if it was not judged."""
    if not drift.judged:
        return _NONE
    columns = sorted((name, feature.counts, feature.alone) for name, feature in drift.features.items())
    content = (drift.customers, columns)
    digest = blake2b(msgspec.msgpack.encode(content), digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big") or 1
