"""Kafka's partitioner, many keys at once."""

from random import Random

from contract.kafka.partitioner import belongs_to
from monitor.join.columns.partitioning import partitions_of


def test_many_keys_go_where_each_does_alone() -> None:
    random = Random(1)
    keys = ["".join(random.choices("aé0-", k=random.randrange(1, 20))) for _ in range(500)]
    assert partitions_of([key.encode() for key in keys], 24).tolist() == [belongs_to(key, 24) for key in keys]
