"""What a run of the study says beside the claims of the paper, and whether it shows them.

In: counterparts, claims with the numbers of a run that stand beside them; the tables of the run's
analyses (ANALYSES). Out: `beside`, a row per claim and number of the run, with its 95 % interval,
in the claim's unit, and `here`:

- `holds here`: the interval lies above 0 (expects ABOVE_ZERO), or within HARDLY of 0 (NEAR_ZERO);
- `does not hold here`: it lies below 0, or beyond HARDLY;
- `cannot be told`: neither; an interval that is missing decides nothing;
- `shown`: the number is not what the claim turns on;
- `not run`: the run has no such number.

The direction is judged, never the size: the run's tasks and models are its own, and `what` names
them. `verdicts` gives one `here` a claim: it holds where each number judged does, and does not
where one does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from analyses.columns import INSTRUCT
from analyses.stats.arrays import unknown
from analyses.table.scores import IN_DOMAIN

ANALYSES = ("degradation", "dependence", "decoupling", "thinking", "methods")
"""The analyses of a run that `beside` reads."""
COLUMNS = ("claim", "here", "what", "estimate", "low", "high", "n", "unit", "reason")
STAR = "benchmarks out of domain"
MATH = "math"
INVERTED_U = "inverted_u"

ABOVE_ZERO, NEAR_ZERO = "above 0", "about 0"
"""What the numbers must be for a claim to hold."""
HARDLY = 0.05
"""The paper's «hardly»: a change of accuracy under 5 points."""
HOLDS_HERE, NOT_HERE, UNTOLD = "holds here", "does not hold here", "cannot be told"
SHOWN, NOT_RUN = "shown", "not run"


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
    where: Mapping[str, object] = field(default_factory=dict)
    """Column of the analysis -> the value that a row has."""


@dataclass(frozen=True)
class Counterpart:
    """A claim and the numbers of a run beside it."""

    claim: str
    published: float
    """NaN where the paper says it in words."""
    unit: str
    note: str
    source: Source
    expects: str = ABOVE_ZERO
    """ABOVE_ZERO or NEAR_ZERO."""
    judged: Source | None = None
    """What the claim turns on, of the same analysis, where that is not every number of `source`."""


def beside(claims: list[Counterpart], run: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Gives a row per claim and number of the run (COLUMNS); `run` holds the tables of ANALYSES.

    Drops of a module are those with the other module at its largest, after direct answers where
    the run has them, as the paper's are; so are the gains of a perceiver. A claim for which the run
    has nothing is a row with NaN and the reason.
    """
    rows = [row for claim in claims for row in _beside(claim, run)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def verdicts(numbers: pd.DataFrame) -> dict[str, str]:
    """Gives each claim of `beside` its `here`."""
    found = {}
    for claim, own in numbers.groupby("claim", sort=False)["here"]:
        told = set(own) - {SHOWN}
        order = (NOT_HERE, NOT_RUN, UNTOLD, HOLDS_HERE)
        found[str(claim)] = next((each for each in order if each in told), UNTOLD)
    return found


def _beside(claim: Counterpart, run: Mapping[str, pd.DataFrame]) -> Iterator[dict[str, object]]:
    source, table = claim.source, run[claim.source.analysis]
    blank: dict[str, object] = {"claim": claim.claim, "unit": claim.unit}
    shown = _select(table, source)
    parts = [(shown, source, True)]
    if claim.judged is not None:
        judged = _select(table, claim.judged)
        shown = shown.drop(index=judged.index, errors="ignore")
        parts = [(shown, source, False), (judged, claim.judged, True)]
    for rows, part, counts in parts:
        for row in rows.to_dict("records"):
            low, high = float(row["low"]), float(row["high"])
            yield blank | {
                **{name: part.scale * float(row[name]) for name in ("estimate", "low", "high")},
                "here": _here(low, high, claim.expects) if counts else SHOWN,
                "what": _what({str(name): value for name, value in row.items()}),
                "n": 0 if pd.isna(row["n"]) else int(row["n"]),
                "reason": None if pd.isna(row["reason"]) else str(row["reason"]),
            }
    if not any(len(rows) for rows, _, _ in parts):
        wanted = " or ".join(source.tasks) or "tasks"
        among = f", of a family named like {source.family}" if source.family else ""
        by = f" by {source.where['method']}" if "method" in source.where else ""
        reason = f"the run has no {source.quantity.replace('_', ' ')}{by} of {wanted}{among}"
        yield blank | unknown(here=NOT_RUN, what=None, n=0, reason=reason)


def _here(low: float, high: float, expects: str) -> str:
    """What an interval says; ends that are missing compare as false and tell nothing."""
    if expects == ABOVE_ZERO:
        return HOLDS_HERE if low > 0 else NOT_HERE if high < 0 else UNTOLD
    if low > -HARDLY and high < HARDLY:
        return HOLDS_HERE
    return NOT_HERE if low > HARDLY or high < -HARDLY else UNTOLD


def _select(table: pd.DataFrame, source: Source) -> pd.DataFrame:
    """The rows of an analysis that stand beside the claim."""
    rows = table[table["quantity"] == source.quantity] if len(table) else table
    if not len(rows):
        return rows
    if "perceiver" in rows and "perceiver" not in source.where:
        # The published numbers are of models trained to answer.
        rows = rows[rows["perceiver"].isna() | (rows["perceiver"] == INSTRUCT)]
    if source.family:
        rows = rows[rows["family"].astype(str).str.lower().str.contains(source.family, regex=False)]
    for column, value in source.where.items():
        rows = rows[rows[column] == value]
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
        rows = _direct(rows[rows["at_largest"].astype(bool)])
    if source.analysis == "methods" and source.where.get("method") == "decoupled":
        largest = rows.groupby("family")["reasoning_params"].transform("max")
        rows = _direct(rows[rows["reasoning_params"] == largest])
    return rows[_is_of(rows, source.tasks)]


def _direct(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows after direct answers, where there are any."""
    direct = rows[~rows["thinking"].astype(bool)]
    return direct if len(direct) else rows


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
    if "against" in named:
        pair = f"{row['method']} {row['perception']}/{row['reasoning']}"
        by = f" of {row['perceiver']} over {row['against']}"
        return f"{quantity}{by}, {pair}, {place} ({row['family']})"
    parts = [quantity, "of", place]
    if "large" in named:
        parts.append(f"from {row['large']} to {row['small']}")
    if "partner" in named:
        parts.append(f"beside {row['partner']}" + (", thinking," if row["thinking"] else ""))
    if "reasoning" in named:
        parts.append(f"at reasoning {row['reasoning']}")
    return " ".join([*parts, f"({row['family']})"])
