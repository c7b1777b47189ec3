"""The analyses and figures: by hand, against pandas and statsmodels, on odd studies."""

from __future__ import annotations

from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from analyses.decoupling import decoupling
from analyses.degradation import degradation
from analyses.dependence import Tasks, dependence, fits
from analyses.registry import ANALYSES, FIGURES, load_analysis, load_figure
from analyses.thinking import thinking
from tests.analyses.figures import words_of
from tests.analyses.simulate import World, simulate

SIZES = World().sizes
SMALL = World(tasks=("ocr", "knowledge", "counting"), items=12)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return simulate(SMALL)


def one(table: pd.DataFrame, **wanted: object) -> pd.Series:
    """The only row with these values (None: missing)."""
    for name, value in wanted.items():
        same = table[name].isna() if value is None else table[name] == value
        table = table[same]
    assert len(table) == 1, f"{len(table)} rows for {wanted}"
    return table.iloc[0]


def mean(frame: pd.DataFrame, cell: str, task: str) -> float:
    return float(frame[(frame["cell"] == cell) & (frame["task"] == task)]["score"].mean())


def test_degradation_is_the_difference_of_means(frame: pd.DataFrame) -> None:
    table = degradation(frame, draws=200)
    wanted = {"method": "end_to_end", "task": "ocr", "group": None}
    large, small = (mean(frame, f"end_to_end/P={size}", "ocr") for size in ("l", "xs"))
    assert one(table, **wanted, quantity="drop")["estimate"] == pytest.approx(large - small)
    relative = one(table, **wanted, quantity="relative_drop")["estimate"]
    assert relative == pytest.approx((large - small) / large)
    x = np.log10([size for _, size in SIZES])
    y = [mean(frame, f"end_to_end/P={name}", "ocr") for name, _ in SIZES]
    slope = one(table, **wanted, quantity="slope")["estimate"]
    assert slope == pytest.approx(stats.linregress(x, y).slope)


def test_decoupling_drops_against_pandas(frame: pd.DataFrame) -> None:
    table = decoupling(frame, draws=200)
    names = [name for name, _ in SIZES]
    grid = {
        (p, r): mean(frame, f"decoupled/P={p}/R={r}/think", "counting")
        for p in names
        for r in names
    }
    wanted = {"task": "counting", "thinking": True, "group": None}
    for p, r in grid:
        found = one(table, **wanted, quantity="accuracy", perception=p, reasoning=r)
        assert found["estimate"] == pytest.approx(grid[p, r])
    drop = one(table, **wanted, quantity="perception_drop", at_largest=True)
    assert drop["estimate"] == pytest.approx(grid["l", "l"] - grid["xs", "l"])
    averaged = np.mean([grid[p, "l"] - grid[p, "xs"] for p in names])
    found = one(table, **wanted, quantity="reasoning_drop", partner="mean")
    assert found["estimate"] == pytest.approx(averaged)
    difference = one(table, **wanted, quantity="difference", partner="largest")
    reasoning = grid["l", "l"] - grid["l", "xs"]
    assert difference["estimate"] == pytest.approx(drop["estimate"] - reasoning)
    assert (table["quantity"] == "accuracy").sum() == 16 * 2 * (3 + 7 + 2)


def test_thinking_gain_holds_perception_at_the_largest(frame: pd.DataFrame) -> None:
    table = thinking(frame, draws=200)
    found = one(table, method="decoupled", quantity="gain", reasoning="m", task="ocr", group=None)
    gain = mean(frame, "decoupled/P=l/R=m/think", "ocr") - mean(frame, "decoupled/P=l/R=m", "ocr")
    assert found["estimate"] == pytest.approx(gain)
    assert found["perception"] == "l"
    macro = one(
        table, method="oracle", quantity="gain", reasoning="s", task="in_domain", group=None
    )
    parts = table[(table["method"] == "oracle") & (table["quantity"] == "gain")]
    parts = parts[(parts["reasoning"] == "s") & parts["task"].isin(SMALL.tasks)]
    assert macro["estimate"] == pytest.approx(parts["estimate"].mean())


def test_dependence_least_squares_is_linregress(frame: pd.DataFrame) -> None:
    table = dependence(frame, draws=200)
    points = table[(table["estimator"] == "task") & (table["domain"] == "in_domain")]
    x = points[points["quantity"] == "dependence"]["estimate"].to_numpy()
    y = points[points["quantity"] == "sensitivity"]["estimate"].to_numpy()
    assert len(x) == 5
    fit = stats.linregress(x, y)
    slope = one(table, estimator="least_squares", quantity="slope")
    assert (slope["estimate"], slope["se"], slope["p"]) == pytest.approx(
        (fit.slope, fit.stderr, fit.pvalue)
    )
    peer = sm.OLS(y, sm.add_constant(x)).fit()
    assert [slope["low"], slope["high"]] == pytest.approx(peer.conf_int()[1].tolist())
    intercept = one(table, estimator="least_squares", quantity="intercept")
    assert [intercept["low"], intercept["high"]] == pytest.approx(peer.conf_int()[0].tolist())
    assert one(table, quantity="r2")["estimate"] == pytest.approx(fit.rvalue**2)


