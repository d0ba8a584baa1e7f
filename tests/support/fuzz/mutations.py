"""Valid messages, and what a stream makes of them: one seed gives one sequence of messages, on every machine.

A message is spoiled in its JSON tree (other values, fields that are missing, unknown or there twice), in its bytes
(bits that flip, parts that are lost, doubled or foreign), in its key or in its headers; some are left as they are.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from contract.kafka.control import END_OF_STREAM, HEADER
from contract.topics import MAX_VALUE_BYTES
from tests.support.fuzz.values import hostile
from tests.support.messages import customer, label

RECORDS = 500
"""Numbers of records that messages are made of; small, so that labels and predictions meet."""

Make = Callable[[int], dict[str, Any]]
Header = tuple[str, bytes | None]


@dataclass(frozen=True)
class FuzzedMessage:
    """A message as it would stand on a topic."""

    key: bytes | None
    value: bytes | None
    headers: list[Header]


@dataclass(frozen=True)
class _Text:
    """A value that is written as it stands."""

    text: str


_FOREIGN = (b"\n", b"\r\n", b" ", b"\0", b"\xef\xbb\xbf", b"//", b"\xc0\x80", b"\xed\xa0\x80")
_Pairs = list[tuple[str, Any]]


def prediction(i: int) -> dict[str, Any]:
    """A valid prediction of ``customer(i)``."""
    return customer(i) | {
        "probability": (i * 37 % 101) / 100,
        "predicted": int((i * 37 % 101) >= 50),
        "threshold": 0.5,
        "model": {"name": "churn", "version": 1 + i % 2, "role": "champion"},
        "source": None if i % 11 == 0 else {"partition": i % 3, "offset": i},
    }


def fuzzed(make: Make, seed: int, *, valid: float = 0.2) -> Iterator[FuzzedMessage]:
    """Messages without end; a share of ``valid`` is left as ``make`` gave it."""
    random = Random(seed)
    while True:
        message = make(random.randrange(RECORDS))
        if random.random() < valid:
            yield FuzzedMessage(str(message["customer_id"]).encode(), json.dumps(message).encode(), [])
        else:
            yield _spoiled(message, random)


def fuzzed_customers(seed: int, *, valid: float = 0.2) -> Iterator[FuzzedMessage]:
    """What might stand on ``customers``: mostly records, and a few messages that belong on other topics."""
    return fuzzed(_mostly(customer, label, prediction), seed, valid=valid)


def fuzzed_labels(seed: int, *, valid: float = 0.2) -> Iterator[FuzzedMessage]:
    """The same for ``labels``."""
    return fuzzed(_mostly(label, customer, prediction), seed, valid=valid)


def fuzzed_predictions(seed: int, *, valid: float = 0.2) -> Iterator[FuzzedMessage]:
    """The same for ``predictions``."""
    return fuzzed(_mostly(prediction, customer, label), seed, valid=valid)


def _mostly(usual: Make, *foreign: Make) -> Make:
    return lambda i: usual(i) if i % 16 else foreign[i // 16 % len(foreign)](i)


def _spoiled(message: dict[str, Any], random: Random) -> FuzzedMessage:
    key: bytes | None = str(message["customer_id"]).encode()
    headers: list[Header] = []
    kind = random.randrange(20)
    tree = _pairs(message)
    if kind < 12:
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            _spoil_tree(tree, random)
    value: bytes | None = _written(tree).encode("utf-8", "surrogatepass")
    if kind >= 9:
        assert value is not None
        if kind < 17:
            value = _spoil_bytes(value, random)
        elif kind < 18:
            value = random.choice((None, b"", b" ", b"{}", b"null", b"[]", b"\n", bytes(random.randbytes(40))))
    if kind == 18:
        key = random.choice((None, b"", b"0", b'"1"', b"\xff\xfe", b"k" * 300, b"k" * 100_000, key))
    if kind == 19:
        key, headers = random.choice((None, None, key)), _headers(random)
        value = random.choice((value, None, b"", b"{", b'{"event_time": "x"}', b'{"event_time": 1e400}', b"\xff"))
    return FuzzedMessage(key, value, headers)


def _headers(random: Random) -> list[Header]:
    value = random.choice((END_OF_STREAM, END_OF_STREAM, b"", None, b"start-of-stream", b"\xff", b"x" * 10_000))
    others: list[Header] = [("traceparent", b"00-0"), (HEADER.upper(), END_OF_STREAM), ("", b""), ("é", b"\xff")]
    return random.sample(others, random.randrange(3)) + [(HEADER, value)] * random.choice((0, 1, 1, 2))


def _pairs(value: Any) -> Any:
    """The same tree with each object as a list of pairs, in which a name can stand twice."""
    return [(name, _pairs(each)) for name, each in value.items()] if isinstance(value, dict) else value


def _written(value: Any) -> str:
    if isinstance(value, _Text):
        return value.text
    if isinstance(value, list):
        return "{" + ", ".join(f"{json.dumps(name)}: {_written(each)}" for name, each in value) + "}"
    return json.dumps(value)


def _spoil_tree(tree: _Pairs, random: Random) -> None:
    place = tree
    nested = [each for _, each in tree if isinstance(each, list) and each]
    if nested and random.random() < 0.7:
        place = random.choice(nested)
    index = random.randrange(len(place))
    name, value = place[index]
    kind = random.randrange(16)
    if kind < 8:
        place[index] = (name, _Text(hostile(random)))
    elif kind == 8:
        del place[index]
        if not place:
            place.append(("", None))
    elif kind == 9:
        place.append((random.choice(("probability", "label", "more", "", "`", name + " ", name * 60)), 1))
    elif kind == 10:
        place.append((name, _Text(hostile(random))))
    elif kind == 11:
        place[index] = (random.choice((name.upper(), name + "\0", "", "x" * 3_000)), value)
    elif kind == 12:
        random.shuffle(place)
    elif kind == 13 and isinstance(value, int | float):
        place[index] = (name, random.choice((float(value), str(value), -value, value * 1_000, value + 0.5)))
    elif kind == 14 and isinstance(value, str):
        place[index] = (name, random.choice((value.upper(), value + " ", value[:1], value * 90, value[::-1])))
    else:
        place[index] = (name, place[random.randrange(len(place))][1])


def _spoil_bytes(value: bytes, random: Random) -> bytes:
    spoiled = bytearray(value)
    at, end = sorted(random.randrange(len(spoiled) + 1) for _ in range(2))
    kind = random.randrange(14)
    if kind < 4:
        for _ in range(random.choice((1, 1, 1, 2, 8, 40))):
            spoiled[random.randrange(len(spoiled))] ^= 1 << random.randrange(8)
    elif kind == 4:
        del spoiled[at:]
    elif kind == 5:
        del spoiled[at:end]
    elif kind == 6:
        spoiled[at:at] = random.randbytes(random.choice((1, 3, 16)))
    elif kind == 7:
        spoiled[at:at] = spoiled[at:end]
    elif kind == 8:
        spoiled[at:at] = random.choice(
            (b"\n", b"\r\n", b" ", b"\0", b"\xef\xbb\xbf", b"//", b"\xc0\x80", b"\xed\xa0\x80")
        )
    elif kind == 9:
        spoiled = bytearray(random.choice((b"\xef\xbb\xbf", b" \n\t", b"\0\0\0\0\x07", b"\x1f\x8b")) + value)
    elif kind == 10:
        spoiled += random.choice((b"\n", b" " * 40, b"\n" + value, value, b",", b"}", b"\0"))
    elif kind == 11:
        spoiled = bytearray(value.decode("utf-8", "replace").encode(random.choice(("utf-16", "utf-32", "utf-8-sig"))))
    elif kind == 12:
        swap = (b'"', b"'"), (b":", b"="), (b",", b",,"), (b"}", b",}"), (b"{", b"[")
        spoiled = bytearray(value.replace(*random.choice(swap)))
    elif random.random() < 0.02:
        # about the size that is still taken
        spoiled += b" " * (MAX_VALUE_BYTES - len(spoiled) + random.randrange(-1, 3))
    return bytes(spoiled)
