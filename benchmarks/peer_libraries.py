"""What NannyML and alibi-detect say of the windows in a folder; run by the benchmarks in their own environment.

    python peer_libraries.py nannyml|alibi|cbpe FOLDER CATEGORICAL...

The folder has ``reference.csv`` and ``windows.csv``, whose ``_window`` numbers the windows. The last line
printed is a JSON list with a verdict a window, or with its estimates. FOLDER may be ``-``; then each line of the input
names one, and the answer to each is a line that begins with ``answer``. Needs nothing of this product.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd


def nannyml(reference: pd.DataFrame, windows: pd.DataFrame, categorical: list[str]) -> list[bool]:
    """``UnivariateDriftCalculator`` as it comes, chunks of a window's size: any column's alert."""
    from nannyml import UnivariateDriftCalculator

    columns = [name for name in reference.columns if name != "_window"]
    size = int((windows["_window"] == 0).sum())
    calculator = UnivariateDriftCalculator(column_names=columns, treat_as_categorical=categorical, chunk_size=size).fit(
        reference
    )
    found = calculator.calculate(windows[columns]).filter(period="analysis").to_df()
    alerts = found.loc[:, [column for column in found.columns if column[-1] == "alert"]]
    return [bool(each) for each in alerts.to_numpy(dtype=bool).any(axis=1)]


def alibi(reference: pd.DataFrame, windows: pd.DataFrame, categorical: list[str]) -> list[bool]:
    """``TabularDrift`` at its 0.05 with its Bonferroni correction."""
    from alibi_detect.cd import TabularDrift

    both = pd.concat([reference, windows.drop(columns="_window")])
    for name in categorical:
        both[name] = pd.factorize(both[name])[0]
    numbers = both.to_numpy(dtype=np.float64)
    places = [list(both.columns).index(name) for name in categorical]
    detector = TabularDrift(numbers[: len(reference)], p_val=0.05, categories_per_feature=dict.fromkeys(places) or None)
    found = []
    now = numbers[len(reference) :]
    for number in range(int(windows["_window"].max()) + 1):
        answer = detector.predict(now[(windows["_window"] == number).to_numpy()])
        found.append(bool(answer["data"]["is_drift"]))
    return found


def cbpe(reference: pd.DataFrame, windows: pd.DataFrame, _categorical: list[str]) -> list[dict[str, list[float]]]:
    """``CBPE`` as it comes: by metric value and ends at 95 %, from its sampling error. It has no Brier score."""
    from nannyml import CBPE

    names = {"accuracy": "accuracy", "f1": "f1", "roc_auc": "roc_auc"}
    calculator = CBPE(
        y_pred_proba="score",
        y_pred="prediction",
        y_true="label",
        problem_type="classification_binary",
        metrics=list(names),
        chunk_size=int((windows["_window"] == 0).sum()),
    ).fit(reference)
    found = calculator.estimate(windows[["score", "prediction"]]).filter(period="analysis").to_df()
    values = {name: found[name]["value"].to_numpy(np.float64) for name in names}
    reach = {name: 1.96 * found[name]["sampling_error"].to_numpy(np.float64) for name in names}
    return [
        {
            name: [values[name][at], values[name][at] - reach[name][at], values[name][at] + reach[name][at]]
            for name in names
        }
        for at in range(len(found))
    ]


def formulas(reference: pd.DataFrame, _windows: pd.DataFrame, _categorical: list[str]) -> list[dict[str, float]]:
    """Its formulas alone, of all of ``reference``, whose scores are taken at their word."""
    from nannyml.performance_estimation.confidence_based import metrics

    score, said = reference["score"].to_numpy(), reference["prediction"].to_numpy()
    return [
        {
            "accuracy": float(metrics.estimate_accuracy(said, score)),
            "precision": float(metrics.estimate_precision(said, score)),
            "recall": float(metrics.estimate_recall(said, score)),
            "f1": float(metrics.estimate_f1(said, score)),
            "roc_auc": float(metrics.estimate_roc_auc(score, score)),
        }
    ]


def main() -> None:
    name, folder, *categorical = sys.argv[1:]
    peer = {"nannyml": nannyml, "alibi": alibi, "cbpe": cbpe, "formulas": formulas}[name]
    for each in (line.rstrip("\n") for line in sys.stdin) if folder == "-" else [folder]:
        reference = pd.read_csv(Path(each) / "reference.csv")
        windows = pd.read_csv(Path(each) / "windows.csv")
        answer = json.dumps(peer(reference, windows, categorical))
        # a library may have left a line unfinished
        print(f"\nanswer {answer}" if folder == "-" else answer, flush=True)


if __name__ == "__main__":
    main()
