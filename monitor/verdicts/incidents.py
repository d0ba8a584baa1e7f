"""Incidents: what one change makes of many windows. Pure: the same windows give the same incidents.

Windows are taken in order of event time, each at its newest revision; when one is revised, what followed from it is
worked out again. So it makes no difference in what order they came, nor whether the monitor was restarted in between.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from contract.alert_rules import DEFAULT_RULES, StreamRules
from contract.alerts import ALERT_KINDS, BY_WALL_TIME, Alert, AlertKind
from contract.arrays import Floats
from contract.windows import Relation, Window
from monitor.verdicts.distrust import Distrust, DistrustSpan, going_on, still_of_use
from monitor.verdicts.evidence import ALTERNATIVES, NOTHING_YET, added_up
from monitor.verdicts.flow import Flow, Flows, reach
from monitor.verdicts.flow_signs import FLOW_KINDS, flow_signs
from monitor.verdicts.signs import Severity, Sign, signs
from monitor.verdicts.withdrawal import Withdrawal
from monitor.verdicts.worsening import EXCESSES, NO_WORSENING_YET

KINDS: tuple[AlertKind, ...] = tuple(kind for kind in ALERT_KINDS if kind not in BY_WALL_TIME)
"""Those that follow from windows."""
CLEAN_WINDOWS = 2
"""Windows' lengths of event time without a further sign after which an incident is closed."""


