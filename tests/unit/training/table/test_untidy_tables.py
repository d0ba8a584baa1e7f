"""Every kind of untidy table trains on the same rows as the tidy one, and what was repaired is said."""

import re
from pathlib import Path

import pandas as pd
import pytest

from contract.schema import load_schema
from tests.support.tables.toy import SURNAME, toy_table
from tests.support.tables.untidy import UNTIDY
from training.table.prepare import read_table

SCHEMA = load_schema("bank_churn")


@pytest.mark.parametrize("kind", UNTIDY)
def test_an_untidy_table_is_read_as_the_tidy_one(kind: str, tmp_path: Path) -> None:
    write, repair = UNTIDY[kind]
    tidy = read_table(toy_table(), SCHEMA)
    path = write(toy_table(), tmp_path)

    read = read_table(path, SCHEMA, on_bad_rows="stop")

    pd.testing.assert_frame_equal(read.X, tidy.X)
    assert (read.y.tolist(), read.customers.tolist()) == (tidy.y.tolist(), tidy.customers.tolist())
    assert read.data_hash == tidy.data_hash
    said = "\n".join(read.repairs)
    assert re.search(repair, said) if repair else read.repairs == ()
    assert SURNAME not in said
