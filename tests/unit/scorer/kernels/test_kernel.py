"""Records read by compiled loops, and predictions written by them, against their definition by msgspec and Python."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from random import Random
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest

from contract.schema import Feature, FeatureKind, Schema, load_schema
from scorer.kernels import check, kernel, numbers, parse, splice
from scorer.kernels.check import Probe, checked_kernel, difference
from scorer.kernels.definition import Definition
from scorer.kernels.definition import predictions as defined_predictions
from scorer.kernels.kernel import Kernel, Taken, predictions
from tests.support.fuzz.mutations import fuzzed_customers
from tests.support.messages import customer, encode, key
from tests.support.service.bad_input import BAD_RECORDS, NOW
from tests.support.sizes import size

SCHEMA = load_schema("bank_churn")
SEEDS = 5
MESSAGES = size(ci=4_000, full=200_000)
"""Of each seed."""
CONSTANT = '"threshold":0.5,"model":{"name":"é"},"source":{"partition":0,"offset":'


def changed(*others: Feature) -> Schema:
    """The bank's schema with these features in place of those with their names."""
    by_name = {one.name: one for one in others}
    return replace(SCHEMA, features=tuple(by_name.get(one.name, one) for one in SCHEMA.features))


FOREIGN = changed(
    msgspec.structs.replace(SCHEMA.feature("Geography"), categories=("Zürich", "France", 'a "b" \\'), missing=True),
    msgspec.structs.replace(SCHEMA.feature("Age"), missing=True, on_violation="score"),
    msgspec.structs.replace(SCHEMA.feature("Tenure"), missing=True, minimum=-3.5, maximum=None),
)
WIDE = replace(
    SCHEMA,
    features=tuple(
        Feature(FeatureKind.NUMERIC if i % 2 else FeatureKind.ORDINAL, -1e6, 1e6, name=f"x{i}", on_violation="reject")
        for i in range(500)
    ),
)


def take(schema: Schema, messages: Sequence[Probe]) -> Taken:
    return Kernel(schema).take(*(list(each) for each in zip(*messages, strict=True)))


def message(record: dict[str, Any], value: bytes | None = None) -> Probe:
    return encode(record) if value is None else value, key(record), NOW


def spelled(value: str, place: str = '"Balance": 0.0') -> Probe:
    record = customer(0)
    text = encode(record).decode()
    assert place in text
    return message(record, text.replace(place, place.partition(":")[0] + ": " + value).encode())


@pytest.mark.parametrize(
    "written",
    [
        lambda record: json.dumps(record),
        lambda record: json.dumps(record, separators=(",", ":")),
        lambda record: json.dumps(record, indent=3) + "\n",
        lambda record: json.dumps(record, sort_keys=True),
        lambda record: json.dumps(dict(reversed(record.items())) | {"record_id": "Besuch-é-€-😀"}, ensure_ascii=False),
    ],
)
def test_usual_records_are_taken(written: Callable[[dict[str, Any]], str]) -> None:
    records = [customer(i) for i in range(50)]
    messages = [message(record, written(record).encode()) for record in records]
    taken = take(SCHEMA, messages)
    assert taken.places.tolist() == list(range(50))
    assert difference(SCHEMA, messages, taken) is None


@pytest.mark.parametrize("schema", [SCHEMA, FOREIGN, WIDE], ids=["bank", "foreign", "500 features"])
def test_the_probes_are_read_alike_and_many_of_them_are_taken(schema: Schema) -> None:
    assert checked_kernel(schema) is not None
    given = list(check.probes(schema))
    taken = take(schema, given)
    assert difference(schema, given, taken) is None
    definition = Definition(schema)
    valid = sum(definition.column(*each) is not None for each in given)
    assert valid * 0.75 < len(taken) <= valid < len(given)


@pytest.mark.parametrize("text", ['"Zürich"', '"Z\\u00fcrich"', '"a \\"b\\" \\\\"', "null"])
def test_categories_are_taken_as_json_writers_spell_them(text: str) -> None:
    given = [spelled(text, '"Geography": "France"')]
    taken = take(FOREIGN, given)
    assert len(taken) == 1
    assert difference(FOREIGN, given, taken) is None


@pytest.mark.parametrize("text", ["12345.678901", "1e5", "1.5E+3", "99e-2", "0.1", "1234567.0", "9007199.254740991"])
def test_numbers_are_read_to_the_bit(text: str) -> None:
    given = [spelled(text)]
    taken = take(SCHEMA, given)
    assert len(taken) == 1
    assert taken.columns[5, 0] == float(text)


@pytest.mark.parametrize(
    "text", ["-0", "-0.0", "1e400", "01", "1.", ".5", "+1", "1e", "0x1", "NaN", '"1"', "9007199254740993", "-1", "2e7"]
)
def test_doubtful_numbers_are_declined(text: str) -> None:
    assert len(take(SCHEMA, [spelled(text)])) == 0


def test_bad_records_are_declined() -> None:
    for bad in BAD_RECORDS:
        definition = Definition(SCHEMA)
        assert definition.column(bad.value, bad.key, NOW) is None
        assert len(Kernel(SCHEMA).take([bad.value], [bad.key], [NOW])) == 0, bad


