"""What comes from Kafka, as the core takes it."""

from collections.abc import Mapping, Sequence

import msgspec

Header = tuple[str, bytes | None]


class Received(msgspec.Struct, frozen=True):
    """A message of one of the stream's topics.

    ``topic`` is its short name (``contract.topics``), ``at`` when Kafka took it (ms, wall time; None: not known).
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header] = ()
    at: int | None = None


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """How the page stands to the broker.

    ``caught_up``: everything that was on the topics when it began has been read. ``away_since`` (ms, wall time): the
    broker has not answered since, because of ``reason``; what is known is as of then. ``missing`` are topics (short
    names) that are not there yet.
    """

    caught_up: bool = False
    away_since: int | None = None
    reason: str = ""
    missing: tuple[str, ...] = ()


class Positions(msgspec.Struct, frozen=True, kw_only=True):
    """How far workers have got. ``lag``: messages not read yet, by consumer group (``scorer``, ``join``), topic (short
    name) and partition. ``members``: workers in a group; None: not known. ``letters``: dead letters there have ever
    been, by partition. ``at``: as of when (ms, wall time).
    """

    lag: Mapping[str, Mapping[str, Mapping[int, int]]] = {}
    members: Mapping[str, int | None] = {}
    letters: Mapping[int, int] = {}
    at: int | None = None
