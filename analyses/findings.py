"""Findings: sentences made of numbers, which answer the study's questions or say why they cannot.

In: the tidy table, and the tables of the analyses in STANDS_ON. Out: a row per sentence, the answer
to «seeing or thinking?» first, WARNINGS last but for what only adds to an earlier sentence.

- `kind`: which question it answers, or one of WARNINGS.
- `estimate`, `low`, `high`: of a comparison the accuracy of what is smaller, thinks or lacks the
  image less that of what it is held against, as in `downscale compare`; of the other kinds what the
  sentence names: a share, a count, a slope. Intervals are those of the analysis.
- `p` of the analysis; `p_holm` after Holm over the findings that have one.
- `verdict`: that of `downscale compare` (`analyses.comparison.verdict`) with no margin, from the
  interval alone: better (low > 0), worse (high < 0) or undecided. None where nothing is compared.
- `headline`: false of what only adds to an earlier sentence of its kind.
- `warns`: whether the kind is one of WARNINGS.
- `figure`: the figure that shows the number, or `cells`, the table of accuracies.
- `reason`: why a number is missing, or p and verdict differ.

«Seeing or thinking» is one paired difference: P_S with R_L against P_L with R_S, which is what
shrinking reasoning costs less what shrinking perception costs, each beside a large partner. Two
separate intervals never decide it. What the study has no cells for has no sentence, except for that
question and the fall itself, which then say what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from analyses.columns import INSTRUCT
from analyses.comparison import BETTER, UNDECIDED, WORSE, verdict
from analyses.registry import load_analysis
from analyses.stats.intervals import at_odds, holm
from analyses.table.scores import IN_DOMAIN, OUT_OF_DOMAIN, none_where_missing
from analyses.table.sizes import sizes_in_order

STANDS_ON = (
    *("cells", "degradation", "decoupling", "thinking", "dependence", "attribution", "power"),
)
LOOK = "look"
WARNINGS = (LOOK, "failed", "unparsed", "leaks", "few_items", "one_seed", "at_odds")
"""Kinds that say what the others must be read with."""
CELLS = "cells"
"""In place of a figure: the table of accuracies."""
UNREAD = 0.05
"""Share of answers in a headline cell that may be unread without a warning."""
FEW_IMAGES = 20
"""Below it intervals cover less than they promise (results/benchmarks/coverage.csv)."""
MODES = {True: "after thinking", False: "answering directly"}
BESIDE = {
    "decoupled": "perception {}",
    "oracle": "gold descriptions",
    "text_only": "no image",
}
"""Method -> what the reasoning module answers from; the first that was run is told."""
RANKS = ("most", "second most", "third most")
Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Finding:
    """A sentence with its numbers."""

    kind: str
    sentence: str
    figure: str
    estimate: float
    n: int
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan
    p_holm: float = np.nan
    verdict: str | None = None
    family: str | None = None
    task: str | None = None
    reason: str | None = None
    headline: bool = True
    """False where it only adds to an earlier one of its kind."""


COLUMNS = (*(field.name for field in fields(Finding)), "warns")


def findings(
    frame: pd.DataFrame,
    *,
    draws: int = 2000,
    seed: int = 0,
    tables: Mapping[str, pd.DataFrame] | None = None,
    limit: int | None = None,
) -> pd.DataFrame:
    """Gives COLUMNS, a row per sentence; see the module.

    `tables`: those of STANDS_ON that were made of the same table already. `limit`: items of each
    task or category to which a look was cut; then only WARNINGS are given, that it is one first.
    """
    if not len(frame):
        return pd.DataFrame(columns=list(COLUMNS))
    found = list(_warnings(frame, tables, limit, draws, seed))
    if found and found[0].kind != LOOK:
        known = _tables(STANDS_ON, frame, tables, draws, seed)
        found = [*_answers(known, frame), *found]
    adjusted = holm([each.p for each in found])
    odds = [_at_odds(each, float(p)) for each, p in zip(found, adjusted)]
    rows = [
        vars(each) | {"p_holm": p, "reason": each.reason or why}
        for each, p, why in zip(found, adjusted, odds)
    ]
    count = sum(why is not None for why in odds)
    if count:
        rows.append(vars(_odd(count, int(np.sum(~np.isnan(adjusted))))))
    rows.sort(key=lambda row: (not row["headline"], row["kind"] in WARNINGS))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["warns"] = table["kind"].isin(WARNINGS)
    return none_where_missing(table, ("verdict", "family", "task", "reason"))


def _tables(
    names: tuple[str, ...],
    frame: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame] | None,
    draws: int,
    seed: int,
) -> dict[str, pd.DataFrame]:
    """The tables by name, made where they are not there, with the family and perceiver as `who`."""
    made = dict(tables or {})
    for name in names:
        if name not in made:
            made[name] = load_analysis(name)(frame, draws=draws, seed=seed)
    return {name: made[name].assign(who=who(made[name])) for name in names}


def who(table: pd.DataFrame) -> pd.Series:
    """Gives the family of each row, with its perceiver where that is another than INSTRUCT."""
    family = table["family"].astype(object)
    if "perceiver" not in table:
        return family
    other = table["perceiver"].notna() & (table["perceiver"] != INSTRUCT)
    return family.mask(other, family + ", " + table["perceiver"].astype(object))


def _at_odds(found: Finding, p_holm: float) -> str | None:
    if found.verdict is None:
        return None
    return at_odds(p_holm, found.low, found.high, "p is after Holm over all findings")


def _odd(count: int, tested: int) -> Finding:
    verb = "rests" if count == 1 else "rest"
    sentence = (
        f"Of {tested} findings with a p, {count} {verb} on the interval or on p alone: after Holm "
        "the two do not agree there."
    )
    return Finding("at_odds", sentence, CELLS, float(count), tested)


# --- what answers -----------------------------------------------------------------------------


def _answers(known: Mapping[str, pd.DataFrame], frame: pd.DataFrame) -> Iterator[Finding]:
    decoupling, degradation = known["decoupling"], known["degradation"]
    several = len({who for table in known.values() for who in table["who"].dropna()}) > 1
    parts: tuple[tuple[pd.DataFrame, Callable[[pd.DataFrame], Iterator[Finding]]], ...] = (
        (decoupling, _seeing_or_thinking),
        (degradation, _fall),
        (known["thinking"], _thinking_pays),
        (known["dependence"], _dependence),
        (known["cells"], _blind),
        (known["attribution"], _luck),
        (known["power"], _power),
    )
    cells = known["cells"].drop_duplicates("cell")
    for table, function in parts:
        found = []
        for who, rows in table.groupby("who", sort=False):
            for each in function(rows):
                said = f"{who}: {each.sentence}" if several else each.sentence
                found.append(Finding(**vars(each) | {"family": str(who), "sentence": said}))
        if not found and function is _seeing_or_thinking:
            found.append(_unpaired(decoupling, cells))
        if not found and function is _fall:
            found += _one_size(cells)
        yield from found


def _seeing_or_thinking(table: pd.DataFrame) -> Iterator[Finding]:
    """The paired difference of the two drops, after thinking first."""
    first = True
    for mode in (True, False):
        grid = table[table["thinking"] == mode]
        rows = grid[(grid["quantity"] == "difference") & (grid["partner"] == "largest")]
        if not len(rows):
            continue
        seen, thought = (
            sizes_in_order(grid, axis, f"{axis}_params") for axis in ("perception", "reasoning")
        )
        ends = [f" from {sizes[-1]} to {sizes[0]}" for sizes in (seen, thought)]
        other = ["", ""] if ends[0] == ends[1] else ends  # said once where it is the same
        for where, row in heads(rows):
            place = f"{where}, {MODES[mode]}"
            change = _change(row, -1.0)
            by, turned = _than(row), _than(row, -1.0)
            costs = f"shrinking perception{ends[0]} costs {by} than shrinking reasoning{other[1]}"
            said = {
                WORSE: f"Seeing, more than thinking: {costs}",
                BETTER: f"Thinking, more than seeing: shrinking reasoning{ends[1]} costs {turned} "
                f"than shrinking perception{other[0]}",
                UNDECIDED: f"Seeing or thinking is undecided: {costs}",
            }
            sentence = f"{said[str(change['verdict'])]} ({place})."
            if np.isnan(float(row["estimate"])):
                sentence = f"Seeing or thinking is not answered ({place}): {row['reason']}."
            yield Finding("seeing_or_thinking", sentence, "decoupling", headline=first, **change)
        first = False


def _unpaired(decoupling: pd.DataFrame, cells: pd.DataFrame) -> Finding:
    """Why the question has no answer."""
    grid = decoupling[decoupling["quantity"] == "accuracy"]
    p, r = (int(grid[axis].nunique()) for axis in ("perception", "reasoning"))
    why = f"none of the {len(cells)} cells pairs a perception with a reasoning size"
    if len(grid):
        why = f"its pairings have {p} perception and {r} reasoning size{'s' * (max(p, r) > 1)}"
        pairs = len(grid.drop_duplicates(["perception", "reasoning"]))
        short = f", and {pairs} of {p * r} pairings were run" if min(p, r) > 1 else ", two of each"
        why += short + (" are needed" if min(p, r) < 2 else "")
    sentence = f"Seeing or thinking is not answered: {why}."
    return Finding("seeing_or_thinking", sentence, CELLS, float(min(p, r)), len(cells))


def _fall(table: pd.DataFrame) -> Iterator[Finding]:
    """What shrinking costs end to end: the means, then the tasks that fall most."""
    rows = table[(table["quantity"] == "drop") & (table["method"] == "end_to_end")]
    if not len(rows):
        return
    ends = f"end to end from {rows['large'].iloc[0]} to {rows['small'].iloc[0]}"
    for where, row in heads(rows):
        change = _change(row, -1.0)
        said = {
            WORSE: f"Accuracy falls {ends} by {_points(row)} ({where}).",
            BETTER: f"Accuracy rises {ends} by {_points(row, -1.0)} ({where}).",
            UNDECIDED: f"Whether accuracy falls {ends} is undecided: it is {_than(row, -1.0)} "
            f"at {rows['small'].iloc[0]} ({where}).",
        }
        sentence = said[str(change["verdict"])]
        if np.isnan(float(row["estimate"])):
            sentence = f"Whether accuracy falls {ends} is not answered ({where}): {row['reason']}."
        yield Finding("fall", sentence, "degradation", **change)
    tasks = _tasks(rows)
    tasks = tasks[tasks["high"].notna()].sort_values("estimate", ascending=False, kind="stable")
    for rank, row in zip(RANKS, tasks.to_dict("records") if len(tasks) > 1 else ()):
        change = _change(row, -1.0)
        if change["verdict"] == WORSE:
            sentence = (
                f"Of {len(tasks)} tasks, {row['task']} falls {rank} {ends}: by {_points(row)}."
            )
            headline = rank == RANKS[0]
            yield Finding("tasks_that_fall", sentence, "degradation", headline=headline, **change)


def _one_size(cells: pd.DataFrame) -> Iterator[Finding]:
    """Why no fall is measured."""
    whole = cells[cells["method"] == "end_to_end"]
    sizes = int(whole["perception"].nunique())
    sentence = (
        f"Whether accuracy falls end to end is not answered: of {len(cells)} cells "
        f"{len(whole)} {'is' if len(whole) == 1 else 'are'} end to end, of {sizes} "
        f"size{'' if sizes == 1 else 's'}; two sizes are needed."
    )
    yield Finding("fall", sentence, CELLS, float(sizes), len(cells))


def _thinking_pays(table: pd.DataFrame) -> Iterator[Finding]:
    """Gain of thinking at each reasoning size on the first mean: decided ones first, by size."""
    gains = table[table["quantity"] == "gain"]
    known = [method for method in BESIDE if (gains["method"] == method).any()]
    rows = gains[gains["method"].isin(known[:1])]
    beside = BESIDE[known[0]] if known else ""
    first = [
        next(heads(own), None) for _, own in rows.groupby("reasoning", sort=False, dropna=False)
    ]
    found = [(where, row) for where, row in filter(None, first) if not np.isnan(row["estimate"])]
    found.sort(key=lambda own: (_decided(own[1]), abs(own[1]["estimate"])), reverse=True)
    told: set[str] = set()
    for where, row in found:
        change = _change(row)
        place = f"{where}, {beside.format(row['perception'])}"
        said = {
            BETTER: f"Thinking pays at reasoning {row['reasoning']}: {_than(row)} than "
            f"answering directly ({place}).",
            WORSE: f"Thinking costs at reasoning {row['reasoning']}: {_than(row)} than answering "
            f"directly ({place}).",
            UNDECIDED: f"Whether thinking pays at reasoning {row['reasoning']} is undecided: "
            f"{_than(row)} than answering directly ({place}).",
        }
        how = str(change["verdict"])
        headline = how not in told and (how != UNDECIDED or not told)
        told.add(how)
        yield Finding("thinking_pays", said[how], "thinking", headline=headline, **change)


def _decided(row: Row) -> bool:
    return verdict(float(row["low"]), float(row["high"]), 0.0) != UNDECIDED


def _dependence(table: pd.DataFrame) -> Iterator[Finding]:
    """The slope with item noise taken out and the test of no relation. The accuracy of the largest
    size is in need and fall, so the slope must exceed what unrelated accuracies would give, too."""
    fits = table[table["task"].isna()]
    slopes = fits[fits["quantity"] == "slope"]
    slope = slopes[slopes["estimator"] == "bces"]
    alone = slopes.loc[slopes["estimator"] == "null_structure", "estimate"].dropna()
    test = fits[fits["estimator"] == "independence"]
    if not len(slope) or not len(test):
        return
    row = slope.iloc[0].to_dict()
    change = _change(row, -1.0) | {"p": float(test["p"].iloc[0]), "task": None}
    number, tasks = _slope(row), f"{row['n']} in-domain tasks"
    why = at_odds(change["p"], change["low"], change["high"], "p is of the test of no relation")
    if len(alone):
        unrelated = float(alone.iloc[0])
        tasks += f"; unrelated accuracies would give {_shown((unrelated,), 2)[0]}"
        if change["verdict"] == WORSE and -change["high"] <= unrelated:
            why = why or "p is of the test of no relation, the verdict beside unrelated accuracies"
    change["reason"] = change["reason"] or why
    if why:
        change["verdict"] = UNDECIDED
    said = {
        WORSE: f"Tasks that need the image more fall more: {number} points of fall per point of "
        f"need ({tasks}).",
        BETTER: f"Tasks that need the image more fall less: {number} points of fall per point of "
        f"need ({tasks}).",
        UNDECIDED: f"Whether tasks that need the image more fall more is undecided: {number} "
        f"points of fall per point of need ({tasks}).",
    }
    sentence = said[str(change["verdict"])]
    if np.isnan(float(row["estimate"])):
        sentence = (
            "Whether tasks that need the image more fall more is not answered on "
            f"{row['n']} in-domain tasks."
        )
    yield Finding("dependence", sentence, "dependence", **change)


def _blind(table: pd.DataFrame) -> Iterator[Finding]:
    """What the largest model gets right without the image, less what guessing does."""
    rows = table[(table["method"] == "blind") & table["accuracy"].notna()]
    if not len(rows):
        return
    large = sizes_in_order(rows, "perception", "perception_params")[-1]
    for where, row in heads(rows[rows["perception"] == large]):
        shown = {name: row[name] - row["chance"] for name in ("low", "high")}
        shown |= {name: row[name] for name in ("n", "task", "reason")}
        shown["estimate"] = row["accuracy"] - row["chance"]
        change = _change(shown)
        model = f"Without the image size {large}"
        said = {
            BETTER: f"{model} is {_points(shown)} above guessing ({where}).",
            WORSE: f"{model} is {_points(shown, -1.0)} below guessing ({where}).",
            UNDECIDED: f"{model} cannot be told from guessing: it is {_than(shown)} ({where}).",
        }
        yield Finding("guessing", said[str(change["verdict"])], CELLS, **change)


def _luck(table: pd.DataFrame) -> Iterator[Finding]:
    """How much of what is lost from the largest to the smallest pairing luck alone would lose."""
    for mode in (True, False):
        rows = table[(table["quantity"] == "lost") & (table["thinking"] == mode)]
        rows = rows[rows["estimate"].notna() & rows["reference"].notna()]
        for where, row in heads(rows):
            sentence = (
                f"From the largest to the smallest pairing {_percent(row)} of the items are lost; "
                f"luck alone would lose {row['reference']:.1%} ({where}, {MODES[mode]})."
            )
            numbers = {name: row[name] for name in ("estimate", "low", "high", "task", "reason")}
            yield Finding("guessing", sentence, "attribution", n=int(row["n"]), **numbers)
        if len(rows):
            return


def _power(table: pd.DataFrame) -> Iterator[Finding]:
    """The smallest fall that the items show, end to end or on the first ladder that there is."""
    whole = table[table["method"] == "end_to_end"]
    own = whole if len(whole) else table
    keys = ["method", "module", "thinking"]
    rows = own[(own[keys] == own[keys].iloc[0]).all(axis=1)]
    first = rows.iloc[0]
    of = "end to end" if len(whole) else f"of {first['method']} by {first['module']}"
    ends = f"{of} from {first['large']} to {first['small']}"
    for where, row in heads(rows):
        numbers = {name: row[name] for name in ("estimate", "low", "high", "task", "reason")}
        sentence = (
            f"This study could miss a true fall {ends} below {_points(row, ends=False)} "
            f"({where}, {row['n']:,} items, 80 % power)."
        )
        if np.isnan(float(row["estimate"])):
            sentence = (
                f"This study could miss any true fall {ends} ({where}, {row['n']:,} items, "
                "80 % power)."
            )
        yield Finding("power", sentence, "power", n=int(row["n"]), **numbers)


# --- what warns -------------------------------------------------------------------------------


def _warnings(
    frame: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame] | None,
    limit: int | None,
    draws: int,
    seed: int,
) -> Iterator[Finding]:
    items = frame.drop_duplicates(["task", "item_id"])
    shown = items["image_id"].astype(object)
    items = items.assign(image_id=shown.where(shown.notna() & (shown != ""), items["item_id"]))
    parts = items.groupby(["task", items["category"].fillna("")], sort=False)
    if limit is not None and parts.size().max() >= limit:
        each = "a task" if len(parts) == items["task"].nunique() else "a task or category"
        sentence = (
            f"A look: {limit} item{'' if limit == 1 else 's'} {each}, nothing can be concluded."
        )
        yield Finding(LOOK, sentence, CELLS, float(limit), len(items))
    failed = int(frame["failed"].sum())
    if failed:
        sentence = f"{failed:,} of {len(frame):,} answers failed and are missing from every number."
        yield Finding("failed", sentence, CELLS, float(failed), len(frame))
    yield from _unread(_tables(("cells",), frame, tables, draws, seed)["cells"])
    leaks = int(frame["leak"].sum())
    if leaks:
        sentence = (
            f"In {leaks:,} of {len(frame):,} answers an earlier text held an option, the answer or "
            "a letter."
        )
        yield Finding("leaks", sentence, CELLS, float(leaks), len(frame))
    images = parts["image_id"].nunique()
    few = images[images < FEW_IMAGES]
    if len(few):
        task, category = list(few.index)[int(few.to_numpy().argmin())]
        name = f"{task}: {category}" if category else str(task)
        sentence = (
            f"Few items: {len(few)} of {len(images)} tasks and categories have under {FEW_IMAGES} "
            f"images ({name} {few.min()}): their intervals cover less than they say."
        )
        yield Finding("few_items", sentence, CELLS, float(few.min()), len(items))
    if len(frame["seed"].unique()) == 1:
        sentence = "One training seed: no interval holds what training anew would change."
        yield Finding("one_seed", sentence, CELLS, 1.0, len(items))


def _unread(cells: pd.DataFrame) -> Iterator[Finding]:
    """The headline cell with the most unread answers, where that is above UNREAD."""
    means = cells["task"].isin((IN_DOMAIN, OUT_OF_DOMAIN)) | (cells["domain"] != IN_DOMAIN)
    rows = cells[means & cells["group"].isna() & (cells["unparsed"] > UNREAD)]
    if len(rows):
        row = rows.sort_values("unparsed", ascending=False, kind="stable").iloc[0]
        where = "in domain" if row["task"] == IN_DOMAIN else f"on {row['task']}"
        sentence = (
            f"Unread answers, which score 0, are above 5 % in {rows['cell'].nunique()} of "
            f"{cells['cell'].nunique()} cells: {row['unparsed']:.1%} of {row['cell']} {where}."
        )
        yield Finding("unparsed", sentence, CELLS, float(row["unparsed"]), int(row["n"]))


# --- numbers and words ------------------------------------------------------------------------


def _tasks(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of whole tasks."""
    return rows[rows["group"].isna() & (rows["average"] != "tasks")]


