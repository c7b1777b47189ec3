"""What the report says in words and tables: what was run, the main numbers, cells, failures.

In: records, tables and provenance of a run. Out: plain values for the template.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from analyses.figures.parts.style import by_perceiver, task_names
from analyses.methods import ACCURACY, columns_of
from analyses.table.scores import IN_DOMAIN, SHARED
from suite.base.json_values import rows_of
from suite.report import tables
from suite.runs import history, provenance

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
        "ended": history.span(known)["ended"],
    }


def main_numbers(folder: Path) -> dict[str, Any]:
    """Gives the headline comparisons, a row each, on the in-domain mean and outside the domain.

    `columns`: names of what they are measured on; `rows`: text, family and a value per column.
    """
    values: dict[tuple[str, str], dict[str, Any]] = {}
    places: dict[str, str] = {}
    for name, wanted in (
        ("degradation", _degradation),
        ("decoupling", _decoupling),
        ("thinking", _thinking),
    ):
        table = by_perceiver(tables.read(folder, name))
        table = table[(table["task"] == IN_DOMAIN) | (table["domain"] != IN_DOMAIN)]
        table = table[table["group"].isna()]
        places |= {task: task_names(table["task"])[task] for task in table["task"].unique()}
        for text, row in wanted(table):
            numbers = {key: row[key] for key in ("estimate", "low", "high", "n")}
            values.setdefault((str(row["family"]), text), {})[str(row["task"])] = numbers
    order = sorted(places, key=lambda task: task != IN_DOMAIN)
    several = len({family for family, _ in values}) > 1
    return {
        "columns": [places[task] for task in order],
        "rows": [
            {
                "text": f"{family}: {text}" if several else text,
                "values": [found.get(task) for task in order],
            }
            for (family, text), found in values.items()
        ],
    }


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


def headline(frame: pd.DataFrame, cells: pd.DataFrame) -> dict[str, Any]:
    """Gives a row per cell: macro accuracies, and how many answers are unread, failed or leaked."""
    macro = SHARED if (cells["task"] == SHARED).any() else IN_DOMAIN
    outside = cells[(cells["domain"] != IN_DOMAIN) & cells["group"].isna()]["task"]
    columns = [
        task for task in (macro, *outside.drop_duplicates()) if (cells["task"] == task).any()
    ]
    names = task_names([*cells["task"].drop_duplicates()])
    at = cells[cells["group"].isna()].set_index(["cell", "task"])[["accuracy", "low", "high", "n"]]
    numbers: dict[tuple[str, str], dict[str, Any]] = at.to_dict("index")  # type: ignore[assignment]
    counted = frame.assign(unparsed=~frame["parsed"] & ~frame["failed"]).groupby("cell", sort=False)
    counts = counted[["unparsed", "failed", "leak"]].sum()
    sizes = counted.size()
    rows = [
        {
            "cell": cell,
            "values": [numbers.get((str(cell), task)) for task in columns],
            "answers": int(sizes[cell]),
            **{name: int(counts.loc[cell, name]) for name in counts.columns},
        }
        for cell in cells["cell"].drop_duplicates()
    ]
    return {"columns": [names[task] for task in columns], "rows": rows}


def methods(folder: Path) -> dict[str, Any]:
    """Gives a row per system as the paper's table of methods has it: parameters, rows seen in
    training, the in-domain mean, and what is outside by category; none of one perceiver."""
    table = tables.read(folder, "methods")
    table = table[table["quantity"] == ACCURACY]
    names = task_names(table["task"])
    parts = table[table["group"].notna() & (table["domain"] != IN_DOMAIN)]
    several = len(parts["task"].unique()) > 1
    columns: list[str] = []
    rows = {
        row["cell"]: row | {"values": []}
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
            row["values"].append(numbers.get(cell))
    return {"columns": columns, "rows": list(rows.values())}


def by_task(cells: pd.DataFrame) -> list[dict[str, Any]]:
    """Gives a table of its cells per task (and category)."""
    names = task_names(cells["task"].drop_duplicates())
    found = []
    for _, rows in cells.groupby(["task", "group"], sort=False, dropna=False):
        task, group = rows["task"].iloc[0], rows["group"].iloc[0]
        title = names[str(task)] if pd.isna(group) else f"{names[str(task)]}: {group}"
        chance = rows["chance"].dropna()
        found.append(
            {
                "title": title,
                "chance": float(chance.iloc[0]) if len(chance) else None,
                "rows": rows.to_dict("records"),
            }
        )
    return found


def failures(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Counts failed answers and their cells by reason and task, most frequent first."""
    failed = frame[frame["failed"]]
    if not len(failed):
        return []
    reason = failed["reason"].astype(object).where(failed["reason"].notna(), "no reason was kept")
    grouped = failed.assign(reason=reason).groupby(["reason", "task"], as_index=False)
    counted = grouped.agg(answers=("cell", "size"), cells=("cell", "nunique"))
    counted = counted.sort_values("answers", ascending=False, kind="stable")
    return rows_of(counted)


