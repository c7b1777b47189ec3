"""lmms-eval's functions for rows without Python of their own, called as lmms-eval does."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from PIL import Image

from tasks import rows
from tests.tasks.files import jpeg, png

RED, GREEN = (220, 30, 30), (30, 160, 60)


def test_images_are_paths_base64_or_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Red.PNG").write_bytes(png(RED))
    monkeypatch.chdir(tmp_path)
    text = base64.b64encode(png(GREEN)).decode()
    given = ["Red.PNG", text, f"data:image/png;base64,{text}", None, Image.new("L", (1, 1), 7)]
    shown = rows.doc_to_visual({"images": given})
    assert [image.getpixel((0, 0)) for image in shown] == [RED, GREEN, GREEN, (7, 7, 7)]
    (one,) = rows.doc_to_visual({"image": base64.b64encode(jpeg(RED)).decode()})
    assert (one.mode, one.size) == ("RGB", (16, 16))
    assert rows.doc_to_visual({"image": None}) == []


def test_empty_options_after_the_last_are_none() -> None:
    doc = {"question": "?", "options": ["red", "blue", None, None], "answer": "B"}
    assert rows.doc_to_text(doc) == (
        "?\nA. red\nB. blue\nAnswer with the letter of the correct option."
    )
    assert rows.process_results(doc, ["B"]) == {"accuracy": 1.0}
    assert rows.doc_to_text({"question": "?", "options": [None], "answer": "x"}) == "?"


@pytest.mark.parametrize("options", ["['red', 'green']", "red", ["red"], ["red", None, ""]])
def test_a_choice_of_one_is_refused(options: object) -> None:
    doc = {"question": "?", "options": options, "answer": "A"}
    said = "^`options` has 1 option to choose from "
    with pytest.raises(ValueError, match=said):
        rows.doc_to_text(doc)
    with pytest.raises(ValueError, match=said):
        rows.process_results(doc, ["A"])


@pytest.mark.parametrize("options", ["", " ", None, [], [None, ""]])
def test_no_options_are_an_open_question(options: object) -> None:
    assert rows.doc_to_text({"question": "?", "options": options}) == "?"


def test_a_column_of_another_name_is_named() -> None:
    with pytest.raises(ValueError, match="the column `question`, and there are q, key: rename one"):
        rows.doc_to_text({"q": "?", "key": "A"})
