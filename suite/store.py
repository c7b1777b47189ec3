"""The generation store: every answer of every model under the key of its request.

In: batches of generations, committed whole. Out: generations by key. The store is a folder of
append-only Parquet parts, one per batch, under one sub-folder per generator: a run reads only those
of its own models. Any number of processes may read and write at once; a killed one loses at most
what it was generating. Works on any fsspec address.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from suite.base.files import Folder
from suite.base.json_values import canonical_json, json_hash
from suite.requests import Generation, Request

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


@dataclass(frozen=True)
class Answered:
    """One line of a batch."""

    key: str
    request: Request
    generation: Generation


class Shelf:
    """The part of a store that belongs to one generator."""

    def __init__(
        self, folder: Folder, fingerprint: dict[str, Any], run: str, say: Callable[[str], None]
    ) -> None:
        self._inside = f"parts/{json_hash(fingerprint)[:16]}"
        self._folder = folder
        self._fingerprint = fingerprint
        self._run = run
        self._say = say
        self._rows: dict[str, Stored] = {}
        self._read: set[str] = set()
        self._unreadable: set[str] = set()
        folder.sweep(self._inside)
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
        """Reads the parts that came since the last time. Unreadable ones are named and ignored."""
        names = [name for name in self._folder.names(self._inside) if name.endswith(".parquet")]
        new = [name for name in names if name not in self._read]
        if len(new) < 8:
            contents = [self._load(name) for name in new]
        else:
            with ThreadPoolExecutor(4) as pool:
                contents = list(pool.map(self._load, new))
        for name, table in zip(new, contents):
            if isinstance(table, pa.Table):
                self._add(name, table)
            elif name not in self._unreadable:
                self._unreadable.add(name)
                where = f"{self._folder.name}/{self._inside}/{name}"
                self._say(f"Ignoring {where}, which cannot be read ({table}).")

    def commit(self, rows: Sequence[Answered], **about: str) -> None:
        """Writes a batch as one part, whole or not at all, and adds it to what `get` finds.

        about: facts for people who open the part (stage, model). Unfinished on a full disk.
        """
        table = _table(rows).replace_schema_metadata(
            {"run": self._run, "generator": canonical_json(self._fingerprint), **about}
        )
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd", write_statistics=False)
        name = f"{self._part(row.key for row in rows)}.parquet"
        self._folder.write(f"{self._inside}/{name}", buffer.getvalue())
        self._unreadable.discard(name)
        self._read.add(name)
        for row in rows:
            self._put(row.key, Stored(row.generation, self._run, name, about.get("stage", "")))

    def _part(self, keys: Iterable[str]) -> str:
        """Name of a batch: of its keys and what was tried before, so that one batch has one name
        and a retry another."""
        digest = hashlib.sha256()
        for key in keys:
            failed = self._rows.get(key)
            digest.update(f"{key} {failed.part if failed else ''}\n".encode())
        return digest.hexdigest()[:32]

    def _load(self, name: str) -> pa.Table | str:
        try:
            content = self._folder.read(f"{self._inside}/{name}")
            table = pq.ParquetFile(pa.BufferReader(content)).read(["key", *_GENERATION])
            lacking = {"key", *_GENERATION} - set(table.column_names)
            return f"it lacks {', '.join(sorted(lacking))}" if lacking else table
        except (OSError, ValueError, pa.ArrowException) as error:
            return " ".join(str(error).split()) or type(error).__name__

    def _add(self, name: str, table: pa.Table) -> None:
        about = table.schema.metadata or {}
        run, stage = (about.get(name, b"").decode() for name in (b"run", b"stage"))
        columns = [table.column(column).to_pylist() for column in ("key", *_GENERATION)]
        for key, *values in zip(*columns):
            self._put(key, Stored(Generation(*values), run, name, stage))
        self._read.add(name)
        self._unreadable.discard(name)

    def _put(self, key: str, stored: Stored) -> None:
        known = self._rows.get(key)
        if known is None or self._rank(stored) < self._rank(known):
            self._rows[key] = stored

    def _rank(self, stored: Stored) -> tuple[bool, bool, str]:
        """Of two rows with one key the lower counts: an answer before a failure, this run's failure
        before an older one (it is not tried again), then by part, the same for every reader."""
        failed = stored.generation.error is not None
        return (failed, failed and stored.run != self._run, stored.part)


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

    def shelf(self, fingerprint: dict[str, Any]) -> Shelf:
        """The part of the store of one generator, read once and kept."""
        name = canonical_json(fingerprint)
        if name not in self._shelves:
            self._shelves[name] = Shelf(self.folder, fingerprint, self.run, self._say)
        return self._shelves[name]
