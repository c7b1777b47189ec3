"""Contrasts of cells: by hand, against scipy and statsmodels, with gaps and families of tests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from analyses.contrasts.contrast import COLUMNS, Contrast, contrast_table, holm_over_tasks
from analyses.table.scores import scores_of
from tests.analyses.simulate import tidy

NAN = float("nan")
DROP = Contrast("drop", {"l": 1.0, "s": -1.0}, labels={"size": "l"})
RELATIVE = Contrast("relative", {"l": 1.0, "s": -1.0}, over={"l": 1.0})


def two(small: list[float], large: list[float], task: str = "ocr") -> pd.DataFrame:
    """Scores of one task in the cells s and l."""
    both = {"s": small, "l": large}
    return tidy(*((c, task, "", str(k), y) for c in both for k, y in enumerate(both[c])))


def table_of(frame: pd.DataFrame, *contrasts: Contrast, draws: int = 200) -> pd.DataFrame:
    return contrast_table(scores_of(frame), list(contrasts), ["size"], draws=draws)


def row(table: pd.DataFrame, quantity: str, task: str = "ocr") -> pd.Series:
    found = table[(table["quantity"] == quantity) & (table["task"] == task)]
    assert len(found) == 1
    return found.iloc[0]


def test_only_items_scored_in_both_cells_count() -> None:
    table = table_of(two([0, 0, 1, NAN], [1, 1, 1, 0]), DROP, RELATIVE)
    drop = row(table, "drop")
    assert (drop["estimate"], drop["n"], drop["missing"]) == (pytest.approx(2 / 3), 3, 1)
    assert drop["size"] == "l"
    assert pd.isna(row(table, "relative")["size"])
    assert row(table, "relative")["estimate"] == pytest.approx(2 / 3)


def test_a_weight_of_0_asks_for_a_score_there() -> None:
    beside = Contrast("beside", {"l": 1.0, "s": 0.0})
    table = table_of(two([0, NAN, 1], [1, 0, 1]), Contrast("alone", {"l": 1.0}), beside)
    assert row(table, "alone")["estimate"] == pytest.approx(2 / 3)
    assert row(table, "beside")["estimate"] == 1.0


def test_interval_of_a_drop_uses_the_pairing() -> None:
    # Two models that differ on one item of 40: the paired interval is far narrower than two
    # independent ones, which would reach to 2.02 * .11 = .22 above the difference.
    small = np.tile([0.0, 1.0], 20)
    large = np.maximum(small, np.arange(40) == 0)
    found = row(table_of(two(list(small), list(large)), DROP, draws=2000), "drop")
    assert found["estimate"] == pytest.approx(1 / 40)
    assert found["high"] < 0.11
    assert found["se"] == pytest.approx(1 / 40)


def test_error_and_p_are_those_of_the_paired_t_test() -> None:
    rng = np.random.default_rng(1)
    small, large = rng.random((2, 25))
    found = row(table_of(two(list(small), list(large)), DROP), "drop")
    assert found["se"] == pytest.approx(stats.sem(large - small))
    assert found["p"] == pytest.approx(stats.ttest_rel(large, small).pvalue)
    accuracy = row(table_of(two(list(small), list(large)), Contrast("a", {"l": 1.0})), "a")
    assert np.isnan(accuracy["p"])  # an accuracy is no difference


def test_a_mean_of_tasks_is_the_mean_of_theirs_and_a_cell_not_run_has_no_row() -> None:
    frame = pd.concat([two([0, 1], [1, 1]), two([0, 0, 0, 0], [1, 0, 0, 0], "count")])
    only = tidy(("l", "signs", "", "0", 1.0), ("l", "signs", "", "1", 0.0))
    table = table_of(pd.concat([frame, only], ignore_index=True), DROP)
    # in domain is over the tasks of the contrast: «signs» was not run in s
    assert set(table["task"]) == {"ocr", "count", "in_domain", "in_domain_shared"}
    assert row(table, "drop", "in_domain_shared")["estimate"] == pytest.approx((0.5 + 0.25) / 2)


def test_nothing_to_contrast_has_the_columns_all_the_same() -> None:
    frame = two([0.0, 1.0], [1.0, 1.0])
    for empty in (table_of(frame), table_of(frame.iloc[:0], DROP)):
        assert list(empty.columns) == ["size", *COLUMNS]
        assert not len(empty)
    nothing = row(table_of(two([NAN, NAN], [1.0, 1.0]), DROP), "drop")
    assert np.isnan(nothing[["estimate", "low", "high", "se", "p"]].astype(float)).all()
    assert nothing["reason"] == "no item has a score in every cell compared (2 missing)"


def p_values(*rows: tuple[str, str | None, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["task", "group", "average", "p"])


def test_holm_is_over_tasks_and_over_the_categories_of_one() -> None:
    table = p_values(
        ("ocr", None, "items", 0.01),
        ("star", None, "categories", 0.02),
        ("tasks", None, "items", 0.04),
        ("star", "x", "items", 0.03),
        ("star", "y", "items", 0.01),
        ("tasks", "z", "items", 0.2),  # a task of that name is no family of tasks
        ("in_domain", None, "tasks", 0.03),
        ("all_items", None, "items", 0.5),
    )
    found = holm_over_tasks(table, alone=["all_items"])
    p = table["p"].to_numpy()
    assert found[:3] == pytest.approx(multipletests(p[:3], method="holm")[1])
    assert found[3:5] == pytest.approx(multipletests(p[3:5], method="holm")[1])
    assert found[5:].tolist() == p[5:].tolist()  # alone


def test_holm_keeps_contrasts_apart_and_leaves_missing_out() -> None:
    table = p_values(*(("abc"[k], None, "items", p) for k, p in enumerate((0.01, NAN, 0.02))))
    twice = pd.concat([table.assign(size=size) for size in ("s", None)], ignore_index=True)
    expected = [0.02, NAN, 0.02]
    assert holm_over_tasks(twice, ["size"]) == pytest.approx(expected * 2, nan_ok=True)
    assert len(holm_over_tasks(twice.iloc[:0], ["size"])) == 0
