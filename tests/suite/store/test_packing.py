"""Packing on real folders: what is read stays the same for everybody, whenever it is killed."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from suite.base.files import Folder
from suite.errors import Unfinished
from suite.requests import Generation
from suite.store import Shelf, Store, index, parts, shelf
from suite.store.parts import SCHEMA
from tests.house import ROOT
from tests.suite.test_store import FINGERPRINT, parts_of, row
from tests.suite.world import finish, texts, walk_in


def shelf_in(folder: Path, run: str = "r", said: list[str] | None = None) -> Shelf:
    return Store(folder, run=run, say=None if said is None else said.append).shelf(FINGERPRINT)


def filled(folder: Path, batches: int = 8, run: str = "r") -> dict[str, Generation]:
    """Two answers in each of some batches: what is stored, by key."""
    writer, want = shelf_in(folder, run), dict[str, Generation]()
    for n in range(batches):
        rows = [row(f"{n} {at}", f"{run} {n} {at} " * 20) for at in range(2)]
        writer.commit(rows, stage="answer" if n % 2 else "perceive", model="m")
        want |= {line.key: line.generation for line in rows}
    return want


def answers(found: Shelf) -> dict[str, Generation]:
    return {key: stored.generation for key, stored in found.rows()}


def rows_in_files(folder: Path) -> Counter[tuple[str, str]]:
    """How often each row, of a key and a batch, stands in the parts."""
    found: Counter[tuple[str, str]] = Counter()
    for path in parts_of(folder):
        table = pq.read_table(path)
        own = [path.name] * len(table)
        batches = table["part"].to_pylist() if "part" in table.column_names else own
        found.update(zip(table["key"].to_pylist(), batches))
    return found


def test_a_packed_shelf_says_what_its_batches_said(tmp_path: Path) -> None:
    want = filled(tmp_path)
    before = dict(shelf_in(tmp_path).rows())
    live = shelf_in(tmp_path, "reader")
    shelf_in(tmp_path, "packer").pack()
    (part,) = parts_of(tmp_path)
    assert dict(shelf_in(tmp_path).rows()) == before
    assert shelf_in(tmp_path).find(want).keys() == want.keys()
    assert answers(live) == want  # it knew the batches, which are gone
    live.refresh()
    assert len(live) == len(want)
    again = shelf_in(tmp_path)
    again.commit([row("later")])
    assert shelf_in(tmp_path).settled("later")
    # Whatever reads a batch reads a packed part: the same columns, each key once.
    table = pq.read_table(part)
    assert table.select(SCHEMA.names).schema.remove_metadata() == SCHEMA
    assert len(set(table["key"].to_pylist())) == len(want)


def test_what_counts_for_whom_is_the_same_after_packing(tmp_path: Path) -> None:
    """Failures of two runs, an answer after a failure, and two answers to one key."""
    one, two = shelf_in(tmp_path, "one"), shelf_in(tmp_path, "two")
    for writer, text in ((one, "first"), (two, "second")):
        writer.commit([row("failed", error=f"{text} time"), row(text)])
        writer.commit([row("mended", error="no") if writer is one else row("mended", "A")])
    shelf_in(tmp_path, "three").commit([row("doubled", "x"), row("a")])
    shelf_in(tmp_path, "four")
    late = shelf_in(tmp_path, "five")
    late.commit([row("doubled", "y"), row("b")])
    runs = ("one", "two", "other")
    before = {run: dict(shelf_in(tmp_path, run).rows()) for run in runs}
    live = {run: shelf_in(tmp_path, run) for run in runs}
    rows = rows_in_files(tmp_path)
    for _ in range(2):
        shelf_in(tmp_path, "packer").pack()
        assert rows_in_files(tmp_path) == rows
        for run in runs:
            assert dict(shelf_in(tmp_path, run).rows()) == before[run], run
            live[run].refresh()
            assert dict(live[run].rows()) == before[run], run
        shelf_in(tmp_path, "six").commit([row(f"more {time.time()}")])
        rows = rows_in_files(tmp_path)
        before = {run: dict(shelf_in(tmp_path, run).rows()) for run in runs}
    assert shelf_in(tmp_path, "one").settled("failed")
    assert not shelf_in(tmp_path, "other").settled("failed")
    # A retry has the name that it would have had.
    names = {path.name for path in parts_of(tmp_path)}
    shelf_in(tmp_path, "other").commit([row("failed")])
    (new,) = {path.name for path in parts_of(tmp_path)} - names
    assert not new.startswith(parts.PACKED_MARK)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("removals", [0, 1, 5])
def test_a_killed_packing_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removals: int
) -> None:
    want = filled(tmp_path)
    left = [removals]

    def remove(self: Folder, name: str) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        (tmp_path / name).unlink()

    packer = shelf_in(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Folder, "remove", remove)
        with pytest.raises(Killed):
            packer.pack()
    assert len(parts_of(tmp_path)) == 9 - removals
    reader = shelf_in(tmp_path)
    assert (answers(reader), len(reader)) == (want, len(want))
    shelf_in(tmp_path).pack()
    assert answers(shelf_in(tmp_path)) == want
    assert rows_in_files(tmp_path).most_common(1)[0][1] == 1
    assert len(parts_of(tmp_path)) == 1


def noted(part: Path) -> None:
    """Somebody has added a column."""
    table = pq.read_table(part)
    pq.write_table(table.append_column("note", pa.array(["mine"] * len(table))), part)


def retold(part: Path) -> None:
    """Somebody has tried other texts."""
    table = pq.read_table(part)
    at = table.column_names.index("text")
    pq.write_table(table.set_column(at, "text", pa.array(["other"] * len(table))), part)


def explained(part: Path) -> None:
    """Somebody has noted something in the file's own words."""
    table = pq.read_table(part)
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, "who": "me"}), part)


