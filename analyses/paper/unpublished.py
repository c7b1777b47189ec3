"""Claims of the paper whose data were not published, and what a run of the study says beside them.

In: the published tables; the tables of a run's analyses. Out: `unpublished`, the claims, and
`beside`, a row per claim and number of the run, with its interval, in the claim's unit. A run's
number is shown, not judged: its tasks and models are its own, and `what` names them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analyses.columns import INSTRUCT
from analyses.paper.claims import FAMILIES, TABLES, Tables
from analyses.stats.arrays import unknown
from analyses.table.scores import IN_DOMAIN

ANALYSES = ("degradation", "dependence", "decoupling", "thinking")
"""The analyses of a run that `beside` reads."""
COLUMNS = ("claim", "what", "estimate", "low", "high", "n", "unit", "reason")
STAR = "benchmarks out of domain"
MATH = "math"


@dataclass(frozen=True)
class Source:
    """Which numbers of a run stand beside a claim."""

    analysis: str
    quantity: str
    tasks: tuple[str, ...] = ()
    """Words of which one is in the task's name; or one of IN_DOMAIN (the mean over tasks), STAR
    (benchmarks outside the training domain) and MATH (their categories of that name)."""
    family: str = ""
    """Word in the family's name; empty for any family."""
    scale: float = 1.0
    """From the analysis' unit to the claim's."""


@dataclass(frozen=True)
class Unpublished:
    """A claim that the published tables cannot decide."""

    claim: str
    published: float
    """NaN where the paper says it in words."""
    unit: str
    note: str
    source: Source
    tested_by: Source | None = None
    """A row of a test of the claim, where an analysis has one."""


ITEMS = "the answers per task and size are not published"
INVERTED_U = "inverted_u"
FALLS = "falls end to end, 8B to 0.6B, relative"
SHRINKS = {"perception_drop": "only perception shrinks", "reasoning_drop": "only reasoning shrinks"}
GROUNDING, NIGHTS = ("grounding", "refcoco"), ("nights", "similarity")
KNOWLEDGE = ("scienceqa", "knowledge")


def _relative(name: str, published: float, tasks: tuple[str, ...]) -> Unpublished:
    source = Source("degradation", "relative_drop", tasks, scale=100.0)
    return Unpublished(f"{name} {FALLS}", published, "%", ITEMS, source)


def _drop(place: str, quantity: str, published: float, task: str) -> Unpublished:
    claim = f"{place} drop when {SHRINKS[quantity]}, 8B to 0.6B"
    source = Source("decoupling", quantity, (task,))
    return Unpublished(claim, published, "share", ITEMS, source)


STATED: tuple[Unpublished, ...] = (
    _relative("Grounding", 48.0, GROUNDING),
    _relative("NIGHTS", 38.0, NIGHTS),
    _relative("ScienceQA hardly", np.nan, KNOWLEDGE),
    Unpublished(
        "Scaling sensitivity rises with visual dependence over tasks, about linearly",
        *(np.nan, "slope", "the points are published as a plot without numbers"),
        Source("dependence", "slope"),
    ),
    _drop("In-domain", "perception_drop", 0.15, IN_DOMAIN),
    _drop("In-domain", "reasoning_drop", 0.11, IN_DOMAIN),
    _drop("MMStar", "perception_drop", 0.07, STAR),
    _drop("MMStar", "reasoning_drop", 0.06, STAR),
    Unpublished(
        "MMStar Math hardly falls when only perception shrinks",
        *(np.nan, "share", ITEMS, Source("decoupling", "perception_drop", (MATH,))),
    ),
    Unpublished(
        "In-domain gain of thinking is an inverted U over size",
        *(np.nan, "share", ITEMS, Source("thinking", "gain", (IN_DOMAIN,))),
        tested_by=Source("thinking", INVERTED_U, (IN_DOMAIN,)),
    ),
    Unpublished(
        "On MMStar thinking gains at every reasoning size",
        *(np.nan, "share", ITEMS, Source("thinking", "gain", (STAR,))),
    ),
)
"""What the text states; the drops of other families stand in Table A1."""


def unpublished(tables: Tables) -> list[Unpublished]:
    """Lists every claim that the tables do not determine."""
    columns = list(TABLES[FAMILIES])
    rows = tables[FAMILIES][columns].astype(object).to_numpy().tolist()
    note = "the mean drop is published, not what it is the mean of"
    families = []
    for module, large, small, drop in rows:
        word = re.match(r"[a-z]*", str(module).lower())
        source = Source(
            *("decoupling", "perception_drop", (STAR,)), word[0] if word else "", scale=100.0
        )
        claim = f"MMStar drop when perception shrinks, {module}, {large:g}B to {small:g}B"
        families.append(Unpublished(claim, float(drop), "points", note, source))
    return [*STATED, *families]


