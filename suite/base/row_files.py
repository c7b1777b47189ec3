"""Rows of an outside file: predictions, texts that stand in for a model, a task's own rows.

In: a JSON, JSONL, CSV, TSV or Parquet file. Out: its rows as they are written, each with its place
in the file, or a ValueError that says what is wrong and where; whose file it is, its reader says.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from suite.errors import shown

JSON_LINES = (".jsonl", ".ndjson")
SUFFIXES = (".parquet", ".csv", ".tsv", ".json", *JSON_LINES)

_MARKS = (
    *((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32")),
    *((codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16")),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""What a file of Unicode may begin with, UTF-32 before UTF-16, whose mark begins the same."""

_UNPACK = "unpack it first"
_NO_TEXTS = (
    (b"PK\x03\x04", "a ZIP archive", _UNPACK),
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ", "an xz archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", "save its sheet as CSV UTF-8"),
    (b"PAR1", "a Parquet file", "let its name end in .parquet"),
)


class Number(str):
    """A number of JSON, as it is written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Row(NamedTuple):
    """A row of a file."""

    place: str
    """`line 3`, or `row 3` where a file has no lines; from 1."""
    cells: Mapping[str, Any]


def read_rows(
    path: Path, text: str | None = None, *, bare: bool = False, separator: str | None = None
) -> list[Row]:
    """Reads the rows of a file.

    text: the column of the texts; an object of JSON is index -> text then, and a row without it.
    `bare` takes a list of texts too, numbered from 0. separator: of a table, in place of what the
    file's name says. A value of a table is a text, or None where a cell is blank; a number of JSON
    is a Number. Raises ValueError or OSError where the file cannot be read.
    """
    if path.is_dir():
        raise ValueError("it is a folder and not a file")
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _parquet(path)
    content = decoded(path.read_bytes())
    if suffix in JSON_LINES:
        return _lines(content, text)
    if suffix == ".json":
        return _json(content, text, bare)
    if suffix in SUFFIXES or separator is not None:
        return _table(content, separator or ("\t" if suffix == ".tsv" else ","))
    raise ValueError(f"files that end in {suffix or 'nothing'} are not known; use .csv or .jsonl")


def decoded(content: bytes) -> str:
    """Gives the text of a file: UTF-8, or what its mark says. ValueError, which says what the file
    is, for all else."""
    for start, what, remedy in _NO_TEXTS:
        if content.startswith(start):
            if _is_workbook(content):
                what, remedy = "an Excel workbook (.xlsx)", "save its sheet as CSV UTF-8"
            raise ValueError(f"it is {what}; {remedy}")
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(
            f"line {line} is not {encoding.upper().removesuffix('-SIG')} (byte "
            f"0x{content[error.start]:02x}); save the file as UTF-8"
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ValueError(
            f"line {line} holds a zero byte, so it is no text in UTF-8; save it as one"
        )
    return text


def _is_workbook(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return any(name.startswith("xl/") for name in archive.namelist())
    except zipfile.BadZipFile:
        return False


def _parquet(path: Path) -> list[Row]:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    _check_names(table.column_names)
    return [Row(f"row {number}", row) for number, row in enumerate(table.to_pylist(), 1)]


def _json(content: str, text: str | None, bare: bool) -> list[Row]:
    try:
        found = _parsed(content)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and content.lstrip().startswith("{"):
            return _lines(content, text)  # JSONL, which many call .json
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    if isinstance(found, dict):
        by_index = [{"index": key, text: value} for key, value in found.items()]
        found = [found] if text is None else by_index
    if not isinstance(found, list):
        raise ValueError(f"it holds {shown(found)} and neither an object nor a list of rows")
    if bare:
        found = [r if isinstance(r, dict) else {"index": i, text: r} for i, r in enumerate(found)]
    return [_row(f"row {number}", row, text) for number, row in enumerate(found, 1)]


def _lines(content: str, text: str | None) -> list[Row]:
    """The objects of JSONL. Not by splitlines(): a text may hold other ends of lines (U+2028)."""
    rows = []
    for number, line in enumerate(content.split("\n"), 1):
        try:
            rows += [_row(f"line {number}", _parsed(line), text)] if line.strip() else []
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number}, column {error.colno}: {error.msg}") from error
        except _Wrong as error:
            raise ValueError(f"line {number}: {error}") from error
    return rows


class _Wrong(ValueError):
    """What JSON allows and a row does not; where, its reader says."""


def _parsed(content: str) -> Any:
    try:
        found = json.loads(
            content,
            parse_int=Number,
            parse_float=Number,
            parse_constant=lambda name: None if name == "NaN" else Number(name),
            object_pairs_hook=_object,
        )
        return _mended(found) if "\\u" in content else found
    except RecursionError:
        raise _Wrong("its brackets are nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _check_names([name for name, _ in pairs], _Wrong, "keys")
    return dict(pairs)


def _mended(value: Any) -> Any:
    """JSON can hold half of a character of two (an emoji that was cut), which no file can."""
    if isinstance(value, dict):
        return {_mended(key): _mended(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_mended(entry) for entry in value]
    if not isinstance(value, str) or isinstance(value, Number):
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _row(place: str, row: Any, text: str | None) -> Row:
    if not isinstance(row, dict):
        wanted = "" if text is None else f" with `index` and `{text}`"
        raise ValueError(f"{place} is {shown(row)} and not an object{wanted}")
    return Row(place, row)


def _table(content: str, separator: str) -> list[Row]:
    """The rows of a CSV, each with a value per column; none of an empty file. Ends of lines are
    left to its reader: within quotes they are text, and what else Unicode counts as one (U+2028, a
    form feed) is text everywhere. Strict, because a lone quote makes one text of all that
    follows."""
    csv.field_size_limit(1 << 30)  # a model's reasoning may be longer than csv's default
    rows: list[Row] = []
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True)
    try:
        columns = next((row for row in reader if row), [])
        _check_names(columns)
        for start, row in _numbered(reader):
            if len(row) < 2 and not "".join(row).strip():
                continue  # a blank line
            if len(row) != len(columns):
                raise ValueError(
                    f"line {reader.line_num} has {len(row)} values and the header "
                    f"{len(columns)}; a text that holds {separator!r} needs quotes"
                )
            cells = [cell if cell.strip() else None for cell in row]
            rows.append(Row(f"line {start}", dict(zip(columns, cells))))
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error
    return rows


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table with the lines on which they start."""
    start = reader.line_num + 1
    for row in reader:
        yield start, row
        start = reader.line_num + 1


def _check_names(
    names: Iterable[str], error: type[ValueError] = ValueError, kind: str = "columns"
) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise error(f"two of its {kind} are called {name!r}; rename one")
        seen.add(name)
