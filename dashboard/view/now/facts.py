"""The line of facts: how fresh the data are, what waits, who serves."""

from collections.abc import Sequence

from contract.alerts import AlertKind
from contract.durations import DAY
from contract.versions import Reign, ServingVersions
from dashboard.stream.received import Positions
from dashboard.view.chosen import Chosen
from dashboard.view.incident_state import standing_of, without_subject
from dashboard.view.model import Fact, Tone
from dashboard.view.now.freshness import ComeUntil, data_reached, labels_reached
from dashboard.view.words import NOTHING, count, moment, named, sentence, severity_tone, short_moment, versions, whole

_COMMANDS = {"scorer": "churnstream score", "join": "churnstream join", "timeline": "churnstream monitor"}
_WORKERS = {"scorer": "scorer", "join": "join", "timeline": "monitor"}
_MOST_PARTITIONS = 20


def facts_of(choice: Chosen, positions: Positions, now_ms: int) -> tuple[Fact, ...]:
    """In the order in which they are read."""
    return (
        _data(choice),
        _labels(choice),
        _lag(choice, positions),
        _partitions(choice, positions),
        _members(choice, positions),
        _serving(choice),
        *_challengers(choice.serving),
        _mlflow(choice),
        _dead_letters(choice, positions, now_ms),
    )


def _alarm(choice: Chosen, kinds: Sequence[AlertKind], otherwise: Tone) -> tuple[Tone, str]:
    """The tone and title of the gravest incident of these kinds that stands."""
    standing = [one for kind in kinds for one in standing_of(choice.known, kind, choice.name)]
    if not standing:
        return otherwise, ""
    gravest = min(standing, key=lambda one: one.severity != "critical")
    return severity_tone(gravest.severity), sentence(
        named(without_subject(gravest, gravest.title or gravest.message), 300)
    )


def _data(choice: Chosen) -> Fact:
    reached = data_reached(choice.known.progress.values())
    tone, alarm = _alarm(choice, ("silence",), "good" if reached.until is not None else "unknown")
    return Fact(
        label="Data until",
        value=reached.text,
        tone=tone,
        detail=f"{alarm} {_reached(reached)}".strip(),
        term="watermark",
    )


def _labels(choice: Chosen) -> Fact:
    reached = labels_reached(choice.known.progress.values())
    tone, alarm = _alarm(choice, ("coverage", "delay"), "good" if reached.until is not None else "unknown")
    none = "" if reached.until is not None else "At least one partition has no label yet."
    return Fact(
        label="Labels until",
        value=reached.text,
        tone=tone,
        detail=" ".join(one for one in (alarm, none, _reached(reached)) if one),
        term="label",
    )


def _reached(reached: ComeUntil) -> str:
    if reached.ended:
        return "The stream has ended."
    return "All partitions are silent at the moment." if reached.idle else ""


def _lag(choice: Chosen, positions: Positions) -> Fact:
    if positions.at is None or not positions.lag:
        tone, alarm = _alarm(choice, ("lag",), "unknown")
        return Fact(label="Lag", value=NOTHING, tone=tone, detail=f"{alarm} Not known yet.".strip(), term="lag")
    total, told = 0, []
    for group, topics in sorted(positions.lag.items()):
        behind = sum(sum(partitions.values()) for partitions in topics.values())
        total += behind
        where = [
            f"{named(topic, 40)}-{partition}: {whole(lag)}"
            for topic, partitions in sorted(topics.items())
            for partition, lag in sorted(partitions.items())
            if lag
        ]
        left = f" and {len(where) - _MOST_PARTITIONS} more" if len(where) > _MOST_PARTITIONS else ""
        told.append(
            f"{_name(group)} {whole(behind)}" + (f" ({', '.join(where[:_MOST_PARTITIONS])}{left})" if where else "")
        )
    tone, alarm = _alarm(choice, ("lag",), "unknown" if total else "good")
    return Fact(
        label="Lag",
        value=whole(total),
        tone=tone,
        detail=f"{f'{alarm} ' if alarm else ''}Messages not read yet, as of {moment(positions.at)}: "
        f"{'; '.join(told) or 'no group known'}.",
        term="lag",
    )


def _partitions(choice: Chosen, positions: Positions) -> Fact:
    progress = choice.known.progress
    measured = {partition for topics in positions.lag.values() for one in topics.values() for partition in one}
    total = len(measured | set(progress))
    ended = sorted(partition for partition, one in progress.items() if one.ended)
    silent = sorted(partition for partition, one in progress.items() if one.idle and not one.ended)
    unseen = sorted(measured - set(progress))
    told = [
        f"{word}: {', '.join(map(str, some[:_MOST_PARTITIONS]))}"
        for word, some in (("ended", ended), ("silent", silent), ("nothing yet", unseen))
        if some
    ]
    return Fact(
        label="Partitions",
        value=f"{len(progress)}/{total}" if total else NOTHING,
        tone="unknown" if not total else "good" if len(progress) == total else "notice",
        detail=f"Partitions that the join has reported on. {'; '.join(told).capitalize()}".strip() if total else "",
        term="partition",
    )


