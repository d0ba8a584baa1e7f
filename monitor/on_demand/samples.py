"""A window's sample from ``panes`` alone: one pass, and of the window's panes the newest samples are kept, packed.

The monitor deletes samples when no window needs them any more. Kafka lets go of what was deleted within a day
(``contract.topics``); until then it is still there to be read, and a report made of it is as good as one made before.
"""

import re
from dataclasses import dataclass, field

from confluent_kafka import Message

from contract.errors import UserError
from contract.kafka.rereading import NothingCameError, read_whole
from contract.panes import Pane, PaneSample
from contract.settings import Settings
from contract.topics import PANES
from contract.windows import Window
from monitor.naming import iso_time, model_title
from monitor.timeline.own_messages import PaneMessages
from monitor.timeline.samples import Sample, merge_samples, pack_sample, unpack_sample
from monitor.timeline.spec import WindowSpec

MOST_BYTES = 128_000_000
"""Packed samples of a window that are taken: twice what the monitor holds of all its windows."""
_KEY = re.compile(r"(?P<pane>.+)/(?P<partition>\d{1,9})(?P<sample>/sample)?", re.DOTALL)


class SamplesGoneError(UserError):
    """Not all samples of a window are on ``panes``: they were deleted, or have not been published yet."""


def read_sample(settings: Settings, window: Window) -> Sample:
    """The merged sample of a window, as the monitor judged it.

    Raises:
        SamplesGoneError: some of it is not there.
        UserError: the topic cannot be read, or the samples take more than ``MOST_BYTES``.
    """
    topic = settings.topic(PANES)
    reader = _SampleReader(settings, window, PaneMessages(topic))
    try:
        read_whole(settings, [topic], reader.take)
    except NothingCameError as error:
        raise UserError(f"panes cannot be read ({error}); check KAFKA_BOOTSTRAP_SERVERS") from None
    return reader.merged()


@dataclass
class _SampleReader:
    settings: Settings
    window: Window
    messages: PaneMessages
    packed: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """By start and partition."""
    records: dict[tuple[int, int], int] = field(default_factory=dict)
    size: int = 0

    def __post_init__(self) -> None:
        slide = self.window.slide or self.settings.slide
        spec = WindowSpec(self.window.end - self.window.start, slide)
        self.panes = {f"{self.window.model.key}/{start}" for start in spec.panes_of(self.window.start)}

    def take(self, message: Message) -> None:
        key = _KEY.fullmatch((message.key() or b"").decode(errors="replace"))
        if key is None or key["pane"] not in self.panes or message.value() is None:
            return
        read = self.messages.read(message.value(), message.offset() or 0)
        if isinstance(read, PaneSample):
            self._keep(read.start, read.partition, Sample.of(read))
        elif isinstance(read, Pane) and read.summary.sample:
            # of the release before, whose panes carry their samples
            self._keep(read.start, read.partition, Sample.of_rows(read.summary.sample, read.summary.records))

    def merged(self) -> Sample:
        if sum(self.records.values()) < self.window.records:
            raise SamplesGoneError(_gone(self.window))
        parts = [unpack_sample(packed) for _, packed in sorted(self.packed.items())]
        return merge_samples(parts, self.settings.sample_size)

    def _keep(self, start: int, partition: int, sample: Sample) -> None:
        packed = pack_sample(sample.first(self.settings.sample_size))
        pane = start, partition
        self.size += len(packed) - len(self.packed.get(pane, b""))
        if self.size > MOST_BYTES:
            raise UserError(
                f"the samples of the window of {model_title(self.window.model)} that starts at "
                f"{iso_time(self.window.start)} take more than {MOST_BYTES // 1_000_000} MB; set "
                f"CHURNSTREAM_SAMPLE_SIZE lower"
            )
        self.packed[pane], self.records[pane] = packed, sample.records


def _gone(window: Window) -> str:
    title = f"{model_title(window.model)} that starts at {iso_time(window.start)}"
    if window.status == "final":
        return (
            f"no report can be made of the window of {title}, because it is final, and the samples of its customers "
            f"are no longer on Kafka"
        )
    return f"no report can be made of the window of {title}, because not all samples of its customers are on Kafka"
