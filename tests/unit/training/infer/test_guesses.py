"""Single guesses: one odd column beside a plain table, and what the draft makes of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from contract.schema import ROW_NUMBER
from tests.support.tables.own.variants import plain
from training.infer.columns import read_columns
from training.infer.draft import Draft
from training.infer.infer import infer

ROWS = 600
RNG = np.random.default_rng(7)
LEFT = plain(ROWS, np.random.default_rng(0))["churn"].to_numpy()


def drafted(folder: Path, *without: str, **more: Any) -> Draft:
    """The draft of a plain table without some columns, and with others."""
    frame = plain(ROWS, np.random.default_rng(0)).drop(columns=list(without)).assign(**more)
    frame.to_csv(folder / "table.csv", index=False)
    return infer(read_columns(folder / "table.csv"))


def said(draft: Draft) -> str:
    return "\n".join(draft.all_doubts)


def role(draft: Draft, column: str) -> str:
    """``private``, ``ignored``, ``id``, ``label`` or the feature's kind."""
    label = draft.label.column if draft.label else None
    roles = {draft.id_column: "id", label: "label", **dict.fromkeys(draft.private, "private")}
    roles |= dict.fromkeys((each.column for each in draft.ignored), "ignored")
    roles |= {each.feature.table_column: str(each.feature.kind) for each in draft.features}
    return roles[column]


def days(first: str, every: int = 90) -> "pd.Series[str]":
    return pd.Series(pd.Timestamp(first) + pd.to_timedelta(np.arange(ROWS) % every, unit="D")).dt.strftime("%Y-%m-%d")


@pytest.mark.parametrize(
    ("name", "values", "positive"),
    [
        ("Churn", ("True.", "False."), "True."),
        ("is_churned", (1, 0), 1),
        ("Kündigung", ("Ja", "Nein"), "Ja"),
        ("abandonó", ("sí", "no"), "sí"),
        ("Résilié", ("oui", "non"), "oui"),
        ("will_churn_30d", (1, 0), 1),
        ("retained", (0, 1), 0),
        ("customer_status", ("inactive", "active"), "inactive"),
    ],
)
def test_labels_are_known_in_several_languages(
    name: str, values: tuple[Any, Any], positive: Any, tmp_path: Path
) -> None:
    draft = drafted(tmp_path, "churn", **{name: np.where(LEFT == 1, *(np.array([each]) for each in values))})
    assert draft.label is not None
    assert (draft.label.column, draft.label.positive) == (name, positive)


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("churn_risk_segment", ("high", "low")),
        ("churn_flag", ("Y", "N")),
        ("left", (1, 0)),
        ("status", ("closed", "open")),
    ],
)
def test_the_exact_name_of_a_label_wins_wherever_it_stands(first: str, other: tuple[Any, Any], tmp_path: Path) -> None:
    frame = plain(ROWS, np.random.default_rng(0))
    frame.insert(0, first, RNG.choice(np.array(other, dtype=object), ROWS))
    frame.to_csv(tmp_path / "table.csv", index=False)
    draft = infer(read_columns(tmp_path / "table.csv"))
    assert (role(draft, "churn"), role(draft, first)) == ("label", "ignored")
    assert f"{first!r} has the name of a label" in said(draft)


def test_a_label_of_three_values_is_left_open_and_no_feature(tmp_path: Path) -> None:
    status = np.where(LEFT == 1, "Churned", RNG.choice(["Stayed", "Joined"], ROWS))
    draft = drafted(
        tmp_path, "churn", **{"Customer Status": status, "Churn Category": np.where(LEFT == 1, "Price", "")}
    )
    assert draft.open == ("[label]",)
    assert (role(draft, "Customer Status"), role(draft, "Churn Category")) == ("ignored", "ignored")
    assert "'Customer Status' mixes it with other things" in said(draft)


def test_numbers_other_than_1_and_0_are_a_doubtful_label(tmp_path: Path) -> None:
    draft = drafted(tmp_path, "churn", churn=LEFT + 1)
    assert draft.label is not None
    assert (draft.label.positive, draft.label.negative) == ("2", "1")
    assert "the rarer value of 'churn'" in said(draft)


@pytest.mark.parametrize(
    ("name", "ids", "doubt"),
    [
        ("customer", [f"c{number % 80}" for number in range(ROWS)], "80 customers have 600 rows"),
        ("msisdn", (np.arange(ROWS) % 150 + 491_700_000_000).tolist(), "150 customers have 600 rows"),
        ("N° client", list(range(5_000, 5_000 + ROWS)), None),
        ("uid", [f"{number * 7_919 % 104_729:08x}" for number in range(ROWS)], None),
        ("id", [10**17 + number for number in range(ROWS)], None),
        ("kd_nr", [f"{number:06d}" for number in range(ROWS)], None),
    ],
)
def test_ids_are_known_by_their_names_and_may_repeat(
    name: str, ids: list[Any], doubt: str | None, tmp_path: Path
) -> None:
    draft = drafted(tmp_path, "customer_id", **{name: ids, "obs_id": np.arange(ROWS) + 3})
    assert (role(draft, name), role(draft, "obs_id")) == ("id", "ignored")
    assert doubt is None or doubt in said(draft)


def test_what_is_private_is_no_id(tmp_path: Path) -> None:
    draft = drafted(tmp_path, "customer_id", email=[f"a{number}@example.org" for number in range(ROWS)])
    assert draft.id_column == ROW_NUMBER
    assert "'email' does, but it is private" in said(draft)


