"""Tables as files: CSV, JSON and Parquet."""

from pathlib import Path

import pandas as pd

from contract.errors import UserError

_ISO = "%Y-%m-%dT%H:%M:%S.%fZ"


def as_csv(table: pd.DataFrame) -> str:
    """With a header; times in ISO 8601, UTC; what is not known is empty."""
    return table.to_csv(index=False, date_format=_ISO, lineterminator="\n")


def as_json(table: pd.DataFrame) -> str:
    """A list of objects, one a line; times in ISO 8601, UTC; what is not known is null."""
    # 15 digits are what a float has; pandas writes 10 unless told
    rows = table.to_json(orient="records", lines=True, date_format="iso", date_unit="ms", double_precision=15)
    lines = (rows or "").strip().splitlines()
    return "[" + ",\n".join(lines) + "]\n"


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Times are timestamps in ms, UTC.

    Raises:
        UserError: ``path`` is a folder.
        OSError: it cannot be written.
    """
    if path.is_dir():
        raise UserError(f"--parquet {path} is a folder; give the name of a file")
    table.to_parquet(path, index=False)
