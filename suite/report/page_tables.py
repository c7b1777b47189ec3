"""Tables as the page shows them, and those of the analyses that it gives beside their figures.

In: values, or tables/<analysis>.csv of a run. Out: `Table`, which one macro of
templates/parts.html.jinja writes, whatever it is of. Of an analysis the means over tasks and the
tasks outside the domain; tasks and categories stay in the CSV.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analyses.agreement import UNPARSED
from analyses.registry import ANALYSES
from analyses.table.scores import IN_DOMAIN, SHARED
from suite.base.json_values import rows_of
from suite.report import tables

TEXT, CODE, NAME, LONG = "text", "code", "task", "long"
"""Kinds of columns of words: plain, of one line, a task (shown by its name), one that folds."""
SHARE, COUNT, P, ESTIMATE = "share", "count", "p", "estimate"
"""Kinds of numbers; an estimate has `estimate`, `low` and `high`, or is None."""
ITEM, READ = "item", "read"
"""An item with its question and more texts; what was read, and whether it is right."""
NUMBERS = (SHARE, COUNT, P, ESTIMATE)


@dataclass(frozen=True)
class Table:
    """A table of the page."""

    title: str
    columns: tuple[tuple[str, str], ...]
    """(heading, kind)."""
    rows: Sequence[Sequence[Any]]
    """A value per column, None where it is missing."""
    name: str = ""
    """What its CSV is called, where that is told."""


COUNTS = ("n", "answers")
NOTHING = 0.0005
"""Numbers below it are 0 on the page."""
IN_NUMBERS = ("marginal", "seeds", "agreement", "power")
"""Analyses whose p, errors or shares are read off a figure too coarsely."""
KINDS = {"estimate": SHARE, "low": SHARE, "high": SHARE, **dict.fromkeys(COUNTS, COUNT), "p": P}

COLUMNS = {
    "rule": "parsing rule",
    "module": "module that shrinks",
    "small": "from",
    "large": "to",
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


def sections(folder: Path, frame: pd.DataFrame) -> list[Table]:
    """Gives a table per analysis of IN_NUMBERS; none where the study has no cells for it."""
    found = []
    for name in IN_NUMBERS:
        rows = _means(tables.read(folder, name))
        if name == "agreement":
            rows = _with_answers(rows, frame)
        elif "answers" in rows:
            rows = rows.drop(columns="answers")
        if len(rows):
            found.append(_shown(name, rows))
    return found


def of_columns(title: str, table: pd.DataFrame) -> Table:
    """Gives a table whose columns nobody knows beforehand."""
    numeric = [pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]
    whole = [pd.api.types.is_integer_dtype(kind) for kind in table.dtypes]
    kinds = [
        NAME if name == "task" else COUNT if w else SHARE if n else TEXT
        for name, n, w in zip(table.columns, numeric, whole)
    ]
    columns = tuple((heading(str(name)), kind) for name, kind in zip(table.columns, kinds))
    return Table(title, columns, [list(row.values()) for row in rows_of(table)])


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


def _shown(name: str, rows: pd.DataFrame) -> Table:
    """What tells rows apart, then numbers. A difference that is 0 to the digits of the page has no
    p."""
    texts = [c for c in rows.columns if c in tables.TEXT or rows[c].dtype == bool]
    texts = [c for c in texts if c not in ("domain", "average", "reason", "group")]
    texts = [c for c in texts if len(rows[c].unique()) > 1 or c == "task"]
    columns = [*texts, *(c for c in KINDS if c in rows and rows[c].notna().any())]
    if "p" in columns:
        zero = (rows[["estimate", "low", "high"]].abs() < NOTHING).all(axis=1)
        rows = rows.assign(p=rows["p"].mask(zero))
    values = rows[columns].astype(object).where(rows[columns].notna(), None)
    kinds = {"task": NAME, **KINDS}
    return Table(
        ANALYSES[name],
        tuple((heading(column), kinds.get(column, TEXT)) for column in columns),
        [
            [shown_value(name, column, value) for column, value in zip(columns, row)]
            for row in values.to_numpy().tolist()
        ],
        name,
    )


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


def numbers_of(row: Mapping[str, Any] | None, estimate: str = "estimate") -> dict[str, Any] | None:
    """Gives what a cell of the kind ESTIMATE shows of a row; None of none."""
    if row is None:
        return None
    return {"estimate": row[estimate], "low": row["low"], "high": row["high"]}
