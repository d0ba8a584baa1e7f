"""Metrics of a summary equal scikit-learn's on the same outcomes, and are None where they are undefined."""

import numpy as np
import pytest
from sklearn import metrics as sk

from contract.schema import parse_schema
from monitor.timeline.metrics import auc_bound, auc_error, performance
from monitor.timeline.sums import Sums
from producer.synthetic import TRUTH, SyntheticBank
from tests.support import one_by_one
from tests.support.sizes import size

SCHEMA = parse_schema(
    {"name": "t", "id": "Id", "label": {"column": "y"}, "features": {"Age": {"kind": "numeric", "missing": True}}}
)


def summarise(probability: np.ndarray, label: np.ndarray, threshold: float = 0.5, unlabelled: int = 0) -> Sums:
    summary = one_by_one.empty()
    predicted = (probability >= threshold).astype(int)
    for index, (p, guess, y) in enumerate(zip(probability.tolist(), predicted.tolist(), label.tolist(), strict=True)):
        one_by_one.add_prediction(summary, SCHEMA, p, guess, (None,))
        if index >= unlabelled:
            one_by_one.add_label(summary, p, guess, y, 0)
    return Sums.of(summary)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("decimals", [1, 6])
def test_metrics_equal_scikit_learn(seed: int, decimals: int) -> None:
    generator = np.random.default_rng(seed)
    p = generator.beta(1, 3, 400).round(decimals)
    y = generator.binomial(1, np.clip(p + 0.1, 0, 1))
    found = performance(summarise(p, y, 0.4, unlabelled=50))
    p, y = p[50:], y[50:]
    guess = p >= 0.4
    assert found.labelled == 350
    assert [found.tn, found.fp, found.fn, found.tp] == sk.confusion_matrix(y, guess).ravel().tolist()
    assert found.accuracy == pytest.approx(sk.accuracy_score(y, guess), abs=1e-12)
    assert found.precision == pytest.approx(sk.precision_score(y, guess), abs=1e-12)
    assert found.recall == pytest.approx(sk.recall_score(y, guess), abs=1e-12)
    assert found.f1 == pytest.approx(sk.f1_score(y, guess), abs=1e-12)
    bound = auc_bound(summarise(p, y).histogram)
    assert bound is not None
    assert found.roc_auc == pytest.approx(sk.roc_auc_score(y, p), abs=bound if decimals > 3 else 1e-12)
    assert found.brier == pytest.approx(sk.brier_score_loss(y, p), abs=1e-8)
    assert found.log_loss == pytest.approx(sk.log_loss(y, np.clip(p, 1e-15, 1 - 1e-15)), abs=1e-8)


@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_the_auc_errs_by_no_more_than_its_bound(scale: float) -> None:
    generator = np.random.default_rng(7)
    p = generator.beta(1, 3, 3_000) * scale
    y = generator.binomial(1, p / scale)
    sums = summarise(p, y)
    bound, found = auc_bound(sums.histogram), performance(sums).roc_auc
    assert bound is not None
    assert found is not None
    assert 0 < abs(found - sk.roc_auc_score(y, p)) <= bound
    assert scale < 1 or bound < 0.001


def test_on_a_thousand_records_of_the_bank_the_auc_is_within_the_bound_that_is_stated() -> None:
    chunk = next(iter(SyntheticBank(size(ci=20_000, full=400_000), 11, chunk_rows=400_000).chunks()))
    p, y = chunk[TRUTH].to_numpy(), chunk["Exited"].to_numpy()
    errors, z = [], []
    for first in range(0, len(p), 1_000):
        some = slice(first, first + 1_000)
        sums = summarise(p[some], y[some])
        found, error = performance(sums).roc_auc, auc_error(sums.histogram)
        assert found is not None
        assert error is not None
        errors.append(found - sk.roc_auc_score(y[some], p[some]))
        z.append(errors[-1] / error)
    assert max(map(abs, errors)) < 0.0005
    assert 0.5 < float(np.std(z)) < 1.5, "the standard error is that of the errors"


def test_undefined_metrics_are_none() -> None:
    nothing = performance(Sums.of(one_by_one.empty()))
    assert (nothing.accuracy, nothing.precision, nothing.recall, nothing.f1) == (None, None, None, None)
    assert (nothing.roc_auc, nothing.brier, nothing.log_loss) == (None, None, None)

    loyal = performance(summarise(np.array([0.1, 0.2]), np.array([0, 0])))
    assert (loyal.precision, loyal.recall, loyal.f1, loyal.roc_auc) == (None, None, None, None)
    assert loyal.accuracy == 1.0

    missed = performance(summarise(np.array([0.1, 0.2]), np.array([0, 1])))
    assert (missed.precision, missed.recall, missed.f1) == (None, 0.0, 0.0)
    assert performance(summarise(np.array([0.1, 0.2]), np.array([1, 1]))).roc_auc is None


def test_certain_and_wrong_has_a_finite_log_loss() -> None:
    found = performance(summarise(np.array([0.0, 1.0]), np.array([1, 0])))
    assert found.log_loss == pytest.approx(34.54, abs=0.01)
    assert found.roc_auc == 0.0
