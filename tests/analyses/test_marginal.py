"""The marginal model: by hand, against statsmodels' GEE, and where answers do not determine it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from scipy.special import logit

from analyses.marginal import DIFFERENCE, LEVEL, SLOPES, marginal
from analyses.stats.logit import SEPARATED, UNDETERMINED, fit_logit
from tests.analyses.simulate import World, simulate

TWO = (("s", 1e6), ("l", 1e8))


def decoupled(world: World) -> pd.DataFrame:
    frame = simulate(world)
    return frame[(frame["method"] == "decoupled") & ~frame["thinking"]].reset_index(drop=True)


def row(table: pd.DataFrame, quantity: str, **wanted: object) -> pd.Series:
    rows = table[table["quantity"] == quantity]
    for name, value in wanted.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return rows.iloc[0]


def test_four_pairings_of_one_task_by_hand() -> None:
    # Saturated: sizes lie one decade below and above the middle, 1e7. With log-odds y at (p, r):
    # perception = (y_ll + y_ls - y_sl - y_ss) / 4, interaction = (y_ll - y_ls - y_sl + y_ss) / 4.
    world = World(sizes=TWO, tasks=("ocr",), end_to_end_only=(), star=False, items=20)
    frame = decoupled(world)
    counts = {"ss": 5, "ls": 8, "sl": 10, "ll": 16}
    for pair, count in counts.items():
        own = frame["cell"] == f"decoupled/P={pair[0]}/R={pair[1]}"
        frame.loc[own, "score"] = (np.arange(20) < count).astype(float)
    y = {pair: logit(count / 20) for pair, count in counts.items()}
    table = marginal(frame)
    perception = (y["ll"] + y["ls"] - y["sl"] - y["ss"]) / 4
    reasoning = (y["ll"] + y["sl"] - y["ls"] - y["ss"]) / 4
    assert row(table, "perception")["estimate"] == pytest.approx(perception)
    assert row(table, "reasoning")["estimate"] == pytest.approx(reasoning)
    interaction = (y["ll"] - y["ls"] - y["sl"] + y["ss"]) / 4
    assert row(table, "interaction")["estimate"] == pytest.approx(interaction)
    assert row(table, DIFFERENCE)["estimate"] == pytest.approx(perception - reasoning)
    level = row(table, LEVEL, task="ocr")
    assert level["estimate"] == pytest.approx(sum(y.values()) / 4)
    assert np.isnan(level["p"])
    assert level["perception_centre"] == pytest.approx(1e7)
    assert (level["n"], level["items"], level["clusters"]) == (80, 20, 20)


@pytest.mark.parametrize("domain", ["in_domain", "out_of_domain"])
def test_equals_statsmodels_gee_on_single_answers(domain: str) -> None:
    world = World(sizes=TWO, tasks=("ocr", "knowledge", "counting"), items=16, per_image=4)
    frame = decoupled(World(**{**vars(world), "samples": 2, "failed": 0.1}))
    frame["score"] = frame["score"] * 0.9 + 0.05  # scores in part, as some metrics give
    found = marginal(frame)
    found = found[found["domain"] == domain]
    rows = frame[(frame["domain"] == domain) & frame["score"].notna()]
    p, r = (np.log10(rows[f"{m}_params"].to_numpy()) - 7 for m in ("perception", "reasoning"))
    levels = pd.get_dummies(rows["task"] + "/" + rows["category"]).to_numpy(dtype=float)
    design = np.column_stack([p, r, p * r, levels])
    peer = sm.GEE(
        rows["score"].to_numpy(),
        design,
        groups=pd.factorize(rows["image_id"])[0],
        family=sm.families.Binomial(),
        cov_struct=sm.cov_struct.Independence(),
    ).fit(ctol=1e-12)
    images = rows["image_id"].nunique()
    errors = peer.bse * np.sqrt(images / (images - 1))
    for k, name in enumerate(SLOPES):
        ours = row(found, name)
        assert ours["estimate"] == pytest.approx(peer.params[k], abs=1e-8)
        assert ours["se"] == pytest.approx(errors[k], rel=1e-6)
        reach = stats.t.ppf(0.975, images - 1) * errors[k]
        assert ours["high"] == pytest.approx(peer.params[k] + reach, rel=1e-6)
        assert ours["p"] == pytest.approx(
            2 * stats.t.sf(abs(peer.params[k]) / errors[k], images - 1), rel=1e-5
        )
    pick = np.array([1.0, -1, *np.zeros(len(peer.params) - 2)])
    covariance = peer.cov_params() * images / (images - 1)
    assert row(found, DIFFERENCE)["se"] == pytest.approx(np.sqrt(pick @ covariance @ pick))
    own = found[found["quantity"] == LEVEL]["estimate"].to_numpy()
    assert np.sort(own) == pytest.approx(np.sort(peer.params[3:]), abs=1e-7)


def test_a_task_that_says_nothing_is_left_out_and_named() -> None:
    world = World(sizes=TWO, tasks=("ocr", "knowledge"), end_to_end_only=(), star=False, items=25)
    frame = decoupled(world)
    alone = marginal(frame[frame["task"] == "ocr"])
    frame.loc[frame["task"] == "knowledge", "score"] = 1.0
    table = marginal(frame)
    for name in SLOPES:
        assert row(table, name)["estimate"] == pytest.approx(row(alone, name)["estimate"])
    level = row(table, LEVEL, task="knowledge")
    assert np.isnan(level["estimate"])
    assert level["reason"] == "every answer is right: the level is infinite"
    frame["score"] = 0.0
    table = marginal(frame)
    assert set(table["reason"]) == {
        "every answer is wrong: the level is infinite",
        "in every task all answers are right or all are wrong",
    }
    assert table["estimate"].isna().all()
    frame["score"] = np.nan
    assert set(marginal(frame)["reason"]) == {"no answer has a score"}


def test_separation_is_found_and_only_there() -> None:
    design = np.column_stack([np.ones(3), [-1.0, 0.0, 1.0]])
    pattern = np.repeat([0, 1, 2], 4)
    clusters = np.arange(12)
    apart = np.repeat([0.0, 0.0, 1.0], 4)
    fit = fit_logit(apart, pattern, clusters, design)
    assert fit.reasons == (SEPARATED, SEPARATED)
    assert np.isnan(fit.coefficients).all()
    mixed = apart.copy()
    mixed[4:6] = 1.0  # the middle is mixed, the ends are pure: still separated
    assert fit_logit(mixed, pattern, clusters, design).reasons == (SEPARATED, SEPARATED)
    mixed[0] = 1.0
    fit = fit_logit(mixed, pattern, clusters, design)
    assert fit.reasons == (None, None)
    peer = sm.Logit(mixed, design[pattern]).fit(disp=0)
    assert fit.coefficients == pytest.approx(peer.params, abs=1e-6)


def test_separated_sizes_have_a_reason_in_the_table() -> None:
    frame = decoupled(World(sizes=TWO, tasks=("ocr",), end_to_end_only=(), star=False, items=9))
    frame["score"] = (frame["perception"] == "l").astype(float)
    table = marginal(frame)
    assert table["estimate"].isna().all()
    assert set(table["reason"]) == {SEPARATED}


def test_one_size_leaves_its_terms_out() -> None:
    world = World(sizes=TWO, tasks=("ocr",), end_to_end_only=(), star=False, items=30)
    frame = decoupled(world)
    table = marginal(frame[frame["perception"] == "l"])
    for name in ("perception", "interaction", DIFFERENCE):
        assert row(table, name)["reason"] == UNDETERMINED
        assert np.isnan(row(table, name)["estimate"])
    means = frame[frame["perception"] == "l"].groupby("reasoning")["score"].mean()
    slope = (logit(means["l"]) - logit(means["s"])) / 2
    assert row(table, "reasoning")["estimate"] == pytest.approx(slope)
    assert row(table, "reasoning")["low"] < slope


def test_few_images_and_unknown_sizes_have_reasons() -> None:
    world = World(sizes=TWO, tasks=("ocr",), end_to_end_only=(), star=False, items=8, per_image=4)
    frame = decoupled(world)
    table = marginal(frame)
    found = row(table, "perception")
    assert np.isfinite(found["estimate"])
    assert np.isnan(found["se"])
    assert found["reason"] == "no more images than coefficients: no interval"
    table = marginal(frame.assign(perception_params=np.nan))
    assert row(table, "reasoning")["reason"] == "a size has no known parameters"


def test_intervals_cover_a_known_truth() -> None:
    # 60 studies of 50 images with 2 items each that share a difficulty: 95 % of 60 is 57.
    rng = np.random.default_rng(2)
    p, r = np.meshgrid([-1.0, 1.0], [-1.0, 1.0])
    design = np.column_stack([np.ones(4), p.ravel(), r.ravel(), (p * r).ravel()])
    truth = np.array([0.3, 0.4, 0.6, 0.0])  # on the probit scale of the images' mean
    inside = 0
    population = fit_logit(
        stats.norm.cdf(design @ truth / np.sqrt(1.25)), np.arange(4), np.arange(4), design
    ).coefficients
    for _ in range(60):
        hard = rng.normal(0, 0.5, 50).repeat(8)
        pattern = np.tile(np.arange(4), 100)
        right = rng.normal(size=400) < (design @ truth)[pattern] + hard
        fit = fit_logit(right.astype(float), pattern, np.arange(50).repeat(8), design)
        error = np.sqrt(fit.covariance[1, 1])
        inside += abs(fit.coefficients[1] - population[1]) < stats.t.ppf(0.975, 49) * error
    assert 52 <= inside <= 60
