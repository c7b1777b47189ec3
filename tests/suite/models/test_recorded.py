"""Recorded texts: files as people have them, read as they stand, and known by their content."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from suite.errors import SuiteError, Unfinished
from suite.models import recorded
from suite.models.backends import build_generator, fingerprint
from suite.models.recorded import RecordedGenerator
from suite.models.spec import ModelSpec
from suite.requests import Generator, Request
from tests.suite.base.test_row_files import archive
from tests.suite.models.checkpoints import CHANGED, no_image, request

ROWS = [
    {"task": "a", "item_id": "0", "text": "the sky"},
    {"task": "a", "item_id": "1", "text": ""},
    {"task": "b", "item_id": "0", "text": "a cup"},
]


def texts(generator: Generator, *requests: Request) -> list[str | None]:
    return [answer.error or answer.text for answer in generator.generate(list(requests), no_image)]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_recorded_rows_of_several_tasks(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"texts{suffix}"
    frame = pd.DataFrame(ROWS[::2])  # pandas reads an empty CSV field as missing
    if suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, ROWS)) + "\n\n")
    elif suffix == ".parquet":
        pd.DataFrame(ROWS).to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    generator = RecordedGenerator(ModelSpec(path=path))
    assert texts(generator, request("0"), request("0", "b"), request("7")) == [
        "the sky",
        "a cup",
        f"{path} has no text for item 7.",
    ]
    if suffix != ".csv":
        assert texts(generator, request("1")) == [""]  # a recorded nothing is no failure


def test_recorded_json_by_index_serves_every_task(tmp_path: Path) -> None:
    by_index = tmp_path / "contents.json"
    by_index.write_text(json.dumps({"0": "the sky", "12": "a cup"}))
    assert (
        texts(RecordedGenerator(ModelSpec(path=by_index)), request("12"), request("12", "b"))
        == ["a cup"] * 2
    )
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps(["zero", "one"]))
    assert texts(RecordedGenerator(ModelSpec(path=listed)), request("1")) == ["one"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"text": "x"}]', "it has the columns text, and needs `index` or `item_id`, and `text`"),
        ('[{"index": 1, "text": "x"}, {}]', "row 2 has neither `item_id` nor `index`"),
        ('[{"index": [1], "text": "x"}]', "row 1: its `index` is [1] and not a text or number"),
        ('[{"index": 3, "text": "x"}, {"index": 3.0, "text": "x"}]', "Item 3 stands twice"),
        ('[{"item_id": 1, "text": "x"}, {"index": 1, "text": "y"}]', "Item 1 stands twice"),
        ('{"0": ["a"]}', "its '0' is ['a'] and not a text; give a list of rows"),
        ('{"0": null}', "its `text` is empty in every row"),
        ("{", "cannot be read"),
    ],
)
def test_a_bad_file_of_texts_is_one_sentence(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "texts.json"
    path.write_text(content)
    with pytest.raises(SuiteError) as caught:
        RecordedGenerator(ModelSpec(path=path))
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_recorded_is_built_from_a_spec_and_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "texts.json"
    path.write_text('{"0": "x"}')
    spec = ModelSpec(path=path, generator="recorded")
    first = fingerprint(spec, "text")
    assert build_generator(spec, "text").fingerprint == first
    path.write_text('{"0": "y"}')
    assert fingerprint(spec, "text") != first
    with pytest.raises(SuiteError, match=r"recorded texts .*absent\.json does not exist"):
        fingerprint(replace(spec, path=tmp_path / "absent.json"), "text")


def test_recorded_texts_that_are_replaced_while_they_are_read_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "texts.json"
    path.write_text('{"0": "x"}')

    def replaced(file: Path) -> Any:
        file.write_text('{"0": "y"}')
        return read(file)

    read = recorded._read
    monkeypatch.setattr(recorded, "_read", replaced)
    with pytest.raises(Unfinished) as caught:
        build_generator(ModelSpec(path=path, generator="recorded"), "text")
    assert str(caught.value) == f"The file of recorded texts {path}{CHANGED}"


def test_recorded_csv_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text("item_id,text\n007,None\n8,\n")
    assert texts(RecordedGenerator(ModelSpec(path=path)), request("007"), request("8")) == [
        "None",
        f"{path} has no text for item 8.",
    ]
    path.write_text("item_id,text\n,x\n")
    with pytest.raises(SuiteError, match="line 2 has neither `item_id` nor `index`"):
        RecordedGenerator(ModelSpec(path=path))
    path.write_text("item_id,text\n1,a text, cut\n")
    with pytest.raises(SuiteError) as caught:
        RecordedGenerator(ModelSpec(path=path))
    assert str(caught.value) == (
        f"The recorded texts in {path} cannot be read: line 2 has 3 values and the header 2; "
        "a text that holds ',' needs quotes."
    )


def test_recorded_texts_with_rare_characters(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    rows = [{"item_id": 0, "text": "one\u2028two\x85"}, {"item_id": 1, "text": "ok \U0001f600"}]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join([*lines, '{"item_id": 2, "text": "cut \\ud83d"}']), encoding="utf-8")
    asked = [request(str(n)) for n in range(3)]
    assert texts(RecordedGenerator(ModelSpec(path=path)), *asked) == [
        rows[0]["text"],
        rows[1]["text"],
        "cut \ufffd",
    ]


def test_a_file_of_recorded_texts_that_was_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    for content, said in (
        ('item_id,text\n1,"a red square\n2,a blue one\n', "line 3: unexpected end of data"),
        ("item_id,text\n1\n", "line 2 has 1 values and the header 2; a text that holds ',' needs "
         "quotes"),
        ("", "it holds no recorded texts, and needs a row per item"),
    ):  # fmt: skip
        path.write_text(content)
        with pytest.raises(SuiteError) as caught:
            RecordedGenerator(ModelSpec(path=path))
        assert str(caught.value) == f"The recorded texts in {path} cannot be read: {said}."


RECORDED: dict[str, tuple[str, str | bytes, object]] = {
    "numbers of R": (
        "a.csv",
        '"index","text"\n99999,"x"\n1e+05,"y"\n',
        {"99999": "x", "100000": "{path} has no text for item 100000."},
    ),
    "floats of Parquet, made of a hole": (
        "a.parquet",
        pd.DataFrame({"index": [0.0, 3.0], "text": ["x", "y"]}).to_parquet(),
        {"0": "x", "3": "y"},
    ),
    "columns by name in JSON, as pandas writes them": (
        "a.json",
        pd.DataFrame({"index": [0, 3], "text": ["x", "y"]}).to_json(),
        ["'index'", "list of rows"],
    ),
    "UTF-16 of Excel": ("a.csv", "index,text\r\n3,färbig\r\n".encode("utf-16"), {"3": "färbig"}),
    "Excel's Unicode text": ("a.tsv", "index\ttext\r\n3\tä\r\n".encode("utf-16"), {"3": "ä"}),
    "a JSON object by numbers with a point": ("a.json", '\ufeff{"3.0": "x"}', {"3": "x"}),
    "spaces around a key": ("a.ndjson", '{"index": " 3 ", "text": " x "}\n', {"3": " x "}),
    "zeros before a key": (
        "a.csv",
        "item_id,text\n003,x\n",
        {"003": "x", "3": "{path} has no text for item 3."},
    ),
    "a task with its prefix": (
        "a.csv",
        "task,index,text\ndownscaling_a,3,x\nb,3,y\n",
        {"3": "x"},
    ),
    "a sheet of Excel": ("a.xlsx", archive(("xl/workbook.xml", "")), ["Excel", "CSV"]),
}


@pytest.mark.parametrize("case", RECORDED)
def test_recorded_texts_as_people_have_them(tmp_path: Path, case: str) -> None:
    name, content, wanted = RECORDED[case]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    if isinstance(wanted, dict):
        generator = RecordedGenerator(ModelSpec(path=path))
        found = texts(generator, *map(request, wanted))
        assert found == [text.format(path=path) for text in wanted.values()]
    else:
        assert isinstance(wanted, list)
        with pytest.raises(SuiteError) as caught:
            RecordedGenerator(ModelSpec(path=path))
        assert all(word in str(caught.value) for word in (str(path), *wanted)), str(caught.value)


@pytest.mark.parametrize("how", ["put back", "link", "gone"])
def test_what_happens_to_recorded_texts_while_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    for name, text in (("a", "x"), ("b", "y")):
        (tmp_path / f"{name}.json").write_text(json.dumps({"0": text}))
    path = tmp_path / "texts.json"
    path.symlink_to(tmp_path / "a.json")
    known = fingerprint(ModelSpec(path=path, generator="recorded"), "text")

    def point(to: str) -> None:
        path.unlink()
        path.symlink_to(tmp_path / f"{to}.json")

    def happening(file: Path) -> Any:
        point("b")
        found = read(file)
        if how == "put back":
            point("a")
        elif how == "gone":
            path.unlink()
        return found

    read = recorded._read
    monkeypatch.setattr(recorded, "_read", happening)
    try:
        generator = build_generator(ModelSpec(path=path, generator="recorded"), "text")
    except SuiteError as error:
        assert str(path) in str(error)  # noqa: PT017
        return
    answers = texts(generator, request("0"))
    assert (generator.fingerprint == known) == (answers == ["x"])
