"""Every file that is read, changed at random: no change gives more than one sentence.

In: whole files of each kind and seeds. Out: the changed files that end in a traceback, in an
unexpected error, or in a message without bound. A failure names its kind and number, and comes
again with them: `case(kind, number)`.
"""

from __future__ import annotations

import io
import json
import os
import random
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from suite.answers.predictions import score_file, summary
from suite.base import yaml_files
from suite.base.files import PACKAGE, Folder
from suite.base.machine import process_space, process_started
from suite.cli import cli, command_files, sentence_of
from suite.cli.options import data_paths
from suite.engine import claims
from suite.errors import LONGEST, SuiteError
from suite.items import tasks
from suite.items.cache import source_key
from suite.items.load import load_items
from suite.models.family import load_family
from suite.models.fingerprint import identity
from suite.models.recorded import RecordedGenerator
from suite.models.spec import ModelSpec
from suite.planning.cells import expand
from suite.planning.prompts import load_prompts
from suite.planning.study import load_study
from suite.runs import provenance
from suite.runs.history import span
from suite.runs.results import load_results
from suite.runs.status import status_of
from suite.training.recipe import load_recipe
from tests.suite.cli_study import call
from tests.suite.own_tasks import ROWS
from tests.suite.world import items_of

QUICK, MANY, FEW = 12, 600, 40
SLOWEST = 10.0
"""Seconds of processor time."""

WORDS = (
    "2001-13-45", "9" * 400, "9" * 5000, "0x" + "f" * 5000, "-1", "0", "1e999", ".nan", "NaN",
    "true", "null", "~", "~nouser/a.yaml", "''", '""', "[]", "{}", "[" * 3000, "{a: " * 300,
    "!!bool x", "!!binary x", "!!timestamp x", "!function a.b", "!!set {a}", "? [a]", "&a [*a]",
    "*none", "<<: 5", "x" * 300, "x" * 100_000, "a b " * 30_000, '"a\\0b"', '"\\ud83d"', "\ufeff",
    "\u2028", "\x1b[2J", "../../evil", "/dev/zero", "/", ".", "a/b", "a\nb: c\n", "- ", ": ", "#",
    "'", '"', ",", "\t", "%", "{x}", "{0}", "{question.__class__}", "{", "颜色", "عربي", "🏳️‍🌈",
    "$x_1$", "\\",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 5, 10**18, 10**30, 0.5, float("nan"), float("inf"), "", "x", "x" * 100_000,
    "2001-01-01", "~nouser/a", "a\0b", "/", [], [None], [[]], [1, "a"], {}, {"a": 1}, {"": None},
    {"a": {"b": [{}]}}, [{"task": 5}], "../..", "\x1b[2J",
)  # fmt: skip


def mutated(content: bytes, draw: random.Random) -> bytes:
    """The file with a few words, bytes, lines or values changed."""
    for _ in range(draw.choice((1, 1, 2, 5))):
        content = draw.choice((_word, _word, _bytes, _lines, _cut, _value, _value))(content, draw)
    return content


def _word(content: bytes, draw: random.Random) -> bytes:
    found = list(re.finditer(rb"[\w./+-]+|[^\w\s]", content))
    if not found:
        return draw.choice(WORDS).encode()
    place = draw.choice(found)
    return content[: place.start()] + draw.choice(WORDS).encode() + content[place.end() :]


def _bytes(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content) + 1)
    end = start + draw.choice((0, 1, 4, 40))
    return content[:start] + draw.randbytes(draw.choice((0, 1, 4, 40))) + content[end:]


def _lines(content: bytes, draw: random.Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    line = draw.choice(lines)
    lines.insert(draw.randrange(len(lines) + 1), line)
    if draw.random() < 0.5:
        lines.remove(line)
    return b"".join(lines)


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content) + 1)] * draw.choice((1, 1, 3))


