"""``churnstream doctor``: whether what a stream needs is there, and what to do where it is not."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from churnstream.checkup import check_senders, count_dead_letters, describe_event_times
from churnstream.status.looking import look_at
from contract.alert_rules import load_alert_rules
from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.kafka.provision import ensure_topics, misfits
from contract.kafka.reachability import require_kafka
from contract.masking import without_secrets
from contract.schema import load_schema
from contract.settings import Settings, environment_variables
from contract.topics import CUSTOMERS
from dashboard.view.words import count
from monitor.alert_sinks.opening import open_sink
from monitor.naming import iso_time, model_title

_TIMEOUT = 5.0
_MIN_FREE_BYTES = 2 * 1024**3
_MAX_SKEW_MS = 60_000


@dataclass(frozen=True)
class Finding:
    """One check: what was looked at, whether it is well, what was found, and what to do if it is not."""

    name: str
    well: bool
    found: str
    remedy: str = ""


def examine(settings: Settings, create_topics: bool) -> Iterator[Finding]:
    """All checks, one after the other. A check that needs another one's subject says so instead of failing twice."""
    admin = admin_client(settings)
    yield _checked("schema", lambda: _schema(settings))
    if settings.alert_rules is not None:
        yield _checked("alerts", lambda: _alerts(settings))
    broker = _checked("broker", lambda: _broker(settings))
    yield broker
    if broker.well:
        topics = _checked("topics", lambda: _topics(settings, admin, create_topics))
        yield topics
        if topics.well:
            yield _checked("clock", lambda: _clock(settings, admin))
            yield _checked("senders", lambda: check_senders(settings, _TIMEOUT))
            yield _checked("times", lambda: describe_event_times(settings, _TIMEOUT))
            yield from _at_work(settings)
            yield _checked("letters", lambda: f"dead letters: {count_dead_letters(settings, _TIMEOUT)}")
    registry = _checked("registry", lambda: _registry(settings))
    yield registry
    if registry.well:
        yield _checked("model", lambda: _model(settings))
    yield _checked("disk", lambda: _disk(settings))


def _checked(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, check())
    except UserError as error:
        found, _, remedy = str(error).partition("; ")
        return Finding(name, False, found, remedy)
    except KafkaException as error:
        return Finding(
            name, False, error.args[0].str(), "run the doctor again; if the error stays, see the broker's log"
        )


def _schema(settings: Settings) -> str:
    schema = load_schema(settings.dataset)
    return f"{schema.name} v{schema.version}, {len(schema.features)} features"


def _alerts(settings: Settings) -> str:
    rules = load_alert_rules(settings.alert_rules)
    variables = environment_variables()
    for rule in rules.sinks:
        open_sink(rule, variables)
    names = ", ".join(rule.name for rule in rules.sinks)
    return f"alerts go to {names}; `churnstream alerts --test-sink NAME` tests one" if names else "alerts are not sent"


def _broker(settings: Settings) -> str:
    reached = require_kafka(settings)
    return f"{reached.brokers} broker{'s' if reached.brokers > 1 else ''} at {reached.servers}"


def _topics(settings: Settings, admin: AdminClient, create: bool) -> str:
    if create:
        created = ensure_topics(admin, settings, _TIMEOUT)
        return f"all topics are right; created {', '.join(created) or 'none'}"
    problems = misfits(admin, settings, _TIMEOUT)
    if problems:
        found, _, remedy = problems[0].partition("; ")
        more = len(problems) - 1
        others = f", and {count(more, 'more problem')}" if more else ""
        raise UserError(f"{found}{others}; {remedy}")
    return "all topics exist and are right"


def _clock(settings: Settings, admin: AdminClient) -> str:
    # Kafka does not tell its time; but what it or a producer has stamped must not lie ahead of ours
    partitions = [TopicPartition(settings.topic(CUSTOMERS), partition) for partition in range(settings.partitions)]
    newest_offset: OffsetSpec = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]
    answers = admin.list_offsets(dict.fromkeys(partitions, newest_offset), request_timeout=_TIMEOUT)
    newest = max((future.result(_TIMEOUT).timestamp for future in answers.values()), default=-1)
    ahead = newest - time.time_ns() // 1_000_000
    if ahead > _MAX_SKEW_MS:
        raise UserError(
            f"the newest record is {ahead / 1_000:.0f} s ahead of this machine's clock; synchronise the clocks of the "
            f"machines that produce and score (NTP)"
        )
    return "no record is ahead of this machine's clock"


def _at_work(settings: Settings) -> Iterator[Finding]:
    """The consumer groups with what waits for them, and the newest window. Neither is anything that is ill."""
    with look_at(settings) as look:
        look.wait(_TIMEOUT)
        found = look.status()
    workers = [
        f"{worker.name} {'not known' if worker.members is None else worker.members or 'none'} running"
        + ("" if worker.lag is None else f", {worker.lag:,} waiting")
        for worker in found.workers
    ]
    yield Finding("workers", True, "; ".join(workers) or "not known")
    newest = found.newest_window
    if newest is None:
        yield Finding("windows", True, "none yet")
        return
    f1 = "" if newest.f1 is None else f", F1 {newest.f1:.3f}"
    yield Finding(
        "windows",
        True,
        f"{found.windows:,}, {found.provisional_windows:,} of them provisional; the newest is from "
        f"{iso_time(newest.start)} to {iso_time(newest.end)}, of {model_title(newest.model)}, {newest.status}, with "
        f"{newest.records:,} records{f1}",
    )


def _registry(settings: Settings) -> str:
    from contract.models.registry import registry_client

    uri = settings.mlflow_tracking_uri
    try:
        # a database that is not there is not made by looking for it
        client = registry_client(settings)
        models = client.search_registered_models(max_results=100)
    except UserError:
        raise
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise UserError(f"MLflow at {uri} does not answer ({reason}); start it, or set MLFLOW_TRACKING_URI") from None
    return f"MLflow at {without_secrets(uri)}, {count(len(models), 'registered model')}"


def _model(settings: Settings) -> str:
    from scorer.models.loaded import load_model

    model = load_model(settings)
    return f"{model.ref.name} v{model.ref.version} is {settings.model_alias}, threshold {model.threshold:.3f}"


def _disk(settings: Settings) -> str:
    folder = settings.state_dir
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if not os.access(existing, os.W_OK):
        raise UserError(f"state folder {folder} is not writable; set CHURNSTREAM_STATE_DIR")
    if free < _MIN_FREE_BYTES:
        raise UserError(f"only {free / 1024**3:.1f} GB free for {folder}; make room, or set CHURNSTREAM_STATE_DIR")
    return f"{free / 1024**3:.0f} GB free for {folder}"