def _members(choice: Chosen, positions: Positions) -> Fact:
    known = {group: members for group, members in sorted(positions.members.items()) if members is not None}
    missing = [group for group, members in known.items() if members <= 0]
    ended = data_reached(choice.known.progress.values()).ended
    told = [f"{whole(members) if members > 0 else 'no'} {_name(group)}" for group, members in known.items()]
    commands = [f"`{_COMMANDS[group]}`" for group in missing if group in _COMMANDS]
    if not missing:
        detail = "Running processes." if known else ""
    elif ended:
        detail = "The stream has ended, so none is needed."
    else:
        detail = f"To start: {', '.join(commands)}." if commands else ""
    return Fact(
        label="Workers",
        value=NOTHING if not known else "none running" if len(missing) == len(known) else ", ".join(told),
        tone="unknown" if not known or (missing and ended) else "notice" if missing else "good",
        detail=detail,
        term="worker",
    )


def _name(group: str) -> str:
    return _WORKERS.get(group, named(group, 40))


def _serving(choice: Chosen) -> Fact:
    serving = choice.serving
    if serving is None:
        first = next((one for one in choice.windows if one.model.version == choice.champion), None)
        seen = "" if first is None else f", first window from {short_moment(first.start)}"
        return Fact(
            label="Serving",
            value=NOTHING if choice.champion is None else f"v{choice.champion}",
            detail=f"Known from its windows{seen}. The registry has not been asked yet."
            if choice.champion is not None
            else "",
            term="champion",
        )
    present = serving.champion
    if present is None:
        return Fact(
            label="Serving",
            value="no version",
            tone="bad",
            detail=f"No version has the alias {named(serving.alias)}: nothing is scored. `churnstream promote` or "
            "`rollback` gives it to one.",
            term="champion",
        )
    before = serving.champions[:-1]
    since = _since(present)
    earlier = [f"v{one.version}{_since(one)}" for one in reversed(before[-5:])]
    return Fact(
        label="Serving",
        value=f"v{present.version} {named(serving.alias)}{since}{f' (v{before[-1].version} before)' if before else ''}",
        tone="good",
        detail=(f"Before: {', '.join(earlier)}. " if earlier else "")
        + "The time is when it got the alias in the registry, by the clock.",
        term="champion",
    )


def _since(reign: Reign) -> str:
    if reign.since is not None:
        return f" since {moment(reign.since)}"
    return f" since {moment(reign.seen)} or before" if reign.seen is not None else ""


def _challengers(serving: ServingVersions | None) -> tuple[Fact, ...]:
    if serving is None or not serving.challengers:
        return ()
    return (
        Fact(
            label="Challenger" if len(serving.challengers) == 1 else "Challengers",
            value=versions(serving.challengers[:5]),
            detail="Scores the same customers beside the champion, or is about to. Its scores are not used.",
            term="challenger",
        ),
    )


def _mlflow(choice: Chosen) -> Fact:
    standing = standing_of(choice.known, "mlflow", choice.name)
    if not standing:
        if not choice.windows:
            return Fact(label="MLflow", value=NOTHING, detail="Known with the first window.", term="MLflow")
        return Fact(label="MLflow", value="ok", tone="good", detail="The monitor reports no problem.", term="MLflow")
    one = standing[0]
    return Fact(
        label="MLflow",
        value=f"down since {moment(one.start)}",
        tone=severity_tone(one.severity),
        detail=named(one.message, 500),
        term="MLflow",
    )


def _dead_letters(choice: Chosen, positions: Positions, now_ms: int) -> Fact:
    today = now_ms // DAY * DAY
    letters = choice.known.letters
    came = sum(1 for one in letters if one.at is not None and one.at >= today)
    # of older letters the state has no list; where its oldest is of today, there may have been more
    more = bool(letters) and came == len(letters) and sum(positions.letters.values()) > came
    ever = sum(positions.letters.values())
    # counted from offsets, which may not be known yet
    told = f"; {count(ever, 'dead letter')} in all" if ever >= max(came, 1) else ""
    tone, alarm = _alarm(choice, ("dead_letters",), "notice" if came else "good")
    return Fact(
        label="Dead letters today",
        value=f"{'at least ' if more else ''}{whole(came)}",
        tone=tone,
        detail=f"{alarm} Since midnight UTC, by the clock{told}.".strip(),
        term="dead letter",
    )
