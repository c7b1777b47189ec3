"""The tests of an inverted U: by hand, against statsmodels, on gains with nothing to compare."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from analyses.stats.inverted_u import OVERALL, Gains, Quadratic, combination, quadratic, shape_rows

PARAMS = np.array([1e4, 1e5, 1e6, 1e7])
SIZES = ["xs", "s", "m", "l"]


def gains(
    values: list[float],
    covariance: np.ndarray | None = None,
    params: np.ndarray = PARAMS,
    clusters: int = 101,
) -> Gains:
    """Gains with independent errors of .01 and normal replicates."""
    cov = np.eye(len(values)) * 1e-4 if covariance is None else covariance
    draws = np.random.default_rng(0).multivariate_normal(values, cov, 500)
    return Gains(
        params[: len(values)], np.array(values), cov, draws, clusters, max(clusters - 1, 1)
    )


def row(rows: list[dict[str, object]], quantity: str, size: str | None = None) -> dict:
    found = [r for r in rows if r["quantity"] == quantity and r["reasoning"] == size]
    assert len(found) == 1
    return found[0]


def test_intersection_union_by_hand() -> None:
    # Differences of independent gains of error .01 have error .01 sqrt 2. At s: .03 over xs and
    # .02 over l; at m: .05 over xs and .04 over l. 100 degrees of freedom.
    rows = shape_rows(gains([0.0, 0.03, 0.05, 0.01]), SIZES)
    error = 0.01 * np.sqrt(2)
    p_s, p_m = (stats.t.sf(d / error, 100) for d in (0.02, 0.04))
    assert row(rows, "over_smallest", "s")["estimate"] == pytest.approx(0.03)
    assert row(rows, "over_smallest", "s")["p"] == pytest.approx(stats.t.sf(0.03 / error, 100))
    found = row(rows, "inverted_u", "s")
    assert (found["estimate"], found["se"], found["p"]) == pytest.approx((0.02, error, p_s))
    assert found["low"] == row(rows, "over_largest", "s")["low"]
    highs = [row(rows, name, "s")["high"] for name in ("over_smallest", "over_largest")]
    assert found["high"] == min(highs) < max(highs)
    assert row(rows, "inverted_u", "m")["p"] == pytest.approx(p_m)
    assert row(rows, "inverted_u", "m")["p_holm"] == pytest.approx(2 * p_m)
    assert found["p_holm"] == pytest.approx(max(p_s, 2 * p_m))
    whole = row(rows, "inverted_u")
    assert (whole["estimate"], whole["p"]) == pytest.approx((0.04, 2 * p_m))
    assert np.isnan(whole["p_holm"])


def test_a_rise_to_the_end_is_no_inverted_u() -> None:
    rows = shape_rows(gains([0.0, 0.1, 0.2, 0.3]), SIZES)
    assert row(rows, "inverted_u")["p"] > 0.99
    assert row(rows, "inverted_u")["estimate"] == pytest.approx(-0.1)
    assert row(rows, "lind_mehlum")["p"] > 0.99
    assert row(rows, "best_inside")["estimate"] == 0.0


def test_covariance_between_sizes_counts() -> None:
    # Gains that share most of their noise have a small error of the difference:
    # var = 1e-4 (1 + 1 - 2 * .9) = 2e-5.
    shared = 1e-4 * (0.1 * np.eye(4) + 0.9)
    found = combination(gains([0.0, 0.01, 0.0, 0.0], shared), [-1, 1, 0, 0])
    assert found.se == pytest.approx(np.sqrt(2e-5))
    assert found.p == pytest.approx(stats.t.sf(0.01 / np.sqrt(2e-5), 100))


@pytest.mark.parametrize("sizes", [3, 4, 6])
def test_quadratic_is_statsmodels_gls(sizes: int) -> None:
    rng = np.random.default_rng(sizes)
    params = 10 ** np.sort(rng.uniform(4, 9, sizes))
    root = rng.normal(0, 0.01, (sizes, sizes + 2))
    covariance = root @ root.T
    own = gains(list(rng.normal(0.05, 0.02, sizes)), covariance, params)
    fit = quadratic(own)
    assert isinstance(fit, Quadratic)
    x = np.log10(params)
    x = x - x.mean()
    peer = sm.GLS(own.gain, np.column_stack([np.ones(sizes), x, x**2]), sigma=covariance).fit()
    assert fit.coefficients == pytest.approx(peer.params)
    assert fit.covariance == pytest.approx(peer.normalized_cov_params)
    residual = own.gain - peer.fittedvalues
    assert fit.misfit == pytest.approx(residual @ np.linalg.inv(covariance) @ residual, abs=1e-9)
    # Lind and Mehlum's test through statsmodels' contrasts of the raw coefficients
    degrees = own.degrees
    rows = shape_rows(own, [str(k) for k in range(sizes)])
    p = []
    for end, sign, name in ((x[0], 1, "slope_at_smallest"), (x[-1], -1, "slope_at_largest")):
        weights = np.array([0, 1, 2 * end])
        slope = weights @ peer.params
        error = np.sqrt(weights @ peer.normalized_cov_params @ weights)
        p.append(stats.t.sf(sign * slope / error, degrees))
        assert row(rows, name)["estimate"] == pytest.approx(slope)
        assert row(rows, name)["p"] == pytest.approx(p[-1])
    assert row(rows, "lind_mehlum")["p"] == pytest.approx(max(p))


def test_weighted_least_squares_where_errors_are_independent() -> None:
    own = gains([0.0, 0.05, 0.06, 0.02], np.diag([1e-4, 4e-4, 1e-4, 9e-4]))
    x = np.log10(PARAMS) - 5.5
    design = np.column_stack([np.ones(4), x, x**2])
    peer = sm.WLS(own.gain, design, weights=1 / np.diag(own.covariance)).fit()
    fit = quadratic(own)
    assert isinstance(fit, Quadratic)
    assert fit.coefficients == pytest.approx(peer.params)
    misfit = row(shape_rows(own, SIZES), "misfit")
    assert misfit["p"] == pytest.approx(stats.chi2.sf(peer.ssr, 1))


def test_best_inside_shares_ties() -> None:
    own = gains([0.0, 0.0, 0.0, 0.0])
    draws = np.array([[0, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1], [0, 2, 0, 2]], dtype=float)
    tied = Gains(own.params, own.gain, own.covariance, draws, 101, 100)
    # inside: 1, 0, a half, a half
    assert row(shape_rows(tied, SIZES), "best_inside")["estimate"] == pytest.approx(0.5)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_sizes(count: int) -> None:
    rows = shape_rows(gains([0.1] * count) if count else gains([0.1]), SIZES[:count])
    assert [r["quantity"] for r in rows] == list(OVERALL)
    assert all(np.isnan(r["estimate"]) for r in rows)
    wanted = f"an inverted U needs three sizes; {count} can be compared here"
    assert {r["reason"] for r in rows} == {wanted}


def test_low_power_is_said_where_nothing_else_is() -> None:
    rows = shape_rows(gains([0.0, 0.03, 0.05, 0.01]), SIZES)
    said = "low power: 2 of 4 sizes are inside, so not finding it says little"
    assert {r["reason"] for r in rows} == {said}
    three = shape_rows(gains([0.0, 0.03, 0.05]), SIZES[:3])
    assert row(three, "misfit")["reason"].startswith("three sizes: a quadratic passes")
    assert "1 of 3 sizes is inside" in row(three, "inverted_u")["reason"]
    six = shape_rows(gains([0.0] * 6, params=np.logspace(4, 9, 6)), list("abcdef"))
    assert {r["reason"] for r in six} == {None}


def test_nothing_to_compare_has_reasons() -> None:
    same = shape_rows(gains([0.1] * 4, np.zeros((4, 4))), SIZES)
    assert np.isnan(row(same, "inverted_u")["p"])
    assert row(same, "inverted_u")["reason"] == "every image gives the same difference: no test"
    assert row(same, "curvature")["reason"].startswith("some combination of the gains is the same")
    unknown = shape_rows(gains([0.0, 0.1, 0.1, 0.0], params=np.full(4, np.nan)), SIZES)
    assert row(unknown, "lind_mehlum")["reason"].startswith("the parameters of three different")
    assert row(unknown, "inverted_u")["p"] < 0.01
    missing = shape_rows(gains([0.0, np.nan, 0.1, 0.0], np.eye(4)), SIZES)
    assert {r["reason"] for r in missing} == {
        "no item has a score at every size with and without thinking"
    }
    single = shape_rows(gains([0.0, 0.1, 0.1, 0.0], clusters=1), SIZES)
    assert {r["reason"] for r in single} == {"one image: an error needs at least two"}
