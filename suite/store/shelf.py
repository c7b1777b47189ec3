"""A store as one run sees it: a shelf for each generator, whose answers are found by key.

In: an address. Out: `Store.shelf`, and of a shelf what is answered, the answers themselves, a new
batch committed whole, and small parts packed into larger ones. What a shelf holds in memory is its
index and the batches that it read last; an answer is read when it is asked for.

Packing writes a packed part, reads it back, and only then removes what it was made of. So a row
always stands somewhere, and for a moment, or after a kill, in two places; it is one row: of one key
and one batch. A reader that finds a part gone looks for its rows in the parts that have come since.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, groupby, repeat
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from suite.base.files import Folder
from suite.base.json_values import canonical_json, json_hash
from suite.errors import SuiteError, Unfinished, reason_of
from suite.requests import Generation
from suite.store import parts
from suite.store.index import Digest, Entries, Entry, Index, digest_of, digests_of, joined
from suite.store.parts import UNREADABLE, Answered, Batch, PackedPart, Stored, is_packed

PACK_FROM = 256
"""Batches from which a shelf is packed: a listing stays one request of an object store."""
PACKED_BYTES = 256 * 2**20
"""About the bytes of a packed part, uncompressed: what packing holds in memory."""
RECENT_BYTES = 32 * 2**20
"""Of the batches read last, which are kept as they are."""
STEADY_SECONDS = 2.0
"""Time for which a folder's stamp must have been seen before a listing is taken for all that a
folder of this stamp holds: longer than the coarsest clock of a disk ticks."""
PAUSES = (0.0, 0.1, 0.5)
"""Seconds before each look for what is not where it was."""
MANY_FILES = 8
AT_ONCE = 8 * parts.GROUP
"""Rows that are in memory while many are read one after another."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class _File:
    """A part whose rows are in the index."""

    name: str
    whole: bool
    rows: int
    nbytes: int
    packable: bool = False
    order: tuple[str, ...] = ()
    """What batches lie together by in a packed part."""
    origins: list[str] | None = field(default=None, repr=False)
    """Of a packed part: the batch of each row, while rows are compared."""


