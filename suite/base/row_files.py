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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import normalize

from suite.base.json_values import changed
from suite.errors import shown
from tasks.choice import is_empty

JSON_LINES = (".jsonl", ".ndjson")
SUFFIXES = (".parquet", ".csv", ".tsv", ".json", *JSON_LINES)

_MARKS = (
    *((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32")),
    *((codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16")),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""What a file of Unicode may begin with, UTF-32 before UTF-16, whose mark begins the same."""

_UNPACK, _AS_CSV = "unpack it first", "save its sheet as CSV UTF-8"
_PAGES = (b"<!doctype html", b"<!DOCTYPE html", b"<!DOCTYPE HTML", b"<html", b"<HTML")
_AS_PARQUET = "write its rows with `Dataset.to_parquet`"
_NO_TEXTS = (
    (b"PK\x03\x04", "a ZIP archive", _UNPACK),
    (b"\x1f\x8b", "a gzip archive", _UNPACK),
    (b"BZh", "a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ", "an xz archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", _AS_CSV),
    (b"{\\rtf", "an RTF document", _AS_CSV),
    (b"SQLite format 3", "a SQLite database", "export its table as CSV UTF-8"),
    (b"ARROW1", "an Arrow file", _AS_PARQUET),
    (b"\xff\xff\xff\xff", "an Arrow file", _AS_PARQUET),
    *((start, "a web page (HTML)", "fetch the file itself") for start in _PAGES),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file itself: git lfs pull"),
    (b"PAR1", "a Parquet file", "let its name end in .parquet"),
)
"""What a file that is no text begins with, what it is, and what to do."""
_OFFICE = (
    ("xl/", "an Excel workbook (.xlsx)"),
    ("word/", "a Word document"),
    ("mimetype", "an OpenDocument file"),
    ("Index/", "a file of Apple's Numbers"),
)
"""By which of its members a ZIP archive is known to be a document."""

_SEPARATORS = {
    ";": ("semicolons", "separate them with commas"),
    "\t": ("tabs", "name it .tsv"),
    "|": ("bars", "separate them with commas"),
    ",": ("commas", "name it .csv"),
}


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
    _check_kind(content)
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if "\0" in content.decode(encoding, "replace"):
            raise ValueError("it is no text; give it as CSV, JSON or Parquet") from error
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


def _check_kind(content: bytes) -> None:
    """ValueError, which says what the file is, where it is none of text."""
    for start, what, remedy in _NO_TEXTS:
        if content[:64].lstrip().startswith(start):
            what, remedy = _document(content) or (what, remedy)
            raise ValueError(f"it is {what}; {remedy}")


def _document(content: bytes) -> tuple[str, str] | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return None
    whats = (what for start, what in _OFFICE if any(name.startswith(start) for name in names))
    return next(((what, _AS_CSV) for what in whats), None)


def check_parquet(path: Path) -> list[str]:
    """Gives the names of the columns. Raises ValueError or OSError, which says what the file is,
    where it is no Parquet or two of its columns have one name."""
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        start = file.read(64)
    if start and not start.startswith(b"PAR"):
        _check_kind(start)
        raise ValueError("it is no Parquet file; let its name end in what it is")
    return _names(pq.read_schema(path).names)


def _parquet(path: Path) -> list[Row]:
    import pyarrow.parquet as pq

    names = check_parquet(path)
    rows = pq.read_table(path).rename_columns(names).to_pylist()
    return [Row(f"row {number}", row) for number, row in enumerate(rows, 1)]


def _json(content: str, text: str | None, bare: bool) -> list[Row]:
    try:
        found = _parsed(content)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and content.lstrip().startswith("{"):
            return _lines(content, text)  # JSONL, which many call .json
        raise ValueError(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    if isinstance(found, dict):
        for key, value in found.items() if text is not None else ():
            if isinstance(value, (dict, list)):
                raise ValueError(
                    f"its {shown(key)} is {shown(value)} and not a text; give a list of rows, "
                    "or an object of index and text"
                )
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
            line = line.lstrip("\ufeff")  # one file was put behind another
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
        return changed(found, _mended) if "\\u" in content else found
    except RecursionError:
        raise _Wrong("its brackets are nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    _check_double(names, names, _Wrong, "keys")
    return dict(pairs)


def _mended(value: Any, _: str) -> Any:
    plain = not isinstance(value, str) or isinstance(value, Number)
    return value if plain else whole_characters(value)


def whole_characters(text: str) -> str:
    """Gives a text without halves of characters. JSON and Python can hold half of a character of
    two (an emoji that was cut), which no file can."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _row(place: str, row: Any, text: str | None) -> Row:
    if not isinstance(row, dict):
        wanted = "" if text is None else f" with `index` and `{text}`"
        raise ValueError(f"{place} is {shown(row)} and not an object{wanted}")
    # Keys within a value may be tokens: "A" and " A" are two.
    return Row(place, dict(zip(_names(row, _Wrong, "keys"), row.values())))


def _table(content: str, separator: str) -> list[Row]:
    """The rows of a CSV, each with a value per column; none of an empty file. Ends of lines are
    left to its reader: within quotes they are text, and what else Unicode counts as one (U+2028, a
    form feed) is text everywhere. Strict, because a lone quote makes one text of all that
    follows."""
    csv.field_size_limit(1 << 30)  # a model's reasoning may be longer than csv's default
    rows: list[Row] = []
    _check_separator(content.lstrip().partition("\n")[0].strip(), separator)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=separator, strict=True)
    try:
        header = next((row for row in reader if row), [])
        columns = _columns(header)
        for start, row in _numbered(reader):
            if all(map(is_empty, row)):
                continue  # a blank line, or one whose cells were emptied
            if len(row) != len(header):
                raise ValueError(
                    f"line {reader.line_num} has {len(row)} values and the header "
                    f"{len(header)}; a text that holds {separator!r} needs quotes"
                )
            cells = [None if is_empty(cell) else cell for cell in row]
            if any(cell is not None for cell in cells[len(columns) :]):
                raise ValueError(
                    f"line {reader.line_num} has a value in a column whose header is empty; name it"
                )
            rows.append(Row(f"line {start}", dict(zip(columns, cells))))
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error
    return rows


def _columns(header: Sequence[str]) -> list[str]:
    """The names of a table's columns, without those that are empty at the end: sheets write them
    where a cell was once used."""
    named = [place for place, name in enumerate(header, 1) if not is_empty(name)]
    return _names(header[: named[-1]] if named else [])


def _check_separator(header: str, separator: str) -> None:
    """ValueError where the first line of a table has another separator than its name says."""
    if header.lstrip('"').startswith("sep="):
        raise ValueError(f"it begins with {shown(header)}, as Excel writes it; remove that line")
    for mark, (called, remedy) in _SEPARATORS.items() if separator not in header else ():
        if mark in header:
            raise ValueError(
                f"its header is one column, {shown(header)}; its columns seem to be separated with "
                f"{called}: {remedy}"
            )


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table with the lines on which they start."""
    start = reader.line_num + 1
    for row in reader:
        yield start, row
        start = reader.line_num + 1


def _names(
    written: Iterable[str], error: type[ValueError] = ValueError, kind: str = "columns"
) -> list[str]:
    """Names of columns without what is not seen around them, their letters composed. `error` where
    two look alike."""
    names = [normalize("NFC", _seen(name)) for name in written]
    spaced = [" ".join(name.split()) for name in names]
    looks = ["".join(c for c in name if c == " " or not is_empty(c)) for name in spaced]
    _check_double(looks, names, error, kind)
    return names


def _seen(name: str) -> str:
    places = [place for place, letter in enumerate(name) if not is_empty(letter)]
    return name[places[0] : places[-1] + 1] if places else ""


def _check_double(
    looks: Iterable[str], names: Iterable[str], error: type[ValueError], kind: str
) -> None:
    seen: set[str] = set()
    for look, name in zip(looks, names):
        if look in seen:
            raise error(f"two of its {kind} are called {name!r}; rename one")
        seen.add(look)
