"""Drafts of schemas: what is plain is guessed rightly and trains as it is, what is not is said."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from churnstream.cli import app
from contract.errors import UserError
from contract.schema import Schema, load_schema, parse_schema
from producer.synthetic import write_csv
from tests.support.tables.shapes import SECRET, TELCO, credit_cards, telco
from tests.support.tables.toy import toy_table
from tests.support.tables.untidy import UNTIDY
from training.infer.columns import read_columns
from training.infer.infer import infer
from training.infer.toml import draft_toml
from training.table.prepare import read_table

SHIPPED = load_schema("bank_churn")


def drafted(table: Path) -> str:
    return draft_toml(infer(read_columns(table)), "drafted", table.name)


def schema_of(toml: str) -> Schema:
    return parse_schema(tomllib.loads(toml))


def written(frame: pd.DataFrame, folder: Path) -> Path:
    path = folder / "table.csv"
    frame.to_csv(path, index=False)
    return path


def doubts(toml: str) -> list[str]:
    return [line for line in toml.splitlines() if line.startswith(("# DOUBT", "# DECIDE"))]


def assert_is_the_shipped_schema(schema: Schema) -> None:
    assert (schema.id_column, schema.label) == (SHIPPED.id_column, SHIPPED.label)
    assert (schema.private, schema.ignored) == (SHIPPED.private, SHIPPED.ignored)
    assert {f.name: (f.kind, f.categories, f.missing) for f in schema.features} == {
        f.name: (f.kind, f.categories, f.missing) for f in SHIPPED.features
    }


def test_the_draft_of_the_bank_is_the_shipped_schema_and_trains_unchanged(tmp_path: Path) -> None:
    write_csv(tmp_path / "bank.csv", 3_000, seed=5)

    toml = drafted(tmp_path / "bank.csv")

    assert doubts(toml) == []
    assert_is_the_shipped_schema(schema_of(toml))
    rows = read_table(tmp_path / "bank.csv", schema_of(toml), on_bad_rows="stop")
    assert len(rows.y) == 3_000


@pytest.mark.parametrize("kind", UNTIDY)
def test_the_draft_of_an_untidy_table_is_the_tidy_ones(kind: str, tmp_path: Path) -> None:
    write_csv(tmp_path / "bank.csv", 400, seed=5)
    bank = pd.read_csv(tmp_path / "bank.csv")

    toml = drafted(UNTIDY[kind][0](bank, tmp_path))

    assert_is_the_shipped_schema(schema_of(toml))


def test_infinity_and_numbers_as_good_as_that_are_no_traceback(tmp_path: Path) -> None:
    table = toy_table()
    table.loc[0, "Balance"], table.loc[1, "EstimatedSalary"] = np.inf, -1e300
    schema = schema_of(drafted(written(table, tmp_path)))
    assert [(bad.row, bad.column) for bad in read_table(tmp_path / "table.csv", schema).bad_rows] == [
        (1, "Balance"),
        (2, "EstimatedSalary"),
    ]


def test_ranges_are_wider_than_what_was_seen_and_not_absurd(tmp_path: Path) -> None:
    table = toy_table().assign(Balance=lambda bank: bank["Balance"] - 300_000, Share=np.linspace(0.001, 0.002, 600))
    features = {feature.name: feature for feature in schema_of(drafted(written(table, tmp_path))).features}

    def bounds(name: str) -> tuple[float | None, float | None]:
        return features[name].minimum, features[name].maximum

    assert bounds("Age") == (9, 110)
    assert bounds("Tenure") == (0, 15)
    assert bounds("NumOfProducts") == (0, 6)
    assert bounds("Share") == (0.0005, 0.0025)
    low, high = bounds("Balance")
    assert low is not None
    assert -410_000 <= low <= -399_000
    assert high == 0


def test_the_draft_of_a_telco_table_names_columns_that_are_no_identifiers(tmp_path: Path) -> None:
    path = written(telco(), tmp_path)

    toml = drafted(path)
    schema, by_hand = schema_of(toml), schema_of(TELCO)

    assert doubts(toml) == []
    assert (schema.id_column, schema.label, schema.private) == (by_hand.id_column, by_hand.label, by_hand.private)
    assert {f.table_column: (f.kind, f.categories, f.missing) for f in schema.features} == {
        f.table_column: (f.kind, f.categories, f.missing) for f in by_hand.features
    }
    assert "Monthly_Charges" in schema.names
    assert SECRET not in toml
    assert len(read_table(path, schema, on_bad_rows="stop").y) == 600


def test_what_gives_the_label_away_dates_and_constants_are_no_features(tmp_path: Path) -> None:
    toml = drafted(written(credit_cards(), tmp_path))
    schema = schema_of(toml)

    assert schema.id_column == "CLIENTNUM"
    assert (schema.label.positive, schema.label.negative) == ("Attrited Customer", "Existing Customer")
    assert set(schema.ignored) == {"Classifier_Attrition", "Currency", "Opened"}
    assert "\"Classifier_Attrition\",  # it alone tells 'Attrition_Flag'" in toml
    assert schema.names == (
        *("Customer_Age", "Income_Category", "Months_Inactive_12_mon", "Total_Trans_Ct", "Avg_Utilization_Ratio"),
    )
    assert len(read_table(tmp_path / "table.csv", schema, on_bad_rows="stop").y) == 600


def test_what_cannot_be_guessed_must_be_decided(tmp_path: Path) -> None:
    table = toy_table().drop(columns=["CustomerId", "RowNumber", "Surname", "HasCrCard", "IsActiveMember", "Gender"])

    toml = drafted(written(table.assign(Exited=table["Exited"] + table["Age"] % 2), tmp_path))

    assert [line for line in toml.splitlines() if line.startswith("# DECIDE")] == [
        "# DECIDE: which column tells who left, and by which of its values?",
    ]
    assert "# DOUBT: no column differs for every customer, so each row is taken to be a customer of its own" in toml
    assert 'id = "(row number)"' in toml
    assert "# DOUBT: no column has the name of a label" in toml
    with pytest.raises(UserError, match="missing required field"):
        schema_of(toml)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"Exited": "closed_account"}, "the label was guessed by its name: 'closed_account'"),
        ({"Exited": "gone"}, "no column has the name of a label"),
        ({"CustomerId": "Reference"}, None),
        ({"CustomerId": "code_of_them"}, "the id was guessed: 'code_of_them' differs in every row"),
    ],
)
def test_guesses_by_weak_signs_are_doubts(changed: dict[str, str], expected: str | None, tmp_path: Path) -> None:
    table = toy_table()
    table["CustomerId"] = np.random.default_rng(0).permutation(np.arange(10_000, 10_600))

    toml = drafted(written(table.rename(columns=changed), tmp_path))

    assert (expected is None) or any(expected in doubt for doubt in doubts(toml))


def test_a_label_with_a_third_value_by_mistake_is_a_label(tmp_path: Path) -> None:
    table = telco().astype({"Churn": object})
    table.loc[:2, "Churn"] = "maybe"
    table.loc[5, "Churn"] = None

    toml = drafted(written(table, tmp_path))

    assert doubts(toml) == ["# DOUBT: 3 rows have a third value in 'Churn', and will be left out."]
    assert (schema_of(toml).label.positive, schema_of(toml).label.negative) == ("Yes", "No")
    assert read_table(tmp_path / "table.csv", schema_of(toml)).excluded == {"Churn": 4}


def test_the_draft_says_what_silence_means_and_how_it_means_no(tmp_path: Path) -> None:
    toml = drafted(written(telco(), tmp_path))
    assert schema_of(toml).label.absent == "unknown"
    comment = toml[toml.index("# What it means on the stream when no label comes") : toml.index('absent = "unknown"')]
    assert 'absent = "negative"' in comment
    # what the comment says to write is a schema
    chosen = schema_of(toml.replace('\nabsent = "unknown"', '\nabsent = "negative"\nhorizon = "30d"'))
    assert (chosen.label.absent, chosen.label.horizon_ms) == ("negative", 30 * 86_400_000)


def unmarked(toml: str) -> str:
    """A draft with the segments that it proposes."""
    return re.sub(r"^# (?=\[segments\.|bands = )", "", toml, flags=re.MULTILINE)


def test_the_draft_proposes_segments_which_are_none_before_their_marks_are_taken_out(tmp_path: Path) -> None:
    write_csv(tmp_path / "bank.csv", 3_000, seed=5)
    for table in (tmp_path / "bank.csv", written(telco(), tmp_path)):
        toml = drafted(table)
        assert schema_of(toml).segments == ()
        named, banded = schema_of(unmarked(toml)).segments
        assert named.categories
        assert len(banded.bands) == 3
        seen = pd.read_csv(table)[schema_of(toml).feature(banded.feature).table_column]
        assert seen.min() < banded.bands[0] < banded.bands[2] < seen.max()


def test_no_segments_are_proposed_where_no_feature_has_parts_to_speak_of(tmp_path: Path) -> None:
    table = toy_table()[["Exited"]].assign(n=np.arange(len(toy_table())) % 2, m=np.arange(len(toy_table())) % 3 // 2)
    assert "segments" not in drafted(written(table, tmp_path))


@pytest.mark.parametrize(
    ("stayed", "expected"),
    [
        (None, "'Exited' has one value, and is empty in 300 rows: if an empty cell means that a customer stayed"),
        ("yes", "'Exited' is the same in every row: training needs rows of customers who stayed, too"),
    ],
    ids=["empty cells", "positives only"],
)
def test_a_label_that_tells_only_who_left_gets_a_hint_and_is_no_feature(
    stayed: str | None, expected: str, tmp_path: Path
) -> None:
    table = toy_table().drop(columns=["HasCrCard", "IsActiveMember", "Gender"])
    table["Exited"] = ["yes", stayed] * 300

    toml = drafted(written(table, tmp_path))

    assert any(expected in doubt for doubt in doubts(toml))
    assert "# DECIDE: which column tells who left, and by which of its values?" in doubts(toml)
    assert "[features.Exited]" not in toml


def test_other_doubts_are_said(tmp_path: Path) -> None:
    table = toy_table().astype({"Balance": object})
    table.loc[:4, "Balance"] = "unknown"
    table.loc[:9, "Gender"] = "male"
    table.loc[20:22, "CustomerId"] = 7

    said = "\n".join(doubts(drafted(written(table, tmp_path))))

    assert "5 cells of 'Balance' are not numbers (or infinite), and their rows will be left out" in said
    assert "'Male' and 'male' of 'Gender' differ in case only" in said
    assert "some rows of 'CustomerId' repeat an id" in said
    assert "unknown" not in said


@pytest.mark.parametrize(
    ("values", "positive", "negative"),
    [
        (("Yes", "No"), "Yes", "No"),
        (("churned", "not churned"), "churned", "not churned"),
        (("Stayed", "Left"), "Left", "Stayed"),
        ((True, False), 1, 0),
        ((1.0, 0.0), 1, 0),
        (("A", "B"), "A", "B"),
    ],
)
def test_the_labels_words_are_understood(
    values: tuple[object, object], positive: object, negative: object, tmp_path: Path
) -> None:
    table = toy_table()
    rare = table["Age"] > 60
    left = next(value for value in values if value == positive)
    stayed = next(value for value in values if value != positive)
    table["Exited"] = [left if churned else stayed for churned in rare]

    toml = drafted(written(table, tmp_path))
    label = schema_of(toml).label

    assert (label.positive, label.negative) == (positive, negative)
    assert ("the rarer value" in toml) is ("A" in values)
    assert read_table(tmp_path / "table.csv", schema_of(toml)).y.tolist() == rare.astype(int).tolist()


@pytest.mark.parametrize(
    ("column", "private"),
    [
        *((name, True) for name in ("Surname", "Last Name", "lastName", "NAME", "customer_name", "E-Mail", "Phone No")),
        *((name, True) for name in ("HomeAddress", "date_dob", "FIRSTNAME")),
        *((name, False) for name in ("PlanName", "Branch", "Mailbox Size", "Telecom", "Namespace")),
    ],
)
def test_private_columns_are_known_by_their_names(column: str, private: bool, tmp_path: Path) -> None:
    table = toy_table().assign(**{column: [f"{SECRET}{number % 5}" for number in range(600)]})
    table = table if column == "Surname" else table.drop(columns="Surname")

    toml = drafted(written(table, tmp_path))

    assert (schema_of(toml).private == (column,)) is private
    assert (SECRET not in toml) is private


def test_e_mail_addresses_are_private_whatever_their_columns_name(tmp_path: Path) -> None:
    table = toy_table().assign(Contact=[f"{SECRET}{number}@example.org" for number in range(600)])

    toml = drafted(written(table, tmp_path))

    assert schema_of(toml).private == ("Surname", "Contact")
    assert SECRET not in toml


def test_names_that_toml_or_python_cannot_take_are_made_fit(tmp_path: Path) -> None:
    odd = ['a "b"', "2nd line", "class", "score", "größe", "a b", "a-b", "x²"]
    rng = np.random.default_rng(0)
    table = toy_table().assign(**{name: rng.normal(size=600) for name in odd})

    schema = schema_of(drafted(written(table, tmp_path)))

    columns = {feature.table_column: feature.name for feature in schema.features}
    assert [columns[name] for name in odd] == ["a_b", "n_2nd_line", "class_", "score_", "größe", "a_b_2", "a_b_3", "x"]
    assert len(read_table(tmp_path / "table.csv", schema, on_bad_rows="stop").y) == 600


def test_the_command_writes_the_draft_or_shows_it(tmp_path: Path) -> None:
    path, out = written(telco(), tmp_path), tmp_path / "telco.toml"
    command = ["data", "infer", str(path)]

    shown = CliRunner().invoke(app, command, catch_exceptions=False)
    done = CliRunner().invoke(app, [*command, "--out", str(out)], catch_exceptions=False)
    again = CliRunner().invoke(app, [*command, "--out", str(out)])

    assert (shown.exit_code, done.exit_code) == (0, 0)
    assert shown.stdout == out.read_text() == drafted(path).replace('"drafted"', '"table"')
    assert "7 features; doubts: 0" in done.stderr
    assert load_schema(str(out)).name == "table"
    assert "--force" in str(again.exception)
    assert CliRunner().invoke(app, [*command, "--out", str(out), "--force"]).exit_code == 0


def test_the_command_says_what_is_to_be_decided(tmp_path: Path) -> None:
    path = written(toy_table()[["Age", "Balance", "Geography"]], tmp_path)

    done = CliRunner().invoke(app, ["data", "infer", str(path)], catch_exceptions=False)

    assert done.exit_code == 0
    assert "decide: the draft has no [label]" in done.stderr


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "is empty"),
        ("a,b\n", "has no rows"),
        ("a,a\n1,2\n", "two columns 'a'"),
        ("a,b;c\n1,2;3\n", "do not show what separates its fields"),
    ],
)
def test_what_is_no_table_is_refused(content: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(content)

    with pytest.raises(UserError, match=expected):
        drafted(path)
