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

from suite.base.files import Folder
from suite.base.machine import process_space, process_started
from suite.cli import cli, command_files
from suite.engine import claims
from suite.errors import LONGEST
from suite.items.load import load_items
from suite.models.spec import ModelSpec
from suite.runs.results import load_results
from suite.runs.status import status_of
from tests.suite.cli_study import call
from tests.suite.files_of_people import (
    FILES,
    heard,
    jsonl_of,
    parquet_of,
    read_provenance,
    table_of,
)
from tests.suite.own_tasks import ROWS

QUICK, MANY, FEW = 12, 600, 40

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


def run_copy(finished: tuple[Path, dict[str, Any]], to: Path) -> Path:
    """The run without what is drawn, with a claim."""
    shutil.copytree(finished[0], to, ignore=shutil.ignore_patterns("figures", "*.html"))
    pid = os.getpid()
    claim = {"machine": process_space(), "pid": pid, "started": process_started(pid)}
    claim |= {"beat": time.time(), "keys": ["a" * 12]}
    (to / "store" / claims.INSIDE).mkdir(exist_ok=True)
    (to / "store" / claims.INSIDE / "x.json").write_text(json.dumps(claim))
    return to


def _records(path: Path) -> None:
    """Of another name than the run's own, whose hash would tell every change."""
    load_results(shutil.copy(path, path.with_name("table.parquet")))


def _claims(path: Path) -> None:
    claims.live_claims(Folder(str(path.parent.parent)))


RUN_FILES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "provenance": ("provenance.json", read_provenance),
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
        "jsonl": jsonl_of(rows), "parquet": parquet_of(rows), "csv": table_of(flat),
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
