"""A run that is made again is what a fresh one would be, whatever happened to its files meanwhile.

In: runs of recorded texts, so that no model is loaded, as people, tools and killed processes leave
them. Out: the same numbers, or a sentence that names the place.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import suite
from analyses.registry import ANALYSES
from suite import api
from suite.base import files
from suite.base.files import TEMPORARY, Folder, write_whole
from suite.engine.claims import Claims
from suite.errors import SuiteError, Unfinished
from suite.report import figures, outputs, page, tables
from suite.runs.results import load_results
from tests.suite.cli_study import call
from tests.suite.test_store import parts_of
from tests.suite.world import Speakers, finish, items_of, texts, walk_in

FAMILY = """
family: told
prompts: micro
instruct: l
sizes:
  - name: s
    params: 1000
    text: {generator: recorded, path: ./texts.json}
    vlm: {generator: recorded, path: ./texts.json}
  - name: l
    params: 9000
    text: {generator: recorded, path: ./texts.json}
    vlm: {generator: recorded, path: ./texts.json}
"""

STUDY = """
study: told
family: family.yaml
limit: 6
tasks: [{task: micro_ocr}]
cells:
  - {method: end_to_end, perception: all}
  - {method: decoupled, perception: s, reasoning: l, thinking: [false]}
"""


def draw_one(folder: Path, **_: Any) -> list[Path]:
    """Stands for the figures: one file that is a function of a table."""
    path = folder / "figures" / "grid.svg"
    write_whole(path, b"<svg/>" + (folder / "tables" / "cells.csv").read_bytes())
    return [path]


def report_one(folder: Path, **_: Any) -> Path:
    """Stands for the page: a function of the records."""
    path = folder / "report.html"
    path.write_text(load_results(folder).drop(columns="seconds").to_html())
    return path


@pytest.fixture(scope="module")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study, its texts and its run directory."""
    folder = tmp_path_factory.mktemp("told")
    texts = {str(n): "ABCD"[n % 3] for n in range(12)}
    (folder / "texts.json").write_text(json.dumps(texts))
    (folder / "family.yaml").write_text(FAMILY)
    (folder / "study.yaml").write_text(STUDY)
    with pytest.MonkeyPatch.context() as patched:
        small(patched)
        again(folder)
    return folder


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Items of the test's own, one analysis, one stub of a figure and of the page."""

    def items(planned: Any, progress: Any) -> Any:
        return {r.task: items_of(r.task, planned.study.limit) for r in planned.study.tasks}

    monkeypatch.setattr(api, "load_all_items", items)
    kept = {name: spec for name, spec in ANALYSES.items() if name in ("cells", "efficiency")}
    monkeypatch.setattr(tables, "ANALYSES", kept)
    monkeypatch.setattr(tables, "ROWS", ())
    monkeypatch.setattr(figures, "write", draw_one)
    monkeypatch.setattr(page, "write", report_one)


