"""Findings: sentences of studies whose every number follows on paper, and what holds of any study.

In: simulated tables with scores that are written down. Out: sentences, verdicts, warnings, reasons.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analyses.dependence import dependence
from analyses.findings import COLUMNS, WARNINGS, findings
from analyses.registry import FIGURES
from analyses.stats.intervals import at_odds
from tests.analyses.simulate import World, simulate

SIZES = (("s", 1e4), ("l", 1e6))
N = 40
WORLD = World(SIZES, ("ocr",), (), star=False, items=N, always=1.0)
RIGHT = {
    "decoupled/P=l/R=l": range(N),
    "decoupled/P=s/R=l": range(20, N),
    "decoupled/P=l/R=s": range(10, N),
    "decoupled/P=s/R=s": range(30, N),
    "end_to_end/P=l": range(N),
    "end_to_end/P=s": range(16, N),
    "blind/P=l": range(20),
    "blind/P=s": range(10),
}
"""Cell -> the items that it gets right, both with and without thinking."""


def study(right: dict[str, Any] = RIGHT, methods: tuple[str, ...] = ()) -> pd.DataFrame:
    """A study of one task whose items are right where it is said; the cells that are said alone."""
    frame = simulate(WORLD)
    cell = frame["cell"].str.removesuffix("/think")
    number = frame["item_id"].astype(int)
    score = [float(n in right.get(c, ())) for c, n in zip(cell, number)]
    kept = cell.isin(right) & (~cell.isin(methods))
    return frame.assign(score=score, leak=False)[kept].reset_index(drop=True)


def found(frame: pd.DataFrame, **more: Any) -> pd.DataFrame:
    return findings(frame, draws=200, **more)


def sentence(table: pd.DataFrame, kind: str, n: int = 0) -> str:
    return str(table[table["kind"] == kind]["sentence"].iloc[n])


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return found(study())


def test_seeing_is_a_paired_difference_of_the_two_drops(table: pd.DataFrame) -> None:
    """Perception costs 20 of 40 items, reasoning 10 of these: ten items differ, all one way."""
    row = table.iloc[0]
    assert (row["kind"], row["verdict"], row["n"]) == ("seeing_or_thinking", "worse", N)
    assert row["estimate"] == pytest.approx(-0.25)
    error = np.sqrt(0.25 * 0.75 / (N - 1))
    assert row["p"] == pytest.approx(2 * stats.t.sf(0.25 / error, N - 1))
    said = re.sub(r"\[[\d., ]+\]", "[]", row["sentence"])
    assert said == (
        "Seeing, more than thinking: shrinking perception from l to s costs 25.0 points more [] "
        "than shrinking reasoning (ocr, after thinking)."
    )
    low, high = re.findall(r"\[([\d.]+), ([\d.]+)\]", row["sentence"])[0]
    assert (float(low), float(high)) == pytest.approx(
        (-100 * row["high"], -100 * row["low"]), abs=0.051
    )
    direct = table[(table["kind"] == "seeing_or_thinking") & ~table["headline"]]
    assert direct["estimate"].tolist() == pytest.approx([-0.25])


def test_thinking_where_reasoning_costs_more() -> None:
    swapped = {"P=s/R=l": "P=l/R=s", "P=l/R=s": "P=s/R=l"}
    right = {
        next((c.replace(a, b) for a, b in swapped.items() if a in c), c): items
        for c, items in RIGHT.items()
    }
    row = found(study(right)).iloc[0]
    assert (row["verdict"], row["estimate"]) == ("better", pytest.approx(0.25))
    assert row["sentence"].startswith(
        "Thinking, more than seeing: shrinking reasoning from l to s costs 25.0 points more ["
    )


def test_two_large_drops_of_which_neither_is_larger_are_undecided() -> None:
    """Each drop alone is far from 0; of their difference one item in 40 says nothing."""
    right = RIGHT | {"decoupled/P=l/R=s": range(19, N)}
    row = found(study(right)).iloc[0]
    assert row["verdict"] == "undecided"
    assert row["estimate"] == pytest.approx(-1 / N)
    assert row["sentence"].startswith(
        "Seeing or thinking is undecided: shrinking perception from l to s costs 2.5 points more ["
    )


def test_the_fall_and_guessing(table: pd.DataFrame) -> None:
    fall = table[table["kind"] == "fall"].iloc[0]
    assert (fall["estimate"], fall["verdict"]) == (pytest.approx(-16 / N), "worse")
    assert fall["sentence"].startswith("Accuracy falls end to end from l to s by 40.0 points [")
    blind = table[table["kind"] == "guessing"].iloc[0]
    assert (blind["estimate"], blind["verdict"]) == (pytest.approx(0.5 - 0.25), "better")
    assert blind["sentence"].startswith("Without the image size l is 25.0 points [")
    assert blind["sentence"].endswith("] above guessing (ocr).")
    lost = table[table["figure"] == "attribution"].iloc[0]
    assert lost["estimate"] == pytest.approx(30 / N)  # wrong with both small, right with both large
    assert lost["verdict"] is None
    assert not len(table[table["kind"] == "tasks_that_fall"])  # one task falls most of none


def test_the_tasks_that_fall_most_are_in_order() -> None:
    """Falls of 10, 30 and 0 of 40 items: the last is no fall."""
    parts = []
    for task, lost in (("ocr", 10), ("counting", 30), ("knowledge", 0)):
        own = study({"end_to_end/P=l": range(N), "end_to_end/P=s": range(lost, N)})
        parts.append(own.assign(task=task, image_id=task + own["image_id"]))
    table = found(pd.concat(parts, ignore_index=True))
    rows = table[table["kind"] == "tasks_that_fall"]
    assert rows["task"].tolist() == ["counting", "ocr"]
    assert rows["headline"].tolist() == [True, False]
    assert rows["estimate"].tolist() == pytest.approx([-0.75, -0.25])
    assert (
        rows["sentence"]
        .iloc[0]
        .startswith("Of 3 tasks, counting falls most end to end from l to s: by 75.0 points [")
    )
    assert sentence(table, "fall").endswith("(mean of 3 in-domain tasks).")
    assert table[table["kind"] == "fall"]["estimate"].iloc[0] == pytest.approx(-1 / 3)


def test_thinking_pays_and_costs() -> None:
    """At l thinking gains 12 items and loses none, at s it loses 12."""
    frame = study({cell: RIGHT[cell] for cell in RIGHT if "decoupled" in cell})
    number, think = frame["item_id"].astype(int), frame["thinking"]
    large = frame["cell"].str.contains("P=l/R=l") & ~think & (number < 12)
    small = frame["cell"].str.contains("P=l/R=s") & think & number.between(10, 21)
    frame["score"] = frame["score"].mask(large | small, 0.0)
    rows = found(frame).query("kind == 'thinking_pays'")
    assert sorted(rows["verdict"]) == ["better", "worse"]
    assert rows["headline"].all()
    said = {row["verdict"]: row["sentence"] for row in rows.to_dict("records")}
    assert said["better"].startswith("Thinking pays at reasoning l: 30.0 points more [")
    assert said["worse"].startswith("Thinking costs at reasoning s: 30.0 points less [")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            ("end_to_end/P=l", "end_to_end/P=s"),
            "Seeing or thinking is not answered: none of the 2 cells pairs a perception with a "
            "reasoning size.",
        ),
        (
            ("decoupled/P=l/R=l", "decoupled/P=l/R=s"),
            "Seeing or thinking is not answered: its pairings have 1 perception and 2 reasoning "
            "sizes, two of each are needed.",
        ),
        (
            ("decoupled/P=l/R=s", "decoupled/P=s/R=l", "decoupled/P=s/R=s"),
            "Seeing or thinking is not answered: its pairings have 2 perception and 2 reasoning "
            "sizes, and 3 of 4 pairings were run.",
        ),
        (
            ("end_to_end/P=l",),
            "Whether accuracy falls end to end is not answered: of 1 cells 1 is end to end, of 1 "
            "size; two sizes are needed.",
        ),
    ],
)
def test_a_study_without_the_cells_says_why(cells: tuple[str, ...], said: str) -> None:
    table = found(study({cell: RIGHT[cell] for cell in cells}))
    assert said in table["sentence"].tolist()
    own = table[table["sentence"] == said].iloc[0]
    assert own["verdict"] is None
    kinds = set(table["kind"]) - {"seeing_or_thinking", "fall", *WARNINGS}
    assert not kinds & {"guessing", "dependence"}


def test_where_every_pairing_failed_the_reason_is_told() -> None:
    frame = study()
    gone = frame["cell"].str.contains("P=s/R=l")
    frame = frame.assign(
        failed=gone, score=frame["score"].mask(gone), parsed=~gone, reason="It broke"
    )
    row = found(frame).iloc[0]
    assert (row["verdict"], np.isnan(row["estimate"])) == ("undecided", True)
    assert row["sentence"] == (
        "Seeing or thinking is not answered (ocr, after thinking): no item has a score in every "
        f"cell compared ({N} missing)."
    )


def test_warnings_count_what_they_warn_of() -> None:
    frame = study({cell: RIGHT[cell] for cell in ("end_to_end/P=l", "end_to_end/P=s")})
    assert set(found(frame)["kind"]) & set(WARNINGS) == {"one_seed"}
    at = frame.index[frame["cell"] == "end_to_end/P=s"]
    frame.loc[at[:4], ["parsed", "score"]] = [False, 0.0]  # 4 of 37 that did not fail
    frame.loc[at[-3:], "failed"] = True
    frame.loc[at[-3:], "score"] = np.nan
    frame.loc[at[5:10], "leak"] = True
    frame["image_id"] = "i" + (frame["item_id"].astype(int) % 19).astype(str)
    table = found(frame)
    assert sentence(table, "failed") == "3 of 80 answers failed and are missing from every number."
    assert sentence(table, "unparsed") == (
        "Unread answers, which score 0, are above 5 % in 1 of 2 cells: 10.8% of end_to_end/P=s in "
        "domain."
    )
    assert sentence(table, "leaks") == (
        "In 5 of 80 answers an earlier text held an option, the answer or a letter."
    )
    assert sentence(table, "few_items") == (
        "Few items: 1 of 1 tasks and categories have under 20 images (ocr 19): their intervals "
        "cover less than they say."
    )
    assert table[table["warns"]]["kind"].tolist() == [
        *("failed", "unparsed", "leaks", "few_items", "one_seed"),
    ]
    both = pd.concat([frame, frame.assign(seed=1)], ignore_index=True)
    assert "one_seed" not in set(found(both)["kind"])


@pytest.mark.parametrize(("limit", "look"), [(None, False), (N, True), (N + 1, False), (3, True)])
def test_a_look_concludes_nothing(limit: int | None, look: bool) -> None:
    table = found(study(), limit=limit)
    if look:
        assert (
            table["sentence"].iloc[0] == f"A look: {limit} items a task, nothing can be concluded."
        )
        assert set(table["kind"]) <= set(WARNINGS)
        assert table["verdict"].isna().all()
    else:
        assert "look" not in set(table["kind"])


def test_tables_that_are_there_are_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from analyses import findings as module
    from analyses.registry import load_analysis

    frame = study()
    made = {name: load_analysis(name)(frame, draws=200) for name in module.STANDS_ON}
    alone = found(frame)
    monkeypatch.setattr(module, "load_analysis", None)
    pd.testing.assert_frame_equal(found(frame, tables=made), alone)


def test_an_empty_table() -> None:
    assert found(study().iloc[:0]).columns.tolist() == list(COLUMNS)


@pytest.mark.parametrize(
    ("p", "low", "high", "said"),
    [
        (0.01, 0.1, 0.3, None),
        (0.2, -0.1, 0.3, None),
        (0.01, -0.1, 0.3, "p is below .05, the interval holds 0: so"),
        (0.01, 0.0, 0.3, "p is below .05, the interval holds 0: so"),
        (0.2, 0.1, 0.3, "p is not below .05, the interval leaves 0 out: so"),
        (0.2, -0.3, -0.1, "p is not below .05, the interval leaves 0 out: so"),
        (np.nan, 0.1, 0.3, None),
        (0.2, np.nan, 0.3, None),
    ],
)
def test_p_and_interval_at_odds(p: float, low: float, high: float, said: str | None) -> None:
    assert at_odds(p, low, high, "so") == said


WORLDS = [
    World(SIZES, ("ocr", "knowledge"), (), items=6),
    World(tasks=("ocr",), end_to_end_only=(), star=False, items=12, failed=0.2, unparsed=0.2),
    World((*SIZES, ("xl", 1e8)), ("ocr", "counting", "quality"), ("grounding",), star=False,
          items=25, per_image=5),
    World(SIZES, ("ocr",), (), items=1, methods=("end_to_end", "blind")),
    World((("only", 1e4),), ("ocr", "counting", "quality"), (), star=False, items=8),
    World(SIZES, ("ocr", "counting", "quality"), (), star=False, items=8, always=1.0),
]  # fmt: skip


@pytest.mark.parametrize("world", WORLDS)
def test_what_holds_of_every_study(world: World) -> None:
    frame = simulate(world)
    if world.per_image > 1:  # and of two families
        other = frame.assign(family="other", cell="other/" + frame["cell"])
        frame = pd.concat([frame, other], ignore_index=True)
    table = findings(frame, draws=60)
    assert len(table)
    assert table["kind"].iloc[0] == "seeing_or_thinking"
    for row in table.to_dict("records"):
        said, low, high = row["sentence"], row["low"], row["high"]
        assert {"better": low > 0, "worse": high < 0, "undecided": not (low > 0 or high < 0)}.get(
            row["verdict"], row["verdict"] is None
        ), said
        assert "nan" not in said
        assert re.search(r"\d|One", said)
        assert len(said.split()) <= 30
        assert said.endswith(".")
        assert row["figure"] in (*FIGURES, "cells")
        assert not row["p_holm"] < row["p"]
        if row["verdict"] in ("better", "worse"):
            assert "undecided" not in said
            assert "not answered" not in said
            odds = at_odds(row["p_holm"], low, high, "")
            assert odds is None or row["reason"]
        # what looks like 0 in the sentence is 0
        for end in re.findall(r"\[(\S+), (\S+)\]", said):
            shown = [float(text.replace("\N{MINUS SIGN}", "-")) for text in end]
            assert (min(shown) > 0 or max(shown) < 0) == (low > 0 or high < 0), said
    if len(set(frame["family"])) > 1:
        answers = table[~table["warns"]]
        assert answers["sentence"].str.startswith(("micro: ", "other: ")).all()


@pytest.mark.parametrize(
    ("slope", "unrelated", "verdict", "said"),
    [
        ((0.76, 0.49, 1.03), 0.40, "worse", "Tasks that need the image more fall more: "),
        ((0.76, 0.49, 1.03), 0.60, "undecided", "Whether tasks that need the image more fall"),
        ((0.76, 0.49, 1.03), np.nan, "worse", "Tasks that need the image more fall more: "),
        ((-0.76, -1.03, -0.49), 0.60, "better", "Tasks that need the image more fall less: "),
    ],
)
def test_a_slope_must_exceed_what_unrelated_accuracies_give(
    slope: tuple[float, ...], unrelated: float, verdict: str, said: str
) -> None:
    """The largest size, the smallest and the blind are right on the first items of five tasks."""
    right = {
        "a": (40, 8, 8),
        "b": (36, 20, 12),
        "c": (30, 20, 20),
        "d": (38, 20, 4),
        "e": (24, 16, 20),
    }
    frame = simulate(World(SIZES, tuple(right), (), star=False, items=N, always=1.0))
    cells = {"end_to_end/P=l": 0, "end_to_end/P=s": 1, "blind/P=l": 2}
    frame = frame[frame["cell"].isin(cells)].reset_index(drop=True)
    first = [right[task][cells[cell]] for task, cell in zip(frame["task"], frame["cell"])]
    frame["score"] = (frame["item_id"].astype(int) < first).astype(float)
    fits = dependence(frame, draws=200)
    slopes = fits["quantity"] == "slope"
    fits.loc[slopes & (fits["estimator"] == "bces"), ["estimate", "low", "high"]] = slope
    fits.loc[slopes & (fits["estimator"] == "null_structure"), "estimate"] = unrelated
    fits.loc[fits["estimator"] == "independence", "p"] = 0.01
    table = found(frame, tables={"dependence": fits})
    own = table[table["kind"] == "dependence"].iloc[0]
    beside = f"; unrelated accuracies would give {unrelated:.2f}" if unrelated > 0 else ""
    assert own["sentence"].startswith(said)
    assert own["sentence"].endswith(f" (5 in-domain tasks{beside}).")
    assert own["verdict"] == verdict
    assert (own["reason"] is not None) == (verdict == "undecided")
