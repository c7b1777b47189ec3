"""Whose fault lost items are: by hand, against plain loops, against a world of known guessing."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analyses.attribution import attribution
from analyses.attribution_examples import CORNERS, attribution_examples
from analyses.contrasts.contrast import EXACT
from analyses.registry import load_figure
from analyses.stats import mending as blame
from tests.analyses.simulate import World, simulate

TWO = (("s", 1e6), ("l", 1e7))
PAIRS = ("ss", "ls", "sl", "ll")


def study(items: int, samples: int = 1, tasks: tuple[str, ...] = ("ocr",)) -> pd.DataFrame:
    """Direct pairings and the end-to-end cells of two sizes, one image an item."""
    world = World(sizes=TWO, tasks=tasks, end_to_end_only=(), star=False, items=items)
    frame = simulate(World(**{**vars(world), "samples": samples}))
    direct = (frame["method"] == "decoupled") & ~frame["thinking"]
    return frame[direct | (frame["method"] == "end_to_end")].reset_index(drop=True)


def put(frame: pd.DataFrame, cell: str, scores: list[float], sample: int = 0) -> None:
    """The scores of a pairing such as `ls` (perception first), or of `end` to end at l."""
    if cell == "end":
        own = frame["cell"] == "end_to_end/P=l"
    else:
        own = frame["cell"] == f"decoupled/P={cell[0]}/R={cell[1]}"
    own &= frame["sample"] == sample
    wrong = np.where(frame.loc[own, "answer"] == "A", "B", "A")
    frame.loc[own, "score"] = scores
    frame.loc[own, "prediction"] = np.where(
        np.asarray(scores) == 1, frame.loc[own, "answer"], wrong
    )


def row(table: pd.DataFrame, quantity: str, task: str = "ocr") -> pd.Series:
    rows = table[(table["quantity"] == quantity) & (table["task"] == task)]
    rows = rows[rows["group"].isna()]
    assert len(rows) == 1
    return rows.iloc[0]


def test_classes_by_hand() -> None:
    # Items: perception alone, reasoning alone, either, only both, only both; three not lost.
    frame = study(8)
    put(frame, "ss", [0, 0, 0, 0, 0, 1, 1, 0])
    put(frame, "ls", [1, 0, 1, 0, 0, 1, 0, 1])
    put(frame, "sl", [0, 1, 1, 0, 0, 1, 0, 1])
    put(frame, "ll", [1, 1, 1, 1, 1, 1, 0, 0])
    table = attribution(frame, draws=200)
    found = {name: row(table, name) for name in ("lost", *blame.CLASSES)}
    assert {name: r["estimate"] for name, r in found.items()} == pytest.approx(
        {
            "lost": 5 / 8,
            "perception_alone": 1 / 5,
            "reasoning_alone": 1 / 5,
            "either": 1 / 5,
            "only_both": 2 / 5,
        }
    )
    assert found["either"]["base"] == 5
    # Four options: a retry is right with 1/4, whatever the item.
    assert {name: r["reference"] for name, r in found.items()} == pytest.approx(
        {
            "lost": 6 / 8 / 4,
            "perception_alone": 3 / 16,
            "reasoning_alone": 3 / 16,
            "either": 1 / 16,
            "only_both": 9 / 16,
        }
    )
    assert set(table["reference_from"].dropna()) == {"guessing"}


def test_bottleneck_by_hand() -> None:
    # Right end to end: items 0 to 3. Every pairing misses item 0, (L, L) misses items 0 and 1.
    frame = study(6)
    put(frame, "end", [1, 1, 1, 1, 0, 0])
    put(frame, "ss", [0, 1, 0, 0, 0, 1])
    put(frame, "ls", [0, 0, 0, 1, 0, 0])
    put(frame, "sl", [0, 0, 0, 1, 0, 0])
    put(frame, "ll", [0, 0, 1, 1, 0, 0])
    table = attribution(frame, draws=100)
    assert row(table, "bottleneck")["estimate"] == pytest.approx(1 / 4)
    # Different options named: 1, 2, 2, 2 of four, so the four are missed with 3/4, 1/2, 1/2, 1/2.
    assert row(table, "bottleneck")["reference"] == pytest.approx((3 / 4 + 3 / 2) / 4)
    assert row(table, "bottleneck_largest")["estimate"] == pytest.approx(2 / 4)
    assert row(table, "bottleneck_largest")["reference"] == pytest.approx(3 / 4)
    # Two are wrong end to end: of two that guess, (1/4) / (3/4) as many were lucky.
    assert row(table, "guessed")["estimate"] == pytest.approx(2 / 3 / 4)
    reason = str(row(table, "bottleneck")["reason"])
    assert reason.endswith("not adjusted: guessing alone would leave 2 of the items")


def test_plain_shares_of_several_samples_are_means_over_all_draws_of_one_answer() -> None:
    rng = np.random.default_rng(5)
    frame, drawn = study(4, samples=3), {}
    for pair, k in product(PAIRS, range(3)):
        drawn[pair, k] = rng.integers(0, 2, 4).astype(float)
        put(frame, pair, drawn[pair, k], k)
    table = attribution(frame, draws=50)
    counts = dict.fromkeys(blame.CLASSES, 0)
    for i, choice in product(range(4), product(range(3), repeat=4)):
        ss, ls, sl, ll = (drawn[pair, k][i] for pair, k in zip(PAIRS, choice))
        if ss == 0 and ll == 1:
            names = {(1, 0): "perception_alone", (0, 1): "reasoning_alone", (1, 1): "either"}
            counts[names.get((int(ls), int(sl)), "only_both")] += 1
    for name, count in counts.items():
        assert row(table, name)["estimate"] == pytest.approx(count / sum(counts.values()))


def test_reference_from_samples_tries_again_with_other_samples() -> None:
    rng = np.random.default_rng(6)
    frame, small = study(5, samples=4), rng.integers(0, 2, (4, 5)).astype(float)
    for k in range(4):
        put(frame, "ss", list(small[k]), k)
    large = frame[frame["cell"] == "decoupled/P=l/R=l"].groupby("item_id")["score"].mean()
    table = attribution(frame, draws=50)
    counts = dict.fromkeys(blame.CLASSES, 0.0)
    again = []
    for i in range(5):
        again += [
            (1 - small[a, i]) * small[b, i] for a, b in permutations(range(4), 2)
        ]  # a replicate flips a wrong answer
        for a, b, c in permutations(range(4), 3):
            weight = (1 - small[a, i]) * large.iloc[i]
            names = {(1, 0): "perception_alone", (0, 1): "reasoning_alone", (1, 1): "either"}
            counts[names.get((int(small[b, i]), int(small[c, i])), "only_both")] += weight
    for name, count in counts.items():
        found = row(table, name)
        assert found["reference"] == pytest.approx(count / sum(counts.values()))
        assert found["reference_from"] == "samples"
    assert row(table, "lost")["reference"] == pytest.approx(np.mean(again))


def test_where_larger_modules_only_guess_the_shares_are_their_references() -> None:
    # (S, S) never knows; the others know nothing more but (L, L), which knows all.
    rng = np.random.default_rng(7)
    n = 4000
    frame = study(n)
    for pair in ("ss", "ls", "sl"):
        put(frame, pair, list((rng.random(n) < 0.25).astype(float)))
    put(frame, "ll", [1.0] * n)
    table = attribution(frame, draws=400)
    for name in blame.CLASSES:
        found = row(table, name)
        assert found["low"] <= found["reference"] <= found["high"]
        assert abs(found["estimate"] - found["reference"]) < 0.03


def test_largest_bottleneck_is_what_the_largest_pairing_does_not_know() -> None:
    # The end-to-end model knows all, (L, L) knows 60 % and guesses the rest with four options.
    rng = np.random.default_rng(8)
    n = 4000
    frame = study(n)
    put(frame, "end", [1.0] * n)
    knows = rng.random(n) < 0.6
    put(frame, "ll", list((knows | (rng.random(n) < 0.25)).astype(float)))
    found = row(attribution(frame, draws=400), "bottleneck_largest")
    assert found["estimate"] == pytest.approx(0.3, abs=0.03)
    assert found["adjusted_low"] <= 0.4 <= found["adjusted_high"]


def test_misses_beyond_guessing_stay_above_1_and_are_named() -> None:
    # The end-to-end model knows all 12, (L, L) misses 11: guessing with four options misses 9.
    frame = study(12)
    put(frame, "end", [1.0] * 12)
    put(frame, "ll", [1.0] + [0.0] * 11)
    found = row(attribution(frame, draws=400), "bottleneck_largest")
    assert found["estimate"] == pytest.approx(11 / 12)
    assert found["adjusted"] == pytest.approx(11 / 9)
    assert found["adjusted_low"] < found["adjusted"] <= found["adjusted_high"]
    assert found["reason"] == "adjusted above 1: missed more often than guessing alone would"
    put(frame, "ll", [1.0] * 3 + [0.0] * 9)
    found = row(attribution(frame, draws=400), "bottleneck_largest")
    assert found["adjusted"] == pytest.approx(1.0)
    assert found["reason"] is None


def test_the_axis_of_the_figure_holds_ratios_above_1() -> None:
    frame = study(12)
    put(frame, "end", [1.0] * 12)
    put(frame, "ll", [1.0] + [0.0] * 11)
    module = load_figure("attribution")
    rows = module.select(attribution(frame, draws=400))
    figure = module.draw(rows)
    last = next(axes for axes in figure.axes if "over guessing" in axes.get_title(loc="left"))
    assert rows["adjusted_high"].max() > 1.2
    assert last.get_xlim()[1] > rows["adjusted_high"].max()


def test_a_share_that_no_draw_changes_has_the_exact_bound() -> None:
    frame = study(20)
    for pair, score in zip(PAIRS, (0.0, 0.0, 0.0, 1.0)):
        put(frame, pair, [score] * 20)
    found = row(attribution(frame, draws=100), "only_both")
    assert (found["estimate"], found["high"], found["reason"]) == (1, 1, EXACT)
    assert found["low"] == pytest.approx(0.025 ** (1 / 20))  # Clopper-Pearson with 20 of 20


def test_missing_scores_leave_the_item_out_and_nothing_lost_has_a_reason() -> None:
    frame = study(4)
    for pair in PAIRS:
        put(frame, pair, [1.0, 1.0, 0.0, 0.0])
    frame.loc[(frame["cell"] == "decoupled/P=l/R=s") & (frame["item_id"] == "00000"), "score"] = (
        np.nan
    )
    table = attribution(frame, draws=50)
    lost = row(table, "lost")
    assert (lost["n"], lost["missing"], lost["estimate"]) == (3, 1, 0)
    either = row(table, "either")
    assert np.isnan(either[["estimate", "low", "reference"]].astype(float)).all()
    assert either["reason"] == (
        "no item is lost: none is wrong with both modules small and right with both large"
    )
    nothing = attribution(frame.assign(score=np.nan), draws=50)
    assert (
        row(nothing, "lost")["reason"] == "no item has a score in every cell compared (4 missing)"
    )


def test_shares_of_the_mean_come_from_the_means_and_sum_to_one() -> None:
    frame = study(30, tasks=("ocr", "knowledge"))
    table = attribution(frame, draws=100)
    lost = [row(table, "lost", task)["estimate"] for task in ("ocr", "knowledge")]
    both = [row(table, "only_both", task)["estimate"] for task in ("ocr", "knowledge")]
    mean = np.dot(lost, both) / np.sum(lost)
    assert row(table, "only_both", "in_domain")["estimate"] == pytest.approx(mean)
    for task in ("ocr", "knowledge", "in_domain"):
        for number in ("estimate", "reference"):
            total = sum(row(table, name, task)[number] for name in blame.CLASSES)
            assert total == pytest.approx(1)


def test_intervals_are_expanded_by_the_images_that_a_share_is_of() -> None:
    # 40 of 80 items are lost, each mended by perception alone or by reasoning alone, half and half:
    # a share of 40 independent items, .5 with error sqrt(.25 / 40), t with 39 degrees.
    frame = study(80)
    lost = np.arange(80) < 40
    alone = np.arange(80) % 2 == 0
    put(frame, "ss", list(np.where(lost, 0.0, 1.0)))
    put(frame, "ls", list(np.where(lost & ~alone, 0.0, 1.0)))
    put(frame, "sl", list(np.where(lost & alone, 0.0, 1.0)))
    put(frame, "ll", [1.0] * 80)
    found = row(attribution(frame, draws=20_000), "perception_alone")
    assert found["estimate"] == 0.5
    half = stats.t.ppf(0.975, 39) * np.sqrt(0.25 / 39)
    # plain percentiles of the draws would give 1.96 sqrt(.25 / 40), 5 % less
    assert (found["high"] - found["low"]) / 2 == pytest.approx(half, rel=0.025)


def test_examples_are_of_their_class_and_do_not_depend_on_the_order() -> None:
    frame = simulate(World(tasks=("ocr", "knowledge"), items=25, samples=2, star=False))
    found = attribution_examples(frame, each=2)
    rights = {
        "perception_alone": (False, True, False, True),
        "reasoning_alone": (False, False, True, True),
        "either": (False, True, True, True),
        "only_both": (False, False, False, True),
    }
    assert set(rights) <= set(found["class"])
    assert found.groupby(["thinking", "class"]).size().max() == 2
    for example in found.to_dict("records"):
        read = tuple(example[corner] == example["answer"] for corner in CORNERS)
        if example["class"] == "bottleneck":
            assert (read, example["end_to_end"]) == ((False,) * 4, example["answer"])
        else:
            assert read == rights[example["class"]]
    shuffled = attribution_examples(frame.sample(frac=1, random_state=0), each=2)
    keys = ["thinking", "class", "task", "item_id"]
    assert found.sort_values(keys)[keys].to_numpy().tolist() == (
        shuffled.sort_values(keys)[keys].to_numpy().tolist()
    )
    assert len(attribution_examples(frame[frame["method"] == "end_to_end"])) == 0


def families(count: int) -> list[pd.DataFrame]:
    """Families of the same sizes and items, whose models know different items."""
    own = []
    for family in range(count):
        frame = study(300)
        rng = np.random.default_rng(family)
        knows = pd.Series(rng.random(300) < 0.5, index=frame["item_id"].unique())
        frame["score"] = frame["item_id"].map(knows).astype(float)
        frame.loc[frame["method"] == "decoupled", "score"] *= family % 2
        own.append(frame.assign(seed=family))
    return own


def test_a_family_answers_for_itself_where_several_are_put_together() -> None:
    # End to end each family knows its own half of the items. The pairings of the first know none of
    # them, those of the second all of them: what they lose is 1 and 0, whatever the other knows.
    own = families(2)
    alone = [row(attribution(frame), "bottleneck") for frame in own]
    assert [part["estimate"] for part in alone] == [1.0, 0.0]
    pooled = row(attribution(pd.concat(own, ignore_index=True)), "bottleneck")
    base = np.array([part["base"] for part in alone])
    assert pooled["base"] == pytest.approx(base.mean())
    assert pooled["estimate"] == pytest.approx(base[0] / base.sum())
    # What one more family would show cannot be told from these two.
    assert (pooled["low"], pooled["high"]) == (0.0, 1.0)


def test_one_family_twice_is_that_family() -> None:
    frame = simulate(World(tasks=("ocr", "relation"), end_to_end_only=(), star=False))
    once = attribution(frame.assign(seed=0))
    twice = attribution(pd.concat([frame.assign(seed=s) for s in (0, 1)], ignore_index=True))
    for name in ("estimate", "reference", "adjusted", "low", "high", "n", "base"):
        assert twice[name].to_list() == pytest.approx(once[name].to_list(), nan_ok=True), name
    assert twice["reference_from"].to_list() == once["reference_from"].to_list()
