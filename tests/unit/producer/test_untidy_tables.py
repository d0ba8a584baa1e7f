"""Every kind of untidy table is replayed as the tidy one, chunk by chunk, and what was repaired is said."""

import re
from pathlib import Path

import pandas as pd
import pytest

from contract.schema import load_schema
from producer.scenario import Scenario
from producer.sources import open_table
from producer.stream import stream
from tests.support.tables.untidy import UNTIDY
from tests.unit.producer.tables import SURNAME, csv, table

SCHEMA = load_schema("bank_churn")


@pytest.mark.parametrize("kind", UNTIDY)
def test_an_untidy_table_is_replayed_as_the_tidy_one(kind: str, tmp_path: Path) -> None:
    write, repair = UNTIDY[kind]
    tidy = open_table(csv(tmp_path, table(30)), SCHEMA)
    untidy = open_table(write(table(30), tmp_path), SCHEMA, chunk_rows=7)

    pd.testing.assert_frame_equal(pd.concat(untidy.chunks(), ignore_index=True), next(tidy.chunks()))
    assert [len(chunk) for chunk in untidy.chunks()] == [7, 7, 7, 7, 2]
    assert list(stream(untidy, Scenario(), "t")) == list(stream(tidy, Scenario(), "t"))
    said = "\n".join(untidy.repairs)
    assert re.search(repair, said) if repair else untidy.repairs == ()
    assert SURNAME not in said
