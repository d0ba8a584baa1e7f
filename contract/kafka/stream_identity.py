"""Which stream it is: topics that were deleted and made anew have the old names, but are another stream.

State that is kept of a stream (stores, tables, spools) carries its identity. State of another identity is of no use:
its offsets, records and windows are those of topics that are gone.
"""

import time

from confluent_kafka import KafkaException, Message, TopicCollection
from confluent_kafka.admin import AdminClient

from contract.errors import UserError
from contract.kafka.clients import admin_client
from contract.kafka.topic_format import read_record
from contract.settings import Settings
from contract.topics import FORMAT

STREAM_HEADER = "churnstream-stream"
"""On ``windows`` and ``alerts``: the stream that they were computed from, by its name."""
_RETRY_SECONDS = 0.2


def stream_identity(settings: Settings, *topics: str, timeout: float | None = None) -> str:
    """The stream's name from the record in ``format``, and the ids of ``topics`` (``contract.topics``) if any.

    State that rests on the offsets of a topic names it here, so that one that is made anew alone is noticed, too. Where
    the record is from before streams had names, the ids of the cluster and of ``format`` stand for it. A broker
    that is away is asked again for ``timeout`` seconds, by default the settings' ``request_timeout_ms``.

    Raises:
        UserError: the broker does not answer, or the stream has not been made yet (``ensure_topics`` makes it).
    """
    timeout = settings.request_timeout_ms / 1_000 if timeout is None else timeout
    deadline = time.monotonic() + timeout
    while True:
        try:
            return _identity(settings, topics, timeout)
        except UserError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)


def is_of_stream(message: Message, stream: str) -> bool:
    """Whether a message says that it is of this stream, or says nothing, as an earlier release's does."""
    headers = message.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    found = [value for name, value in pairs if name == STREAM_HEADER]
    return not found or found[-1] == stream.encode()


def _identity(settings: Settings, topics: tuple[str, ...], timeout: float) -> str:
    admin = admin_client(settings)
    record = read_record(settings, timeout)
    if record is None:
        raise UserError(f"topic {settings.topic(FORMAT)} holds no record; run `churnstream doctor --create-topics`")
    named = topics if record.stream else (FORMAT, *topics)
    try:
        stream = record.stream or str(admin.list_topics(timeout=timeout).cluster_id)
        ids = _topic_ids(admin, [settings.topic(name) for name in named], timeout)
    except KafkaException as error:
        raise UserError(
            f"the stream's identity cannot be read ({error.args[0].str()}); check KAFKA_BOOTSTRAP_SERVERS, and that "
            f"its topics exist with `churnstream doctor`"
        ) from None
    return " ".join([stream, *ids])


def _topic_ids(admin: AdminClient, names: list[str], timeout: float) -> list[str]:
    if not names:
        return []
    found = admin.describe_topics(TopicCollection(names), request_timeout=timeout)
    return [str(found[name].result(timeout).topic_id) for name in names]
