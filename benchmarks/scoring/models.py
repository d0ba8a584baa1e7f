"""The models that the scorer's benchmarks score with, trained here and registered in MLflow.

``CHAMPION`` is the model that ``churnstream train`` makes by itself, 200 trees of depth 4; ``LARGE`` has 300 of depth
5. Each has a registered name of its own, so that a worker is told by its name which to take.
"""

import json
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd

from contract.models.registry import load_registered, registry_client
from contract.schema import load_schema
from contract.settings import Settings
from training.kinds.kinds import XGBOOST
from training.train import train

CHAMPION, LARGE = "churn", "churn-300x5"
CHALLENGER_ALIAS = "challenger"
_SIZES: dict[str, dict[str, Any]] = {CHAMPION: {}, LARGE: {"n_estimators": 300, "max_depth": 5}}


def register(settings: Settings, table: pd.DataFrame, name: str) -> None:
    """Train and register one, as the champion of its name."""
    _train(settings, table, name, name, _SIZES[name])


def register_challenger(settings: Settings, table: pd.DataFrame) -> None:
    """Give ``LARGE``'s trees to a second version of the champion's name, as its challenger."""
    version = _train(settings, table, CHAMPION, "challenger", _SIZES[LARGE])
    registry_client(settings).set_registered_model_alias(CHAMPION, CHALLENGER_ALIAS, str(version))


def withdraw_challenger(settings: Settings) -> None:
    """The champion is alone again."""
    registry_client(settings).delete_registered_model_alias(CHAMPION, CHALLENGER_ALIAS)


def export(settings: Settings, folder: Path) -> Path:
    """``LARGE`` as programs without this product read it: a folder with XGBoost's own file and what its matrix is."""
    schema = load_schema(settings.dataset)
    wanted = settings.model_copy(update={"model_name": LARGE})
    registered = load_registered(wanted, 1, schema)
    pipeline: Any = registered.classifier
    calibration: dict[str, object] = {"method": "none"}
    if not hasattr(pipeline, "steps"):
        (inner,) = pipeline.calibrated_classifiers_
        (calibrator,) = inner.calibrators
        pipeline = inner.estimator
        calibration = (
            {"method": "sigmoid", "a": float(calibrator.a_), "b": float(calibrator.b_)}
            if inner.method == "sigmoid"
            else {
                "method": "isotonic",
                "x": calibrator.X_thresholds_.tolist(),
                "y": calibrator.y_thresholds_.tolist(),
            }
        )
    columns: list[dict[str, object]] = []
    for _, part, names in pipeline.steps[0][1].transformers_:
        categories = getattr(part, "categories_", None)
        for place, name in enumerate(names):
            found = None if categories is None else [str(each) for each in categories[place]]
            columns.append({"feature": str(name), "categories": found})
    folder.mkdir(parents=True, exist_ok=True)
    pipeline.steps[-1][1].get_booster().save_model(folder / "booster.ubj")
    (folder / "model.json").write_text(
        json.dumps({"columns": columns, "threshold": registered.card.threshold, "calibration": calibration}),
        encoding="utf-8",
    )
    return folder


def _train(settings: Settings, table: pd.DataFrame, name: str, title: str, size: dict[str, Any]) -> int:
    with patch.dict(XGBOOST, size), tempfile.TemporaryDirectory() as folder:
        named = settings.model_copy(update={"model_name": name})
        return train(named, table, name=title, split_dir=Path(folder)).version
