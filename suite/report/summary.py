"""What the report says in words and tables: what was run, the main numbers, cells, failures.

In: records, tables and provenance of a run. Out: plain values and tables for the template.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from analyses.figures.parts.style import by_perceiver, task_names
from analyses.methods import ACCURACY, columns_of
from analyses.table.scores import IN_DOMAIN, SHARED
from suite.base.json_values import rows_of
from suite.report import facts, tables
from suite.report.page_tables import (
    CODE,
    COUNT,
    ESTIMATE,
    LONG,
    NAME,
    SHARE,
    TEXT,
    Table,
    numbers_of,
)
from suite.runs import history

MODES = {False: "answering directly", True: "after thinking"}


def about(frame: pd.DataFrame, known: dict[str, Any]) -> dict[str, Any]:
    """Gives the title and counts of the run."""
    study = known.get("study") or {}
    name = study.get("study") or (str(frame["study"].iloc[0]) if len(frame) else "study")
    items = frame[["task", "item_id"]].drop_duplicates()
    return {
        "study": name,
        "title": study.get("title") or name,
        "family": (known.get("family") or {}).get("title")
        or ", ".join(str(family) for family in frame["family"].drop_duplicates()),
        "cells": frame["cell"].nunique(),
        "tasks": frame["task"].nunique(),
        "n_items": len(items),
        "clusters": frame["image_id"].nunique(),
        "answers": len(frame),
        "failed": int(frame["failed"].sum()),
        "unparsed": int((~frame["parsed"] & ~frame["failed"]).sum()),
        "leaks": int(frame["leak"].sum()),
        "seed": ", ".join(str(seed) for seed in sorted(frame["seed"].unique())) or None,
        "ended": facts.moment(history.span(known)["ended"]),
    }


def names_of(frame: pd.DataFrame) -> dict[str, str]:
    """Gives every task and mean of a run with the one name that its page and its figures have."""
    return task_names(frame["task"].drop_duplicates())


def main_numbers(folder: Path, names: Mapping[str, str]) -> Table:
    """Gives the headline comparisons, a row each, on the in-domain mean and outside the domain."""
    values: dict[tuple[str, str], dict[str, Any]] = {}
    places: dict[str, None] = {}
    for name, wanted in (
        ("degradation", _degradation),
        ("decoupling", _decoupling),
        ("thinking", _thinking),
    ):
        table = by_perceiver(tables.read(folder, name))
        table = table[(table["task"] == IN_DOMAIN) | (table["domain"] != IN_DOMAIN)]
        table = table[table["group"].isna()]
        places |= dict.fromkeys(table["task"])
        for text, row in wanted(table):
            values.setdefault((str(row["family"]), text), {})[str(row["task"])] = row
    order = sorted(places, key=lambda task: task != IN_DOMAIN)
    several = len({family for family, _ in values}) > 1
    return Table(
        "Main numbers",
        (("quantity", TEXT), *_with_n(names[task] for task in order)),
        [
            [f"{family}: {text}" if several else text, *_numbers(found.get(t) for t in order)]
            for (family, text), found in values.items()
        ],
    )


def _with_n(headings: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Columns of estimates, each with one of n beside it."""
    return tuple(column for name in headings for column in ((name, ESTIMATE), ("n", COUNT)))


def _numbers(rows: Iterable[Mapping[str, Any] | None], estimate: str = "estimate") -> list[Any]:
    """What stands in them."""
    return [
        value
        for row in rows
        for value in (numbers_of(row, estimate), None if row is None else row["n"])
    ]