def test_a_large_record_and_a_wide_one_are_taken() -> None:
    record = customer(1)
    padded = message(record, encode(record)[:-1] + b" " * 60_000 + b"}")
    assert len(take(SCHEMA, [padded, padded])) == 2
    values = {f"x{i}": float(i) if i % 2 else i for i in range(500)}
    wide = [message(customer(i) | {"features": values}) for i in range(20)]
    assert len(take(WIDE, wide)) == 20


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_is_taken_is_what_the_definition_gives(seed: int) -> None:
    random = Random(seed)
    stream = fuzzed_customers(seed, valid=0.3)
    read = {schema: Kernel(schema) for schema in (SCHEMA, FOREIGN)}
    seen = 0
    count = dict.fromkeys(read, 0)
    while seen < MESSAGES:
        batch = [(m.value, m.key, NOW) for m in islice(stream, random.choice((1, 7, 100, 1_000)))]
        seen += len(batch)
        for schema, one in read.items():
            taken = one.take(*(list(each) for each in zip(*batch, strict=True)))
            count[schema] += len(taken)
            assert difference(schema, batch, taken) is None
            _check_predictions(batch, taken, random)
    assert min(count.values()) > MESSAGES / 20


def _check_predictions(batch: Sequence[tuple[bytes | None, bytes | None, int]], taken: Taken, random: Random) -> None:
    probabilities = np.array([_probability(random) for _ in range(len(taken))])
    decisions = np.array([random.randrange(2) for _ in range(len(taken))], np.uint8)
    offsets = np.array([random.randrange(10 ** random.randrange(1, 19)) for _ in range(len(taken))], np.int64)
    values = [batch[place][0] or b"" for place in taken.places.tolist()]
    made = predictions(taken, probabilities, decisions.astype(np.int64), CONSTANT.encode(), offsets)
    expected = defined_predictions(values, probabilities, decisions.tolist(), CONSTANT, offsets.tolist())
    assert list(made) == expected
    assert made[:] == expected
    assert [made[place] for place in range(-len(made), 0)] == expected


def _probability(random: Random) -> float:
    kinds = (random.random(), float(np.float32(random.random())), 10 ** -random.uniform(0, 30), 0.0, 1.0, 0.5)
    return random.choice(kinds)


def test_what_is_compiled_for_the_check_at_load_is_what_batches_call() -> None:
    loops = [numbers.number, parse.parse, splice.splice]
    if not hasattr(parse.parse, "signatures"):
        pytest.skip("nothing is compiled here")
    for probability in (0.5, 1e-9):
        taken = take(SCHEMA, [message(customer(1))])
        predictions(taken, np.array([probability]), np.array([1], np.int64), CONSTANT.encode(), np.array([7]))
        take(SCHEMA, [(None, None, NOW)])
    assert {len(loop.signatures) for loop in loops} <= {0, 1}  # type: ignore[attr-defined]


FAULTS = [
    pytest.param(numbers, "digits >= _EXACT", "False", id="more digits than are exact"),
    pytest.param(numbers, "(digits == 0 and negative)", "False", id="negative zero"),
    pytest.param(numbers, "value / _POWERS[-power]", "value * 10.0**power", id="a product that is not exact"),
    pytest.param(numbers, "if at == start:", "if False:", id="no digit after the point"),
    pytest.param(parse, "time != np.floor(time)", "False", id="a time with a fraction"),
    pytest.param(parse, "value != np.floor(value)", "False", id="a whole number with a fraction"),
    pytest.param(parse, "<= value <= tables.high[feature]", "<= value", id="above the maximum"),
    pytest.param(parse, "notes.seen[field] == mark", "False", id="a field twice"),
    pytest.param(parse, "notes.seen[_FIELDS + feature] == mark", "False", id="a feature twice"),
    pytest.param(parse, "EARLIEST_EVENT_TIME <= time", "EARLIEST_EVENT_TIME - 1 <= time", id="a ms before 2000"),
    pytest.param(parse, "FUTURE_TOLERANCE_MS > sent", "FUTURE_TOLERANCE_MS - 1 > sent", id="a day and a ms ahead"),
    pytest.param(parse, "characters <= LONGEST", "characters <= 1 + LONGEST", id="an id too long"),
    pytest.param(parse, "not _same(text, start", "False and not _same(text, start", id="another key"),
    pytest.param(parse, "_skip(text, at + 1, end) == end", "True", id="more after the record"),
    pytest.param(parse, "= tables.place_of[found]", "= found", id="a place that counts spellings"),
    pytest.param(parse, "not tables.missing[feature] or text", "text", id="null where there must be a value"),
    pytest.param(parse, "byte == 224", "byte == 0", id="UTF-8 that is too long"),
]


@pytest.mark.parametrize(("module", "line", "other"), FAULTS)
def test_a_fault_in_a_kernel_is_caught(
    module: ModuleType,
    line: str,
    other: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    request: pytest.FixtureRequest,
) -> None:
    faulty = _with_fault(module, line, other)
    if module is numbers:
        # the loop that calls it, as it stands, too
        uncompiled = _with_fault(parse, "", "")
        uncompiled.__dict__["number"] = faulty.number
        faulty = uncompiled
    monkeypatch.setattr(kernel, "parse", faulty.parse)
    check._fault.cache_clear()
    request.addfinalizer(check._fault.cache_clear)

    assert checked_kernel(FOREIGN) is None
    assert "predictions are written without it" in caplog.text


def _with_fault(module: ModuleType, line: str, other: str) -> ModuleType:
    """The module's own source, not compiled, with one change."""
    source = module.__loader__.get_source(module.__name__)  # type: ignore[union-attr]
    assert source is not None
    assert line in source
    made = ModuleType(module.__name__)
    source = source.replace("import compiled, inlined", "import available").replace(
        "import inlined", "import available"
    )
    source = source.replace("@compiled\n", "").replace("@inlined\n", "").replace(line, other or line)
    exec(compile(source, module.__file__ or "", "exec"), made.__dict__)
    return made


def test_a_kernel_that_cannot_be_compiled_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> int:
        raise TypeError("no such type")

    check._fault.cache_clear()
    monkeypatch.setattr(kernel, "parse", fails)
    assert checked_kernel(SCHEMA) is None
    assert "TypeError: no such type" in caplog.text
