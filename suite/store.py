"""The generation store: every answer of every model under the key of its request.

In: batches of generations, committed whole. Out: generations by key. The store is a folder of
append-only Parquet parts, one per batch, under one sub-folder per generator: a run reads only those
of its own models. Any number of processes may read and write at once; a killed one loses at most
what it was generating. Works on any fsspec address.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from suite.base.files import Folder
from suite.base.json_values import canonical_json, json_hash
from suite.errors import Unfinished, reason_of
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
CONTENT = "content"
"""Where a part says what it was written with."""


@dataclass(frozen=True)
class Stored:
    """A generation in the store."""

    generation: Generation
    run: str
    """Id of the run that generated it."""
    part: str
    """Name of its part."""
    stage: str = ""
    """Stage that asked first."""
    whole: bool = False
    """Whether its part holds what was written to it."""


@dataclass(frozen=True)
class Answered:
    """One line of a batch."""

    key: str
    request: Request
    generation: Generation


class Shelf:
    """The part of a store that belongs to one generator."""

    def __init__(
        self,
        folder: Folder,
        fingerprint: dict[str, Any],
        run: str,
        say: Callable[[str], None],
        only: frozenset[str] | None = None,
    ) -> None:
        """`only`: keys to read in place of all; of parts that have none of them no text is read."""
        self._only = only
        self._inside = f"parts/{json_hash(fingerprint)[:16]}"
        self._folder = folder
        self._fingerprint = fingerprint
        self._run = run
        self._say = say
        self._rows: dict[str, Stored] = {}
        self._read: set[str] = set()
        self._unreadable: set[str] = set()
        self.refresh()

    def __len__(self) -> int:
        """Number of keys."""
        return len(self._rows)

    def get(self, key: str) -> Stored | None:
        """What is stored under a key; a failure only where nobody has succeeded."""
        return self._rows.get(key)

    def rows(self) -> Iterable[tuple[str, Stored]]:
        """Gives everything on the shelf by key."""
        return self._rows.items()

    def settled(self, key: str) -> bool:
        """Whether nothing is left to do: an answer, or a failure of this very run."""
        stored = self._rows.get(key)
        return stored is not None and (stored.generation.error is None or stored.run == self._run)

    def refresh(self) -> None:
        """Reads the parts that came since the last time. Those that cannot be read, or hold what no
        generation is, are named and ignored. Unfinished where one that was read is there no more.
        """
        names = [name for name in self._folder.names(self._inside) if name.endswith(".parquet")]
        gone = [name for name in self._read.difference(names) if isinstance(self._load(name), str)]
        if gone:
            raise Unfinished(
                f"{len(gone):,} part{'s' * (len(gone) > 1)} of the store {self._folder.name} that "
                "this run has read or written are there no more: somebody removed them. Run the "
                "same command again; what is missing is generated anew."
            )
        new = [name for name in names if name not in self._read]
        if len(new) < 8:
            contents = [self._load(name) for name in new]
        else:
            with ThreadPoolExecutor(4) as pool:
                contents = list(pool.map(self._load, new))
        for name, content in zip(new, contents):
            if not isinstance(content, str):
                self._read.add(name)
                self._unreadable.discard(name)
                for key, stored in content:
                    self._put(key, stored)
            elif name not in self._unreadable:
                self._unreadable.add(name)
                where = f"{self._folder.name}/{self._inside}/{name}"
                self._say(f"Ignoring {where}, which cannot be read ({content}).")

    def commit(self, rows: Sequence[Answered], **about: str) -> None:
        """Writes a batch as one part, whole or not at all, and adds it to what `get` finds.

        about: facts for people who open the part (stage, model). Unfinished on a full disk.
        """
        table = _table(rows)
        facts = {"run": self._run, "generator": canonical_json(self._fingerprint), **about}
        table = table.replace_schema_metadata({**facts, CONTENT: _digest(_rows(table))})
        buffer = io.BytesIO()
        pq.write_table(
            table, buffer, compression="zstd", write_statistics=False, write_page_checksum=True
        )
        name = f"{self._part(row.key for row in rows)}.parquet"
        self._folder.write(f"{self._inside}/{name}", buffer.getvalue())
        self._unreadable.discard(name)
        self._read.add(name)
        for row in rows:
            stage = about.get("stage", "")
            self._put(row.key, Stored(row.generation, self._run, name, stage, whole=True))

    def _part(self, keys: Iterable[str]) -> str:
        """Name of a batch: of its keys and what was tried before, so that one batch has one name
        and a retry another."""
        digest = hashlib.sha256()
        for key in keys:
            failed = self._rows.get(key)
            digest.update(f"{key} {failed.part if failed else ''}\n".encode())
        return digest.hexdigest()[:32]

    def _load(self, name: str) -> list[tuple[str, Stored]] | str:
        """The rows of a part by key, or what is wrong with it."""
        try:
            content = pa.BufferReader(self._folder.read(f"{self._inside}/{name}"))
            file = pq.ParquetFile(content, page_checksum_verification=True)
            if self._only is not None and "key" in file.schema_arrow.names:
                keys = file.read(["key"]).column("key").to_pylist()
                if self._only.isdisjoint(keys):
                    return []
            table = file.read(list(_READ))
            if fault := _fault(table):
                return fault
            about = table.schema.metadata or {}
            generator = canonical_json(self._fingerprint).encode()
            if about.get(b"generator", generator) != generator:
                return "it is of another generator"
            run, stage, written = (
                about.get(name.encode(), b"").decode() for name in ("run", "stage", CONTENT)
            )
            rows = _rows(table)
            whole = written == _digest(rows)
            return [
                (key, Stored(Generation(*row), run, name, stage, whole))
                for key, *row in rows
                if self._only is None or key in self._only
            ]
        except (OSError, ValueError, pa.ArrowException) as error:
            return reason_of(error)

    def _put(self, key: str, stored: Stored) -> None:
        known = self._rows.get(key)
        if known is None or self._rank(stored) < self._rank(known):
            self._rows[key] = stored

    def _rank(self, stored: Stored) -> tuple[bool, bool, bool, str]:
        """Of two rows with one key the lower counts: an answer before a failure, this run's failure
        before an older one (it is not tried again), one as it was written before one that another
        tool has, or may have, changed, then by part, the same for every reader."""
        failed = stored.generation.error is not None
        return (failed, failed and stored.run != self._run, not stored.whole, stored.part)


def _fault(table: pa.Table) -> str | None:
    """What in a part no generation can be, or None: a column that is not there once or is of
    another type, a missing value (only an error may be missing), a failure without a reason, a
    number below 0 or infinite, a second answer to one key."""
    for name in _READ:
        if table.column_names.count(name) != 1:
            return f"it lacks {name}" if name not in table.column_names else f"it has {name} twice"
        column, wanted = table.column(name), SCHEMA.field(name).type
        if column.type != wanted:
            return f"its {name} is {column.type} in place of {wanted}"
        if name != "error" and column.null_count:
            return f"its {name} is missing in {column.null_count:,} of {len(column):,} rows"
        if not pa.types.is_string(wanted):
            possible = pc.and_(pc.greater_equal(column, 0), pc.less(column, math.inf))
            if pc.all(possible).as_py() is False:
                return f"its {name} is below 0 or no number in some row"
    ends = pc.is_in(table.column("finish_reason"), pa.array(ENDS))
    if pc.all(ends).as_py() is False:
        return "its finish_reason is in some row none of those that there are"
    if pc.any(pc.equal(table.column("error"), "")).as_py():
        return "its error is empty in some row"
    if pc.count_distinct(table.column("key")).as_py() < len(table):
        return "it has a key twice"
    return None


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(table.column(column).to_pylist() for column in _READ)))


def _digest(rows: list[tuple[Any, ...]]) -> str:
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def _table(rows: Sequence[Answered]) -> pa.Table:
    columns: dict[str, list[Any]] = {
        "key": [row.key for row in rows],
        "task": [row.request.task for row in rows],
        "item_id": [row.request.item_id for row in rows],
        "sample": [row.request.sample for row in rows],
    }
    for name in _GENERATION:
        columns[name] = [getattr(row.generation, name) for row in rows]
    return pa.table(columns, schema=SCHEMA)


class Store:
    """A store at an address, as one run sees it."""

    def __init__(
        self, address: str | Path, *, run: str = "", say: Callable[[str], None] | None = None
    ) -> None:
        """`run` is the id under which this process commits; workers of one run share it."""
        self.folder = Folder(address)
        self.run = run
        self._say = say or (lambda message: None)
        self._shelves: dict[str, Shelf] = {}

    @property
    def address(self) -> str:
        """Where it is."""
        return self.folder.address

    def check(self) -> None:
        """Raises Unfinished where parts that this run has read or written are there no more."""
        for shelf in self._shelves.values():
            shelf.refresh()

    def find(self, fingerprint: dict[str, Any], keys: Iterable[str]) -> dict[str, Generation]:
        """Gives what one generator has under some keys, without keeping the rest."""
        only = frozenset(keys)
        shelf = Shelf(self.folder, fingerprint, self.run, self._say, only)
        return {key: stored.generation for key, stored in shelf.rows()}

    def shelf(self, fingerprint: dict[str, Any]) -> Shelf:
        """The part of the store of one generator, read once and kept."""
        name = canonical_json(fingerprint)
        if name not in self._shelves:
            self._shelves[name] = Shelf(self.folder, fingerprint, self.run, self._say)
        return self._shelves[name]