@pytest.mark.parametrize(
    "change", [noted, retold, explained, lambda part: part.write_bytes(b"PAR1 nothing")]
)
def test_what_another_tool_has_written_is_not_packed(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    filled(tmp_path)
    foreign = parts_of(tmp_path)[2]
    change(foreign)
    content, before = foreign.read_bytes(), dict(shelf_in(tmp_path).rows())
    shelf_in(tmp_path).pack()
    assert foreign.read_bytes() == content
    assert len(parts_of(tmp_path)) == 2
    assert dict(shelf_in(tmp_path).rows()) == before


def test_no_changed_byte_of_a_packed_part_is_read_as_another_answer(tmp_path: Path) -> None:
    want = filled(tmp_path)
    shelf_in(tmp_path).pack()
    (part,) = parts_of(tmp_path)
    whole = part.read_bytes()
    for at in range(0, len(whole), 11):
        part.write_bytes(whole[:at] + bytes([whole[at] ^ 0x11]) + whole[at + 1 :])
        found = shelf_in(tmp_path)
        found.verify(want)
        assert {key for key in want if found.settled(key)} == answers(found).keys(), at
        assert answers(found).items() <= want.items(), at


@pytest.mark.parametrize("name", ["text", "error", "run", "part", "seconds"])
def test_changed_rows_of_a_packed_part_are_named_and_count_for_nothing(
    tmp_path: Path, name: str
) -> None:
    want = filled(tmp_path)
    shelf_in(tmp_path).pack()
    (part,) = parts_of(tmp_path)
    table = pq.read_table(part)
    values = table[name].to_pylist()
    values[3] = 77.0 if name == "seconds" else "other"
    at = table.column_names.index(name)
    pq.write_table(table.set_column(at, table.field(name), pa.array(values)), part)
    said: list[str] = []
    found = shelf_in(tmp_path, said=said)
    found.verify(want)
    key = table["key"][3].as_py()
    assert not found.settled(key)
    assert found.find(want).keys() == want.keys() - {key}
    assert said == [
        f"Ignoring 1 row of {part}, which cannot be read or are not as they were written."
    ]
    found.commit([row(key, "anew")])
    assert answers(shelf_in(tmp_path))[key].text == "anew"


def test_a_packed_part_that_is_removed_is_told(tmp_path: Path) -> None:
    filled(tmp_path)
    shelf_in(tmp_path).pack()
    found = shelf_in(tmp_path)
    parts_of(tmp_path)[0].unlink()
    with pytest.raises(Unfinished) as caught:
        found.refresh()
    assert str(caught.value).startswith(f"1 part of the store {tmp_path} that this run has read")


def test_a_full_disk_while_packing_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    want, said = filled(tmp_path), list[str]()
    packer = shelf_in(tmp_path, said=said)

    def no_space(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(target))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", no_space)
        patched.setattr(shelf, "PACK_FROM", 2)
        assert packer.crowded
        packer.pack()
        assert not packer.crowded
    assert len(said) == 1
    assert said[0].startswith(f"The parts of {parts_of(tmp_path)[0].parent} could not be packed")
    assert (answers(packer), answers(shelf_in(tmp_path))) == (want, want)


def test_a_refresh_lists_and_reads_nothing_that_it_has_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path)
    monkeypatch.setattr(shelf, "STEADY_SECONDS", 0.0)
    found = shelf_in(tmp_path)
    asked: list[str] = []
    for name in ("names", "read", "opened"):
        told = getattr(Folder, name)

        def ask(self: Folder, what: str, told: Callable[[Folder, str], object] = told) -> object:
            asked.append(what)
            return told(self, what)

        monkeypatch.setattr(Folder, name, ask)
    found.refresh()
    assert asked == []
    shelf_in(tmp_path).commit([row("new")])
    asked.clear()
    found.refresh()
    assert found.settled("new")
    assert len(asked) == 2  # a listing, and the new part


def test_only_the_wanted_parts_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    want = filled(tmp_path)
    monkeypatch.setattr(shelf, "RECENT_BYTES", 0)
    found = shelf_in(tmp_path)
    asked: list[str] = []
    read = Folder.read

    def ask(self: Folder, name: str) -> bytes:
        asked.append(name)
        return read(self, name)

    monkeypatch.setattr(Folder, "read", ask)
    assert found.find(["3 0", "3 1", "absent"]).keys() == {"3 0", "3 1"}
    assert len(asked) == 1
    assert all(found.settled(key) for key in want)
    assert len(asked) == 1


