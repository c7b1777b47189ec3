"""Rows of an outside file, each a key and a text: predictions, or texts that stand in for a model.

In: a JSON, JSONL, TSV, CSV or Parquet file. Out: its rows as they stand, or a ValueError that says
which line is wrong; whose file it is, its reader says.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

JSON_LINES = (".jsonl", ".ndjson")
SUFFIXES = (".parquet", ".csv", ".tsv", ".json", *JSON_LINES)


def read_rows(path: Path, text: str, *, bare: bool = False) -> list[Mapping[str, Any]]:
    """Reads the rows of a file; one that ends in none of SUFFIXES is read as a CSV.

    text: the column of the texts. An object of JSON is index -> text; `bare` takes a list of texts
    too, numbered from 0. In a table every value is a text. Raises ValueError or OSError where the
    file cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        rows: list[Mapping[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    if suffix == ".json" or suffix in JSON_LINES:
        content = path.read_text(encoding="utf-8-sig")
        return _lines(content, text) if suffix in JSON_LINES else _json(content, text, bare)
    return _table(path, "\t" if suffix == ".tsv" else ",")


def _json(content: str, text: str, bare: bool) -> list[Mapping[str, Any]]:
    found = json.loads(content)
    if isinstance(found, dict):
        return [{"index": key, text: value} for key, value in found.items()]
    if not isinstance(found, list):
        raise ValueError(f"it holds {found!r} and neither an object nor a list of rows")
    if bare:
        found = [r if isinstance(r, dict) else {"index": i, text: r} for i, r in enumerate(found)]
    return [_object(row, text) for row in found]


def _lines(content: str, text: str) -> list[Mapping[str, Any]]:
    """The objects of JSONL. Not by splitlines(): a text may hold other ends of lines (U+2028)."""
    rows = []
    for number, line in enumerate(content.split("\n"), 1):
        try:
            rows += [_object(json.loads(line), text)] if line.strip() else []
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number}, column {error.colno}: {error.msg}") from error
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return rows


def _object(row: Any, text: str) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise ValueError(f"a row is {row!r} and not an object with `index` and `{text}`")
    return row


def _table(path: Path, separator: str) -> list[Mapping[str, Any]]:
    """The rows of a CSV, each with a value per column; none of an empty file. Ends of lines are
    left to its reader: within quotes they are text, and what else Unicode counts as one (U+2028, a
    form feed) is text everywhere. Strict, because a lone quote makes one text of all that
    follows."""
    csv.field_size_limit(1 << 30)  # a model's reasoning may be longer than csv's default
    rows: list[Mapping[str, Any]] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=separator, strict=True)
        try:
            columns = next((row for row in reader if row), [])
            for name in columns:
                if columns.count(name) > 1:
                    raise ValueError(f"two of its columns are called {name!r}; rename one")
            for row in reader:
                if len(row) < 2 and not "".join(row).strip():
                    continue  # a blank line
                if len(row) != len(columns):
                    raise ValueError(
                        f"line {reader.line_num} has {len(row)} values and the header "
                        f"{len(columns)}; a text that holds {separator!r} needs quotes"
                    )
                rows.append(dict(zip(columns, row)))
        except csv.Error as error:
            raise ValueError(f"line {reader.line_num}: {error}") from error
    return rows
