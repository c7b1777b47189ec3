"""Reads an outside file of predictions.

In: a CSV, TSV, JSONL, JSON or Parquet file with `index` or `item_id` and `prediction`. Out: its
rows, or one sentence that says which line or column is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from suite.base import row_files
from suite.errors import SuiteError

KEYS = ("item_id", "index")
TEXT = "prediction"


def read_rows(path: Path) -> list[Mapping[str, Any]]:
    """Gives the rows of a CSV, TSV, JSONL, JSON or Parquet file with a key and `prediction`.

    SuiteError when it cannot be read or lacks a column.
    """
    if not path.is_file():
        raise SuiteError(f"There is no file {path}: give a CSV, JSONL or Parquet of predictions.")
    try:
        if (suffix := path.suffix.lower()) not in row_files.SUFFIXES:
            known = "are not known; use .csv or .jsonl"
            raise ValueError(f"files that end in {suffix or 'nothing'} {known}")
        rows = row_files.read_rows(path, TEXT)
    except (ValueError, OSError) as error:
        raise SuiteError(f"The predictions in {path} cannot be read: {error}") from error
    if not rows:
        raise SuiteError(f"{path} holds no predictions: it needs a row per item.")
    columns = list(rows[0])
    if not keys_of(rows) or TEXT not in columns:
        raise SuiteError(
            f"{path} has the columns {', '.join(map(str, columns))}: it needs `index` or "
            f"`item_id`, and `{TEXT}`{_hint(columns)}."
        )
    return rows


def triples(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Gives (key column, key, text) per row."""
    key = keys_of(rows)[0]
    return [(key, key_text(row.get(key)), _text(row.get(TEXT))) for row in rows]


def keys_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Those of KEYS that the rows have, the one that counts first."""
    return [name for name in KEYS if name in rows[0]]


def _hint(columns: Sequence[str]) -> str:
    """What a header with another separator needs, for the end of a sentence."""
    for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        parts = {part.strip().strip('"') for part in str(columns[0]).split(mark)}
        if len(columns) == 1 and TEXT in parts and parts & set(KEYS):
            remedy = "name it .tsv" if mark == "\t" else "separate the columns with commas"
            return f"; they seem to be separated with {name}: {remedy}"
    return ""


def key_text(value: Any) -> str:
    """Gives a key as text; 3.0, which a table with a hole makes of 3, is 3."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    return text.removesuffix(".0") if text.removesuffix(".0").isdigit() else text


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)  # NaN is unequal to itself
