"""The split of the whole drop and the bound of gold descriptions: by hand, and where cells lack."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from analyses.decoupling import decoupling
from analyses.table.scores import scores_of
from analyses.table.sizes import pairings_of
from tests.analyses.simulate import World, simulate

TWO = (("s", 1e6), ("l", 1e7))
PARTS = ("whole_drop", "perception_part", "reasoning_part", "part_difference", "interaction")


def square(**scores: list[float]) -> pd.DataFrame:
    """A study of one task with the direct pairings ss, ls, sl, ll (perception first)."""
    n = len(next(iter(scores.values())))
    world = World(sizes=TWO, tasks=("ocr",), end_to_end_only=(), star=False, items=n)
    frame = simulate(world)
    frame = frame[(frame["method"] == "decoupled") & ~frame["thinking"]].copy()
    for pair, values in scores.items():
        own = (frame["perception"] == pair[0]) & (frame["reasoning"] == pair[1])
        frame.loc[own, "score"] = values
    return frame


def parts_of(table: pd.DataFrame, task: str = "ocr") -> dict[str, pd.Series]:
    rows = table[(table["task"] == task) & table["group"].isna()]
    return {q: rows[rows["quantity"] == q].iloc[0] for q in PARTS}


def test_the_split_by_hand() -> None:
    # a(S,S) = 0, a(L,S) = 1/4, a(S,L) = 2/4, a(L,L) = 1:
    # perception: (1 - 1/2 + 1/4 - 0) / 2 = 3/8, reasoning: (1 - 1/4 + 1/2 - 0) / 2 = 5/8
    frame = square(ss=[0, 0, 0, 0], ls=[1, 0, 0, 0], sl=[1, 1, 0, 0], ll=[1, 1, 1, 1])
    found = {q: row["estimate"] for q, row in parts_of(decoupling(frame, draws=50)).items()}
    wanted = dict(zip(PARTS, (1, 3 / 8, 5 / 8, -1 / 4, 1 / 4)))
    assert found == pytest.approx(wanted)


def test_parts_are_shapley_values_and_sum_to_the_whole_where_rows_are_missing() -> None:
    rng = np.random.default_rng(4)
    scores = {pair: rng.integers(0, 2, 40).astype(float) for pair in ("ss", "ls", "sl", "ll")}
    scores["ls"][3] = np.nan
    scores["sl"][:5] = np.nan
    found = parts_of(decoupling(square(**scores), draws=50))
    assert {row["n"] for row in found.values()} == {35}
    assert {row["missing"] for row in found.values()} == {5}
    # Shapley by its definition: the mean marginal effect over the orders in which modules grow.
    kept = ~np.isnan(np.stack(list(scores.values()))).any(axis=0)
    value = {pair: column[kept].mean() for pair, column in scores.items()}
    shapley = {"perception": 0.0, "reasoning": 0.0}
    for order in permutations(shapley):
        size = {"perception": "s", "reasoning": "s"}
        for module in order:
            before = value["".join(size.values())]
            size[module] = "l"
            shapley[module] += (value["".join(size.values())] - before) / 2
    for module, part in shapley.items():
        assert found[f"{module}_part"]["estimate"] == pytest.approx(part)
    total = found["perception_part"]["estimate"] + found["reasoning_part"]["estimate"]
    assert total == pytest.approx(found["whole_drop"]["estimate"], abs=1e-14)


def test_a_module_that_changes_nothing_has_a_part_of_zero() -> None:
    rng = np.random.default_rng(1)
    small, large = rng.integers(0, 2, (2, 30)).astype(float)
    found = parts_of(decoupling(square(ss=small, ls=small, sl=large, ll=large), draws=200))
    assert found["perception_part"]["estimate"] == 0
    assert found["interaction"]["estimate"] == 0
    whole = found["whole_drop"]
    assert found["reasoning_part"][["estimate", "low", "high"]].tolist() == pytest.approx(
        whole[["estimate", "low", "high"]].tolist()
    )
    assert whole["low"] < whole["estimate"] < whole["high"]


def test_parts_of_the_mean_are_means_of_the_parts() -> None:
    frame = simulate(World(tasks=("ocr", "knowledge"), items=20, star=False))
    table = decoupling(frame[frame["method"] == "decoupled"], draws=50)
    table = table[~table["thinking"]]
    for q in PARTS:
        tasks = [parts_of(table, task)[q]["estimate"] for task in ("ocr", "knowledge")]
        assert parts_of(table, "in_domain")[q]["estimate"] == pytest.approx(np.mean(tasks))


def test_gold_descriptions_bound_each_reasoning_size_on_tasks_that_have_them() -> None:
    frame = simulate(World(tasks=("ocr", "knowledge"), items=15, star=False))
    frame = frame[(frame["method"] != "oracle") | (frame["task"] == "ocr")]
    table = decoupling(frame, draws=50)
    rows = table[(table["quantity"] == "oracle_gain") & ~table["thinking"]]
    assert set(rows["task"]) == {"ocr", "in_domain", "in_domain_shared"}
    assert set(rows["perception"]) == {"l"}
    of = frame[frame["task"] == "ocr"].groupby("cell")["score"].mean()
    for row in rows[rows["task"] == "ocr"].to_dict("records"):
        size = row["reasoning"]
        gain = of[f"oracle/R={size}"] - of[f"decoupled/P=l/R={size}"]
        assert row["estimate"] == pytest.approx(gain)
    assert rows["reasoning"].nunique() == 4


def test_a_missing_corner_leaves_the_split_out_and_the_rest_in() -> None:
    frame = square(ss=[0, 1], ls=[1, 0], sl=[1, 1], ll=[1, 1])
    frame = frame[~((frame["perception"] == "s") & (frame["reasoning"] == "l"))]
    table = decoupling(frame, draws=50)
    assert not set(PARTS) & set(table["quantity"])
    assert "reasoning_drop" in set(table["quantity"])
    (grid,) = pairings_of(scores_of(frame).cells)
    assert grid.corners() is None


def test_one_image_has_an_estimate_and_a_reason() -> None:
    found = parts_of(decoupling(square(ss=[0], ls=[1], sl=[0], ll=[1]), draws=50))
    assert found["perception_part"]["estimate"] == 1
    assert found["perception_part"]["reason"] == "one image: an interval needs at least two"