def _value(content: bytes, draw: random.Random) -> bytes:
    """A value of a JSON, JSONL or Parquet file in place of another; of others a word."""
    if content.startswith(b"PAR1"):
        return _column(content, draw)
    try:
        lines = content.decode().splitlines() if content.count(b"\n{") else [content.decode()]
        chosen = draw.randrange(len(lines))
        lines[chosen] = json.dumps(_replaced(json.loads(lines[chosen]), draw))
        return "\n".join(lines).encode("utf-8", "surrogatepass")
    except (ValueError, IndexError, RecursionError):
        return _word(content, draw)


def _replaced(value: Any, draw: random.Random) -> Any:
    """The value, with something of it or itself another."""
    keys: list[Any] = []
    if isinstance(value, (dict, list)):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not keys or draw.random() < 0.15:
        return draw.choice(VALUES)
    key = draw.choice(keys)
    value[key] = _replaced(value[key], draw)
    if draw.random() < 0.1:
        del value[key]
    return value


def _column(content: bytes, draw: random.Random) -> bytes:
    try:
        table = pq.read_table(io.BytesIO(content))
    except Exception:  # changed before
        return _bytes(content, draw)
    if not table.num_columns:
        return b"PAR1"
    place = draw.randrange(table.num_columns)
    name, old, rows = table.column_names[place], table.column(place), table.num_rows
    table = table.remove_column(place)
    value = draw.choice(VALUES[:12])
    new = draw.choice(
        (
            None,
            pa.nulls(rows),
            pa.nulls(rows, old.type),
            pa.array([value] * rows) if value != 10**30 else pa.array([b"x"] * rows),
            pa.array([[{"a": 1}]] * rows),
            pa.array([draw.choice((None, old[i].as_py())) for i in range(rows)], old.type),
        )
    )
    if new is not None:
        table = table.append_column(draw.choice((name, name, name, name.upper())), new)
    written = io.BytesIO()
    pq.write_table(table.slice(0, draw.choice((0, rows, rows, rows))), written)
    return written.getvalue()


def heard(action: Callable[[], object]) -> str | None:
    """What is wrong with how an action ends; None where it ends well or in one good sentence."""
    start = time.process_time()
    try:
        action()
    except Exception as error:
        said = sentence_of(error)
        if said.startswith("Unexpected") or not said.strip():
            return f"{type(error).__name__}: {said[:300]}"
        if (
            len(said) > LONGEST
            or len(said.splitlines()) > 1
            or (not said.isascii() and "\x1b" in said)
        ):
            return f"no bounded line: {said[:300]!r}"
    took = time.process_time() - start
    return f"took {took:.0f} s" if took > SLOWEST else None


def parquet_of(rows: list[dict[str, Any]]) -> bytes:
    written = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), written)
    return written.getvalue()


ITEMS = items_of("mmstar", 6)
ANSWERS = [{"index": n, "prediction": f"The answer is {'ABCD'[n % 4]}."} for n in range(6)]
TEXTS = [{"item_id": str(n), "text": f"red, «blue» {n}"} for n in range(6)]


def _own(name: str) -> bytes:
    return (PACKAGE / name).read_bytes()


def _shapes() -> bytes:
    from tests.suite.own_tasks import documented

    return documented("task: downscaling_shapes").encode()


def _table(rows: list[dict[str, Any]]) -> bytes:
    lines = [",".join(rows[0]), *(",".join(f'"{v}"' for v in row.values()) for row in rows)]
    return "\n".join(lines).encode()


def _jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _study(path: Path) -> None:
    study = load_study(path)
    expand(study, load_family(study.family))
    load_prompts(study.prompts or "default")


def _task(path: Path) -> None:
    for entry in tasks._index.__wrapped__((path.parent,)).values():
        if isinstance(entry, Exception):
            raise entry
        source_key(entry, None)
        entry.declared(5)


def _score(path: Path) -> None:
    summary(score_file(ITEMS, path), draws=100)


def _identity(path: Path) -> None:
    identity(ModelSpec(path=path.parent), "text")


