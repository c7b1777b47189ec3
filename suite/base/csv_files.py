"""CSV files that people open in a spreadsheet, and reading them back as they were.

In: a table. Out: its CSV, in which a text that a spreadsheet would take for a formula stands behind
an apostrophe; and the table again, without it. JSON, Parquet and exports hold texts as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

FORMULA = re.compile("'*[=+@-]")
"""Start of a text that gets an apostrophe: also of one that looks as if it had one already, so that
what is taken off is what was put on."""


def write_csv(path: Path, table: pd.DataFrame, digits: int | None = None) -> None:
    """Writes a table without its index; numbers with so many significant `digits`, or as they
    are."""
    safe = _changed(table, lambda text: f"'{text}" if FORMULA.match(text) else text)
    safe.to_csv(path, index=False, float_format=f"%.{digits}g" if digits else None)


def read_csv(path: Path, text: Container[str] = ()) -> pd.DataFrame:
    """Reads what `write_csv` has written: the columns in `text` are text, whatever they look like,
    and an empty field is missing."""
    import pandas as pd

    columns = pd.read_csv(path, nrows=0).columns
    types = {column: object for column in columns if column in text}
    table = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=[""])
    return _changed(table, lambda own: own[1:] if own[0] == "'" and FORMULA.match(own) else own)


def _changed(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """The table with other texts, in cells and headings; numbers, and columns in which no text
    changes, stay what they are."""
    import pandas as pd

    def other(value: object) -> object:
        return change(value) if isinstance(value, str) and value else value

    found = table.rename(columns=other)
    for place in range(table.shape[1]):
        own = table.iloc[:, place]
        if pd.api.types.is_numeric_dtype(own.dtype):
            continue
        values = [other(value) for value in own]
        if any(isinstance(b, str) and a != b for a, b in zip(own, values)):
            found.isetitem(place, pd.Series(values, dtype=object).to_numpy())
    return found
