"""A run beside the table of methods: which cells, which means; worked out by hand.

In: the published table and records of few answers. Out: numbers in points.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from analyses.paper.beside_table2 import MMSTAR, beside_table2
from analyses.paper.claims import IN_DOMAIN_SETS, METHODS
from analyses.paper.verdicts import checked
from suite.report.paper import default_tables, read_tables

CELL = "extract_think/P=0.6b/R=1.7b/think"


def rows(
    task: str, scores: list[tuple[str, str, float | None, float | None]]
) -> list[dict[str, Any]]:
    return [
        {
            "cell": CELL, "family": "paper", "method": "extract_think", "perceiver": "extract",
            "thinking": True, "perception": "0.6b", "perception_params": 0.6e9,
            "reasoning": "1.7b", "reasoning_params": 1.7e9, "task": task,
            "category": category, "subcategory": part, "image_id": f"{task}{n}",
            "published_score": published, "score": own,
        }
        for n, (category, part, published, own) in enumerate(scores)
    ]  # fmt: skip


def table() -> pd.DataFrame:
    return checked(read_tables(default_tables()), METHODS)


def told(frame: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    found = beside_table2(table(), frame)
    claims = found["claim"].str.partition(": ")
    ways = found["what"].str.rpartition(", ")
    return {
        (claim, way): row
        for claim, way, row in zip(claims[2], ways[2], found.to_dict("records"), strict=True)
    }


def test_means_are_the_published_ones_and_the_suites() -> None:
    stars = [
        (name, part, own, own)
        for name in MMSTAR.values()
        for part, own in (("a", 1.0), ("a", 1.0), ("a", 1.0), ("b", 0.0))
    ]
    sets = [row for name in IN_DOMAIN_SETS for row in rows(name, [("", "", 0.25, 0.0)] * 2)]
    found = told(pd.DataFrame([*rows("mmstar", stars), *sets]))
    # 3 right of 4 in two parts: the mean of 1 and 0, and 3/4
    assert found["MMStar math", "as published"]["estimate"] == pytest.approx(50.0)
    assert found["MMStar math", "the suite's"]["estimate"] == pytest.approx(75.0)
    assert found["MMStar average", "as published"]["estimate"] == pytest.approx(50.0)
    assert found["gqa", "as published"]["estimate"] == pytest.approx(25.0)
    assert found["in-domain average", "as published"]["estimate"] == pytest.approx(25.0)
    row = found["MMStar average", "the suite's"]
    assert (row["n"], row["low"] < 75 < row["high"], row["reason"]) == (24, True, None)
    small = table().query("method == 'Extract+Think' and perception_b == 0.6")
    assert row["published"] == small["mmstar_avg"].item()
    assert row["claim"].startswith("Table 2, Extract+Think 0.6B/1.7B, decoupled: MMStar")


def test_what_lacks_is_said() -> None:
    star = [(name, "", 1.0, 1.0) for name in MMSTAR.values()]
    found = told(pd.DataFrame([*rows("mmstar", star), *rows("gqa", [("", "", None, None)] * 2)]))
    row = found["MMStar average", "as published"]
    assert pd.isna(row["estimate"])
    assert row["reason"] == "the records lack sub-categories"
    assert found["MMStar average", "the suite's"]["estimate"] == 100.0
    assert found["gqa", "as published"]["reason"] == "2 answers are missing"
    assert "the run has no ocrvqa, textvqa" in found["in-domain average", "the suite's"]["reason"]


@pytest.mark.parametrize(
    "changes",
    [
        {"family": "micro"},
        {"family": "paper (random weights)"},
        {"method": "decoupled"},
        {"perception_params": 4e9, "perception": "4b"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_other_cells_stand_beside_nothing(changes: dict[str, Any]) -> None:
    frame = pd.DataFrame(rows("gqa", [("", "", 1.0, 1.0)])).assign(**changes)
    assert not len(beside_table2(table(), frame))


@pytest.mark.parametrize("changes", [{"perception": "small"}, {"perception_params": 1.0e9}])
def test_a_size_is_known_by_its_parameters_or_by_its_name(changes: dict[str, Any]) -> None:
    frame = pd.DataFrame(rows("gqa", [("", "", 1.0, 1.0)])).assign(**changes)
    assert len(beside_table2(table(), frame))
