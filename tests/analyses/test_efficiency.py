"""Efficiency: costs against pandas, fronts against a slow version, shares of draws by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analyses.efficiency import CONTROLS, FRONTS, SHARE_OF, efficiency, front
from analyses.figures import efficiency as figure
from analyses.figures import latency
from analyses.figures.parts import systems
from tests.analyses.figures import words_of
from tests.analyses.simulate import World, simulate


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    world = World(tasks=("ocr", "counting"), items=15, end_to_end_only=(), failed=0.1)
    table = simulate(world)
    rng = np.random.default_rng(0)
    return table.assign(seconds=table["seconds"] * rng.uniform(0.5, 1.5, len(table)))


@pytest.fixture(scope="module")
def table(frame: pd.DataFrame) -> pd.DataFrame:
    return efficiency(frame, draws=200)


def test_costs_are_means_over_tasks_as_accuracy_is(
    frame: pd.DataFrame, table: pd.DataFrame
) -> None:
    cell = "decoupled/P=l/R=s/think"
    found = table[(table["cell"] == cell) & (table["task"] == "in_domain")].iloc[0]
    rows = frame[(frame["cell"] == cell) & (frame["domain"] == "in_domain")]
    for cost in ("generated_tokens", "seconds", "prompt_tokens"):
        assert found[cost] == pytest.approx(rows.groupby("task")[cost].mean().mean())
    assert found["params"] == 9e5 + 6e4
    assert found["n"] == rows["score"].notna().sum()


def test_cost_intervals_are_those_of_a_mean_over_images(
    frame: pd.DataFrame, table: pd.DataFrame
) -> None:
    cell = "decoupled/P=l/R=s/think"
    found = table[(table["cell"] == cell) & (table["task"] == "star")].iloc[0]
    rows = frame[(frame["cell"] == cell) & (frame["task"] == "star")]
    spread = False
    for cost in ("generated_tokens", "seconds", "prompt_tokens"):
        ends = (found[f"{cost}_low"], found[f"{cost}_high"])
        if rows[cost].std() == 0:
            assert ends == pytest.approx((found[cost],) * 2)
            continue
        # of a mean of six categories: their variances add, over six squared
        parts = rows.groupby("category")[cost]
        error = np.sqrt((parts.var() / parts.count()).sum()) / 6
        half = (ends[1] - ends[0]) / 2
        assert half == pytest.approx(2 * error, rel=0.25)
        assert ends[0] < found[cost] < ends[1]
        spread = True
    assert spread  # one cost at least varies


def slow_front(points: list[tuple[float, ...]]) -> list[bool]:
    def beats(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
        return all(x <= y for x, y in zip(a, b)) and any(x < y for x, y in zip(a, b))

    return [
        not any(v != v for v in own)
        and not any(beats(other, own) for other in points if not any(v != v for v in other))
        for own in points
    ]


def test_front_against_a_slow_version() -> None:
    rng = np.random.default_rng(1)
    points = rng.integers(0, 5, (40, 9, 3)).astype(float)
    points[rng.random(points.shape) < 0.05] = np.nan
    found = front(points)
    assert found.any()
    assert not found.all()
    for draw, on in zip(points, found):
        assert on.tolist() == slow_front([tuple(point) for point in draw])


def test_equals_stay_on_the_front_together() -> None:
    same = np.array([[[-0.5, 2.0], [-0.5, 2.0], [-0.4, 2.0]]])
    assert front(same).tolist() == [[True, True, False]]
    nearly = np.array([[[-0.1 - 0.2, 2.0], [-0.3, 2.0]]])  # .30000000000000004
    assert front(nearly).tolist() == [[True, True]]


def test_fronts_of_the_table_are_of_its_points(table: pd.DataFrame) -> None:
    systems = table[(table["task"] == "in_domain") & ~table["method"].isin(CONTROLS)]
    for name, costs in FRONTS.items():
        points = [
            (-row["accuracy"], *(row[cost] for cost in costs)) for row in systems.to_dict("records")
        ]
        assert systems[name].tolist() == slow_front(points)


def test_controls_are_on_no_front(table: pd.DataFrame) -> None:
    controls = table[table["method"].isin(CONTROLS)]
    assert len(controls)
    assert not controls[list(FRONTS)].to_numpy().any()
    assert controls[list(SHARE_OF.values())].isna().all(axis=None)


def test_share_of_draws_by_hand() -> None:
    # Two systems at one cost, one right on items 1-6 of 10, the other on 5-10: by symmetry each is
    # better in about half of the draws, and both stay where they tie.
    frame = simulate(World(tasks=("ocr",), items=10, star=False, end_to_end_only=()))
    frame = frame[frame["cell"].isin(["end_to_end/P=xs", "end_to_end/P=l"])].copy()
    frame["score"] = np.concatenate([np.arange(10) < 6, np.arange(10) >= 4]).astype(float)
    frame["generated_tokens"] = 2.0
    found = efficiency(frame, draws=4000)
    assert found["front_tokens"].tolist() == [True, True]
    share = found["p_front_tokens"]
    # Of 10 draws D1 hit the first's own four items, D2 the other's: P(D1 >= D2).
    counts = np.random.default_rng(0).multinomial(10, [0.4, 0.4, 0.2], 200_000)
    wanted = (counts[:, 0] >= counts[:, 1]).mean()
    assert share.to_numpy() == pytest.approx(wanted, abs=0.03)


def test_a_dominated_system_is_in_no_draw() -> None:
    frame = simulate(World(tasks=("ocr",), items=10, star=False, end_to_end_only=()))
    frame = frame[frame["cell"].isin(["end_to_end/P=xs", "end_to_end/P=l"])].copy()
    large = frame["cell"] == "end_to_end/P=l"
    frame["score"] = large.astype(float)
    frame["generated_tokens"] = np.where(large, 2.0, 3.0)
    found = efficiency(frame, draws=100).set_index("perception")
    assert found.loc["xs", ["front_tokens", "p_front_tokens"]].tolist() == [False, 0.0]
    assert found.loc["l", ["front_tokens", "p_front_tokens"]].tolist() == [True, 1.0]
    assert found.loc["xs", ["front_params", "p_front_params"]].tolist() == [True, 1.0]


def test_costs_that_nobody_recorded(frame: pd.DataFrame) -> None:
    found = efficiency(frame.assign(seconds=np.nan), draws=60)
    assert found["seconds"].isna().all()
    assert not found["front_seconds"].any()
    assert found["p_front_seconds"].isna().all()
    assert found["front_tokens"].any()
    assert latency.draw(latency.select(found)).texts  # says that there is nothing to draw
    assert figure.draw(figure.select(found)).axes


def test_figures_name_their_n(table: pd.DataFrame) -> None:
    for module in (figure, latency):
        rows = module.select(table)
        assert set(rows["task"]) == {"in_domain", "star"}
        assert "n = " in words_of(module.draw(rows))


def test_answers_that_took_no_time_leave_the_logarithmic_panel_empty(frame: pd.DataFrame) -> None:
    """Recorded texts are generated in no time."""
    table = efficiency(frame.assign(seconds=0.0), draws=50)
    rows = figure.select(table)
    assert len(systems.drawn(rows, "seconds")) == 0
    assert len(systems.drawn(rows, "generated_tokens")) > 0
    figure.draw(rows).draw_without_rendering()
    latency.draw(latency.select(table)).draw_without_rendering()


def test_the_front_of_training_rows_is_there_where_they_are_known(frame: pd.DataFrame) -> None:
    assert "samples" not in efficiency(frame, draws=20)
    own = frame[frame["cell"].isin([f"end_to_end/P={size}" for size in ("xs", "s", "m")])]
    # xs is half right after 10 rows, s no better after 20, m all right after 30
    values = own["perception"].map({"xs": 0.5, "s": 0.5, "m": 1.0})
    seen = own["perception"].map({"xs": 10.0, "s": 20.0, "m": 30.0})
    table = efficiency(own.assign(score=values, perception_samples=seen), draws=20)
    rows = table[table["task"] == "in_domain"].set_index("perception")
    assert rows["samples"].to_dict() == {"xs": 10, "s": 20, "m": 30}
    assert rows["front_samples"].to_dict() == {"xs": True, "s": False, "m": True}
    assert rows["p_front_samples"].to_dict() == {"xs": 1, "s": 0, "m": 1}
    drawn = figure.draw(figure.select(table))
    assert len(drawn.axes) == 3 * table["task"].nunique()
