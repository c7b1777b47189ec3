"""What guessing reaches: by hand on small tables, and on a few items of every set."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tasks.micro import baselines as b
from tasks.micro.baselines import Asked, Prior
from tasks.micro.sets import SETS, examples

RED = Asked("What color is the circle?", ("red", "blue"), "red")
BLUE = Asked("What color is the square?", ("red", "blue"), "blue")


def test_wording_and_form_mask_what_a_guess_may_not_know() -> None:
    fact = Asked("What kind of animal is a robin?", ("bird", "fish"), "bird")
    assert fact.wording == fact.form == "What kind of animal is a _?"
    scene = Asked("How many tiny red shapes are there?", ("1", "2"), "1")
    assert scene.wording == scene.text
    assert scene.form == "How many _ _ shapes are there?"
    place = Asked("What is at top-left?", ("star", "moon"), "moon")
    assert place.form == "What is at _?"


def test_prior_prefers_the_finer_table() -> None:
    prior = Prior([RED] * 20 + [BLUE] * 20, strength=1.0)
    assert prior.accuracy(RED) == 1.0  # circles were red, squares were blue
    assert prior.accuracy(BLUE) == 1.0
    assert prior.accuracy(Asked(RED.text, ("red", "blue"), "blue")) == 0.0


def test_prior_falls_back_to_the_form_then_to_the_word() -> None:
    prior = Prior([RED] * 20 + [BLUE] * 10, strength=4.0)
    assert prior.accuracy(Asked("What color is the moon?", ("blue", "red"), "red")) == 1.0
    assert prior.accuracy(Asked("Read the color of the moon.", ("blue", "red"), "red")) == 1.0


def test_prior_reads_the_rank_of_numbers() -> None:
    taught = [
        Asked("Add.", (str(x), str(x + 1), str(x + 2), str(x + 3)), str(x + 1)) for x in range(40)
    ]
    prior = Prior(taught[::2], strength=1.0)
    assert prior.accuracy(Asked("Add.", ("73", "70", "72", "71"), "71")) == 1.0


def test_an_unknown_question_is_a_tie_and_scores_chance() -> None:
    prior = Prior([], strength=1.0)
    options = ("a", "b", "c", "d")
    assert prior.accuracy(Asked("What?", options, "c")) == pytest.approx(0.25)
    assert prior.score(Asked("What?", options, "c"), "a") == pytest.approx(
        prior.score(Asked("What?", options, "c"), "d")
    )


def test_training_questions_are_those_of_the_stream() -> None:
    questions = b.training_questions(600)
    assert len(questions) == 600
    assert questions == b.training_questions(700)[:600]
    assert b.training_questions(50, seed=1) != questions[:50]
    for q in questions:
        assert q.text.endswith(("?", "."))
        if q.options:
            assert q.options.count(q.answer) == 1
    assert {len(q.options) for q in questions} == {0, 2, 4}


def test_constant_and_chance_of_a_choice_by_hand() -> None:
    items = examples("ocr", 40)
    row = b.Guesser.taught(b.training_questions(200)).row("micro_ocr", "", items)
    letters = [e.question.letter for e in items]
    assert row.constant == max(letters.count(x) for x in "ABCD") / 40
    assert (row.task, row.category, row.n, row.chance) == ("micro_ocr", "", 40, 0.25)
    assert row.baseline == max(row.chance, row.constant, row.prior)


def test_open_answers_by_hand() -> None:
    items = examples("classification", 40)
    behind = [e.question.answer for e in items]
    form = items[0].question.text
    forms = {e.question.text for e in items}
    assert form in forms
    taught = [Asked(text, (), behind[0]) for text in forms for _ in range(3)]
    choices = b.training_questions(50)
    row = b.Guesser.taught([*choices, *taught]).row("micro_classification", "", items)
    assert row.chance == 0
    assert row.constant == max(behind.count(x) for x in behind) / 40
    assert row.prior <= row.constant


def test_a_constant_box_is_scored_by_overlap() -> None:
    items = examples("grounding", 20)
    texts = {e.question.text for e in items}
    taught = [Asked(text, (), items[0].question.answer) for text in texts]
    row = b.Guesser.taught([*b.training_questions(50), *taught]).row("g", "", items)
    assert 1 / 20 <= row.prior <= row.constant < 0.5


@pytest.fixture(scope="module")
def few() -> list[b.Baseline]:
    """The table over 15 items of each category and 1,500 questions."""
    return b.baselines(15, 1500)


def test_every_task_and_category_has_a_row(few: list[b.Baseline]) -> None:
    expected = []
    for name, categories in SETS.items():
        expected.append((f"micro_{name}", "", 15 * len(categories)))
        expected += [(f"micro_{name}", c, 15) for c in categories if c]
    assert [(r.task, r.category, r.n) for r in few] == expected


def test_accuracies_are_accuracies_and_the_baseline_is_their_largest(
    few: list[b.Baseline],
) -> None:
    for row in few:
        assert min(row.chance, row.constant, row.prior) >= 0
        assert row.baseline == max(row.chance, row.constant, row.prior) <= 1
        assert row.constant >= row.chance  # in hindsight a letter is right at least that often


def test_the_table_is_reproducible(few: list[b.Baseline], tmp_path: Path) -> None:
    again = b.baselines(15, 1500)
    assert again == few
    b.write(again, tmp_path / "again.csv")
    with (tmp_path / "again.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == b.COLUMNS
    assert [float(r["prior"]) for r in rows] == [r.prior for r in few]


def test_the_committed_table_is_of_the_full_sets_and_better_than_nothing() -> None:
    with b.FILE.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(SETS) + 6
    for row in rows:
        assert int(row["n"]) == (3000 if (row["task"], row["category"]) == ("micro_star", "")
                                 else 500)  # fmt: skip
        assert float(row["chance"]) <= float(row["constant"]) < 0.6
        assert float(row["baseline"]) < 0.6  # no task can be passed by guessing
        values = [float(row[k]) for k in ("chance", "constant", "prior")]
        assert float(row["baseline"]) == max(values)


@pytest.mark.slow
def test_the_committed_table_is_what_the_module_computes(tmp_path: Path) -> None:
    b.write(b.baselines(), tmp_path / "fresh.csv")
    assert (tmp_path / "fresh.csv").read_text() == b.FILE.read_text()