Reader = tuple[str, Callable[[], bytes], Callable[[Path], object]]
FILES: dict[str, Reader] = {
    "study": ("s.yaml", lambda: _own("studies/micro.yaml"), _study),
    "family": ("f.yaml", lambda: _own("families/qwen3_vl.yaml"), load_family),
    "prompts": (
        "p.yaml",
        lambda: _own("prompts.yaml"),
        lambda path: load_prompts(f"{path}#default"),
    ),
    "recipe": (
        "r.yaml",
        lambda: _own("training/recipes/micro.yaml"),
        lambda p: load_recipe(str(p)),
    ),
    "task": ("shapes.yaml", _shapes, _task),
    "predictions csv": ("p.csv", lambda: _table(ANSWERS), _score),
    "predictions tsv": ("p.tsv", lambda: _table(ANSWERS).replace(b",", b"\t"), _score),
    "predictions json": ("p.json", lambda: json.dumps(ANSWERS).encode(), _score),
    "predictions jsonl": ("p.jsonl", lambda: _jsonl(ANSWERS), _score),
    "predictions parquet": ("p.parquet", lambda: parquet_of(ANSWERS), _score),
    **{
        f"texts {kind}": (
            f"t.{kind}",
            content,
            lambda path: RecordedGenerator(ModelSpec(path=path, generator="recorded")),
        )
        for kind, content in {
            "json": lambda: json.dumps({row["item_id"]: row["text"] for row in TEXTS}).encode(),
            "jsonl": lambda: _jsonl(TEXTS),
            "csv": lambda: _table(TEXTS),
            "parquet": lambda: parquet_of(TEXTS),
        }.items()
    },
}
"""Kind -> name of the file, a whole one, and what reads it."""


def run_copy(finished: tuple[Path, dict[str, Any]], to: Path) -> Path:
    """The run without what is drawn, with a claim."""
    shutil.copytree(finished[0], to, ignore=shutil.ignore_patterns("figures", "*.html"))
    pid = os.getpid()
    claim = {"machine": process_space(), "pid": pid, "started": process_started(pid)}
    claim |= {"beat": time.time(), "keys": ["a" * 12]}
    (to / "store" / claims.INSIDE).mkdir(exist_ok=True)
    (to / "store" / claims.INSIDE / "x.json").write_text(json.dumps(claim))
    return to


def _provenance(path: Path) -> None:
    status_of(path.parent)
    span(provenance.read(path.parent))


def _records(path: Path) -> None:
    """Of another name than the run's own, whose hash would tell every change."""
    load_results(shutil.copy(path, path.with_name("table.parquet")))


def _claims(path: Path) -> None:
    claims.live_claims(Folder(str(path.parent.parent)))


RUN_FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "provenance": ("provenance.json", _provenance),
    "store part": ("store/parts/*/*.parquet", lambda path: status_of(path.parents[3])),
    "claim": ("store/claims/*", _claims),
    "asked": ("asked/*.txt", lambda path: status_of(path.parents[1])),
    "records": ("records.parquet", _records),
}
"""Kind -> a file of a run's directory, and what reads it."""


def case(
    kind: str, number: int, content: bytes, path: Path, read: Callable[[Path], object]
) -> str | None:
    """What is wrong with the answer to the changed file of that number."""
    path.write_bytes(mutated(content, random.Random(f"{kind} {number}")))
    wrong = heard(lambda: read(path))
    return f"{kind} {number}: {wrong}" if wrong else None


def cases(
    kind: str, count: int, content: bytes, path: Path, read: Callable[[Path], object]
) -> list[str]:
    found = (case(kind, number, content, path, read) for number in range(count))
    return [wrong for wrong in found if wrong]


@pytest.mark.parametrize("kind", FILES)
def test_a_changed_file_is_one_sentence(kind: str, tmp_path: Path) -> None:
    name, content, read = FILES[kind]
    read_whole = tmp_path / name
    read_whole.write_bytes(content())
    read(read_whole)  # the whole file is right
    assert cases(kind, QUICK, content(), tmp_path / name, read) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", FILES)
