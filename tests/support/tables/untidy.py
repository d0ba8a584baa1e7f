"""Ways in which people have tables, each as a function that writes a tidy frame so; with what is said of its repair."""

import codecs
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

Writer = Callable[[pd.DataFrame, Path], Path]


def text(frame: pd.DataFrame, **options: object) -> str:
    """The frame as CSV."""
    made: str = frame.to_csv(index=False, **options)  # type: ignore[call-overload]
    return made


def _csv(content: str | bytes, folder: Path, suffix: str = "csv") -> Path:
    path = folder / f"untidy.{suffix}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _padded_cells(frame: pd.DataFrame, folder: Path) -> Path:
    return _csv(text(frame).replace(",", " , ").replace("\n", " \n"), folder)


def _padded_names(frame: pd.DataFrame, folder: Path) -> Path:
    return _csv(text(frame.rename(columns=lambda name: f" {name}\u00a0")), folder)


def _padded_quotes(frame: pd.DataFrame, folder: Path) -> Path:
    return _csv(text(frame, quoting=1).replace(',"', ', "'), folder)


def _blank_rows(frame: pd.DataFrame, folder: Path) -> Path:
    lines = text(frame).splitlines()
    lines[1:1], lines[7:7] = ["", " "], ["," * (len(frame.columns) - 1)]
    return _csv("\n".join(["", *lines, "", ""]), folder)


def _whole_floats(frame: pd.DataFrame, folder: Path) -> Path:
    return _csv(text(frame.astype({name: float for name in frame.columns if frame[name].dtype == np.int64})), folder)


def _whole_floats_with_decimal_comma(frame: pd.DataFrame, folder: Path) -> Path:
    floats = frame.astype({name: float for name in frame.columns if frame[name].dtype == np.int64})
    return _csv(text(floats, sep=";", decimal=","), folder)


def _truth_words(frame: pd.DataFrame, folder: Path) -> Path:
    return _csv(text(frame.astype(dict.fromkeys(("HasCrCard", "IsActiveMember", "Exited"), bool))), folder)


def _other_order(frame: pd.DataFrame, folder: Path) -> Path:
    return _csv(text(frame[list(reversed(frame.columns))]), folder)


def _unnamed_index(frame: pd.DataFrame, folder: Path) -> Path:
    return _csv(frame.to_csv(), folder)


def _excel(frame: pd.DataFrame, folder: Path) -> Path:
    path = folder / "untidy.xlsx"
    frame.to_excel(path, index=False)
    return path


def _excel_of_text(frame: pd.DataFrame, folder: Path) -> Path:
    return _excel(frame.astype(str), folder)


def _excel_with_gaps(frame: pd.DataFrame, folder: Path) -> Path:
    """Empty rows above, between and below, an empty column, and an empty second sheet."""
    spread = frame.astype(object).assign(**{" ": None})
    spread.loc[4.5] = [None] * len(spread.columns)
    path = folder / "untidy.xlsx"
    with pd.ExcelWriter(path) as writer:
        spread.sort_index().to_excel(writer, sheet_name="Customers", startrow=2, index=False)
        pd.DataFrame().to_excel(writer, sheet_name="Notes", index=False)
    return path


def _parquet_of_floats(frame: pd.DataFrame, folder: Path) -> Path:
    path = folder / "untidy.parquet"
    floats = frame.astype({name: float for name in frame.columns if frame[name].dtype == np.int64})
    floats.assign(Geography=floats["Geography"].astype("category")).to_parquet(path)
    return path


UNTIDY: dict[str, tuple[Writer, str | None]] = {
    "semicolons": (lambda frame, folder: _csv(text(frame, sep=";"), folder), "separated by semicolons"),
    "decimal commas": (lambda frame, folder: _csv(text(frame, sep=";", decimal=","), folder), "a decimal comma"),
    "quoted decimal commas": (lambda frame, folder: _csv(text(frame, decimal=","), folder), "a decimal comma"),
    "tabs": (lambda frame, folder: _csv(text(frame, sep="\t"), folder, "tsv"), "separated by tabs"),
    "pipes": (lambda frame, folder: _csv(text(frame, sep="|"), folder, "txt"), "separated by pipes"),
    "delimiter said": (
        lambda frame, folder: _csv("sep=;\r\n" + text(frame, sep=";"), folder),
        "separated by semicolons",
    ),
    "byte-order mark": (lambda frame, folder: _csv(codecs.BOM_UTF8 + text(frame).encode(), folder), None),
    "unicode text": (
        lambda frame, folder: _csv(text(frame, sep="\t", lineterminator="\r\n").encode("utf-16"), folder),
        "UTF-16",
    ),
    "CRLF": (lambda frame, folder: _csv(text(frame, lineterminator="\r\n"), folder), None),
    "CR": (lambda frame, folder: _csv(text(frame, lineterminator="\r"), folder), None),
    "all quoted": (lambda frame, folder: _csv(text(frame, quoting=1), folder), None),
    "padded cells": (_padded_cells, "blanks around cells are removed .*'Geography'"),
    "padded names": (_padded_names, "blanks around column names are removed .*'Age'"),
    "padded quotes": (_padded_quotes, "blanks around quotes"),
    "blank rows": (_blank_rows, r"blank rows are left out \(4\)"),
    "whole floats": (_whole_floats, "written as floats .*'CustomerId'.*'HasCrCard'.*'Exited'"),
    "whole floats, comma": (_whole_floats_with_decimal_comma, "written as floats .*'CustomerId'.*'Exited'"),
    "truth words": (_truth_words, "true and false are read as 1 and 0 .*'HasCrCard'.*'Exited'"),
    "other order": (_other_order, None),
    "unnamed index": (_unnamed_index, None),
    "excel": (_excel, None),
    "excel of text": (_excel_of_text, None),
    "excel with gaps": (_excel_with_gaps, r"blank rows are left out \(3\)"),
    "parquet of floats": (_parquet_of_floats, None),
}
