"""Kafka's own partitioner, that of Java's clients: librdkafka's ``murmur2_random``, which is not its default."""

from aiokafka.partitioner import murmur2


def belongs_to(key: str, partitions: int) -> int:
    """The partition, of so many, that the partitioner sends a key to."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions
