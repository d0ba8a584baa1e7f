import re

import numpy as np
import pandas as pd
import pytest

from contract.schema import Schema, load_schema, parse_schema
from tests.support.tables.toy import SURNAME, toy_table
from training.explore.explore import PAGE, render
from training.explore.figures import FEW_VALUES, MISSING, OTHERS, groups, pictures
from training.table.prepare import Table, read_table

SCHEMA = load_schema("bank_churn")


@pytest.fixture(scope="module")
def rows() -> Table:
    return read_table(toy_table(), SCHEMA)


@pytest.fixture(scope="module")
def files(rows: Table) -> dict[str, bytes]:
    return render(rows, SCHEMA, "customers.csv")[0]


def other_schema(**features: dict[str, object]) -> Schema:
    label = {"column": "Exited"}
    return parse_schema({"name": "t", "id": "CustomerId", "label": label, "private": ["Surname"], "features": features})


def many_names(rows: int = 600) -> Table:
    """A data set with more names than are drawn, one that is markup, gaps, and a value that half of the rows have."""
    table = toy_table(rows)
    rng = np.random.default_rng(0)
    table["Geography"] = rng.choice([f"<b>region {number}</b>" for number in range(40)], rows)
    table.loc[::10, "Geography"] = None
    table.loc[::2, "Balance"] = 0.0
    table.loc[1::10, "Balance"] = np.nan
    return read_table(table, MANY_NAMES)


MANY_NAMES = other_schema(
    Geography={
        "kind": "categorical",
        "categories": ["<b>region 7</b>"],
        "missing": True,
        "on_violation": "score",
    },
    Balance={"kind": "numeric", "missing": True},
    Tenure={"kind": "ordinal"},
)


def test_dollar_signs_and_markup_in_names_are_drawn_and_written_as_they_stand() -> None:
    odd = ["$\\frac{1}$", "a $x^$ b", "</script><svg/onload=x>", "$$", "\u202e_^{"]
    schema = other_schema(Geography={"kind": "categorical", "categories": odd[:2], "on_violation": "score"})
    table = toy_table(200)
    table["Geography"] = np.random.default_rng(0).choice(odd, 200)
    files, _ = render(read_table(table, schema), schema, "$\\frac{1}$<svg/onload=x>.csv")
    page = files[PAGE].decode()
    assert "<svg" not in page
    assert "&lt;svg/onload=x&gt;.csv" in page
    assert "$\\frac{1}$" in page


def test_every_feature_the_label_the_gaps_and_the_correlations_are_drawn(rows: Table) -> None:
    drawn = pictures(rows, SCHEMA)
    features = [f"feature-{name}.png" for name in SCHEMA.names]
    assert [picture.file for picture in drawn] == ["label.png", *features, "missing.png", "correlation.png"]
    for picture in drawn:
        assert picture.text
        assert picture.figure.axes[0].get_title(loc="left")
    for picture in drawn[1:-2]:
        customers, rate = picture.figure.axes
        assert customers.get_ylabel() == "customers"
        assert rate.get_ylabel() == "churn rate"
        assert rate.get_xlabel().startswith(picture.title.split(" ")[0])
        assert [text.get_text() for text in customers.get_legend().get_texts()] == ["stayed", "churned"]


@pytest.mark.parametrize("name", SCHEMA.names)
def test_each_row_is_in_one_group_and_the_bars_have_its_customers(rows: Table, name: str) -> None:
    parts = groups(SCHEMA.feature(name), rows.X[name])
    assert (sum(part.rows.astype(int) for part in parts) == 1).all()
    picture = next(picture for picture in pictures(rows, SCHEMA) if picture.file == f"feature-{name}.png")
    customers = picture.figure.axes[0]
    assert sum(bar.get_height() for bar in customers.patches) == len(rows.y)


def test_the_churn_rates_are_those_of_a_group_by(rows: Table) -> None:
    picture = next(picture for picture in pictures(rows, SCHEMA) if picture.file == "feature-Geography.png")
    points = picture.figure.axes[1].containers[0].lines[0].get_ydata()
    expected = pd.Series(rows.y).groupby(rows.X["Geography"]).mean()
    assert list(points) == pytest.approx(list(expected[["France", "Germany", "Spain"]]))