def test_many_changed_files_are_sentences(kind: str, tmp_path: Path) -> None:
    name, content, read = FILES[kind]
    assert cases(kind, MANY, content(), tmp_path / name, read) == []


def run_cases(kind: str, count: int, folder: Path) -> list[str]:
    pattern, read = RUN_FILES[kind]
    path = sorted(folder.glob(pattern))[0]
    content = path.read_bytes()
    read(path)
    return cases(kind, count, content, path, read)


@pytest.mark.slow
@pytest.mark.parametrize("kind", RUN_FILES)
def test_a_changed_file_of_a_run_is_one_sentence(
    kind: str, finished: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    assert run_cases(kind, MANY, run_copy(finished, tmp_path / "run")) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_changed_checkpoint_is_one_sentence(name: str, tiny: Path, tmp_path: Path) -> None:
    from suite.models.backends import build_generator

    folder = tmp_path / "text"
    shutil.copytree(tiny / "text-s", folder)

    def read(path: Path) -> None:
        build_generator(ModelSpec(path=path.parent), "text", device="cpu")

    assert cases(name, FEW, (folder / name).read_bytes(), folder / name, read) == []


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_changed_rows_of_a_task_are_one_sentence(suffix: str, mine: Path, tmp_path: Path) -> None:
    rows = [{**row, "options": ["red", "green", "blue"]} for row in ROWS]
    flat = [{k: "x" if k == "options" else v for k, v in row.items()} for row in rows]
    content = {
        "jsonl": _jsonl(rows), "parquet": parquet_of(rows), "csv": _table(flat),
    }[suffix]  # fmt: skip
    folder = mine / "shapes" / "data"
    shutil.copytree(mine / "shapes" / "pictures", folder / "pictures")

    def read(path: Path) -> None:
        load_items("shapes", data=str(path), cache_dir=tmp_path / "cache", refresh=True)

    assert cases(f"rows {suffix}", FEW, content, folder / f"rows.{suffix}", read) == []


ARGUMENTS = [word for word in WORDS if "\0" not in word]


def spoken(number: int) -> tuple[list[str], str | None]:
    """A command line of odd words, and what is wrong with how it ends."""
    draw = random.Random(f"words {number}")
    name = draw.choice([name for name in command_files() if name not in ("doctor", "paper")])
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    words: list[str] = []
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            words.append(draw.choice(ARGUMENTS))
        elif draw.random() < 0.3 and parameter.name not in ("debug", "help"):
            words.append(parameter.opts[0])
            if isinstance(parameter, click.Option) and not parameter.is_flag:
                words.append(draw.choice(ARGUMENTS))
    result = call(name, *words)
    said = result.stderr
    if "Traceback" in said or "Unexpected" in said or result.exit_code not in (0, 1, 2):
        return [name, *words], said[-300:] + str(result.exception)
    if len(said) > 3 * LONGEST:
        return [name, *words], f"{len(said)} letters: {said[:300]}"
    return [name, *words], None


def words_cases(count: int) -> list[str]:
    found = ((number, *spoken(number)) for number in range(count))
    return [f"{n}: {' '.join(words)[:200]}: {wrong}" for n, words, wrong in found if wrong]


def test_odd_words_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (inside := tmp_path / "a" / "b" / "c").mkdir(parents=True)  # an odd word may lead out of it
    monkeypatch.chdir(inside)
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    assert words_cases(QUICK) == []


@pytest.mark.slow
def test_many_odd_words_are_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (inside := tmp_path / "a" / "b" / "c").mkdir(parents=True)  # an odd word may lead out of it
    monkeypatch.chdir(inside)
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    assert words_cases(MANY) == []


def _after(kind: str, old: str, new: str) -> bytes:
    """A whole file of a kind with one text replaced."""
    text = FILES[kind][1]().decode()
    assert old in text
    return text.replace(old, new, 1).encode()


TWICE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "quoted or not": (
        "study",
        lambda: _after("study", "tasks:", '"tasks": [{task: micro_ocr}]\ntasks:'),
        "tasks",
    ),
    "a size's model": (
        "family",
        lambda: b"family: f\nsizes:\n- name: a\n  params: 1\n  text: a/b\n  text: a/c\n",
        "text",
    ),
    "pasted rows of sizes": (
        "family",
        lambda: (
            b"family: f\nsizes:\n- {name: a, params: 1, vlm: a/b}\nsizes:\n"
            b"- {name: b, params: 2, vlm: a/c}\n"
        ),
        "sizes",
    ),
    "a prompt set": (
        "prompts",
        lambda: _after("prompts", "  default:", "  default: {}\n  default:"),
        "default",
    ),
    "a task's categories": (
        "task",
        lambda: _after("task", "{first: 3, second: 3}", "{first: 3, first: 3}"),
        "first",
    ),
    "a size of a recipe": ("recipe", lambda: _after("recipe", "sizes:", "sizes:\n  xs: {}"), "xs"),
    "two merges": (
        "study",
        lambda: (
            b"a: &a {seed: 1}\nb: &b {seed: 2}\nstudy: s\nfamily: micro\n<<: *a\n<<: *b\n"
            b"tasks: [{task: micro_ocr}]\ncells: [{method: blind, perception: all}]\n"
        ),
        "<<",
    ),
    "an item of recorded texts": (
        "texts json",
        lambda: b'{"0": "a red cat", "1": "x", "0": "a blue cat"}',
        "0",
    ),
    "a prediction": (
        "predictions jsonl",
        lambda: b'{"index": 0, "prediction": "A", "prediction": "B"}\n',
        "prediction",
    ),
    "an index": (
        "predictions json",
        lambda: b'[{"index": 0, "prediction": "A", "index": 1}]',
        "index",
    ),
}
"""A key that stands twice, one of which would be lost -> kind, file, what the sentence names."""


