"""The store on real folders: whole parts, unreadable ones, failures, claims, full disks."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from suite.base.files import Folder
from suite.engine.claims import STALE_SECONDS, Claim, Claims, live_claims
from suite.errors import SuiteError, Unfinished
from suite.requests import Decoding, Generation, Message, Request
from suite.store import Answered, Store

FINGERPRINT = {"weights": "abc"}


def row(key: str, text: str = "A", error: str | None = None) -> Answered:
    request = Request("ocr", key, (Message("user", "q"),), Decoding())
    answer = Generation(text, "thought", "stop", 3, 2, 0.5, error)
    return Answered(key, request, answer)


def parts_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("parts/*/*.parquet"))


def test_what_was_committed_is_read_again_exactly(tmp_path: Path) -> None:
    rows = [row("k1", "red é\n"), row("k2", error="unreadable image")]
    Store(tmp_path, run="r").shelf(FINGERPRINT).commit(rows, stage="answer", model="vlm-s")
    shelf = Store(tmp_path, run="s").shelf(FINGERPRINT)
    for line in rows:
        stored = shelf.get(line.key)
        assert stored is not None
        assert (stored.generation, stored.run, stored.stage) == (line.generation, "r", "answer")
    assert len(parts_of(tmp_path)) == 1
    assert not list(tmp_path.rglob(".writing-*"))


def test_generators_do_not_see_each_other(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.shelf(FINGERPRINT).commit([row("k")])
    assert store.shelf({"weights": "other"}).get("k") is None


def test_a_memory_address_works_like_a_folder() -> None:
    store = Store("memory://downscale-test-store")
    store.shelf(FINGERPRINT).commit([row("k")])
    again = Store("memory://downscale-test-store").shelf(FINGERPRINT).get("k")
    assert again is not None
    assert again.generation.text == "A"
    claims = Claims(store.folder)
    assert claims.take(["k"])
    assert not Claims(store.folder).take(["k"])
    claims.close()
    assert Claims(store.folder).take(["k"])


@pytest.mark.parametrize("content", [b"", b"PAR1 nothing", b"\0" * 500])
def test_unreadable_parts_are_named_ignored_and_made_again(tmp_path: Path, content: bytes) -> None:
    Store(tmp_path).shelf(FINGERPRINT).commit([row("k")])
    (part,) = parts_of(tmp_path)
    part.write_bytes(content)
    said: list[str] = []
    shelf = Store(tmp_path, say=said.append).shelf(FINGERPRINT)
    assert shelf.get("k") is None
    assert len(said) == 1
    assert said[0].startswith(f"Ignoring {part}, which cannot be read (")
    shelf.refresh()
    assert len(said) == 1
    shelf.commit([row("k")])
    assert parts_of(tmp_path) == [part]
    assert Store(tmp_path).shelf(FINGERPRINT).get("k") is not None


def test_truncated_part(tmp_path: Path) -> None:
    Store(tmp_path).shelf(FINGERPRINT).commit([row(f"k{i}") for i in range(50)])
    (part,) = parts_of(tmp_path)
    part.write_bytes(part.read_bytes()[:-20])
    assert Store(tmp_path).shelf(FINGERPRINT).get("k1") is None


def test_failures_are_settled_for_their_run_only(tmp_path: Path) -> None:
    first = Store(tmp_path, run="one").shelf(FINGERPRINT)
    first.commit([row("k", error="out of memory")])
    assert first.settled("k")
    second = Store(tmp_path, run="two").shelf(FINGERPRINT)
    assert not second.settled("k")
    second.commit([row("k", "A")])
    for reader in (first, Store(tmp_path, run="three").shelf(FINGERPRINT)):
        reader.refresh()
        stored = reader.get("k")
        assert stored is not None
        assert stored.generation.error is None
    assert len(parts_of(tmp_path)) == 2


def test_a_second_failure_does_not_replace_the_first_part(tmp_path: Path) -> None:
    Store(tmp_path, run="one").shelf(FINGERPRINT).commit([row("k", error="first")])
    second = Store(tmp_path, run="two").shelf(FINGERPRINT)
    second.commit([row("k", error="second")])
    assert len(parts_of(tmp_path)) == 2
    assert second.settled("k")
    third = Store(tmp_path, run="two").shelf(FINGERPRINT)  # a worker of the same run
    assert third.settled("k")


def test_one_key_twice_reads_the_same_for_everybody(tmp_path: Path) -> None:
    shelf = Store(tmp_path, run="a").shelf(FINGERPRINT)
    other = Store(tmp_path, run="b").shelf(FINGERPRINT)
    shelf.commit([row("k", "first"), row("x")])
    other.commit([row("k", "second"), row("y")])
    shelf.refresh()
    other.refresh()
    found = {reader.get("k") for reader in (shelf, other, Store(tmp_path).shelf(FINGERPRINT))}
    assert len(found) == 1


def test_parts_name_their_run_and_generator(tmp_path: Path) -> None:
    Store(tmp_path, run="r").shelf(FINGERPRINT).commit([row("k")], stage="answer")
    metadata = pq.read_schema(parts_of(tmp_path)[0]).metadata
    assert metadata[b"run"] == b"r"
    assert json.loads(metadata[b"generator"]) == FINGERPRINT


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Store(tmp_path).shelf(FINGERPRINT)
    shelf.commit([row("k1")])

    def no_space(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(target))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", no_space)
        with pytest.raises(Unfinished) as caught:
            shelf.commit([row("k2")])
    assert str(caught.value) == (
        f"The disk of {tmp_path} is full: free some space and run the same command again; all that "
        "was finished is kept."
    )
    assert not list(tmp_path.rglob(".writing-*"))
    again = Store(tmp_path).shelf(FINGERPRINT)
    assert again.get("k1") is not None
    assert again.get("k2") is None


def test_unwritable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, content: bytes) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(SuiteError) as caught:
        Folder(tmp_path).write("claims/x", b"")
    assert str(caught.value) == (
        f"Cannot write to {tmp_path} (Permission denied): change its rights or choose another "
        "folder with --out or --store."
    )


# --- claims -----------------------------------------------------------------------------------


def test_claims_exclude_each_other_until_released(tmp_path: Path) -> None:
    one, two = Claims(Folder(tmp_path)), Claims(Folder(tmp_path))
    assert one.take(["a", "b"])
    assert not two.take(["b", "c"])
    assert two.take(["c"])
    assert not one.take(["c"])  # and one gives up a and b with that
    assert one.take(["a"])
    two.close()
    assert one.take(["a", "c"])
    one.close()
    assert live_claims(Folder(tmp_path)) == []
    assert list((tmp_path / "claims").iterdir()) == []


def test_a_dead_process_claims_nothing(tmp_path: Path) -> None:
    code = (
        "import os, signal; from suite.engine.claims import Claims;"
        "from suite.base.files import Folder;"
        f"assert Claims(Folder({str(tmp_path)!r})).take(['a']); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -9
    (left,) = (tmp_path / "claims").iterdir()
    claims = Claims(Folder(tmp_path))
    assert claims.take(["a"])
    assert not left.exists()
    claims.close()


def claim_of_this_process(folder: Path) -> dict[str, Any]:
    claims = Claims(Folder(folder))
    assert claims.take(["a"])
    (path,) = (folder / "claims").iterdir()
    record: dict[str, Any] = json.loads(path.read_text())
    claims.close()
    return record


def is_alive(record: dict[str, Any]) -> bool:
    claim = Claim.read("x.json", json.dumps(record).encode())
    assert claim is not None
    return claim.alive


def test_a_process_number_that_is_used_again_is_another_process(tmp_path: Path) -> None:
    record = claim_of_this_process(tmp_path)
    assert is_alive(record)
    assert not is_alive({**record, "started": "1"})


def test_other_machines_live_as_long_as_they_renew(tmp_path: Path) -> None:
    record = {**claim_of_this_process(tmp_path), "machine": "elsewhere", "pid": 1}
    assert is_alive(record)
    assert not is_alive({**record, "beat": record["beat"] - STALE_SECONDS - 1})


def test_claims_are_renewed(tmp_path: Path) -> None:
    claims = Claims(Folder(tmp_path), beat_seconds=0.01)
    assert claims.take(["a"])
    (path,) = (tmp_path / "claims").iterdir()
    path.unlink()
    for _ in range(1000):
        if path.exists():
            break
        time.sleep(0.005)
    assert json.loads(path.read_text())["keys"] == ["a"]
    claims.close()
    assert not path.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"pid": 10**30},
        {"pid": -1},  # as os.kill has it: every process
        {"pid": 0},
        {"pid": "1"},
        {"pid": True},
        {"pid": None},
        {"started": ""},
        {"started": 5},
        {"machine": None},
        {"keys": 5},
        {"keys": [["a"]]},
        {"keys": [5, "a"]},
        {"machine": "elsewhere", "beat": float("nan")},
        {"machine": "elsewhere", "beat": float("inf")},
        {"machine": "elsewhere", "beat": "soon"},
        {"machine": "elsewhere", "beat": None},
        {"machine": "elsewhere", "beat": 10**400},
    ],
    ids=str,
)
def test_a_claim_that_no_process_wrote_is_passed_over(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    record = {**claim_of_this_process(tmp_path), **change}
    (tmp_path / "claims" / "x.json").write_text(json.dumps(record))
    claims = Claims(Folder(tmp_path))
    assert claims.take(["a"])
    claims.close()


@pytest.mark.parametrize("content", [b"{not json", b"{}", b"[]", b"5", b"\xff", b"[" * 100_000])
def test_a_file_that_is_no_claim_is_passed_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "x.json").write_bytes(content)
    (tmp_path / "claims" / "folder.json").mkdir()
    claims = Claims(Folder(tmp_path))
    assert claims.take(["a"])
    claims.close()


def test_who_holds_what_and_what_to_do_about_it(tmp_path: Path) -> None:
    record = {**claim_of_this_process(tmp_path), "machine": "gpu7/boot/pid:[1]", "pid": 12}
    path = tmp_path / "claims" / "other.json"
    path.write_text(json.dumps(record))
    claims = Claims(Folder(tmp_path))
    assert not claims.take(["a"])
    assert claims.holders[0].advice == (
        "process 12 on gpu7 holds them; if it is dead, they are taken over 180 s after its last "
        "sign of life"
    )
    path.unlink()
    assert claims.take(["a"])
    assert claims.holders == []
    other = Claims(Folder(tmp_path))
    assert not other.take(["a"])
    own = other.holders[0]
    assert own.advice.endswith(
        f"process {own.pid} on {own.machine.partition('/')[0]} holds them; `kill {own.pid}` ends "
        "it and leaves them to this run"
    )
    claims.close()


def test_closing_hides_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claims = Claims(Folder(tmp_path))
    assert claims.take(["a"])

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise OSError(30, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "unlink", refuse)
    claims.close()


@pytest.mark.parametrize("inside", ["", "claims", "parts", "parts/{shelf}"])
def test_a_file_in_the_place_of_a_folder_is_the_cause_that_is_told(
    tmp_path: Path, inside: str
) -> None:
    Store(tmp_path / "other").shelf(FINGERPRINT).commit([row("k")])
    (part,) = parts_of(tmp_path / "other")
    file = tmp_path / "store" / inside.format(shelf=part.parent.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("")

    def work() -> None:
        claims = Claims(Folder(tmp_path / "store"))
        try:
            shelf = Store(tmp_path / "store").shelf(FINGERPRINT)
            claims.take(["k"])
            shelf.commit([row("k")])
        finally:
            claims.close()

    with pytest.raises(SuiteError) as caught:
        work()
    assert str(caught.value) == f"{file} is a file where a folder is needed: remove or rename it."


def test_a_folder_in_the_place_of_a_part_is_named(tmp_path: Path) -> None:
    Store(tmp_path).shelf(FINGERPRINT).commit([row("k")])
    (part,) = parts_of(tmp_path)
    part.unlink()
    part.mkdir()
    said: list[str] = []
    shelf = Store(tmp_path, say=said.append).shelf(FINGERPRINT)
    assert len(said) == 1
    with pytest.raises(SuiteError) as caught:
        shelf.commit([row("k")])
    assert str(caught.value) == f"{part} is a folder where a file is needed: remove or rename it."


def test_a_dead_claim_of_a_clock_ahead_ends_when_it_was_long_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {**claim_of_this_process(tmp_path), "machine": "elsewhere"}
    record["beat"] += 86_400
    path = tmp_path / "claims" / "other.json"
    path.write_text(json.dumps(record))
    now = 1000.0
    monkeypatch.setattr("suite.engine.claims.time.monotonic", lambda: now)
    claims = Claims(Folder(tmp_path))
    assert not claims.take(["a"])
    now += STALE_SECONDS - 1
    assert not claims.take(["a"])
    path.write_text(json.dumps({**record, "beat": record["beat"] + 20}))  # it lives
    now += 2
    assert not claims.take(["a"])
    now += STALE_SECONDS
    assert claims.take(["a"])
    claims.close()


def test_where_the_system_tells_no_starting_time_a_claim_lives_by_its_beat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suite.engine.claims.process_started", lambda pid: "")
    monkeypatch.setattr("os.kill", lambda *about: pytest.fail("on Windows this is Ctrl-C"))
    record = claim_of_this_process(tmp_path)
    assert is_alive(record)
    assert not is_alive({**record, "beat": record["beat"] - STALE_SECONDS - 1})


def test_a_dead_claim_that_may_not_be_removed_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {**claim_of_this_process(tmp_path), "started": "1"}
    (tmp_path / "claims" / "dead.json").write_text(json.dumps(record))

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "unlink", refuse)
    assert live_claims(Folder(tmp_path)) == []


def test_a_part_without_a_column_is_named_and_ignored(tmp_path: Path) -> None:
    said: list[str] = []
    Store(tmp_path, run="r").shelf(FINGERPRINT).commit([row("a")])
    (path,) = parts_of(tmp_path)
    pq.write_table(pq.read_table(path).drop_columns(["seconds"]), path)
    again = Store(tmp_path, say=said.append).shelf(FINGERPRINT)
    assert again.get("a") is None
    assert said == [f"Ignoring {path}, which cannot be read (it lacks seconds)."]


def replaced(name: str, values: list[Any], kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    """What puts other values into a column of a part."""
    return lambda table: table.set_column(
        table.column_names.index(name), name, pa.array(values, kind)
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (replaced("text", [None, "A"], pa.string()), "its text is missing in 1 of 2 rows"),
        (replaced("key", ["a", None], pa.string()), "its key is missing in 1 of 2 rows"),
        (replaced("finish_reason", [None, None], pa.null()), "its finish_reason is null in place"),
        (replaced("text", [1, 2], pa.int64()), "its text is int64 in place of string"),
        (replaced("key", [b"a", b"b"], pa.binary()), "its key is binary in place of string"),
        (replaced("error", [0, 0], pa.int64()), "its error is int64 in place of string"),
        (replaced("seconds", ["1", "2"], pa.string()), "its seconds is string in place of double"),
        (replaced("seconds", [1, np.nan], pa.float64()), "its seconds is below 0 or no number"),
        (replaced("seconds", [1, np.inf], pa.float64()), "its seconds is below 0 or no number"),
        (replaced("prompt_tokens", [1, -1], pa.int64()), "its prompt_tokens is below 0 or no"),
        (lambda table: table.append_column("text", table["text"]), "it has text twice"),
        (lambda table: table.replace_schema_metadata({"run": b"\xff"}), "'utf-8' codec can't"),
    ],
)  # fmt: skip
def test_a_part_with_what_no_generation_is_is_named_and_never_read(
    tmp_path: Path, change: Callable[[pa.Table], pa.Table], fault: str
) -> None:
    Store(tmp_path, run="r").shelf(FINGERPRINT).commit([row("a"), row("b")])
    (good,) = parts_of(tmp_path)
    bad = good.with_name("0" * 32 + ".parquet")  # of two answers the one of the lower name counts
    pq.write_table(change(pq.read_table(good)), bad)
    said: list[str] = []
    shelf = Store(tmp_path, say=said.append).shelf(FINGERPRINT)
    assert len(said) == 1
    assert said[0].startswith(f"Ignoring {bad}, which cannot be read ({fault}")
    assert [(key, stored.part) for key, stored in shelf.rows()] == [
        ("a", good.name),
        ("b", good.name),
    ]


def test_text_that_is_not_unicode_is_named(tmp_path: Path) -> None:
    Store(tmp_path).shelf(FINGERPRINT).commit([row("a", "AAAA"), row("b")])
    (part,) = parts_of(tmp_path)
    table = pq.read_table(part)
    raw = pa.array([b"\xff\xff", b"A"]).cast(pa.string(), safe=False).view(pa.string())
    pq.write_table(table.set_column(4, "text", raw), part)
    said: list[str] = []
    assert len(Store(tmp_path, say=said.append).shelf(FINGERPRINT)) == 0
    assert len(said) == 1


def test_no_changed_byte_of_a_part_is_read_as_another_answer(tmp_path: Path) -> None:
    rows = [row(f"k{n}", "the answer is the letter " + "ABCD"[n % 4] * 3) for n in range(12)]
    Store(tmp_path, run="r").shelf(FINGERPRINT).commit(rows)
    (part,) = parts_of(tmp_path)
    whole, want = part.read_bytes(), {line.key: line.generation for line in rows}
    for at in range(0, len(whole), 7):
        part.write_bytes(whole[:at] + bytes([whole[at] ^ 0x11]) + whole[at + 1 :])
        found = {
            key: stored.generation for key, stored in Store(tmp_path).shelf(FINGERPRINT).rows()
        }
        assert found in ({}, want), at


@pytest.mark.parametrize("what", ["part", "shelf", "store"])
def test_a_store_that_is_removed_while_it_is_used_is_told(tmp_path: Path, what: str) -> None:
    store = Store(tmp_path / "store")
    store.shelf(FINGERPRINT).commit([row("a")])
    store.check()
    (part,) = parts_of(tmp_path / "store")
    place = {"part": part, "shelf": part.parent, "store": tmp_path / "store"}[what]
    place.rename(tmp_path / "away")
    with pytest.raises(Unfinished) as caught:
        store.check()
    assert str(caught.value) == (
        f"1 part of the store {tmp_path / 'store'} that this run has read or written are there no "
        "more: somebody removed them. Run the same command again; what is missing is generated "
        "anew."
    )
