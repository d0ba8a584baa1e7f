"""Dead letters and what becomes of them, as a terminal shows them."""

from collections.abc import Mapping

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from churnstream.redrive.listing import LetterGroup, LetterPlace, LettersFound
from churnstream.redrive.sending import RedriveTally
from dashboard.view.words import moment, named

_LONGEST_TOPIC, _LONGEST_NAME = 100, 60


def as_json(found: LettersFound) -> str:
    """``{"count": …, "redriven": …, "groups": […]}``; times are ms since the epoch."""
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()


def letters_view(found: LettersFound) -> RenderableType:
    """A block for each reason, field and origin."""
    if not found.count:
        return Text(f"no dead letters are left{_redriven(found.redriven)}")
    parts: list[RenderableType] = [
        Text(f"{_letters(found.count)}{_redriven(found.redriven)}; times are wall time, UTC", style="bold")
    ]
    for group in found.groups:
        parts += [Text(), *_group(group)]
    if any(group.goes for group in found.groups):
        parts += [
            Text(),
            Text("see what would be sent again: run churnstream redrive with the same flags", style="dim"),
        ]
    return Group(*parts)


def tally_view(tally: RedriveTally, *, done: bool) -> RenderableType:
    """What was sent again (``done``), or would be, and what stays."""
    verb = "sent again" if done else "would be sent again"
    table = _table("letters", "reason", "field", "to")
    for (reason, field, topic), count in sorted(tally.goes.items(), key=lambda one: (-one[1], one[0])):
        table.add_row(f"{count:,}", named(reason, _LONGEST_NAME), named(field, _LONGEST_NAME) if field else "", topic)
    parts: list[RenderableType] = [Text(f"{_letters(tally.sent)} {verb}", style="bold")]
    parts += [table] if tally.goes else []
    parts += _stays(tally.stays)
    if tally.already:
        more = f"{tally.already:,} more {'has' if tally.already == 1 else 'have'}"
        parts.append(Text(f"{more} already been sent again and will not be sent twice"))
    if tally.beyond:
        parts.append(Text("there are more: --limit was reached"))
    if tally.stopped:
        parts.append(Text("stopped before the end; run it again for the rest"))
    return Group(*parts)


def _group(group: LetterGroup) -> list[RenderableType]:
    field = f" at {named(group.field, _LONGEST_NAME)}" if group.field else ""
    origin = f", from {named(group.topic, _LONGEST_TOPIC)}" if group.topic else ""
    head = Text.assemble((f"{group.count:,}", "bold"), " ", (group.reason + field, "bold"), origin)
    head.append(f", {moment(group.first_at)} to {moment(group.last_at)}", "dim")
    lines: list[RenderableType] = [head, Text(f"  {group.meaning} {group.remedy}")]
    if group.goes:
        lines.append(Text(f"  {group.goes:,} would be accepted by the schema now", style="green"))
    lines += [Text("  ").append_text(line) for line in _stays(group.stays)]
    if group.failed_again:
        lines.append(Text(f"  {group.failed_again:,} had been sent again before and failed again"))
    table = _table("  letter", "where it came from", "came", "found", "detail")
    for one in group.examples:
        table.add_row(*_example(group, one))
    return [*lines, table]


def _example(group: LetterGroup, one: LetterPlace) -> tuple[str, ...]:
    topic = named(group.topic, _LONGEST_TOPIC)
    detail = "; ".join(
        part for part in (one.detail, f"dated {moment(one.event_time)}" if one.event_time else "") if part
    )
    return (
        f"  {one.partition} @ {one.offset}",
        f"{topic}-{one.origin_partition} @ {one.origin_offset}",
        moment(one.at),
        one.found,
        detail,
    )


def _stays(stays: Mapping[str, int]) -> list[Text]:
    return [
        Text(f"{count:,} {'stays' if count == 1 else 'stay'}: {why}", style="yellow")
        for why, count in sorted(stays.items(), key=lambda one: (-one[1], one[0]))
    ]


def _letters(count: int) -> str:
    return f"{count:,} dead letter{'' if count == 1 else 's'}"


def _redriven(count: int) -> str:
    return f" ({count:,} more {'has' if count == 1 else 'have'} been sent again)" if count else ""


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, justify="right" if name == "letters" else "left", overflow="fold")
    return table
