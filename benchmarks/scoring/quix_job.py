"""The scorer's job in Quix Streams; run by ``scorer_throughput.py`` in an environment of its own.

    python quix_job.py copy|score|sink BROKER GROUP SOURCE OUTPUT BATCH FOLDER

``copy`` passes records on exactly once, ``score`` scores each exactly once, ``sink`` scores in batches at least once:
a ``BatchingSink`` is what its documentation has for batches, and its offsets are committed after it has written.
FOLDER has the model.
"""

import sys
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from peer_model import PeerModel
from quixstreams import Application
from quixstreams.sinks import BatchingSink, SinkBatch


class ScoringSink(BatchingSink):  # type: ignore[misc]
    """Scores what has come since the last commit in one call, partition by partition."""

    def __init__(self, model: PeerModel, broker: str, topic: str) -> None:
        super().__init__()
        self._model = model
        self._topic = topic
        self._producer = Producer(
            {
                "bootstrap.servers": broker,
                "enable.idempotence": True,
                "compression.type": "lz4",
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_000_000,
            }
        )

    def write(self, batch: SinkBatch) -> None:
        items = list(batch)
        answers = self._model.answers_of([item.value for item in items])
        messages: list[Any] = [{"key": item.key, "value": answer} for item, answer in zip(items, answers, strict=True)]
        self._producer.produce_batch(self._topic, messages, partition=batch.partition)
        self._producer.flush()


def main() -> None:
    what, broker, group, source, output, batch, folder = sys.argv[1:]
    app = Application(
        broker_address=broker,
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_every=int(batch),
        processing_guarantee="at-least-once" if what == "sink" else "exactly-once",
        auto_create_topics=False,
        loglevel="WARNING",
        state_dir=str(Path.cwd() / "quix-state"),
        producer_extra_config={"compression.type": "lz4", "linger.ms": 5},
    )
    topic = app.topic(source, key_deserializer="bytes", value_deserializer="bytes")
    target = app.topic(output, key_serializer="bytes", value_serializer="bytes")
    frame = app.dataframe(topic)
    if what == "copy":
        frame.to_topic(target)
    elif what == "score":
        frame.apply(PeerModel(Path(folder)).answer).to_topic(target)
    else:
        frame.sink(ScoringSink(PeerModel(Path(folder)), broker, output))
    app.run()


if __name__ == "__main__":
    main()
