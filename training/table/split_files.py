"""The split as files: what was trained on and what was held out, for whoever wants to check or reproduce it.

A crash leaves at worst some of the files; ``split.json`` is written last, so where it is, all are.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from contract.arrays import Mask
from contract.errors import UserError
from contract.schema import Schema
from training.table.csv_files import write_csv
from training.table.division import Division, Sides
from training.table.prepare import hash_data, inside, outside

SPLIT_FOLDER = "split"
"""Artifact folder of a run that holds the files."""
SPLIT_FILE = "split.json"
LEARNED_FROM = "X_train.parquet"
SPLIT_FILES = (
    *(f"{side}_{part}.{kind}" for side in "Xy" for part in ("train", "test") for kind in ("csv", "parquet")),
    SPLIT_FILE,
)


def split_hash(data_hash: str, sides: Sides | Mask) -> str:
    """SHA-256 (hex) of the data's hash and of each row's side, one byte each: 1 for those that are held out."""
    return hashlib.sha256(data_hash.encode() + b"\n" + sides.astype(np.uint8).tobytes()).hexdigest()


def write_split(folder: Path, division: Division, schema: Schema) -> str:
    """Write ``X_train``, ``X_test``, ``y_train`` and ``y_test`` as CSV and Parquet into ``folder``; return the hash.

    Rows stand in the table's order, without the customers' ids; X has the features in schema order, y the label as 0
    and 1. ``split.json`` has hashes, counts, how rows were divided, what was repaired and the rows left out.

    Raises:
        UserError: the folder cannot be written.
    """
    rows, test = division.rows, division.test
    made = split_hash(rows.data_hash, division.sides)
    description: dict[str, object] = {
        "schema": f"{schema.name} v{schema.version}",
        "split": division.split,
        "seed": division.seed if division.split == "customer" else None,
        "divided": division.said,
        "data_hash": rows.data_hash,
        "split_hash": made,
        "rows_read": rows.rows_read,
        "excluded": rows.excluded,
        "duplicate_ids": rows.duplicates,
        "repairs": list(rows.repairs),
        "bad_rows": [asdict(bad) for bad in rows.bad_rows],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part, (X, y) in (("train", outside(rows, test)), ("test", inside(rows, test))):
            description[part] = {"rows": len(y), "positives": int(y.sum()), "hash": hash_data(X, y, schema)}
            _write(folder, f"X_{part}", X)
            _write(folder, f"y_{part}", pd.DataFrame({schema.label.column: y}))
        (folder / SPLIT_FILE).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"the split cannot be written to {folder} ({error.strerror}); give another folder with --split-dir"
        ) from None
    return made


def _write(folder: Path, name: str, frame: pd.DataFrame) -> None:
    write_csv(frame, folder / f"{name}.csv")
    frame.to_parquet(folder / f"{name}.parquet", index=False)
