"""The coupling figure shows what the table holds."""

from __future__ import annotations

import pytest

from analyses.dependence import dependence
from analyses.figures import coupling
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
    assert "(n = 5 tasks)" in coupling.caption(table)


def test_too_few_tasks_say_what_it_takes() -> None:
    world = World(tasks=("ocr",), end_to_end_only=(), star=False, items=10)
    figure = coupling.draw(coupling.select(dependence(simulate(world), draws=60)))
    assert "three in-domain tasks" in figure.texts[0].get_text()