class Shelf:
    """The part of a store that belongs to one generator."""

    def __init__(
        self, folder: Folder, fingerprint: dict[str, Any], run: str, say: Callable[[str], None]
    ) -> None:
        self._inside = f"parts/{json_hash(fingerprint)[:16]}"
        self._folder = folder
        self._fingerprint = canonical_json(fingerprint)
        self._run = run
        self._say = say
        self._unreadable: set[str] = set()
        self._spoilt: set[tuple[str, int]] = set()
        """Rows of packed parts that are not what was written: (part, row)."""
        self._may_pack = True
        self._forget()
        self.refresh()

    def _forget(self) -> None:
        self._index = Index()
        self._files: list[_File] = []
        self._ids: dict[str, int] = {}
        self._gone: set[int] = set()
        self._compared: list[_File] = []
        self._recent: OrderedDict[str, Batch] = OrderedDict()
        self._recent_bytes = 0
        self._stamp: int | None = None
        self._stamped = 0.0
        self._steady = False

    def __len__(self) -> int:
        """Number of keys."""
        return len(self._index)

    # --- what is there ------------------------------------------------------------------------

    def entry(self, key: str) -> Entry | None:
        """What is known of a key without reading its answer: whether it failed, and whether this
        run committed it."""
        return self._index.get(digest_of(key))

    def settled(self, key: str) -> bool:
        """Whether nothing is left to do: an answer, or a failure of this very run."""
        entry = self.entry(key)
        return entry is not None and (not entry.failed or entry.own)

    def get(self, key: str) -> Stored | None:
        """What is stored under a key; a failure only where nobody has succeeded."""
        return self.find([key]).get(key)

    def find(self, keys: Iterable[str]) -> dict[str, Stored]:
        """Gives what is stored under those of some keys under which something is.

        Reads their rows and no others (of a packed part, the groups in which they lie). Rows that
        are not as they were written are named and count for nothing from then on.
        """
        wanted = {digest_of(key): key for key in keys}
        return {
            key: stored
            for digest, key, stored in self._fetch(list(wanted))
            if wanted[digest] == key
        }

    def rows(self) -> Iterator[tuple[str, Stored]]:
        """Gives everything on the shelf by key, a part at a time."""
        for digests in self._index.by_file():
            for _, key, stored in self._fetch(digests):
                yield key, stored

    def verify(self, keys: Iterable[str]) -> None:
        """Reads the packed rows of some keys once, so that those which are not as they were written
        are unsettled from now on. (A batch is read whole before its rows are in the index.)"""
        digests = [
            digest
            for digest in map(digest_of, keys)
            if (entry := self._index.get(digest)) and is_packed(self._files[entry.file].name)
        ]
        for _ in self._fetch(digests):
            pass

    def _fetch(self, digests: Sequence[Digest]) -> Iterator[tuple[Digest, str, Stored]]:
        for at in range(0, len(digests), AT_ONCE):
            yield from self._fetched(digests[at : at + AT_ONCE])

    def _fetched(self, digests: Sequence[Digest]) -> Iterator[tuple[Digest, str, Stored]]:
        for pause in (*PAUSES, None):
            places: dict[int, dict[int, Digest]] = {}
            for digest in digests:
                if (entry := self._index.get(digest)) is not None:
                    places.setdefault(entry.file, {})[entry.row] = digest
            left: list[Digest] = []
            changed = False
            read = self._each(lambda place: self._read(*place), [*places.items()])
            for (file, rows), found in zip(places.items(), read):
                for row, digest in rows.items():
                    if found is not None and row in found:
                        yield (digest, *found[row])
                    else:
                        left.append(digest)
                if found is not None and (other := rows.keys() - found.keys()):
                    self._spoil(self._files[file].name, other)
                    changed = True
            if not left or pause is None:
                return
            if changed:
                self._forget()
            else:
                time.sleep(pause)
                self._stamp = None
            self.refresh()
            digests = left

    def _read(self, file: int, places: dict[int, Digest]) -> dict[int, tuple[str, Stored]] | None:
        """Rows of a part, those that are as they were written and under their keys; None where the
        part is gone."""
        name = self._files[file].name
        try:
            found = self._packed_rows(name, sorted(places)) if is_packed(name) else None
            if found is None:
                batch = self._recent.get(name) or self._batch(name)
                found = {row: batch.rows[row] for row in places if row < len(batch.rows)}
        except FileNotFoundError:
            return None
        except UNREADABLE:
            return {}
        return {row: held for row, held in found.items() if digest_of(held[0]) == places[row]}

    def _packed_rows(self, name: str, rows: list[int]) -> dict[int, tuple[str, Stored]]:
        found: dict[int, tuple[str, Stored]] = {}
        with self._packed(name) as part:
            groups = np.searchsorted(part.starts, rows, side="right") - 1
            for group, its in groupby(zip(groups.tolist(), rows), key=lambda pair: pair[0]):
                start, wanted = part.starts[group], [row for _, row in its]
                try:
                    table, sound = part.group(group)
                except UNREADABLE:
                    continue
                kept = [row for row in wanted if sound[row - start]]
                held = parts.stored_rows(table, [row - start for row in kept])
                found.update(zip(kept, held))
        return found

    def _spoil(self, name: str, rows: Iterable[int]) -> None:
        """Notes rows that are not what the index says. A batch is read whole again, and ignored if
        it cannot be read; of a packed part only these rows count for nothing."""
        new = {(name, row) for row in rows} - self._spoilt if is_packed(name) else None
        if new:
            self._spoilt |= new
            self._say(
                f"Ignoring {len(new):,} row{'s' * (len(new) > 1)} of {self._folder.name}/"
                f"{self._inside}/{name}, which cannot be read or are not as they were written."
            )

    # --- new parts ----------------------------------------------------------------------------

    def refresh(self) -> None:
        """Looks for the parts that came since the last time. Those that cannot be read, or hold
        what no generation is, are named and ignored. Unfinished where answers that were read or
        written are there no more.
        """
        seen: list[str] | None = None
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            names = self._listed()
            lost = self._refreshed(names, last=names == seen)
            if not lost:
                return
            # While others pack, parts go and come; what is lost is lost in a folder that rests.
            if names == seen:
                break
            seen, self._stamp = names, None
            time.sleep(pause)
        raise Unfinished(
            f"{len(lost):,} part{'s' * (len(lost) > 1)} of the store {self._folder.name} that "
            "this run has read or written are there no more: somebody removed them. Run the "
            "same command again; what is missing is generated anew."
        )

    def _refreshed(self, names: list[str] | None, *, last: bool) -> set[str]:
        """Takes in the new ones of the names of all parts (None: they are those of the last time).
        Gives the parts that are gone while their rows are nowhere else, and, but for the `last`
        time, those that went before they were read."""
        if names is None:
            new, gone = sorted(self._unreadable), set[str]()
        else:
            listed = set(names)
            new = [name for name in names if name not in self._ids]
            gone = self._ids.keys() - listed
        loaded: list[Entries] = []
        vanished: set[str] = set()
        outside = self._gone | {self._ids[name] for name in gone}
        for name, found in zip(new, self._each(self._load, new)):
            if isinstance(found, FileNotFoundError) and not last and name not in self._unreadable:
                vanished.add(name)
            elif isinstance(found, Exception):
                if name not in self._unreadable:
                    self._unreadable.add(name)
                    where = f"{self._folder.name}/{self._inside}/{name}"
                    self._say(f"Ignoring {where}, which cannot be read ({reason_of(found)}).")
            else:
                self._unreadable.discard(name)
                loaded += self._registered(*found)
        # In one go: a shelf of thousands of batches is opened in the time of one sort.
        self._add(loaded, outside)
        if gone:
            needed = {self._files[file].name for file in self._index.files() & outside}
            if lost := {name for name in needed & gone if not self._is_there(name)}:
                return lost
            for name in gone - needed:
                self._gone.add(self._ids.pop(name))
                self._drop_recent(name)
        return vanished

    def _listed(self) -> list[str] | None:
        """Names of the parts; None where they are those of the last time."""
        stamp = self._folder.stamp(self._inside)
        if stamp is not None and stamp == self._stamp and self._steady:
            return None
        now = time.monotonic()
        if stamp != self._stamp:
            self._stamp, self._stamped = stamp, now
        self._steady = now - self._stamped >= STEADY_SECONDS
        return [name for name in self._folder.names(self._inside) if name.endswith(".parquet")]

    def _is_there(self, name: str) -> bool:
        """Whether a part that no listing names can be read all the same."""
        try:
            self._folder.read(f"{self._inside}/{name}")
        except OSError:
            return False
        return True

    def _each(self, work: Callable[[T], R], these: Sequence[T]) -> Iterable[R]:
        """Does it to each, several at once where they are many."""
        if len(these) < MANY_FILES:
            return map(work, these)
        with ThreadPoolExecutor(self._folder.at_once) as pool:
            return list(pool.map(work, these))

    def _load(self, name: str) -> tuple[_File, Batch | Entries] | Exception:
        """A part as the index needs it, or what is wrong with it."""
        try:
            if is_packed(name):
                with self._packed(name) as part:
                    return self._indexed(name, part)
            batch = self._batch(name)
            order = (batch.rows[0][1].stage, batch.rows[0][1].run, name) if batch.rows else ()
            return _File(
                name, batch.whole, len(batch.rows), batch.nbytes, batch.packable, order
            ), batch
        except UNREADABLE as error:
            return error

    def _batch(self, name: str) -> Batch:
        content = self._folder.read(f"{self._inside}/{name}")
        return parts.read_batch(name, content, self._fingerprint)

    @contextlib.contextmanager
    def _packed(self, name: str) -> Iterator[PackedPart]:
        with self._folder.opened(f"{self._inside}/{name}") as source:
            yield PackedPart(source, self._fingerprint)

    def _indexed(self, name: str, part: PackedPart) -> tuple[_File, Entries]:
        table = part.columns("key", "error", "run")
        if sum(column.null_count for column in (table["key"], table["run"])):
            raise ValueError("a key or a run is missing in some row")
        rows = np.arange(len(table))
        failed = table["error"].is_valid().to_numpy(zero_copy_only=False)
        own = pc.equal(table["run"], self._run).to_numpy(zero_copy_only=False)
        entries = Entries.of(digests_of(table["key"]), 0, rows, failed, own)
        spoilt = [row for its, row in self._spoilt if its == name]
        return _File(name, True, len(rows), part.nbytes), entries[~np.isin(rows, spoilt)]

    def _registered(self, file: _File, held: Batch | Entries) -> list[Entries]:
        """Gives a part its number: its rows as they go into the index."""
        number = len(self._files)
        self._files.append(file)
        self._ids[file.name] = number
        if isinstance(held, Entries):
            digests = np.stack([held.first, held.second], axis=1)
            return [Entries.of(digests, number, held.row, held.failed, held.own)]
        self._keep_recent(held)
        if not held.rows:
            return []
        digests = np.array([digest_of(key) for key, _ in held.rows], np.uint64)
        failed = [stored.generation.error is not None for _, stored in held.rows]
        own = held.rows[0][1].run == self._run
        return [Entries.of(digests, number, np.arange(len(failed)), failed, own)]

    def _add(self, loaded: list[Entries], gone: set[int]) -> None:
        if loaded:
            self._index.add(joined(loaded), self._before, gone)
        while self._compared:
            self._compared.pop().origins = None

    def _before(self, one: Entry, other: Entry) -> bool:
        return self._rank(one) < self._rank(other)

    def _rank(self, entry: Entry) -> tuple[bool, bool, bool, str, bool, int, str]:
        """Of two rows with one key the lower counts: an answer before a failure, this run's failure
        before an older one (it is not tried again), one as it was written before one that another
        tool has, or may have, changed, then by the batch, the same for every reader; of one batch's
        row in two places the packed one, of two packed ones the larger."""
        file = self._files[entry.file]
        origin, loose = file.name, True
        if is_packed(file.name):
            if file.origins is None:
                file.origins = self._origins(file.name)
                self._compared.append(file)
            origin, loose = file.origins[entry.row], False
        foreign = entry.failed and not entry.own
        return (entry.failed, foreign, not file.whole, origin, loose, -file.rows, file.name)

    def _origins(self, name: str) -> list[str]:
        """The batch of each row of a packed part; of one that is gone, what counts after all."""
        try:
            with self._packed(name) as part:
                return [origin or "~" for origin in part.columns("part").column(0).to_pylist()]
        except UNREADABLE:
            return ["~"] * self._files[self._ids[name]].rows

    def _keep_recent(self, batch: Batch) -> None:
        self._drop_recent(batch.name)
        self._recent[batch.name] = batch
        self._recent_bytes += batch.nbytes
        while self._recent_bytes > RECENT_BYTES:
            self._drop_recent(next(iter(self._recent)))

    def _drop_recent(self, name: str) -> None:
        if (batch := self._recent.pop(name, None)) is not None:
            self._recent_bytes -= batch.nbytes

    # --- writing ------------------------------------------------------------------------------

    def commit(self, rows: Sequence[Answered], **about: str) -> None:
        """Writes a batch as one part, whole or not at all, and adds it to what `find` finds.

        about: facts for people who open the part (stage, model). Unfinished on a full disk.
        """
        name = f"{self._part([row.key for row in rows])}.parquet"
        content = parts.written(rows, self._fingerprint, self._run, about)
        self._folder.write(f"{self._inside}/{name}", content)
        self._unreadable.discard(name)
        stage = about.get("stage", "")
        held = [(r.key, Stored(r.generation, self._run, name, stage, whole=True)) for r in rows]
        packable = bool(rows) and about.keys() <= {"stage", "model"}
        batch = Batch(name, held, True, packable, len(content))
        file = _File(name, True, len(rows), len(content), packable, (stage, self._run, name))
        self._add(self._registered(file, batch), self._gone)

    def _part(self, keys: Sequence[str]) -> str:
        """Name of a batch: of its keys and what was tried before, so that one batch has one name
        and a retry another."""
        failed = {key: stored.part for key, stored in self.find(keys).items()}
        lines = "".join(f"{key} {failed.get(key, '')}\n" for key in keys)
        return hashlib.sha256(lines.encode()).hexdigest()[:32]

    # --- packing ------------------------------------------------------------------------------

    @property
    def crowded(self) -> bool:
        """Whether there are so many small parts that they are to be packed."""
        return self._may_pack and len(self._small()) >= PACK_FROM

    @property
    def packing_key(self) -> str:
        """What whoever packs this shelf claims, so that only one does. Nothing is lost where two
        do: each removes only what it has written elsewhere."""
        return json_hash(["pack", self._inside])

    def _small(self) -> list[_File]:
        here = (self._files[number] for number in self._ids.values())
        return [file for file in here if file.packable]

    def pack(self) -> None:
        """Packs the small parts into larger ones, and packed parts that are no larger than what
        joins them, so that each row is written again a few times at most.

        A part is removed when the packed one that holds its rows has been written and read back.
        All rows stay: the failures, too, and answers that do not count. Parts that another tool has
        written stay as they are. Where packing fails, that is said, and the run goes on without.
        """
        try:
            self.refresh()
            self._pack()
        except FileNotFoundError:
            return  # another has packed it meanwhile
        except (SuiteError, *UNREADABLE) as error:
            self._may_pack = False
            self._say(
                f"The parts of {self._folder.name}/{self._inside} could not be packed into larger "
                f"ones ({reason_of(error)}); nothing is lost by it."
            )

    def _sources(self) -> list[str]:
        """What is packed: the packed parts that join first, then batches, those of a stage
        together."""
        small = self._small()
        total = sum(file.rows for file in small)
        joining: list[str] = []
        here = [self._files[number] for number in self._ids.values()]
        larger = (file for file in here if is_packed(file.name))
        for file in sorted(larger, key=lambda file: (file.rows, file.name)):
            if file.rows > 2 * total or file.nbytes > PACKED_BYTES // 2:
                break
            joining.append(file.name)
            total += file.rows
        return joining + [file.name for file in sorted(small, key=lambda file: file.order)]

    def _pack(self) -> None:
        sources = self._sources()
        rest, own = iter(sources), {self._ids[name] for name in sources}
        carried: list[pa.Table] = []
        """Rows whose key the part before has already."""
        waiting: set[str] = set()
        """Parts that they come from."""
        while True:
            seen: set[tuple[str, str]] = set()
            keys: set[str] = set()
            tables, again = _first_of_each_key(carried, seen, keys)
            done, later = (set[str](), waiting) if again else (waiting, set[str]())
            nbytes = sum(table.nbytes for table in tables)
            while nbytes < PACKED_BYTES and (name := next(rest, None)) is not None:
                if (table := self._table(name)) is not None:
                    first, doubled = _first_of_each_key(self._not_held(table, own), seen, keys)
                    tables, again = tables + first, again + doubled
                    (later if doubled else done).add(name)
                    nbytes += table.nbytes
            if tables:
                self._write_packed(pa.concat_tables(tables), done)
            self._retire(done)
            if not tables:
                return
            carried, waiting = again, later

    def _not_held(self, table: pa.Table, sources: set[int]) -> list[pa.Table]:
        """The rows of a part but for those that a packed part which stays holds: a packing before
        was killed when it had written that one."""
        named = list(zip(table["key"].to_pylist(), table["part"].to_pylist()))
        entries = [self._index.get(digest_of(key)) for key, _ in named]
        elsewhere = {
            key
            for (key, _), entry in zip(named, entries)
            if entry and entry.file not in sources and is_packed(self._files[entry.file].name)
        }
        if not elsewhere:
            return [table]
        held = {key: stored.part for key, stored in self.find(elsewhere).items()}
        kept = [at for at, (key, part) in enumerate(named) if held.get(key) != part]
        return [table.take(kept)] if kept else []

    def _write_packed(self, table: pa.Table, done: set[str]) -> None:
        """Writes a packed part and reads it back; it takes the place of parts that are done."""
        name, content = parts.packed(table, self._fingerprint)
        if name not in self._ids:
            self._folder.write(f"{self._inside}/{name}", content)
        with self._packed(name) as part:
            for at in range(part.groups()):
                if not all(part.group(at)[1]):
                    raise ValueError(f"{name} reads otherwise than it was written")
            if part.starts[-1] != len(table):
                raise ValueError(f"{name} has other rows than were written")
            found = self._indexed(name, part)
        done.discard(name)
        outside = {self._ids[gone] for gone in done if gone in self._ids}
        if name not in self._ids:
            self._add(self._registered(*found), self._gone | outside)

    def _retire(self, done: set[str]) -> None:
        """Removes parts whose rows all stand in packed ones."""
        for gone in done:
            self._folder.remove(f"{self._inside}/{gone}")
            self._gone.add(self._ids.pop(gone))
            self._drop_recent(gone)

    def _table(self, name: str) -> pa.Table | None:
        """All rows of a part as a packed one has them; None for one that is no more, or is not as
        it was written."""
        try:
            if is_packed(name):
                with self._packed(name) as part:
                    groups = [part.group(at) for at in range(part.groups())]
                if not all(all(sound) for _, sound in groups):
                    return None
                tables = (table.replace_schema_metadata(None) for table, _ in groups)
                return pa.concat_tables(tables)
            content = self._folder.read(f"{self._inside}/{name}")
            batch = parts.read_batch(name, content, self._fingerprint)
            return parts.as_packed(batch, content) if batch.packable else None
        except UNREADABLE:
            return None