def test_names_beyond_the_commonest_are_put_together_and_gaps_stand_alone() -> None:
    table = many_names()
    parts = groups(MANY_NAMES.feature("Geography"), table.X["Geography"])
    titles = [part.title for part in parts]
    assert titles[0] == "<b>region 7</b>"  # those of the schema come first
    assert titles[-2:] == [OTHERS, MISSING]
    assert len(titles) == FEW_VALUES + 1
    assert (sum(part.rows.astype(int) for part in parts) == 1).all()
    assert parts[-1].rows.sum() == table.X["Geography"].isna().sum() == 60


def test_a_value_that_many_rows_have_is_a_group_of_its_own() -> None:
    table = many_names()
    parts = groups(MANY_NAMES.feature("Balance"), table.X["Balance"])
    assert [part.title for part in parts if part.rows.sum() == 300] == ["0"]
    assert parts[0].title == "0"
    assert parts[-1].title == MISSING
    sizes = [part.rows.sum() for part in parts[1:-1]]
    assert len(sizes) >= 4
    assert max(sizes) - min(sizes) <= 2


def test_a_name_that_reads_like_a_range_is_a_name_and_a_column_of_one_value_or_none_is_drawn() -> None:
    table = toy_table()
    table["Gender"] = np.where(table["Gender"] == "Male", "month to month", "a year")
    table["Balance"], table["CreditScore"] = np.nan, 600
    schema = other_schema(
        Gender={"kind": "categorical", "categories": ["month to month", "a year"]},
        Balance={"kind": "numeric", "missing": True},
        CreditScore={"kind": "numeric"},
    )
    drawn = {picture.file: picture for picture in pictures(read_table(table, schema), schema)}
    ticks = [tick.get_text() for tick in drawn["feature-Gender.png"].figure.axes[1].get_xticklabels()]
    assert ticks == ["month to month", "a year"]
    assert "Balance (missing)" in drawn["feature-Balance.png"].text
    assert "CreditScore 600" in drawn["feature-CreditScore.png"].text


def test_a_matrix_that_is_cut_says_so() -> None:
    table = toy_table(300)
    names = [f"number_{number}" for number in range(35)]
    for number, each in enumerate(names):
        table[each] = np.random.default_rng(number).random(300)
    schema = other_schema(**{each: {"kind": "numeric"} for each in names})
    assert "30 columns are drawn, 5 are not" in pictures(read_table(table, schema), schema)[-1].text


def test_gaps_and_excluded_rows_are_counted_in_the_picture() -> None:
    table = toy_table()
    table.loc[:4, "Age"] = 3
    bad = read_table(table, SCHEMA)
    picture = next(picture for picture in pictures(bad, SCHEMA) if picture.file == "missing.png")
    assert max(bar.get_width() for bar in picture.figure.axes[0].patches) == 5
    assert "5 of 600 rows are left out" in picture.text
    gaps = next(picture for picture in pictures(many_names(), MANY_NAMES) if picture.file == "missing.png")
    assert "Geography, Balance" in gaps.text


def test_the_page_has_all_pictures_in_it_and_takes_nothing_from_anywhere(files: dict[str, bytes]) -> None:
    page = files[PAGE].decode()
    assert len(re.findall(r"<img src='data:image/png;base64,", page)) == len(files) - 1
    assert len(re.findall(r"<img ", page)) == len(files) - 1
    assert not re.search(r"https?:|<script|<link|@import|url\(", page)


def test_no_surname_and_no_id_is_in_any_file(files: dict[str, bytes]) -> None:
    for name, content in files.items():
        assert SURNAME.encode() not in content, name
        assert b"Surname" not in content, name
        assert b"CustomerId" not in content, name


def test_what_is_markup_in_a_table_is_text_on_the_page() -> None:
    table = many_names()
    table.y[(table.X["Geography"] == "<b>region 7</b>").to_numpy()] = 1  # so that it is named
    page = render(table, MANY_NAMES, "<i>customers</i>")[0][PAGE].decode()
    assert "<b>" not in page
    assert "<i>" not in page
    assert "&lt;b&gt;region 7" in page


def test_the_same_table_gives_the_same_bytes(rows: Table, files: dict[str, bytes]) -> None:
    assert render(rows, SCHEMA, "customers.csv")[0] == files
