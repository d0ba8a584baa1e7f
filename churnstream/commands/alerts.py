"""``churnstream alerts``."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from contract.worker.flags import AlertRulesFile, BootstrapServers, StreamName, TopicPrefix

if TYPE_CHECKING:
    from contract.settings import Settings

_MOST_TIMEOUT_MS = 10_000
_PIPED_WIDTH = 160


def alerts(
    bootstrap_servers: BootstrapServers = None,
    stream: StreamName = None,
    topic_prefix: TopicPrefix = None,
    alert_rules: AlertRulesFile = None,
    everything: Annotated[bool, typer.Option("--all", help="Show all past incidents, not only the last ten.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    test_sink: Annotated[
        str | None, typer.Option(metavar="NAME", help="Send one test alert to this sink and show the result.")
    ] = None,
) -> None:
    """List the open incidents, the latest past ones, and how many alerts wait for each sink.

    Reads only Kafka; no monitor has to run. With --test-sink it only sends a test alert. The exit code is 0 if the
    sink accepts it, 1 if not, and 2 if the sink cannot be used at all.
    """
    from rich.console import Console

    from churnstream.live.incidents import RECENT, as_json, incidents_view, read_incidents
    from contract.alert_rules import load_alert_rules
    from contract.kafka.reachability import require_kafka
    from contract.settings import load_settings

    settings = load_settings(
        bootstrap_servers=bootstrap_servers, stream=stream, topic_prefix=topic_prefix, alert_rules=alert_rules
    )
    if test_sink is not None:
        raise typer.Exit(0 if _send_test(settings, test_sink) else 1)
    rules = load_alert_rules(settings.alert_rules)
    require_kafka(settings)
    patience = min(settings.request_timeout_ms, _MOST_TIMEOUT_MS)
    found = read_incidents(settings.model_copy(update={"request_timeout_ms": patience}), rules)
    shown = None if everything else RECENT
    if json:
        print(as_json(found, shown).decode())
    else:
        # a pipe has no width of its own
        width = None if sys.stdout.isatty() else _PIPED_WIDTH
        Console(width=width, highlight=False, emoji=False).print(incidents_view(found, shown))


def _send_test(settings: "Settings", name: str) -> bool:
    from contract.alert_rules import load_alert_rules
    from contract.errors import UserError
    from contract.settings import environment_variables
    from monitor.alert_sinks.notices import trial_notice
    from monitor.alert_sinks.opening import open_sink
    from monitor.alert_sinks.seam import DeliveryError, RefusedDeliveryError

    rules = load_alert_rules(settings.alert_rules)
    rule = next((one for one in rules.sinks if one.name == name), None)
    if settings.alert_rules is None:
        raise UserError("there are no alert rules; give their file with --alert-rules or CHURNSTREAM_ALERT_RULES")
    if rule is None:
        known = ", ".join(one.name for one in rules.sinks) or "none"
        raise UserError(f"alert rules {settings.alert_rules} have no sink {name!r}; the sinks in them: {known}")
    sink = open_sink(rule, environment_variables())
    try:
        sink.send(trial_notice(settings.topic_prefix))
        if sink.keeps_incidents:
            # or somebody would have to close it by hand
            sink.send(trial_notice(settings.topic_prefix, ends=True))
    except DeliveryError as error:
        refused = isinstance(error, RefusedDeliveryError)
        remedy = f"correct {rule.url_variable}" if refused else "check the receiver and the network, and try again"
        print(f"sink {name} has {'refused' if refused else 'not accepted'} the test alert: {error}", file=sys.stderr)
        print(f"→ {remedy}", file=sys.stderr)
        return False
    print(f"sink {name} has accepted the test alert{' and its end' if sink.keeps_incidents else ''}")
    return True
