"""Single answers on the page: samples with their images, what two scorers tell apart, lost items.

In: a run of simulated records and the items that were asked. Out: what the page shows of them.
"""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from analyses.agreement import differing as differing_rows
from suite.items.item import Item
from suite.report import examples, item_cards
from tests.analyses.simulate import simulate
from tests.suite.drawn_run import PICTURES, TINY


def test_samples_show_what_was_asked(drawn: Path) -> None:
    text = (drawn / "report.html").read_text(encoding="utf-8")
    assert "What &lt;script&gt;alert(&#34;q&#34;)&lt;/script&gt; &amp; &#34;quotes&#34;?" in text
    assert (
        '<li class="gold">A. <span class="text">&lt;b&gt;one&lt;/b&gt;</span> (gold)</li>' in text
    )
    assert re.search(r'alt="Image 1 of 6 of item \S+: A &#34;red&#34; &lt;square&gt;"', text)
    assert "An image of this item cannot be shown." in text
    assert "2 more." in text
    assert "Questions and images are missing below: The items are &lt;gone&gt;." in text


def test_samples_are_an_item_of_every_category_and_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = simulate(TINY)
    chosen, more = examples.samples(frame)
    there = frame[["task", "category"]].drop_duplicates()
    assert [(card["task"], card["category"]) for card in chosen] == [*zip(*there.to_numpy().T)]
    assert more == 0
    answers = [answer for card in chosen for answer in card["answers"]]
    assert {answer["right"] for answer in answers} == {True, False}
    assert any(answer["description"] for answer in answers)
    assert any(answer["thinking_text"] for answer in answers)
    again = examples.samples(frame.sample(frac=1, random_state=1))[0]
    assert {str(card) for card in again} == {str(card) for card in chosen}
    tasks = set(frame["task"])  # each has one before a category has a second
    monkeypatch.setattr(examples, "CARDS", len(tasks))
    few, more = examples.samples(frame)
    assert {card["task"] for card in few} == tasks
    assert more == len(there) - len(tasks)


def test_what_a_text_says_too_much_is_named() -> None:
    item = Item("t", "0", "Which?", ("red", "blue"), "A", "", (), "c", None)
    answer = {"description": "It is (B), and (A).", "leak": True}
    card = {"task": "t", "item_id": "0", "item": {"asked": item}, "answers": [answer]}
    told = {("t", "0"): ["Whether it is red.", "The colour."]}
    [found] = examples.with_leaks([card], told)
    assert [own["leaks"] for own in found["contents"]] == [["red"], []]
    assert found["answers"][0]["leaks"] == ["(B)", "(A)"]
    [unknown] = examples.with_leaks([card | {"item": None}], told)
    assert [own["leaks"] for own in unknown["contents"]] == [[], []]
    assert unknown["answers"][0]["leaks"] == []


def test_pictures_are_small_and_bounded() -> None:
    album = item_cards.Album()
    assert album.address(PICTURES["none"]) is None
    kept = album.address(PICTURES["small"])
    assert kept is not None
    pixels = [
        Image.open(io.BytesIO(data)).convert("RGB").tobytes()
        for data in (base64.b64decode(kept.partition(",")[2]), PICTURES["small"])
    ]
    assert pixels[0] == pixels[1], "as it is, whatever its format"
    large = album.address(PICTURES["large"])
    assert large is not None
    assert large.startswith("data:image/jpeg;base64,")
    content = base64.b64decode(large.partition(",")[2])
    assert len(content) <= item_cards.LARGEST
    assert max(Image.open(io.BytesIO(content)).size) == item_cards.SIDE
    few = item_cards.Album(budget=len(content))
    assert few.address(PICTURES["large"]) == large
    assert few.address(PICTURES["small"]) is None


def test_a_picture_with_transparency_is_laid_on_white() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (400, 400), (255, 0, 0, 0)).save(buffer, "PNG")
    small = item_cards.shrunk(buffer.getvalue())
    assert small is not None
    assert Image.open(io.BytesIO(small)).getpixel((5, 5)) == (255, 255, 255)


def test_answers_that_two_scorers_tell_apart_are_shown_and_counted(
    drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.read_parquet(drawn / "records.parquet")
    every = differing_rows(frame)
    apart = int((frame["score"] != frame["lmms_score"])[~frame["failed"]].sum())
    assert apart == 41
    monkeypatch.setattr(examples, "MOST", 3)
    found = examples.differing(frame, drawn)
    assert (found["texts"], found["answers"]) == (len(every), apart)
    rows = found["table"].rows
    assert len(every) > len(rows) == 3
    # The one of its rule is among them, though the other rule has enough to fill the page.
    at = [name for name, _ in found["table"].columns].index("rule")
    assert sorted(row[at] for row in rows) == ["letter", "letter", "unparsed"]
    same = examples.differing(frame.assign(lmms_score=frame["score"]), drawn)
    assert (same["table"].rows, same["texts"], same["answers"]) == ([], 0, 0)
    text = (drawn / "report.html").read_text(encoding="utf-8")
    assert f"tell apart: {len(every)} of them, in {apart} answers" in text
    assert "All are in tables/agreement_differing.csv." in text


def test_lost_items_are_shown_with_the_answers_of_the_four_corners(drawn: Path) -> None:
    frame = pd.read_parquet(drawn / "records.parquet")
    found = examples.lost(frame, drawn)
    assert found is not None
    assert found[1] == "after thinking"
    rows = found[0].rows
    assert {row[0] for row in rows} >= {
        "larger perception alone mends it",
        "only both larger modules mend it",
    }
    for row in rows:
        _, item, gold, *answers = row
        assert len(answers) == 5
        corners = [answer["read"] == gold for answer in answers]
        assert corners[:4] == [answer["right"] for answer in answers[:4]]
        assert item["item"] is None  # the run has no cached items
    text = (drawn / "report.html").read_text(encoding="utf-8")
    assert '<h2 id="lost">' in text
    assert "no pairing does; after thinking." in text
    direct = frame[~frame["thinking"]]
    # one pairing after thinking is no grid
    few = pd.concat([direct, frame[frame["cell"] == "decoupled/P=s/R=l/think"]])
    for table in (direct, few):
        assert examples.lost(table, drawn)[1] == "answering directly"  # type: ignore[index]
    assert examples.lost(frame[frame["method"] == "end_to_end"], drawn) is None
