"""Ladders of sizes, weights of slopes, and the corners of a grid: by hand and against numpy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analyses.table.scores import scores_of
from analyses.table.sizes import Rung, ladder, pairings_of, sizes_in_order, slope_weights
from tests.analyses.simulate import World, simulate


def test_slope_weights_by_hand() -> None:
    # x = 3, 4, 5: centred -1, 0, 1 over 2
    rungs = tuple(Rung(str(x), 10.0**x, f"c{x}") for x in (3, 4, 5))
    assert slope_weights(rungs) == pytest.approx({"c3": -0.5, "c4": 0.0, "c5": 0.5})
    assert slope_weights(rungs[:1]) is None
    assert slope_weights((Rung("a", np.nan, "a"), Rung("b", 1.0, "b"))) is None
    assert slope_weights((Rung("a", 1e3, "a"), Rung("b", 1e3, "b"))) is None


def test_weights_with_accuracies_are_the_slope_of_polyfit() -> None:
    rng = np.random.default_rng(0)
    params = 10 ** rng.uniform(3, 9, 5)
    weights = slope_weights(tuple(Rung(str(k), p, str(k)) for k, p in enumerate(params)))
    assert weights is not None
    y = rng.random(5)
    slope = np.polyfit(np.log10(params), y, 1)[0]
    assert sum(weights[str(k)] * y[k] for k in range(5)) == pytest.approx(slope)


def test_a_ladder_goes_up_and_the_first_of_two_variants_stands_for_the_size() -> None:
    cells = pd.DataFrame(
        {
            "cell": ["large", "small", "again", "none"],
            "perception": ["8b", "1b", "1b", None],
            "perception_params": [8e9, 1e9, 1e9, np.nan],
        }
    )
    found = ladder(cells, "perception")
    assert [(r.size, r.cell) for r in found] == [("1b", "small"), ("8b", "large")]
    assert ladder(cells.iloc[3:], "perception") == ()


def test_a_size_stands_where_its_largest_model_does() -> None:
    """m has a small vision encoder, named first, and the whole one, of which xs and s are."""
    table = pd.DataFrame(
        {
            "perception": ["m", "xs", "s", "m", "x", None],
            "perception_params": [350.0, 361.0, 404.0, 570.0, np.nan, 1.0],
        }
    )
    order = ["xs", "s", "m", "x"]
    assert sizes_in_order(table, "perception", "perception_params") == order
    rungs = ladder(table.assign(cell=[*"abcdef"]), "perception")
    assert [(rung.size, rung.cell) for rung in rungs] == list(zip(order, "bcae"))


def test_corners_of_a_grid_and_of_one_with_a_gap() -> None:
    frame = simulate(World(tasks=("ocr",), items=1, methods=("decoupled",)))
    direct, thinking = pairings_of(scores_of(frame).cells)
    assert direct.labels == {"family": "micro", "perceiver": "instruct", "thinking": False}
    corners = thinking.corners()
    assert corners is not None
    names = [f"decoupled/P={p}/R={r}/think" for r in ("xs", "l") for p in ("xs", "l")]
    assert list(corners.cells) == names
    short = frame[frame["cell"] != "decoupled/P=xs/R=l"]
    assert [grid.corners() is None for grid in pairings_of(scores_of(short).cells)] == [True, False]
    single = frame[frame["perception"] == "l"]
    assert pairings_of(scores_of(single).cells)[0].corners() is None
