"""Dependence against sensitivity: by hand, against statsmodels, scipy and plain loops."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.outliers_influence import OLSInfluence

from analyses.dependence import dependence
from analyses.stats.dependence_fits import Tasks, fits
from analyses.stats.errors_in_variables import (
    bces,
    bces_small_sample,
    corrected_covariance,
    independence_test,
    moments,
    moments_without_each,
)
from analyses.stats.lines import least_squares, left_out, theil_sen
from tests.analyses.simulate import World, simulate


def row(rows: list[dict[str, object]], estimator: str, quantity: str) -> dict[str, object]:
    found = [r for r in rows if (r["estimator"], r["quantity"]) == (estimator, quantity)]
    assert len(found) == 1
    return found[0]


@pytest.fixture
def tasks() -> Tasks:
    """Nine tasks with errors that differ and correlate."""
    rng = np.random.default_rng(4)
    means = rng.uniform(0.2, 0.9, (9, 3))
    factors = rng.normal(0, 0.03, (9, 3, 3))
    noise = factors @ factors.transpose(0, 2, 1)
    return Tasks(means, noise, tuple("abcdefghi"))


def test_bces_by_hand() -> None:
    # x = 0, 1, 2, y = 0, 1, 4, error variance of x .5, of y 0, covariance .1.
    # V = (2 - 3 * .5)/3 = 1/6, sum dx dy = 4, b = (4 - .3) / .5 = 7.4, a = 5/3 - 7.4
    xy = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 4.0]])
    noise = np.tile([[0.5, 0.1], [0.1, 0.0]], (3, 1, 1))
    line = bces(xy, noise)
    assert line.slope.value == pytest.approx(7.4)
    assert line.intercept.value == pytest.approx(5 / 3 - 7.4)
    # dy - b dx = (-5/3 + 7.4, -2/3, 7/3 - 7.4); times dx (-1, 0, 1) = (-86/15, 0, -76/15), plus
    # b .5 - .1 = 3.6, times 6: xi = 6 (3.6 - 86/15), 21.6, 6 (3.6 - 76/15); their mean is 0
    xi = np.array([21.6 - 34.4, 21.6, 21.6 - 30.4])
    assert xi.sum() == pytest.approx(0)
    assert line.slope.se == pytest.approx(np.sqrt((xi**2).sum()) / 3)
    reach = stats.t.ppf(0.975, 1) * line.slope.se
    assert [line.slope.low, line.slope.high] == pytest.approx([7.4 - reach, 7.4 + reach])
    # unbiased moments: M_xx = 1 - .5, M_xy = 2 - .1
    assert bces_small_sample(xy, noise).value == pytest.approx(3.8)


def test_bces_against_a_plain_loop(tasks: Tasks) -> None:
    x, y = tasks.xy().T.tolist()
    e, count = tasks.xy_noise(), len(x)
    mx, my = sum(x) / count, sum(y) / count
    v = sum((x[t] - mx) ** 2 - e[t][0][0] for t in range(count)) / count
    b = sum((x[t] - mx) * (y[t] - my) - e[t][0][1] for t in range(count)) / (count * v)
    a = my - b * mx
    xi = [
        ((x[t] - mx) * (y[t] - b * x[t] - a) + b * e[t][0][0] - e[t][0][1]) / v
        for t in range(count)
    ]
    zeta = [y[t] - b * x[t] - mx * xi[t] for t in range(count)]
    line = bces(tasks.xy(), tasks.xy_noise())
    assert (line.slope.value, line.intercept.value) == pytest.approx((b, a))
    for part, found in ((xi, line.slope), (zeta, line.intercept)):
        mean = sum(part) / count
        assert found.se == pytest.approx(sum((z - mean) ** 2 for z in part) ** 0.5 / count)


def test_without_noise_the_estimators_are_the_known_ones(tasks: Tasks) -> None:
    xy, none = tasks.xy(), np.zeros((9, 2, 2))
    fit = sm.OLS(xy[:, 1], sm.add_constant(xy[:, 0])).fit()
    robust = {kind: fit.get_robustcov_results(kind).bse for kind in ("HC0", "HC3")}
    line = bces(xy, none)
    assert (line.slope.value, line.intercept.value) == pytest.approx(tuple(fit.params[::-1]))
    assert (line.slope.se, line.intercept.se) == pytest.approx(tuple(robust["HC0"][::-1]))
    small = bces_small_sample(xy, none)
    # HC3's scores sum to zero only on average, and ours are centred: never above, nearly equal
    assert small.se <= robust["HC3"][1] + 1e-12
    assert small.se == pytest.approx(robust["HC3"][1], rel=0.05)
    covariance = corrected_covariance(xy, none)
    assert covariance.value == pytest.approx(np.cov(xy.T)[0, 1])
    r = stats.pearsonr(*xy.T).statistic
    assert independence_test(xy, none).value / independence_test(xy, none).se == pytest.approx(
        r * np.sqrt(8)
    )


def test_moments_without_each_task_are_those_of_the_rest(tasks: Tasks) -> None:
    xy, noise = tasks.xy(), tasks.xy_noise()
    each = moments_without_each(xy, noise)
    for t in range(9):
        keep = np.arange(9) != t
        assert each[t] == pytest.approx(moments(xy[keep], noise[keep]))


def test_jackknife_by_its_definition(tasks: Tasks) -> None:
    xy, noise = tasks.xy(), tasks.xy_noise()
    rest = [
        np.cov(np.delete(xy, t, axis=0).T)[0, 1] - np.delete(noise, t, axis=0)[:, 0, 1].mean()
        for t in range(9)
    ]
    error = np.sqrt(8 / 9 * sum((value - np.mean(rest)) ** 2 for value in rest))
    found = corrected_covariance(xy, noise)
    assert found.se == pytest.approx(error)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(found.value / error), 8))


def test_independence_test_by_hand() -> None:
    # variances of x = (0, 1, 2) and y = (2, 0, 1) are 1, covariance -.5; errors' covariance .5
    xy = np.array([[0.0, 2.0], [1.0, 0.0], [2.0, 1.0]])
    noise = np.full((3, 2, 2), 0.5)
    found = independence_test(xy, noise)
    assert found.value == pytest.approx(-1.0)
    assert found.se == pytest.approx(np.sqrt((1 + 0.25) / 2))
    assert found.p == pytest.approx(2 * stats.norm.sf(1 / np.sqrt(0.625)))


def test_the_error_of_the_independence_test_is_the_spread_under_independence() -> None:
    # True x and y of any shape, errors that correlate by .6: the error is the spread over studies.
    rng = np.random.default_rng(7)
    true = np.stack([rng.exponential(0.1, (20_000, 12)), rng.uniform(0, 0.3, (20_000, 12))], -1)
    errors = np.array([[0.01, 0.006], [0.006, 0.01]])
    xy = true + rng.multivariate_normal([0, 0], errors, (20_000, 12))
    found = independence_test(xy, np.broadcast_to(errors, (20_000, 12, 2, 2)))
    assert found.value.mean() == pytest.approx(0, abs=3 * found.value.std() / np.sqrt(20_000))
    assert np.sqrt((found.se**2).mean()) == pytest.approx(found.value.std(), rel=0.03)


def test_many_studies_at_once_are_each_alone(tasks: Tasks) -> None:
    rng = np.random.default_rng(1)
    xy = rng.normal(size=(3, 9, 2))
    noise = np.broadcast_to(tasks.xy_noise(), (3, 9, 2, 2))
    for function in (corrected_covariance, independence_test, bces_small_sample):
        whole = function(xy, noise)
        alone = [function(xy[k], noise[k]) for k in range(3)]
        assert whole.value == pytest.approx(np.array([part.value for part in alone]))
        assert whole.p == pytest.approx(np.array([part.p for part in alone]))


def test_left_out_tasks_are_statsmodels_influence(tasks: Tasks) -> None:
    x, y = tasks.xy().T
    fit = sm.OLS(y, sm.add_constant(x)).fit()
    found = left_out(tasks.xy())
    assert found.cook == pytest.approx(OLSInfluence(fit).cooks_distance[0])
    for t, estimate in enumerate(found.slopes):
        rest = stats.linregress(np.delete(x, t), np.delete(y, t))
        assert (estimate.value, estimate.se) == pytest.approx((rest.slope, rest.stderr))


def test_cooks_distance_by_hand() -> None:
    # x = -1, 0, 0, 1 and y = 0, 1, 0, 0: slope 0, residuals y - 1/4, s^2 = .75/2,
    # leverages .75 and .25
    found = left_out(np.array([[-1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]))
    end = 0.0625 / (2 * 0.375) * 0.75 / 0.0625
    top = 0.5625 / (2 * 0.375) * 0.25 / 0.5625
    assert found.cook == pytest.approx([end, top, 0.0625 / 0.75 * 0.25 / 0.5625, end])


def test_theil_sen_is_the_median_slope(tasks: Tasks) -> None:
    xy = tasks.xy()
    slopes = [
        (xy[j, 1] - xy[i, 1]) / (xy[j, 0] - xy[i, 0]) for i in range(9) for j in range(i + 1, 9)
    ]
    found = theil_sen(xy)
    assert found.value == pytest.approx(np.median(slopes))
    # Kendall's distance at 5 % with 9 points is 20 of 36 (Sen 1968): ranks 8 and 29 of the slopes
    ordered = np.sort(slopes)
    assert found.low == pytest.approx(ordered[8], abs=np.ptp(ordered[7:10]))
    assert found.high == pytest.approx(ordered[27], abs=np.ptp(ordered[26:29]))
    assert np.isnan(theil_sen(xy[:4]).low)
    assert not np.isnan(theil_sen(xy[:4]).value)


def test_noise_is_seen_by_the_estimators_that_know_it() -> None:
    # Slope 1, and item noise as large as the spread of x: least squares finds half of it.
    rng = np.random.default_rng(3)
    x = rng.normal(0.4, 0.1, (400, 40))
    error = np.diag([0.01, 0.0])
    xy = np.stack([x + rng.normal(0, 0.1, x.shape), x + rng.normal(0, 0.02, x.shape)], axis=-1)
    noise = np.broadcast_to(error, (400, 40, 2, 2))
    assert np.median(least_squares(xy).slope.value) == pytest.approx(0.5, abs=0.03)
    assert np.nanmedian(bces(xy, noise).slope.value) == pytest.approx(1.0, abs=0.1)
    assert np.nanmedian(bces_small_sample(xy, noise).value) == pytest.approx(1.0, abs=0.06)


def test_rows_say_what_noise_does_to_least_squares(tasks: Tasks) -> None:
    found = fits(tasks)
    seen, noise = np.cov(tasks.xy().T), tasks.xy_noise().mean(axis=0)
    share = 1 - noise[0, 0] / seen[0, 0]
    assert row(found, "least_squares", "attenuation")["estimate"] == pytest.approx(share)
    push = noise[0, 1] / seen[0, 0]
    assert row(found, "null_noise", "slope")["estimate"] == pytest.approx(push)
    assert row(found, "least_squares", "slope")["reason"] == (
        f"T = 9 tasks; least squares as it stands: item noise leaves about {100 * share:.0f} % "
        f"of a true slope and adds {push:+.2f}"
    )


def test_rows_of_noise_alone_have_reasons() -> None:
    # The spread of x over tasks is its noise: no slope, but the tests of the covariance stand.
    means = np.full((5, 3), 0.5)
    means[:, 2] = [0.40, 0.41, 0.42, 0.43, 0.44]
    means[:, 1] = [0.3, 0.2, 0.4, 0.1, 0.3]
    found = fits(Tasks(means, np.tile(np.eye(3) * 0.01, (5, 1, 1))))
    for estimator in ("bces", "bces_hc3"):
        slope = row(found, estimator, "slope")
        assert np.isnan(slope["estimate"])
        assert (
            slope["reason"] == "the variance of dependence over tasks is no larger than its noise"
        )
    assert not np.isnan(row(found, "noise_corrected", "covariance")["p"])
    assert row(found, "least_squares", "attenuation")["estimate"] == 0


def test_three_and_four_tasks() -> None:
    means = np.random.default_rng(0).uniform(0.3, 0.8, (4, 3))
    noise = np.zeros((4, 3, 3))
    four = fits(Tasks(means, noise, ("a", "b", "c", "d")))
    assert "no interval of ranks" in str(row(four, "theil_sen", "slope")["reason"])
    left = [r for r in four if r["estimator"] == "left_out" and r["quantity"] == "slope"]
    assert [(r["task"], r["n"]) for r in left] == [("a", 3), ("b", 3), ("c", 3), ("d", 3)]
    assert not np.isnan([r["estimate"] for r in left]).any()
    three = fits(Tasks(means[:3], noise[:3]))
    assert {r["reason"] for r in three if r["estimator"] == "left_out"} == {
        "fewer than four tasks: two points are left, and any line fits them"
    }
    assert not np.isnan(row(three, "bces", "slope")["estimate"])


def test_points_on_a_line_have_no_distance() -> None:
    means = np.array([[0.5 + k / 10, 0.4, 0.4] for k in range(5)])  # x = y
    found = fits(Tasks(means, np.zeros((5, 3, 3))))
    slope = row(found, "bces", "slope")
    assert slope["estimate"] == pytest.approx(1)
    cooks = [r for r in found if r["quantity"] == "cooks_distance"]
    assert {r["reason"] for r in cooks} == {
        "the tasks lie on a line, or the line hangs on this task alone"
    }


def test_every_number_of_any_study_has_a_value_or_a_reason() -> None:
    rng = np.random.default_rng(0)
    for count in (0, 1, 2, 3, 4, 5, 9):
        for level in (0.0, 0.01, 0.2):
            means = np.round(rng.uniform(0.4, 0.4 + 10 * level, (count, 3)), 2)
            noise = np.tile(np.eye(3) * level**2, (count, 1, 1))
            for found in fits(Tasks(means, noise)):
                if np.isnan(found["low"] if found["quantity"] == "slope" else found["estimate"]):
                    assert found["reason"] or found["estimator"].startswith("null"), found


def test_the_table_names_the_tasks_left_out() -> None:
    frame = simulate(World(tasks=("ocr", "knowledge", "counting"), items=40, per_image=2))
    table = dependence(frame, draws=100)
    left = table[(table["estimator"] == "left_out") & (table["quantity"] == "slope")]
    assert set(left["task"]) == {"ocr", "knowledge", "counting", "classification", "grounding"}
    assert (left["n"] == 4).all()
    assert table["task"].isna().sum() == len(table) - len(left) * 2 - len(
        table[table["estimator"] == "task"]
    )


def test_failed_rows_leave_the_items_out() -> None:
    world = World(tasks=("ocr", "knowledge", "counting"), items=40, failed=0.3)
    table = dependence(simulate(world), draws=100)
    slope = table[(table["estimator"] == "bces_hc3") & (table["quantity"] == "slope")].iloc[0]
    assert slope["n"] == 5
    assert pd.notna(slope["estimate"]) or slope["reason"]


def test_more_items_bring_least_squares_and_bces_together() -> None:
    gaps = []
    for items in (40, 400, 4000):
        factor = items**-0.5
        means = np.random.default_rng(5).uniform(0.2, 0.8, (12, 3))
        noise = np.tile(np.eye(3) * (0.4 * factor) ** 2, (12, 1, 1))
        found = fits(Tasks(means, noise))
        plain = row(found, "least_squares", "slope")["estimate"]
        gaps.append(abs(plain - row(found, "bces", "slope")["estimate"]))
    assert all(later < earlier / 5 for earlier, later in pairwise(gaps))


def test_the_jackknife_test_says_how_often_it_errs(tasks: Tasks) -> None:
    reason = str(row(fits(tasks), "noise_corrected", "covariance")["reason"])
    assert "up to 6.8 %" in reason
    assert "«independence»" in reason


def test_the_rates_it_says_are_those_of_the_benchmark() -> None:
    table = pd.read_csv("results/benchmarks/dependence.csv")
    rates = table[table["slope"] == 0].groupby("estimator")["rejected"].max()
    assert rates["noise_corrected"] == pytest.approx(0.068, abs=5e-4)
    assert rates["independence"] == pytest.approx(0.059, abs=5e-4)
    assert (
        table[(table["estimator"] == "noise_corrected") & (table["slope"] == 0)]["rejected"] > 0.06
    ).sum() == 1


def test_rounding_is_no_spread() -> None:
    # The sensitivities are one third each but for rounding: no correlation, no interval.
    means = np.array([[k / 30 + 1 / 3, k / 30, 0.1] for k in (1, 4, 8, 13)])
    found = fits(Tasks(means, np.tile(np.eye(3) * 0.01, (4, 1, 1))))
    r = row(found, "null_noise", "r")
    assert np.isnan(r["estimate"])
    assert r["reason"] == "no variance over tasks beyond noise"
    line = row(found, "least_squares", "intercept")
    assert np.isnan(line["low"])
    assert np.isnan(line["p"])
    assert line["reason"] == "no spread around the fit: no interval"
    slope = str(row(found, "least_squares", "slope")["reason"])
    assert slope.endswith("no spread around the fit: no interval")
