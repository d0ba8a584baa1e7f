"""What a version stores of its held-out rows goes through a Parquet file and back, or is found to be missing."""

import io

import msgspec
import numpy as np
import pandas as pd
import pytest

from contract.models.calibration import CalibrationBins, attach_calibration, attached_calibration

MOST_BYTES = 50_000


def through_a_file(frame: pd.DataFrame) -> pd.DataFrame:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    assert len(buffer.getvalue()) < MOST_BYTES
    return pd.read_parquet(io.BytesIO(buffer.getvalue()))


def test_counts_go_through_a_file_and_through_what_is_done_with_the_table() -> None:
    rng = np.random.default_rng(1)
    scores, labels = np.append(rng.random(100_000), [0.0, 1.0]), np.append(rng.integers(0, 2, 100_000), [1, 0])
    counted = CalibrationBins.of(scores, labels)
    assert sum(counted.positives) == labels.sum()
    assert sum(counted.negatives) == (1 - labels).sum()
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [1, 2, 3]})
    attach_calibration(frame, counted)
    assert attached_calibration(through_a_file(frame)[["a"]].astype("float64")) == counted


@pytest.mark.parametrize(
    "changed",
    [{"bins": (0, 1_000)}, {"bins": (0,)}, {"positives": (0, -1)}, {"bins": (), "negatives": (), "positives": ()}],
)
def test_what_cannot_be_used_is_as_if_it_were_not_there(changed: dict[str, tuple[int, ...]]) -> None:
    sound = CalibrationBins(bins=(0, 999), negatives=(3, 0), positives=(0, 4))
    frame = pd.DataFrame({"a": [1]})
    attach_calibration(frame, sound)
    assert attached_calibration(frame) == sound
    attach_calibration(frame, msgspec.structs.replace(sound, **changed))
    assert attached_calibration(frame) is None


def test_a_table_of_an_earlier_release_has_none() -> None:
    assert attached_calibration(through_a_file(pd.DataFrame({"a": [1]}))) is None