def refused(kind: str, content: Callable[[], bytes], folder: Path) -> tuple[str, Path]:
    """What the reader of a kind of file says of such a one, and where it lies."""
    path = folder / FILES[kind][0]
    path.write_bytes(content())
    with pytest.raises(SuiteError) as caught:
        FILES[kind][2](path)
    return str(caught.value), path


@pytest.mark.parametrize("name", TWICE)
def test_a_key_that_stands_twice_is_lost_in_no_file(name: str, tmp_path: Path) -> None:
    kind, content, word = TWICE[name]
    said, path = refused(kind, content, tmp_path)
    said = said.replace(str(path), "")
    assert "twice" in said or "two of its" in said
    assert repr(word) in said


def test_data_of_one_task_are_given_once() -> None:
    with pytest.raises(SuiteError, match="'mmstar' twice"):
        data_paths(("mmstar=a.parquet", "mmstar=b.parquet"))


def _columns(**columns: pa.Array) -> bytes:
    written = io.BytesIO()
    pq.write_table(pa.table(columns), written)
    return written.getvalue()


ODD: dict[str, tuple[str, bytes, Callable[[Path], object]]] = {
    "indices that are lists": ("p.jsonl", b'{"index": [0], "prediction": "A"}\n', _score),
    "decimals and a dictionary": (
        "p.parquet",
        _columns(
            index=pa.array([0, 1], pa.decimal128(5, 2)),
            prediction=pa.array(["A", "B"]).dictionary_encode(),
        ),
        _score,
    ),
    "times as indices": (
        "p.parquet",
        _columns(index=pa.array([10**15], pa.timestamp("ns")), prediction=pa.array([b"\xff"])),
        _score,
    ),
    "sizes that are lists": (
        "f.yaml",
        b"family: f\nsizes:\n- [a, b]\n- {name: [1], params: {a: 1}}\n",
        load_family,
    ),
    "sexagesimals, dates and sets": (
        "f.yaml",
        b"family: 2026-01-01\ninstruct: {a}\nsizes:\n"
        b"- {name: 1:30, params: 2026-01-01, vlm: !!set {a}}\n",
        load_family,
    ),
    "braces in braces": (
        "p.yaml",
        b"sets:\n  a: {version: 1, options: {each: '{letter!z} {text:{text}}'}}\n",
        load_prompts,
    ),
    "a config that is a list": ("config.json", b"[1, 2]", _identity),
    "an index of weights that is a list": (
        "model.safetensors.index.json",
        b'{"weight_map": [5]}',
        _identity,
    ),
    "a provenance of other types": (
        "provenance.json",
        b'{"study": 5, "models": {"a": 1}, "items": [1], "started": "x"}',
        _provenance,
    ),
    "records that are somebody's table": (
        "table.parquet",
        _columns(cell=pa.array([[1]]), score=pa.array(["x"]), item_id=pa.array([{"a": 1}])),
        load_results,
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_what_people_hand_over_by_mistake_is_one_sentence(name: str, tmp_path: Path) -> None:
    file, content, read = ODD[name]
    for other in ("config.json", "model.safetensors"):
        (tmp_path / other).write_bytes(b"{}")
    (tmp_path / file).write_bytes(content)
    assert heard(lambda: read(tmp_path / file)) is None


@pytest.mark.parametrize(
    "words",
    [
        ("compare", "a:", ":b"),
        ("plan", "micro", "--only", "["),
        ("plan", "micro", "--limit", "-1"),
        ("plan", "micro", "--data", "micro_ocr=\udcff.parquet"),
        ("status", "{tmp}", "--store", "foo://bar"),
        ("score", "micro_ocr", "{tmp}"),
        ("figures", "{tmp}", "nothing"),
        ("analyze", "{tmp}"),
        ("export", "{tmp}/none"),
        ("paper", "--tables", "{tmp}"),
    ],
    ids=lambda words: " ".join(words)[:30],
)
def test_commands_on_what_is_none_of_theirs_are_one_sentence(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "note.txt").write_text("x")
    result = call(*(word.replace("{tmp}", str(tmp_path)) for word in words))
    assert result.exit_code in (1, 2), result.output
    assert "Unexpected" not in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("plan micro --limit 1 --limit 2", "--limit"),
        ("plan micro --store a --store b", "--store"),
        ("run micro --out a --out b", "--out"),
        ("train micro --out a --out b", "--out"),
        ("score micro_ocr p.csv --rows a.csv --rows b.csv", "--rows"),
    ],
)
def test_a_value_that_is_given_twice_on_the_command_line_is_not_dropped(
    words: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    result = call(*words.split())
    assert result.exit_code == 2, result.output
    assert named in result.stderr
    assert "twice" in result.stderr
    assert list(tmp_path.iterdir()) == []


STUDY = (
    "study: s\nfamily: micro\ntasks: [{task: micro_ocr}]\n"
    "cells: [{method: blind, perception: xs}]\n"
)


@pytest.mark.parametrize(
    ("kind", "content", "named"),
    [
        (
            "study",
            STUDY.replace(
                "xs}", "xs, samples: 1}, {method: blind, perception: [xs, s], samples: 3}"
            ),
            "blind",
        ),
        (
            "study",
            STUDY.replace("[{", "[{task: downscaling_micro_ocr, limit: 3}, {", 1),
            "micro_ocr",
        ),
        (
            "texts jsonl",
            '{"item_id": 0, "text": "red"}\n{"item_id": "0.0", "text": "blue"}\n',
            "0",
        ),
        ("task", "categories: [first, second, first]", "first"),
    ],
)
def test_two_entries_that_say_the_same_thing_differently_are_refused(
    kind: str, content: str, named: str, tmp_path: Path
) -> None:
    if kind == "task":
        content = _shapes().decode().replace("categories: {first: 3, second: 3}", content)
    path = tmp_path / FILES[kind][0]
    path.write_text(content)
    with pytest.raises(SuiteError, match=r"twice|two rows") as caught:
        FILES[kind][2](path)
    assert named in str(caught.value).replace(str(path), "")


def _task_with(text: str) -> bytes:
    return _after("task", "{first: 3, second: 3}", text)


DOUBLED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "a key with a question mark": (
        "study",
        lambda: STUDY.encode() + b"? seed\n: 1\nseed: 2\n",
        "seed",
    ),
    "a setting of a size's model": (
        "family",
        lambda: (
            b"family: f\nsizes:\n- name: a\n  params: 1\n  vlm:\n    repo: a/b\n"
            b"    dtype: float32\n    dtype: bfloat16\n"
        ),
        "dtype",
    ),
    "a setting of a processor": (
        "family",
        lambda: (
            b"family: f\nsizes:\n- {name: a, params: 1, vlm: {repo: a/b, processor: "
            b"{size: {height: 1}, size: {width: 1}}}}\n"
        ),
        "size",
    ),
    "a category as a number and as a text": ("task", lambda: _task_with("{8: 3, '8': 3}"), "8"),
    "a category composed and not": (
        "task",
        lambda: _task_with("{caf\u00e9: 3, cafe\u0301: 3}"),
        "caf",
    ),
    "a template's words": (
        "prompts",
        lambda: (
            b"sets:\n  default:\n    version: 1\n    base: micro\n    templates:\n"
            b"      blind: {choice: '{question}', open: '{question}', choice: '{options}'}\n"
        ),
        "choice",
    ),
    "a size in a list": (
        "study",
        lambda: STUDY.replace("xs}", "[xs, s, xs]}").encode(),
        "blind/P=xs",
    ),
    "a second document": ("study", lambda: STUDY.encode() + b"---\nseed: 5\n", "document"),
    "an included file": (
        "task",
        lambda: b"include: shared_yaml\n" + FILES["task"][1](),
        "metric_list",
    ),
    "a copy of a task's file": ("task", FILES["task"][1], "shapes (1).yaml"),
}
"""What stands twice -> kind, file, what the sentence names."""


