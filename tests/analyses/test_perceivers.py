"""Studies with several perceivers: no analysis mixes them, and tables of one are as they were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analyses.columns import INSTRUCT, completed
from analyses.figures.parts.style import by_perceiver
from analyses.registry import ANALYSES, ROWS, load_analysis, load_rows
from analyses.table.sizes import NAMED, end_to_end, pairings_of
from tests.analyses.simulate import World, simulate

WORLD = World((("s", 1e4), ("m", 1e5), ("l", 1e6)), ("ocr", "knowledge"), ("grounding",), items=6)
ALONE = ("agreement", "seeds", "cells", "efficiency", "methods", "findings")
"""Analyses of single cells, of all answers together, or of perceivers against each other."""


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return simulate(WORLD)


def of_extract(frame: pd.DataFrame, *, named: bool) -> pd.DataFrame:
    """The pairings by another perceiver, worse than the first; with thinking as a named method."""
    rows = frame[frame["perception"].notna()].copy()
    rng = np.random.default_rng(1)
    rows["score"] = rows["score"].where(rng.random(len(rows)) < 0.6, 0.0)
    cell = rows["cell"].str.replace("/", "/extract/", n=1)
    if named:
        think = (rows["method"] == "decoupled") & rows["thinking"]
        cell = cell.mask(think, rows["cell"].str.replace("decoupled", "extract_think"))
        rows["method"] = rows["method"].mask(think, "extract_think")
    return rows.assign(cell=cell, perceiver="extract")


def both(frame: pd.DataFrame, *, named: bool = True) -> pd.DataFrame:
    return pd.concat([frame, of_extract(frame, named=named)], ignore_index=True)


def analysed(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    return load_analysis(name)(frame, draws=20)


def same(first: pd.DataFrame, second: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        first.reset_index(drop=True), second.reset_index(drop=True), check_dtype=False, rtol=1e-9
    )


@pytest.mark.parametrize("name", [name for name in ANALYSES if name not in ALONE])
def test_each_perceiver_has_the_rows_that_it_has_alone(name: str, frame: pd.DataFrame) -> None:
    table = analysed(name, both(frame))
    first = table[table["perceiver"].isna() | (table["perceiver"] == INSTRUCT)]
    same(first.drop(columns="perceiver"), analysed(name, frame))
    others = of_extract(frame, named=False)
    others = others[~(others["method"] == "end_to_end")] if name == "attribution" else others
    # Alone it is called as the first one is, beside what has no perceiver, or is end to end.
    beside = frame[frame["perception"].isna()]
    if name == "attribution":
        beside = frame[frame["method"] == "end_to_end"]
    alone = analysed(name, pd.concat([others.assign(perceiver=INSTRUCT), beside]))
    second = table[table["perceiver"] == "extract"].drop(columns="perceiver")
    keys = [column for column in second.columns if second[column].dtype == object]
    if name in ("thinking", "quanta", "power", "degradation"):  # with rows of no perceiver
        alone = alone[~alone["method"].isin(("oracle", "text_only"))]
    assert len(second)
    if name == "power":  # a ladder of the named method by its own name
        assert set(second["method"]) == {"end_to_end", "blind", "decoupled", "extract_think"}
        second = second.replace({"extract_think": "decoupled"})
    order = [key for key in keys if key != "reason"]
    numbers = [column for column in second.columns if column not in keys]
    same(second.sort_values([*order, *numbers[:1]]), alone.sort_values([*order, *numbers[:1]]))


@pytest.mark.parametrize("name", [*ANALYSES, *ROWS])
def test_a_table_of_an_older_version_is_of_one_perceiver(name: str, frame: pd.DataFrame) -> None:
    def table(frame: pd.DataFrame) -> pd.DataFrame:
        return analysed(name, frame) if name in ANALYSES else load_rows(name)(frame)

    older = frame.drop(columns=["perceiver", "perception_samples"])
    assert "perceiver" not in table(older).columns
    same(table(older), table(frame))
    looks = frame["perception"].notna()
    assert (completed(older)["perceiver"][looks] == INSTRUCT).all()
    assert completed(older)["perceiver"][~looks].isna().all()


def test_an_older_table_below_a_newer_is_of_the_perceiver_that_there_was(
    frame: pd.DataFrame,
) -> None:
    """Without it a family's older half would stand apart, or be left out."""
    newer, older = frame[frame["perception"] != "s"], frame[frame["perception"] == "s"]
    older = older.drop(columns=["perceiver", "perception_samples"])
    table = pd.concat([newer, older], ignore_index=True)
    whole = pd.concat([newer, frame[frame["perception"] == "s"]], ignore_index=True)
    for name in ("degradation", "decoupling", "leakage"):
        same(analysed(name, table), analysed(name, whole))


@pytest.mark.parametrize("method", NAMED)
def test_a_named_method_is_a_pairing_of_its_perceiver(method: str, frame: pd.DataFrame) -> None:
    own = frame[(frame["method"] == "decoupled") & frame["thinking"]]
    grids = pairings_of(
        pd.concat([frame, own.assign(method=method, perceiver="p", cell=method + own["cell"])])[
            [
                "cell",
                "method",
                "family",
                "perceiver",
                "perception",
                "reasoning",
                "thinking",
                "perception_params",
                "reasoning_params",
            ]
        ].drop_duplicates("cell")
    )
    assert [(grid.perceiver, grid.thinking) for grid in grids] == [
        (INSTRUCT, False),
        (INSTRUCT, True),
        ("p", True),
    ]
    assert {cell[: len(method)] for cell in grids[-1].cells.values()} == {method}


def test_the_end_to_end_model_is_the_one_trained_to_answer(frame: pd.DataFrame) -> None:
    cells = both(frame).drop_duplicates("cell")
    cells = cells.sort_values("perceiver")  # extract before instruct
    for grid in pairings_of(cells):
        assert end_to_end(cells, grid) == "end_to_end/P=l"
    assert end_to_end(cells[cells["perceiver"] == "extract"], pairings_of(cells)[0]) is None


def test_cells_say_who_looked(frame: pd.DataFrame) -> None:
    table = analysed("cells", both(frame))
    assert not table.duplicated(["cell", "task", "group"]).any()
    told = table.drop_duplicates("cell").set_index("cell")["perceiver"]
    assert told["end_to_end/P=l"] == INSTRUCT
    assert told["extract_think/P=s/R=l/think"] == "extract"
    assert pd.isna(told["oracle/R=l"])


def test_figures_draw_perceivers_apart_as_they_do_families() -> None:
    table = pd.DataFrame(
        {"family": ["f", "f", "f"], "perceiver": ["instruct", "extract_scratch", None]}
    )
    apart = by_perceiver(table)  # those that were trained to answer first
    assert apart["family"].to_dict() == {0: "f", 1: "f, extract scratch", 2: "f"}
    assert list(apart.index) == [0, 2, 1]
    assert by_perceiver(table.assign(cell="c"))["family"].tolist() == ["f"] * 3