def test_noise_corrected_covariance_is_the_mean_over_half_splits() -> None:
    # Three tasks of 6 items; every split into halves of 3, x from one half, y from the other.
    from itertools import combinations

    rng = np.random.default_rng(3)
    scores = (rng.random((3, 6, 3)) < rng.uniform(0.2, 0.8, (3, 1, 3))).astype(float)
    means = scores.mean(axis=1)
    centred = scores - means[:, None]
    noise = np.einsum("tij,tik->tjk", centred, centred) / 36 * 6 / 5
    found = fits(Tasks(means, noise))
    ours = next(row for row in found if row["quantity"] == "covariance")["estimate"]
    halves = [list(half) for half in combinations(range(6), 3)]
    values = []
    for first in halves:
        for second in halves:
            for third in halves:
                parts = [(h, [i for i in range(6) if i not in h]) for h in (first, second, third)]
                x = [
                    scores[t, a, 0].mean() - scores[t, a, 2].mean()
                    for t, (a, _) in enumerate(parts)
                ]
                y = [
                    scores[t, b, 0].mean() - scores[t, b, 1].mean()
                    for t, (_, b) in enumerate(parts)
                ]
                values.append(np.cov(x, y)[0, 1])
    assert ours == pytest.approx(np.mean(values))


def test_nulls_by_hand() -> None:
    # Without noise: var L = 1/3 * ..., means L .9 .7 .5, S .2 .2 .2, B .1 .3 .1
    means = np.array([[0.9, 0.2, 0.1], [0.7, 0.2, 0.3], [0.5, 0.2, 0.1]])
    found = {(r["estimator"], r["quantity"]): r for r in fits(Tasks(means, np.zeros((3, 3, 3))))}
    assert found["null_noise", "slope"]["estimate"] == 0.0
    large, blind = 0.04, 0.04 / 3
    structure = found["null_structure", "slope"]["estimate"]
    assert structure == pytest.approx(large / (large + blind))
    assert found["bces_hc3", "slope"]["estimate"] == pytest.approx(
        np.cov(means[:, 0] - means[:, 2], means[:, 0] - means[:, 1])[0, 1]
        / np.var(means[:, 0] - means[:, 2], ddof=1)
    )


def test_no_relation_is_found_no_more_often_than_chance() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(300):
        truth = np.clip(rng.normal([0.7, 0.5, 0.3], 0.1, (8, 3)), 0.05, 0.95)
        truth[:, 1] = truth[:, 0] - rng.normal(0.2, 0.05, 8)  # y apart from x's blind part
        truth[:, 2] = truth[:, 0] - rng.normal(0.4, 0.1, 8)
        drawn = rng.binomial(50, np.clip(truth, 0.02, 0.98)) / 50
        noise = np.zeros((8, 3, 3))
        noise[:, [0, 1, 2], [0, 1, 2]] = drawn * (1 - drawn) / 49
        rows = fits(Tasks(drawn, noise))
        hits += next(r for r in rows if r["quantity"] == "covariance")["p"] < 0.05
    assert hits / 300 <= 0.07


def test_too_few_tasks_have_reasons() -> None:
    rows = fits(Tasks(np.full((2, 3), 0.5), np.zeros((2, 3, 3))))
    assert all(np.isnan(row["estimate"]) for row in rows)
    assert {row["reason"] for row in rows} == {"fewer than three in-domain tasks have both numbers"}
    same = fits(Tasks(np.full((4, 3), 0.5), np.zeros((4, 3, 3))))
    slope = next(r for r in same if r["estimator"] == "least_squares")
    assert slope["reason"] == "every task has the same dependence"


ODD = {
    "two sizes": World(sizes=SIZES[:2], tasks=("ocr", "knowledge"), items=6),
    "three sizes": World(sizes=SIZES[:3], tasks=("ocr",), items=6, star=False),
    "six sizes": World(sizes=tuple((f"{k}b", 10.0**k) for k in range(6)), tasks=("ocr",), items=5),
    "one size": World(sizes=SIZES[:1], tasks=("ocr", "knowledge"), items=6),
    "one task": World(tasks=("ocr",), end_to_end_only=(), star=False, items=8),
    "one item": World(tasks=("ocr", "knowledge", "counting"), items=1),
    "all wrong": World(tasks=("ocr", "knowledge", "counting"), items=6, always=0.0),
    "all right": World(tasks=("ocr", "knowledge", "counting"), items=6, always=1.0),
    "half failed": World(tasks=("ocr", "knowledge", "counting"), items=5, failed=0.5),
    "all failed": World(tasks=("ocr",), items=4, failed=1.0),
    "only star": World(tasks=(), end_to_end_only=(), items=4),
    "clusters": World(tasks=("ocr", "knowledge"), items=9, per_image=3),
    "samples": World(tasks=("ocr", "knowledge"), items=6, samples=3, failed=0.1, per_image=2),
    "one image": World(tasks=("ocr", "knowledge", "counting"), items=4, per_image=4),
}


