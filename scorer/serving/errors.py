"""Why a request has no answer. A transport says it in its own words: HTTP by a status and problem details."""

from collections.abc import Sequence

import msgspec

from contract.errors import ChurnstreamError


class RecordFault(msgspec.Struct, frozen=True):
    """One thing wrong with a record or label of a request.

    ``index`` counts from 0 in the request, ``field`` is a place in the record (``features.Age``; empty: the whole),
    ``reason`` a code as in dead letters, ``found`` the kind of JSON value there (never the value), ``remedy`` what to
    do instead.
    """

    index: int
    field: str
    reason: str
    found: str
    remedy: str


class ServingError(ChurnstreamError):
    """A request has no answer. The message shows no value of it; ``faults`` are there where a record is at fault."""

    def __init__(self, detail: str, faults: Sequence[RecordFault] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = faults


class InvalidRequestError(ServingError):
    """The request is wrong; sent again as it is, it stays wrong."""


class UnknownRecordError(ServingError):
    """A label's record is not known here."""


class RequestTooLargeError(ServingError):
    """A record is larger than the stream takes."""


class OverloadedError(ServingError):
    """Too much is in work; sent again in a second the request may be taken."""


class ModelFailureError(ServingError):
    """The model fails on the request; ``faults`` are of the records that it fails on alone."""


class UnavailableError(ServingError):
    """What is needed for an answer is away; sent again in a second the request may have one."""


class NoModelError(UnavailableError):
    """No model has been loaded yet."""

    def __init__(self) -> None:
        super().__init__("no model has been loaded yet; register one with `churnstream train`")