@dataclass(frozen=True)
class Incident:
    """One change: the ``start`` of the first window that shows it, the ``end`` of the last, and what that one says.

    ``at`` is the end of the newest window that has been looked at, ``severity`` the worst so far, ``features`` and
    ``segments`` are all that it has concerned. ``expected``: labels that are to come have yet to show it.
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
    expected: bool = False


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
                expected=found.expected,
            )
            return _Course((*self.incidents, opened))
        if found.expected and not found.wrong and not last.expected:
            # labels have shown it, and only labels take it back
            return self
        if found.wrong:
            severity: Severity = "critical" if "critical" in (found.severity, last.severity) else "warning"
            seen = replace(
                last,
                end=found.end,
                at=found.end,
                # columns at the edge of the level come and go from window to window, which is no news each time
                features=tuple(sorted({*last.features, *found.features})),
                severity=severity,
                segments=(*found.segments, *(one for one in last.segments if one not in found.segments)),
                finding=last.finding if found.expected and not last.expected else found.finding,
                expected=last.expected and found.expected,
            )
            return _Course((*self.incidents[:-1], seen))
        if found.doubtful or not found.doubted.isdisjoint(last.features):
            return _Course((*self.incidents[:-1], replace(last, at=found.end)))
        clean_from = found.start if self.clean_from is None else self.clean_from
        over = found.end - clean_from >= CLEAN_WINDOWS * (found.end - found.start)
        looked = replace(last, at=found.end, closed=over)
        return _Course((*self.incidents[:-1], looked), None if over else clean_from)


@dataclass(frozen=True)
class _Reached:
    """After a window: the course of each kind, the detectors of the relation and of performance, the start of the first
    window that could be judged, by kind, and where estimates are withdrawn.
    """

    courses: Mapping[AlertKind, _Course]
    detector: Floats = field(default_factory=lambda: NOTHING_YET)
    worsening: Floats = field(default_factory=lambda: NO_WORSENING_YET)
    judged_from: Mapping[AlertKind, int] = field(default_factory=dict)
    withdrawal: Withdrawal = field(default_factory=Withdrawal)
    distrust: Distrust = ()

    def since(self, until: int) -> "_Reached":
        """Without what was over by then."""
        return replace(
            self,
            courses={kind: course.since(until) for kind, course in self.courses.items()},
            distrust=still_of_use(self.distrust, until),
        )

    def after(self, shown: "_Shown", detectors: "Detectors") -> "_Reached":
        detector, worsening, courses = self.detector, self.worsening, dict(self.courses)
        found = shown.signs
        if shown.evidence:
            detector, detected = added_up(detector, shown.evidence, detectors.relation)
            if detected and "relation" in found:
                found = found | {"relation": found["relation"]._replace(wrong=True)}
        if shown.worsening:
            worsening, detected = added_up(worsening, shown.worsening, detectors.worsening)
            if detected and "performance" in found:
                found = found | {"performance": found["performance"]._replace(wrong=True)}
        for kind, sign in found.items():
            courses[kind] = courses[kind].after(kind, sign)
        judged_from = dict(self.judged_from)
        for kind, sign in found.items():
            judged_from.setdefault(kind, sign.start)
        withdrawal = self.withdrawal.after(shown.start, shown.end, shown.relation)
        distrust = going_on(self.distrust, self.withdrawal, withdrawal, shown.start)
        return _Reached(courses, detector, worsening, judged_from, withdrawal, distrust)


class Detectors(NamedTuple):
    """Mean slides to a false alarm of the detectors of another relation, and of a small worsening."""

    relation: float
    worsening: float = math.inf


class _Shown(NamedTuple):
    """What is kept of a window."""

    start: int
    end: int
    signs: dict[AlertKind, Sign]
    evidence: tuple[float, ...]
    worsening: tuple[float, ...]
    relation: Relation | None
    untrusted_since: int | None
    inputs: bool
    labels: bool
    final: bool

    @classmethod
    def by(cls, window: Window) -> "_Shown":
        evidence = window.relation.evidence if window.relation is not None else ()
        worsening = window.worsening.evidence if window.worsening is not None else ()
        # a release with other alternatives may have written it
        return cls(
            window.start,
            window.end,
            signs(window),
            evidence if len(evidence) == ALTERNATIVES else (),
            worsening if len(worsening) == len(EXCESSES) else (),
            window.relation,
            window.untrusted_since,
            window.drift.judged,
            window.relation is not None or window.worsening is not None,
            window.status == "final",
        )


class Looked(NamedTuple):
    """How much of a model's windows has been judged. Event times in ms; None: none of them.

    ``begins``: the end of the first window that is known, ``until`` of the newest, ``size`` its length; ``first``: the
    start of the first that was judged; ``inputs_until``, ``labels_until``, ``final_until``: the ends of the newest
    whose inputs or labels were judged, and of the newest that is final.
    """

    begins: int
    until: int
    size: int
    first: int | None
    inputs_until: int | None
    labels_until: int | None
    final_until: int | None


class History:
    """One model's windows in order of end, and the incidents that follow from them.

    Args:
        detectors: how often they may be wrong.
        alerts: what has been published, the last of each key. Of the incidents that went on when the first window
            began, the last of a kind counts.
        rules: when the flow of records and labels is wrong.
    """

    def __init__(
        self, detectors: Detectors, alerts: Iterable[Alert] = (), rules: StreamRules = DEFAULT_RULES.stream
    ) -> None:
        self._detectors = detectors
        self._rules = rules
        self._flows = Flows()
        self._flow_signs: dict[int, dict[AlertKind, Sign]] = {}
        self._alerts = tuple(alerts)
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

    def distrust(self) -> Distrust:
        """Where estimates without labels are not to be trusted."""
        self._go_on()
        return self._states[-1].distrust

    def looked(self) -> Looked | None:
        """How much of the windows has been judged; None without any."""
        if not self._shown:
            return None
        newest = self._shown[-1]
        return Looked(
            begins=self._ends[0],
            until=self._ends[-1],
            size=self._ends[-1] - newest.start,
            first=next((one.start for one in self._shown if one.inputs or one.labels), None),
            inputs_until=self._newest(lambda one: one.inputs),
            labels_until=self._newest(lambda one: one.labels),
            final_until=self._newest(lambda one: one.final),
        )

    def _newest(self, is_one: Callable[[_Shown], bool]) -> int | None:
        """The end of the newest window that is one."""
        places = range(len(self._shown) - 1, -1, -1)
        return next((self._ends[place] for place in places if is_one(self._shown[place])), None)

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
            self._states.append(self._at_first())
        done = len(self._states) - 1
        for end, shown in zip(self._ends[done:], self._shown[done:], strict=True):
            found = shown._replace(signs=shown.signs | self._flow_signs_at(end))
            self._states.append(self._states[-1].after(found, self._detectors))

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

    def _at_first(self) -> _Reached:
        courses = {kind: self._before(kind) for kind in KINDS}
        since = self._shown[0].untrusted_since if self._shown else None
        if since is None or since >= self._shown[0].start:
            return _Reached(courses)
        # the windows that withdrew the estimate are known no longer; the first that is known says so
        return _Reached(courses, withdrawal=Withdrawal(since=since), distrust=(DistrustSpan(since, None),))

    def _before(self, kind: AlertKind) -> _Course:
        begins = self.begins
        if begins is not None and kind in FLOW_KINDS:
            begins = self._first_judged(kind, max(self._ends))
        earlier = [
            one
            for one in self._alerts
            if one.kind == kind
            and begins is not None
            and one.start < begins
            # one that closed after the first window was going on before it
            and (one.standing or (one.state == "closed" and one.end > begins))
        ]
        if not earlier:
            return _Course()
        one = max(earlier, key=lambda alert: alert.start)
        went_on = Incident(
            kind,
            one.start,
            one.end,
            one.end if one.at is None else one.at,
            tuple(one.features),
            one.severity,
            one.message,
            segments=tuple(one.segments),
            expected=kind == "performance" and one.severity == "warning",
        )
        return _Course((went_on,))