def facts(known: dict[str, Any]) -> list[tuple[str, str]]:
    """Gives the provenance as name and value, flat; long lists are in the raw form below it."""
    rows = _making(known)
    if known.get("seed") is not None:
        rows.append(("seed", str(known["seed"])))
    for run in known.get(provenance.POOLED) or ():
        rows.append((f"seed {run['seed']}", f"{run['dir']}, by commit {run['commit']}"))
    made = (history.generating(known) or [known])[-1]  # not by what drew it again
    for group in ("machine", "versions"):
        values = made.get(group) or known.get(group) or {}
        rows += [(str(k), str(v)) for k, v in values.items() if v is not None]
    for model in known.get("models") or []:
        digest = _digest(model.get("fingerprint"))
        rows.append((f"model {model.get('model')} ({model.get('role')})", digest))
    return rows


def _making(known: dict[str, Any]) -> list[tuple[str, str]]:
    """When, by which commit and on what the answers were generated, and when drawn again."""
    span = history.span(known)
    runs = history.generating(known)
    rows = [
        ("generated from", span["started"]),
        ("generated until", span["ended"] or (runs and "the last run did not come to its end")),
        ("by commit", ", ".join(span["commits"])),
        ("requests generated", _generated(runs)),
        *_where(runs),
    ]
    redrawn = history.redrawn(known)
    if redrawn is not None:
        rows.append(("drawn again", f"{redrawn['started']}, by commit {redrawn['commit']}"))
    return [(name, str(value)) for name, value in rows if value]


def _generated(runs: list[dict[str, Any]]) -> str:
    counts = [run["requests"]["generated"] for run in runs if run.get("requests")]
    lost = len(runs) - len(counts)
    text = f"{sum(counts):,} by {len(counts)} {'run' if len(counts) == 1 else 'runs'}"
    return f"{text}, more by {lost} that did not end" if lost else text if runs else ""


def _where(runs: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Device, number format, processes and threads of the runs, each value once."""
    told: dict[str, list[Any]] = {
        "device": [history.devices(run) for run in runs],
        "number format": [", ".join(run.get("dtypes") or ()) for run in runs],
        "processes": [run.get("processes") for run in runs],
        "threads of each": [run.get("threads") for run in runs],
    }
    return [
        (name, "; ".join(dict.fromkeys(str(value) for value in values if value)))
        for name, values in told.items()
    ]


def _digest(fingerprint: object) -> str:
    """A fingerprint in one line: its values, hashes cut to twelve digits."""
    if not isinstance(fingerprint, dict):
        return str(fingerprint)
    parts = []
    for key, value in fingerprint.items():
        text = str(value)
        parts.append(f"{key} {text[:12] + '…' if len(text) > 40 else text}")
    return ", ".join(parts)
