"""Incidents: what one change makes of many windows. Pure: the same windows give the same incidents.

Windows are taken in order of event time, each at its newest revision; when one is revised, what followed from it is
worked out again. So it makes no difference in what order they came, nor whether the monitor was restarted in between.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from contract.alert_rules import DEFAULT_RULES, StreamRules
from contract.alerts import ALERT_KINDS, BY_WALL_TIME, Alert, AlertKind
from contract.arrays import Floats
from contract.windows import Window
from monitor.verdicts.evidence import ALTERNATIVES, NOTHING_YET, added_up
from monitor.verdicts.flow import Flow, Flows, reach
from monitor.verdicts.flow_signs import FLOW_KINDS, flow_signs
from monitor.verdicts.signs import Severity, Sign, signs

KINDS: tuple[AlertKind, ...] = tuple(kind for kind in ALERT_KINDS if kind not in BY_WALL_TIME)
"""Those that follow from windows."""
CLEAN_WINDOWS = 2
"""Windows' lengths of event time without a further sign after which an incident is closed."""


@dataclass(frozen=True)
class Incident:
    """One change: the ``start`` of the first window that shows it, the ``end`` of the last, and what that one says.

    ``at`` is the end of the newest window that has been looked at, ``severity`` the worst so far.
    """

    kind: AlertKind
    start: int
    end: int
    at: int
    features: tuple[str, ...]
    severity: Severity
    finding: str
    closed: bool = False
    segments: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Course:
    """Incidents of one kind so far, the last of which may be going on; since when windows have been clean."""

    incidents: tuple[Incident, ...] = ()
    clean_from: int | None = None

    def since(self, until: int) -> "_Course":
        kept = tuple(one for one in self.incidents if not one.closed or one.end > until)
        return self if len(kept) == len(self.incidents) else replace(self, incidents=kept)

    def after(self, kind: AlertKind, found: Sign) -> "_Course":
        last = self.incidents[-1] if self.incidents and not self.incidents[-1].closed else None
        if last is None:
            if not found.wrong:
                return self
            opened = Incident(
                kind,
                found.start,
                found.end,
                found.end,
                found.features,
                found.severity,
                found.finding,
                segments=found.segments,
            )
            return _Course((*self.incidents, opened))
        if found.wrong:
            severity: Severity = "critical" if "critical" in (found.severity, last.severity) else "warning"
            seen = replace(
                last,
                end=found.end,
                at=found.end,
                features=found.features,
                severity=severity,
                finding=found.finding,
                segments=found.segments,
            )
            return _Course((*self.incidents[:-1], seen))
        clean_from = found.start if self.clean_from is None else self.clean_from
        over = found.end - clean_from >= CLEAN_WINDOWS * (found.end - found.start)
        looked = replace(last, at=found.end, closed=over)
        return _Course((*self.incidents[:-1], looked), None if over else clean_from)


@dataclass(frozen=True)
class _Reached:
    """After a window: the course of each kind, the detector of the relation, and the start of the first window that
    could be judged, by kind.
    """

    courses: Mapping[AlertKind, _Course]
    detector: Floats = field(default_factory=lambda: NOTHING_YET)
    judged_from: Mapping[AlertKind, int] = field(default_factory=dict)

    def since(self, until: int) -> "_Reached":
        """Without incidents that were over by then."""
        return replace(self, courses={kind: course.since(until) for kind, course in self.courses.items()})

    def after(self, shown: "_Shown", threshold: float) -> "_Reached":
        detector, courses = self.detector, dict(self.courses)
        found = shown.signs
        if shown.evidence:
            detector, detected = added_up(detector, shown.evidence, threshold)
            if detected and "relation" in found:
                found = found | {"relation": found["relation"]._replace(wrong=True)}
        for kind, sign in found.items():
            courses[kind] = courses[kind].after(kind, sign)
        judged_from = dict(self.judged_from)
        for kind, sign in found.items():
            judged_from.setdefault(kind, sign.start)
        return _Reached(courses, detector, judged_from)


class _Shown(NamedTuple):
    """What is kept of a window."""

    start: int
    signs: dict[AlertKind, Sign]
    evidence: tuple[float, ...]

    @classmethod
    def by(cls, window: Window) -> "_Shown":
        evidence = window.relation.evidence if window.relation is not None else ()
        # a release with other alternatives may have written it
        return cls(window.start, signs(window), evidence if len(evidence) == ALTERNATIVES else ())


