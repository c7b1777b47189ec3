"""Claims of the paper that are asked of a run, first those that its published tables do not decide.

In: the published tables. Out: counterparts (`analyses.paper.counterparts`): `unpublished`, claims
whose data were not published, and `remedies`, what the tables say of the published systems.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from analyses.paper.claims import (
    AVERAGES,
    CAPTION_SMALL,
    EXTRACTION,
    FAMILIES,
    METHODS,
    SCRATCH,
    SMALL,
    TABLES,
    Entry,
    Row,
    Tables,
)
from analyses.paper.counterparts import INVERTED_U, MATH, NEAR_ZERO, STAR, Counterpart, Source
from analyses.table.scores import IN_DOMAIN

ITEMS = "the answers per task and size are not published"
FALLS = "falls end to end, 8B to 0.6B, relative"
SHRINKS = {"perception_drop": "only perception shrinks", "reasoning_drop": "only reasoning shrinks"}
GROUNDING, NIGHTS = ("grounding", "refcoco"), ("nights", "similarity")
KNOWLEDGE = ("scienceqa", "knowledge")


def _relative(name: str, published: float, tasks: tuple[str, ...], **more: str) -> Counterpart:
    """Shows the relative drop and judges the plain one, whose interval no small divisor widens."""
    source = Source("degradation", "relative_drop", tasks, scale=100.0)
    plain = replace(source, quantity="drop")
    return Counterpart(f"{name} {FALLS}", published, "%", ITEMS, source, judged=plain, **more)


def _drop(place: str, quantity: str, published: float, task: str) -> Counterpart:
    claim = f"{place} drop when {SHRINKS[quantity]}, 8B to 0.6B"
    source = Source("decoupling", quantity, (task,))
    return Counterpart(claim, published, "share", ITEMS, source)


def _difference(place: str, published: float, task: str) -> Counterpart:
    claim = f"{place}: a smaller perception costs more than a smaller reasoner, 8B to 0.6B"
    source = Source("decoupling", "difference", (task,))
    return Counterpart(claim, published, "share", ITEMS, source)


SLOPE = Source("dependence", "slope")
GAIN = Source("thinking", "gain", (IN_DOMAIN,))
STATED: tuple[Counterpart, ...] = (
    _relative("Grounding", 48.0, GROUNDING),
    _relative("NIGHTS", 38.0, NIGHTS),
    _relative("ScienceQA hardly", np.nan, KNOWLEDGE, expects=NEAR_ZERO),
    Counterpart(
        "Scaling sensitivity rises with visual dependence over tasks, about linearly",
        *(np.nan, "slope", "the points are published as a plot without numbers", SLOPE),
        judged=replace(SLOPE, where={"estimator": "bces"}),
    ),
    _drop("In-domain", "perception_drop", 0.15, IN_DOMAIN),
    _drop("In-domain", "reasoning_drop", 0.11, IN_DOMAIN),
    _difference("In-domain", 0.04, IN_DOMAIN),
    _drop("MMStar", "perception_drop", 0.07, STAR),
    _drop("MMStar", "reasoning_drop", 0.06, STAR),
    _difference("MMStar", 0.01, STAR),
    Counterpart(
        "MMStar Math hardly falls when only perception shrinks",
        *(np.nan, "share", ITEMS, Source("decoupling", "perception_drop", (MATH,)), NEAR_ZERO),
    ),
    Counterpart(
        "In-domain gain of thinking is an inverted U over size",
        *(np.nan, "share", ITEMS, GAIN),
        judged=replace(GAIN, quantity=INVERTED_U),
    ),
    Counterpart(
        "On MMStar thinking gains at every reasoning size",
        *(np.nan, "share", ITEMS, replace(GAIN, tasks=(STAR,))),
    ),
)
"""What the text states; the drops of other families stand in Table A1."""

REMEDIES: tuple[tuple[str, str, str, str, tuple[str, Row, Row]], ...] = (
    (
        "Visual extraction above captioning",
        *("decoupled", "extract", "caption"),
        (EXTRACTION, ("visual_extraction", 0.6), ("captioning", 0.6)),
    ),
    (
        "Extract+Think above Caption+Think",
        *("extract_think", "extract", "caption"),
        (METHODS, SMALL, CAPTION_SMALL),
    ),
    (
        "Extract+Think above the decoupled baseline",
        *("extract_think", "extract", "decoupled"),
        (METHODS, SMALL, ("Baseline", "decoupled", 0.6, 4.0)),
    ),
    (
        "Extract+Think above the baseline end to end",
        *("extract_think", "extract", "end_to_end"),
        (METHODS, SMALL, ("Baseline", "end_to_end", 0.6, None)),
    ),
    (
        "Extract+Think from scratch above the baseline end to end",
        *("extract_think_scratch", "extract_scratch", "end_to_end"),
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
        word = re.match(r"[a-z]*", str(module).lower())
        source = Source(
            *("decoupling", "perception_drop", (STAR,)), word[0] if word else "", scale=100.0
        )
        claim = f"MMStar drop when perception shrinks, {module}, {large:g}B to {small:g}B"
        families.append(Counterpart(claim, float(drop), "points", note, source))
    return [*STATED, *families]


def remedies(tables: Tables) -> list[Counterpart]:
    """Lists what perception trained to describe brings, with the gain that the tables give."""
    found = []
    for column, (place, _) in AVERAGES.items():
        task = IN_DOMAIN if column == "in_domain_avg" else STAR
        for claim, method, perceiver, against, (table, *rows) in REMEDIES:
            name = column if table == METHODS else column.removesuffix("_avg")
            own, other = (Entry(table, row, name).read(tables) for row in rows)
            where = {"method": method, "perceiver": perceiver, "against": against}
            source = Source("methods", "gain", (task,), scale=100.0, where=where)
            gain = round(own - other, 1)
            note = f"{table}, perception 0.6B"
            found.append(Counterpart(f"{claim}, {place}", gain, "points", note, source))
    return found
