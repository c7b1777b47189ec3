"""The figures of dependence and its diagnostics show what the table holds."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from analyses.dependence import dependence
from analyses.figures import coupling
from analyses.figures import dependence as figure_of_dependence
from tests.analyses.figures import words_of
from tests.analyses.simulate import World, simulate


def test_panels_hold_the_tables_numbers() -> None:
    table = coupling.select(
        dependence(simulate(World(tasks=("ocr", "knowledge", "counting"), items=30)), draws=60)
    )
    figure = coupling.draw(table)
    estimators, without, cook = figure.axes
    left = table[(table["estimator"] == "left_out") & (table["quantity"] == "slope")]
    assert without.lines[0].get_xdata().tolist() == pytest.approx(left["estimate"].tolist())
    distances = table[table["quantity"] == "cooks_distance"]["estimate"].tolist()
    assert cook.lines[0].get_xdata().tolist() == pytest.approx(distances)
    shown = [text.get_text() for text in estimators.get_yticklabels()]
    assert shown == ["least squares", "BCES", "BCES, few tasks", "Theil–Sen"]
    assert "n = 5 tasks" in words_of(figure)


def test_too_few_tasks_say_what_it_takes() -> None:
    world = World(tasks=("ocr",), end_to_end_only=(), star=False, items=10)
    figure = coupling.draw(coupling.select(dependence(simulate(world), draws=60)))
    assert "three in-domain tasks" in figure.texts[0].get_text()


def test_points_that_coincide_share_one_name_inside_the_axes() -> None:
    frame = simulate(World(items=20, always=1.0, star=False))  # every task at 0, 0
    table = as_read(dependence(frame, draws=60))
    drawn = figure_of_dependence.draw(table)
    (name,) = [text.get_text() for text in drawn.axes[0].texts]
    tasks = table.loc[table["estimator"] == "task", "task"].unique()
    assert sorted(name.split(", ")) == sorted(tasks)


def test_a_fit_without_interval_and_reason_is_its_number_alone() -> None:
    table = as_read(dependence(simulate(World(items=20, star=False)), draws=60))
    square = table[(table["estimator"] == "least_squares") & (table["quantity"] == "r2")].iloc[0]
    assert np.isnan(square["low"])
    assert pd.isna(square["reason"])
    text = "\n".join(text.get_text() for text in figure_of_dependence.draw(table).axes[1].texts)
    assert f"R²\n    {square['estimate']:.2f}\n" in text
    assert "nan" not in text


def as_read(table: pd.DataFrame) -> pd.DataFrame:
    """The figure's rows as they come back from their CSV: an empty reason is NaN."""
    rows = figure_of_dependence.select(table)
    return pd.read_csv(io.StringIO(rows.to_csv(index=False)))
