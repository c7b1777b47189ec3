"""A key and a text a row: predictions, or texts that stand in for a model.

In: a file of rows with `item_id` or `index` and a column of texts. Out: what stands in each row, or
a SuiteError that names file and place. Also the one reading of keys: 3, "3" and 3.0 are one item,
"03" is another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from suite.base.row_files import Number, Row, read_rows
from suite.errors import SuiteError, reason_of, shown

KEYS = ("item_id", "index")
"""Columns that may hold the key, the one that counts first."""

_WHOLE = re.compile(r"(-?(?:0|[1-9]\d*))\.0+")

T = TypeVar("T")


class KeyedText(NamedTuple):
    """What a row says of an item."""

    column: str
    """Which of KEYS holds the key."""
    key: str
    text: str | None
    """None where the row has none: null, NaN, an absent key, a blank cell of a table."""
    place: str = ""
    """Where the row stands in its file."""
    cells: Mapping[str, Any] = {}


def read_texts(path: Path, column: str, what: str, *, bare: bool = False) -> list[KeyedText]:
    """Reads a CSV, TSV, JSONL, JSON or Parquet file whose texts stand in `column`.

    what: how errors call the texts. `bare` takes a list of texts too, whose keys are their numbers.
    SuiteError when the file cannot be read, holds no text, or a row has no key.
    """
    if not path.exists():
        raise SuiteError(f"There is no file {path}: give a CSV, JSONL or Parquet of {what}.")
    try:
        rows = read_rows(path, column, bare=bare)
        if not rows:
            raise ValueError(f"it holds no {what}, and needs a row per item")
        _check_columns(rows, column)
        found = [_keyed(row, column) for row in rows]
        if all(row.text is None for row in found):
            raise ValueError(f"its `{column}` is empty in every row")
    except (ValueError, OSError) as error:
        raise SuiteError(f"The {what} in {path} cannot be read: {reason_of(error)}.") from error
    return found


def _keyed(row: Row, column: str) -> KeyedText:
    for name in KEYS:
        value = row.cells.get(name)
        if isinstance(value, (bool, list, dict, bytes)):
            raise ValueError(
                f"{row.place}: its `{name}` is {shown(value)} and not a text or number"
            )
        if (key := key_text(value)) is not None:
            text = _written(row.cells.get(column), f"{row.place}: its `{column}`")
            return KeyedText(name, key, text, row.place, row.cells)
    raise ValueError(f"{row.place} has neither `item_id` nor `index`")


def _check_columns(rows: Sequence[Row], column: str) -> None:
    columns = list(dict.fromkeys(name for row in rows for name in row.cells))
    if column not in columns or not set(KEYS) & set(columns):
        raise ValueError(
            f"it has the columns {', '.join(columns) or 'none'}, and needs `index` or `item_id`, "
            f"and `{column}`"
        )
    for name in columns:
        first = re.sub(r"\.\d+$|_duplicated_\d+$", "", name)
        if first != name and first in (*KEYS, column) and first in columns:
            raise ValueError(
                f"its column {name!r} is a second {first!r}, as pandas, R and Polars call one; "
                "leave out the one that is not meant"
            )


def _written(value: Any, what: str) -> str | None:
    if value is None or value != value:  # NaN is unequal to itself
        return None
    if isinstance(value, bool):
        return str(value).lower()  # as JSON writes it
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ValueError(f"{what} is {shown(value)} and not a text")


# --- keys -----------------------------------------------------------------------------------


def key_text(value: Any) -> str | None:
    """Gives a key as text, None where there is none; the number 3.0, which a table with a hole
    makes of 3, is 3."""
    if value is None or value != value:
        return None
    text = str(value).strip()
    return (whole_number(text) if isinstance(value, (float, Number)) else text) or None


def whole_number(text: str) -> str:
    """Gives `3` for `3.0`, and every other text without the blanks around it."""
    match = _WHOLE.fullmatch(text.strip())
    return match[1] if match else text.strip()


class ByKey(Generic[T]):
    """What belongs to each key, where `3.0` is 3 unless both are there."""

    def __init__(self, pairs: Iterable[tuple[str, T]]) -> None:
        self._exact = dict(pairs)
        self._alike: dict[str, list[str]] = {}
        for key in self._exact:
            self._alike.setdefault(whole_number(key), []).append(key)

    def get(self, key: str) -> T | None:
        """Gives what belongs to a key, None where nothing does or two may."""
        if key in self._exact:
            return self._exact[key]
        alike = self._alike.get(whole_number(key), [])
        return self._exact[alike[0]] if len(alike) == 1 else None
