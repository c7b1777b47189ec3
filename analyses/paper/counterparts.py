"""What a run of the study says beside the claims of the paper, and whether it shows them.

In: counterparts, claims with the numbers of a run that stand beside them; the tables of the run's
analyses (ANALYSES). Out: `beside`, a row per claim and number of the run, with its 95 % interval,
and `here`, the direction of the number and never its size, for the run's tasks and models, which
`what` names, are its own:

- `holds here`: the interval lies above 0 (ABOVE_ZERO), or within HARDLY of 0 (NEAR_ZERO); above
  what the numbers' structure alone gives, where there is such a number;
- `does not hold here`: it lies below 0, or beyond HARDLY;
- `cannot be told`: neither; an interval that is missing decides nothing;
- `not judged`: the number is shown, the claim does not turn on it;
- `not run`: the run has no such number.

`here_of` gives one `here` a claim: it holds where every number judged does (for SOME_ABOVE_ZERO,
where one does, with p after Holm below .05), and does not hold where one does not (SOME_ABOVE_ZERO:
where none does).
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
REHEARSAL = ")"
"""How the name of a family with random weights ends."""
INVERTED_U = "inverted_u"

ABOVE_ZERO, SOME_ABOVE_ZERO, NEAR_ZERO = "above 0", "some above 0", "about 0"
"""What the numbers must be for a claim to hold."""
HARDLY = 0.05
"""What is taken as «hardly», which the paper says in words: a change under 5 points."""
LEVEL = 0.05
HOLDS_HERE, NOT_HERE, UNTOLD = "holds here", "does not hold here", "cannot be told"
NOT_JUDGED, NOT_RUN = "not judged", "not run"


@dataclass(frozen=True)
class Source:
    """Which numbers of a run stand beside a claim."""

    analysis: str
    quantity: str
    tasks: tuple[str, ...] = ()
    """Words of which one is in the task's name; or one of IN_DOMAIN (the mean over tasks), STAR
    (benchmarks outside the training domain: those named like it, where there are any) and MATH
    (their categories of that name)."""
    family: str = ""
    """How the family's name begins; empty for any family."""
    unit: str = "share"
    """Numbers in `%` and `points` are 100 times those of the analysis."""
    where: Mapping[str, object] = field(default_factory=dict)
    """Column of the analysis -> the value that a row has."""


@dataclass(frozen=True)
class Counterpart:
    """A claim and the numbers of a run beside it."""

    claim: str
    published: float
    """NaN where the paper says it in words."""
    note: str
    source: Source
    expects: str = ABOVE_ZERO
    """ABOVE_ZERO, SOME_ABOVE_ZERO or NEAR_ZERO."""
    judged: Source | None = None
    """What the claim turns on, of the same analysis, where that is not every number of `source`."""
    structure: Source | None = None
    """The number, of the same analysis, that comes out where there is nothing to find."""


