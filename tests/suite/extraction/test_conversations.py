"""Conversations in every form they come in, and what is said of rows and files that are none."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest
from PIL import Image

from suite.errors import SuiteError
from suite.extraction.conversations import read_conversations
from tests.suite.extraction.planted import row

ROWS = [
    row("a", "x/1.jpg", ("Is it?", "yes"), ("What is it?", "a dog")),
    row("b", None, ("Is it?", "no")),
    row("c", "2.jpg", ("How many?", "3")),
]


def png(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 3), colour).save(buffer, "PNG")
    return buffer.getvalue()


def as_json(folder: Path) -> Path:
    path = folder / "rows.json"
    path.write_text(json.dumps(ROWS))
    return path


def as_jsonl(folder: Path) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)))
    return path


def as_parquet(folder: Path) -> Path:
    pd.DataFrame(ROWS).to_parquet(folder / "rows.parquet")
    return folder / "rows.parquet"


def as_saved_data_set(folder: Path) -> Path:
    filled = [{"image": None, **entry} for entry in ROWS]
    datasets.Dataset.from_list(filled).save_to_disk(folder / "saved")
    return folder / "saved"


def as_downloaded_data_set(folder: Path) -> Path:
    (folder / "set" / "data").mkdir(parents=True)
    frame = pd.DataFrame(ROWS)
    frame[:1].to_parquet(folder / "set" / "data" / "train-00000-of-00002.parquet")
    frame[1:].to_parquet(folder / "set" / "data" / "train-00001-of-00002.parquet")
    return folder / "set"


@pytest.mark.parametrize(
    "write", [as_json, as_jsonl, as_parquet, as_saved_data_set, as_downloaded_data_set]
)
def test_one_set_of_conversations_in_every_form(write: Any, tmp_path: Path) -> None:
    source = read_conversations(write(tmp_path), tmp_path / "out")
    assert source.without_image == 1
    first, second = source.conversations
    assert (first.id, first.image, first.embedded, first.fault) == ("a", "x/1.jpg", False, None)
    assert first.pairs == (("Is it?", "yes"), ("What is it?", "a dog"))
    assert (second.id, second.pairs) == ("c", (("How many?", "3"),))


def test_the_first_conversations_that_have_an_image(tmp_path: Path) -> None:
    for limit, ids in ((1, ["a"]), (2, ["a", "c"]), (9, ["a", "c"])):
        source = read_conversations(as_json(tmp_path), tmp_path / "out", limit)
        assert [one.id for one in source.conversations] == ids


def test_images_that_stand_in_the_rows_are_written(tmp_path: Path) -> None:
    images = [{"bytes": png("red"), "path": "1.png"}, {"bytes": png("blue"), "path": None}]
    rows = [{"image": image, "conversations": ROWS[2]["conversations"]} for image in images]
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "conversations": datasets.List(
                {"from": datasets.Value("string"), "value": datasets.Value("string")}
            ),
        }
    )
    made = datasets.Dataset.from_list(rows, features=features)
    made.to_parquet(tmp_path / "rows.parquet")
    source = read_conversations(tmp_path / "rows.parquet", tmp_path / "out")
    assert [one.id for one in source.conversations] == ["0", "1"]  # the rows' numbers
    for one, colour in zip(source.conversations, ("red", "blue"), strict=True):
        assert one.embedded
        assert (tmp_path / "out" / one.image).read_bytes() == png(colour)


def test_marks_and_a_system_turn_are_no_part_of_the_pairs(tmp_path: Path) -> None:
    turns = [
        {"from": "system", "value": "Be kind."},
        {"from": "user", "value": "Look: \n<image>\nWhat is it?\n"},
        {"from": "assistant", "value": " A dog. "},
        {"from": "human", "value": "Where?<image>"},
        {"from": "gpt", "value": "here"},
    ]
    (tmp_path / "r.json").write_text(json.dumps([{"image": "a.png", "conversations": turns}]))
    (one,) = read_conversations(tmp_path / "r.json", tmp_path).conversations
    assert one.pairs == (("Look: \n\nWhat is it?", "A dog."), ("Where?", "here"))
    assert one.questions == "Look: \n\nWhat is it?\nWhere?"


def test_ids_are_made_unique(tmp_path: Path) -> None:
    named = ["a", "a", "a#2", 3, None, "a"]
    rows = [{**ROWS[2], "id": id} for id in named]
    (tmp_path / "r.json").write_text(json.dumps(rows))
    found = read_conversations(tmp_path / "r.json", tmp_path).conversations
    assert [one.id for one in found] == ["a", "a#2", "a#2#2", "3", "4", "a#3"]
    assert [one.repeats for one in found] == [None, "a", "a#2", None, None, "a"]


TURNS = ROWS[2]["conversations"]
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"conversations": []}, "it has the `conversations` [], which are no list of turns"),
    ({"conversations": "What?"}, "it has the `conversations` 'What?', which are no list of turns"),
    ({"conversations": TURNS[:1]}, "it has a last question without an answer"),
    ({"conversations": TURNS[1:]}, "it has a turn 1 from 'gpt', where human comes next"),
    ({"conversations": [*TURNS, *TURNS[1:]]}, "it has a turn 3 from 'gpt', where human comes next"),
    (
        {"conversations": [{"from": "human", "value": None}]},
        "it has the turn 1 {'from': 'human', 'value': None}, which lacks a text `from` (human, gpt "
        "or system) or `value`",
    ),
    (
        {"conversations": ["a"]},
        "it has the turn 1 'a', which lacks a text `from` (human, gpt or system) or `value`",
    ),
    (
        {"conversations": [{"from": "bot", "value": "a"}]},
        "it has a turn 1 from 'bot', where human comes next",
    ),
    (
        {"conversations": [*TURNS, {"from": "system", "value": "a"}, *TURNS[1:]]},
        "it has a turn 3 from 'system', where human comes next",
    ),
    ({"conversations": [{"from": "system", "value": "a"}]}, "it has no question"),
    ({"image": ["1.png", "2.png"]}, "it has 2 images, and one is described"),
    ({"image": {"url": "a"}}, "it has the `image` {'url': 'a'}, neither a path nor an image"),
]


@pytest.mark.parametrize(("changes", "fault"), FAULTS)
def test_rows_that_are_no_conversation(changes: dict[str, Any], fault: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps([{**ROWS[2], **changes}]))
    (one,) = read_conversations(tmp_path / "r.json", tmp_path).conversations
    assert str(one.fault).startswith(fault)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("r.json", "[]", "it has no rows and needs `conversations`; give rows such as"),
        ("r.json", '[{"id": "1", "text": "a"}]', "it has the columns id, text and needs `conversa"),
        ("r.json", '[{"image": "", "conversations": []}]', "and needs an image in some row"),
        ("r.json", '[{"image": "a"', "cannot be read: line 1, column 15"),
        ("r.jsonl", '{"image": "a"}\n{"a": 1, "a": 2}', "two of its keys are called 'a'"),
        ("r.jsonl", "[1]", "line 1 is ["),
        ("r.parquet", "no parquet", "it is no Parquet file"),
        ("r.arrow", "no arrow", "cannot be read: "),
        ("r.zip", "a", "files that end in .zip are not known"),
        ("folder/readme.md", "a", "holds no Parquet, Arrow, JSONL or JSON file of rows."),
        ("folder/train.json", "[]", "holds files of train, test: name the file"),
    ],
)  # fmt: skip
def test_files_that_hold_none(name: str, content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / name).write_text(content)
    if "train" in name:
        (tmp_path / "folder" / "test.json").write_text(content)
    path = tmp_path / name.partition("/")[0]
    with pytest.raises(SuiteError) as caught:
        read_conversations(path, tmp_path / "out")
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
