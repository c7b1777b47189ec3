"""The evaluation sets: stable, without repeats, and nothing of them in the training stream."""

from __future__ import annotations

import hashlib
import re

import pytest

from suite.items.item import Item
from suite.planning.prompts import load_prompts
from suite.training.micro.data import Scenes
from tasks.micro import draw, sets
from tasks.micro.language import describe
from tasks.micro.lessons import Lesson, prompt, text_lesson, vision_lesson
from tasks.micro.scene import Scene, is_reserved
from tasks.micro.sets import Example
from tasks.micro.task import _document, _overlap, doc_to_text, process_results
from tests.tasks.micro import oracle

LESSONS = 10_000
"""Training rows of each of the two streams that the leak proof samples."""


def pixel_hash(scene: Scene) -> str:
    """SHA-256 of the drawn pixels."""
    return hashlib.sha256(draw.draw(scene).tobytes()).hexdigest()


def content(scene: Scene) -> tuple[object, ...]:
    """What can be said about a scene, read back from its description."""
    return oracle.read(describe([scene]))[0].content


@pytest.fixture(scope="module")
def lessons() -> list[Lesson]:
    """Rows of the training streams as the recipes draw them, of two stages and two seeds."""
    half = range(LESSONS // 2)
    return [
        *(text_lesson("language", 0, i) for i in half),
        *(text_lesson("reasoning", 1, i) for i in half),
        *(vision_lesson("vit", 0, i) for i in half),
        *(vision_lesson("vit", 1, i) for i in half),
    ]


@pytest.mark.parametrize("name", sets.SETS)
def test_the_first_items_do_not_depend_on_the_size_of_the_set(name: str) -> None:
    few, many = sets.examples(name, 4), sets.examples(name, 12)
    for category in sets.SETS[name]:
        short = [e for e in few if e.category == category]
        assert short == [e for e in many if e.category == category][:4]
        assert [e.index for e in short] == [0, 1, 2, 3]
    assert sets.example(name, next(iter(sets.SETS[name])), 11, seed=1) not in many


@pytest.mark.parametrize("name", ["ocr", "counting"])
def test_the_first_60_of_500_are_the_set_of_60(name: str) -> None:
    assert sets.examples(name, 500)[:60] == sets.examples(name, 60)


def test_no_two_items_show_the_same_pictures(items: list[Example]) -> None:
    """Nor do two pictures of an item look alike."""
    shown = [tuple(pixel_hash(s) for s in e.scenes) for e in items]
    assert len(set(shown)) == len(items)
    flat = [h for pictures in shown for h in pictures]
    assert len(set(flat)) == len(flat)


@pytest.mark.slow
def test_no_two_items_of_the_full_sets_show_the_same_pictures() -> None:
    flat = [pixel_hash(s) for name in sets.SETS for e in sets.examples(name, 500) for s in e.scenes]
    assert len(set(flat)) == len(flat) == 9500


def test_evaluation_is_made_of_what_training_never_sees_by_construction(
    items: list[Example],
) -> None:
    for e in items:
        for s in e.scenes:
            assert s.reserved
            assert s.sheets == ("star" if e.name == "star" else "held_out")
        if e.question.kind == "knowledge":
            assert is_reserved(prompt(e.question))


def test_training_draws_only_train_scenes(lessons: list[Lesson]) -> None:
    shown = [s for row in lessons for s in row.scenes]
    assert len(shown) > 10_000
    encoder = Scenes("encoder", 0, 3000)
    statistics = Scenes("statistics", 0, 512)
    for s in (*shown, *(encoder[i] for i in range(1000)), *(statistics[i] for i in range(512))):
        assert not s.reserved
        assert s.sheets == "train"


def test_no_evaluation_picture_is_in_the_training_stream(
    items: list[Example], lessons: list[Lesson]
) -> None:
    """By pixels, by content, and by description (which the text models are shown)."""
    scenes = [s for e in items for s in e.scenes]
    pixels, contents = {pixel_hash(s) for s in scenes}, {content(s) for s in scenes}
    drawn = described = 0
    for row in lessons:
        for s in row.scenes:
            drawn += 1
            if drawn % 4 == 0:  # drawing is the slow part; contents are compared for all
                assert pixel_hash(s) not in pixels
            assert content(s) not in contents
        if not row.scenes:
            for picture in oracle.read(oracle.split_prompt(row.turns[0].user)[0]):
                described += 1
                assert picture.content not in contents
    assert drawn > 10_000
    assert described > 8_000


def test_no_evaluation_question_is_in_the_training_stream(
    items: list[Example], lessons: list[Lesson]
) -> None:
    """Knowledge by question and options; the rest by pictures, question and options."""
    facts = {prompt(e.question) for e in items if e.question.kind == "knowledge"}
    assert len(facts) > 90
    asked = {(tuple(content(s) for s in e.scenes), prompt(e.question)) for e in items}
    taught_facts = set()
    for row in lessons:
        pictures = tuple(content(s) for s in row.scenes)
        for turn in row.turns:
            described = oracle.split_prompt(turn.user)[0]
            whole = turn.user[len(described) :].strip()
            if turn.kind == "knowledge":
                taught_facts.add(whole)
                assert is_reserved(whole) is False
            assert whole not in facts
            seen = pictures or tuple(p.content for p in oracle.read(described))
            assert (seen, whole) not in asked
    assert len(taught_facts) > 1000


def test_star_shows_what_training_never_showed(items: list[Example], lessons: list[Lesson]) -> None:
    """Backgrounds, combinations, wordings of a kind and counts of things."""
    seen = [s for row in lessons for s in row.scenes]
    star = [e for e in items if e.name == "star"]
    backgrounds = {s.background for s in seen}
    pairs = {(t.shape, t.color) for s in seen for t in s.things}
    assert len(pairs) == 84
    for e in star:
        (s,) = e.scenes
        assert s.background not in backgrounds
        assert {(t.shape, t.color) for t in s.things} - pairs
    assert max(len(s.things) for s in seen) < max(len(e.scenes[0].things) for e in star)
    same_wording = {"relation_color", "food_color"}
    """Their newness is the scene, or the options that go with the wording."""
    pattern = re.compile(r"\b(the|at|the (?:left|right) of) [\w-]+(?=[?.])")
    taught: dict[str, set[str]] = {}
    for row in lessons:
        for turn in row.turns:
            kind = "sum_three" if turn.kind == "sum" else turn.kind
            question = oracle.split_prompt(turn.user)[1]
            taught.setdefault(kind, set()).add(pattern.sub("_", question))
    for e in star:
        if e.question.kind not in same_wording:
            form = pattern.sub("_", e.question.text)
            assert form not in taught.get(e.question.kind, set()), form


def test_documents_hold_the_answer_by_letter_and_the_prompt_of_training() -> None:
    document = _document("ocr", "", 3)
    made = sets.example("ocr", "", 3)
    assert document["index"] == "ocr-3"
    assert document["options"]["ABCD".index(document["answer"])] == made.question.answer
    assert doc_to_text(document) == prompt(made.question)
    assert document["gold_description"] == describe(made.scenes)
    boxed = _document("grounding", "", 0)
    assert re.fullmatch(r"\[\d+, \d+, \d+, \d+\]", boxed["answer"])


@pytest.mark.parametrize(
    ("reply", "score"),
    [("b", 1), ("B", 1), ("B.", 1), (" green ", 1), ("Green.", 1), ("a", 0), ("red", 0), ("", 0),
     ("green B", 0), ("E", 0)],
)  # fmt: skip
def test_own_score_of_a_choice(reply: str, score: float) -> None:
    document = {"answer": "B", "options": ["red", "green"], "kind": "color"}
    assert process_results(document, [reply]) == {"accuracy": score}


@pytest.mark.parametrize(
    ("reply", "score"),
    [("[0, 0, 8, 8]", 1), ("0 0 8 8", 1), ("0 0 8 4", 1), ("0 0 8 3", 0), ("9 9 12 12", 0),
     ("0 0 8", 0), ("here", 0), ("", 0), ("8 8 0 0", 0)],
)  # fmt: skip
def test_own_score_of_a_box(reply: str, score: float) -> None:
    document = {"answer": "[0, 0, 8, 8]", "options": [], "kind": "grounding"}
    assert process_results(document, [reply]) == {"accuracy": score}


def test_overlap_by_hand() -> None:
    assert _overlap("0 0 4 4", "2 0 6 4") == pytest.approx(8 / 24)
    assert _overlap("0 0 4 4", "0 0 4 4") == 1


def test_own_score_of_an_open_answer() -> None:
    document = {"answer": "dots", "options": [], "kind": "background"}
    assert process_results(document, ["Dots."]) == {"accuracy": 1}
    assert process_results(document, ["stripes"]) == {"accuracy": 0}


def test_the_suites_prompts_are_those_that_training_taught() -> None:
    prompts = load_prompts("micro")
    for name in ("ocr", "difference", "classification"):
        made = sets.example(name, "", 0)
        options = made.question.options
        letter = made.question.letter if options else made.question.answer
        item = Item("micro", "0", made.question.text, options, letter, "", (), "x")
        shown = prompts.render("answer", item)[-1].text
        assert shown == prompt(made.question)
        told = prompts.render("reason", item, "The picture.")
        assert told[-1].text == f"The picture. {prompt(made.question)}"
        observed = prompts.render("instruct", item)[-1].text
        assert observed == f"What to look at? {made.question.text}"
        contents = f"{made.question.contents}."
        perceived = prompts.render("perceive", item, contents)[-1].text
        assert perceived == f"Describe the picture. Note {made.question.contents}."
