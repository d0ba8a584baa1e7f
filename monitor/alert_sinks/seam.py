"""What a sink is: the seam for new kinds, and what both sides can rely on.

A kind of sink is one file. It holds a class with the methods of ``AlertSink`` and a function ``(name, url) ->
AlertSink``, which an installed package names in its entry points, under the scheme of its URLs:

.. code-block:: toml

    [project.entry-points."churnstream.alert_sinks"]
    ticket = "our_tickets.sink:open_sink"        # for url_variable = "TICKET_URL", TICKET_URL=ticket://…

A scheme that no entry point has is apprise's (``monitor.alert_sinks.apprise_sink``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from contract.errors import ChurnstreamError

Level = Literal["failure", "warning", "success"]
"""A critical incident, another one, and the end of one."""


class DeliveryError(ChurnstreamError):
    """A sink did not take a notice, and may take it later. The message says why, without a secret."""


class RefusedDeliveryError(DeliveryError):
    """A sink refuses, and will again until somebody changes something, such as its URL."""


@dataclass(frozen=True)
class Notice:
    """One state of one incident, as people read it. All of it is plain text, never markup.

    ``incident`` is the same from the opening of an incident to its end: services that keep incidents themselves tell
    by it what belongs together. ``title`` is one line. ``ends`` says that the incident is over or taken back.
    """

    incident: str
    title: str
    body: str
    level: Level
    ends: bool = False


class AlertSink(Protocol):
    """Where notices are sent.

    What it can rely on: it is called by one thread, one notice at a time, in the order of the topic ``alerts``. One
    that it has not taken comes again, and all later ones wait for it, so none is left out. One that it has taken can
    come a second time, namely when the monitor was killed in between; then the ones after it follow again in order.
    Windows and other sinks wait for none of it.

    What it owes: when ``send`` returns, the receiver has the notice. It returns or raises within a minute.
    """

    @property
    def keeps_incidents(self) -> bool:
        """Whether the receiver opens something by a notice, and closes it by one that ``ends``."""
        ...

    def send(self, notice: Notice) -> None:
        """Deliver a notice.

        Raises:
            RefusedDeliveryError: as good as for ever; it is tried again after minutes.
            DeliveryError: for now; it is tried again after seconds, then after growing pauses.
        """
        ...


OpenSink = Callable[[str, str], AlertSink]
"""Makes a sink of its name and URL; raises ``UserError``, without the URL in it, where that is of no use."""