@pytest.mark.parametrize("name", DOUBLED)
def test_nothing_that_stands_twice_is_lost(name: str, tmp_path: Path) -> None:
    kind, content, word = DOUBLED[name]
    path = tmp_path / FILES[kind][0]
    path.write_bytes(content())
    if name == "an included file":
        (tmp_path / "shared_yaml").write_text(
            "metric_list: []\ndataset_path: json\nmetric_list: []\n"
        )
    elif name == "a copy of a task's file":
        shutil.copy(path, tmp_path / "shapes (1).yaml")
    with pytest.raises(SuiteError) as caught:
        FILES[kind][2](path)
    said = str(caught.value)
    assert word in said.replace(str(path), "")
    assert re.search("twice|two files|document", said, re.IGNORECASE)


ROWS_OF_SIZES = "family: f\nsizes:\n- {name: a, params: 1, text: a/b}\n"
SETS = "sets:\n  default:\n    version: 1\n    base: micro\n"

OTHER_FORMS: dict[str, tuple[str, Callable[[], bytes], list[str]]] = {
    "no model": (
        "family",
        lambda: ROWS_OF_SIZES.replace("a/b}", "a/b, vlm: false}").encode(),
        ["vlm", "keys and values"],
    ),
    "a year": (
        "family",
        lambda: f"title: 2026\n{ROWS_OF_SIZES}".encode(),
        ["`title` is 2026", "a text, in quotes"],
    ),
    "prompts with keys": (
        "family",
        lambda: f"prompts: {{default: 1}}\n{ROWS_OF_SIZES}".encode(),
        ["`prompts`", "a text"],
    ),
    "a version": (
        "family",
        lambda: ROWS_OF_SIZES.replace("a/b", "{repo: a/b, revision: 0.1}").encode(),
        ["`revision` is 0.1", "a text, in quotes"],
    ),
    "a date": (
        "family",
        lambda: ROWS_OF_SIZES.replace("name: a", "name: 2026-11-26").encode(),
        ["`name`", "a text, in quotes"],
    ),
    "no name": (
        "family",
        lambda: ROWS_OF_SIZES.replace("name: a", "name: off").encode(),
        ["`name` is False", "a text, in quotes"],
    ),
    "lists of words": (
        "prompts",
        lambda: f"{SETS}    templates: {{blind: [a, b]}}\n".encode(),
        ["'blind'", "keys and values"],
    ),
    "a separator with keys": (
        "prompts",
        lambda: f"{SETS}    options: {{separator: {{a: b}}}}\n".encode(),
        ["`separator`", "a text"],
    ),
    "a task that is a date": (
        "task",
        lambda: b"task: 2026-11-26\nmetadata: {}\n",
        ["`task` is 2026-11-26", "a text, in quotes"],
    ),
    "a gate": (
        "recipe",
        lambda: _after("recipe", "seed: 1", "seed: one"),
        ["`seed` is 'one'", "a whole number"],
    ),
}
"""What people write in another form -> kind, file, what the sentence names."""


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_another_form_is_told_with_what_to_write_in_every_file(name: str, tmp_path: Path) -> None:
    kind, content, named = OTHER_FORMS[name]
    said, _ = refused(kind, content, tmp_path)
    assert [words for words in named if words not in said] == [], said


