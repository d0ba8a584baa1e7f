import numpy as np
import numpy.typing as npt
import pytest

from training.table.split import folds, held_out

ROWS = 2_000
IDS = np.array([str(number) for number in range(ROWS)], dtype=object)
LABELS = (np.random.default_rng(0).random(ROWS) < 0.2).astype(np.int64)


def test_15_percent_of_each_class_are_held_out() -> None:
    test = held_out(IDS, LABELS)
    for label in (0, 1):
        members = label == LABELS
        assert test[members].mean() == pytest.approx(0.15, abs=1 / members.sum())


def test_another_seed_holds_out_other_customers_as_chance_has_it() -> None:
    first, second = held_out(IDS, LABELS, seed=0), held_out(IDS, LABELS, seed=1)
    assert (held_out(IDS, LABELS, seed=1) == second).all()
    assert first.sum() == second.sum()
    assert (first & second).sum() == pytest.approx(0.15**2 * ROWS, abs=20)  # three standard deviations


def test_the_side_of_a_customer_does_not_depend_on_the_tables_order() -> None:
    order = np.random.default_rng(1).permutation(ROWS)
    assert (held_out(IDS[order], LABELS[order]) == held_out(IDS, LABELS)[order]).all()


def test_hardly_a_customer_changes_sides_when_the_table_grows() -> None:
    before, after = held_out(IDS[:1_000], LABELS[:1_000]), held_out(IDS, LABELS)[:1_000]
    assert (before != after).sum() <= 40


def test_all_rows_of_a_customer_are_on_one_side_and_in_one_fold() -> None:
    ids = np.array([str(number // 2) for number in range(ROWS)], dtype=object)
    test = held_out(ids, LABELS)
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
