"""Where answers and labels go before a request is answered: onto the stream, or, without Kafka, into live metrics."""

from collections.abc import Sequence
from typing import Protocol

from contract.messages import Label, Prediction, encode
from contract.rejection import Reason
from contract.settings import Settings
from contract.topics import LABELS, MAX_VALUE_BYTES, PREDICTIONS
from scorer.serving.errors import RecordFault, RequestTooLargeError, UnavailableError, UnknownRecordError
from scorer.serving.live_metrics import LiveMetrics
from scorer.serving.publisher import MessageRefusedError, Outgoing, Publisher, UnacknowledgedError


class Sink(Protocol):
    """Takes what a request has led to."""

    @property
    def hindrance(self) -> str | None:
        """Why nothing can be taken now; None if it can."""
        ...

    async def take(self, predictions: Sequence[Prediction], labels: Sequence[Label]) -> None:
        """Take all of a request, durably as far as this sink keeps anything.

        Raises:
            ServingError: it cannot; an ``UnavailableError`` where it may later.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class StreamSink:
    """Onto ``predictions`` and ``labels``, acknowledged by Kafka."""

    def __init__(self, settings: Settings, publisher: Publisher) -> None:
        self._publisher = publisher
        self._predictions = settings.topic(PREDICTIONS)
        self._labels = settings.topic(LABELS)

    @property
    def hindrance(self) -> str | None:
        return None if self._publisher.reachable else "Kafka does not answer"

    async def take(self, predictions: Sequence[Prediction], labels: Sequence[Label]) -> None:
        messages = [Outgoing(self._predictions, one.customer_id.encode(), encode(one)) for one in predictions]
        faults = [
            _too_large(index, len(message.value))
            for index, message in enumerate(messages)
            if len(message.value) > MAX_VALUE_BYTES
        ]
        if faults:
            raise RequestTooLargeError("a record is larger than the stream allows; see errors", faults)
        # its two ids bound a label's size to some kilobytes
        messages += [Outgoing(self._labels, one.customer_id.encode(), encode(one)) for one in labels]
        try:
            await self._publisher.publish(messages)
        except MessageRefusedError as error:
            raise RequestTooLargeError(
                f"Kafka rejects a message of this size ({error}); send shorter texts, or raise max.message.bytes of "
                f"{self._predictions} and its broker"
            ) from None
        except UnacknowledgedError as error:
            raise UnavailableError(
                f"Kafka has not acknowledged the request ({error}); try again, with the same record_id if you gave "
                "one: whatever did arrive is counted once"
            ) from None

    def close(self) -> None:
        self._publisher.close()


def _too_large(index: int, size: int) -> RecordFault:
    return RecordFault(
        index,
        "",
        Reason.TOO_LARGE,
        "object",
        f"its prediction has {size} bytes, at most {MAX_VALUE_BYTES} are allowed; shorten its texts",
    )


class LocalSink:
    """Into metrics that this process keeps."""

    def __init__(self, metrics: LiveMetrics) -> None:
        self._metrics = metrics

    @property
    def hindrance(self) -> str | None:
        return None

    async def take(self, predictions: Sequence[Prediction], labels: Sequence[Label]) -> None:
        self._metrics.predicted(predictions)
        unknown = self._metrics.labelled([(one.record_id, one.label) for one in labels])
        if unknown:
            places = {one.record_id: index for index, one in enumerate(labels)}
            raise UnknownRecordError(
                "no label of the request was counted, because some belong to unknown records",
                [
                    RecordFault(
                        places[record_id],
                        "record_id",
                        Reason.LABEL_WITHOUT_RECORD,
                        "string",
                        f"{record_id}: score it first",
                    )
                    for record_id in unknown
                ],
            )

    def close(self) -> None:
        """The thread that logs to MLflow writes the last state as it stops."""
