"""Quanta: steps against isotonic regression, overlaps against all permutations, the table."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from analyses.figures import quanta as figure
from analyses.quanta import items, quanta
from analyses.stats.nesting import emergence, guessing, kept, mean_of, overlap, pairs
from tests.analyses.figures import words_of
from tests.analyses.simulate import World, simulate


def step_of(scores: list[float], chance: float = 0.0, samples: list[float] | None = None) -> int:
    weights = np.array([samples or [1.0] * len(scores)])
    return int(emergence(np.array([scores]), weights, np.array([chance]))[0])


@pytest.mark.parametrize(
    ("scores", "chance", "step"),
    [
        ([0, 0, 1, 1], 0.0, 2),
        ([1, 1, 1, 1], 0.0, 0),
        ([0, 0, 0, 0], 0.0, 4),
        ([1, 0, 1, 1], 0.0, 2),  # 1 wrong either way: from the first or the third on
        ([1, 1, 0, 1], 0.0, 0),
        ([1, 0], 0.0, 2),  # even evidence: never
        ([0, 1, 0, 1], 0.25, 3),
        ([1, 0, 0, 0], 0.25, 4),
        ([0, 0, 0.75, 1], 0.5, 3),  # .75 of two options is half way: even, so later
        ([0, 0, np.nan, 1], 0.0, -1),
    ],
)
def test_steps_by_hand(scores: list[float], chance: float, step: int) -> None:
    assert step_of(scores, chance) == step


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4)), min_size=1, max_size=7),
    st.sampled_from([0.0, 0.2, 1 / 3, 0.5]),
)
def test_step_is_isotonic_regression_cut_half_way(
    answers: list[tuple[int, int]], chance: float
) -> None:
    samples = [float(m) for _, m in answers]
    scores = [min(right, m) / m for right, m in answers]
    fit = isotonic_regression(scores, weights=samples).x
    above = np.flatnonzero(fit > (1 + chance) / 2 + 1e-9)
    assert step_of(scores, chance, samples) == (above[0] if len(above) else len(scores))


def test_guessing_against_every_outcome() -> None:
    sizes, g = 3, 0.25
    exact = np.zeros(sizes + 1)
    for answer in product([0.0, 1.0], repeat=sizes):
        weight = np.prod([g if right else 1 - g for right in answer])
        exact[step_of(list(answer), g)] += weight
    found = guessing(np.ones((2, sizes)), np.array([g, 0.0]), seed=0)
    assert found[0] == pytest.approx(exact, abs=0.012)
    assert found[1] == pytest.approx([0, 0, 0, 1])  # an open answer is never guessed


def overlap_of(scores: np.ndarray, chance: float = 0.0, clusters: list[int] | None = None, n=4000):
    labels = np.arange(len(scores)) if clusters is None else np.array(clusters)
    return overlap(
        scores,
        labels,
        np.full(len(scores), chance),
        permutations=n,
        rng=np.random.default_rng(0),
    )


def test_overlap_against_every_permutation() -> None:
    scores = np.array([[1, 1, 1], [0, 1, 1], [0, 0, 1], [1, 0, 0], [0, 0, 1.0]])
    every = []
    for one in permutations(range(5)):
        for two in permutations(range(5)):
            a, b, c = scores[:, 0], scores[list(one), 1], scores[list(two), 2]
            every.append([(a * b).mean(), (a * c).mean(), (b * c).mean()])
    found = overlap_of(scores)
    assert pairs(3) == [(0, 1), (0, 2), (1, 2)]
    assert found.observed == pytest.approx([0.2, 0.2, 0.4])
    assert found.unrelated == pytest.approx(np.mean(every, axis=0))
    share = (np.sum(every, axis=1) >= 0.8 - 1e-9).mean()
    assert kept(found, np.ones(3, dtype=bool)).p == pytest.approx(share, abs=0.03)


def test_kept_by_hand() -> None:
    # 2 of 4 solved by the small, 3 by the large, both of the small's among them: all kept.
    # Unrelated: 1/2 * 3/4 / (1/2) = .75; the most is 1, so the index is 1.
    found = kept(overlap_of(np.array([[1, 1], [1, 1], [0, 1], [0, 0.0]])), np.array([True]))
    assert (found.unrelated, found.index, found.nested) == pytest.approx((0.75, 1.0, 1.0))
    assert found.p == pytest.approx(0.5, abs=0.03)  # 3 of the 6 pairs hold no zero of the large


def test_nested_reference_with_guessing_by_simulation() -> None:
    rng = np.random.default_rng(1)
    hard = rng.random(40_000)
    known = np.column_stack([hard < 0.3, hard < 0.6])
    scores = (known | (rng.random(known.shape) < 0.25)).astype(float)
    found = overlap_of(scores, 0.25, n=2)
    assert found.nested == pytest.approx(found.observed, abs=0.01)


def test_images_move_whole() -> None:
    # Two images of two items each, right on one of them: both sizes agree or differ altogether.
    scores = np.array([[1, 1], [1, 1], [0, 0], [0, 0.0]])
    found = overlap_of(scores, clusters=[0, 0, 1, 1])
    assert set(np.round(found.drawn[:, 0], 9)) == {0.0, 0.5}
    assert found.unrelated == pytest.approx([0.25])


def test_options_are_not_mixed() -> None:
    # The items of two options are all right, the others all wrong: no order differs.
    scores = np.array([[1, 1], [1, 1], [0, 0], [0, 0.0]])
    found = overlap(
        scores,
        np.arange(4),
        np.array([0.5, 0.5, 0.25, 0.25]),
        permutations=50,
        rng=np.random.default_rng(0),
    )
    result = kept(found, np.array([True]))
    assert np.isnan(result.p)
    assert result.unrelated == pytest.approx(1.0)


def test_nothing_to_keep() -> None:
    found = kept(overlap_of(np.zeros((3, 2)), n=5), np.array([True]))
    assert np.isnan([found.unrelated, found.nested, found.index, found.p]).all()


def test_mean_over_tasks_is_of_each_part() -> None:
    one, two = overlap_of(np.ones((2, 2)), n=3), overlap_of(np.zeros((2, 2)), n=3)
    assert mean_of([one, two]).observed == pytest.approx([0.5])


def test_unrelated_sizes_have_uniform_p() -> None:
    rng = np.random.default_rng(2)
    p = []
    for seed in range(150):
        scores = (rng.random((40, 3)) < [0.3, 0.5, 0.7]).astype(float)
        found = overlap(
            scores,
            np.arange(40),
            np.full(40, 0.25),
            permutations=199,
            rng=np.random.default_rng(seed),
        )
        p.append(kept(found, np.ones(3, dtype=bool)).p)
    assert np.mean(np.array(p) <= 0.05) <= 0.1
    assert 0.4 < np.mean(p) < 0.65


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return simulate(World(tasks=("ocr", "counting"), items=20, methods=("end_to_end", "decoupled")))


@pytest.fixture(scope="module")
def table(frame: pd.DataFrame) -> pd.DataFrame:
    return quanta(frame, draws=100)


def test_table_against_pandas(frame: pd.DataFrame, table: pd.DataFrame) -> None:
    rows = frame[(frame["method"] == "end_to_end") & (frame["task"] == "ocr")]
    wide = rows.pivot_table("score", "item_id", "perception")[["xs", "s", "m", "l"]]
    own = table[(table["method"] == "end_to_end") & (table["task"] == "ocr")]
    m = own[(own["quantity"] == "kept") & (own["size"] == "s") & (own["larger"] == "m")].iloc[0]
    both = (wide["s"] * wide["m"]).sum()
    assert m["estimate"] == pytest.approx(both / wide["s"].sum())
    assert m["unrelated"] == pytest.approx(wide["m"].mean())
    fits = np.array([isotonic_regression(row).x for row in wide.to_numpy()])
    steps = (fits <= 0.625 + 1e-9).sum(axis=1)
    shares = own[own["quantity"].isin(["emerges", "never"])]["estimate"]
    assert shares.tolist() == pytest.approx((np.bincount(steps, minlength=5) / 20).tolist())
    # every size guesses one of four options, one answer each: all 16 rows of scores by hand
    guessed = np.zeros(5)
    for answer in product([0.0, 1.0], repeat=4):
        guessed[step_of(list(answer), 0.25)] += np.prod([0.25 if r else 0.75 for r in answer])
    chance = own[own["quantity"].isin(["emerges", "never"])]["chance"]
    assert chance.tolist() == pytest.approx(guessed.tolist(), abs=0.012)
    patterns = own[own["quantity"] == "pattern"].set_index("pattern")["estimate"]
    assert patterns.sum() == pytest.approx(1)
    text = wide.astype(int).astype(str).agg("|".join, axis=1)
    assert patterns.to_dict() == pytest.approx((text.value_counts() / 20).to_dict())


def test_ladders_hold_the_other_module_at_its_largest(table: pd.DataFrame) -> None:
    decoupled = table[table["method"] == "decoupled"]
    found = set(zip(decoupled["axis"], decoupled["partner"], decoupled["thinking"]))
    assert found == {(axis, "l", t) for axis in ("perception", "reasoning") for t in (True, False)}


def test_items_say_which(frame: pd.DataFrame, table: pd.DataFrame) -> None:
    found = items(frame)
    own = found[(found["method"] == "end_to_end") & (found["task"] == "ocr")]
    assert len(own) == 20
    never = table[(table["method"] == "end_to_end") & (table["quantity"] == "never")]
    share = never[never["task"] == "ocr"]["estimate"].iloc[0]
    assert (own["emerges"] == "never").mean() == pytest.approx(share)


def test_all_kept_has_the_exact_bound() -> None:
    frame = simulate(World(tasks=("ocr",), items=12, always=1.0, methods=("end_to_end",)))
    rows = quanta(frame, draws=50)
    rows = rows[(rows["quantity"] == "kept") & (rows["task"] == "ocr")]
    assert (rows["estimate"] == 1).all()
    assert rows["low"].to_numpy() == pytest.approx(0.025 ** (1 / 12))
    assert rows["index"].isna().all()


def test_the_exact_bound_is_of_the_images_solved() -> None:
    frame = simulate(World(tasks=("ocr",), items=12, always=1.0, methods=("end_to_end",)))
    lost = frame["item_id"].isin(frame["item_id"].unique()[:5])
    frame.loc[lost, "score"] = 0.0
    rows = quanta(frame, draws=50)
    rows = rows[(rows["quantity"] == "kept") & (rows["task"] == "ocr")]
    assert (rows["estimate"] == 1).all()
    # 7 of the 12 images are solved, and all of them are kept
    assert rows["low"].to_numpy() == pytest.approx(0.025 ** (1 / 7))


def test_one_size_has_no_ladder_and_no_scores_have_reasons() -> None:
    one = World(sizes=World().sizes[:1], tasks=("ocr",), items=4)
    assert not len(quanta(simulate(one), draws=50))
    assert not len(items(simulate(one)))
    failed = quanta(simulate(World(tasks=("ocr",), items=4, failed=1.0)), draws=50)
    assert len(failed)
    assert failed["estimate"].isna().all()
    assert failed["reason"].notna().all()


def test_map_counts_items_and_marks_exceptions() -> None:
    rows = pd.DataFrame(
        {
            "pattern": ["1|0|1", "0|0|0", "1|1|0"],
            "size": ["l", "never", "s"],
            "estimate": [0.5, 0.25, 0.25],
            "n": 4,
        }
    )
    found = figure.states(rows, ["s", "m", "l"])
    assert found.tolist() == [[2, 2, 3], [1, 0, 2], [1, 0, 2], [0, 0, 0]]


def test_figure_draws_one_ladder_of_each_family(table: pd.DataFrame) -> None:
    chosen = figure.select(table)
    assert set(chosen["method"]) == {"end_to_end"}
    assert "n = 20" in words_of(figure.draw(chosen))
    only = figure.select(table[table["method"] == "decoupled"])
    assert set(zip(only["axis"], only["thinking"])) == {("perception", False)}


def test_every_family_emerges_by_itself_where_several_are_put_together() -> None:
    # One family solves the first half of the items at every size, the other the second half: half
    # of them emerge at once in each, and half never do.
    frame = simulate(World(tasks=("ocr",), end_to_end_only=(), star=False, items=40))
    rank = frame["item_id"].map({name: k for k, name in enumerate(frame["item_id"].unique())})
    own = [frame.assign(score=((rank < 20) == first).astype(float), seed=int(first))
           for first in (True, False)]  # fmt: skip
    both = pd.concat(own, ignore_index=True)
    table = quanta(both).query("method == 'end_to_end' and task == 'ocr'")
    shares = table.set_index(["quantity", "size"])["estimate"]
    assert shares["emerges"].to_list() == [0.5, 0, 0, 0]
    assert shares["never"].to_list() == [0.5]
    assert shares["kept"].to_list() == [1.0] * 7
    assert sorted(shares["pattern"]) == [0.5, 0.5]
    alone = [quanta(part).query("quantity == 'kept'")["unrelated"].to_numpy() for part in own]
    pooled = quanta(both).query("quantity == 'kept'")["unrelated"].to_numpy()
    assert pooled == pytest.approx(np.mean(alone, axis=0), nan_ok=True)
    named = items(both).query("method == 'end_to_end'")
    assert named.groupby("seed")["emerges"].value_counts().to_list() == [20] * 4