def test_rows_that_join_are_written_again_few_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 packings of 4 batches: parts of growing size, as many as the total has doubled."""
    written: list[int] = []
    packed = parts.packed

    def write(table: pa.Table, fingerprint: str) -> tuple[str, bytes]:
        written.append(len(table))
        return packed(table, fingerprint)

    monkeypatch.setattr(parts, "packed", write)
    packer, want = shelf_in(tmp_path), 0
    for n in range(64):
        for at in range(4):
            packer.commit([row(f"{n} {at}")])
            want += 1
        packer.pack()
    assert len(packer) == len(shelf_in(tmp_path)) == want == sum(rows_in_files(tmp_path).values())
    assert len(parts_of(tmp_path)) <= 8
    assert sum(written) <= 8 * want


def test_packed_parts_stay_within_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    want = filled(tmp_path, 20)
    monkeypatch.setattr(shelf, "PACKED_BYTES", 3000)
    shelf_in(tmp_path).pack()
    assert 2 < len(parts_of(tmp_path)) < 20
    assert answers(shelf_in(tmp_path)) == want
    assert set(rows_in_files(tmp_path).values()) == {1}


def test_two_that_pack_and_two_that_write_at_once(tmp_path: Path) -> None:
    filled(tmp_path, 30)
    faults: list[BaseException] = []
    ended = threading.Event()

    def pack() -> None:
        try:
            packer = shelf_in(tmp_path, "packer")
            while not ended.is_set():
                packer.pack()
                assert packer.crowded is False
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=pack) for _ in range(2)]
    for thread in threads:
        thread.start()
    writer, keys = shelf_in(tmp_path, "writer"), []
    try:
        for n in range(40):
            keys.append(f"new {n}")
            writer.commit([row(keys[-1])])
            writer.refresh()
            assert writer.find(keys).keys() == set(keys)
            assert len(shelf_in(tmp_path)) == len(writer) == 60 + n + 1
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert faults == []


def test_the_engine_packs_and_the_study_stays_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "calm").mkdir()
    calm = walk_in(tmp_path / "calm", count=12)
    finish(calm)
    monkeypatch.setattr(shelf, "PACK_FROM", 3)
    finish(walk_in(tmp_path, count=12))
    assert any(path.name.startswith(parts.PACKED_MARK) for path in parts_of(tmp_path / "store"))
    assert len(parts_of(tmp_path / "store")) < len(parts_of(tmp_path / "calm" / "store"))
    again = walk_in(tmp_path, run="again", count=12)
    assert finish(again).asked == []
    assert texts(again) == texts(calm)
    assert list((tmp_path / "store" / "claims").iterdir()) == []


def test_an_index_finds_what_a_dictionary_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of few keys in many files, some of which go: large and small additions, in any order."""
    monkeypatch.setattr(index, "FRESH", 16)
    chance = random.Random(5)
    for _ in range(30):
        found, want, gone = index.Index(), dict[tuple[int, int], index.Entry](), set[int]()
        for file in range(12):
            size = chance.choice([1, 5, 60])
            # First halves are equal on purpose: both halves tell keys apart.
            digests = [(chance.randrange(8) << 61, chance.randrange(12)) for _ in range(size)]
            rows = list(range(size))
            failed = [chance.random() < 0.5 for _ in rows]
            gone |= {chance.randrange(12)} - {file} if chance.random() < 0.3 else set()
            entries = index.Entries.of(np.array(digests, np.uint64), file, rows, failed, False)
            found.add(entries, lambda one, other: one[2] < other[2], gone)
            for digest, place, fails in zip(digests, rows, failed):
                entry, known = index.Entry(file, place, fails, False), want.get(digest)
                if known is None or known.file in gone or entry.failed < known.failed:
                    want[digest] = entry
            assert len(found) == len(want)
            for digest, entry in want.items():
                held = found.get(digest)
                assert held is not None
                assert (held.file, held.failed) == (entry.file, entry.failed)
        assert sorted(d for digests in found.by_file() for d in digests) == sorted(want)


PACKER = """
import sys
from suite.store import Store
while True:
    Store(sys.argv[1], run="p").shelf({"weights": "abc"}).pack()
    print("packed", flush=True)
"""


@pytest.mark.slow
def test_packing_killed_at_random_moments_beside_a_writer(tmp_path: Path) -> None:
    chance = random.Random(11)
    want = filled(tmp_path, 40)
    writer = shelf_in(tmp_path, "w")
    for n in range(12):
        child = subprocess.Popen(
            [sys.executable, "-c", PACKER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT
        )
        assert child.stdout is not None
        child.stdout.readline()
        until = time.monotonic() + chance.uniform(0.0, 0.3)
        while time.monotonic() < until:
            rows = [row(f"{n} {time.monotonic()}")]
            writer.commit(rows)
            want |= {line.key: line.generation for line in rows}
        child.kill()
        child.communicate()
        assert answers(shelf_in(tmp_path)) == want
    writer.refresh()
    shelf_in(tmp_path).pack()
    assert answers(shelf_in(tmp_path)) == want
