"""Rows of conversations: what is read, what is refused and where, and the order of training."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from suite.errors import SuiteError
from suite.training.vlm import data
from suite.training.vlm.data import Conversation
from suite.training.vlm.recipe import RealRecipe, Stage, load_real
from tests.suite.training.vlm import toys

TURNS = toys.turns("<image>\nWhat?", "A circle.")


def recipe_of(folder: Path, rows: Any, **changes: Any) -> RealRecipe:
    """A recipe whose one stage reads these rows; one picture is there."""
    (folder / "pictures").mkdir(exist_ok=True)
    (folder / "pictures" / "1.png").write_bytes(b"a picture, which nothing opens")
    (folder / "talks.json").write_text(rows if isinstance(rows, str) else json.dumps(rows))
    loaded = load_real(str(toys.recipe_in(folder, only=("vit",), **({"init": None} | changes))))
    assert loaded is not None
    return loaded


def error(folder: Path, rows: Any, **changes: Any) -> str:
    """The sentence that a file is refused with, without its path."""
    recipe = recipe_of(folder, rows, **changes)
    with pytest.raises(SuiteError) as caught:
        data.conversations(recipe, recipe.stages[0])
    return str(caught.value).replace(str(folder), "DIR")


def talk(**changes: Any) -> dict[str, Any]:
    """A good row, changed; None takes a key away."""
    row = {"image": "1.png", "conversations": TURNS} | changes
    return {key: value for key, value in row.items() if value is not None}


MEND = ". Mend or remove what cannot be trained on."


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (talk(conversations=None), "has the `conversations` None, which are no list of turns"),
        (talk(conversations=[]), "has the `conversations` [], which are no list of turns"),
        (talk(image="2.png"), "names the image DIR/pictures/2.png, which does not exist"),
        (
            talk(image=["1.png", "2.png"]),
            "names the image DIR/pictures/2.png, which does not exist",
        ),
        (talk(image={"path": "1.png"}), "has the image {'path': '1.png'}, which is no path"),
        (talk(image=None), "names no images and has 1 mark <image> in its texts"),
        (
            talk(image=["1.png", "1.png"]),
            "names 2 images and has 1 mark <image> in its texts",
        ),
        (
            talk(conversations=toys.turns("What?", "A circle.")),
            "names 1 image and has no marks <image> in its texts",
        ),
        (
            talk(conversations=TURNS[:1]),
            "has a last question without an answer",
        ),
        (
            talk(conversations=[TURNS[1], TURNS[0]]),
            "has a turn 1 from 'gpt', where human comes next",
        ),
        (talk(conversations=toys.turns("<image>\nWhat?", " ")), "has an empty answer"),
        (
            talk(conversations=[{"from": "robot", "value": "x"}]),
            "has a turn 1 from 'robot', where human comes next",
        ),
        (
            talk(conversations=["x"]),
            "has the turn 1 'x', which lacks a text `from` (human, gpt or system) or `value`",
        ),
    ],
)
def test_a_row_that_cannot_be_trained_on_is_named(
    tmp_path: Path, row: dict[str, Any], said: str
) -> None:
    assert error(tmp_path, [talk(), row]) == f"Data file DIR/talks.json: row 2 {said}{MEND}"


def test_several_are_counted(tmp_path: Path) -> None:
    said = error(tmp_path, [talk(image="x"), talk(), {}, {}])
    assert said.startswith("Data file DIR/talks.json: row 1 names the image DIR/pictures/x, which ")
    assert said.endswith(f"; 2 more rows are refused{MEND}")


def test_a_file_that_is_missing_or_no_json(tmp_path: Path) -> None:
    assert error(tmp_path, "[{").startswith("Data file DIR/talks.json cannot be read: line 1")
    recipe = recipe_of(tmp_path, [talk()])
    (tmp_path / "talks.json").unlink()
    with pytest.raises(SuiteError) as caught:
        data.conversations(recipe, recipe.stages[0])
    assert str(caught.value) == (
        f"Stage 'vit' of recipe 'toy' needs {tmp_path}/talks.json, which does not exist; put it "
        "there, or say with --folder where it is."
    )


def test_a_caption_is_one_picture_and_one_answer(tmp_path: Path) -> None:
    four = toys.turns("<image>\nWhat?", "A circle.", "And?", "B.")
    said = error(tmp_path, [talk(conversations=four)], loss="caption")
    assert "row 1 is no caption: a stage with that loss needs one image and one answer" in said
    recipe = recipe_of(tmp_path, [talk(conversations=toys.turns("Say.", "A circle."))],
                       loss="caption")  # fmt: skip
    (row,) = data.conversations(recipe, recipe.stages[0])
    assert row.turns == (("user", "<image>"), ("assistant", "A circle."))


def test_a_lone_mark_comes_first_and_several_stay(tmp_path: Path) -> None:
    rows = [
        talk(conversations=toys.turns("What is <image> this?", "A circle.")),
        talk(conversations=toys.turns("<image>What?", "A circle.")),
        talk(image=["1.png"] * 2, conversations=toys.turns("Is <image> in <image>?", "No.")),
        talk(conversations=[{"from": "system", "value": "Be brief."}, *TURNS]),
    ]
    recipe = recipe_of(tmp_path, rows)
    found = data.conversations(recipe, recipe.stages[0])
    assert [row.turns[0] for row in found] == [
        ("user", "<image>\nWhat is  this?"),
        ("user", "<image>\nWhat?"),
        ("user", "Is <image> in <image>?"),
        ("system", "Be brief."),
    ]
    assert [len(row.images) for row in found] == [1, 1, 2, 1]
    assert found[1].place == f"{tmp_path}/talks.json, row 2"


def test_take_draws_rows_by_the_seed_without_replacement(tmp_path: Path) -> None:
    rows = [talk(conversations=toys.turns("<image>", f"Line {i}.")) for i in range(20)]

    def taken(number: int, seed: int) -> list[str]:
        source = {"file": "talks.json", "images": "pictures", "take": number}
        recipe = recipe_of(tmp_path, rows, data=[source], seed=seed)
        return [row.turns[1][1] for row in data.conversations(recipe, recipe.stages[0])]

    assert len(set(taken(8, 1))) == 8
    assert taken(8, 1) == taken(8, 1) != taken(8, 2)
    assert taken(20, 1) == [f"Line {i}." for i in range(20)]
    with pytest.raises(SuiteError) as caught:
        taken(21, 1)
    assert str(caught.value) == (
        "Stage 'vit' takes 21 rows of talks.json, which has 20; give `take` a smaller number, or "
        "leave it out."
    )


def stage_of(**changes: Any) -> Stage:
    """A stage of steps of 4 rows."""
    found = toys.STAGE | toys.STAGES[1] | {"data": [{"file": "x"}], "steps": None} | changes
    return Stage.model_validate(found)


def rows_of(*words: int, pictured: int) -> list[Conversation]:
    """Rows of so many words, the first ones with a picture."""
    return [
        Conversation((("user", "x " * n),), (Path("p"),) * (i < pictured), str(i))
        for i, n in enumerate(words)
    ]


@pytest.mark.parametrize(
    ("changes", "rows", "steps"),
    [
        ({"epochs": 1}, 23, 5),  # 3 held out, 20 in steps of 4
        ({"epochs": 1}, 26, 5),
        ({"epochs": 2}, 25, 11),  # 44 in steps of 4
        ({"epochs": 0.5}, 23, 2),
        ({"steps": 9}, 23, 9),
    ],
)
def test_steps_by_hand(changes: dict[str, Any], rows: int, steps: int) -> None:
    assert data.steps_of(stage_of(**changes), rows) == steps


@pytest.mark.parametrize(("changes", "rows"), [({"epochs": 1}, 6), ({"steps": 1}, 3)])
def test_too_few_rows_are_said(changes: dict[str, Any], rows: int) -> None:
    with pytest.raises(SuiteError) as caught:
        data.steps_of(stage_of(**changes), rows)
    assert str(caught.value) == (
        f"Stage 'vit' has {rows} rows, too few for 3 held out and a step of 4; lower `held_out` or "
        "`batch`."
    )


def test_held_out_rows_are_apart_and_the_seeds() -> None:
    rows = rows_of(*range(20), pictured=20)
    trained, held = data.split(rows, stage_of(epochs=1), 1)
    assert (len(trained), len(held)) == (17, 3)
    assert {row.place for row in trained} & {row.place for row in held} == set()
    assert data.split(rows, stage_of(epochs=1), 1)[1] == held
    assert data.split(rows, stage_of(epochs=1), 2)[1] != held


def test_every_epoch_has_each_row_once_and_another_order() -> None:
    rows = rows_of(*range(20), pictured=20)
    for group in (False, True):
        order = data.order(rows, stage_of(epochs=2, group=group), 1, 10)
        assert sorted(order[:20]) == sorted(order[20:]) == list(range(20))
        assert order[:20] != order[20:]
        assert order == data.order(rows, stage_of(epochs=2, group=group), 1, 10)
        assert order != data.order(rows, stage_of(epochs=2, group=group), 2, 10)


def test_a_step_holds_rows_of_one_kind_and_like_length() -> None:
    lengths = [n % 10 for n in range(24)]
    rows = rows_of(*lengths, pictured=13)
    order = data.order(rows, stage_of(epochs=1), 1, 6)
    steps = [order[i : i + 4] for i in range(0, 24, 4)]
    kinds = [Counter(bool(rows[i].images) for i in step) for step in steps]
    # 13 with pictures are 3 steps and 1 left, 11 without 2 steps and 3 left: these 4 come last.
    assert kinds[-1] == {True: 1, False: 3}
    assert Counter(tuple(kind.items()) for kind in kinds[:-1]) == {
        ((True, 4),): 3,
        ((False, 4),): 2,
    }
    for kind in (True, False):
        whole = [
            sorted(lengths[i] for i in s) for s in steps[:-1] if bool(rows[s[0]].images) == kind
        ]
        whole.sort(reverse=True)
        assert all(high[0] >= low[-1] for high, low in itertools.pairwise(whole))
