"""Slack, Teams, e-mail, PagerDuty, webhooks and what else apprise knows: one URL, one receiver.

Apprise says True or False; why not stands in its log alone, with parts of the URL in it. So its log is read here, what
the URL holds is hidden in it, and it goes nowhere else.
"""

import logging
import re
from typing import Any
from urllib.parse import unquote

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType, OverflowMode
from apprise.plugins import url_to_dict
from apprise.plugins.base import NotifyBase

from contract.errors import UserError
from contract.masking import without_secrets
from monitor.alert_sinks.seam import DeliveryError, Level, Notice, RefusedDeliveryError

_SECONDS = 30.0
_MOST_REASON = 300
_STATUS = re.compile(r"\berror=(\d{3})\b")
_MAY_PASS = {408, 421, 423, 425, 429}
_TYPES: dict[Level, NotifyType] = {
    "failure": NotifyType.FAILURE,
    "warning": NotifyType.WARNING,
    "success": NotifyType.SUCCESS,
}
_INCIDENT_FIELDS = ("dedup", "alias", "entity_id", "external_id")
"""What services that keep incidents call the key by which they tell one from another."""
_SHORTEST_SECRET = 4
_log = logging.getLogger("apprise")
_log.addHandler(logging.NullHandler())
_log.propagate = False


class AppriseSink:
    """One receiver.

    Raises:
        UserError: apprise knows no such service, or the URL lacks something; it is not quoted.
    """

    def __init__(self, name: str, url: str) -> None:
        self._name = name
        self._secrets = _secrets_of(url)
        scheme = url.partition("://")[0] if re.match(r"[A-Za-z0-9-]{1,30}://", url) else ""
        given: dict[str, Any] | None = url_to_dict(url, secure_logging=True)  # type: ignore[no-untyped-call]
        if given is None:
            what = f"{scheme}:// with this content" if scheme else "not a URL"
            raise UserError(f"apprise cannot use it ({what}); see docs/alerts.md and https://appriseit.com/services/")
        asset = AppriseAsset(app_id="churnstream", app_desc="churnstream alerts", service_timeout=_SECONDS)
        # of the URL, not of what it was found to hold: the latter stands in apprise's log as it is
        service = Apprise.instantiate(url, asset=asset)
        if service is None:
            raise UserError(
                f"apprise refuses its {scheme}:// URL; see https://appriseit.com/services/ for the right form"
            )
        self._service = service
        self._field = _incident_field(service, given)
        if not given.get("overflow"):
            # one alert is one message, however long
            service.overflow_mode = OverflowMode.TRUNCATE
        self._apprise = Apprise(service, asset=asset)

    @property
    def keeps_incidents(self) -> bool:
        """Whether the service tells incidents from each other by a key."""
        return self._field is not None

    def send(self, notice: Notice) -> None:
        """As ``AlertSink`` says. What a service does not take at its length is cut."""
        if self._field is not None:
            setattr(self._service, self._field, notice.incident)
        result = self._apprise.notify(
            body=notice.body,
            title=notice.title,
            notify_type=_TYPES[notice.level],
            body_format=NotifyFormat.TEXT,
        )
        if result:
            return
        said = [entry.message for entry in result.logs()]
        codes = [int(code) for line in said for code in _STATUS.findall(line)]
        reason = self._hidden(said[-1]) if said else f"{result.status.name.lower()}, and apprise gives no reason"
        if any(400 <= code < 500 and code not in _MAY_PASS for code in codes):
            raise RefusedDeliveryError(reason)
        raise DeliveryError(reason)

    def _hidden(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = " ".join(without_secrets(text).split())
        return text if len(text) <= _MOST_REASON else f"{text[: _MOST_REASON - 1]}…"


def _incident_field(service: NotifyBase, given: dict[str, Any]) -> str | None:
    """The attribute that names an incident, where the service has one and the URL has not fixed it. Its incidents are
    opened and resolved then by what the notice says.
    """
    field = next((name for name in _INCIDENT_FIELDS if hasattr(service, name) and not _given(given, name)), None)
    arguments: dict[str, dict[str, Any]] = service.template_args
    # without a key it would resolve by the title, which differs
    if field and "map" in arguments.get("action", {}).get("values", ()) and not given.get("action"):
        service.action = "map"  # type: ignore[attr-defined]
    return field


def _given(given: dict[str, Any], name: str) -> bool:
    return bool(str(given.get(name) or "").strip("/ "))


def _secrets_of(url: str) -> list[str]:
    """All parts of a URL behind its scheme, the longest first: which of them is a secret only the service knows."""
    rest = url.partition("://")[2]
    parts = {rest, *re.split(r"[/@:?&=,#]+", rest)}
    parts |= {unquote(part) for part in parts}
    return sorted((part for part in parts if len(part) >= _SHORTEST_SECRET), key=lambda part: (-len(part), part))