@pytest.fixture
def told(run_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder that a test may change."""
    small(monkeypatch)
    return shutil.copytree(run_once, tmp_path / "told")


def again(folder: Path, out: str = "out") -> dict[str, Any]:
    """Runs the study; the summary."""
    return suite.run(folder / "study.yaml", out=folder / out, workers=1).summary


VARYING = {"provenance.json", ".made-of"}
"""They say when the run was and where the study lies."""


def made(out: Path) -> dict[str, Any]:
    """Every file that a run has made, by its name; records without the clock."""
    found: dict[str, Any] = {}
    for path in sorted(out.rglob("*")):
        inside = path.relative_to(out)
        if path.is_file() and "store" not in inside.parts and path.name not in VARYING:
            found[str(inside)] = path.read_bytes()
    found["records.parquet"] = load_results(out).drop(columns="seconds").to_csv()
    return found


def edit(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path, Path], None]:
    """Changes a file of the run and keeps its time."""

    def damage(out: Path, other: Path) -> None:
        path = out / name
        times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
        before = path.read_bytes()
        path.write_bytes(change(before))
        assert path.read_bytes() != before
        os.utime(path, ns=times)

    return damage


def take(*names: str) -> Callable[[Path, Path], None]:
    """Copies files or folders of another run of the same study over those of this one."""

    def damage(out: Path, other: Path) -> None:
        for name in names:
            if (other / name).is_dir():
                shutil.rmtree(out / name)
                shutil.copytree(other / name, out / name)
            else:
                shutil.copy2(other / name, out / name)

    return damage


def saved_by_pandas(out: Path, other: Path) -> None:
    pd.read_parquet(out / "records.parquet").assign(score=1.0).to_parquet(out / "records.parquet")


def saved_without_its_sum(out: Path, other: Path) -> None:
    saved_by_pandas(out, other)
    facts = json.loads((out / "provenance.json").read_text())
    del facts["records_sha256"]
    (out / "provenance.json").write_text(json.dumps(facts))


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 9000\n"


@pytest.mark.parametrize(
    ("damage", "refused"),
    [
        (take("records.parquet"), True),
        (saved_by_pandas, True),
        (edit("records.parquet", lambda content: LFS), True),
        (edit("records.parquet", lambda content: content + b"\0" * 512), True),
        (edit("tables/cells.csv", lambda content: content.replace(b",", b";")), False),
        (edit("tables/cells.csv", lambda content: content.replace(b"0.33", b"0.93")), False),
        (edit("cells.json", lambda content: content.replace(b"0.33", b"0.93")), False),
        (take("tables"), False),
        (take("records.parquet", "provenance.json", ".made-of", "cells.json", "tables"), False),
        (saved_without_its_sum, False),
    ],
)  # fmt: skip
def test_what_of_a_run_was_damaged_or_replaced_is_made_again(
    told: Path, damage: Callable[[Path, Path], None], refused: bool
) -> None:
    before, want = again(told), made(told / "out")
    texts = {str(n): "ABCD"[n % 4] for n in range(12)}
    whole = (told / "texts.json").read_bytes()
    (told / "texts.json").write_text(json.dumps(texts))
    again(told, "other")
    (told / "texts.json").write_bytes(whole)
    damage(told / "out", told / "other")
    if refused:
        with pytest.raises(SuiteError, match="are not what the run has written"):
            load_results(told / "out")
    after = again(told)
    assert after["cells"] == before["cells"]
    assert made(told / "out") == want


def replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Changes a text of the study's files."""

    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


def remove(*names: str) -> Callable[[Path], None]:
    """Removes files or folders of the run."""

    def change(folder: Path) -> None:
        for name in names:
            path = folder / "out" / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def other_answers(folder: Path) -> None:
    """Puts parts of the same keys in place of those from which no other request follows."""
    for part in parts_of(folder / "out" / "store"):
        table = pq.read_table(part)
        if table.schema.metadata[b"stage"] != b"answer":
            continue
        at = table.column_names.index("text")
        pq.write_table(table.set_column(at, "text", pa.array(["B"] * len(table))), part)


@pytest.mark.parametrize(
    "change",
    [
        remove("tables/efficiency.csv"),
        remove("figures"),
        remove("tables", "cells.json"),
        remove("records.parquet", "report.html"),
        replace("texts.json", '"1": "B"', '"1": "C"'),
        replace("family.yaml", "params: 9000", "params: 7000"),
        replace("family.yaml", "family: told", "family: retold"),
        replace("study.yaml", "micro_ocr}", "micro_ocr, domain: out_of_domain}"),
        replace("study.yaml", "limit: 6", "limit: 4"),
        other_answers,
    ],
)
def test_a_run_after_a_change_is_what_a_fresh_run_would_be(
    told: Path, change: Callable[[Path], None]
) -> None:
    again(told)
    change(told)
    summary = again(told)
    shutil.copytree(told / "out" / "store", told / "fresh" / "store")
    fresh = again(told, "fresh")
    assert summary["cells"] == fresh["cells"]
    assert made(told / "out") == made(told / "fresh")


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes a folder one of a disk for reading alone (to root, rights are no hindrance)."""

    def lock(folder: Path) -> None:
        def refused(path: Any) -> None:
            if isinstance(path, (str, os.PathLike)) and folder in Path(path).absolute().parents:
                raise OSError(30, "Read-only file system", str(path))

        def guard(place: Any, name: str, writes: Callable[..., bool]) -> None:
            work = getattr(place, name)

            def guarded(path: Any, *more: Any, **named: Any) -> Any:
                if writes(*more, **named):
                    refused(path)
                return work(path, *more, **named)

            monkeypatch.setattr(place, name, guarded)

        def opens_to_write(mode: str = "r", *more: Any, **named: Any) -> bool:
            return isinstance(mode, str) and bool(set("wax+") & set(mode))

        guard(sys.modules["io"], "open", opens_to_write)
        guard(sys.modules["builtins"], "open", opens_to_write)
        flags = os.O_WRONLY | os.O_RDWR | os.O_CREAT
        guard(os, "open", lambda given, *more, **named: bool(given & flags))
        for name in ("mkdir", "unlink", "remove", "rmdir", "rename", "replace", "utime", "link"):
            guard(os, name, lambda *more, **named: True)

    return lock


def dead_claim(folder: Path) -> None:
    """A claim that a killed process left."""
    claims = Claims(Folder(folder / "out" / "store"))
    assert claims.take(["a"])
    (path,) = (folder / "out" / "store" / "claims").glob("*.json")
    record = json.loads(path.read_text())
    claims.close()
    path.with_name("dead.json").write_text(json.dumps({**record, "started": "1"}))


def left_by_a_dead_process(folder: Path) -> Path:
    """A temporary file of a process that is no more."""
    folder.mkdir(parents=True, exist_ok=True)
    space = files._mark().split("-")[1]
    path = folder / f"{TEMPORARY}{space}-{os.getpid()}-1-abc"
    path.write_text("half of")
    return path


READS: dict[str, tuple[str, ...]] = {
    "status": ("status", "out"),
    "status of a killed run": ("status", "out"),
    "analyze": ("analyze", "cells", "out"),
    "analyze as JSON": ("analyze", "efficiency", "out", "--json"),
    "compare": ("compare", "out", "out"),
    "plan over the store": ("plan", "study.yaml", "--out", "out"),
    "run of what is finished": ("run", "study.yaml", "--out", "out"),
    "run elsewhere over the store": ("run", "study.yaml", "--out", "new", "--store", "out/store"),
    "run of a part": ("run", "study.yaml", "--only", "end_to_end/*", "--out", "new", "--store",
                      "out/store"),
    "status as JSON": ("status", "out", "--json"),
}  # fmt: skip


@pytest.mark.parametrize("case", READS)
def test_what_only_reads_works_on_a_disk_for_reading_alone(
    told: Path, case: str, read_only: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(told)
    again(told)
    (told / "new").mkdir()
    if "killed" in case:
        dead_claim(told)
        left_by_a_dead_process(told / "out" / "store" / "claims")
    before = {path: path.stat().st_mtime_ns for path in [told / "out", *(told / "out").rglob("*")]}
    read_only(told / "out")
    result = call(*READS[case])
    assert result.exit_code == (case == "compare"), result.stderr  # 1: nothing is decided
    assert {path: path.stat().st_mtime_ns for path in before} == before


def refuse(*about: Any, **named: Any) -> None:
    raise OSError(30, "Read-only file system", "place")


@pytest.mark.parametrize("cause", ["full disk", "interrupt", "wrong setup", "read-only store"])
def test_cleaning_up_hides_no_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    """What is to be let go of at the end cannot be: temporary files and claims."""
    walk = walk_in(tmp_path)

    def trouble(requests: Any) -> None:
        monkeypatch.setattr(Path, "unlink", refuse)
        if cause == "full disk":
            monkeypatch.setattr(Path, "replace", full)
        elif cause == "interrupt":
            raise KeyboardInterrupt
        elif cause == "wrong setup":
            raise Unfinished("The licence server is away.")
        else:
            monkeypatch.setattr(Path, "write_bytes", locked)

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device", str(target))

    def locked(self: Path, content: bytes) -> None:
        raise OSError(30, "Read-only file system", str(self))

    with pytest.raises((SuiteError, KeyboardInterrupt)) as caught:
        finish(walk, trouble)
    said = {
        "full disk": f"The disk of {tmp_path / 'store'} is full",
        "interrupt": "",
        "wrong setup": "The licence server is away.",
        "read-only store": f"{tmp_path / 'store'}",
    }
    assert said[cause] in str(caught.value)
    assert isinstance(caught.value, KeyboardInterrupt) == (cause == "interrupt")


@pytest.mark.parametrize(
    ("name", "stays"),
    [
        ("dead", False),
        ("this process", True),
        ("another container, an hour ahead", True),
        ("another container, two hours old", False),
        ("folder", True),
        ("a person's file", True),
    ],
)
def test_temporary_files_of_the_dead_are_swept_and_no_others(
    tmp_path: Path, name: str, stays: bool
) -> None:
    mine = files._mark()
    other = f"{TEMPORARY}0123456789ab-1-5-abc"
    path = {
        "dead": lambda: left_by_a_dead_process(tmp_path),
        "this process": lambda: tmp_path / f"{mine}abc",
        "another container, an hour ahead": lambda: tmp_path / other,
        "another container, two hours old": lambda: tmp_path / other,
        "folder": lambda: tmp_path / f"{other}d",
        "a person's file": lambda: tmp_path / "writing-notes.txt",
    }[name]()
    if name == "folder":
        path.mkdir()
        (path / "mine.txt").write_text("x")
    else:
        path.write_text("x")
    shift = {"another container, an hour ahead": 3700, "another container, two hours old": -7200}
    when = time.time() + shift.get(name, -100_000)
    os.utime(path, (when, when))
    write_whole(tmp_path / "text.txt", "x")
    assert path.exists() == stays
    assert (tmp_path / "text.txt").read_text() == "x"


@pytest.mark.parametrize("place", ["store/claims", "store/parts", "tables", "figures", "asked", ""])
def test_what_a_killed_process_left_in_a_run_is_swept_by_the_next_that_writes(
    told: Path, place: str
) -> None:
    shelf = parts_of(told / "out" / "store")[0].parent
    folder = shelf if place == "store/parts" else told / "out" / place
    left = left_by_a_dead_process(folder)
    (told / "texts.json").write_text(json.dumps({str(n): "D" for n in range(12)}))
    if place == "store/parts":  # the same texts' shelf is written to again
        shutil.copy(told / "texts.json", told / "new.json")
        parts_of(told / "out" / "store")[0].unlink()
        (told / "texts.json").write_text(json.dumps({str(n): "ABCD"[n % 3] for n in range(12)}))
    again(told)
    assert not left.exists()


def made_anew(store: Path) -> None:
    shutil.rmtree(store)
    store.mkdir()


def emptied(store: Path) -> None:
    for part in parts_of(store):
        part.unlink()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("happens", "goes_on"),
    [
        (lambda store: shutil.rmtree(store / "claims"), True),
        (lambda store: (store / "claims" / "note.txt").write_text("x"), True),
        (lambda store: (store / "parts" / "old").mkdir(), True),
        (emptied, False),
        (lambda store: store.rename(store.with_name("moved")), False),
        (made_anew, False),
    ],
)
def test_what_happens_to_a_store_under_a_run(
    tmp_path: Path, happens: Callable[[Path], Any], goes_on: bool
) -> None:
    """Either all texts are there at the end, or the sentence names the store."""
    (tmp_path / "calm").mkdir()
    calm = walk_in(tmp_path / "calm")
    finish(calm)
    walk, calls = walk_in(tmp_path), [0]

    def trouble(requests: Any) -> None:
        calls[0] += 1
        if calls[0] == 3:
            happens(tmp_path / "store")

    with contextlib.nullcontext() if goes_on else pytest.raises(SuiteError) as caught:
        finish(walk, trouble)
        walk.store.check()
    if caught:
        assert str(tmp_path / "store") in str(caught.value)
        assert "un the same command again" in str(caught.value)
        finish(walk_in(tmp_path, run="next"))
    assert texts(walk_in(tmp_path, run="reader")) == texts(calm)


def test_a_claim_of_a_dead_process_of_this_machine_is_not_waited_for(tmp_path: Path) -> None:
    walk = walk_in(tmp_path)
    keys = list(walk.requests(walk.groups[0]))
    claims = Claims(walk.store.folder)
    assert claims.take(keys)
    (path,) = (tmp_path / "store" / "claims").glob("*.json")
    record = json.loads(path.read_text())
    claims.close()
    # It runs on a machine whose clock is a day ahead, as ours was when it was started.
    record |= {"started": "1", "beat": record["beat"] + 86_400}
    path.with_name("dead.json").write_text(json.dumps(record))
    begun = time.monotonic()
    assert isinstance(finish(walk), Speakers)
    assert time.monotonic() - begun < 30


def rows_changed(**changes: Any) -> Callable[[Path, pytest.MonkeyPatch], None]:
    """The data were corrected: the same items, with other values in item 1."""

    def change(folder: Path, patched: pytest.MonkeyPatch) -> None:
        from dataclasses import replace as with_values

        from suite.items.item import ItemSet

        def items(planned: Any, progress: Any) -> Any:
            found = {}
            for r in planned.study.tasks:
                held = items_of(r.task, planned.study.limit)
                kept = list(held.items)
                kept[1] = with_values(kept[1], **changes)
                found[r.task] = ItemSet(r.task, tuple(kept), held.image_bytes)
            return found

        patched.setattr(api, "load_all_items", items)

    return change


def text_lost(folder: Path, patched: pytest.MonkeyPatch) -> None:
    told = json.loads((folder / "texts.json").read_text())
    del told["2"]
    (folder / "texts.json").write_text(json.dumps(told))


def text_lost_and_found(folder: Path, patched: pytest.MonkeyPatch) -> None:
    before = (folder / "texts.json").read_text()
    text_lost(folder, patched)
    again(folder)
    (folder / "texts.json").write_text(before)


def another_study_there(folder: Path, patched: pytest.MonkeyPatch) -> None:
    before = (folder / "study.yaml").read_text()
    (folder / "study.yaml").write_text(before.replace("study: told", "study: other"))
    replace("study.yaml", "limit: 6", "limit: 3")(folder)
    with contextlib.suppress(SuiteError):  # or it is refused
        again(folder)
    (folder / "study.yaml").write_text(before)


def saved_by_a_drawing_program(folder: Path, patched: pytest.MonkeyPatch) -> None:
    edit("figures/grid.svg", lambda content: content.replace(b"svg", b"SVG"))(
        folder / "out", folder
    )
    edit("report.html", lambda content: content[:100])(folder / "out", folder)


END = "  - {method: end_to_end, perception: all}\n"

DECOUPLED = "  - {method: decoupled, perception: s, reasoning: l, thinking: [false]}\n"


@pytest.mark.parametrize(
    "change",
    [
        rows_changed(answer="C"),
        rows_changed(category="neither"),
        rows_changed(options=("red", "blue", "grey", "green")),
        text_lost,
        text_lost_and_found,
        another_study_there,
        saved_by_a_drawing_program,
        lambda f, p: replace("study.yaml", DECOUPLED, "")(f),
        lambda f, p: replace("study.yaml", END + DECOUPLED, DECOUPLED + END)(f),
        lambda f, p: replace("study.yaml", END, END + "  - {method: blind, perception: all}\n")(f),
    ],
    ids=["answer", "category", "options", "lost", "found", "study", "edited", "fewer", "order",
         "more"],
)  # fmt: skip
def test_a_run_follows_its_data_its_texts_and_its_study(
    told: Path, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    again(told)
    change(told, monkeypatch)
    summary = again(told)
    shutil.copytree(told / "out" / "store", told / "fresh" / "store")
    fresh = again(told, "fresh")
    assert summary["cells"] == fresh["cells"]
    assert made(told / "out") == made(told / "fresh")


def part_a_row(folder: Path, patched: pytest.MonkeyPatch) -> None:
    """Each answer committed alone, as batches of one have it, in no order."""
    for n, part in enumerate(parts_of(folder / "out" / "store")):
        table = pq.read_table(part)
        for at in range(len(table)):
            pq.write_table(table.slice(at, 1), part.with_name(f"{n * 7 % 5}{at}{part.name}"))
        part.unlink()


def parts_merged(folder: Path, patched: pytest.MonkeyPatch) -> None:
    """One part for each stage of a generator, the rows turned round."""
    held: dict[Any, list[pa.Table]] = {}
    for part in parts_of(folder / "out" / "store"):
        table = pq.read_table(part)
        held.setdefault((part.parent, table.schema.metadata[b"stage"]), []).append(table)
        part.unlink()
    for (place, stage), tables_ in held.items():
        whole = pa.concat_tables(tables_)
        whole = whole.take(list(range(len(whole)))[::-1])
        pq.write_table(whole, place / f"{stage.decode()}.parquet")


def in_two_steps(folder: Path, patched: pytest.MonkeyPatch) -> None:
    shutil.rmtree(folder / "out" / "store")
    suite.run(folder / "study.yaml", out=folder / "x", store=folder / "out" / "store", workers=1,
              only=["decoupled/*"])  # fmt: skip


def from_elsewhere(folder: Path, patched: pytest.MonkeyPatch) -> None:
    (folder / "Läufe und mehr").mkdir()
    patched.chdir(folder / "Läufe und mehr")
    patched.setenv("COLUMNS", "40")
    patched.setenv("LC_ALL", "tr_TR.UTF-8")


@pytest.mark.parametrize("change", [part_a_row, parts_merged, in_two_steps, from_elsewhere])
def test_the_same_answers_give_the_same_files(
    told: Path, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    again(told)
    want = made(told / "out")
    shutil.rmtree(told / "out" / "tables")
    change(told, monkeypatch)
    (told / "new").mkdir()
    (told / "out" / "store").rename(told / "new" / "store")
    again(told, "new")
    assert made(told / "new") == want


def test_a_run_writes_what_it_says_that_it_writes(run_once: Path) -> None:
    held = {path.name for path in (run_once / "out").iterdir()}
    assert held == {"store", "provenance.json", *outputs.WRITTEN}


@pytest.mark.parametrize(
    "name",
    ["records.parquet", "report.html", "cells.json", "tables/mine.csv", "figures/a.png",
     "asked/notes.txt", "provenance.json", ".made-of"],
)  # fmt: skip
def test_what_no_run_has_made_is_not_replaced(told: Path, name: str) -> None:
    path = told / "mine" / name
    path.parent.mkdir(parents=True)
    path.write_text('{"entity": {}}')
    with pytest.raises(SuiteError) as caught:
        again(told, "mine")
    assert str(caught.value) == (
        f"{told / 'mine'} holds {name.partition('/')[0]}, and no provenance.json of a run that has "
        "made it: it would be replaced. Choose another folder, or move it away first."
    )
    assert [p for p in (told / "mine").rglob("*") if p.is_file()] == [path]
    assert path.read_text() == '{"entity": {}}'


def test_beside_files_of_other_names_a_run_is_made(told: Path) -> None:
    (told / "mine" / "tables").mkdir(parents=True)
    (told / "mine" / "notes.txt").write_text("x")
    again(told, "mine")
    assert (told / "mine" / "notes.txt").read_text() == "x"


def test_drawing_replaces_nothing_beside_records_alone(told: Path) -> None:
    """A copy of the records is drawn, and drawn again; a page that lies there is somebody's own."""
    (told / "copy").mkdir()
    shutil.copy(told / "out" / "records.parquet", told / "copy")
    (told / "copy" / "report.html").write_text("mine")
    with pytest.raises(SuiteError, match=r"holds report\.html, and no provenance\.json"):
        tables.write(told / "copy")
    (told / "copy" / "report.html").unlink()
    for _ in range(2):
        tables.write(told / "copy")
        report_one(told / "copy")
        (told / "copy" / "tables" / "cells.csv").unlink()
