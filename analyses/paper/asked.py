"""Claims of the paper that are asked of a run.

In: the published tables. Out: counterparts (`analyses.paper.counterparts`): `unpublished`, claims
whose data were not published, and `remedies`, what the tables say of the published systems.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analyses.paper.claims import (
    AVERAGES,
    CAPTION_SMALL,
    EXTRACTION,
    FAMILIES,
    LARGE,
    METHODS,
    SCRATCH,
    SMALL,
    TABLES,
    Entry,
    Row,
    Tables,
)
from analyses.paper.counterparts import (
    ABOVE_ZERO,
    INVERTED_U,
    MATH,
    NEAR_ZERO,
    SOME_ABOVE_ZERO,
    STAR,
    Counterpart,
    Source,
)
from analyses.table.scores import IN_DOMAIN

ITEMS = "the answers per task and size are not published"
FALLS = "falls end to end, 8B to 0.6B, relative"
SHRINKS = {"perception_drop": "only perception shrinks", "reasoning_drop": "only reasoning shrinks"}
GROUNDING, NIGHTS = ("grounding", "refcoco"), ("nights", "similarity")
KNOWLEDGE = ("scienceqa", "knowledge")


def _relative(
    name: str, published: float, tasks: tuple[str, ...], expects: str = ABOVE_ZERO
) -> Counterpart:
    """Shows the relative drop and judges the plain one, whose interval no small divisor widens."""
    source = Source("degradation", "relative_drop", tasks, unit="%")
    plain = replace(source, quantity="drop", unit="points")
    return Counterpart(f"{name} {FALLS}", published, ITEMS, source, expects, judged=plain)


def _drop(place: str, quantity: str, published: float, task: str) -> Counterpart:
    claim = f"{place} drop when {SHRINKS[quantity]}, 8B to 0.6B"
    return Counterpart(claim, published, ITEMS, Source("decoupling", quantity, (task,)))


def _difference(place: str, drops: str, task: str) -> Counterpart:
    claim = f"{place}, shrinking perception costs more than shrinking reasoning, 8B to 0.6B"
    note = f"two drops are published, both rounded: {drops}"
    return Counterpart(claim, np.nan, note, Source("decoupling", "difference", (task,)))


SLOPE = Source("dependence", "slope", unit="slope")
GAIN = Source("thinking", "gain", (IN_DOMAIN,))
STATED: tuple[Counterpart, ...] = (
    _relative("Grounding", 48.0, GROUNDING),
    _relative("NIGHTS", 38.0, NIGHTS),
    _relative("ScienceQA hardly", np.nan, KNOWLEDGE, expects=NEAR_ZERO),
    Counterpart(
        "Scaling sensitivity rises with visual dependence over tasks, about linearly",
        *(np.nan, "the points are published as a plot without numbers", SLOPE),
        judged=replace(SLOPE, where={"estimator": "bces_hc3"}),
        structure=replace(SLOPE, where={"estimator": "null_structure"}),
    ),
    _drop("In-domain", "perception_drop", 0.15, IN_DOMAIN),
    _drop("In-domain", "reasoning_drop", 0.11, IN_DOMAIN),
    _difference("In-domain", "0.15 and 0.11", IN_DOMAIN),
    _drop("MMStar", "perception_drop", 0.07, STAR),
    _drop("MMStar", "reasoning_drop", 0.06, STAR),
    _difference("MMStar", "0.07 and 0.06", STAR),
    Counterpart(
        "MMStar Math hardly falls when only perception shrinks",
        *(np.nan, ITEMS, Source("decoupling", "perception_drop", (MATH,)), NEAR_ZERO),
    ),
    Counterpart(
        "In-domain gain of thinking is an inverted U over size",
        *(np.nan, ITEMS, GAIN, SOME_ABOVE_ZERO),
        judged=replace(GAIN, quantity=INVERTED_U),
    ),
    Counterpart(
        "On MMStar thinking gains at every reasoning size",
        *(np.nan, ITEMS, replace(GAIN, tasks=(STAR,))),
    ),
)
"""What the text states; the drops of other families stand in Table A1."""

NAMED = {"qwen3": "paper", "InternVL2.5": "internvl2", "Gemma3": "gemma3"}
"""First word of a row of Table A1 -> how such a family's name begins here."""

REMEDIES: tuple[tuple[str, tuple[str, str, str], tuple[str, Row, Row]], ...] = (
    (
        "Visual extraction over captioning, perception 0.6B, {}",
        ("decoupled", "extract", "caption"),
        (EXTRACTION, ("visual_extraction", 0.6), ("captioning", 0.6)),
    ),
    (
        "Extract+Think 0.6B/1.7B above Caption+Think 0.6B/1.7B, {}",
        ("extract_think", "extract", "caption"),
        (METHODS, SMALL, CAPTION_SMALL),
    ),
    (
        "Extract+Think 1.7B/4B above the decoupled baseline 1.7B/4B, {}",
        ("extract_think", "extract", "decoupled"),
        (METHODS, LARGE, ("Baseline", "decoupled", 1.7, 4.0)),
    ),
    (
        "Extract+Think 0.6B/1.7B above the baseline 0.6B end to end, {}",
        ("extract_think", "extract", "end_to_end"),
        (METHODS, SMALL, ("Baseline", "end_to_end", 0.6, None)),
    ),
    (
        "Extract+Think from scratch 0.6B/1.7B above the baseline 0.6B end to end, {}",
        ("extract_think_scratch", "extract_scratch", "end_to_end"),
        (METHODS, SCRATCH, ("Baseline", "end_to_end", 0.6, None)),
    ),
)
"""Claim; method, perceiver, what it is held against in `analyses.methods`; a table and two rows."""


def unpublished(tables: Tables) -> list[Counterpart]:
    """Lists every claim that the tables do not determine."""
    columns = list(TABLES[FAMILIES])
    rows = tables[FAMILIES][columns].astype(object).to_numpy().tolist()
    note = "the mean drop is published, not what it is the mean of"
    families = []
    for module, large, small, drop in rows:
        first = str(module).split()[0]
        family = NAMED.get(first, first.lower())
        source = Source("decoupling", "perception_drop", (STAR,), family, "points")
        claim = f"MMStar drop when perception shrinks, {module}, {large:g}B to {small:g}B"
        families.append(Counterpart(claim, float(drop), note, source))
    return [*STATED, *families]


def remedies(tables: Tables) -> list[Counterpart]:
    """Lists what perception trained to describe brings, with the gain that the tables give."""
    found = []
    for column, (place, _) in AVERAGES.items():
        task = IN_DOMAIN if column == "in_domain_avg" else STAR
        for claim, (method, perceiver, against), (table, *rows) in REMEDIES:
            name = column if table == METHODS else column.removesuffix("_avg")
            own, other = (Entry(table, row, name).read(tables) for row in rows)
            where = {"method": method, "perceiver": perceiver, "against": against}
            source = Source("methods", "gain", (task,), unit="points", where=where)
            on = "on " if table == EXTRACTION and place != "in-domain" else ""
            named = claim.format(on + place)
            found.append(Counterpart(named, round(own - other, 1), f"from {table}", source))
    return found
