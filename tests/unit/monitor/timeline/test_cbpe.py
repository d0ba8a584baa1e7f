"""The estimate from a model's own probabilities is NannyML's CBPE, where both mean the same.

It is held against the formulas as they are published, written down here once more, and against NannyML itself where
``CHURNSTREAM_NANNYML`` names an interpreter of an environment that has it.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contract.panes import SCORE_BINS
from contract.windows import Estimated
from tests.support.estimates import plain_estimate
from tests.support.paths import ROOT
from tests.support.scores import draw_scores

NANNYML = os.environ.get("CHURNSTREAM_NANNYML")
THRESHOLD = 0.31


def published(p: np.ndarray) -> dict[str, float]:
    """NannyML, "How it works: Estimation of Performance of the Monitored Model", CBPE for binary classification."""
    said = p >= THRESHOLD
    tp, fp = p[said].sum(), (1 - p[said]).sum()
    fn, tn = p[~said].sum(), (1 - p[~said]).sum()
    order = np.argsort(-p)
    true_positive_rate, false_positive_rate = (
        np.concatenate([[0], np.cumsum(part)]) / part.sum() for part in (p[order], 1 - p[order])
    )
    return {
        "accuracy": (tp + tn) / len(p),
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "roc_auc": np.trapezoid(true_positive_rate, false_positive_rate),
    }


def by_nannyml(p: np.ndarray, folder: Path) -> dict[str, float]:
    frame = pd.DataFrame({"score": p, "prediction": (p >= THRESHOLD).astype(int)})
    for name in ("reference", "windows"):
        frame.to_csv(folder / f"{name}.csv", index=False, float_format="%.17g")
    command = [str(NANNYML), str(ROOT / "benchmarks" / "peer_libraries.py"), "formulas", str(folder)]
    silent = os.environ | {"NML_DISABLE_USAGE_LOGGING": "1"}
    answer = subprocess.run(command, check=True, capture_output=True, text=True, env=silent)
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])[0]
    return found


def agrees(found: Estimated, other: dict[str, float], p: np.ndarray) -> None:
    for name in ("accuracy", "precision", "recall", "f1"):
        assert getattr(found, name).value == pytest.approx(other[name], abs=1e-9), name
    # the published AUC counts each record's pair with itself, half won; that apart it is the same, and NannyML rounds
    assert found.roc_auc is not None
    itself, all_pairs = (p * (1 - p)).sum(), p.sum() * (1 - p).sum()
    with_itself = (found.roc_auc.value * (all_pairs - itself) + itself / 2) / all_pairs
    assert with_itself == pytest.approx(other["roc_auc"], abs=1e-7)


def scores_of_bins(records: int) -> np.ndarray:
    """Scores in the middle of bins, no two alike, so that an AUC off bins is exact."""
    rng = np.random.default_rng(records)
    return np.sort((rng.permutation(SCORE_BINS)[:records] + 0.5) / SCORE_BINS)


@pytest.mark.parametrize("records", [50, 900])
def test_it_is_the_published_formula(records: int) -> None:
    p = scores_of_bins(records)
    agrees(plain_estimate(p, THRESHOLD)[0], published(p), p)


def test_it_is_so_for_any_scores_but_for_the_bins_of_the_auc() -> None:
    p = draw_scores(np.random.default_rng(2), 5_000)
    found, other = plain_estimate(p, THRESHOLD)[0], published(p)
    for name in ("accuracy", "precision", "recall", "f1"):
        assert getattr(found, name).value == pytest.approx(other[name], abs=1e-9), name
    assert found.roc_auc is not None
    assert found.roc_auc.value == pytest.approx(other["roc_auc"], abs=5e-4)


@pytest.mark.skipif(NANNYML is None, reason="CHURNSTREAM_NANNYML names no interpreter that has NannyML")
@pytest.mark.parametrize("records", [50, 900])
def test_it_is_nannymls_own(records: int, tmp_path: Path) -> None:
    p = scores_of_bins(records)
    agrees(plain_estimate(p, THRESHOLD)[0], by_nannyml(p, tmp_path), p)
