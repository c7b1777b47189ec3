"""What the figures of marginal, seeds, agreement and power draw: every number with its interval."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from analyses.registry import load_analysis, load_figure
from tests.analyses.simulate import World, simulate

WORLD = World(sizes=World().sizes[:2], tasks=("ocr", "counting"), end_to_end_only=(), items=20)
ENDS = ("estimate", "low", "high")
Points = list[tuple[float, float, float]]


def drawn(name: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, Figure]:
    """The rows of a figure, and the figure."""
    module = load_figure(name)
    rows = module.select(load_analysis(name)(frame, draws=60))
    return rows, module.draw(rows)


def points(axes: Axes) -> Points:
    """(value, low, high) of the points with an interval along x, smallest first."""
    found = []
    for container in axes.containers:
        if isinstance(container, ErrorbarContainer):
            line, _, bars = container.lines
            assert line is not None
            values = np.asarray(line.get_xdata(), dtype=float)
            for x, segment in zip(values, bars[0].get_segments()):
                if not np.isnan(x):  # a line of no length is an empty one
                    ends = np.asarray(segment).reshape(-1, 2)[:, 0] if len(segment) else [x, x]
                    found.append((x, min(ends), max(ends)))
    return sorted(found)


def wanted(rows: pd.DataFrame, names: tuple[str, str, str] = ENDS) -> Points:
    """The same of a table; a point without an interval is its own."""
    known = rows[rows[names[0]].notna()]
    ends = [known[name].fillna(known[names[0]]) for name in names]
    return sorted(zip(*(end.astype(float) for end in ends)))


def check(found: Points, peer: Points) -> None:
    assert len(found) == len(peer) > 0
    assert np.allclose(np.array(sorted(found)), np.array(sorted(peer)))
    assert any(high > low for _, low, high in peer)


def test_marginal_draws_every_slope_and_level() -> None:
    rows, figure = drawn("marginal", simulate(WORLD))
    left, right = figure.axes
    level = rows["quantity"] == "level"
    check(points(left), wanted(rows[~level]))
    check(points(right), wanted(rows[level]))


def test_agreement_draws_every_task_and_rule() -> None:
    frame = simulate(WORLD)
    frame.loc[frame.index[::7], "lmms_score"] = 0.0
    rows, figure = drawn("agreement", frame)
    parts = [rows["rule"].isna(), rows["rule"].notna()]
    quantities = [("agree", "kappa", "difference"), ("share", "agree", "difference")]
    shown = iter(figure.axes)
    for part, names in zip(parts, quantities):
        for quantity in names:
            own = rows[part & (rows["quantity"] == quantity)]
            axes = next(shown)
            check(points(axes), wanted(own))
            low, high = axes.get_xlim()
            assert low <= own["low"].min()
            assert own["high"].max() <= high


def test_power_draws_the_difference_on_the_band_that_is_too_small() -> None:
    rows, figure = drawn("power", simulate(replace(WORLD, methods=("end_to_end",))))
    assert set(rows["task"]) == {"in_domain", "ocr", "counting", "star"}
    assert (rows["high"] > rows["low"]).any()
    (axes,) = figure.axes
    band = np.array([[bar.get_x(), bar.get_width()] for bar in axes.patches])
    assert sorted(-band[:, 0]) == pytest.approx(sorted(rows["estimate"]))
    assert band[:, 1] == pytest.approx(-2 * band[:, 0])
    observed = wanted(rows, ("difference", "difference_low", "difference_high"))
    left = rows.assign(estimate=-rows["estimate"], low=-rows["high"], high=-rows["low"])
    check(points(axes), [*observed, *wanted(rows), *wanted(left)])


def test_seeds_apart_where_a_run_has_several() -> None:
    frame = simulate(WORLD)
    other = simulate(replace(WORLD, seed=1)).assign(image_id=frame["image_id"])
    rows, figure = drawn("seeds", pd.concat([frame, other], ignore_index=True))
    assert set(rows["task"]) == {"in_domain", "star"}
    for k, task in enumerate(("in_domain", "star")):
        own = rows[rows["task"] == task]
        accuracy, errors = figure.axes[2 * k : 2 * k + 2]
        check(points(accuracy), wanted(own[own["quantity"] == "accuracy"]))
        names = ("item_error", "seed_error", "answer_error")
        for line, quantity in zip(errors.lines, names, strict=True):
            error = own[own["quantity"] == quantity]["estimate"].dropna()
            assert sorted(np.asarray(line.get_xdata())) == pytest.approx(sorted(error))


def test_what_cannot_be_drawn_says_why() -> None:
    frame = simulate(WORLD)
    _, figure = drawn("seeds", frame)
    assert "no cell answered an item more than once" in figure.texts[0].get_text()
    _, figure = drawn("agreement", frame.assign(lmms_score=np.nan))
    assert "lmms-eval gave no score of any of these answers" in figure.texts[0].get_text()
    _, figure = drawn("marginal", frame.assign(score=1.0))
    assert "in every task all answers are right" in figure.texts[0].get_text()
