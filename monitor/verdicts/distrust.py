"""In which windows estimates without labels are not to be trusted, as labels have shown. Pure.

It follows from the windows alone, each at its newest revision: so all windows of such a time are told so in the end, in
whatever order they came, provisional or final.
"""

from typing import NamedTuple

from monitor.verdicts.withdrawal import Withdrawal


class DistrustSpan(NamedTuple):
    """Event times in ms: from ``since``, and where labels go with scores again, before ``until``."""

    since: int
    until: int | None


Distrust = tuple[DistrustSpan, ...]
"""In ascending order, without overlap."""


def untrusted_since(distrust: Distrust, start: int, end: int) -> int | None:
    """Since when the estimate of a window from ``start`` to ``end`` is not to be trusted; None: it may be."""
    return next(
        (span.since for span in distrust if end > span.since and (span.until is None or start < span.until)), None
    )


def untrusted_now(distrust: Distrust) -> int | None:
    """Since when estimates are not to be trusted, as of the newest windows."""
    return distrust[-1].since if distrust and distrust[-1].until is None else None


def going_on(distrust: Distrust, before: Withdrawal, now: Withdrawal, start: int) -> Distrust:
    """After a window that starts at ``start``, which has brought ``before`` to ``now``."""
    if before.since is None and now.since is not None:
        return (*distrust, DistrustSpan(now.since, None))
    if before.since is not None and now.since is None:
        # the windows since then were clean
        until = start if before.clean_from is None else before.clean_from
        return (*distrust[:-1], distrust[-1]._replace(until=until))
    return distrust


def still_of_use(distrust: Distrust, until: int) -> Distrust:
    """Without what was over by then."""
    return tuple(span for span in distrust if span.until is None or span.until > until)