def heads(rows: pd.DataFrame) -> Iterator[tuple[str, Row]]:
    """Gives what stands for the tasks in domain, then out of it, with its name: their mean, or the
    one task. `rows`: of one quantity."""
    single = _tasks(rows)
    for domain, word in ((IN_DOMAIN, "in-domain"), (OUT_OF_DOMAIN, "out-of-domain")):
        own = single[single["domain"] == domain]
        if len(own) == 1:
            yield str(own["task"].iloc[0]), own.iloc[0].to_dict()
        mean = rows[(rows["task"] == domain) & (rows["average"] == "tasks")]
        if len(own) > 1 and len(mean):
            yield f"mean of {len(own)} {word} tasks", mean.iloc[0].to_dict()


def _change(row: Row, sign: float = 1.0) -> dict[str, Any]:
    """Numbers of a comparison, `sign` times those of the row, with the verdict of the interval."""
    ends = sorted(sign * float(row[name]) for name in ("low", "high"))
    return {
        "estimate": sign * float(row["estimate"]),
        "low": ends[0],
        "high": ends[1],
        "p": float(row.get("p", np.nan)),
        "n": int(row["n"]),
        "verdict": verdict(ends[0], ends[1], 0.0),
        "task": row["task"],
        "reason": row["reason"],
    }