def _degradation(table: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    rows = table[(table["quantity"] == "drop") & (table["method"] == "end_to_end")]
    return [
        (f"End-to-end accuracy lost from {row['large']} to {row['small']}", row)
        for _, row in rows.iterrows()
    ]


def _decoupling(table: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    texts = {
        "perception_drop": "Lost when only perception shrinks, largest to smallest",
        "reasoning_drop": "Lost when only reasoning shrinks, largest to smallest",
    }
    held = table["at_largest"].astype(str) == "True"
    return [
        (f"{texts[row['quantity']]}, {MODES[bool(row['thinking'])]}", row)
        for _, row in table[held & table["quantity"].isin(texts)].iterrows()
    ]


def _thinking(table: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    rows = table[(table["quantity"] == "gain") & (table["method"] == "decoupled")]
    return [
        (f"Gain of thinking, reasoning size {row['reasoning']}", row) for _, row in rows.iterrows()
    ]


def macro_of(cells: pd.DataFrame) -> str:
    """Gives the in-domain mean that all cells have: over all tasks, or those of every cell."""
    return SHARED if (cells["task"] == SHARED).any() else IN_DOMAIN


def headline(frame: pd.DataFrame, cells: pd.DataFrame, names: Mapping[str, str]) -> Table:
    """Gives a row per cell: macro accuracies, and how many answers are unread, failed or leaked."""
    outside = cells[(cells["domain"] != IN_DOMAIN) & cells["group"].isna()]["task"]
    there = set(cells["task"])
    columns = [t for t in dict.fromkeys((macro_of(cells), *outside)) if t in there]
    at = cells[cells["group"].isna()].set_index(["cell", "task"])[["accuracy", "low", "high", "n"]]
    numbers: dict[tuple[str, str], dict[str, Any]] = at.to_dict("index")  # type: ignore[assignment]
    counted = frame.assign(unparsed=~frame["parsed"] & ~frame["failed"]).groupby("cell", sort=False)
    counts = counted[["unparsed", "failed", "leak"]].sum()
    sizes = counted.size()
    counted_as = ("answers", "unparsed", "failed", "leaks")
    return Table(
        "Every cell",
        (("cell", CODE), *_with_n(names[t] for t in columns), *((c, COUNT) for c in counted_as)),
        [
            [
                cell,
                *_numbers((numbers.get((str(cell), task)) for task in columns), "accuracy"),
                int(sizes[cell]),
                *(int(counts.loc[cell, name]) for name in counts.columns),
            ]
            for cell in cells["cell"].drop_duplicates()
        ],
    )


def methods(folder: Path, names: Mapping[str, str]) -> Table | None:
    """Gives a row per system as the paper's table of methods has it: parameters, rows seen in
    training, the in-domain mean, and what is outside by category; None of one perceiver."""
    table = tables.read(folder, "methods")
    table = table[table["quantity"] == ACCURACY]
    parts = table[table["group"].notna() & (table["domain"] != IN_DOMAIN)]
    several = len(parts["task"].unique()) > 1
    columns: list[str] = []
    rows: dict[str, list[Any]] = {
        row["cell"]: [row["cell"], row["params"], row["samples"]]
        for row in rows_of(table.drop_duplicates("cell")[["cell", "params", "samples"]])
    }
    for _, part in columns_of(table):
        task, group = part["task"].iloc[0], part["group"].iloc[0]
        if part["domain"].iloc[0] == IN_DOMAIN and task not in (IN_DOMAIN, SHARED):
            continue  # single tasks are in the CSV
        own = f"{names[task]}: {group}" if several else str(group)
        columns.append(names[task] if pd.isna(group) else own)
        numbers = {row["cell"]: row for row in rows_of(part)}
        for cell, row in rows.items():
            row.append(numbers_of(numbers.get(cell)))
    if not rows:
        return None
    known = (("system", CODE), ("parameters", COUNT), ("rows", COUNT))
    return Table("Methods", (*known, *((c, ESTIMATE) for c in columns)), list(rows.values()))


def by_task(cells: pd.DataFrame, names: Mapping[str, str]) -> list[tuple[Table, float | None]]:
    """Gives a table of its cells per task and category, each with the chance of guessing there."""
    columns = {"cell": CODE, "accuracy": ESTIMATE, "above chance": SHARE, "n": COUNT}
    columns |= {"clusters": COUNT, "unparsed": SHARE, "failed": COUNT, "leaks": COUNT}
    found = []
    for _, rows in cells.groupby(["task", "group"], sort=False, dropna=False):
        task, group = str(rows["task"].iloc[0]), rows["group"].iloc[0]
        title = names[task] if pd.isna(group) else f"{names[task]}: {group}"
        chance = rows["chance"].dropna()
        values = [
            [r["cell"], numbers_of(r, "accuracy"), r["adjusted"]]
            + [r[name] for name in ("n", "clusters", "unparsed", "failed", "leaks")]
            for r in rows_of(rows)
        ]
        table = Table(title, tuple(columns.items()), values)
        found.append((table, float(chance.iloc[0]) if len(chance) else None))
    return found


def failures(frame: pd.DataFrame) -> Table:
    """Counts failed answers and their cells by reason and task, most frequent first."""
    columns = (("reason", LONG), ("task", NAME), ("answers", COUNT), ("cells", COUNT))
    failed = frame[frame["failed"]]
    reason = failed["reason"].astype(object).where(failed["reason"].notna(), "no reason was kept")
    grouped = failed.assign(reason=reason).groupby(["reason", "task"], as_index=False)
    counted = grouped.agg(answers=("cell", "size"), cells=("cell", "nunique"))
    counted = counted.sort_values("answers", ascending=False, kind="stable")
    return Table("Failures", columns, [list(row.values()) for row in rows_of(counted)])
