"""What is known of a stream, judged: whether it is well, and if not, why. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from churnstream.live.windows import found_in
from churnstream.status.form import (
    Gravity,
    LettersOfReason,
    LettersStatus,
    ModelServing,
    PartitionLag,
    Problem,
    StreamStatus,
    WindowStatus,
    WorkerName,
    WorkerStatus,
)
from contract.alerts import Alert, ModelVerdict, VerdictState
from contract.durations import DAY
from contract.topics import FORMAT
from contract.windows import Window
from dashboard.stream.letters import SeenLetter
from dashboard.stream.received import Positions, Reach
from dashboard.stream.state import StreamState
from dashboard.view.chosen import Chosen, chosen
from dashboard.view.incident_state import without_subject
from dashboard.view.letters import meaning_of
from dashboard.view.now.freshness import data_reached, labels_reached, without_windows
from dashboard.view.places import Places
from dashboard.view.selected import Selected
from dashboard.view.words import count, named, plain_times, sane, several
from monitor.naming import model_title

WORKERS: tuple[tuple[str, WorkerName, str], ...] = (
    ("scorer", "scorer", "score"),
    ("join", "join", "join"),
    ("timeline", "monitor", "monitor"),
)
"""Each consumer group with the name of its worker and the command that starts one."""
_FINE: frozenset[VerdictState] = frozenset({"healthy", "unjudged"})
_GRAVE: frozenset[VerdictState] = frozenset({"silent", "worse"})
_MOST_CHANGED = 100
_MOST_NAMED = 10
_MOST_REASONS = 50
_LONGEST = 2_000


@dataclass(frozen=True)
class StreamSeen:
    """What has been seen of a stream.

    ``stream``: its name, None: not known. ``others``: topic prefixes of other streams on this Kafka, as far as somebody
    has looked. ``gave_up_after`` (seconds of wall time): how long it was tried to read the topics to their end, None:
    they have been, or are being.
    """

    known: StreamState
    reach: Reach
    positions: Positions
    stream: str | None
    servers: str
    others: tuple[str, ...] = ()
    gave_up_after: float | None = None


def status_of(seen: StreamSeen, now_ms: int, places: Places) -> StreamStatus:
    """How the stream is at ``now_ms`` (wall time)."""
    known = seen.known
    choice = chosen(known, Selected())
    data, labels = data_reached(known.progress.values()), labels_reached(known.progress.values())
    workers = tuple(_workers(seen, places))
    verdicts = tuple(_champions(known))
    incidents = tuple(_standing(known))
    problems = tuple(_problems(seen, choice, workers, verdicts, incidents, now_ms, places))
    windows = [window for model in known.models() for window in known.windows(model)]
    return StreamStatus(
        at=now_ms,
        well=_is_well(problems),
        problems=problems,
        remarks=tuple(_remarks(seen, choice)),
        servers=seen.servers,
        topic_prefix=places.topic_prefix,
        stream=seen.stream,
        away_since=seen.reach.away_since,
        missing_topics=seen.reach.missing,
        ended=data.ended,
        idle=data.idle,
        data_until=data.until,
        labels_until=labels.until,
        workers=workers,
        models=tuple(_models(known)),
        windows=len(windows),
        provisional_windows=sum(window.status == "provisional" for window in windows),
        newest_window=_newest(choice, now_ms),
        verdicts=verdicts,
        incidents=incidents,
        dead_letters=_letters(seen, now_ms),
    )


def _is_well(problems: tuple[Problem, ...]) -> bool | None:
    gravities = {problem.severity for problem in problems}
    if gravities & {"critical", "warning"}:
        return False
    return None if gravities else True


def _problems(
    seen: StreamSeen,
    choice: Chosen,
    workers: tuple[WorkerStatus, ...],
    verdicts: tuple[ModelVerdict, ...],
    incidents: tuple[Alert, ...],
    now_ms: int,
    places: Places,
) -> Iterator[Problem]:
    blind = _blind(seen, places)
    if blind is not None:
        # whatever is known besides is old, or another stream's
        yield blind
        return
    yield from _of_topics(seen)
    yield from _of_workers(workers, ended=data_reached(choice.known.progress.values()).ended)
    for serving in choice.known.serving.values():
        if serving.champion is None:
            yield Problem(
                kind="model",
                severity="critical",
                text=f"no version of {named(serving.name)} has the alias {named(serving.alias)}, so nothing is scored",
                remedy="give it to one with `churnstream promote` or `churnstream rollback`",
            )
    if choice.windows:
        for banner in without_windows(choice.known, choice.windows[-1], now_ms, places):
            yield Problem(kind="monitor", severity="critical", text=banner.text, remedy=banner.remedy)
    for verdict in verdicts:
        if verdict.state not in _FINE:
            yield _of_verdict(verdict)
    for alert in incidents:
        if alert.model is None or alert.model.role == "champion":
            yield _of_incident(alert)


def _blind(seen: StreamSeen, places: Places) -> Problem | None:
    """Why nothing can be told."""
    reach = seen.reach
    if reach.away_since is not None:
        return Problem(
            kind="broker",
            severity="unknown",
            text=f"Kafka at {named(seen.servers, 200)} does not answer: {named(reach.reason, 300)}",
            remedy="check that it runs and that KAFKA_BOOTSTRAP_SERVERS is right; `churnstream doctor` checks more",
        )
    if reach.reason:
        return Problem(
            kind="refused",
            severity="unknown",
            text=named(reach.reason, 500),
            remedy="grant this user DESCRIBE and READ on the stream's topics, and DESCRIBE on its groups",
        )
    if FORMAT in reach.missing:
        return Problem(
            kind="no_stream",
            severity="unknown",
            text=f"there is no stream with the topic prefix {places.topic_prefix!r} on Kafka at "
            f"{named(seen.servers, 200)}",
            remedy=_where_else(seen.others),
        )
    if seen.gave_up_after is not None:
        return Problem(
            kind="unread",
            severity="unknown",
            text=f"the topics could not be read to their end within {seen.gave_up_after:.0f} s",
            remedy="try again with a longer --timeout",
        )
    if seen.stream is None:
        return Problem(
            kind="no_stream",
            severity="unknown",
            text=f"topic {places.topic_prefix}{FORMAT} does not name a stream: the topics belong to another program or "
            f"are just being created",
            remedy="choose the stream with --stream or --topic-prefix, or run `churnstream doctor`",
        )
    return None


def _where_else(others: tuple[str, ...]) -> str:
    if not others:
        return "choose another with --stream or --topic-prefix, or create it with `churnstream doctor --create-topics`"
    shown = [f"--topic-prefix {named(prefix, 100)}" if prefix else "one without a prefix" for prefix in others]
    return f"streams on this Kafka: {', '.join(shown)}"


def _of_topics(seen: StreamSeen) -> Iterator[Problem]:
    if seen.reach.missing:
        yield Problem(
            kind="topics",
            severity="critical",
            text=f"topics of the stream are missing: {', '.join(seen.reach.missing)}",
            remedy="create them with `churnstream doctor --create-topics`",
        )


def _of_workers(workers: tuple[WorkerStatus, ...], *, ended: bool) -> Iterator[Problem]:
    commands = {name: command for _, name, command in WORKERS}
    for worker in workers:
        waiting = worker.lag or 0
        if worker.members is None:
            yield Problem(
                kind="worker",
                severity="unknown",
                text=f"Kafka does not show who is in the group {worker.group}",
                remedy="grant this user DESCRIBE on it",
            )
        elif worker.members == 0 and (waiting or not ended):
            waits = f", and {count(waiting, 'message')} wait{'s' if waiting == 1 else ''}" if waiting else ""
            yield Problem(
                kind="worker",
                severity="critical",
                text=f"no {worker.name} is running{waits}",
                remedy=f"start one with `churnstream {commands[worker.name]}`",
            )


def _of_verdict(verdict: ModelVerdict) -> Problem:
    subject = model_title(verdict.model)
    reason = plain_times(named(verdict.message.removeprefix(f"{subject}: "), _LONGEST))
    gravity: Gravity = "critical" if verdict.state in _GRAVE else "warning"
    return Problem(
        kind="verdict",
        severity=gravity,
        text=f"{named(subject)}: {named(verdict.title, 100)}: {reason}",
        remedy=named(verdict.remedy, _LONGEST),
    )


def _of_incident(alert: Alert) -> Problem:
    title = without_subject(alert, alert.title or alert.message)
    subject = "" if alert.model is None else f"{named(model_title(alert.model))}: "
    # the titles of others name what they are about
    about = several(alert.features, _MOST_NAMED) if alert.kind == "drift" else ""
    return Problem(
        kind="incident",
        severity=alert.severity,
        text=f"{subject}{plain_times(named(title, 300))}{f': {about}' if about else ''}",
        remedy="see `churnstream alerts` for details",
    )


def _remarks(seen: StreamSeen, choice: Chosen) -> Iterator[str]:
    progress = list(choice.known.progress.values())
    labels = labels_reached(progress)
    data = data_reached(progress)
    if data.ended:
        yield "the stream has ended; its workers are no longer needed"
    elif data.idle:
        yield "all partitions are silent now"
    if seen.reach.caught_up and data.until is None and not data.ended:
        yield "no record has been scored and joined yet"
    elif labels.until is None:
        yield "no label has come yet in at least one partition"
    ahead, inferred = sum(one.ahead for one in progress), sum(one.inferred for one in progress)
    if ahead:
        yield f"{count(ahead, 'record')} dated far ahead of their partition; check the sender's clock"
    if inferred:
        yield f"{count(inferred, 'record')} without a label within the horizon count as 0"
    if choice.known.skipped:
        yield f"{count(choice.known.skipped, 'message')} on the topics could not be read; does another program write?"


def _workers(seen: StreamSeen, places: Places) -> Iterator[WorkerStatus]:
    for group, name, _ in WORKERS:
        topics = seen.positions.lag.get(group)
        partitions = (
            ()
            if topics is None
            else tuple(
                PartitionLag(topic=topic, partition=partition, lag=lag)
                for topic, lags in sorted(topics.items())
                for partition, lag in sorted(lags.items())
            )
        )
        yield WorkerStatus(
            name=name,
            group=f"{places.topic_prefix}{group}",
            members=seen.positions.members.get(group),
            lag=None if topics is None else sum(one.lag for one in partitions),
            partitions=partitions,
        )


def _champions(known: StreamState) -> list[ModelVerdict]:
    """Of each name the verdict on the champion that was at work last."""
    found: dict[str, ModelVerdict] = {}
    for verdict in sorted(known.verdicts.values(), key=lambda one: (one.until or 0, one.model.version)):
        if verdict.model.role == "champion":
            found[verdict.model.name] = verdict
    return [found[name] for name in sorted(found)]


def _standing(known: StreamState) -> list[Alert]:
    """The gravest first."""
    alerts = [told[-1].alert for told in known.incidents.values() if told]
    standing = [alert for alert in alerts if alert.standing]
    return sorted(standing, key=lambda one: (one.severity != "critical", one.start, one.key))


def _models(known: StreamState) -> Iterator[ModelServing]:
    for name in sorted({*known.serving, *(model.name for model in known.models())}):
        serving = known.serving.get(name)
        if serving is not None:
            champion = serving.champion
            yield ModelServing(
                name=name,
                alias=serving.alias,
                version=None if champion is None else champion.version,
                since=None if champion is None else champion.since or champion.seen,
                challengers=tuple(serving.challengers),
            )
        else:
            # the registry has not been asked yet; windows tell who was at work last
            newest = [known.windows(one)[-1] for one in known.models() if (one.name, one.role) == (name, "champion")]
            version = (
                max(newest, key=lambda window: (window.end, window.model.version)).model.version if newest else None
            )
            yield ModelServing(name=name, alias=None, version=version, since=None)


def _newest(choice: Chosen, now_ms: int) -> WindowStatus | None:
    if not choice.windows:
        return None
    window: Window = choice.windows[-1]
    kept = choice.known.window(window.model, window.start)
    at = None if kept is None else kept.at
    estimate = None if window.untrusted_since is not None else window.estimated.f1
    return WindowStatus(
        model=window.model,
        start=window.start,
        end=window.end,
        status=window.status,
        revision=window.revision,
        records=window.records,
        labelled=window.labelled,
        coverage=window.coverage,
        f1=sane(window.performance.f1),
        estimated_f1=None if estimate is None else sane(estimate.value),
        estimated_f1_low=None if estimate is None else sane(estimate.low),
        estimated_f1_high=None if estimate is None else sane(estimate.high),
        brier=sane(window.performance.brier),
        accuracy=sane(window.performance.accuracy),
        changed=tuple(name for name, _ in found_in(window)[:_MOST_CHANGED]),
        told_at=at,
        told_ago_ms=None if at is None else max(now_ms - at, 0),
        ends_ago_ms=now_ms - window.end,
    )


def _letters(seen: StreamSeen, now_ms: int) -> LettersStatus:
    letters = seen.known.letters
    groups: dict[tuple[str, str], list[SeenLetter]] = {}
    for letter in letters:
        groups.setdefault((letter.reason, letter.field.removeprefix("features.")), []).append(letter)
    ordered = sorted(groups.items(), key=lambda one: (-len(one[1]), one[0]))
    today = now_ms // DAY * DAY
    ever = sum(seen.positions.letters.values())
    return LettersStatus(
        ever=max(ever, len(letters)) if seen.positions.letters else None,
        today=sum(1 for one in letters if one.at is not None and one.at >= today),
        looked_at=len(letters),
        by_reason=tuple(
            LettersOfReason(
                reason=reason,
                field=field,
                count=len(some),
                last_at=some[-1].at,
                meaning=meaning_of(reason)[0],
                remedy=meaning_of(reason)[1],
            )
            for (reason, field), some in ordered[:_MOST_REASONS]
        ),
    )