def test_a_row_number_that_two_rows_share_is_no_id(tmp_path: Path) -> None:
    numbers = np.arange(ROWS)
    numbers[-1] = numbers[-2]
    draft = drafted(tmp_path, "customer_id", customer=[f"c{number % 90}" for number in range(ROWS)], seq=numbers)
    assert (role(draft, "customer"), role(draft, "seq")) == ("id", "ignored")


@pytest.mark.parametrize(
    ("name", "cells", "expected"),
    [
        ("Latitude", lambda: RNG.uniform(32, 42, ROWS), "numeric"),
        ("phone_model", lambda: RNG.choice(["a", "b", "c"], ROWS), "categorical"),
        ("phone", lambda: RNG.integers(10**9, 9 * 10**9, ROWS), "private"),
        ("tel_contacts", lambda: RNG.poisson(3, ROWS), "ordinal"),
        ("voornaam", lambda: RNG.choice(["Sanne", "Daan", "Bram"], ROWS), "private"),
        ("client_ip", lambda: [f"10.0.{n // 250}.{n % 250}" for n in range(ROWS)], "private"),
        ("tax", lambda: [f"{n:03d}-12-{n + 1_000}" for n in range(ROWS)], "private"),
        ("Geburtsdatum", lambda: days("1970-01-01"), "private"),
        ("geburtsjahr", lambda: RNG.integers(1940, 2005, ROWS), "numeric"),
    ],
)
def test_personal_data_are_known_by_name_and_values(
    name: str, cells: Callable[[], Any], expected: str, tmp_path: Path
) -> None:
    draft = drafted(tmp_path, **{name: cells()})
    assert role(draft, name) == expected
    assert expected == "private" or repr(name) in said(draft)


@pytest.mark.parametrize(
    ("name", "cells", "expected"),
    [
        ("event_date", lambda: np.where(np.arange(ROWS) % 2, "2024-01-05", "05.02.2024"), "written in two ways"),
        ("event_date", lambda: [f"{n % 12 + 1:02d}/{n % 11 + 1:02d}/2024" for n in range(ROWS)], "--time-format"),
        ("month", lambda: np.where(np.arange(ROWS) % 2, "Jan", "Feb"), "has the name of a time"),
        ("Area code", lambda: RNG.choice([408, 415, 510], ROWS), "suggests a code"),
        ("cancelled_orders", lambda: RNG.poisson(2, ROWS), "could be a label's"),
        (
            "amount",
            lambda: np.where(RNG.random(ROWS) < 0.2, "none yet", RNG.uniform(0, 9, ROWS).round(3)),
            "not numbers",
        ),
        ("grade", lambda: RNG.choice(["A", "B", "-"], ROWS), "'-' is a category of 'grade'"),
        ("wait", lambda: np.where(RNG.random(ROWS) < 0.3, -1, RNG.integers(0, 40, ROWS)), "has -1 in"),
        ("flag", lambda: np.append(RNG.integers(0, 2, ROWS - 1), 99), "is a flag except for 1 cell"),
        ("debt", lambda: LEFT + RNG.normal(0, 0.31, ROWS), "alone tells most of 'churn'"),
        ("big", lambda: RNG.choice([1e39, 5.0, 6.5], ROWS), "are not numbers (or infinite)"),
    ],
)
def test_what_is_odd_is_doubted(name: str, cells: Callable[[], Any], expected: str, tmp_path: Path) -> None:
    draft = drafted(tmp_path, **{name: cells()})
    assert any(repr(name) in doubt and expected in doubt for doubt in draft.all_doubts)


def test_days_as_digits_are_the_rows_time_and_amounts_as_large_are_not(tmp_path: Path) -> None:
    draft = drafted(
        tmp_path, dt=days("2024-01-01").str.replace("-", ""), income=RNG.integers(36_600, 50_000, ROWS), churn=LEFT
    )
    assert draft.time == "dt"
    assert role(draft, "income") == "numeric"


def test_a_spreadsheets_days_are_a_time_where_the_name_says_so(tmp_path: Path) -> None:
    draft = drafted(tmp_path, As_Of=np.arange(ROWS) % 200 + 45_292)
    assert draft.time == "As_Of"
    assert "days as Excel counts them" in said(draft)


def test_a_time_at_which_all_labels_were_known_needs_no_horizon(tmp_path: Path) -> None:
    draft = drafted(tmp_path, scored_on=days("2024-01-01"), label_known_at=days("2024-06-01"))
    assert (draft.time, draft.label_time) == ("scored_on", "label_known_at")
    assert draft.times is not None
    assert draft.times.horizon_days is None


def test_a_contracts_dates_are_no_time_of_the_row(tmp_path: Path) -> None:
    draft = drafted(tmp_path, contract_start=days("2020-01-01"), contract_end=days("2026-01-01"))
    assert (draft.time, draft.label_time) == (None, None)
    assert "'contract_end' holds dates, which cannot be a feature" in said(draft)


@pytest.mark.parametrize("suffix", ["parquet", "xlsx"])
def test_typed_cells_are_read_as_text_is(suffix: str, tmp_path: Path) -> None:
    frame = plain(ROWS, np.random.default_rng(0))
    frame["active"] = frame["active"].astype(bool)
    frame["seen"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS), unit="h")
    frame.loc[::7, "spend"] = np.nan
    path = tmp_path / f"table.{suffix}"
    frame.to_parquet(path) if suffix == "parquet" else frame.to_excel(path, index=False)

    draft = infer(read_columns(path))

    assert [role(draft, column) for column in ("customer_id", "churn", "active", "age")] == [
        *("id", "label", "flag", "numeric"),
    ]
    assert draft.time == "seen"
    assert next(each.feature for each in draft.features if each.feature.name == "spend").missing
