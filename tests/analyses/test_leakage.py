"""Multi-modal gain and leakage: by hand, at its boundary, and where runs are missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analyses.leakage import leakage
from tests.analyses.simulate import World, simulate

WORLD = World(
    sizes=(("s", 1e6), ("l", 1e7)), tasks=("ocr",), end_to_end_only=(), star=False, items=40
)


def put(frame: pd.DataFrame, **scores: np.ndarray) -> pd.DataFrame:
    """The study with these scores of the cells of size l: end_to_end, blind, text_only."""
    frame = frame.copy()
    for method, values in scores.items():
        size = "R" if method == "text_only" else "P"
        frame.loc[frame["cell"] == f"{method}/{size}=l", "score"] = values
    return frame


def row(table: pd.DataFrame, quantity: str, size: str = "l", task: str = "ocr") -> pd.Series:
    rows = table[(table["quantity"] == quantity) & (table["size"] == size)]
    rows = rows[(rows["task"] == task) & rows["group"].isna()]
    assert len(rows) == 1
    return rows.iloc[0]


def right(count: int, start: int = 0) -> np.ndarray:
    """40 scores, `count` of them 1."""
    return ((np.arange(40) >= start) & (np.arange(40) < start + count)).astype(float)


def test_gain_and_leakage_by_hand() -> None:
    # S_v = 30/40, S_wv = 18/40, S_t = 10/40: a gain of 12/40 and a leakage of 8/40.
    frame = put(simulate(WORLD), end_to_end=right(30), blind=right(18), text_only=right(10))
    table = leakage(frame, draws=300)
    assert row(table, "multimodal_gain")["estimate"] == pytest.approx(12 / 40)
    leak, difference = row(table, "multimodal_leakage"), row(table, "leakage_difference")
    assert leak["estimate"] == pytest.approx(8 / 40)
    assert (leak["low"], leak["high"]) == (difference["low"], difference["high"])
    assert row(table, "text_only")["estimate"] == pytest.approx(10 / 40)
    # The peer: a t test of paired differences, one image an item.
    peer = stats.ttest_rel(right(18), right(10))
    assert difference["p"] == pytest.approx(peer.pvalue)


def test_no_leakage_where_the_language_model_alone_does_better() -> None:
    frame = put(simulate(WORLD), blind=right(5), text_only=right(20, start=2))
    table = leakage(frame, draws=300)
    leak, difference = row(table, "multimodal_leakage"), row(table, "leakage_difference")
    assert difference["high"] < 0
    assert (leak["estimate"], leak["low"], leak["high"]) == (0, 0, 0)
    assert np.isnan(leak[["se", "p", "p_holm"]].astype(float)).all()
    assert difference["p"] < 0.05


def test_an_interval_over_zero_is_cut_there() -> None:
    frame = put(simulate(WORLD), blind=right(6), text_only=right(6, start=4))
    table = leakage(frame, draws=300)
    leak, difference = row(table, "multimodal_leakage"), row(table, "leakage_difference")
    assert difference["low"] < 0 < difference["high"]
    assert (leak["low"], leak["high"]) == (0, difference["high"])


def test_the_mean_takes_the_maximum_once() -> None:
    world = World(**{**vars(WORLD), "tasks": ("ocr", "relation")})
    frame = simulate(world)
    for task, blind, text in (("ocr", right(20), right(10)), ("relation", right(4), right(20))):
        for cell, values in (("blind/P=l", blind), ("text_only/R=l", text)):
            frame.loc[(frame["cell"] == cell) & (frame["task"] == task), "score"] = values
    table = leakage(frame, draws=100)
    assert row(table, "multimodal_leakage", task="ocr")["estimate"] == pytest.approx(0.25)
    assert row(table, "multimodal_leakage", task="relation")["estimate"] == 0
    assert row(table, "leakage_difference", task="in_domain")["estimate"] == pytest.approx(-0.075)
    assert row(table, "multimodal_leakage", task="in_domain")["estimate"] == 0


def test_thinking_is_not_the_language_model_alone() -> None:
    frame = simulate(WORLD)
    frame.loc[frame["cell"] == "text_only/R=l/think", "score"] = 1.0
    alone = frame.loc[frame["cell"] == "text_only/R=l", "score"].mean()
    assert row(leakage(frame, draws=50), "text_only")["estimate"] == pytest.approx(alone)


def test_missing_runs_and_scores() -> None:
    frame = simulate(WORLD)
    table = leakage(frame[frame["cell"] != "blind/P=s"], draws=50)
    assert set(table.loc[table["size"] == "s", "quantity"]) == {"with_images"}
    assert "multimodal_leakage" in set(table.loc[table["size"] == "l", "quantity"])
    failed = put(frame, blind=np.full(40, np.nan))
    found = row(leakage(failed, draws=50), "multimodal_leakage")
    assert np.isnan(found["estimate"])
    assert found["reason"] == "no item has a score in every cell compared (40 missing)"
    one = frame[frame["item_id"] == "00000"]
    found = row(leakage(one, draws=50), "multimodal_gain")
    assert np.isnan(found["low"])
    assert found["reason"] == "one image: an interval needs at least two"


def test_an_interval_of_no_width_says_why() -> None:
    frame = put(simulate(WORLD), blind=right(4), text_only=right(36))
    table = leakage(frame, draws=300)
    leak = row(table, "multimodal_leakage")
    assert row(table, "leakage_difference")["high"] < 0
    assert (leak["estimate"], leak["low"], leak["high"]) == (0, 0, 0)
    assert leak["reason"] == (
        "the difference is below 0 in its whole interval, so its maximum with 0 is 0 throughout"
    )
    assert row(table, "leakage_difference")["reason"] is None
