"""Several seeds and several samples: errors apart and together, by hand and by simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analyses.degradation import degradation
from analyses.seeds import seeds
from analyses.stats import seed_spread
from analyses.stats.intervals import resample
from analyses.table.scores import scores_of
from tests.analyses.simulate import World, simulate

SMALL = World(tasks=("ocr", "knowledge"), items=20, star=False, end_to_end_only=())
ONE = {"cell": "end_to_end/P=l", "task": "ocr"}


def of_seeds(count: int, world: World = SMALL) -> pd.DataFrame:
    """The same items answered anew in every seed."""
    base = simulate(world)
    parts = []
    for k in range(count):
        answers = np.random.default_rng(k).random(len(base)) < 0.4 + 0.1 * k
        parts.append(base.assign(seed=k, score=answers.astype(float)))
    return pd.concat(parts, ignore_index=True)


def one(table: pd.DataFrame, quantity: str) -> pd.Series:
    rows = table[(table["quantity"] == quantity) & table["group"].isna()]
    for name, value in ONE.items():
        rows = rows[rows[name] == value] if name in rows else rows
    assert len(rows) == 1
    return rows.iloc[0]


def test_two_seeds_by_hand() -> None:
    # Seeds' means .5 and 1: s^2 = .125, error sqrt(.125 / 2) = .25. Items: means over seeds of the
    # residuals -.25, .25 over 2 items: sqrt(2 * 2 * (.125)^2) = .25.
    # Degrees: .125^2 / (2 * .0625^2) = 2.
    scores = np.array([[0.0, 1.0], [1.0, 1.0]])
    result = resample(scores, [0, 1], draws=4000).over_seeds(2, seed=0)
    assert result.estimate[0, 0] == 0.75
    assert result.item_error()[0, 0] == pytest.approx(0.25)
    assert seed_spread.error(result.seed_means)[0, 0] == pytest.approx(0.25)
    assert result.standard_error()[0, 0] == pytest.approx(np.hypot(0.25, 0.25))
    assert result.degrees()[0, 0] == pytest.approx(2.0)
    # the draws: seeds in full, items narrowed by sqrt((C - 1) / C)
    spread = result.replicates[:, 0, 0].std()
    assert spread == pytest.approx(np.sqrt(0.25**2 + 0.25**2 / 2), rel=0.05)


def test_where_one_more_seed_lies_by_hand() -> None:
    # Means .4, .5, .9: mean .6, s = sqrt((.04 + .01 + .09) / 2) = .264575; t(2) = 4.302653;
    # 4.302653 * .264575 * sqrt(4 / 3) = 1.314482.
    low, high = seed_spread.prediction(np.array([[0.4], [0.5], [0.9]]))
    assert (low[0], high[0]) == pytest.approx((0.6 - 1.314482, 0.6 + 1.314482), abs=1e-5)
    assert np.isnan(seed_spread.prediction(np.array([[0.4]]))).all()


def test_one_more_seed_is_told_beside_the_errors() -> None:
    table = seeds(of_seeds(4), draws=50)
    means = [m["score"].mean() for _, m in _of_one(of_seeds(4)).groupby("seed")]
    low, high = seed_spread.prediction(np.array(means)[:, None])
    row = one(table, "new_seed")
    assert row["estimate"] == pytest.approx(np.mean(means))
    assert (row["low"], row["high"]) == pytest.approx((max(low[0], 0), min(high[0], 1)))
    samples = pd.concat([simulate(SMALL).assign(sample=k) for k in range(2)], ignore_index=True)
    row = one(seeds(samples, draws=50), "new_seed")
    assert np.isnan(row["estimate"])
    assert row["reason"] == "one seed: its spread over seeds is not known"


def test_one_more_seed_lies_within_in_19_of_20() -> None:
    means = np.random.default_rng(0).normal(0.6, 0.1, size=(4, 20_000))
    low, high = seed_spread.prediction(means[:3])
    assert ((low <= means[3]) & (means[3] <= high)).mean() == pytest.approx(0.95, abs=0.005)


def _of_one(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[(frame["cell"] == ONE["cell"]) & (frame["task"] == ONE["task"])]


def test_seeds_that_answer_alike_change_nothing() -> None:
    frame = simulate(SMALL)
    twice = pd.concat([frame.assign(seed=k) for k in range(3)], ignore_index=True)
    pd.testing.assert_frame_equal(degradation(frame, draws=200), degradation(twice, draws=200))


def test_mean_over_seeds_and_its_error_by_pandas() -> None:
    frame = of_seeds(3)
    table = seeds(frame, draws=200)
    rows = frame[(frame["cell"] == ONE["cell"]) & (frame["task"] == "ocr")]
    means = rows.groupby("seed")["score"].mean()
    assert one(table, "accuracy")["estimate"] == pytest.approx(means.mean())
    assert one(table, "seed_error")["estimate"] == pytest.approx(means.std() / np.sqrt(3))
    items = rows.groupby("item_id")["score"].mean()
    assert one(table, "item_error")["estimate"] == pytest.approx(items.std() / np.sqrt(20))
    parts = [one(table, name)["estimate"] for name in ("item_error", "seed_error")]
    assert one(table, "accuracy")["se"] == pytest.approx(np.hypot(*parts))
    assert (one(table, "accuracy")["seeds"], one(table, "accuracy")["answers"]) == (3, 3)


def test_a_drop_is_paired_by_seed() -> None:
    # Both sizes gain .3 in seed 1: their difference does not vary over seeds.
    frame = pd.concat([simulate(SMALL).assign(seed=k) for k in range(2)], ignore_index=True)
    frame["score"] = np.where(frame["seed"] == 1, frame["score"] * 0.7 + 0.3, frame["score"] * 0.7)
    drop = one(degradation(frame, draws=400).query("method == 'end_to_end'"), "drop")
    alone = one(
        degradation(frame.query("seed == 0"), draws=400).query("method == 'end_to_end'"), "drop"
    )
    assert drop["se"] == pytest.approx(alone["se"])


def test_error_of_answers_by_hand() -> None:
    # Two items, answers (0, 1) and (1, 1): variances .5 and 0, over 2 answers .25 and 0, over n^2.
    frame = simulate(World(tasks=("ocr",), items=2, star=False, end_to_end_only=(), samples=2))
    frame = frame[frame["cell"] == ONE["cell"]].sort_values(["item_id", "sample"])
    table = seeds(frame.assign(score=[0.0, 1.0, 1.0, 1.0]), draws=100)
    assert one(table, "answer_error")["estimate"] == pytest.approx(np.sqrt(0.25 / 4))
    assert one(table, "seed_error")["reason"] == "one seed: its spread over seeds is not known"
    assert np.isnan(one(table, "seed_error")["estimate"])


def test_one_item_answered_once_a_seed_leaves_no_spread_of_answers() -> None:
    # Its two answers are the two seeds' means: nothing is left, which is not an error of 0.
    frame = of_seeds(2, World(tasks=("ocr",), items=1, star=False, end_to_end_only=()))
    frame["score"] = frame["seed"].astype(float)
    found = one(seeds(frame, draws=50), "answer_error")
    assert np.isnan(found["estimate"])
    assert found["reason"] == "one image: an interval needs at least two"


def test_error_of_answers_allows_for_the_seed_means_taken_out() -> None:
    # Two items in two seeds, scores (0, 1) and (0, 0) by seed: means of the seeds 0 and .5, of all
    # .25. Less them: (.25, .75), (.25, -.25); squares about the items' means .125 each, over 1
    # degree; of the 2 degrees of the task 1 is left: .25 each, over 2 answers, over 2 items.
    frame = of_seeds(2, World(tasks=("ocr",), items=2, star=False, end_to_end_only=()))
    frame = frame[frame["cell"] == ONE["cell"]].sort_values(["item_id", "seed"])
    table = seeds(frame.assign(score=[0.0, 1.0, 0.0, 0.0]), draws=50)
    assert one(table, "answer_error")["estimate"] == pytest.approx(np.sqrt(0.25 / 2 / 2))


@pytest.mark.slow
def test_error_of_answers_is_unbiased_where_answers_are_all_there_is() -> None:
    # Every answer is a coin: the error of a mean over 3 items, 2 seeds is sqrt(.25 / 6).
    base = simulate(World(tasks=("ocr",), items=3, star=False, end_to_end_only=()))
    base = base[base["cell"] == ONE["cell"]]
    rng = np.random.default_rng(0)
    found = []
    for _ in range(150):
        coins = [base.assign(seed=k, score=rng.integers(0, 2, 3).astype(float)) for k in range(2)]
        found.append(one(seeds(pd.concat(coins), draws=1), "answer_error")["estimate"] ** 2)
    error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(0.25 / 6, abs=3 * error)


def test_a_seed_that_a_cell_lacks_and_failed_rows_are_left_out() -> None:
    frame = of_seeds(2)
    gone = (frame["cell"] == ONE["cell"]) & (frame["seed"] == 1)
    table = degradation(frame[~gone], draws=200)
    rows = frame[(frame["seed"] == 0) & (frame["task"] == "ocr")]
    means = rows.groupby("cell")["score"].mean()
    drop = one(table.query("method == 'end_to_end'"), "drop")
    assert drop["estimate"] == pytest.approx(means["end_to_end/P=l"] - means["end_to_end/P=xs"])
    frame.loc[gone, "score"] = np.nan
    kept = one(degradation(frame, draws=200).query("method == 'end_to_end'"), "drop")
    assert kept["estimate"] == pytest.approx(drop["estimate"])
    assert scores_of(frame).by_seed is not None


def test_no_repeats_give_no_rows() -> None:
    assert not len(seeds(simulate(SMALL)))


def test_satterthwaite_is_welchs_formula() -> None:
    # With 0 seeds' spread the items' degrees; with 0 items' spread S - 1; else between and above.
    means = np.array([[[0.2]], [[0.4]], [[0.9]]])
    both = seed_spread.degrees(np.array([[0.1]]), np.array([[19.0]]), means)
    a, b = 0.01, float(np.var(means, ddof=1)) / 3
    assert both[0, 0] == pytest.approx((a + b) ** 2 / (a**2 / 19 + b**2 / 2))
    assert seed_spread.degrees(np.zeros((1, 1)), np.array([[19.0]]), means)[0, 0] == pytest.approx(
        2
    )
    same = np.full((3, 1, 1), 0.5)
    assert seed_spread.degrees(np.array([[0.1]]), np.array([[19.0]]), same)[0, 0] == pytest.approx(
        19
    )


def test_draws_of_seeds_have_the_error_and_the_correlation() -> None:
    means = np.random.default_rng(0).normal(size=(4, 1, 2))
    drawn = seed_spread.draw(means, 40_000, seed=1)[:, 0]
    assert drawn.std(axis=0) == pytest.approx(seed_spread.error(means)[0], rel=0.02)
    assert np.corrcoef(drawn.T)[0, 1] == pytest.approx(np.corrcoef(means[:, 0].T)[0, 1], abs=0.02)


def test_interval_covers_over_new_items_and_new_seeds() -> None:
    # Items spread .4, seeds .05, answers .3; 60 items, 4 seeds: the true error is .0588.
    rng = np.random.default_rng(3)
    hits, plain, studies = 0, 0, 400
    for study in range(studies):
        scores = 0.5 + rng.normal(0, 0.4, (60, 1)) + rng.normal(0, 0.05, 4)
        scores = scores + rng.normal(0, 0.3, (60, 4))
        result = resample(scores, range(60), draws=400, seed=study).over_seeds(4, study)
        low, high = result.interval()
        hits += bool(low[0, 0] <= 0.5 <= high[0, 0])
        error = result.item_error()[0, 0] * stats.t.ppf(0.975, 59)
        plain += bool(abs(result.estimate[0, 0] - 0.5) <= error)
    assert hits / studies >= 0.93
    assert hits > plain