DRAWN = ("two sizes", "six sizes", "one task", "all failed")
"""Odd studies whose figures every run of the tests draws; the slow tests draw all."""


@pytest.mark.parametrize("name", ODD)
def test_odd_studies_give_numbers_or_reasons(name: str) -> None:
    _check_every_analysis(simulate(ODD[name]), draw=name in DRAWN)


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_odd_studies_have_every_figure(name: str) -> None:
    _check_every_analysis(simulate(ODD[name]), draw=True)


@pytest.mark.parametrize("method", ["end_to_end", "text_only", "decoupled", "oracle"])
def test_studies_of_one_method(method: str) -> None:
    frame = simulate(World(tasks=("ocr", "knowledge", "counting"), items=5))
    _check_every_analysis(frame[frame["method"] == method])


def test_studies_with_gaps() -> None:
    frame = simulate(World(SIZES[:3], tasks=("ocr", "knowledge"), items=4, star=False))
    gone = ["decoupled/P=m/R=xs/think", "decoupled/P=s/R=m", "end_to_end/P=m", "text_only/R=s"]
    _check_every_analysis(frame[~frame["cell"].isin(gone)], draw=False)
    unknown = frame.assign(perception_params=np.nan, reasoning_params=np.nan)
    _check_every_analysis(unknown, draw=False)
    _check_every_analysis(frame[frame["method"] != "blind"], draw=False)
    _check_every_analysis(frame[frame["cell"] == "end_to_end/P=m"], draw=False)


def test_studies_of_several_seeds() -> None:
    world = World(SIZES[:3], tasks=("ocr", "knowledge"), items=5, star=False)
    frame, other = simulate(world), simulate(replace(world, seed=1))
    _check_every_analysis(pd.concat([frame, other], ignore_index=True), draw=False)


def test_an_empty_table_gives_empty_tables_and_figures_that_say_so() -> None:
    _check_every_analysis(simulate(World(tasks=("ocr",), items=1)).iloc[:0])


def _check_every_analysis(frame: pd.DataFrame, *, draw: bool = True) -> None:
    tables: dict[str, pd.DataFrame] = {}
    for name in ANALYSES:  # findings stand on those before them
        made = {"tables": tables} if name == "findings" else {}
        tables[name] = load_analysis(name)(frame, draws=60, **made)
    for name, table in tables.items():
        value = "accuracy" if "accuracy" in table.columns else "estimate"
        unknown = table[table[value].isna()]
        assert unknown["reason"].notna().all(), f"{name}: a missing number has no reason"
        known = table[table["low"].notna()]
        assert (known["low"] <= known["high"] + 1e-12).all()
        assert not np.isinf(table[value].astype(float)).any()
        flat = known[known["high"].astype(float) - known["low"].astype(float) < 1e-12]
        assert flat["reason"].notna().all(), f"{name}: an interval of no width has no reason"
        if "p" in known:
            tested = known[known["p"].notna() & (known.get("quantity") != "kept")]  # not of 0
            holds = (tested["low"] <= 1e-12) & (tested["high"] >= -1e-12)
            odd = tested[(tested["p"] < 0.05) == holds]
            assert odd["reason"].notna().all(), f"{name}: p and interval disagree without a reason"
    for spec_name, spec in FIGURES.items() if draw else ():
        module = load_figure(spec_name)
        rows = module.select(tables[spec.analysis])
        figure = module.draw(rows)
        assert figure.axes or figure.texts
        if figure.axes:
            assert "n = " in words_of(figure), spec_name


def test_figures_leave_matplotlibs_settings_alone(frame: pd.DataFrame) -> None:
    before = dict(mpl.rcParams)
    module = load_figure("thinking")
    module.draw(module.select(thinking(frame, draws=60)))
    assert dict(mpl.rcParams) == before


def test_unknown_names_are_sentences() -> None:
    with pytest.raises(KeyError, match="There is no analysis 'degredation'; there are cells,"):
        load_analysis("degredation")
    with pytest.raises(KeyError, match="There is no figure 'pie'; there are overview,"):
        load_figure("pie")


def test_two_families_are_kept_apart(frame: pd.DataFrame) -> None:
    other = frame.assign(family="other", cell="other/" + frame["cell"].astype(str))
    both = pd.concat([frame, other], ignore_index=True)
    table = degradation(both, draws=60)
    drops = table[(table["quantity"] == "drop") & (table["task"] == "ocr")]
    assert set(drops["family"]) == {"micro", "other"}


@pytest.mark.slow
def test_figures_of_two_families(frame: pd.DataFrame) -> None:
    other = frame.assign(family="other", cell="other/" + frame["cell"].astype(str))
    _check_every_analysis(pd.concat([frame, other], ignore_index=True))
