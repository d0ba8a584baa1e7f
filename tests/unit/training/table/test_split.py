import numpy as np
import numpy.typing as npt
import pytest

from contract.split.held_out import held_out
from training.table.split import folds

ROWS = 2_000
IDS = np.array([str(number) for number in range(ROWS)], dtype=object)
LABELS = (np.random.default_rng(0).random(ROWS) < 0.2).astype(np.int64)


def test_all_rows_of_a_customer_are_on_one_side_and_in_one_fold() -> None:
    ids = np.array([str(number // 2) for number in range(ROWS)], dtype=object)
    test = held_out(ids)
    assert not set(ids[test]) & set(ids[~test])
    assert 0.1 < test.mean() < 0.35
    for training, validation in folds(ids, LABELS, 0):
        assert not set(ids[training]) & set(ids[validation])


@pytest.mark.parametrize("ids", [IDS, np.array(["same", "same", *IDS[2:]], dtype=object)])
def test_folds_are_stratified_and_each_row_is_validated_once(ids: npt.NDArray[np.object_]) -> None:
    divided = folds(ids, LABELS, seed=3)
    assert sorted(np.concatenate([validation for _, validation in divided])) == list(range(ROWS))
    for training, validation in divided:
        assert not set(training) & set(validation)
        assert LABELS[validation].mean() == pytest.approx(LABELS.mean(), abs=0.01)
