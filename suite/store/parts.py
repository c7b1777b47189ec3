"""The two kinds of part: a batch as it was committed, and many of them packed into one.

In: rows, or the bytes of a part. Out: bytes, or checked rows. Both are Parquet with the columns of
SCHEMA, so that whatever reads the one reads the other. A batch says once, for the file, with which
run, stage and model it was made, and whether its rows are as they were written. A packed part has
rows of many batches and says it of each: their columns in ORIGIN, and in `seal` a hash of the row.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from suite.requests import ENDS, Generation, Request

_GENERATION = tuple(field.name for field in fields(Generation))
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("task", pa.string()),
        ("item_id", pa.string()),
        ("sample", pa.int32()),
        ("text", pa.string()),
        ("thinking", pa.string()),
        ("finish_reason", pa.string()),
        ("prompt_tokens", pa.int64()),
        ("generated_tokens", pa.int64()),
        ("seconds", pa.float64()),
        ("error", pa.string()),
    ]
)
"""Columns of a part. Task and item name the first request that asked; others may share the key."""
_READ = ("key", *_GENERATION)
_PLAIN = pa.schema([SCHEMA.field(name) for name in _READ])
ORIGIN = ("run", "stage", "model", "part")
"""What a packed row says of the batch that it was committed in; `part` is the name of its file."""
SEAL = "seal"
PACKED = pa.schema([*SCHEMA, *((name, pa.string()) for name in ORIGIN), (SEAL, pa.binary(16))])
PACKED_MARK = "packed-"
"""Start of the names of packed parts; those of batches are hexadecimal."""
CONTENT = "content"
"""Where a batch says what it was written with."""
GROUP = 1024
"""Rows that are read at once where one of them is wanted."""


@dataclass(frozen=True)
class Stored:
    """A generation in the store."""

    generation: Generation
    run: str
    """Id of the run that generated it."""
    part: str
    """Name of the part that it was committed in."""
    stage: str = ""
    """Stage that asked first."""
    whole: bool = False
    """Whether it is known to be what was written."""


@dataclass(frozen=True)
class Answered:
    """One line of a batch."""

    key: str
    request: Request
    generation: Generation


@dataclass(frozen=True)
class Batch:
    """What a part holds that is no packed one."""

    name: str
    rows: list[tuple[str, Stored]]
    whole: bool
    packable: bool
    """Whether a packed part can hold all that it says."""
    nbytes: int


def written(rows: Sequence[Answered], fingerprint: str, run: str, about: dict[str, str]) -> bytes:
    """Gives the bytes of a batch."""
    columns: dict[str, list[Any]] = {
        "key": [row.key for row in rows],
        "task": [row.request.task for row in rows],
        "item_id": [row.request.item_id for row in rows],
        "sample": [row.request.sample for row in rows],
    }
    for name in _GENERATION:
        columns[name] = [getattr(row.generation, name) for row in rows]
    table = pa.table(columns, schema=SCHEMA)
    facts = {"run": run, "generator": fingerprint, **about, CONTENT: _digest(_rows(table))}
    return encoded(table.replace_schema_metadata(facts))


def encoded(table: pa.Table) -> bytes:
    """Gives the bytes of a table as every part is written: with a checksum of each page."""
    buffer = io.BytesIO()
    pq.write_table(
        table,
        buffer,
        compression="zstd",
        write_statistics=False,
        write_page_checksum=True,
        row_group_size=GROUP,
    )
    return buffer.getvalue()


def read_batch(name: str, content: bytes, fingerprint: str) -> Batch:
    """Gives the rows of a batch by key; ValueError, or an error of pyarrow's, says what is wrong
    with it."""
    file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
    names = file.schema_arrow.names
    table = file.read(list(_READ), use_threads=False)
    about = table.schema.metadata or {}
    rows = _checked(table)
    if about.get(b"generator", fingerprint.encode()) != fingerprint.encode():
        raise ValueError("it is of another generator")
    facts = {fact.decode(): value.decode() for fact, value in about.items()}
    run, stage = facts.get("run", ""), facts.get("stage", "")
    whole = facts.get(CONTENT) == _digest(rows)
    known = {"run", "stage", "model", "generator", CONTENT}
    return Batch(
        name,
        [(key, Stored(Generation(*row), run, name, stage, whole)) for key, *row in rows],
        whole,
        whole and bool(rows) and names == SCHEMA.names and facts.keys() <= known,
        table.nbytes,
    )


def _checked(table: pa.Table) -> list[tuple[Any, ...]]:
    """The rows of a table. ValueError says what in them no generation can be: a column that is not
    there once or is of another type, a missing value (only an error may be missing), a failure
    without a reason, a number below 0 or infinite, a second answer to one key."""
    if not table.schema.equals(_PLAIN):
        for name in _READ:
            _check_type(table, name)
    columns = [table.column(name).to_pylist() for name in _READ]
    for field, column in zip(_PLAIN, columns):
        if field.name != "error" and (nulls := table.column(field.name).null_count):
            raise ValueError(f"its {field.name} is missing in {nulls:,} of {len(column):,} rows")
        if field.type != pa.string() and not all(0 <= value < math.inf for value in column):
            raise ValueError(f"its {field.name} is below 0 or no number in some row")
    values = dict(zip(_READ, columns))
    if not set(ENDS).issuperset(values["finish_reason"]):
        raise ValueError("its finish_reason is in some row none of those that there are")
    if "" in values["error"]:
        raise ValueError("its error is empty in some row")
    if len(set(values["key"])) < len(table):
        raise ValueError("it has a key twice")
    return list(zip(*columns))


def _check_type(table: pa.Table, name: str) -> None:
    if table.column_names.count(name) != 1:
        lacks = name not in table.column_names
        raise ValueError(f"it lacks {name}" if lacks else f"it has {name} twice")
    found, wanted = table.column(name).type, SCHEMA.field(name).type
    if found != wanted:
        raise ValueError(f"its {name} is {found} in place of {wanted}")


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(table.column(column).to_pylist() for column in _READ)))


def _digest(rows: list[tuple[Any, ...]]) -> str:
    return hashlib.sha256(repr(rows).encode()).hexdigest()


# --- packed parts -----------------------------------------------------------------------------


def is_packed(name: str) -> bool:
    """Says of the name of a part whether it is packed."""
    return name.startswith(PACKED_MARK)


def _sealed(table: pa.Table) -> list[bytes]:
    """The seal of each row: what it must be."""
    columns = (table.column(name).to_pylist() for name in (*SCHEMA.names, *ORIGIN))
    return [hashlib.sha256(repr(row).encode()).digest()[:16] for row in zip(*columns)]


def as_packed(batch: Batch, content: bytes) -> pa.Table:
    """Gives the table of a packable batch with the columns of a packed part."""
    table = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True).read()
    about = table.schema.metadata or {}
    values = [about.get(name.encode(), b"").decode() for name in ORIGIN[:-1]]
    for name, value in zip(ORIGIN, (*values, batch.name)):
        table = table.append_column(name, pa.repeat(pa.scalar(value), len(table)))
    table = table.append_column(SEAL, pa.array(_sealed(table), pa.binary(16)))
    return table.replace_schema_metadata(None).cast(PACKED)


def packed(table: pa.Table, fingerprint: str) -> tuple[str, bytes]:
    """Gives name and bytes of a packed part: one content, one name."""
    digest = hashlib.sha256(b"".join(table.column(SEAL).to_pylist())).hexdigest()
    content = encoded(table.replace_schema_metadata({"generator": fingerprint}))
    return f"{PACKED_MARK}{digest[:32]}.parquet", content


class PackedPart:
    """An open packed part: its index, and its rows a group at a time."""

    def __init__(self, source: IO[bytes], fingerprint: str) -> None:
        """ValueError, or an error of pyarrow's, for what is no packed part of that generator."""
        self._file = pq.ParquetFile(source, page_checksum_verification=True, pre_buffer=True)
        schema = self._file.schema_arrow
        if not schema.remove_metadata().equals(PACKED):
            raise ValueError("its columns are not those of a packed part")
        if (schema.metadata or {}).get(b"generator") != fingerprint.encode():
            raise ValueError("it is of another generator")
        footer = self._file.metadata
        self.starts = [0]
        """First row of each group, and the number of rows."""
        self.nbytes = 0
        for at in range(footer.num_row_groups):
            group = footer.row_group(at)
            self.starts.append(self.starts[-1] + group.num_rows)
            self.nbytes += group.total_byte_size

    def columns(self, *names: str) -> pa.Table:
        """Gives some columns of all rows."""
        return self._file.read(list(names), use_threads=False)

    def groups(self) -> int:
        """Number of groups of rows."""
        return len(self.starts) - 1

    def group(self, at: int) -> tuple[pa.Table, list[bool]]:
        """Gives the rows of a group, and of each whether it is as it was written. ValueError, or an
        error of pyarrow's, where they cannot be read."""
        table = self._file.read_row_group(at, use_threads=False)
        sealed = table.column(SEAL).to_pylist()
        return table, [found == seal for found, seal in zip(_sealed(table), sealed)]


def stored_rows(table: pa.Table, wanted: Sequence[int]) -> Iterator[tuple[str, Stored]]:
    """Gives the rows of a packed part at some places of a table, by key."""
    chosen = table if len(wanted) == len(table) else table.take(pa.array(wanted, pa.int64()))
    columns = [chosen.column(name).to_pylist() for name in (*_READ, *ORIGIN)]
    for key, *values in zip(*columns):
        run, stage, _, part = values[len(_GENERATION) :]
        yield key, Stored(Generation(*values[: len(_GENERATION)]), run, part, stage, whole=True)


UNREADABLE = (OSError, ValueError, pa.ArrowException)
"""What reading something else than a part may raise."""
