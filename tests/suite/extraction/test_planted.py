"""Defects that are planted are found, each of its kind and no other; a clean row has none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from suite.extraction.checks import KINDS
from suite.extraction.rows import AS_AUTHORS, Settings
from tests.suite.extraction.planted import clean, problems, report, row
from tests.tasks.files import SHARED

Rows = list[dict[str, Any]]
Texts = dict[tuple[str, str], str | None]
AT = "ball-1"
"""The row with the defect: a green ball and three small ones."""


def says(stage: str, text: str | None) -> Callable[[Path, Rows, Texts], None]:
    def plant(folder: Path, rows: Rows, texts: Texts) -> None:
        texts[stage, AT] = text

    return plant


def asks(*pairs: tuple[str, str]) -> Callable[[Path, Rows, Texts], None]:
    def plant(folder: Path, rows: Rows, texts: Texts) -> None:
        rows[1] = row(AT, f"{AT}.png", *pairs)

    return plant


def cut_off(folder: Path, rows: Rows, texts: Texts) -> None:
    path = folder / f"{AT}.png"
    path.write_bytes(path.read_bytes()[:60])


def gone(folder: Path, rows: Rows, texts: Texts) -> None:
    (folder / f"{AT}.png").unlink()


def outside(folder: Path, rows: Rows, texts: Texts) -> None:
    rows[1]["image"] = "../../elsewhere.png"


def same_row(folder: Path, rows: Rows, texts: Texts) -> None:
    rows[1] = {**rows[0], "id": AT}
    for stage in ("contents", "statements"):
        texts[stage, AT] = texts[stage, "ball-0"]


def same_description(folder: Path, rows: Rows, texts: Texts) -> None:
    rows[1]["conversations"] = rows[0]["conversations"]
    for stage in ("contents", "statements", "description"):
        texts[stage, AT] = texts[stage, "ball-0"]


def same_id(folder: Path, rows: Rows, texts: Texts) -> None:
    """Two rows that one recorded text cannot both be of."""
    rows.append(row(AT, "ball-2.png", ("Is the ball round?", "yes")))


def no_turns(folder: Path, rows: Rows, texts: Texts) -> None:
    rows[1]["conversations"] = [{"from": "human", "value": "What is it?"}]


def two_images(folder: Path, rows: Rows, texts: Texts) -> None:
    rows[1]["image"] = ["ball-0.png", "ball-1.png"]


GOOD = "A large green ball lies on a table, with 3 small balls next to it."
ASKED = ("What colour is the large ball?", "green")
PLANTED: list[tuple[str, Any]] = [
    ("lost_answer", says("statements", "The large ball is round.\nThree small balls lie there.")),
    ("lost_answer", says("statements", "The large ball is green.\nSome small balls lie there.")),
    ("lost_answer", asks(ASKED, ("Are there 3 small balls?", "no"))),
    (
        "missing_statement",
        says("statements", "The large ball is green, and 3 small ones lie there."),
    ),
    ("missed_statement", says("description", "A large ball lies on a table beside 3 small balls.")),
    ("missed_statement", says("description", "A large green ball lies on a table beside 5 balls.")),
    ("missed_statement", says("description", "A ball of some colour and three small ones.")),
    ("leaked_question", says("description", f"{GOOD} What colour is the large ball? Green.")),
    ("leaked_question", says("description", f"To answer the question: {GOOD}")),
    ("leaked_question", says("contents", "what colour is the large ball?")),
    ("leaked_question", says("statements", "The large ball is green.\nHow many small balls? 3?")),
    ("leaked_answer", says("contents", "the green ball, the small balls beside it")),
    ("refusal", says("description", f"I'm sorry, but I can't see an image. {GOOD}")),
    ("refusal", says("contents", "As an AI language model, the large ball")),
    ("empty", says("description", " \n\u200b")),
    ("empty", says("contents", "")),
    ("empty", says("statements", "")),
    ("empty", asks(ASKED, ("How many small balls lie beside it?", " "))),
    ("empty", asks(ASKED, ("<image>", "3"))),
    ("duplicate", same_row),
    ("duplicate", same_description),
    ("too_long", says("description", f"{GOOD} {'The table is made of old wood. ' * 80}")),
    ("too_long", says("contents", "the large ball, " * 30)),
    ("unreadable_image", cut_off),
    ("unreadable_image", gone),
    ("unreadable_image", outside),
    ("failed", says("description", None)),
    ("failed", says("contents", None)),
    ("bad_row", no_turns),
    ("bad_row", two_images),
]


def test_a_plant_of_every_kind_is_there() -> None:
    assert {kind for kind, _ in PLANTED} == set(KINDS)


def test_clean_rows_have_no_problem_and_all_are_kept(tmp_path: Path) -> None:
    content = report(tmp_path, *clean(tmp_path))
    assert content["problems"] == []
    assert (content["conversations"], content["pairs"]) == (6, 12)
    assert (content["kept"], content["dropped"]) == (6, 0)
    assert set(content["kinds"].values()) == {0}


@pytest.mark.parametrize(
    ("kind", "plant"), PLANTED, ids=[f"{kind}-{n}" for n, (kind, _) in enumerate(PLANTED)]
)
def test_a_planted_defect_is_found_and_its_row_dropped(
    kind: str, plant: Callable[[Path, Rows, Texts], None], tmp_path: Path
) -> None:
    rows, texts = clean(tmp_path)
    plant(tmp_path, rows, texts)
    content = report(tmp_path, rows, texts)
    assert set(problems(content)) == {(AT, kind)}
    assert (content["kept"], content["dropped"]) == (5, 1)
    trained = json.loads((tmp_path / "out" / "train.json").read_text())
    assert [entry["id"] for entry in trained] == [f"ball-{n}" for n in (0, 2, 3, 4, 5)]


def test_two_rows_of_one_id_are_no_duplicate_of_recorded_texts_alone(tmp_path: Path) -> None:
    rows, texts = clean(tmp_path)
    same_id(tmp_path, rows, texts)
    content = report(tmp_path, rows, texts)
    assert problems(content) == [("ball-1#2", "duplicate")]
    assert content["renamed"] == 1
    assert content["kept"] == 6


def test_an_image_may_be_described_alike_with_an_eye_to_other_contents(tmp_path: Path) -> None:
    rows, texts = clean(tmp_path)
    rows[1] = row(AT, "ball-0.png", ("Where does the large ball lie?", "on a table"))
    texts["contents", AT] = "the place of the large ball"
    texts["statements", AT] = "The large ball lies on a table."
    texts["description", AT] = texts["description", "ball-0"]
    assert report(tmp_path, rows, texts)["problems"] == []
    texts["contents", AT] = texts["contents", "ball-0"]
    assert problems(report(tmp_path, rows, texts)) == [(AT, "duplicate")]


def test_which_kinds_drop_a_row_is_a_setting(tmp_path: Path) -> None:
    rows, texts = clean(tmp_path)
    texts["description", "ball-0"] = f"As asked, {texts['description', 'ball-0']}"
    texts["description", "ball-1"] = "A large green ball and 4 small ones."
    (tmp_path / "ball-2.png").write_bytes(b"none")
    found = {("ball-0", "leaked_question"), ("ball-1", "missed_statement")}
    found |= {("ball-2", "unreadable_image")}
    for drop, kept in (((), 5), (("missed_statement",), 4), (tuple(KINDS), 3)):
        content = report(tmp_path, rows, texts, settings=Settings(drop=drop))
        assert set(problems(content)) == found
        assert content["kept"] == kept


def test_the_authors_way_drops_nothing_that_has_a_text(tmp_path: Path) -> None:
    rows, texts = clean(tmp_path)
    texts["statements", "ball-0"] = "Here they are: a red ball."
    texts["description", "ball-1"] = "I'm sorry, I can't help with that."
    texts["description", "ball-2"] = None
    content = report(tmp_path, rows, texts, settings=AS_AUTHORS)
    assert content["settings"]["name"] == "as the authors"
    assert content["settings"]["image"] == "512 x 512 pixels"
    assert content["settings"]["decoding"] == "temperature 0.7, top-p 0.8, top-k 20"
    assert content["kept"] == 5
    assert ("ball-0", "missing_statement") in problems(content)
    assert ("ball-1", "refusal") in problems(content)
    assert ("ball-2", "failed") in problems(content)


def photographs() -> list[Path]:
    found = sorted((SHARED / "imagenet_sample").glob("*.jpg"))
    if len(found) < 12:
        pytest.skip("the sample of photographs is not here")
    return found


def test_real_photographs_with_a_recorded_teacher(tmp_path: Path) -> None:
    from datasets import load_dataset

    rows, texts = [], {}
    for path in photographs()[:12]:
        _, _, name = path.stem.partition("_")
        animal = name.replace("_", " ")
        rows.append(row(path.stem, path.name, ("What animal is in the picture?", animal)))
        texts["contents", path.stem] = "the animal, its surroundings"
        texts["statements", path.stem] = f"The animal in the picture is a {animal}."
        texts["description", path.stem] = f"The photograph {path.stem[:9]} shows a {animal}."
    texts["description", rows[3]["id"]] = "Some bird sits on a branch."
    content = report(tmp_path, rows, texts, images=SHARED / "imagenet_sample")
    assert problems(content) == [(rows[3]["id"], "missed_statement")]
    assert content["kept"] == 11
    trained = json.loads((tmp_path / "out" / "train.json").read_text())
    loaded = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"), split="train")
    assert [{k: v for k, v in entry.items() if k != "image"} for entry in loaded] == [
        {k: v for k, v in entry.items() if k != "image"} for entry in trained
    ]
    assert loaded[0]["image"].size == _size(photographs()[0])
    page = (tmp_path / "out" / "report.html").read_text()
    assert "data:image/jpeg;base64," in page
    assert "lacks &#39;robin&#39;" in page or "missed_statement" in page


def _size(path: Path) -> tuple[int, int]:
    from PIL import Image

    with Image.open(path) as image:
        return image.size
