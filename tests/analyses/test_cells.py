"""The table of cells against pandas' own means, and on studies with little in them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analyses.cells import COLUMNS, cells
from analyses.stats.intervals import mean_interval
from tests.analyses.simulate import STAR, World, simulate

SMALL = World(tasks=("ocr", "knowledge"), items=12)


def row(table: pd.DataFrame, cell: str, task: str, group: str | None = None) -> pd.Series:
    same = table["group"].isna() if group is None else table["group"] == group
    found = table[(table["cell"] == cell) & (table["task"] == task) & same]
    assert len(found) == 1
    return found.iloc[0]


def test_accuracies_are_pandas_means() -> None:
    frame = simulate(SMALL)
    table = cells(frame, draws=100)
    assert tuple(table.columns) == COLUMNS
    means = frame.groupby(["cell", "task"])["score"].mean()
    for (cell, task), mean in means.items():
        assert row(table, cell, task)["accuracy"] == pytest.approx(mean)
    by_category = frame[frame["task"] == "star"].groupby(["cell", "category"])["score"].mean()
    for (cell, category), mean in by_category.items():
        assert row(table, cell, "star", category)["accuracy"] == pytest.approx(mean)
    assert not table.duplicated(["cell", "task", "group"]).any()


def test_star_is_the_mean_of_its_categories_and_in_domain_of_its_tasks() -> None:
    frame = simulate(SMALL)
    few = frame[~((frame["category"] == STAR[0]) & (frame["item_id"] > "coa00003"))]
    table = cells(few, draws=100)
    cell = "end_to_end/P=l"
    categories = [row(table, cell, "star", name)["accuracy"] for name in STAR]
    assert row(table, cell, "star")["accuracy"] == pytest.approx(np.mean(categories))
    assert row(table, cell, "star")["average"] == "categories"
    tasks = [row(table, cell, t)["accuracy"] for t in ("ocr", "knowledge")]
    assert row(table, cell, "in_domain_shared")["accuracy"] == pytest.approx(np.mean(tasks))
    tasks += [row(table, cell, t)["accuracy"] for t in SMALL.end_to_end_only]
    assert row(table, cell, "in_domain")["accuracy"] == pytest.approx(np.mean(tasks))


def test_interval_of_a_task_is_mean_interval() -> None:
    frame = simulate(World(tasks=("ocr",), items=40, per_image=2, star=False))
    found = row(cells(frame), "blind/P=l", "ocr")
    rows = frame[(frame["cell"] == "blind/P=l") & (frame["task"] == "ocr")]
    _, low, high = mean_interval(rows["score"], rows["image_id"])
    # another random stream, the same distribution
    assert found["low"] == pytest.approx(low, abs=0.03)
    assert found["high"] == pytest.approx(high, abs=0.03)
    assert found["clusters"] == 20


def test_counts_and_chance() -> None:
    frame = simulate(SMALL)
    one = (frame["cell"] == "end_to_end/P=s") & (frame["task"] == "ocr")
    at = frame.index[one]
    frame.loc[at, ["parsed", "failed", "leak"]] = [True, False, False]
    frame.loc[at, "score"] = 1.0
    frame.loc[at[:2], ["parsed", "score"]] = [False, 0.0]
    frame.loc[at[2], ["failed", "parsed"]] = [True, False]
    frame.loc[at[2], "score"] = np.nan
    frame.loc[at[3:6], "leak"] = True
    found = row(cells(frame, draws=100), "end_to_end/P=s", "ocr")
    assert (found["n"], found["failed"], found["leaks"]) == (11, 1, 3)
    assert found["unparsed"] == pytest.approx(2 / 11)
    assert found["accuracy"] == pytest.approx(9 / 11)
    assert found["chance"] == 0.25
    assert found["adjusted"] == pytest.approx((9 / 11 - 0.25) / 0.75)


def test_samples_are_averaged_within_items() -> None:
    frame = simulate(World(tasks=("ocr",), items=10, samples=3, star=False))
    found = row(cells(frame, draws=100), "oracle/R=l", "ocr")
    mean = frame[(frame["cell"] == "oracle/R=l") & (frame["task"] == "ocr")]["score"].mean()
    assert found["n"] == 10
    assert found["accuracy"] == pytest.approx(mean)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_all_wrong_and_all_right_have_exact_intervals(score: float) -> None:
    table = cells(simulate(World(tasks=("ocr",), items=20, star=False, always=score)), draws=50)
    found = row(table, "end_to_end/P=l", "ocr")
    assert found["accuracy"] == score
    assert found["high"] - found["low"] == pytest.approx(1 - 0.025 ** (1 / 20))
    assert "exact bound" in found["reason"]


def test_a_task_whose_answers_all_failed_is_nan_with_a_reason() -> None:
    frame = simulate(SMALL)
    gone = (frame["cell"] == "oracle/R=l") & (frame["task"] == "ocr")
    frame.loc[gone, ["score", "failed", "parsed"]] = [np.nan, True, False]
    table = cells(frame, draws=50)
    found = row(table, "oracle/R=l", "ocr")
    assert np.isnan([found["accuracy"], found["low"], found["unparsed"]]).all()
    assert found["reason"] == "no item has a score in every cell compared (12 missing)"
    macro = row(table, "oracle/R=l", "in_domain")
    assert np.isnan(macro["accuracy"])
    assert "has no item with a score" in macro["reason"]


def test_one_item_has_no_interval() -> None:
    table = cells(simulate(World(tasks=("ocr",), items=1, star=False)), draws=50)
    found = row(table, "oracle/R=l", "ocr")
    assert found["n"] == 1
    assert np.isnan(found["low"])
    assert found["reason"] == "one image: an interval needs at least two"


def test_items_without_an_image_are_their_own_clusters() -> None:
    frame = simulate(World(tasks=("ocr",), items=10, star=False)).assign(image_id="")
    assert row(cells(frame, draws=50), "oracle/R=l", "ocr")["clusters"] == 10


def test_empty_table_and_missing_column() -> None:
    frame = simulate(World(tasks=("ocr",), items=2, star=False))
    assert tuple(cells(frame.iloc[:0]).columns) == COLUMNS
    with pytest.raises(ValueError, match="The table has no column 'chance'"):
        cells(frame.drop(columns="chance"))
