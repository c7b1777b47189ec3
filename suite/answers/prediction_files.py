"""Reads an outside file of predictions.

In: a CSV, TSV, JSONL, JSON or Parquet file with `index` or `item_id` and `prediction`. Out: its
rows, or one sentence that says which line or column is wrong.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from suite.errors import SuiteError

KEYS = ("item_id", "index")
TEXT = "prediction"


def read_rows(path: Path) -> list[Mapping[str, Any]]:
    """The rows of a CSV, TSV, JSONL, JSON or Parquet file with a key and `prediction`.

    SuiteError when it cannot be read or lacks a column.
    """
    if not path.is_file():
        raise SuiteError(f"There is no file {path}: give a CSV, JSONL or Parquet of predictions.")
    try:
        rows = list(_rows(path))
    except (ValueError, OSError, csv.Error) as error:
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


def read_predictions(path: Path) -> list[tuple[str, str, str]]:
    """(key column, key, text) per row of a file of predictions."""
    return triples(read_rows(path))


def triples(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """(key column, key, text) per row."""
    key = keys_of(rows)[0]
    return [(key, key_text(row.get(key)), _text(row.get(TEXT))) for row in rows]


def keys_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Those of KEYS that the rows have, the one that counts first."""
    return [name for name in KEYS if name in rows[0]]


def _rows(path: Path) -> Iterable[Mapping[str, Any]]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    if suffix in {".csv", ".tsv"}:
        return _table(path, "\t" if suffix == ".tsv" else ",")
    text = path.read_text(encoding="utf-8-sig")
    if suffix == ".jsonl":
        lines = enumerate(text.split("\n"), 1)  # a text may hold other ends of lines
        return [_line(line, number) for number, line in lines if line.strip()]
    if suffix == ".json":
        content = json.loads(text)
        if isinstance(content, dict):
            return [{"index": key, TEXT: value} for key, value in content.items()]
        if not isinstance(content, list):
            raise ValueError(f"it holds {content!r} and neither an object nor a list of rows")
        return [_object(row) for row in content]
    raise ValueError(f"files that end in {suffix or 'nothing'} are not known; use .csv or .jsonl")


def _table(path: Path, separator: str) -> Iterable[Mapping[str, Any]]:
    """The rows of a CSV. Ends of lines are left to its reader: within quotes they are text, and
    what else Unicode counts as one (U+2028, a form feed) is text everywhere."""
    csv.field_size_limit(1 << 30)  # a model's reasoning may be longer than csv's default
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=separator))


def _hint(columns: Sequence[str]) -> str:
    """What a header with another separator needs, for the end of a sentence."""
    for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        parts = {part.strip().strip('"') for part in str(columns[0]).split(mark)}
        if len(columns) == 1 and TEXT in parts and parts & set(KEYS):
            remedy = "name it .tsv" if mark == "\t" else "separate the columns with commas"
            return f"; they seem to be separated with {name}: {remedy}"
    return ""


def _line(line: str, number: int) -> Mapping[str, Any]:
    """The object on a line of JSONL; ValueError names the line of the file."""
    try:
        return _object(json.loads(line))
    except json.JSONDecodeError as error:
        raise ValueError(f"line {number}, column {error.colno}: {error.msg}") from error
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from error


def _object(row: Any) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise ValueError(f"a row is {row!r} and not an object with `index` and `{TEXT}`")
    return row


def key_text(value: Any) -> str:
    """A key as text; 3.0, which a table with a hole makes of 3, is 3."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    return text.removesuffix(".0") if text.removesuffix(".0").isdigit() else text


def _text(value: Any) -> str:
    return "" if value is None or value != value else str(value)  # NaN is unequal to itself