AB = "a: &a {seed: 1, limit: 2}\nb: &b {seed: 3, samples: 1}\n"

DOUBLED_TOO: dict[str, tuple[str, Callable[[], bytes], str | None]] = {
    "two merged mappings": ("merged", lambda: f"{AB}c: {{<<: [*a, *b]}}\n".encode(), "'seed'"),
    "two merged, given anew": (
        "merged",
        lambda: f"{AB}c: {{<<: [*a, *b], seed: 5}}\n".encode(),
        None,
    ),
    "two merged, of other keys": (
        "merged",
        lambda: AB.replace("seed: 3, ", "").encode() + b"c: {<<: [*a, *b]}\n",
        None,
    ),
    "one merged twice": ("merged", lambda: f"{AB}c: {{<<: [*a, *a]}}\n".encode(), None),
    "a stage's rows": (
        "recipe",
        lambda: _after("recipe", "kind: encoder", "kind: encoder\n    kind: text"),
        "'kind'",
    ),
    "a row of decoding": (
        "study",
        lambda: (
            STUDY.encode() + b"decoding: {reason: {top_k: 1}, answer: {}, reason: {top_p: 1}}\n"
        ),
        "'reason'",
    ),
    "in UTF-16": ("study", lambda: f"{STUDY}seed: 1\nseed: 2\n".encode("utf-16"), "'seed'"),
    "with a comment between": (
        "study",
        lambda: f"{STUDY}seed: 1\n# seed: 3\n\nseed: 2\n".replace("\n", "\r\n").encode(),
        "lines 5 and 8",
    ),
    "a recorded size": (
        "study",
        lambda: STUDY.encode() + b"perceive:\n  xs: {file: a.json}\n  'xs': {file: b.json}\n",
        "'xs'",
    ),
    "data of a task": (
        "study",
        lambda: STUDY.encode() + b'data: {micro_ocr: a.csv, "micro_ocr": b.csv}\n',
        "'micro_ocr'",
    ),
}
"""What stands twice, or seems to -> kind, file, what the sentence names (None: it is read)."""


@pytest.mark.parametrize("name", DOUBLED_TOO)
def test_of_two_values_none_is_dropped(name: str, tmp_path: Path) -> None:
    kind, content, named = DOUBLED_TOO[name]
    path = tmp_path / ("m.yaml" if kind == "merged" else FILES[kind][0])
    path.write_bytes(content())
    reader = (lambda p: yaml_files.read(p, "study")) if kind == "merged" else FILES[kind][2]
    if named is None:
        assert isinstance(reader(path), dict)
        return
    with pytest.raises(SuiteError) as caught:
        reader(path)
    assert named in str(caught.value).replace(str(path), "")
