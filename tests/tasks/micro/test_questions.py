"""Every question of the micro world against an oracle that reads the description alone."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest
from scipy import stats

from tasks.micro import questions as q
from tasks.micro.language import describe, extract
from tasks.micro.lessons import NEEDS_OPTIONS, OBSERVE, several, text_lesson, vision_lesson
from tasks.micro.scene import SHAPES, TRAIN, sample_scene
from tasks.micro.sets import Example
from tests.tasks.micro import oracle

EVALUATED = {
    "digit", "color", "size", "relation", "relation_color", "same_color", "knowledge", "quality",
    "answerable", "count", "how_many", "similarity", "difference", "background", "grounding",
    "largest", "relation_chain", "count_both", "food_color", "sum_three",
}  # fmt: skip
TAUGHT = {
    *q.TRAINED, *q.OPEN, "similarity", "difference", "observe", "describe", "guess", "missing",
    "fact", "sum", "sum_four",
} - {"add", "add_four"}  # fmt: skip
WITHOUT_OPTIONS = {*q.OPEN, "describe"}
ASKED_OPEN = TAUGHT - {*q.OPEN, *NEEDS_OPTIONS, "observe", "describe", "guess", "missing", "fact"}


def test_oracle_reads_a_description_and_answers_by_hand() -> None:
    text = (
        "The picture is dim with dots. The circle is large red with 3 at top-left. "
        "The square is tiny red with 9 at top-middle. The moon is small blue with 0 at center."
    )
    pictures = oracle.read(text)
    assert pictures[0].quality == "dim"
    assert pictures[0].background == "dots"
    for question, options, right in (
        ("What digit is on the moon?", ["0", "3"], "0"),
        ("What is right of the circle?", ["moon", "square"], "square"),
        ("What is below the shape right of the circle?", ["moon", "square"], "moon"),
        ("Which shape is the same color as the square?", ["moon", "circle"], "circle"),
        ("What has the color of the square?", ["lime", "cherry"], "cherry"),
        ("How many red shapes are there?", ["1", "2"], "2"),
        ("How many tiny red shapes are there?", ["1", "2"], "1"),
        ("Add the circle and the square and the moon.", ["11", "12"], "12"),
        ("What color is the star?", ["red", "unanswerable"], "unanswerable"),
        ("What color is a banana?", ["red", "yellow"], "yellow"),
        ("Tell how the picture is.", ["dim", "clear"], "dim"),
        ("Where is the moon?", ["top-left", "center"], "center"),
    ):
        assert oracle.answer(pictures, question, options) == right
    assert oracle.untrue(pictures, "", "The moon is blue. The moon has 4.") == [" The moon has 4."]
    counted = "circle red 1, square red 2, moon blue 2"
    assert oracle.untrue(pictures, "", f"red: {counted}.") == []
    assert oracle.untrue(pictures, "", f"blue: {counted}.") == [counted]
    alike = "The square is red: circle red, moon blue."
    assert oracle.untrue(pictures, "", alike) == []
    assert oracle.untrue(pictures, "", alike.replace("moon blue", "moon red")) != []
    assert oracle.untrue(pictures, "", "Left of center is middle-right.") != []
    with pytest.raises(AssertionError):
        oracle.read(text + " It is a nice picture.")


def test_gold_answers_follow_from_gold_descriptions(items: list[Example]) -> None:
    assert len(items) >= 1500
    assert {e.question.kind for e in items} == EVALUATED
    wrong = []
    for e in items:
        if e.question.kind == "grounding":  # a description holds no box
            continue
        pictures = oracle.read(e.gold_description)
        found = oracle.answer(pictures, e.question.text, list(e.question.options))
        if found != e.question.answer:
            wrong.append((e.question, found))
    assert wrong == []


def test_gold_boxes_lie_in_the_described_cell_and_have_the_described_size(
    items: list[Example],
) -> None:
    boxes = [e for e in items if e.question.kind == "grounding"]
    assert len(boxes) == 100
    sides = {"tiny": 8, "small": 11, "medium": 14, "large": 17}  # 24ths of a cell
    for e in boxes:
        match = re.search(r"the (\w+)\.$", e.question.text)
        assert match
        thing = oracle.read(e.gold_description)[0].the(match[1])
        assert thing is not None
        x0, y0, x1, y1 = (int(v) for v in e.question.answer.split())
        for low, high, index in ((x0, x1, thing.column), (y0, y1, thing.row)):
            assert 8 * index <= low < high <= 8 * (index + 1)
            assert abs(high - low - sides[thing.size] / 3) < 1


def test_reasoning_steps_state_only_what_is_so(items: list[Example]) -> None:
    untrue = []
    for e in items:
        pictures = oracle.read(e.gold_description)
        if found := oracle.untrue(pictures, e.question.text, e.question.steps):
            untrue.append((e.question.text, found))
        if e.question.kind not in ("similarity", "grounding", "answerable"):
            assert e.question.answer in re.findall(r"[\w-]+", e.question.steps), e.question
    assert untrue == []


def test_taught_answers_and_thinking_follow_from_the_taught_descriptions() -> None:
    kinds: set[str] = set()
    for index in range(600):
        pictures: list[oracle.Picture] = []
        for turn in text_lesson("language", 7, index).turns:
            kinds.add(turn.kind)
            described, question, options = oracle.split_prompt(turn.user)
            if described:
                pictures = oracle.read(described)
            if turn.kind in ("guess", "missing", "observe", "fact"):  # answered without reading
                continue
            shown = pictures or [oracle.Picture("", "", ())]
            assert oracle.answer(shown, question, options) == turn.answer
            if turn.thinking is not None:
                assert oracle.untrue(pictures, question, turn.thinking) == []
        lesson = vision_lesson("vit", 7, index)
        seen = oracle.read(describe(lesson.scenes)) if lesson.scenes else []
        for turn in lesson.turns:
            kinds.add(turn.kind)
            _, question, options = oracle.split_prompt(turn.user)
            if turn.kind == "describe":
                assert oracle.read(turn.answer) == seen
            elif turn.kind not in ("guess", "grounding", "knowledge"):
                assert oracle.answer(seen, question, options) == turn.answer
            assert bool(options) != (turn.kind.endswith("/open") or turn.kind in WITHOUT_OPTIONS)
    assert kinds == TAUGHT | {f"{kind}/open" for kind in ASKED_OPEN}


def test_an_extraction_tells_all_that_its_question_needs_and_no_other_thing() -> None:
    """Read by the oracle, it gives the answer that the whole picture gives."""
    rng, kinds = random.Random(5), [*q.TRAINED, "similarity", "difference"]
    told, lengths = Counter[str](), []
    for index in range(600):
        kind = kinds[index % len(kinds)]
        if kind in ("similarity", "difference"):
            scenes, asked = several(rng, kind, TRAIN)
        else:
            scenes = (sample_scene(rng, TRAIN),)
            found = q.TRAINED[kind](q.Asker(rng, scenes))
            if found is None:
                continue
            asked = found
        text = extract(scenes, asked.subjects)
        if kind not in ("knowledge", "answerable"):
            pictures = oracle.read(text)
            assert oracle.answer(pictures, asked.text, asked.options) == asked.answer, (asked, text)
        told[kind] += 1
        if len(scenes) == 1:
            shown = {t.shape for t in scenes[0].things}
            named = {w for w in re.findall(r"[\w-]+", text) if w in SHAPES}
            assert named == set(asked.subjects)
            assert ("There is no" in text) == bool(set(asked.subjects) - shown)
            lengths.append(len(text.split()) / len(describe(scenes).split()))
    assert len(told) == len(kinds)
    assert sum(lengths) / len(lengths) < 0.6


def test_a_verb_is_no_sign_of_what_is_asked() -> None:
    """Where one verb meant one kind, unseen wordings were answered as another question."""
    kinds: dict[str, set[str]] = {}
    for index in range(500):
        for turn in text_lesson("language", 9, index).turns:
            question = oracle.split_prompt(turn.user)[1]
            if turn.kind.removesuffix("/open") in {*q.TRAINED, "sum", "sum_four"}:
                kinds.setdefault(question.split()[0], set()).add(turn.kind.removesuffix("/open"))
    for verb in ("Tell", "Name", "Give", "Read", "What"):
        assert len(kinds[verb]) >= 5, (verb, kinds[verb])


def test_options_are_distinct_and_hold_the_answer_once(items: list[Example]) -> None:
    counts = Counter()
    for e in items:
        options = e.question.options
        counts[len(options)] += 1
        assert len(set(options)) == len(options)
        if options:
            assert options.count(e.question.answer) == 1
            assert options["ABCD".index(e.question.letter)] == e.question.answer
    assert counts == {4: 1300, 2: 100, 0: 200}


@pytest.mark.parametrize("n", [2, 4])
def test_answers_stand_at_every_place_equally_often(items: list[Example], n: int) -> None:
    letters = Counter(e.question.letter for e in items if len(e.question.options) == n)
    assert set(letters) == set("ABCD"[:n])
    assert stats.chisquare(list(letters.values())).pvalue > 0.001


def test_contents_to_observe_depend_on_the_question_alone(items: list[Example]) -> None:
    """So they cannot tell one option from another: the same question, the same contents."""
    contents: dict[str, set[str]] = {}
    for e in items:
        contents.setdefault(e.question.text, set()).add(e.question.contents)
    assert max(len(found) for found in contents.values()) == 1
    assert len(contents) > 200


def test_contents_to_observe_hold_no_option_and_not_the_question(items: list[Example]) -> None:
    for e in items:
        words = set(re.findall(r"[\w-]+", e.question.contents))
        assert not words & set(e.question.options), e.question
        assert e.question.text.lower() not in e.question.contents.lower()


def test_taught_contents_are_those_of_the_question() -> None:
    """The instruct rows teach contents that hold no option's letter and no digit."""
    turns = [
        t
        for i in range(400)
        for t in text_lesson("language", 3, i).turns
        if t.user.startswith(OBSERVE)
    ]
    assert len(turns) > 100
    for turn in turns:
        assert not re.search(r"\b([A-H]|\d+)\b", turn.answer)
        assert turn.answer.endswith(".")
