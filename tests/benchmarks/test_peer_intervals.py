"""Percentile and BCa intervals: by hand, against scipy, on any scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analyses.stats.intervals import resample
from tests.benchmarks.peer_intervals import METHODS, acceleration, interval


@pytest.mark.parametrize(("ours", "theirs"), [("percentile", "percentile"), ("bca", "BCa")])
def test_interval_agrees_with_scipy(ours: str, theirs: str) -> None:
    values = np.random.default_rng(3).exponential(size=40)
    peer = stats.bootstrap(
        (values,), np.mean, n_resamples=40_000, method=theirs, random_state=1, vectorized=True
    ).confidence_interval
    low, high = interval(resample(values[:, None], np.arange(40), draws=40_000), ours)
    assert low[0, 0] == pytest.approx(peer.low, abs=0.012)
    assert high[0, 0] == pytest.approx(peer.high, abs=0.02)


def test_acceleration_by_hand() -> None:
    # residuals of 0, 0, 3 over n = 3: -1/3, -1/3, 2/3; cubes 6/27, squares 6/9
    found = acceleration(resample(np.array([[0.0], [0.0], [3.0]]), [0, 1, 2], draws=1))
    assert found[0, 0] == pytest.approx(6 / 27 / (6 * (6 / 9) ** 1.5))
    assert acceleration(resample(np.ones((3, 1)), [0, 1, 2], draws=1))[0, 0] == 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.5, 1.0, float("nan")]), st.integers(0, 6)), max_size=25
    ),
    st.sampled_from(METHODS),
)
def test_any_scores_give_ordered_ends_inside_the_range(
    rows: list[tuple[float, int]], method: str
) -> None:
    scores = np.array([r[0] for r in rows]).reshape(-1, 1)
    low, high = interval(resample(scores, [r[1] for r in rows], draws=200), method)
    images = {c for s, c in rows if not np.isnan(s)}
    assert np.isnan(low[0, 0]) == np.isnan(high[0, 0]) == (len(images) < 2)
    if len(images) >= 2:
        assert 0 <= low[0, 0] <= high[0, 0] <= 1
