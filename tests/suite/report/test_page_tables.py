"""The tables of single analyses on the page: complete, told apart, with the numbers of their CSV.

In: a run of simulated records. Out: the sections that the page shows.
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import pandas as pd

from analyses.registry import ANALYSES, FIGURES
from suite.report import page_tables as others
from suite.report import tables


def part_of(drawn: Path, name: str) -> dict[str, Any]:
    frame = pd.read_parquet(drawn / "records.parquet")
    return next(part for part in others.sections(drawn, frame) if part["name"] == name)


def test_every_analysis_is_on_the_page(drawn: Path) -> None:
    """By a figure; some as a table too, whose numbers are those of its CSV."""
    text = html.unescape((drawn / "report.html").read_text(encoding="utf-8"))
    told = {
        part["name"]: part
        for part in others.sections(drawn, pd.read_parquet(drawn / "records.parquet"))
    }
    assert {spec.analysis for spec in FIGURES.values()} == set(ANALYSES) - {"cells", "findings"}
    assert set(told) == {"marginal", "agreement", "power"}  # no item has a second answer
    for name, part in told.items():
        assert f"<summary>{part['title']} <small>({name})</small></summary>" in text
        wanted = tables.read(drawn, name)
        wanted = wanted[wanted["group"].isna()]
        means = wanted["task"].isin(("in_domain", "in_domain_shared"))
        wanted = wanted[means | (wanted["domain"] != "in_domain")]
        at = part["columns"].index("estimate")
        assert [row[at] for row in part["rows"]] == [
            None if pd.isna(value) else value for value in wanted["estimate"]
        ]


def test_rows_of_the_tables_can_be_told_apart(drawn: Path) -> None:
    for part in others.sections(drawn, pd.read_parquet(drawn / "records.parquet")):
        names = [n for n, column in enumerate(part["columns"]) if column not in part["numbers"]]
        labels = [tuple(row[n] for n in names) for row in part["rows"]]
        assert len(set(labels)) == len(labels), part["name"]
        assert not any("_" in str(word) for label in labels for word in label)
    assert "module that shrinks" in part_of(drawn, "power")["headings"]


def test_a_rule_has_the_number_of_answers_that_it_read(drawn: Path) -> None:
    frame = pd.read_parquet(drawn / "records.parquet")
    part = part_of(drawn, "agreement")
    at = {name: n for n, name in enumerate(part["columns"])}
    assert "n" not in at
    domain = frame[(frame["domain"] == "in_domain") & frame["lmms_score"].notna()]
    read = domain[~domain["failed"] & domain["parsed"]]["rule"].value_counts()
    told = {
        row[at["rule"]]: row[at["answers"]]
        for row in part["rows"]
        if row[at["quantity"]] == "share of the answers" and row[at["rule"]] != "unparsed"
    }
    assert told == {rule.replace("_", " "): count for rule, count in read.items()}
    assert len(told) > 0


def test_what_does_not_differ_has_no_p() -> None:
    rows = pd.DataFrame(
        {
            "task": ["a", "b"],
            "group": None,
            "quantity": "difference",
            "estimate": [0.0001, 0.0101],
            "low": [0.00005, 0.01],
            "high": [0.0002, 0.0102],
            "p": [1e-6, 1e-6],
        }
    )
    found = others._content("agreement", rows)
    assert [row[-1] for row in found["rows"]] == [None, 1e-6]
