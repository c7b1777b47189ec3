"""Analyses whose numbers the page gives as tables beside their figures.

In: tables/<analysis>.csv of a run. Out: per analysis its headings and rows as plain values: the
means over tasks and the tasks outside the domain; tasks and categories stay in the CSV.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from analyses.agreement import UNPARSED
from analyses.figures.parts.style import task_names
from analyses.registry import ANALYSES
from analyses.table.scores import IN_DOMAIN, SHARED
from suite.base.json_values import rows_of
from suite.report import tables

NUMBERS = ("estimate", "low", "high", "n", "answers", "p")
COUNTS = ("n", "answers")
NOTHING = 0.0005
"""Numbers below it are 0 on the page."""
IN_NUMBERS = ("marginal", "seeds", "agreement", "power")
"""Analyses whose p, errors or shares are read off a figure too coarsely."""

COLUMNS = {
    "rule": "parsing rule",
    "module": "module that shrinks",
    "small": "from",
    "large": "to",
    "low": "low",
    "high": "high",
}
VALUES = {
    ("agreement", "agree"): "share scored alike",
    ("agreement", "difference"): "score here \N{MINUS SIGN} lmms-eval's",
    ("agreement", "share"): "share of the answers",
    ("agreement", "kappa"): "Cohen's kappa",
    ("marginal", "perception"): "tenfold perception, log odds",
    ("marginal", "reasoning"): "tenfold reasoning, log odds",
    ("marginal", "interaction"): "both, beyond their sum",
    ("marginal", "perception_minus_reasoning"): "perception \N{MINUS SIGN} reasoning",
    ("marginal", "level"): "level: both modules at their mean",
    ("power", "detectable"): "detectable difference",
}
"""(analysis, quantity) -> what the page calls it."""


def sections(folder: Path, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Gives a table per analysis of IN_NUMBERS; none where the study has no cells for it."""
    found = []
    for name in IN_NUMBERS:
        title = ANALYSES[name]
        rows = _means(tables.read(folder, name))
        if name == "agreement":
            rows = _with_answers(rows, frame)
        elif "answers" in rows:
            rows = rows.drop(columns="answers")
        if len(rows):
            found.append({"name": name, "title": title, **_content(name, rows)})
    return found


def _means(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of means over tasks and of whole tasks outside the domain."""
    means = table["task"].isin((IN_DOMAIN, SHARED)) | (table["domain"] != IN_DOMAIN)
    return table[means & table["group"].isna()]


def _with_answers(rows: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """`answers` in place of n: how many a rule read, where a row is of one rule."""
    known = frame[frame["score"].notna() & frame["lmms_score"].notna() & ~frame["failed"]]
    rule = known["rule"].astype(object).where(known["parsed"] & known["rule"].notna(), UNPARSED)
    counts = known.groupby(["task", rule.rename("rule")]).size()
    domains = known.drop_duplicates("task").set_index("task")["domain"]

    def count(row: dict[str, Any]) -> int | None:
        if pd.isna(row["rule"]):
            return int(row["answers"]) if pd.notna(row["answers"]) else None
        one = row["task"] in domains.index
        tasks = [row["task"]] if one else domains.index[domains == row["domain"]]
        return int(sum(counts.get((task, row["rule"]), 0) for task in tasks))

    answers = [count(row) for row in rows_of(rows)]
    rows = rows.assign(rule=rows["rule"].fillna("all"))
    return rows.drop(columns="n").assign(answers=pd.Series(answers, rows.index, dtype=object))


def _content(name: str, rows: pd.DataFrame) -> dict[str, Any]:
    """`columns`: what tells rows apart, then numbers, with their `headings`; `rows`: values, None
    for missing. A difference that is 0 to the digits of the page has no p."""
    rows = rows.assign(task=rows["task"].map(task_names(rows["task"])))
    texts = [c for c in rows.columns if c in tables.TEXT or rows[c].dtype == bool]
    texts = [c for c in texts if c not in ("domain", "average", "reason", "group")]
    texts = [c for c in texts if len(rows[c].unique()) > 1 or c == "task"]
    shown = [*texts, *(c for c in NUMBERS if c in rows and rows[c].notna().any())]
    if "p" in shown:
        zero = (rows[["estimate", "low", "high"]].abs() < NOTHING).all(axis=1)
        rows = rows.assign(p=rows["p"].mask(zero))
    values = rows[shown].astype(object).where(rows[shown].notna(), None)
    return {
        "columns": shown,
        "headings": [heading(column) for column in shown],
        "numbers": NUMBERS,
        "counts": COUNTS,
        "rows": [
            [shown_value(name, column, value) for column, value in zip(shown, row)]
            for row in values.to_numpy().tolist()
        ],
    }


def heading(column: str) -> str:
    """Names a column."""
    return COLUMNS.get(column, column.replace("_", " "))


def shown_value(analysis: str, column: str, text: object) -> object:
    """Names a cell's content; what is no text of the suite's own is kept as it is."""
    if not isinstance(text, str) or column not in ("quantity", "rule", "method", "estimator"):
        return text
    if column == "quantity" and (analysis, text) in VALUES:
        return VALUES[(analysis, text)]
    return text.replace("_", " ")
