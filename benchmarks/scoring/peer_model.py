"""An exported model without this product: records as JSON in, the same records with their answers out.

Imported by the programs that score with other libraries, in environments of their own: needs XGBoost, numpy, orjson.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import xgboost


class PeerModel:
    """The trees of ``models.export`` and the matrix that they take."""

    def __init__(self, folder: Path) -> None:
        about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        self._threshold: float = about["threshold"]
        self._columns: list[tuple[str, list[str] | None]] = [
            (column["feature"], column["categories"]) for column in about["columns"]
        ]
        self._calibration: dict[str, Any] = about["calibration"]
        self._booster = xgboost.Booster(model_file=str(folder / "booster.ubj"))
        self._booster.set_param({"nthread": 1})

    def answers(self, records: list[Any]) -> list[bytes]:
        """Each decoded record with ``probability`` and ``predicted``, as JSON."""
        parts = []
        for feature, categories in self._columns:
            values = [record["features"][feature] for record in records]
            if categories is None:
                parts.append(np.array(values, dtype=np.float32)[:, None])
            else:
                codes = {name: place for place, name in enumerate(categories)}
                rows = np.eye(len(categories) + 1, len(categories), dtype=np.float32)
                parts.append(rows[[codes.get(value, len(categories)) for value in values]])
        found = self._calibrated(self._booster.inplace_predict(np.concatenate(parts, axis=1)).astype(np.float64))
        for record, probability in zip(records, found.tolist(), strict=True):
            record["probability"] = probability
            record["predicted"] = int(probability >= self._threshold)
        return [orjson.dumps(record) for record in records]

    def _calibrated(self, given: Any) -> Any:
        told = self._calibration
        if told["method"] == "sigmoid":
            return 1 / (1 + np.exp(told["a"] * given + told["b"]))
        return given if told["method"] == "none" else np.interp(given, told["x"], told["y"])

    def answer(self, value: bytes) -> bytes:
        """The same of one record's bytes."""
        return self.answers([orjson.loads(value)])[0]

    def answers_of(self, values: list[bytes]) -> list[bytes]:
        """The same of many, in one call of the model."""
        return self.answers([orjson.loads(value) for value in values])
