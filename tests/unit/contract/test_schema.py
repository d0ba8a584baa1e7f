"""Schemas: what can be said, what cannot and how that is told, and what the fingerprint stands for."""

import copy
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mlflow.utils.validation import _validate_metric_name

from contract.bounds import LARGEST_NUMBER, LONGEST_CATEGORY, LONGEST_NAME, MOST_COLUMNS, MOST_FEATURES
from contract.errors import UserError
from contract.records import features_type
from contract.rejection import decode
from contract.schema import FeatureKind, load_schema, parse_schema

RAW: dict[str, Any] = {
    "name": "test",
    "version": 1,
    "id": "Id",
    "private": ["Surname"],
    "ignored": ["Row"],
    "on_violation": "reject",
    "label": {"column": "y", "positive": 1, "negative": 0},
    "features": {
        "Country": {"kind": "categorical", "categories": ["FR", "DE"]},
        "Age": {"kind": "numeric", "min": 18, "max": 100, "missing": True},
        "Products": {"kind": "ordinal", "min": 1, "on_violation": "score"},
        "Active": {"kind": "flag"},
    },
}


def changed(**parts: Any) -> dict[str, Any]:
    """RAW with parts replaced: ``a__b=1`` sets ``raw["a"]["b"]``; None removes."""
    raw = copy.deepcopy(RAW)
    for path, value in parts.items():
        *parents, last = path.split("__")
        table = raw
        for name in parents:
            table = table.setdefault(name, {})
        if value is None:
            del table[last]
        else:
            table[last] = value
    return raw


def test_the_shipped_schema() -> None:
    schema = load_schema("bank_churn")
    assert (schema.name, schema.version, schema.id_column) == ("bank_churn", 1, "CustomerId")
    assert schema.private == ("Surname",)
    assert len(schema.features) == 10


def test_names_keep_the_order_of_the_file_and_split_by_kind() -> None:
    schema = parse_schema(RAW)
    assert schema.names == ("Country", "Age", "Products", "Active")
    assert schema.categorical == ("Country",)
    assert schema.numeric == ("Age", "Products", "Active")


def test_features_are_completed() -> None:
    schema = parse_schema(RAW)
    active, products, age = schema.feature("Active"), schema.feature("Products"), schema.feature("Age")
    assert (active.kind, active.minimum, active.maximum) == (FeatureKind.FLAG, 0, 1)
    assert (active.on_violation, products.on_violation) == ("reject", "score")
    assert (age.missing, active.missing) == (True, False)
    with pytest.raises(KeyError):
        schema.feature("Zip")


@pytest.mark.parametrize(
    ("feature", "value", "violates"),
    [
        ("Age", 18, False),
        ("Age", 17.9, True),
        ("Age", 100, False),
        ("Age", 100.5, True),
        ("Age", None, False),
        ("Products", 0, True),
        ("Products", 10_000, False),
        ("Active", 2, True),
        ("Country", "FR", False),
        ("Country", "IT", True),
        ("Country", None, False),
    ],
)
def test_violations(feature: str, value: float | str | None, violates: bool) -> None:
    assert parse_schema(RAW).feature(feature).violates(value) is violates


def test_defaults_are_the_same_schema_as_what_they_stand_for() -> None:
    short = changed(version=None, on_violation=None, label__positive=None, label__negative=None)
    assert parse_schema(short) == parse_schema(RAW)
    assert parse_schema(short).fingerprint == parse_schema(RAW).fingerprint


def test_silence_means_nothing_unless_the_schema_says_after_what_time_it_means_no() -> None:
    assert (parse_schema(RAW).label.absent, parse_schema(RAW).label.horizon_ms) == ("unknown", None)
    silent = parse_schema(changed(label__absent="negative", label__horizon="1d12h"))
    assert (silent.label.absent, silent.label.horizon_ms) == ("negative", 36 * 3_600_000)
    # it changes no message and no model: a champion that is registered goes on
    assert silent.fingerprint == parse_schema(RAW).fingerprint


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    assert parse_schema(RAW).fingerprint == "69b732f11ab821c3"


