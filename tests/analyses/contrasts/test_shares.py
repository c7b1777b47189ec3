"""Shares of items with references: by hand, with exact bounds, and why a number is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analyses.contrasts.contrast import EXACT
from analyses.contrasts.shares import ABOVE, FEW_DRAWS, ROW, Share, Shares, over, share_rows
from analyses.stats.arrays import Floats
from analyses.table.scores import scores_of
from tests.analyses.simulate import tidy

NAN = float("nan")
EMPTY = "nothing is in the base"


def shares_of(hit: list[float], base: list[float], luck: list[float] | None = None) -> pd.DataFrame:
    """Rows of the share hit / base of one task, beside luck / base and adjusted to hit / luck."""
    frame = tidy(*(("a", "ocr", "", str(k), 1.0) for k in range(len(hit))))
    chance = base if luck is None else luck
    columns = {"hit": np.array(hit), "base": np.array(base), "luck": np.array(chance)}
    share = Share(
        "share",
        lambda means: over(means["hit"], means["base"]),
        lambda means: over(means["luck"], means["base"]),
        "base",
        None if luck is None else lambda means: over(means["hit"], means["luck"]),
        "luck",
    )
    source = np.array(["guessing"] * len(hit), dtype=object)
    shares = Shares([columns], (share,), np.ones(len(hit), dtype=bool), [source], EMPTY)
    rows = list(share_rows(shares, scores_of(frame), draws=2000, seed=0))
    return pd.DataFrame(rows, columns=list(ROW))


def row(table: pd.DataFrame, task: str = "ocr") -> pd.Series:
    found = table[table["task"] == task]
    assert len(found) == 1
    return found.iloc[0]


def test_over_is_missing_where_the_divisor_is_not_above_0() -> None:
    bottom: Floats = np.array([2.0, 0.0, -1.0, NAN])
    assert over(np.ones(4), bottom) == pytest.approx([0.5, NAN, NAN, NAN], nan_ok=True)


def test_a_share_its_reference_and_its_adjusted_form_by_hand() -> None:
    # 6 of 12 items are in the base, 3 of them hit, and guessing would hit 5.4 of them, .9 each
    found = row(shares_of([1, 1, 1, *[0] * 9], [1] * 6 + [0] * 6, [0.9] * 6 + [0] * 6))
    assert (found["estimate"], found["reference"]) == (pytest.approx(0.5), pytest.approx(0.9))
    assert found["adjusted"] == pytest.approx(3 / 5.4)
    assert (found["n"], found["base"], found["clusters"]) == (12, 6, 12)
    assert found["reference_from"] == "guessing"
    assert found["low"] < 0.5 < found["high"]


def test_intervals_are_expanded_by_the_images_that_a_share_is_of() -> None:
    # 10 of 80 items are in the base, half of them hit: tails of t with 9 degrees, not with 79,
    # which would end about .065 nearer
    found = row(shares_of([1] * 5 + [0] * 75, [1] * 10 + [0] * 70))
    chances = [1 / 80] * 10 + [70 / 80]
    drawn = np.random.default_rng(0).multinomial(80, chances, 20_000)
    hit, base = drawn[:, :5].sum(axis=1), drawn[:, :10].sum(axis=1)
    tail = stats.norm.cdf(stats.t.ppf(0.025, 9) / np.sqrt(0.9))
    ends = np.nanquantile(hit / np.where(base > 0, base, np.nan), [tail, 1 - tail])
    assert [found["low"], found["high"]] == pytest.approx(ends.tolist(), abs=0.03)


def test_a_share_that_no_draw_changes_has_the_exact_bound() -> None:
    found = row(shares_of([1] * 20, [1] * 20))
    assert (found["estimate"], found["high"], found["reason"]) == (1, 1, EXACT)
    assert found["low"] == pytest.approx(0.025 ** (1 / 20))  # Clopper and Pearson, 20 of 20


def test_above_1_is_said_and_not_cut() -> None:
    found = row(shares_of([1] * 18 + [0] * 2, [1] * 20, [0.5] * 20))
    assert found["adjusted"] == pytest.approx(18 / 10)
    assert found["reason"] == ABOVE


@pytest.mark.parametrize(
    ("hit", "base", "luck", "reason"),
    [
        ([0.0] * 4, [0.0] * 4, None, EMPTY),
        ([NAN] * 4, [NAN] * 4, None, "no item has a score in every cell compared (4 missing)"),
        # the two items of the base are missing from (18/20)^20 = .12 of the draws
        ([1.0, *[0.0] * 19], [1.0, 1.0, *[0.0] * 18], None, FEW_DRAWS),
        ([1.0] * 3 + [0.0], [1.0] * 4, [0.5] * 4, "not adjusted: guessing alone would leave 2 of"),
        ([1.0, 0.0], [1.0, 0.0], None, "one image: an interval needs at least two"),
    ],
)
def test_what_is_missing_has_a_reason(
    hit: list[float], base: list[float], luck: list[float] | None, reason: str
) -> None:
    found = row(shares_of(hit, base, luck))
    assert reason in found["reason"]
    assert np.isnan(found["adjusted"])
    if reason in (FEW_DRAWS, EMPTY) or reason.startswith(("no item", "one image")):
        assert np.isnan(found[["low", "high"]].astype(float)).all()
    assert np.isnan(found["estimate"]) == (reason == EMPTY or reason.startswith("no item"))


def test_a_share_of_the_mean_is_the_ratio_of_the_means() -> None:
    frame = tidy(
        *(("a", task, "", str(k), 1.0) for task, n in (("ocr", 2), ("count", 4)) for k in range(n))
    )
    columns = {"hit": np.array([1.0, 0, 1, 0, 0, 0]), "base": np.array([1.0, 1, 1, 0, 0, 0])}
    share = Share("share", lambda means: over(means["hit"], means["base"]), None, "base")
    source = np.full(6, "guessing", dtype=object)
    shares = Shares([columns], (share,), np.ones(6, dtype=bool), [source], EMPTY)
    rows = pd.DataFrame(share_rows(shares, scores_of(frame), draws=100, seed=0))
    # means of hit .5 and .25, of base 1 and .25
    assert row(rows, "in_domain")["estimate"] == pytest.approx(0.75 / 1.25)
    assert row(rows, "in_domain")["reference_from"] is None
