"""The scorer's job in Faust; run by ``scorer_throughput.py`` in an environment of its own.

    python faust_job.py copy|score at_least_once|exactly_once BROKER GROUP SOURCE OUTPUT BATCH FOLDER

``copy`` passes records on, ``score`` takes them in batches (``Stream.take``). FOLDER has the model.
"""

import sys
from pathlib import Path
from typing import Any

import faust
from peer_model import PeerModel

_WAIT_SECONDS = 0.1


def main() -> None:
    what, guarantee, broker, group, source, output, batch, folder = sys.argv[1:]
    app = faust.App(
        group,
        broker=f"kafka://{broker}",
        processing_guarantee=guarantee,
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_buffer_maxsize=int(batch),
        stream_wait_empty=False,
        broker_max_poll_records=int(batch),
        producer_compression_type="lz4",
        producer_linger=0.005,
        producer_max_batch_size=1_000_000,
        web_enabled=False,
    )
    incoming = app.topic(source, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    outgoing = app.topic(output, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    async def copy(stream: Any) -> None:
        async for event in stream.events():
            await outgoing.send(key=event.key, value=event.value, partition=event.message.partition)

    async def score(stream: Any) -> None:
        model = PeerModel(Path(folder))
        async for events in stream.take_events(int(batch), within=_WAIT_SECONDS):
            answers = model.answers_of([event.value for event in events])
            for event, answer in zip(events, answers, strict=True):
                await outgoing.send(key=event.key, value=answer, partition=event.message.partition)

    app.agent(incoming)(copy if what == "copy" else score)
    worker = faust.Worker(app, loglevel="WARNING")
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
