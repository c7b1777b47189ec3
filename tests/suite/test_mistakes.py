"""What people hand over by mistake is one sentence, and what stands twice is never dropped."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from suite.base import yaml_files
from suite.cli.options import data_paths
from suite.errors import SuiteError
from suite.models.family import load_family
from suite.models.fingerprint import identity
from suite.models.spec import ModelSpec
from suite.planning.prompts import load_prompts
from suite.runs.results import load_results
from tests.suite.cli_study import call
from tests.suite.files_of_people import FILES, heard, read_provenance, scored, shapes


def _identity(path: Path) -> None:
    identity(ModelSpec(path=path.parent), "text")


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
    "indices that are lists": ("p.jsonl", b'{"index": [0], "prediction": "A"}\n', scored),
    "decimals and a dictionary": (
        "p.parquet",
        _columns(
            index=pa.array([0, 1], pa.decimal128(5, 2)),
            prediction=pa.array(["A", "B"]).dictionary_encode(),
        ),
        scored,
    ),
    "times as indices": (
        "p.parquet",
        _columns(index=pa.array([10**15], pa.timestamp("ns")), prediction=pa.array([b"\xff"])),
        scored,
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
        read_provenance,
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
        content = shapes().decode().replace("categories: {first: 3, second: 3}", content)
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
