"""Pairs of two runs: what is paired, what is refused and how that is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analyses.contrasts.two_runs import ItemsDiffer, check_items, flips, pair
from tests.analyses.simulate import World, simulate

SMALL, LARGE = "end_to_end/P=xs", "end_to_end/P=l"
WORLD = World(
    methods=("end_to_end",), tasks=("ocr", "counting"), items=5, star=False, end_to_end_only=()
)


@pytest.fixture
def side() -> pd.DataFrame:
    frame = simulate(WORLD)
    return frame[frame["cell"] == SMALL]


def test_items_that_differ_are_refused_with_counts_and_examples(side: pd.DataFrame) -> None:
    without = side[side["task"] == "ocr"].iloc[1:]
    with pytest.raises(ItemsDiffer) as error:
        check_items(side, without)
    assert str(error.value) == (
        "The items differ: 6 only the baseline has (ocr/00000, counting/00000, counting/00001, "
        "...); run both on the same items."
    )
    for column, value, told in (
        ("answer", "Z", "another answer"),
        ("n_options", 3, "another number of options (ocr/00000 (4 against 3)"),
        ("image_id", "other", "other images ("),
    ):
        changed = side.copy()
        changed[column] = changed[column].where(changed["item_id"] > "00001", value)
        with pytest.raises(ItemsDiffer, match="The items differ: 4 have ") as error:
            check_items(side, changed)
        assert told in str(error.value).replace(", such as ocr", " (ocr")
    check_items(side, side.sample(frac=1, random_state=1))


def test_a_task_that_is_the_same_on_both_sides_is_the_way_out(side: pd.DataFrame) -> None:
    theirs = side[~((side["task"] == "ocr") & (side["item_id"] == "00003"))]
    with pytest.raises(ItemsDiffer, match="or compare only counting with --task"):
        check_items(side, theirs)
    with pytest.raises(ItemsDiffer, match=r"1 only the candidate has \(ocr/00003\)"):
        check_items(theirs, side)


def test_facts_missing_on_both_sides_are_the_same_and_on_one_side_are_not(
    side: pd.DataFrame,
) -> None:
    unknown = side.assign(image_id=None)
    check_items(unknown, unknown)
    with pytest.raises(ItemsDiffer, match="The items differ: 10 have other images"):
        check_items(side, unknown)


def test_flips_name_what_changed(side: pd.DataFrame) -> None:
    ocr = side[side["task"] == "ocr"].iloc[:4]
    first, second = ocr.assign(score=[0.0, 1, 1, 0]), ocr.assign(score=[1.0, 1, 0, 0])
    found = flips(pair(first, second, [(SMALL, SMALL)]))
    assert found["item_id"].tolist() == ["00002", "00000"]
    assert found["change"].tolist() == [-1.0, 1.0]
    assert {"baseline_prediction", "candidate_prediction", "cell"} <= set(found.columns)


def test_samples_are_averaged_and_failures_counted(side: pd.DataFrame) -> None:
    twice = pd.concat([side.assign(score=1.0), side.assign(sample=1, score=0.0)])
    twice.loc[(twice["sample"] == 1) & (twice["item_id"] == "00000"), "score"] = np.nan
    pairs = pair(side.assign(score=np.nan), twice, [(SMALL, SMALL)])
    by_item = pairs.table.set_index(["task", "item_id"])["candidate"]
    assert by_item["ocr"].tolist() == [1.0, 0.5, 0.5, 0.5, 0.5]  # the failed sample counts for none
    assert pairs.table["baseline"].isna().all()
    assert (pairs.failed, pairs.samples) == ((10, 2), (1, 2))
    assert not len(flips(pairs))


def test_pairs_of_two_cells_are_kept_apart() -> None:
    frame = simulate(WORLD)
    pairs = pair(frame, frame, [(SMALL, LARGE), (LARGE, LARGE)])
    own = pairs.of_cell(LARGE).table
    assert len(own) == len(pairs.table) / 2 == 10
    assert (own["baseline"] == own["candidate"]).all()
    small = frame[frame["cell"] == SMALL].set_index(["task", "item_id"])["score"]
    found = pairs.of_cell(SMALL).table.set_index(["task", "item_id"])["baseline"]
    assert (found == small.loc[found.index]).all()
