"""The paired cluster bootstrap against hand-derived values, statsmodels, scipy and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from analyses.stats.intervals import (
    cluster_se,
    degenerate_interval,
    holm,
    mean_interval,
    resample,
    share_ends,
)


@pytest.fixture
def clustered() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    clusters = np.repeat(np.arange(90), rng.integers(1, 5, 90))
    scores = (rng.random(len(clusters)) < 0.3 + 0.5 * (clusters % 2)).astype(float)
    return scores, clusters


def test_mean_and_error_of_four_scores_by_hand() -> None:
    # residuals -.75 .25 .25 .25, one item a cluster: sqrt(4/3 * (.5625 + 3 * .0625) / 16)
    scores, clusters = [0, 1, 1, 1], ["a", "b", "c", "d"]
    # every image the 0 in 1 draw of 256, .004; the tail ends at Phi(t_3(.025) / sqrt(3/4)), .0001
    assert mean_interval(scores, clusters) == (0.75, 0.0, 1.0)
    assert cluster_se(scores, clusters) == pytest.approx(0.25)


def test_two_clusters_by_hand() -> None:
    # cluster sums of residuals -1 and 1 over n = 4: sqrt(2 * 2/16) = .5; draws give 0, .5 or 1
    result = resample(np.array([[0.0], [0.0], [1.0], [1.0]]), [0, 0, 1, 1], draws=400)
    assert result.standard_error()[0, 0] == pytest.approx(0.5)
    assert set(np.unique(result.replicates)) == {0.0, 0.5, 1.0}


def test_cluster_error_equals_statsmodels(clustered: tuple[np.ndarray, np.ndarray]) -> None:
    import statsmodels.api as sm

    scores, clusters = clustered
    fit = sm.OLS(scores, np.ones(len(scores))).fit(
        cov_type="cluster", cov_kwds={"groups": clusters}
    )
    assert cluster_se(scores, clusters) == pytest.approx(fit.bse[0], rel=1e-10)


def test_bootstrap_spread_agrees_with_the_analytic_error(
    clustered: tuple[np.ndarray, np.ndarray],
) -> None:
    scores, clusters = clustered
    result = resample(scores[:, None], clusters, draws=20_000)
    spread = result.replicates[:, 0, 0].std()
    assert spread == pytest.approx(result.standard_error()[0, 0], rel=0.03)


def test_expanded_interval_is_wider_by_the_t_tails() -> None:
    values = np.random.default_rng(3).normal(size=12)
    _, low, high = mean_interval(values, np.arange(12), draws=40_000)
    # about t(11) * s / sqrt(12)
    reach = stats.t.ppf(0.975, 11) * values.std(ddof=1) / np.sqrt(12)
    assert (high - low) / 2 == pytest.approx(reach, rel=0.06)


def test_columns_are_resampled_together() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(60)
    scores = np.column_stack([base, base + 0.25, rng.random(60)])
    replicates = resample(scores, np.arange(60)).replicates[:, 0]
    assert np.ptp(replicates[:, 1] - replicates[:, 0]) < 1e-12
    assert np.ptp(replicates[:, 2] - replicates[:, 0]) > 0.05


def test_missing_scores_are_left_out_column_by_column() -> None:
    scores = np.array([[1.0, np.nan], [0.0, 1.0], [np.nan, np.nan], [1.0, 0.0]])
    result = resample(scores, [0, 1, 2, 3], draws=500)
    assert result.estimate[0] == pytest.approx([2 / 3, 0.5])
    assert result.n[0].tolist() == [3, 2]
    assert result.clusters[0].tolist() == [3, 2]
    alone = resample(scores[[0, 1, 3], :1], [0, 1, 3], draws=500).standard_error()
    assert result.standard_error()[0, 0] == pytest.approx(alone[0, 0])


def test_too_few_rows_give_nan_and_no_error() -> None:
    assert np.isnan(mean_interval([], [])).all()
    estimate, low, high = mean_interval([1.0, 0.0], ["same", "same"])
    assert estimate == 0.5
    assert np.isnan([low, high]).all()
    assert np.isnan(mean_interval([np.nan, np.nan], [0, 1])).all()
    assert np.isnan(cluster_se([1.0], [0]))


def test_strata_keep_their_sizes_and_streams() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((50, 2))
    tasks = np.array(["a"] * 20 + ["b"] * 30)
    groups = {"a": np.arange(20), "b": np.arange(20, 50)}
    both = resample(scores, np.arange(50), groups, tasks)
    alone = resample(scores[:20], np.arange(20), {"a": np.arange(20)}, tasks[:20])
    assert np.array_equal(both.replicates[:, 0], alone.replicates[:, 0])
    assert abs(np.corrcoef(both.replicates[:, 0, 0], both.replicates[:, 1, 0])[0, 1]) < 0.08


def test_tasks_that_share_images_are_resampled_together() -> None:
    scores = np.random.default_rng(0).random((40, 1))
    images = np.tile(np.arange(20), 2)
    scores[20:] = scores[:20]
    tasks = np.repeat(["a", "b"], 20)
    groups = {"a": np.arange(20), "b": np.arange(20, 40)}
    replicates = resample(scores, images, groups, tasks).replicates
    assert np.array_equal(replicates[:, 0], replicates[:, 1])


def test_row_order_changes_nothing(clustered: tuple[np.ndarray, np.ndarray]) -> None:
    scores, clusters = clustered
    order = np.random.default_rng(5).permutation(len(scores))
    straight = resample(scores[:, None], clusters).replicates
    shuffled = resample(scores[order][:, None], clusters[order]).replicates
    assert shuffled == pytest.approx(straight)


def test_blocks_bound_memory_without_changing_the_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(0).random((30, 3))
    monkeypatch.setattr("analyses.stats.bootstrap.BLOCK_ELEMENTS", 100)
    small = resample(scores, np.arange(30), draws=2000)
    monkeypatch.undo()
    whole = resample(scores, np.arange(30), draws=2000)
    assert small.replicates.shape == (2000, 1, 3)
    assert small.replicates.std() == pytest.approx(whole.replicates.std(), rel=0.05)


def test_weights_against_a_plain_loop() -> None:
    rng = np.random.default_rng(4)
    scores, clusters = rng.random(12), np.repeat(np.arange(5), [1, 2, 3, 4, 2])
    result = resample(scores[:, None], clusters, draws=50, seed=9)
    stream = np.random.default_rng([9, 0])  # crc32 of the unnamed stratum is 0
    taken = stream.integers(0, 5, size=(50, 5))
    for draw, choice in enumerate(taken):
        rows = np.concatenate([np.flatnonzero(clusters == c) for c in choice])
        assert result.replicates[draw, 0, 0] == pytest.approx(scores[rows].mean())


def test_mean_of_groups_and_its_error() -> None:
    rng = np.random.default_rng(2)
    scores = rng.random((30, 2))
    groups = {"a": np.arange(10), "b": np.arange(10, 30)}
    tasks = np.repeat(["a", "b"], [10, 20])
    members = np.array([[True, True], [True, False]])
    result = resample(scores, np.arange(30), groups, tasks).with_means_of_groups(members)
    assert result.estimate[2, 0] == pytest.approx(
        (scores[:10, 0].mean() + scores[10:, 0].mean()) / 2
    )
    assert result.estimate[2, 1] == pytest.approx(scores[:10, 1].mean())
    parts = result.standard_error()[:2, 0]
    assert result.standard_error()[2, 0] == pytest.approx(np.hypot(*parts) / 2, rel=0.05)
    assert result.n[2].tolist() == [30, 10]


def test_mean_of_groups_is_missing_when_a_member_is() -> None:
    scores = np.array([[1.0], [0.0], [np.nan], [np.nan]])
    result = resample(scores, range(4), {"a": np.arange(2), "b": np.arange(2, 4)})
    assert np.isnan(result.with_means_of_groups(np.array([[True], [True]])).estimate[2, 0])


def test_p_value_is_the_t_test() -> None:
    values = np.random.default_rng(8).normal(0.3, 1, 25)
    p = resample(values[:, None], np.arange(25), draws=10).p_value()[0, 0]
    assert p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_a_difference_that_is_only_rounding_has_no_p() -> None:
    """A sum of weights that should be 0 on every image is 1e-16, now and then 2e-16."""
    values = np.array([[1e-16], [1e-16], [2e-16], [1e-16]])
    assert np.isnan(resample(values, np.arange(4), draws=10).p_value()[0, 0])


def test_holm_equals_statsmodels_and_skips_missing() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.005, 0.5])
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    with_gap = holm([0.01, np.nan, 0.02])
    assert with_gap[[0, 2]] == pytest.approx([0.02, 0.02])
    assert np.isnan(with_gap[1])


def test_degenerate_interval_is_clopper_pearson() -> None:
    low, high = degenerate_interval(0.0, 20)
    exact = stats.binomtest(0, 20).proportion_ci(method="exact")
    assert (low, high) == pytest.approx((exact.low, exact.high))
    assert degenerate_interval(1.0, 20)[0] == pytest.approx(1 - exact.high)
    assert degenerate_interval(0.0, 20, least=-1.0) == pytest.approx((-exact.high, exact.high))


def test_errors_are_sentences() -> None:
    with pytest.raises(ValueError, match=r"Scores of shape \(3, 1\) need one cluster per row, not"):
        resample(np.zeros((3, 1)), [0, 1])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.5, 1.0, float("nan")]), st.integers(0, 6)), max_size=25
    )
)
def test_any_scores_give_ordered_ends_inside_the_range(rows: list[tuple[float, int]]) -> None:
    scores, clusters = [r[0] for r in rows], [r[1] for r in rows]
    estimate, low, high = mean_interval(scores, clusters, draws=200)
    known = {c for s, c in rows if not np.isnan(s)}
    assert np.isnan(estimate) == (not known)
    assert np.isnan(low) == np.isnan(high) == (len(known) < 2)
    if len(known) >= 2:
        assert 0 <= low <= high <= 1


def test_share_ends_by_hand() -> None:
    # 3 right and 1 wrong of 4 images: with one right and one wrong more 4 of 6, centre 2/3;
    # variance 6/5 * 2/9, error sqrt(.2667 / 6)
    centre, half = share_ends(
        np.array([0.75]), np.array([np.sqrt(0.1875 / 3)]), np.array([4]), 0.0, 1.0
    )
    assert centre == pytest.approx(2 / 3)
    assert half == pytest.approx(stats.t.ppf(0.975, 5) * np.sqrt(4 / 15 / 6))


def test_share_ends_are_t_with_two_made_up_clusters(
    clustered: tuple[np.ndarray, np.ndarray],
) -> None:
    scores, clusters = clustered
    result = resample(scores[:, None], clusters, draws=1)
    labels, size = np.unique(clusters), len(scores)
    # residual form: a cluster's value is the mean plus what it adds times the clusters
    mean = scores.mean()
    values = [mean + (scores[clusters == c] - mean).sum() * len(labels) / size for c in labels]
    more = [*values, -0.25, 1.0]
    centre, half = share_ends(result.estimate, result.standard_error(), result.clusters, -0.25, 1.0)
    assert centre[0, 0] == pytest.approx(np.mean(more))
    reach = stats.t.ppf(0.975, len(more) - 1) * stats.sem(more)
    assert half[0, 0] == pytest.approx(reach)


def test_a_bounded_mean_near_its_bound_is_never_narrower_than_share_ends() -> None:
    scores, images = np.array([0.0] + [1.0] * 59), np.arange(60)
    _, low, high = mean_interval(scores, images)
    _, wider, top = mean_interval(scores, images, bounds=(0.0, 1.0))
    more = [*scores, 0.0, 1.0]
    assert wider == pytest.approx(np.mean(more) - stats.t.ppf(0.975, 61) * stats.sem(more))
    assert wider < low
    assert (top, high) == (1.0, 1.0)


def test_a_mean_of_groups_counts_only_clusters_with_a_score() -> None:
    # task 0: images 0-2, of which image 2 has no score; task 1: images 3-5, all missing in column 1
    nan = float("nan")
    scores = np.array([[1, 1], [0, 0], [nan, nan], [1, nan], [0, nan], [1, nan]], dtype=float)
    groups = {"a": np.arange(3), "b": np.arange(3, 6)}
    result = resample(scores, np.arange(6), groups, draws=10)
    mean = result.with_means_of_groups(np.ones((2, 2), dtype=bool))
    assert mean.clusters.tolist() == [[2, 2], [3, 0], [5, 2]]
    assert mean.n.tolist() == [[2, 2], [3, 0], [5, 2]]