def _numbers(row: Row, scale: float) -> tuple[float, float, float]:
    """Estimate, low and high, turned where the scale is negative."""
    low, high = sorted(scale * float(row[name]) for name in ("low", "high"))
    return scale * float(row["estimate"]), low, high


def _shown(values: tuple[float, ...], digits: int) -> list[str]:
    """Numbers with as many digits as it takes that what is not 0 does not look like it."""
    while digits < 6 and any(abs(v) > 1e-7 and round(v, digits) == 0 for v in values):
        digits += 1
    texts = [f"{v:.{digits}f}" for v in values]
    return [t.lstrip("-") if float(t) == 0 else t.replace("-", "\N{MINUS SIGN}") for t in texts]


def _with_ends(shown: list[str], unit: str) -> str:
    value, low, high = shown
    ends = f" [{low}, {high}]" if low != "nan" else " (no interval)"
    return f"{value}{unit}{ends}"


def _points(row: Row, sign: float = 1.0, *, ends: bool = True) -> str:
    """`8.3 points [6.1, 10.5]`."""
    shown = _shown(_numbers(row, 100 * sign), 1)
    return _with_ends(shown, " points") if ends else f"{shown[0]} points"


def _than(row: Row, sign: float = 1.0) -> str:
    """`8.3 points more [6.1, 10.5]`, or less: the number itself is never negative."""
    less = sign * float(row["estimate"]) < 0
    shown = _shown(_numbers(row, -100 * sign if less else 100 * sign), 1)
    return _with_ends(shown, f" points {'less' if less else 'more'}")


def _percent(row: Row) -> str:
    """`8.3% [6.1, 10.5]`."""
    return _with_ends(_shown(_numbers(row, 100), 1), "%")


def _slope(row: Row) -> str:
    """`0.48 [0.10, 0.90]`."""
    return _with_ends(_shown(_numbers(row, 1), 2), "")
