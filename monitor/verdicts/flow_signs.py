"""What a window says of the flow of records and labels, beside the windows before it. Pure.

A sign needs three things: the change is as large as the rules ask, it is outside of what the like windows
before had, and it is beyond chance.
"""

from scipy.stats import binom

from contract.alert_rules import StreamRules
from contract.alerts import AlertKind
from monitor.verdicts.flow import Flow, Flows, Usual
from monitor.verdicts.signs import Sign

FLOW_KINDS: tuple[AlertKind, ...] = ("coverage", "delay", "volume")
LEVEL = 1e-5
"""Of each comparison with the windows before, besides what the rules ask: chance alone hardly ever gets so far."""
LEAST_RECORDS, LEAST_DELAYED = 30, 100
"""Predictions of a window whose coverage is judged, and labels of one whose delay is."""
_LEAST_HOURS = 1.0
_CLASS_FACTOR = 0.5
"""A class has lost its labels when at most this part of the usual ones has come."""
_LEAST_EXPECTED = 20.0


def flow_signs(flows: Flows, flow: Flow, rules: StreamRules) -> dict[AlertKind, Sign]:
    """By kind, as far as a window and those before it can be judged."""
    found: dict[AlertKind, Sign | None] = {
        "coverage": _coverage(flows, flow, rules),
        "delay": _delay(flows, flow, rules),
        "volume": _volume(flows, flow, rules),
    }
    return {kind: one for kind, one in found.items() if one is not None}


def _volume(flows: Flows, newest: Flow, rules: StreamRules) -> Sign | None:
    """Of the window one slide before: that records have come since shows that it has ended, and not the stream."""
    flow = flows.ending(newest.end - newest.slide) if newest.slide and newest.slide_records else None
    if flow is None or not flows.is_whole(flow):
        return None
    found = flows.usual(flow, lambda one: float(one.records) if flows.is_whole(one) else None)
    if found is None:
        return None
    usual, _ = found
    records, factor = flow.records, rules.volume_factor
    low = records * factor < usual.low and records < usual.least and _is_few(records, usual.low)
    high = records > usual.high * factor and records > usual.most and _is_few(usual.high, records)
    middle = usual.low if low else usual.high
    few = "few" if low else "many"
    return Sign(
        flow.start,
        flow.end,
        low or high,
        finding=f"{records:,} records, but earlier windows had about {middle:,.0f}: too {few} by a factor of "
        f"{max(records, middle) / max(min(records, middle), 1):.1f}",
    )


def _is_few(fewer: float, more: float) -> bool:
    """Whether two Poisson counts differ beyond chance: given their sum, the smaller is binomial (1/2)."""
    return bool(binom.cdf(fewer, int(fewer + more), 0.5) < LEVEL)


def _coverage(flows: Flows, flow: Flow, rules: StreamRules) -> Sign | None:
    if not flow.final or flow.records < LEAST_RECORDS:
        return None
    sign = Sign(flow.start, flow.end, False)
    if flow.told == 0:
        return _nothing_came(flow, sign)
    found = flows.usual(flow, lambda one: one.coverage if one.final and one.records >= LEAST_RECORDS else None)
    if found is None:
        return None
    usual, earlier = found
    # silence that counts as 0 leaves the labels 1 alone to be sent, and their share moves with churn itself
    drop = max(rules.coverage_drop, _CLASS_FACTOR) if flow.inferred else rules.coverage_drop
    below = (
        flow.coverage < (1 - drop) * usual.low
        and flow.coverage < usual.least
        and binom.cdf(flow.told, flow.records, usual.low) < LEVEL
    )
    lost = [] if flow.inferred else _classes_lost(flow, usual, earlier)
    which = f"; above all, labels {' and '.join(lost)} are missing" if lost else ""
    return sign._replace(
        wrong=bool(below or lost),
        finding=f"labels came for {flow.coverage:.0%} of {flow.records:,} predictions, but for about {usual.low:.0%} "
        f"in earlier windows{which}",
    )


def _nothing_came(flow: Flow, sign: Sign) -> Sign | None:
    if flow.inferred and flow.expected_positive < _LEAST_EXPECTED:
        return None
    counted = f"; {flow.inferred:,} count as 0 because their horizon has passed" if flow.inferred else ""
    return sign._replace(
        wrong=True,
        severity="critical",
        finding=f"no label has come for any of {flow.records:,} predictions{counted}",
    )


def _classes_lost(flow: Flow, usual: Usual, earlier: list[Flow]) -> list[str]:
    """The classes whose labels no longer come: fewer than expected of the scores, and so many labels are missing.

    Where labels say otherwise than scores, one class has fewer because the other has more: then none is missing.
    """
    missing = usual.low * flow.records - flow.told
    lost = []
    for name, told, expected in (
        ("0", "told_negative", "expected_negative"),
        ("1", "told_positive", "expected_positive"),
    ):
        shares = [getattr(one, told) / getattr(one, expected) for one in earlier if getattr(one, expected) >= 1]
        if not shares:
            continue
        due = sorted(shares)[(len(shares) - 1) // 2] * getattr(flow, expected)
        came = getattr(flow, told)
        if due >= _LEAST_EXPECTED and came < _CLASS_FACTOR * due and 2 * missing >= due - came:
            lost.append(name)
    return lost


def _delay(flows: Flows, flow: Flow, rules: StreamRules) -> Sign | None:
    """Of final windows alone: in others the labels that take long are still to come."""
    delay = _delay_of(flow)
    found = flows.usual(flow, _delay_of)
    if delay is None or found is None:
        return None
    usual, _ = found
    longer = delay > rules.delay_factor * usual.high and delay > usual.most and delay - usual.high >= _LEAST_HOURS
    return Sign(
        flow.start,
        flow.end,
        longer,
        finding=f"half of the labels took longer than {_hours(delay)}, but about {_hours(usual.high)} in earlier "
        f"windows",
    )


def _delay_of(flow: Flow) -> float | None:
    return flow.delay if flow.final and flow.told >= LEAST_DELAYED else None


def _hours(hours: float) -> str:
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} hours"
