"""The index of a shelf: where the row of each key lies, in arrays of 26 bytes a key.

Ten million keys are 260 MB of arrays. A process that opens a million packed rows grows by 235 bytes
a row (results/benchmarks/store.csv), most of it what reading the keys leaves to the allocator.

In: the keys of parts, with what decides which of two rows of one key counts. Out: the place of a
row, and whether it is a failure and of this run. No text, and no name of a run, is held.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

_HEX = re.compile(rb"[0-9a-f]*")
_DIGITS, _TAKEN = 64, 32
"""Hexadecimal digits of a key, and of those that tell it from any other."""
_WORD = (1 << 64) - 1
FRESH, PART_OF_ALL = 4096, 64
"""Rows that lie apart, so that one more does not move all the others: so many, or this part."""


Digest = tuple[int, int]
"""The two numbers, of 64 bits each, under which a key is found."""


class Entry(NamedTuple):
    """The row that counts for a key."""

    file: int
    row: int
    failed: bool
    own: bool
    """Whether this run committed it."""


@dataclass(frozen=True)
class Entries:
    """Rows that come into the index together: arrays of one length."""

    first: np.ndarray
    second: np.ndarray
    """Digest of the key: uint64 each."""
    file: np.ndarray
    row: np.ndarray
    """uint32."""
    failed: np.ndarray
    own: np.ndarray
    """bool."""

    @classmethod
    def of(cls, digests: np.ndarray, file: Any, row: Any, failed: Any, own: Any) -> Entries:
        """Gives entries of digests, (n, 2), and what may be one number for all of them."""
        n = len(digests)
        numbers = (np.broadcast_to(np.asarray(column, np.uint32), n) for column in (file, row))
        marks = (np.broadcast_to(np.asarray(column, bool), n) for column in (failed, own))
        return cls(digests[:, 0], digests[:, 1], *numbers, *marks)

    @property
    def columns(self) -> tuple[np.ndarray, ...]:
        """All of them, in order."""
        return (self.first, self.second, self.file, self.row, self.failed, self.own)

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, chosen: np.ndarray) -> Entries:
        return Entries(*(column[chosen] for column in self.columns))

    def digest(self, at: int) -> Digest:
        """Gives the digest of one of them."""
        return int(self.first[at]), int(self.second[at])

    def entry(self, at: int) -> Entry:
        """Gives one of them."""
        _, _, file, row, failed, own = self.columns
        return Entry(int(file[at]), int(row[at]), bool(failed[at]), bool(own[at]))


def joined(parts: Sequence[Entries]) -> Entries:
    """Gives several as one."""
    return Entries(*(np.concatenate(columns) for columns in zip(*(p.columns for p in parts))))


def digest_of(key: str) -> Digest:
    """Gives the two numbers under which a key is found: of a SHA-256 its first 32 digits."""
    content = key.encode()
    if len(content) == _DIGITS and _HEX.fullmatch(content):
        number = int(content[:_TAKEN], 16)
    else:
        number = int.from_bytes(hashlib.sha256(content).digest()[: _TAKEN // 2], "big")
    return number >> 64, number & _WORD


def digests_of(keys: pa.ChunkedArray) -> np.ndarray:
    """Gives the numbers of a column of keys: uint64, two a row."""
    return np.concatenate(
        [np.zeros((0, 2), np.uint64), *(_digests(chunk) for chunk in keys.chunks)]
    )


def _digests(keys: pa.StringArray) -> np.ndarray:
    _, offsets, letters = keys.buffers()
    ends = np.frombuffer(offsets, np.int32)[keys.offset : keys.offset + len(keys) + 1]
    if len(keys) and (np.diff(ends) == _DIGITS).all():
        content = memoryview(letters)[int(ends[0]) : int(ends[-1])]
        if _HEX.fullmatch(content):
            taken = np.frombuffer(content, np.uint8).reshape(-1, _DIGITS)[:, :_TAKEN]
            numbers = np.frombuffer(bytes.fromhex(taken.tobytes().decode()), ">u8")
            return numbers.astype(np.uint64).reshape(-1, 2)
    return np.array([digest_of(key) for key in keys.to_pylist()], np.uint64).reshape(-1, 2)


Before = Callable[[Entry, Entry], bool]
"""Whether the first of two rows of one key counts before the second."""


class Index:
    """The rows that count, by key."""

    def __init__(self) -> None:
        self._sorted = Entries.of(np.zeros((0, 2), np.uint64), 0, 0, False, False)
        self._fresh: dict[Digest, Entry] = {}

    def __len__(self) -> int:
        return len(self._sorted) + len(self._fresh)

    def get(self, digest: Digest) -> Entry | None:
        """Gives the row of a key."""
        found = self._fresh.get(digest)
        if found is None and (at := self._at(digest)) is not None:
            found = self._sorted.entry(at)
        return found

    def _at(self, digest: Digest) -> int | None:
        first, second = self._sorted.first, self._sorted.second
        at = int(np.searchsorted(first, np.uint64(digest[0])))
        while at < len(first) and int(first[at]) == digest[0]:
            if int(second[at]) == digest[1]:
                return at
            at += 1
        return None

    def add(self, new: Entries, before: Before, gone: set[int]) -> None:
        """Adds rows. Of two of one key the one counts that is `before` the other; one of a file
        that is `gone` counts for nothing."""
        new = new[np.lexsort((new.second, new.first))]
        same = (new.first[1:] == new.first[:-1]) & (new.second[1:] == new.second[:-1])
        singly = np.zeros(len(new), bool)
        singly[1:] |= same
        singly[:-1] |= same
        if self._fresh:
            digests = (new.digest(at) in self._fresh for at in range(len(new)))
            singly |= np.fromiter(digests, bool, len(new))
        if len(self._sorted):
            # Most often these are known rows in a new place: they are moved in one go.
            at = np.searchsorted(self._sorted.first, new.first).clip(max=len(self._sorted) - 1)
            near = self._sorted.first[at] == new.first
            moved = near & ~singly & (self._sorted.second[at] == new.second)
            moved &= np.isin(self._sorted.file[at], list(gone))
            for known, column in zip(self._sorted.columns, new.columns):
                known[at[moved]] = column[moved]
            new, singly = new[~moved], (singly | near)[~moved]
        if len(new) > FRESH:
            self._merge(new[~singly])
        else:
            singly[:] = True
        for one in np.flatnonzero(singly).tolist():
            self._put(new.digest(one), new.entry(one), before, gone)
        if len(self._fresh) > max(FRESH, len(self._sorted) // PART_OF_ALL):
            self._merge()

    def _put(self, digest: Digest, entry: Entry, before: Before, gone: set[int]) -> None:
        at = None if digest in self._fresh else self._at(digest)
        known = self._fresh.get(digest) if at is None else self._sorted.entry(at)
        if known is not None and known.file not in gone and not before(entry, known):
            return
        if at is None:
            self._fresh[digest] = entry
        else:
            for column, value in zip(self._sorted.columns[2:], entry):
                column[at] = value

    def _merge(self, *more: Entries) -> None:
        parts = [self._sorted, *more]
        if self._fresh:
            digests = np.array(list(self._fresh), np.uint64)
            parts.append(Entries.of(digests, *(list(c) for c in zip(*self._fresh.values()))))
        everything = joined(parts)
        self._sorted = everything[np.argsort(everything.first, kind="stable")]
        self._fresh = {}

    def files(self) -> set[int]:
        """Gives the files that have rows that count."""
        return {*np.unique(self._sorted.file).tolist(), *(e.file for e in self._fresh.values())}

    def by_file(self) -> Iterator[list[Digest]]:
        """Gives the digests of all keys, those of a file together and in the order of its rows."""
        everything = self._sorted
        order = np.lexsort((everything.row, everything.file))
        cuts = np.flatnonzero(np.diff(everything.file[order])) + 1
        first, second = everything.first, everything.second
        fresh: dict[int, list[tuple[int, Digest]]] = {}
        for digest, entry in self._fresh.items():
            fresh.setdefault(entry.file, []).append((entry.row, digest))
        for chosen in np.split(order, cuts):
            yield list(zip(first[chosen].tolist(), second[chosen].tolist()))
        for found in fresh.values():
            yield [digest for _, digest in sorted(found)]