class History:
    """One model's windows in order of end, and the incidents that follow from them.

    Args:
        detector: mean number of slides to a false alarm of the relation's detector.
        standing: alerts of incidents that go on; of those from before the first window the last of a kind counts.
        rules: when the flow of records and labels is wrong.
    """

    def __init__(
        self, detector: float, standing: Iterable[Alert] = (), rules: StreamRules = DEFAULT_RULES.stream
    ) -> None:
        self._detector = detector
        self._rules = rules
        self._flows = Flows()
        self._flow_signs: dict[int, dict[AlertKind, Sign]] = {}
        self._standing = tuple(standing)
        self._ends: list[int] = []
        self._shown: list[_Shown] = []
        # the state before the first window and after each, as far as they are up to date
        self._states: list[_Reached] = []
        self._let_go = False

    @property
    def begins(self) -> int | None:
        """The start of the first window; what was before is not known any more."""
        return self._shown[0].start if self._shown else None

    def put(self, window: Window) -> None:
        """Take in a window, or a revision of it. One that ends before all that are kept changes nothing any more."""
        place = bisect_left(self._ends, window.end)
        if place == 0 and self._let_go and (not self._ends or window.end < self._ends[0]):
            return
        self._put_flow(Flow.of(window))
        if place < len(self._ends) and self._ends[place] == window.end:
            self._shown[place] = _Shown.by(window)
        else:
            self._ends.insert(place, window.end)
            self._shown.insert(place, _Shown.by(window))
        # the first window decides which alerts are from before
        del self._states[place + 1 if place or self._let_go else 0 :]

    def can_deny(self, alert: Alert) -> bool:
        """Whether the windows that are known would show what an alert is about.

        They do not where it began before them, nor where it takes earlier ones to compare with, and there are none.
        """
        begins = self.begins
        if begins is None or alert.start < begins:
            return False
        return alert.kind not in FLOW_KINDS or alert.start >= self._first_judged(alert.kind, alert.start + 1)

    def incidents(self) -> list[Incident]:
        """All incidents that the windows show, in order of start."""
        self._go_on()
        found = [incident for course in self._states[-1].courses.values() for incident in course.incidents]
        return sorted(found, key=lambda incident: (incident.start, incident.kind))

    def forget(self, until: int) -> None:
        """Let go of the windows that end by then, which nothing can change any more, and of incidents over by then.

        The newest window stays. What came of those that go stays as it is.
        """
        over = min(bisect_right(self._ends, until), len(self._ends) - 1)
        if over <= 0:
            return
        self._go_on()
        del self._ends[:over], self._shown[:over], self._states[:over]
        self._flows.forget(until)
        for end in [end for end in self._flow_signs if end <= until]:
            del self._flow_signs[end]
        self._let_go = True
        self._states = [state.since(until) for state in self._states]

    def _go_on(self) -> None:
        if not self._states:
            self._states.append(_Reached({kind: self._before(kind) for kind in KINDS}))
        done = len(self._states) - 1
        for end, shown in zip(self._ends[done:], self._shown[done:], strict=True):
            found = shown._replace(signs=shown.signs | self._flow_signs_at(end))
            self._states.append(self._states[-1].after(found, self._detector))

    def _put_flow(self, flow: Flow) -> None:
        if self._flows.put(flow):
            behind = flow.end + reach(flow.size)
            for end in [end for end in self._flow_signs if flow.end <= end <= behind]:
                del self._flow_signs[end]

    def _flow_signs_at(self, end: int) -> dict[AlertKind, Sign]:
        known = self._flow_signs.get(end)
        if known is None:
            flow = self._flows.ending(end)
            known = self._flow_signs[end] = {} if flow is None else flow_signs(self._flows, flow, self._rules)
        return known

    def _first_judged(self, kind: AlertKind, otherwise: int) -> int:
        """Where the first window starts of which this kind was said."""
        if self._states:
            return self._states[-1].judged_from.get(kind, otherwise)
        found = (self._flow_signs_at(end).get(kind) for end in self._ends)
        return next((sign.start for sign in found if sign is not None), otherwise)

    def _before(self, kind: AlertKind) -> _Course:
        begins = self.begins
        if begins is not None and kind in FLOW_KINDS:
            begins = self._first_judged(kind, max(self._ends))
        earlier = [one for one in self._standing if one.kind == kind and begins is not None and one.start < begins]
        if not earlier:
            return _Course()
        one = max(earlier, key=lambda alert: alert.start)
        at = one.end if one.at is None else one.at
        found = Incident(
            kind,
            one.start,
            one.end,
            at,
            tuple(one.features),
            one.severity,
            one.message,
            segments=tuple(one.segments),
        )
        return _Course((found,))
