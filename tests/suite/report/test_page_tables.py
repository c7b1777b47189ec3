"""The tables of single analyses on the page: complete, told apart, with the numbers of their CSV.

In: a run of simulated records. Out: the sections that the page shows.
"""

from __future__ import annotations

import html
from pathlib import Path

import pandas as pd

from analyses.registry import ANALYSES, FIGURES
from suite.report import page_tables, tables
from suite.report.page_tables import Table


def parts(drawn: Path) -> dict[str, Table]:
    frame = pd.read_parquet(drawn / "records.parquet")
    return {part.name: part for part in page_tables.sections(drawn, frame)}


def places(part: Table) -> dict[str, int]:
    return {name: n for n, (name, _) in enumerate(part.columns)}


def test_every_analysis_is_on_the_page(drawn: Path) -> None:
    """By a figure; some as a table too, whose numbers are those of its CSV."""
    text = html.unescape((drawn / "report.html").read_text(encoding="utf-8"))
    told = parts(drawn)
    assert {spec.analysis for spec in FIGURES.values()} == set(ANALYSES) - {"cells", "findings"}
    assert set(told) == {"marginal", "agreement", "power"}  # no item has a second answer
    for name, part in told.items():
        assert f"<summary>{part.title} <small>({name})</small></summary>" in text
        wanted = tables.read(drawn, name)
        wanted = wanted[wanted["group"].isna()]
        means = wanted["task"].isin(("in_domain", "in_domain_shared"))
        wanted = wanted[means | (wanted["domain"] != "in_domain")]
        at = places(part)["estimate"]
        assert [row[at] for row in part.rows] == [
            None if pd.isna(value) else value for value in wanted["estimate"]
        ]


def test_rows_of_the_tables_can_be_told_apart(drawn: Path) -> None:
    for name, part in parts(drawn).items():
        words = [n for n, (_, kind) in enumerate(part.columns) if kind not in page_tables.NUMBERS]
        labels = [tuple(row[n] for n in words) for row in part.rows]
        assert len(set(labels)) == len(labels), name
        task = places(part)["task"]
        assert not any("_" in str(row[n]) for row in part.rows for n in words if n != task)
    assert "module that shrinks" in places(parts(drawn)["power"])


def test_a_rule_has_the_number_of_answers_that_it_read(drawn: Path) -> None:
    frame = pd.read_parquet(drawn / "records.parquet")
    part = parts(drawn)["agreement"]
    at = places(part)
    assert "n" not in at
    domain = frame[(frame["domain"] == "in_domain") & frame["lmms_score"].notna()]
    read = domain[~domain["failed"] & domain["parsed"]]["rule"].value_counts()
    told = {
        row[at["parsing rule"]]: row[at["answers"]]
        for row in part.rows
        if row[at["quantity"]] == "share of the answers" and row[at["parsing rule"]] != "unparsed"
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
    found = page_tables._shown("agreement", rows)
    assert [row[-1] for row in found.rows] == [None, 1e-6]
