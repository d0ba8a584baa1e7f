"""The reference sample: uniform over customers whatever order the table has, one row each, bounded."""

import io

import numpy as np
import pandas as pd

from training.registered.reference_file import MOST_ROWS, reference_bytes


def written(
    ages: list[float], customers: list[str], labels: list[int] | None = None, most_bytes: int = 2**23
) -> pd.DataFrame:
    X = pd.DataFrame({"Age": ages})
    y = np.array(labels or [0] * len(ages))
    scores = np.linspace(0, 1, len(ages))
    content = reference_bytes(X, y, scores, np.array(customers, dtype=object), most_bytes)
    assert len(content) <= most_bytes
    return pd.read_parquet(io.BytesIO(content))


def test_a_sorted_table_gives_the_sample_that_a_shuffled_one_gives() -> None:
    size = MOST_ROWS + 5_000
    ages = np.sort(np.random.default_rng(1).normal(40, 10, size))
    names = [f"c{i}" for i in range(size)]
    order = np.random.default_rng(2).permutation(size)
    frame = written(ages.tolist(), names)
    shuffled = written(ages[order].tolist(), [names[i] for i in order])
    assert list(frame.columns) == ["Age", "score", "label"]
    assert len(frame) == MOST_ROWS
    assert frame["Age"].tolist() == shuffled["Age"].tolist()
    # a head of it is as uniform: five standard errors of the mean of 2,000
    assert abs(frame["Age"].head(2_000).mean() - ages.mean()) < 5 * 10 / np.sqrt(2_000)


def test_both_labels_of_a_table_sorted_by_label_are_there() -> None:
    labels = [0] * 24_000 + [1] * 6_000
    frame = written([40.0] * 30_000, [str(i) for i in range(30_000)], labels)
    assert 0.18 < frame["label"].mean() < 0.22


def test_a_customer_of_many_rows_has_one_and_no_value_decides_which() -> None:
    names = [f"c{i}" for i in range(2_000) for _ in range(5)]
    frame = written([float(row) for _ in range(2_000) for row in range(5)], names)
    assert len(frame) == 2_000
    counts = frame["Age"].value_counts()
    assert len(counts) == 5
    assert counts.min() > 320


def test_a_wide_table_gives_fewer_rows_rather_than_a_larger_file() -> None:
    frame = written(np.random.default_rng(3).random(4_000).tolist(), [str(i) for i in range(4_000)], most_bytes=20_000)
    assert 100 < len(frame) < 2_000
