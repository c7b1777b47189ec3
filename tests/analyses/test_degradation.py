"""Degradation by hand and against plain Python: raw, chance-adjusted, by category, of means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analyses.degradation import degradation
from tests.analyses.simulate import World, simulate


def study(
    scores: dict[str, dict[str, list[float]]], chance: float | list[float] = 0.25, **world: object
) -> pd.DataFrame:
    """End-to-end answers: task -> size -> score of every item."""
    items = len(next(iter(next(iter(scores.values())).values())))
    sizes = tuple((size, 10.0 ** (3 + k)) for k, size in enumerate(next(iter(scores.values()))))
    frame = simulate(
        World(sizes, tuple(scores), (), star=False, items=items, **world)  # type: ignore[arg-type]
    )
    frame = frame[frame["method"] == "end_to_end"].copy()
    for task, of_size in scores.items():
        for size, values in of_size.items():
            rows = (frame["task"] == task) & (frame["perception"] == size)
            frame.loc[rows, "score"] = values
            frame.loc[rows, "chance"] = chance
    return frame


def one(table: pd.DataFrame, quantity: str, task: str, group: str | None = None) -> pd.Series:
    rows = table[(table["quantity"] == quantity) & (table["task"] == task)]
    rows = rows[rows["group"].isna() if group is None else rows["group"] == group]
    assert len(rows) == 1
    return rows.iloc[0]


TWO = {"shapes": {"s": [1.0, 1.0, 0.0, 0.0], "l": [1.0, 1.0, 1.0, 0.0]}}


def test_every_quantity_by_hand() -> None:
    # acc .75 and .5, chance .25: above chance 2/3 and 1/3; one decade apart
    table = degradation(study(TWO), draws=200)
    found = {
        name: one(table, name, "shapes")["estimate"]
        for name in table["quantity"].unique()
        if "accuracy" not in name
    }
    assert found == pytest.approx(
        {
            "drop": 0.25,
            "relative_drop": 1 / 3,
            "slope": 0.25,
            "adjusted_drop": 1 / 3,
            "adjusted_relative_drop": 1 / 2,
            "adjusted_slope": 1 / 3,
        }
    )
    accuracies = table[table["quantity"] == "adjusted_accuracy"]
    accuracies = accuracies[accuracies["task"] == "shapes"].set_index("size")["estimate"]
    assert accuracies.to_dict() == pytest.approx({"s": 1 / 3, "l": 2 / 3})


def test_adjusted_ends_are_the_raw_ones_stretched() -> None:
    table = degradation(study(TWO), draws=500)
    raw, adjusted = (one(table, name, "shapes") for name in ("drop", "adjusted_drop"))
    for end in ("low", "high", "se"):
        assert adjusted[end] == pytest.approx(raw[end] / 0.75)
    assert adjusted["p"] == pytest.approx(raw["p"])


def test_items_with_different_options_are_adjusted_one_by_one() -> None:
    # chances 1/2, 1/2, 0, 0: large 1, 1, 1, 0; small (1, 1, 0, 0) is 1, 1, 0, 0 above chance too
    table = degradation(study(TWO, chance=[0.5, 0.5, 0.0, 0.0]), draws=100)
    assert one(table, "adjusted_drop", "shapes")["estimate"] == pytest.approx(0.25)
    scores = {"shapes": {"s": [0.0, 1.0, 0.0, 0.0], "l": [1.0, 1.0, 0.0, 0.0]}}
    table = degradation(study(scores, chance=[0.5, 0.5, 0.0, 0.0]), draws=100)
    assert one(table, "adjusted_drop", "shapes")["estimate"] == pytest.approx(2 / 4)


def test_a_model_at_chance_has_nothing_to_lose() -> None:
    scores = {"shapes": {"s": [0.0, 1.0, 0.0, 0.0], "l": [1.0, 0.0, 0.0, 0.0]}}
    table = degradation(study(scores), draws=100)
    row = one(table, "adjusted_relative_drop", "shapes")
    assert np.isnan(row["estimate"])
    assert row["reason"] == "the divisor is not above 0"
    assert one(table, "relative_drop", "shapes")["estimate"] == 0


def test_worse_than_chance_is_below_zero() -> None:
    scores = {"shapes": {"s": [0.0] * 4, "l": [1.0] * 4}}
    table = degradation(study(scores), draws=100)
    small = table[(table["quantity"] == "adjusted_accuracy") & (table["size"] == "s")].iloc[0]
    assert small["estimate"] == pytest.approx(-1 / 3)
    assert small["low"] == pytest.approx(-1 / 3)
    assert small["estimate"] < small["high"] < 1


def test_macro_drops_are_means_of_tasks_and_their_ratio() -> None:
    scores = {
        "shapes": {"s": [0.0, 0.0, 0.0, 0.0], "l": [1.0, 1.0, 0.0, 0.0]},
        "signs": {"s": [1.0, 1.0, 0.0, 0.0], "l": [1.0, 1.0, 1.0, 1.0]},
    }
    table = degradation(study(scores), draws=100)
    assert one(table, "drop", "in_domain")["estimate"] == pytest.approx(0.5)
    # ratio of the means, not mean of the ratios (1 and .5)
    assert one(table, "relative_drop", "in_domain")["estimate"] == pytest.approx(0.5 / 0.75)
    mean = np.mean([one(table, "adjusted_drop", task)["estimate"] for task in scores])
    assert one(table, "adjusted_drop", "in_domain")["estimate"] == pytest.approx(mean)


def test_categories_and_their_macro_mean_against_pandas() -> None:
    frame = simulate(World(tasks=("ocr",), end_to_end_only=(), items=15))
    table = degradation(frame, draws=100)
    table = table[table["method"] == "end_to_end"]
    star = frame[(frame["task"] == "star") & (frame["method"] == "end_to_end")]
    means = star.pivot_table("score", "category", "perception")
    drops = means["l"] - means["xs"]
    for category, drop in drops.items():
        assert one(table, "drop", "star", str(category))["estimate"] == pytest.approx(drop)
    assert one(table, "drop", "star")["estimate"] == pytest.approx(drops.mean())
    x = np.log10([16e3, 6e4, 24e4, 9e5])
    slope = stats.linregress(x, means.mean()[["xs", "s", "m", "l"]]).slope
    assert one(table, "slope", "star")["estimate"] == pytest.approx(slope)


def test_interval_of_a_relative_drop_against_a_plain_bootstrap() -> None:
    rng = np.random.default_rng(2)
    large = (rng.random(80) < 0.8).astype(float)
    small = large * (rng.random(80) < 0.6)
    table = degradation(study({"shapes": {"s": small.tolist(), "l": large.tolist()}}), draws=8000)
    row = one(table, "relative_drop", "shapes")
    taken = rng.integers(0, 80, (8000, 80))
    ratios = 1 - small[taken].mean(axis=1) / large[taken].mean(axis=1)
    tail = stats.norm.cdf(stats.t.ppf(0.025, 79) * np.sqrt(80 / 79))
    assert [row["low"], row["high"]] == pytest.approx(
        np.quantile(ratios, [tail, 1 - tail]).tolist(), abs=0.012
    )
    assert row["se"] == pytest.approx(ratios.std(), rel=0.05)


def test_missing_scores_one_size_and_one_image() -> None:
    frame = study(TWO)
    assert set(degradation(frame[frame["perception"] == "l"])["quantity"]) == {
        "accuracy",
        "adjusted_accuracy",
    }
    none = degradation(frame.assign(score=np.nan), draws=50)
    assert none["estimate"].isna().all()
    assert none["reason"].notna().all()
    single = degradation(study(TWO, per_image=4), draws=50)
    row = one(single, "adjusted_drop", "shapes")
    assert (row["estimate"], row["clusters"]) == (pytest.approx(1 / 3), 1)
    assert row["reason"] == "one image: an interval needs at least two"


def test_a_ratio_that_no_draw_changes_has_no_interval_of_no_width() -> None:
    # The small model loses everything: the relative drop is 1 in every draw.
    lost = {"shapes": {"s": [0.0, 0.0, 0.0, 0.0], "l": [1.0, 1.0, 1.0, 0.0]}}
    found = one(degradation(study(lost), draws=100), "relative_drop", "shapes")
    assert found["estimate"] == 1
    assert np.isnan(found[["low", "high", "se"]].astype(float)).all()
    # with four images some draws hold nothing to lose
    kept = {"shapes": {"s": [0.0] * 40, "l": [1.0] * 30 + [0.0] * 10}}
    found = one(degradation(study(kept), draws=100), "relative_drop", "shapes")
    assert np.isnan(found["low"])
    assert found["reason"] == "every draw gives the same ratio: resampling sees no spread"


def test_bounds_of_adjusted_scores_are_those_of_the_task_itself() -> None:
    # Open answers beside two options: guessing cannot take an open task below 0.
    scores = {"open": {"s": [1.0] * 8, "l": [1.0] * 8}, "two": {"s": [1.0] * 8, "l": [1.0] * 8}}
    frame = study(scores)
    frame["chance"] = np.where(frame["task"] == "open", 0.0, 0.5)
    table = degradation(frame, draws=50)
    rows = table[(table["quantity"] == "adjusted_accuracy") & (table["size"] == "l")]
    low = rows.set_index("task")["low"]
    q = 1 - 0.025 ** (1 / 8)
    assert low["open"] == pytest.approx(1 - q)
    assert low["two"] == pytest.approx(1 - 2 * q)
    # the halves q and 2 q of two independent tasks, over their number
    assert low["in_domain"] == pytest.approx(1 - np.sqrt(5) * q / 2)
    drops = table[(table["quantity"] == "adjusted_drop")].set_index("task")
    assert drops.loc["open", ["low", "high"]].tolist() == pytest.approx([-q, q])
    assert drops.loc["two", ["low", "high"]].tolist() == pytest.approx([-2 * q, 2 * q])


def test_a_mean_with_a_task_of_one_image_has_no_interval() -> None:
    # Resampling the other task alone would leave out what the one image is uncertain by.
    frame = study(
        {
            "many": {"s": [1.0, 0.0] * 4, "l": [1.0] * 8},
            "one": {"s": [1.0] * 4 + [0.0] * 4, "l": [1.0] * 6 + [0.0] * 2},
        }
    )
    frame.loc[frame["task"] == "one", "image_id"] = "the same"
    table = degradation(frame, draws=50)
    for quantity in ("drop", "relative_drop", "slope"):
        found = one(table, quantity, "in_domain")
        assert not np.isnan(found["estimate"])
        assert np.isnan(found[["low", "high", "se", "p"]].astype(float)).all()
        assert found["reason"] == (
            "a task or category of this mean has one image: an interval needs at least two of each"
        )
    assert one(table, "drop", "in_domain")["estimate"] == pytest.approx((0.5 + 0.25) / 2)
    assert one(table, "relative_drop", "in_domain")["estimate"] == pytest.approx(0.375 / 0.875)
    assert not np.isnan(one(table, "drop", "many")["low"])
