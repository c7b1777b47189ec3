"""Thinking: gains, budget and parsing rates against pandas; the tests of shape from the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from analyses.figures import thinking as figure
from analyses.stats.inverted_u import OVERALL
from analyses.thinking import thinking
from tests.analyses.figures import words_of
from tests.analyses.simulate import World, simulate

WORLD = World(tasks=("ocr", "counting"), items=24, per_image=2, samples=2, unparsed=0.2)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    table = simulate(WORLD)
    hit = table["thinking"] & (np.arange(len(table)) % 3 == 0)
    table.loc[hit, "finish_reason"] = "budget"
    table.loc[~table["thinking"] & (np.arange(len(table)) % 7 == 0), "finish_reason"] = "length"
    return table


@pytest.fixture(scope="module")
def table(frame: pd.DataFrame) -> pd.DataFrame:
    return thinking(frame, draws=100)


def pick(table: pd.DataFrame, size: str | None = "m", **wanted: object) -> pd.Series:
    rows = table[(table["method"] == "oracle") & (table["task"] == "ocr")]
    rows = rows[rows["reasoning"].isna() if size is None else rows["reasoning"] == size]
    for name, value in wanted.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.parametrize(
    ("name", "cell"), [("direct", "oracle/R=m"), ("with_thinking", "oracle/R=m/think")]
)
def test_rates_are_pandas_means(
    frame: pd.DataFrame, table: pd.DataFrame, name: str, cell: str
) -> None:
    rows = frame[(frame["cell"] == cell) & (frame["task"] == "ocr")]
    cut = rows["finish_reason"].isin(["budget", "length"]).mean()
    assert 0 < cut < 1
    assert pick(table, quantity=f"{name}_budget")["estimate"] == pytest.approx(cut)
    unparsed = pick(table, quantity=f"{name}_unparsed")
    assert unparsed["estimate"] == pytest.approx(1 - rows["parsed"].mean())
    assert unparsed["low"] <= unparsed["estimate"] <= unparsed["high"]


def test_failed_answers_are_in_no_rate(frame: pd.DataFrame) -> None:
    broken = frame.copy()
    half = np.arange(len(broken)) % 2 == 0
    broken.loc[half, ["failed", "parsed"]] = [True, False]
    broken.loc[half, ["score", "finish_reason"]] = [np.nan, None]
    found = pick(thinking(broken, draws=50), quantity="direct_unparsed")["estimate"]
    rows = broken[(broken["cell"] == "oracle/R=m") & (broken["task"] == "ocr") & ~broken["failed"]]
    assert found == pytest.approx(
        (1 - rows.groupby("item_id")["parsed"].mean()).mean()  # each item counts alike
    )


def test_budget_without_recorded_reasons(frame: pd.DataFrame) -> None:
    found = pick(thinking(frame.assign(finish_reason=None), draws=50), quantity="direct_budget")
    assert np.isnan(found["estimate"])
    assert found["reason"] == "no answer has a recorded reason why it ended"


def test_intersection_union_from_the_table_is_a_clustered_regression(
    frame: pd.DataFrame, table: pd.DataFrame
) -> None:
    rows = frame[(frame["task"] == "ocr") & (frame["method"] == "oracle")]
    wide = rows.pivot_table("score", ["item_id", "image_id"], "cell")
    gain = {
        size: wide[f"oracle/R={size}/think"] - wide[f"oracle/R={size}"] for size in ("xs", "m", "l")
    }
    clusters = pd.factorize(wide.index.get_level_values("image_id"))[0]
    p = []
    for end in ("xs", "l"):
        y = (gain["m"] - gain[end]).to_numpy()
        # statsmodels' cluster error is scaled by C/(C-1) (n-1)/(n-k), k = 1
        fit = sm.OLS(y, np.ones(len(y))).fit(cov_type="cluster", cov_kwds={"groups": clusters})
        p.append(stats.t.sf(fit.params[0] / fit.bse[0], clusters.max()))
        side = {"xs": "over_smallest", "l": "over_largest"}[end]
        found = pick(table, quantity=side)
        assert (found["estimate"], found["se"]) == pytest.approx((y.mean(), fit.bse[0]))
    assert pick(table, quantity="inverted_u")["p"] == pytest.approx(max(p))
    assert pick(table, None, quantity="inverted_u")["n"] == 24


def test_overall_rows_are_corrected_over_tasks(table: pd.DataFrame) -> None:
    rows = table[(table["method"] == "oracle") & (table["quantity"] == "lind_mehlum")]
    tasks = rows[rows["group"].isna() & (rows["average"] != "tasks")]
    assert len(tasks) == 3
    assert tasks["p_holm"].min() == pytest.approx(min(1.0, 3 * tasks["p"].min()))
    macro = rows[rows["average"] == "tasks"]
    assert macro["p_holm"].tolist() == pytest.approx(macro["p"].tolist())


@pytest.mark.parametrize("sizes", [1, 2])
def test_too_few_sizes_have_reasons(sizes: int) -> None:
    table = thinking(
        simulate(World(sizes=World().sizes[:sizes], tasks=("ocr",), items=6)), draws=50
    )
    shape = table[table["quantity"].isin(OVERALL)]
    assert len(shape)
    assert shape["estimate"].isna().all()
    assert shape["reason"].str.contains("an inverted U needs three sizes").all()


def test_only_items_scored_at_every_size_enter_the_shape(frame: pd.DataFrame) -> None:
    holed = frame.copy()
    first = holed["item_id"] == holed["item_id"].iloc[0]
    at = first & (holed["cell"] == "oracle/R=xs")
    holed.loc[at, "score"] = np.nan
    table = thinking(holed, draws=50)
    assert pick(table, None, quantity="inverted_u")[["n", "missing"]].tolist() == [23, 1]
    assert pick(table, "m", quantity="gain")["n"] == 24


def test_seeds_add_their_covariance() -> None:
    # Two seeds that differ in every score of one cell: its gain has an error over seeds of half
    # the difference, on top of the items' own.
    one = simulate(World(tasks=("ocr",), items=30, star=False))
    two = one.assign(seed=1)
    swapped = two["cell"] == "oracle/R=m/think"
    two.loc[swapped, "score"] = 1 - two.loc[swapped, "score"]
    both = thinking(pd.concat([one, two], ignore_index=True), draws=100)
    same = thinking(pd.concat([one, one.assign(seed=1)], ignore_index=True), draws=100)
    found = pick(both, quantity="over_smallest")
    level = one.loc[(one["cell"] == "oracle/R=m/think") & (one["task"] == "ocr"), "score"].mean()
    over_seeds = abs(2 * level - 1) / 2
    assert found["se"] > over_seeds > 0.1
    assert pick(same, quantity="over_smallest")["se"] < 0.8 * found["se"]
    rates = pick(both, quantity="with_thinking_unparsed")["estimate"]
    assert rates == pytest.approx(pick(same, quantity="with_thinking_unparsed")["estimate"])


def test_figure_selects_gains_rates_and_the_tests(table: pd.DataFrame) -> None:
    chosen = figure.select(table)
    wanted = {"gain", "inverted_u", "lind_mehlum", "best_inside", "with_thinking_budget"}
    assert wanted <= set(chosen["quantity"])
    assert "n = 24" in words_of(figure.draw(chosen))