def _first_of_each_key(
    tables: Iterable[pa.Table], seen: set[tuple[str, str]], keys: set[str]
) -> tuple[list[pa.Table], list[pa.Table]]:
    """Parts tables in two: the first row of each key, and those whose key there is already, but of
    another batch. A row of the same key and batch is the same row and is left out."""
    first: list[pa.Table] = []
    again: list[pa.Table] = []
    for table in tables:
        one: list[int] = []
        more: list[int] = []
        for at, row in enumerate(zip(table["key"].to_pylist(), table["part"].to_pylist())):
            if row not in seen:
                (more if row[0] in keys else one).append(at)
                seen.add(row)
                keys.add(row[0])
        for chosen, into in ((one, first), (more, again)):
            if chosen:
                into.append(table if len(chosen) == len(table) else table.take(chosen))
    return first, again


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
        """Raises Unfinished where answers that this run has read or written are there no more."""
        for shelf in self._shelves.values():
            shelf.refresh()

    def find(self, fingerprint: dict[str, Any], keys: Iterable[str]) -> dict[str, Generation]:
        """Gives what one generator has under some keys, without keeping a shelf."""
        found = Shelf(self.folder, fingerprint, self.run, self._say).find(keys)
        return {key: stored.generation for key, stored in found.items()}

    def shelf(self, fingerprint: dict[str, Any]) -> Shelf:
        """The part of the store of one generator, read once and kept."""
        name = canonical_json(fingerprint)
        if name not in self._shelves:
            self._shelves[name] = Shelf(self.folder, fingerprint, self.run, self._say)
        return self._shelves[name]
