"""Sinks made of the rules: each by the scheme of its URL, which the environment holds."""

from collections.abc import Mapping
from importlib.metadata import entry_points

from contract.alert_rules import SinkRule
from contract.errors import UserError
from monitor.alert_sinks.seam import AlertSink, OpenSink

ENTRY_POINTS = "churnstream.alert_sinks"


def open_sink(rule: SinkRule, environment: Mapping[str, str]) -> AlertSink:
    """The sink that a rule names.

    Raises:
        UserError: its variable is not set, or holds no URL that can be used. The URL is not in it.
    """
    url = environment.get(rule.url_variable, "").strip()
    if not url:
        raise UserError(
            f"alert sink {rule.name}: variable {rule.url_variable} is not set; set it to the sink's URL, or remove the "
            f"sink from the alert rules"
        )
    try:
        return _kind_of(url.partition("://")[0].lower())(rule.name, url)
    except UserError as error:
        raise UserError(f"alert sink {rule.name}, variable {rule.url_variable}: {error}") from None


def _kind_of(scheme: str) -> OpenSink:
    for found in entry_points(group=ENTRY_POINTS):
        if found.name == scheme:
            made: OpenSink = found.load()
            return made
    # with its 190 services it takes a second to load, which a monitor without sinks need not wait for
    from monitor.alert_sinks.apprise_sink import AppriseSink

    return AppriseSink
