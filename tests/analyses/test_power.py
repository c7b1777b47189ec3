"""Power of a run's items: against the comparison, pandas and the formulas; ladders; odd studies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analyses.comparison import comparison
from analyses.contrasts.two_runs import pair
from analyses.power import COLUMNS, power
from analyses.stats.detectable import Part, detectable_difference, items_needed
from tests.analyses.simulate import World, simulate

WORLD = World(
    tasks=("ocr", "counting"),
    items=30,
    end_to_end_only=("grounding",),
    methods=("end_to_end", "decoupled"),
    star=False,
)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return power(simulate(WORLD), draws=200)


def row(table: pd.DataFrame, **wanted: object) -> pd.Series:
    for name, value in wanted.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_against_pandas_and_the_formula(table: pd.DataFrame) -> None:
    found = row(table, method="end_to_end", task="ocr")
    frame = simulate(WORLD)
    wide = frame[frame["task"] == "ocr"].pivot_table(
        index="item_id", columns="cell", values="score"
    )
    change = wide["end_to_end/P=l"] - wide["end_to_end/P=xs"]
    psi = float((change**2).mean())
    assert (found["small"], found["large"], found["n"]) == ("xs", "l", 30)
    assert found["difference"] == pytest.approx(change.mean())
    assert found["discordance"] == pytest.approx(psi)
    assert found["design_effect"] == pytest.approx(1.0)
    assert found["estimate"] == pytest.approx(detectable_difference((Part(30, psi),), exact=True))
    assert found["items_needed"] == items_needed(0.02, psi)
    assert found["low"] <= found["estimate"] <= found["high"]


def test_the_interval_of_the_difference_is_that_of_the_comparison(table: pd.DataFrame) -> None:
    frame = simulate(WORLD)
    sides = [frame[frame["cell"] == f"end_to_end/P={size}"] for size in ("xs", "l")]
    peer = comparison(pair(sides[0], sides[1], [("end_to_end/P=xs", "end_to_end/P=l")]), draws=200)
    for task in ("ocr", "in_domain"):
        found, same = row(table, method="end_to_end", task=task), row(peer, task=task)
        ends = found["difference_low"], found["difference_high"]
        assert ends == pytest.approx((same["low"], same["high"]))
        assert ends[0] < found["difference"] < ends[1]


def test_a_mean_over_tasks_needs_less(table: pd.DataFrame) -> None:
    own = table[table["method"] == "end_to_end"].set_index("task")["estimate"]
    assert own["in_domain"] < own[["ocr", "counting", "grounding"]].min()


def test_every_ladder_with_the_other_module_at_its_largest(table: pd.DataFrame) -> None:
    ladders = table[["method", "module", "thinking"]].drop_duplicates()
    assert set(ladders.itertuples(index=False, name=None)) == {
        ("end_to_end", "perception", False),
        *(("decoupled", m, t) for m in ("perception", "reasoning") for t in (False, True)),
    }
    frame = simulate(WORLD)
    means = frame.groupby(["task", "cell"])["score"].mean()
    held_smallest_differs = False
    for task in ("ocr", "counting"):
        found = row(table, method="decoupled", module="reasoning", thinking=True, task=task)
        of = {
            held: means[task, f"decoupled/P={held}/R=l/think"]
            - means[task, f"decoupled/P={held}/R=xs/think"]
            for held in ("xs", "l")
        }
        assert found["difference"] == pytest.approx(of["l"])
        held_smallest_differs |= abs(of["xs"] - of["l"]) > 0.01
    assert held_smallest_differs  # or the test could not tell


def test_images_of_several_items() -> None:
    world = World(
        tasks=("ocr",),
        items=90,
        per_image=3,
        methods=("end_to_end",),
        star=False,
        end_to_end_only=(),
    )
    frame = simulate(world)
    frame["score"] = frame.groupby(["cell", "image_id"])["score"].transform("first")
    found = row(power(frame, draws=100), task="ocr")
    # three copies of every answer: 89/29 times the variance of independent items, nearly 3
    assert found["clusters"] == 30
    assert found["design_effect"] == pytest.approx(3 * 89 / (3 * 29))
    n30 = detectable_difference((Part(30, found["discordance"]),))  # on a coarser lattice
    assert n30 > found["estimate"] == pytest.approx(n30, rel=0.06)


def test_odd_studies_say_why() -> None:
    few = power(simulate(World(tasks=("ocr",), items=3, star=False, methods=("end_to_end",))))
    assert few.loc[few["task"] == "ocr", "reason"].tolist() == [
        "3 images: below 6 no difference reaches p < .05"
    ]
    one = simulate(World(sizes=(("s", 1.0),), tasks=("ocr",), methods=("end_to_end",), items=4))
    assert list(power(one).columns) == list(COLUMNS)
    assert not len(power(one))
    failed = power(simulate(World(tasks=("ocr",), items=4, failed=1.0, methods=("end_to_end",))))
    assert failed["estimate"].isna().all()
    assert failed["reason"].notna().all()
    wrong = World(tasks=("ocr",), items=30, always=0.0, star=False, methods=("end_to_end",))
    found = row(power(simulate(wrong), draws=100), task="ocr")
    assert found["discordance"] == 0.0
    assert found["high"] >= found["estimate"] - 1e-5 > 0
    assert np.isnan(row(power(simulate(wrong), draws=100), task="overall")["low"])


def test_what_has_no_interval_or_no_width_says_why(table: pd.DataFrame) -> None:
    mean = row(table, method="end_to_end", task="in_domain")
    assert np.isnan(mean["low"])
    assert mean["reason"] == "from the discordance of several tasks or categories: no interval"
    same = power(simulate(World(**{**vars(WORLD), "always": 1.0})), draws=100)
    found = row(same, method="end_to_end", task="ocr")
    assert found["low"] == pytest.approx(found["high"], abs=1e-4)
    assert found["reason"].startswith("fewer items change than this difference takes")
