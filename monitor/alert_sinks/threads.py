"""All sinks of a monitor, each on a thread of its own: one that fails holds up no other, and none a window."""

import threading
import time
from collections.abc import Mapping

from contract.alert_rules import AlertRules
from contract.kafka.transactions import Checkpoint, no_checkpoint
from contract.settings import Settings, environment_variables
from contract.worker.clock import Clock
from monitor.alert_sinks.delivery import Link, SinkDelivery
from monitor.alert_sinks.opening import open_sink


class AlertSinks:
    """The sinks that the rules name, for the stream of this name.

    ``environment`` has their URLs; by default it is the process's, and beneath it ``.env``.

    Raises:
        UserError: a sink's variable is not set, or holds no URL that can be used.
    """

    def __init__(
        self,
        settings: Settings,
        stream: str,
        rules: AlertRules,
        clock: Clock,
        *,
        link: Link = lambda _alert: None,
        environment: Mapping[str, str] | None = None,
        checkpoint: Checkpoint = no_checkpoint,
    ) -> None:
        variables = environment_variables() if environment is None else environment
        deliveries = [
            SinkDelivery(settings, stream, rule, open_sink(rule, variables), clock, link, checkpoint)
            for rule in rules.sinks
        ]
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=delivery.run, args=(self._stop,), name=f"alert-sink-{rule.name}", daemon=True)
            for rule, delivery in zip(rules.sinks, deliveries, strict=True)
        ]

    def start(self) -> None:
        """Begin to deliver."""
        for thread in self._threads:
            thread.start()

    def close(self, timeout: float) -> bool:
        """Deliver what can be delivered at once, for at most ``timeout`` s; whether all sinks have ended.

        What is left waits on the topic.
        """
        self._stop.set()
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(deadline - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in self._threads)
