"""Incidents and the sinks they are sent to, read from Kafka alone and shown in a terminal or as JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from contract.alert_rules import AlertRules
from contract.alerts import BY_WALL_TIME, Alert
from contract.errors import UserError
from contract.kafka.rereading import NothingCameError
from contract.kafka.stream_identity import stream_identity
from contract.settings import Settings
from monitor.alert_sinks.backlog import Backlog, backlog_of
from monitor.alert_sinks.notices import one_line, title_of
from monitor.alert_sinks.position import alerts_on
from monitor.naming import iso_time

RECENT = 10
"""Incidents that are over and are shown without being asked for."""
_MOST_MESSAGE = 2_000
_MOST_MILLISECONDS = 7_000_000 * 24 * 3_600 * 1_000
_RANK = {"critical": 0, "warning": 1}


@dataclass(frozen=True)
class Incidents:
    """Of each the newest state: ``standing``, the gravest first, ``over``, the newest first; and the rules' sinks."""

    standing: tuple[Alert, ...]
    over: tuple[Alert, ...]
    sinks: tuple[Backlog, ...]


def read_incidents(settings: Settings, rules: AlertRules) -> Incidents:
    """All that is on ``alerts`` of the stream that is there now.

    Raises:
        UserError: the broker does not answer, or there is no such stream.
    """
    try:
        alerts = alerts_on(settings, stream_identity(settings))
    except NothingCameError as error:
        raise UserError(f"alerts cannot be read ({error}); check KAFKA_BOOTSTRAP_SERVERS") from None
    timeout = settings.request_timeout_ms / 1_000
    sinks = tuple(backlog_of(settings, rule, alerts, timeout) for rule in rules.sinks)
    newest = {alert.key: (offset, alert) for offset, alert in alerts}
    in_order = [alert for _, alert in sorted(newest.values(), key=lambda each: each[0])]
    standing = sorted(
        (one for one in in_order if one.standing), key=lambda one: (_RANK[one.severity], one.start, one.key)
    )
    return Incidents(tuple(standing), tuple(one for one in reversed(in_order) if not one.standing), sinks)


def as_json(found: Incidents, shown: int | None = RECENT) -> bytes:
    """``{"standing": […], "over": […], "sinks": […]}``, alerts as on their topic; at most ``shown`` that are over."""
    content: dict[str, Any] = {"standing": found.standing, "over": found.over[:shown], "sinks": found.sinks}
    return msgspec.json.format(msgspec.json.encode(content), indent=2)


def incidents_view(found: Incidents, shown: int | None = RECENT) -> RenderableType:
    """Tables for a terminal: what stands with what to do, what is over (at most ``shown``), and the sinks."""
    parts: list[RenderableType] = [_standing(found.standing) if found.standing else Text("no open incidents")]
    if found.over:
        left_out = len(found.over) - len(found.over[:shown])
        title = f"past ({left_out:,} more: --all)" if left_out else "past"
        parts += [Text(), Text(title, style="bold"), _over(found.over[:shown])]
    parts += [Text(), _sinks(found.sinks)]
    return Group(*parts)


def _standing(alerts: Sequence[Alert]) -> RenderableType:
    table = _table("severity", "since", "kind", "incident")
    for one in alerts:
        style = "bold red" if one.severity == "critical" else "yellow"
        text = Text.assemble((title_of(one), "bold"), "\n", one_line(one.message, _MOST_MESSAGE))
        table.add_row(Text(one.severity, style=style), _time(one.start), one.kind, text)
    note = _clock_note(alerts)
    title = Text(f"{len(alerts)} open incident{'' if len(alerts) == 1 else 's'}", style="bold")
    return Group(title, table, *note)


def _over(alerts: Sequence[Alert]) -> RenderableType:
    table = _table("state", "since", "last seen", "incident")
    for one in alerts:
        table.add_row(one.state, _time(one.start), _time(one.end), Text(title_of(one)))
    return table


def _sinks(sinks: Sequence[Backlog]) -> RenderableType:
    if not sinks:
        return Text("alerts are not sent: CHURNSTREAM_ALERT_RULES names no sink (docs/alerts.md)", style="dim")
    table = _table("sink", "waiting", "state")
    for one in sinks:
        table.add_row(one.sink, f"{one.waiting:,}", _state(one))
    return table


def _state(one: Backlog) -> Text:
    if one.failing:
        since = "" if one.since is None else f" since {iso_time(one.since)}"
        return Text(f"fails{since}: {one_line(one.failing, _MOST_MESSAGE)}", style="red")
    if not one.begun:
        return Text("no monitor has run with this sink yet", style="yellow")
    return Text(
        "waiting to be sent; is a monitor running?" if one.waiting else "all sent", style="" if one.waiting else "green"
    )


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns[:-1]:
        table.add_column(name, no_wrap=True, justify="right" if name == "waiting" else "left")
    table.add_column(columns[-1], overflow="fold")
    return table


def _clock_note(alerts: Iterable[Alert]) -> list[Text]:
    if any(one.kind in BY_WALL_TIME for one in alerts):
        return [
            Text(f"times of {', '.join(sorted(BY_WALL_TIME))} are wall time, all others event time; UTC", style="dim")
        ]
    return [Text("times are event time, UTC", style="dim")]


def _time(milliseconds: int) -> str:
    # somebody else may have written it
    if abs(milliseconds) > _MOST_MILLISECONDS or milliseconds < 0:
        return "–"
    return iso_time(milliseconds)[:16].replace("T", " ")
