from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from training.table.csv_files import write_csv

FLOATS = [
    *(0.0, -0.0, 1.0, -1.0, 663.0, 0.1, 0.1 + 0.2, 1 / 3, 100_000.0, 123_456.78, 2.0**53, 2.0**53 + 2, 1e15, 1e16),
    *(
        9999999999999998.0,
        1e17,
        1e22,
        1e23,
        1e-4,
        1e-5,
        1.5e-7,
        5e-324,
        2.2250738585072014e-308,
        1.7976931348623157e308,
    ),
    *(np.nan, -np.nan, np.inf, -np.inf, np.nextafter(1.0, 2.0), 299_792_458.000001),
]
NAMES = [
    *("France", "a,b", 'say "so"', '"', "two\nlines", "\r", "\r\n", " blank ", "", "nan", "None", "NA", "é", "日本"),
    *("'", "\t", "a;b", "1.0", "-0.0", "\\", "\x00\x01", "\u2028", None, np.nan, "#", "=1+1"),
]


def both(frame: pd.DataFrame, folder: Path) -> tuple[bytes, bytes]:
    write_csv(frame, folder / "ours.csv")
    frame.to_csv(folder / "theirs.csv", index=False)
    return (folder / "ours.csv").read_bytes(), (folder / "theirs.csv").read_bytes()


def drawn(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2**64, rows, dtype=np.uint64)
    return pd.DataFrame(
        {
            "any, number": bits.view(np.float64),
            "amount": rng.normal(0, 10.0 ** rng.integers(-8, 18, rows)).round(2),
            "whole": rng.integers(-5, 5, rows).astype(np.float64),
            "awkward": rng.choice(FLOATS, rows),
            'name "so"': np.array(NAMES, dtype=object)[rng.integers(0, len(NAMES), rows)],
        }
    )


@pytest.mark.parametrize("rows", [0, 1, 2, 997])
def test_the_bytes_are_those_of_pandas(tmp_path: Path, rows: int) -> None:
    for seed in range(20):
        ours, theirs = both(drawn(rows, seed), tmp_path)
        assert ours == theirs


def test_the_bytes_are_the_same_over_several_blocks(tmp_path: Path) -> None:
    ours, theirs = both(drawn(120_001, 7), tmp_path)

    assert ours == theirs


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"y": [0, 1, 1]}),
        pd.DataFrame({"X": [1.0, np.nan]}),
        pd.DataFrame({"X": np.array(["", None, "a"], dtype=object)}),
        pd.DataFrame({"X": [1, 2], "Z": [True, False]}),
        pd.DataFrame({"X": np.array([1.5, 2.25], dtype=np.float32), "Z": [1.0, 2.0]}),
    ],
)
def test_what_is_no_frame_of_features_is_written_as_pandas_writes_it(tmp_path: Path, frame: pd.DataFrame) -> None:
    ours, theirs = both(frame, tmp_path)

    assert ours == theirs
