"""The table that a retraining learns from, and what it is known by."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contract.errors import UserError
from contract.messages import ModelRef
from contract.schema import load_schema
from contract.settings import load_settings
from tests.support.messages import DAY, START
from tests.support.tables.toy import SURNAME, toy_table
from training.outcomes.reading import Offsets, Passage
from training.outcomes.rows import NO_LABEL, ScoredRecords
from training.registered import tags
from training.retrain.learning import LABEL_TIME_COLUMN, TIME_COLUMN, TIMES, frame_hash, stream_frame, table_frame
from training.retrain.lineage import LINEAGE_ARTIFACT, Lineage
from training.table.prepare import read_table

SCHEMA = load_schema("bank_churn")


def scored(rows: int = 400) -> ScoredRecords:
    """The toy table's customers, scored an hour apart; each eighth has no label."""
    table = toy_table(rows)
    times = START + np.arange(rows, dtype=np.int64) * DAY // 24
    labels = table.Exited.to_numpy(np.int8)
    labels[::8] = NO_LABEL
    X = table[list(SCHEMA.names)].astype(dict.fromkeys(SCHEMA.numeric, np.float64))
    return ScoredRecords(
        X=X,
        times=times,
        customers=table.CustomerId.astype(str).to_numpy(dtype=object),
        labels=labels,
        label_times=times + 2 * DAY,
        inferred=np.zeros(rows, dtype=bool),
        mature=np.ones(rows, dtype=bool),
        scores={ModelRef("churn", 3): np.full(rows, 0.5)},
    )


def test_the_streams_rows_are_read_back_as_what_they_were() -> None:
    records = scored()
    taken = records.usable
    read = read_table(stream_frame(records, taken, SCHEMA), TIMES.over(SCHEMA))

    pd.testing.assert_frame_equal(read.X, records.X[taken].reset_index(drop=True), check_dtype=False)
    assert read.y.tolist() == records.labels[taken].tolist()
    assert read.customers.tolist() == records.customers[taken].tolist()
    assert (read.excluded, read.repairs) == ({}, ())


def test_what_was_known_at_a_moment_can_be_told_from_the_frame() -> None:
    records = scored()
    frame = stream_frame(records, records.usable, SCHEMA)
    read = read_table(frame, TIMES.over(SCHEMA), until="2025-01-13")
    known = records.usable & (records.label_times < START + 12 * DAY)
    assert len(read.y) == known.sum() > 200


def test_a_tables_rows_lie_before_the_stream_unless_they_have_times(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    toy_table(250).to_csv(path, index=False)
    added = table_frame(path, SCHEMA, START)
    stream = stream_frame(scored(), scored().usable, SCHEMA)

    assert list(added.columns) == list(stream.columns)
    assert set(added[TIME_COLUMN]) == set(added[LABEL_TIME_COLUMN]) == {START - 1}
    assert not added.map(lambda cell: SURNAME in str(cell)).to_numpy().any()
    assert len(read_table(pd.concat([added, stream], ignore_index=True), TIMES.over(SCHEMA)).y) == 250 + 350


def test_a_dated_table_keeps_its_times_and_leaves_out_what_is_not_known_yet(tmp_path: Path) -> None:
    table = toy_table(250).assign(
        day=pd.date_range("2024-03-01", periods=250, freq="D").strftime("%Y-%m-%d"), closed="2024-12-31"
    )
    table.loc[:9, "closed"] = ""
    table.to_csv(tmp_path / "history.csv", index=False)
    schema = replace(TIMES, column="day", label_column="closed").over(SCHEMA)
    added = table_frame(tmp_path / "history.csv", schema, START)

    assert len(added) == 240
    assert added[TIME_COLUMN].iloc[0] == int(pd.Timestamp("2024-03-11", tz="UTC").timestamp()) * 1_000
    assert set(added[LABEL_TIME_COLUMN]) == {START - DAY}


def test_a_table_without_a_label_is_refused(tmp_path: Path) -> None:
    toy_table(250).assign(Exited="").to_csv(tmp_path / "unlabelled.csv", index=False)
    with pytest.raises(UserError, match="no row with a known label"):
        table_frame(tmp_path / "unlabelled.csv", SCHEMA, START)


def lineage(**changed: object) -> Lineage:
    passage = Passage("s1", None, None, 60 * DAY, (Offsets(0, 400),), (Offsets(0, 350),), (START + 90 * DAY,))
    made = Lineage(passage, START, START + DAY, 350, None, 0, "abc", "seed 42", ("it was asked for",), (3,))
    return replace(made, **changed)  # type: ignore[arg-type]


def test_a_lineage_is_known_again_by_its_rows_and_not_by_offsets_that_move_on() -> None:
    later = Passage("s1", None, None, 60 * DAY, (Offsets(10, 900),), (Offsets(0, 800),), (START + 91 * DAY,))
    assert lineage().hash == lineage(passage=later).hash == lineage(reasons=("drift",)).hash
    other = Passage("s2", None, None, 60 * DAY, (), (), ())
    hashes = {lineage(**one).hash for one in ({"rows_hash": "x"}, {"settings_text": "y"}, {"passage": other}, {})}
    assert len(hashes) == 4


def test_rows_are_known_by_every_cell_of_them() -> None:
    records = scored()
    frame = stream_frame(records, records.usable, SCHEMA)
    assert frame_hash(frame) == frame_hash(frame.copy())
    for column in frame.columns:
        changed = frame.copy()
        changed.loc[0, column] = changed.loc[frame.index[frame[column] != frame.loc[0, column]][0], column]
        assert frame_hash(changed) != frame_hash(frame), column


def test_a_version_says_where_it_came_from_in_tags_of_bounded_length() -> None:
    made = lineage(reasons=("because " * 200,)).provenance(load_settings(topic_prefix="cards-"))
    assert made.tags[tags.RETRAINED_TOPICS] == "cards-predictions,cards-outcomes"
    assert made.tags[tags.RETRAINED_UNTIL] == "2025-01-02T00:00:00.000+00:00"
    assert made.tags[tags.NEW_TO] == "3"
    assert max(map(len, made.tags.values())) <= 500
    assert b'"predictions": [' in made.files[LINEAGE_ARTIFACT]