@pytest.mark.parametrize(
    "parts",
    [
        {"name": "other"},
        {"version": 2},
        {"id": "Key"},
        {"private": []},
        {"ignored": ["Row", "Col"]},
        {"on_violation": "score"},
        {"label__column": "z"},
        {"label__positive": "yes"},
        {"label__positive": "1"},
        {"label__negative": -1},
        {"features__Age__min": 19},
        {"features__Age__max": None},
        {"features__Age__missing": False},
        {"features__Age__kind": "ordinal"},
        {"features__Products__on_violation": "reject"},
        {"features__Country__categories": ["DE", "FR"]},
        {"features__Active": None},
        {"features__Zip": {"kind": "numeric"}},
    ],
    ids=str,
)
def test_the_fingerprint_changes_with_the_schema(parts: dict[str, Any]) -> None:
    assert parse_schema(changed(**parts)).fingerprint != parse_schema(RAW).fingerprint


def test_the_fingerprint_changes_with_the_order_of_the_matrix() -> None:
    turned = changed()
    turned["features"] = dict(reversed(turned["features"].items()))
    assert parse_schema(turned).fingerprint != parse_schema(RAW).fingerprint


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"name": None}, "missing required field `name`"),
        ({"label": None}, "missing required field `label`"),
        ({"features": None}, "missing required field `features`"),
        ({"id": 7}, r"Expected `str`, got `int` - at `\$.id`"),
        ({"color": "red"}, "unknown field `color`"),
        ({"on_violation": "drop"}, "Invalid enum value 'drop' - at `\\$.on_violation`; give one of reject, score;"),
        (
            {"features__Age__kind": "date"},
            "'date' - at `features.Age.kind`; give one of numeric, ordinal, categorical, flag; see",
        ),
        ({"features__Age__unit": "years"}, "unknown field `unit`"),
        ({"features__Age__min": "18"}, "Expected `float"),
        ({"features": {}}, "name at least one feature"),
        ({"features__Home Town": {"kind": "flag"}}, "feature 'Home Town': .* write column = "),
        ({"features__score": {"kind": "numeric"}}, "feature 'score': .* write column = "),
        ({"features__label": {"kind": "numeric"}}, "feature 'label': .* write column = "),
        ({"features__Country__categories": []}, r"feature 'Country': .* needs categories"),
        ({"features__Country__categories": ["FR", "DE", "FR"]}, "feature 'Country': category 'FR' .* twice"),
        ({"features__Country__min": 1}, "feature 'Country': min and max"),
        ({"features__Age__categories": ["old"]}, "feature 'Age': only a categorical feature"),
        ({"features__Age__min": 101}, "feature 'Age': min 101.0 is above max 100.0; swap them"),
        ({"features__Age__min": math.nan}, "feature 'Age': .* finite"),
        ({"features__Age__max": math.inf}, "feature 'Age': .* finite"),
        ({"label__negative": 1}, "label .* both 1"),
        ({"label__absent": "no"}, r"Invalid enum value 'no' - at `\$.label.absent`"),
        (
            {"label__absent": "negative"},
            'label: absent = "negative" needs a horizon, .* counts as 0; .* horizon = "30d"',
        ),
        ({"label__horizon": "30d"}, 'label: a horizon only makes sense with absent = "negative"; add that, or'),
        (
            {"label__absent": "unknown", "label__horizon": "30d"},
            'label: a horizon only makes sense with absent = "negative"; add that, or remove the horizon',
        ),
        ({"label__absent": "negative", "label__horizon": "soon"}, "label, horizon: 'soon' is not a duration; write a"),
        ({"label__absent": "negative", "label__horizon": "0s"}, "label: horizon '0s' must be longer than 0; write"),
        ({"label__absent": "negative", "label__horizon": 30}, r"Expected `str.*`, got `int` - at `\$.label.horizon`"),
        ({"private": ["Age"]}, "column 'Age' has two roles"),
        ({"ignored": ["Id"]}, "column 'Id' has two roles"),
        ({"label__column": "Surname"}, "column 'Surname' has two roles"),
        ({"features__y": {"kind": "flag"}}, "column 'y' has two roles"),
    ],
    ids=str,
)
def test_what_a_schema_cannot_say_is_told_in_one_line(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        parse_schema(changed(**parts), "my.toml")
    assert str(raised.value).startswith("schema my.toml")
    assert "\n" not in str(raised.value)


def at_the_bound(**features: dict[str, Any]) -> dict[str, Any]:
    return {"name": "t", "id": "i", "label": {"column": "y"}, "features": features}


FLAG = {"kind": "flag"}


@pytest.mark.parametrize("letter", ["a", "é", "語"])
def test_the_longest_name_is_taken_and_one_byte_more_is_not(letter: str) -> None:
    longest = letter * (LONGEST_NAME // len(letter.encode()))
    longest += "a" * (LONGEST_NAME - len(longest.encode()))
    schema = parse_schema(at_the_bound(**{longest: FLAG}))
    decode(msgspec.json.Decoder(features_type(schema)), msgspec.json.encode({longest: 1}))
    with pytest.raises(UserError, match=r"feature '.*'…: the name has 201 bytes, .*; give .* a shorter name"):
        parse_schema(at_the_bound(**{longest + "a": FLAG}))


def test_mlflow_takes_the_longest_name_behind_any_prefix_of_ours() -> None:
    for letter in ("a", "語"):
        name = letter * (LONGEST_NAME // len(letter.encode()))
        _validate_metric_name(f"data/violations_{name}")
        # file names end at 255 bytes
        assert len(f"data/violations_{name}".encode()) <= 250


def test_the_longest_category_is_taken_and_one_character_more_is_not() -> None:
    longest = "語" * LONGEST_CATEGORY
    parse_schema(at_the_bound(A={"kind": "categorical", "categories": [longest]}))
    with pytest.raises(UserError, match=r"feature 'A': category '語.*'… has 1,001 characters, .*; shorten it"):
        parse_schema(at_the_bound(A={"kind": "categorical", "categories": ["x", longest + "x"]}))


def test_the_widest_schema_is_taken_and_one_feature_more_is_not() -> None:
    schema = parse_schema(at_the_bound(**{f"f{number}": FLAG for number in range(MOST_FEATURES)}))
    row = dict.fromkeys(schema.names, 1.0)
    decode(msgspec.json.Decoder(features_type(schema)), msgspec.json.encode(row))
    with pytest.raises(UserError, match=r"has 1,001 features, but at most 1,000 are allowed; name fewer"):
        parse_schema(at_the_bound(**{f"f{number}": FLAG for number in range(MOST_FEATURES + 1)}))


def test_the_most_categories_are_taken_and_one_more_is_not() -> None:
    categories = [f"c{number}" for number in range(MOST_COLUMNS - 1)]
    taken = at_the_bound(A={"kind": "categorical", "categories": categories}, B=FLAG)
    decode(msgspec.json.Decoder(features_type(parse_schema(taken))), b'{"A": "c4998", "B": 1}')
    with pytest.raises(UserError, match=r"5,001 categories .* feature 'A' alone has 5,000 .*, so group them"):
        parse_schema(at_the_bound(A={"kind": "categorical", "categories": [*categories, "more"]}, B=FLAG))


def test_the_largest_bounds_are_taken() -> None:
    parse_schema(at_the_bound(A={"kind": "numeric", "min": -LARGEST_NUMBER, "max": LARGEST_NUMBER}))
    parse_schema(at_the_bound(A={"kind": "ordinal", "min": -(2**53), "max": 2**53}))
    # bounds beyond are no mistake as long as something lies between them
    parse_schema(at_the_bound(A={"kind": "numeric", "min": -1e300, "max": 1e300}))


@pytest.mark.parametrize("name", ["class", "None", "self", "_x", "match", "é", "語", "名前"])
def test_any_other_identifier_is_a_name(name: str) -> None:
    schema = parse_schema(at_the_bound(**{name: FLAG}))
    row = decode(msgspec.json.Decoder(features_type(schema)), msgspec.json.encode({name: 1}))
    assert getattr(row, name) == 1


def test_a_schema_is_loaded_by_path(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text('name = "t"\nid = "i"\n[label]\ncolumn = "y"\n[features.A]\nkind = "flag"\n', encoding="utf-8")
    assert load_schema(str(path)).names == ("A",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: .*No such file.*; give a readable TOML file"),
        (b"name = \xff", "cannot be read"),
        (b"name = ", "is not TOML: .*; correct the line it names"),
        (b"name = 1", "Expected `str`, got `int`"),
    ],
    ids=["no file", "not UTF-8", "not TOML", "not a schema"],
)
def test_a_file_that_is_no_schema(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "my.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=message) as raised:
        load_schema(str(path))
    assert f"schema {path}" in str(raised.value)


@pytest.mark.parametrize("name", ["bank", "", "bank_churn.csv"])
def test_an_unknown_data_set_is_answered_with_those_that_are_known(name: str) -> None:
    with pytest.raises(UserError, match=r"take one of .*bank_churn"):
        load_schema(name)
