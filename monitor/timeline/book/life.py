"""The life of one window: open, provisional, final; and when what it says is due to be said again. Pure.

- *Provisional* once the closing watermark has passed its end. It is due again at most once a slide of event time, when
  at least 2 % of its predictions have got their label since, when it has got further predictions, or a verdict.
- *Final* when every prediction in it has its label, or the time of all labels is up, or the stream has ended. It
  waits for no other window. It is due again as soon as what it says changes, and stays final.
"""

from dataclasses import dataclass

from contract.windows import Status, Window
from monitor.timeline.samples import UNKNOWN_REPEATS, Repeats

LABEL_STEPS = 50
"""A provisional window is due again when one in so many of its predictions has got its label since."""
LONG_AGO = -(2**62)
"""A slide before any other."""


@dataclass(slots=True)
class WindowState:
    """What is known of one window. ``records`` and ``labelled`` are those of its panes now.

    ``closed``: the closing watermark has passed its end; ``time_up``: no label is to come any more. ``status``,
    ``revision``, ``emitted_…`` and ``digest`` (of the content) are those of the window that was emitted last (status
    None and revision -1: none yet), at ``slide`` slides of event time (None: taken up from the topic).
    ``untrusted``: since when the emitted one's estimate is not to be trusted.
    ``drift``: its encoded verdict, of ``judged`` predictions (-1: none), and ``repeats`` how often customers came in
    them; ``own`` and ``pooled``: digests of what other windows take of it, and of what it took of others
    (``ModelDrifts``).
    ``restored``: the counts of the window taken up from the topic, until it has been compared with its panes.
    """

    start: int
    records: int = 0
    labelled: int = 0
    closed: bool = False
    time_up: bool = False
    status: Status | None = None
    revision: int = -1
    emitted_records: int = 0
    emitted_labelled: int = 0
    slide: int | None = LONG_AGO
    digest: bytes = b""
    drift: bytes | None = None
    judged: int = -1
    own: int = 0
    pooled: tuple[int, ...] = ()
    repeats: Repeats = UNKNOWN_REPEATS
    restored: tuple[int, ...] | None = None
    untrusted: int | None = None

    def restore(self, window: Window, digest: bytes, drift: bytes, own: int) -> None:
        """Take up the window that was emitted last."""
        performance = window.performance
        self.closed = True
        self.time_up = window.status == "final"
        self.status, self.revision = window.status, window.revision
        self.emitted_records, self.emitted_labelled = window.records, window.labelled
        self.slide = None
        self.digest, self.drift = digest, drift
        self.own, self.pooled = own, window.drift.pooled
        self.judged = -1 if window.drift.outdated else window.records
        self.repeats = Repeats(window.customers, window.design_effect)
        self.untrusted = window.untrusted_since
        self.restored = (
            window.records,
            window.labelled,
            performance.tn,
            performance.fp,
            performance.fn,
            performance.tp,
            window.inferred,
        )

    def emit(self, status: Status, digest: bytes, slide: int, untrusted: int | None) -> None:
        """Note that it has been emitted as it is now."""
        self.untrusted = untrusted
        self.status = status
        self.revision += 1
        self.emitted_records, self.emitted_labelled = self.records, self.labelled
        self.digest, self.slide = digest, slide

    @property
    def next_status(self) -> Status | None:
        """What it has come to; None while it is open."""
        if self.status == "final" or self.time_up or (self.closed and self.records == self.labelled):
            return "final"
        return "provisional" if self.closed else None

    @property
    def is_final(self) -> bool:
        """Whether it has been emitted as final."""
        return self.status == "final"

    @property
    def knows_less(self) -> bool:
        """Whether its panes count fewer predictions or labels than the window that was emitted."""
        return self.records < self.emitted_records or self.labelled < self.emitted_labelled

    @property
    def has_grown(self) -> bool:
        """Whether it has got enough labels, or any predictions, since it was emitted."""
        labels = self.labelled - self.emitted_labelled
        return self.records != self.emitted_records or (labels > 0 and labels * LABEL_STEPS >= self.records)