def beside(claims: list[Unpublished], run: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Gives a row per claim and number of the run (COLUMNS); `run` holds the tables of ANALYSES.

    Drops of a module are those with the other module at its largest, after direct answers where
    the run has them, as the paper's are. A claim for which the run has nothing is a row with NaN
    and the reason.
    """
    rows = [row for claim in claims for row in _beside(claim, run)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _beside(claim: Unpublished, run: Mapping[str, pd.DataFrame]) -> Iterator[dict[str, object]]:
    source = claim.source
    parts = [source, *([claim.tested_by] if claim.tested_by else [])]
    found = pd.concat([_select(run[part.analysis], part) for part in parts])
    blank: dict[str, object] = {"claim": claim.claim, "unit": claim.unit}
    if not len(found):
        wanted = " or ".join(source.tasks) or "tasks"
        among = f", of a family named like {source.family}" if source.family else ""
        reason = f"the run has no {source.quantity.replace('_', ' ')} of {wanted}{among}"
        yield blank | unknown(what=None, n=0, reason=reason)
        return
    for row in found.to_dict("records"):
        numbers = {name: source.scale * float(row[name]) for name in ("estimate", "low", "high")}
        why = None if pd.isna(row["reason"]) else str(row["reason"])
        n = 0 if pd.isna(row["n"]) else int(row["n"])
        what = _what({str(name): value for name, value in row.items()})
        yield blank | numbers | {"what": what, "n": n, "reason": why}


def _select(table: pd.DataFrame, source: Source) -> pd.DataFrame:
    """The rows of an analysis that stand beside the claim."""
    rows = table[table["quantity"] == source.quantity]
    if "perceiver" in rows:  # the published numbers are of models trained to answer
        rows = rows[rows["perceiver"].isna() | (rows["perceiver"] == INSTRUCT)]
    if source.family:
        rows = rows[rows["family"].astype(str).str.lower().str.contains(source.family, regex=False)]
    if source.analysis == "dependence":
        fits = rows["task"].isna() & ~rows["estimator"].astype(str).str.startswith("null")
        return rows[fits]
    if source.analysis == "degradation":
        rows = rows[rows["method"] == "end_to_end"]
    if source.analysis == "thinking":
        rows = rows[rows["method"] == "decoupled"]
        if source.quantity == INVERTED_U:  # of the sizes together, not of each inside
            rows = rows[rows["reasoning"].isna()]
    if source.analysis == "decoupling":
        rows = rows[rows["at_largest"].astype(bool)]
        direct = rows[~rows["thinking"].astype(bool)]
        rows = direct if len(direct) else rows
    return rows[_is_of(rows, source.tasks)]


def _is_of(rows: pd.DataFrame, words: tuple[str, ...]) -> pd.Series:
    """Whether each row is of one of the tasks that the words name (see `Source.tasks`)."""
    outside = rows["domain"].astype(str) != IN_DOMAIN
    whole = rows["group"].isna()
    if words == (IN_DOMAIN,):
        return (rows["task"] == IN_DOMAIN) & whole
    if words == (STAR,):
        return outside & whole & (rows["average"] != "tasks")
    if words == (MATH,):
        return outside & rows["group"].astype(str).str.lower().str.contains(MATH, regex=False)
    names = rows["task"].astype(str).str.lower()
    return whole & names.str.contains("|".join(map(re.escape, words)))


def _what(row: Mapping[str, Any]) -> str:
    """The quantity, the task and the sizes of a row, in words."""
    quantity = str(row["quantity"]).replace("_", " ")
    named = {name for name, value in row.items() if not pd.isna(value)}
    if "estimator" in named:
        return f"{quantity}, {str(row['estimator']).replace('_', ' ')} ({row['family']})"
    if quantity == INVERTED_U.replace("_", " "):
        p = "" if pd.isna(row["p"]) else f", p = {row['p']:.2g} (intersection-union, Holm)"
        return f"most that a size inside gains over both ends, {row['task']} ({row['family']}){p}"
    place = f"{row['task']}/{row['group']}" if "group" in named else str(row["task"])
    parts = [quantity, "of", place]
    if "large" in named:
        parts.append(f"from {row['large']} to {row['small']}")
    if "partner" in named:
        parts.append(f"beside {row['partner']}" + (", thinking," if row["thinking"] else ""))
    if "reasoning" in named:
        parts.append(f"at reasoning {row['reasoning']}")
    return " ".join([*parts, f"({row['family']})"])
