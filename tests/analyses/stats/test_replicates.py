"""What draws say: quantiles, ends with reasons, tails; by hand and against numpy and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analyses.stats.intervals import resample
from analyses.stats.replicates import Drawn, expanded_tail, expanded_tails, quantiles

NAN = float("nan")


def test_ends_of_draws_are_numpys_quantiles_and_deviation() -> None:
    draws = np.random.default_rng(0).normal(size=400)
    draws[:8] = NAN  # 2 % have no value: they are left out
    found = Drawn.of(draws, (0.1, 0.8), unknown="few", same="same")
    assert [found.low, found.high] == pytest.approx(np.nanquantile(draws, [0.1, 0.8]).tolist())
    assert found.se == pytest.approx(np.nanstd(draws, ddof=1))
    assert found.reason is None


@pytest.mark.parametrize(
    ("draws", "reason"),
    [
        ([NAN, *[0.5, 1.0] * 15], "few"),  # 1 of 31 is more than 2.5 %
        ([NAN, *[0.5, 1.0] * 20], None),  # 1 of 41 is not
        ([NAN] * 3, "few"),
        ([0.3, 0.1 + 0.2], "same"),  # apart by rounding
    ],
)
def test_no_ends_have_the_reason_given(draws: list[float], reason: str | None) -> None:
    found = Drawn.of(np.array(draws), (0.025, 0.975), unknown="few", same="same")
    assert found.reason == reason
    assert np.isnan([found.low, found.high, found.se]).all() == (reason is not None)


def test_without_reasons_the_ends_are_given_all_the_same() -> None:
    found = Drawn.of(np.array([NAN, 2.0, 2.0]), (0.025, 0.975))
    assert (found.low, found.high, found.se, found.reason) == (2.0, 2.0, 0.0, None)


def test_expanded_tails_by_hand() -> None:
    # 10 clusters: Phi(t_9(.025) / sqrt(.9))
    tail = stats.norm.cdf(stats.t.ppf(0.025, 9) / np.sqrt(0.9))
    assert expanded_tails(10) == pytest.approx((tail, 1 - tail))
    assert expanded_tails(10, 9.0) == expanded_tails(10)
    assert expanded_tails(0) == expanded_tails(2)
    assert expanded_tails(10_000)[0] == pytest.approx(0.025, rel=1e-3)
    assert float(expanded_tail(0.025, 9, np.sqrt(0.9))) == expanded_tails(10)[0]


def test_ends_between_any_tails_are_void_below_two_clusters() -> None:
    scores = np.column_stack([np.arange(6.0), [1.0, *[NAN] * 5]])
    result = resample(scores, np.arange(6), draws=500)
    low, high = result.between(np.full((1, 2), 0.2), np.full((1, 2), 0.7))
    expected = np.quantile(result.replicates[:, 0, 0], [0.2, 0.7])
    assert [low[0, 0], high[0, 0]] == pytest.approx(expected.tolist())
    assert np.isnan([low[0, 1], high[0, 1]]).all()


def test_quantiles_equal_numpy_and_skip_missing() -> None:
    values = np.random.default_rng(0).random((101, 3))
    values[:4, 1] = np.nan
    values[:, 2] = np.nan
    assert quantiles(values, 0.3)[0] == pytest.approx(np.quantile(values[:, 0], 0.3))
    assert quantiles(values, 0.3)[1] == pytest.approx(np.nanquantile(values[:, 1], 0.3))
    assert np.isnan(quantiles(values, 0.3)[2])
