"""The comparison of two runs: by hand, against pandas and statsmodels, on odd runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analyses.comparison import COLUMNS, comparison, verdict
from analyses.contrasts.two_runs import Pairs, pair
from analyses.degradation import degradation
from analyses.figures import comparison as forest
from analyses.stats.detectable import Part, detectable_difference, spread_of
from analyses.stats.signflip import mcnemar
from tests.analyses.figures import words_of
from tests.analyses.simulate import World, simulate

SMALL, LARGE = "end_to_end/P=xs", "end_to_end/P=l"
ENDS = ("end_to_end",)
ONE = World(methods=ENDS, tasks=("ocr",), items=20, star=False, end_to_end_only=())


def paired(world: World, small: str = SMALL, large: str = LARGE) -> Pairs:
    frame = simulate(replace(world, methods=ENDS))
    return pair(frame, frame, [(small, large)])


def of_scores(baseline: list[float], candidate: list[float], per_image: int = 1) -> Pairs:
    """Pairs of one task with these scores."""
    frame = simulate(replace(ONE, items=len(baseline), per_image=per_image))
    first = frame[frame["cell"] == SMALL].assign(score=baseline)
    second = frame[frame["cell"] == LARGE].assign(score=candidate)
    return pair(first, second, [(SMALL, LARGE)])


def row(table: pd.DataFrame, task: str, group: str | None = None) -> pd.Series:
    same = table["group"].isna() if group is None else table["group"] == group
    found = table[(table["task"] == task) & same]
    assert len(found) == 1
    return found.iloc[0]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.001, 0.1, "better"),
        (0.0, 0.1, "not worse"),
        (-0.019, -0.001, "not worse"),  # below 0, but within the margin
        (-0.02, -0.001, "worse"),  # at the margin
        (-0.1, -0.001, "worse"),
        (-0.1, 0.0, "undecided"),
        (-0.02, 0.1, "undecided"),
        (np.nan, np.nan, "undecided"),
    ],
)
def test_verdicts_in_their_order(low: float, high: float, expected: str) -> None:
    assert verdict(low, high, 0.02) == expected


def test_one_task_by_hand() -> None:
    # 20 items: 9 gained, 1 lost, 4 right on both sides
    pairs = of_scores([0] * 9 + [1] + [1] * 4 + [0] * 6, [1] * 9 + [0] + [1] * 4 + [0] * 6)
    found = row(comparison(pairs), "ocr")
    assert found["difference"] == pytest.approx(8 / 20)
    assert (found["baseline"], found["candidate"]) == pytest.approx((5 / 20, 13 / 20))
    assert (found["gained"], found["lost"], found["dropped"], found["pairs"]) == (9, 1, 0, 20)
    assert (found["p"], found["test"]) == (pytest.approx(22 / 1024), "exact McNemar")
    assert found["detectable"] == detectable_difference((Part(20, 0.5),), exact=True)
    assert found["verdict"] == "better"
    assert found["low"] > 0
    # the mean over one task is that task
    overall = row(comparison(pairs), "overall")
    assert overall["difference"] == pytest.approx(8 / 20)
    assert overall["p"] == pytest.approx(found["p"])


def test_means_against_pandas() -> None:
    world = World(methods=ENDS, tasks=("ocr", "counting"), items=12, per_image=2)
    frame = simulate(world)
    table = comparison(pair(frame, frame, [(SMALL, LARGE)]), draws=200)
    wide = frame.pivot_table(index=["task", "category", "item_id"], columns="cell", values="score")
    change = wide[LARGE] - wide[SMALL]
    assert row(table, "all_items")["difference"] == pytest.approx(change.mean())
    star = change["star"].groupby("category").mean()
    assert row(table, "star")["difference"] == pytest.approx(star.mean())
    tasks = [change[name].mean() for name in ("ocr", "counting", "classification", "grounding")]
    assert row(table, "in_domain")["difference"] == pytest.approx(np.mean(tasks))
    assert row(table, "overall")["difference"] == pytest.approx(np.mean([*tasks, star.mean()]))
    assert row(table, "star", "math")["difference"] == pytest.approx(star["math"])
    assert row(table, "ocr")["clusters"] == 6
    assert list(table.columns) == list(COLUMNS)
    assert table["task"].tolist()[:3] == ["overall", "in_domain", "all_items"]


def test_holm_is_over_tasks_and_over_the_categories_of_one() -> None:
    table = comparison(paired(World(tasks=("ocr", "counting"), items=30)), draws=100)
    whole = table[table["task"].isin(["ocr", "counting", "classification", "grounding", "star"])]
    smallest = whole[whole["group"].isna()].sort_values("p").iloc[0]
    assert smallest["p_holm"] == pytest.approx(min(1, 5 * smallest["p"]))
    inside = table[table["group"].notna()].sort_values("p").iloc[0]
    assert inside["p_holm"] == pytest.approx(min(1, 6 * inside["p"]))
    overall = row(table, "overall")
    assert overall["p_holm"] == overall["p"]


def test_clusters_flip_whole() -> None:
    # Two images of two items each gain both, four lose nothing: sums +2 +2, p = 2/4, while
    # McNemar on the items would say 2/16.
    pairs = of_scores([0.0] * 12, [1.0] * 4 + [0.0] * 8, per_image=2)
    found = row(comparison(pairs), "ocr")
    assert (found["p"], found["test"]) == (pytest.approx(0.5), "exact sign flip")
    assert mcnemar(4, 0).p == pytest.approx(2 / 16)


def test_several_samples_are_averaged_and_failures_drop_the_pair() -> None:
    frame = simulate(
        World(methods=ENDS, tasks=("ocr",), items=6, star=False, end_to_end_only=(), samples=2)
    )
    first, second = (frame[frame["cell"] == cell].copy() for cell in (SMALL, LARGE))
    first["score"], second["score"] = 0.0, 0.0
    second.loc[(second["sample"] == 1) & (second["item_id"] == "00000"), "score"] = 1.0
    first.loc[first["item_id"] == "00001", "score"] = np.nan  # both samples failed
    second.loc[(second["item_id"] == "00002") & (second["sample"] == 0), "score"] = np.nan
    pairs = pair(first, second, [(SMALL, LARGE)])
    assert (pairs.failed, pairs.samples) == ((2, 1), (2, 2))
    found = row(comparison(pairs), "ocr")
    assert found["difference"] == pytest.approx(0.5 / 5)
    assert (found["n"], found["pairs"], found["dropped"], found["gained"]) == (5, 6, 1, 1)
    assert found["test"] == "exact sign flip"


def test_several_cells_are_averaged_by_item_over_complete_pairs() -> None:
    frame = simulate(ONE)
    cells = [(SMALL, SMALL), (LARGE, LARGE)]
    other = frame.copy()
    other["score"] = 1.0
    frame = frame.assign(score=0.0)
    frame.loc[(frame["cell"] == LARGE) & (frame["item_id"] == "00003"), "score"] = np.nan
    other.loc[(other["cell"] == SMALL) & (other["item_id"] == "00004"), "score"] = 0.0
    found = row(comparison(pair(frame, other, cells)), "ocr")
    assert (found["pairs"], found["dropped"], found["gained"]) == (40, 1, 38)
    assert found["difference"] == pytest.approx((18 + 1 + 0.5) / 20)


def test_rare_losses_are_not_called_not_worse() -> None:
    # One loss in 200: the bootstrap alone ends at -.015 and would pass a margin of .02.
    pairs = of_scores([1.0] * 200, [0.0] + [1.0] * 199)
    found = row(comparison(pairs), "ocr")
    assert found["low"] < -0.02
    assert found["verdict"] == "undecided"


def test_the_same_answers_are_not_worse_with_enough_items() -> None:
    scores = [1.0, 0.0] * 100
    assert row(comparison(of_scores(scores, scores)), "overall")["verdict"] == "not worse"
    few = row(comparison(of_scores(scores[:40], scores[:40])), "overall")
    assert (few["verdict"], few["p"]) == ("undecided", 1.0)


def test_design_effect_of_identical_items() -> None:
    # Three copies of each of 40 items: the error is that of 40 items, the effect about 3.
    rng = np.random.default_rng(0)
    changes = np.repeat(rng.choice([-1.0, 0.0, 1.0], 40), 3)
    error = float(changes[::3].std(ddof=1) / np.sqrt(40))
    psi, effect = spread_of(changes, error)
    assert psi == pytest.approx((changes**2).mean())
    assert effect == pytest.approx(3 * 119 / (3 * 39), rel=1e-9)
    assert spread_of(np.zeros(4), 0.0) == (0.0, 1.0)
    assert spread_of(np.ones(1), np.nan) == (1.0, 1.0)


ODD = {
    "one item": World(tasks=("ocr",), items=1, star=False, end_to_end_only=()),
    "four items": World(tasks=("ocr",), items=4, star=False, end_to_end_only=()),
    "one image": World(tasks=("ocr",), items=8, per_image=8, star=False, end_to_end_only=()),
    "all wrong": World(tasks=("ocr", "counting"), items=7, always=0.0),
    "all right": World(tasks=("ocr",), items=7, always=1.0),
    "half failed": World(tasks=("ocr", "counting"), items=5, failed=0.5),
    "all failed": World(tasks=("ocr",), items=4, failed=1.0),
    "only star": World(tasks=(), end_to_end_only=(), items=4),
    "samples": World(tasks=("ocr",), items=8, samples=3, failed=0.1, per_image=2),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_runs_give_numbers_or_reasons(name: str) -> None:
    table = comparison(paired(ODD[name]), draws=60)
    for column in ("difference", "low", "detectable", "p"):
        missing = table[table[column].isna()]
        assert missing["reason"].notna().all(), column
    assert set(table["verdict"]) <= {"better", "worse", "not worse", "undecided"}
    known = table[table["low"].notna()]
    assert (known["low"] <= known["difference"] + 1e-9).all()
    assert (known["difference"] <= known["high"] + 1e-9).all()
    rows = forest.select(table.assign(margin=0.02))
    assert "n = items" in words_of(forest.draw(rows))


def test_reasons() -> None:
    few = comparison(paired(ODD["four items"]))
    assert row(few, "ocr")["reason"] == "4 images: below 6 no difference reaches p < .05"
    failed = row(comparison(paired(ODD["all failed"]), draws=60), "ocr")
    assert failed["reason"] == "no item was answered on both sides (4 missing)"
    with pytest.raises(ValueError, match="There is no pair of answers to compare"):
        comparison(Pairs(paired(ONE).table.iloc[:0], (0, 0), (0, 0)))
    with pytest.raises(ValueError, match=r"A margin of 1.5 is not a share of items"):
        comparison(paired(ONE), margin=1.5)


def test_the_order_of_rows_changes_nothing() -> None:
    frame = simulate(World(methods=ENDS, tasks=("ocr", "counting"), items=12, per_image=2))
    shuffled = frame.sample(frac=1, random_state=3)
    tables = [
        comparison(pair(part, frame, [(SMALL, LARGE)]), draws=200).set_index(["task", "group"])
        for part in (frame, shuffled)
    ]
    columns = ["difference", "low", "high", "p", "detectable"]
    left, right = (t[columns].sort_index() for t in tables)
    pd.testing.assert_frame_equal(left, right)


def test_seeds_of_a_side_are_averaged_as_samples_are() -> None:
    frame = simulate(ONE)
    first = frame[frame["cell"] == SMALL].assign(score=0.0)
    second = frame[frame["cell"] == LARGE]
    twice = pd.concat([second.assign(seed=k, score=float(k)) for k in range(2)])
    pairs = pair(first, twice, [(SMALL, LARGE)])
    assert pairs.samples == (1, 2)
    assert row(comparison(pairs, draws=100), "ocr")["difference"] == pytest.approx(0.5)


@pytest.mark.parametrize("kind", ["two an image", "images of 1 and 20", "one task without change"])
def test_ends_are_those_of_every_other_analysis(kind: str) -> None:
    # The same difference as a drop: same clusters, strata and draws, so the same interval.
    frame = simulate(World(methods=ENDS, tasks=("ocr", "counting"), items=40, per_image=2))
    if kind == "images of 1 and 20":
        frame["image_id"] = frame["task"] + np.where(
            frame["item_id"].str[-2:].astype(int) < 20, "a", frame["item_id"]
        )
    if kind == "one task without change":
        frame.loc[frame["task"] == "ocr", "score"] = 1.0
    ends = frame[frame["cell"].isin([SMALL, LARGE])]
    ours = comparison(pair(frame, frame, [(SMALL, LARGE)]), draws=300)
    drops = degradation(ends, draws=300).query("quantity == 'drop'")
    for task in ("ocr", "counting", "star", "in_domain"):
        found, peer = row(ours, task), row(drops, task)
        assert (found["difference"], found["se"]) == pytest.approx((peer["estimate"], peer["se"]))
        assert (found["low"], found["high"]) == pytest.approx((peer["low"], peer["high"]))