def beside(claims: list[Counterpart], run: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Gives a row per claim and number of the run (COLUMNS); `run` holds the tables of ANALYSES.

    Drops of a module are those with the other module at its largest, after direct answers where
    the run has them, as the paper's are; so are the gains of a perceiver. A claim for which the run
    has nothing is a row with NaN and the reason; a rehearsal with random weights has nothing.
    """
    rows = [row for claim in claims for row in _beside(claim, run)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def here_of(claims: list[Counterpart], numbers: pd.DataFrame) -> dict[str, str]:
    """Gives each claim its `here`, from the rows of `beside`."""
    found = {}
    for claim in claims:
        own = set(numbers.loc[numbers["claim"] == claim.claim, "here"]) - {NOT_JUDGED}
        if own <= {HOLDS_HERE} or own <= {NOT_HERE} or own <= {NOT_RUN}:
            found[claim.claim] = own.pop() if own else UNTOLD
        else:
            decides = HOLDS_HERE if claim.expects == SOME_ABOVE_ZERO else NOT_HERE
            found[claim.claim] = decides if decides in own else UNTOLD
    return found


def _beside(claim: Counterpart, run: Mapping[str, pd.DataFrame]) -> Iterator[dict[str, object]]:
    source, table = claim.source, run[claim.source.analysis]
    numbers = _select(table, source)
    counting = numbers if claim.judged is None else _select(table, claim.judged)
    structure = _select(table, claim.structure) if claim.structure else numbers.iloc[:0]
    floors = dict(zip(structure["family"], structure["estimate"])) if len(structure) else {}
    shown = pd.concat([numbers, structure])
    shown = shown.drop(index=counting.index, errors="ignore")
    for rows, judged in ((shown, False), (counting, True)):
        part = claim.judged if judged and claim.judged else source
        for row in rows.to_dict("records"):
            named = {str(name): value for name, value in row.items()}
            floor = max(0.0, floors.get(named["family"], 0.0)) if judged else 0.0
            yield {
                **{"claim": claim.claim, "unit": part.unit},
                "here": _here(named, claim.expects, floor) if judged else NOT_JUDGED,
                "what": _what(named),
                **{name: _in(part.unit, row[name]) for name in ("estimate", "low", "high")},
                "n": 0 if pd.isna(row["n"]) else int(row["n"]),
                "reason": _reason(named["reason"], floor),
            }
    if not len(shown) and not len(counting):
        wanted = " or ".join(source.tasks) or "tasks"
        among = f", of a family named {source.family}" if source.family else ""
        by = f" by {source.where['method']}" if "method" in source.where else ""
        reason = f"the run has no {source.quantity.replace('_', ' ')}{by} of {wanted}{among}"
        blank = {"claim": claim.claim, "here": NOT_RUN, "what": None, "n": 0}
        yield unknown(**blank, unit=source.unit, reason=reason)


def _in(unit: str, value: float) -> float:
    return float(value) * (100.0 if unit in ("%", "points") else 1.0)


def _reason(reason: Any, floor: float) -> str | None:
    said = [] if pd.isna(reason) else [str(reason)]
    if floor > 0:
        said.append(f"held against {floor:.2f}, which structure alone gives")
    return "; ".join(said) or None


def _here(row: Mapping[str, Any], expects: str, floor: float) -> str:
    """What an interval says; ends that are missing compare as false and tell nothing."""
    low, high = float(row["low"]), float(row["high"])
    if expects == NEAR_ZERO:
        if low > -HARDLY and high < HARDLY:
            return HOLDS_HERE
        return NOT_HERE if low > HARDLY or high < -HARDLY else UNTOLD
    holds = low > floor and (expects == ABOVE_ZERO or float(row["p_holm"]) < LEVEL)
    return HOLDS_HERE if holds else NOT_HERE if high < 0 else UNTOLD


def _select(table: pd.DataFrame, source: Source) -> pd.DataFrame:
    """The rows of an analysis that stand beside the claim."""
    rows = table[table["quantity"] == source.quantity] if len(table) else table
    if not len(rows):
        return rows
    if "perceiver" in rows and "perceiver" not in source.where:
        # The published numbers are of models trained to answer.
        rows = rows[rows["perceiver"].isna() | (rows["perceiver"] == INSTRUCT)]
    names = rows["family"].astype(str)
    rows = rows[names.str.startswith(source.family) & ~names.str.endswith(REHEARSAL)]
    for column, value in source.where.items():
        rows = rows[rows[column] == value]
    if source.analysis == "dependence":
        fits = rows["task"].isna() & ~rows["estimator"].astype(str).str.startswith("null")
        return rows[fits | ("estimator" in source.where)]
    if source.analysis == "degradation":
        rows = rows[rows["method"] == "end_to_end"]
    if source.analysis == "thinking":
        rows = rows[rows["method"] == "decoupled"]
        if source.quantity == INVERTED_U and rows["reasoning"].notna().any():
            rows = rows[rows["reasoning"].notna()]  # each size inside, not the best alone
    if source.analysis == "decoupling":
        rows = _direct(rows[rows["at_largest"].astype(bool)])
    if source.analysis == "methods" and source.where.get("method") == "decoupled":
        largest = rows.groupby("family")["reasoning_params"].transform("max")
        rows = _direct(rows[(rows["reasoning_params"] == largest) | largest.isna()])
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
    names = rows["task"].astype(str).str.lower()
    if words in ((STAR,), (MATH,)):
        star = names.str.contains("star", regex=False)
        outside &= star if (outside & star).any() else True
    if words == (STAR,):
        return outside & whole & (rows["average"] != "tasks")
    if words == (MATH,):
        return outside & rows["group"].astype(str).str.lower().str.contains(MATH, regex=False)
    return whole & names.str.contains("|".join(map(re.escape, words)))


def _what(row: Mapping[str, Any]) -> str:
    """The quantity, the task and the sizes of a row, in words."""
    quantity = str(row["quantity"]).replace("_", " ")
    named = {name for name, value in row.items() if not pd.isna(value)}
    if "estimator" in named:
        return f"{quantity}, {str(row['estimator']).replace('_', ' ')} ({row['family']})"
    if quantity == INVERTED_U.replace("_", " "):
        p = "" if pd.isna(row["p"]) else f", p = {row['p_holm']:.2g} (intersection-union, Holm)"
        size = row["reasoning"] if "reasoning" in named else "a size inside"
        return f"gain of {size} over that of both ends, {row['task']} ({row['family']}){p}"
    place = f"{row['task']}/{row['group']}" if "group" in named else str(row["task"])
    if "against" in named:
        pair = f"{row['method']} {row['perception']}/{row['reasoning']}"
        by = f" of {row['perceiver']} over {row['against']}"
        thinking = ", thinking" if row["thinking"] else ""
        return f"{quantity}{by}, {pair}{thinking}, {place} ({row['family']})"
    parts = [quantity, "of", place]
    if "large" in named:
        parts.append(f"from {row['large']} to {row['small']}")
    if "partner" in named:
        parts.append(f"beside {row['partner']}" + (", thinking," if row["thinking"] else ""))
    if "reasoning" in named:
        parts.append(f"at reasoning {row['reasoning']}")
    return " ".join([*parts, f"({row['family']})"])
