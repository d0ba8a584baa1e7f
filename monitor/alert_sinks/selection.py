"""Which alerts a sink is sent: by kind, by severity, and with or without updates."""

from contract.alert_rules import SinkRule
from contract.alerts import Alert

_RANK = {"warning": 0, "critical": 1}
_MOST_REMEMBERED = 10_000


class SinkSelection:
    """What one sink's rule asks for. It must see all alerts, in the order of the topic."""

    def __init__(self, rule: SinkRule) -> None:
        self._rule = rule
        self._told: dict[str, int] = {}

    def wants(self, alert: Alert) -> bool:
        """Whether the sink is sent this alert; counts as seen.

        A sink without updates is sent one all the same that makes an incident as severe as it asks for, because that is
        the first it hears of it.
        """
        rank, told = _RANK[alert.severity], self._told.pop(alert.key, None)
        self._told[alert.key] = rank if told is None else max(rank, told)
        if len(self._told) > _MOST_REMEMBERED:
            del self._told[next(iter(self._told))]
        rule, least = self._rule, _RANK[self._rule.least_severity]
        if rank < least or (rule.kinds is not None and alert.kind not in rule.kinds):
            return False
        return rule.updates or alert.state != "updated" or told is None or told < rank
