"""The page and the files of training rows: whole, escaped, and the same as what was asked."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

import suite
from suite.base.images import Unreadable
from suite.extraction.pictures import Pictures, Size, prepared
from tests.suite.extraction.planted import clean, problems, report, row, write
from tests.suite.extraction.test_conversations import png
from tests.suite.report.test_page import Page

SYSTEM = """
sets:
  own:
    base: extraction
    version: 1
    templates:
      perceive: {system: Be exact., choice: "Look at {contents}", open: "Look at {contents}!"}
"""


def test_the_page_is_well_formed_and_escapes_what_models_wrote(tmp_path: Path) -> None:
    rows, texts = clean(tmp_path)
    texts["description", "ball-0"] = "<script>alert(1)</script> & a ball"
    texts["contents", "ball-2"] = ""
    (tmp_path / "ball-3.png").write_bytes(b"")
    report(tmp_path, rows, texts)
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert {a[1:] for a in page.addresses if a.startswith("#")} <= page.names
    assert sum(a.startswith("data:image/webp;") for a in page.addresses) == 5
    assert len(page.alternatives) == 5
    assert all(a.startswith(("data:", "#")) for a in page.addresses)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "ball-3" in text


def test_a_page_without_any_row_that_was_kept(tmp_path: Path) -> None:
    rows, _ = clean(tmp_path)
    content = report(tmp_path, rows[:1], {("contents", "another"): "a ball"})
    assert content["lengths"] == {"contents": None, "statements": None, "description": None}
    assert json.loads((tmp_path / "out" / "train.json").read_text()) == []
    assert "failed" in (tmp_path / "out" / "report.html").read_text()


def test_lengths_are_words_of_the_rows_kept(tmp_path: Path) -> None:
    rows, texts = clean(tmp_path)
    long = "A large red ball lies on a table, with 2 small balls next to it."  # 15 words
    assert texts["description", "ball-0"] == long
    texts["description", "ball-1"] = "A large green ball and 3 small ones."  # 8
    texts["description", "ball-2"] = None
    content = report(tmp_path, rows[:3], texts)
    assert content["lengths"]["description"] == {"min": 8, "median": 11.5, "mean": 11.5, "max": 15}
    assert content["teacher"]["unused"] == 9  # of the three conversations that are not there


def test_rows_in_the_words_of_ones_own_prompts(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(SYSTEM)
    report(tmp_path, *clean(tmp_path), prompts=str(tmp_path / "own.yaml"))
    trained = json.loads((tmp_path / "out" / "train.json").read_text())
    assert trained[0]["conversations"][:2] == [
        {"from": "system", "value": "Be exact."},
        {"from": "human", "value": "<image>\nLook at the large ball, the small balls beside it!"},
    ]


def test_rows_that_are_no_more_there_leave_no_files(tmp_path: Path) -> None:
    rows, texts = clean(tmp_path)
    report(tmp_path, rows, texts)
    data = tmp_path / "out" / "data"
    (data / "train-00001-of-00002.parquet").write_bytes(b"of an earlier run")
    assert report(tmp_path, rows[:2], texts)["kept"] == 2
    assert [path.name for path in data.iterdir()] == ["train-00000-of-00001.parquet"]


def test_several_files_of_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    rows, texts = clean(tmp_path)
    monkeypatch.setattr("suite.extraction.dataset.SHARD_BYTES", 1)
    suite.extract_data(**write(tmp_path, rows, texts), out=tmp_path / "out")
    out = tmp_path / "out"
    assert len(list((out / "data").glob("train-*-of-00006.parquet"))) == 6
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"), split="train")
    assert loaded["id"] == [f"ball-{n}" for n in range(6)]


def test_an_image_that_changes_while_the_run_works_with_it(tmp_path: Path) -> None:
    from suite.engine.progress import Silent

    path = tmp_path / "a.png"
    path.write_bytes(png("red"))
    pictures = Pictures(Size())
    name = pictures.add([(tmp_path, "a.png")], Silent())[tmp_path, "a.png"]
    assert isinstance(name, str)
    assert pictures[name] == png("red")
    assert pickle.loads(pickle.dumps(pictures))[name] == png("red")  # another process reads it too
    path.write_bytes(png("blue"))
    with pytest.raises(Unreadable, match=r"the image a.png has changed since it was checked"):
        pictures[name]


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("no.png", "no.png is missing"),
        ("../out.png", "lies outside"),
        ("https://a.b/c.png", "is not fetched"),
        ("iVBORw0KGgo=", "is no path of a file"),
        ("text.png", "no image that Pillow reads"),
        ("cut.png", "cannot be read: "),
    ],
)
def test_images_that_are_none(image: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "out.png").write_bytes(png("red"))
    (tmp_path / "images" / "text.png").write_text("text")
    (tmp_path / "images" / "cut.png").write_bytes(png("red")[:50])
    with pytest.raises(Unreadable) as caught:
        prepared((tmp_path / "images", image), Size())
    assert said in str(caught.value)


@pytest.mark.parametrize("question", ["What?", "Name the ball.", "Is it?"])
def test_a_short_question_that_is_repeated_whole(question: str, tmp_path: Path) -> None:
    rows, texts = clean(tmp_path)
    rows[0] = row("ball-0", "ball-0.png", (question, "red"))
    texts["statements", "ball-0"] = "The large ball is red."
    texts["description", "ball-0"] = f"{question} A large red ball."
    assert problems(report(tmp_path, rows, texts)) == [("ball-0", "leaked_question")]
