"""A run's cells beside the rows of the paper's table of methods (Table 2).

In: the published table and a run's records. Out: a row per published number that a cell of the run
stands beside, twice: by the published rules of reading and averaging, and by the suite's own.
MMStar's categories are published as the mean of their sub-categories' means, and its average as the
mean over all of these; the suite's are means over items. Of VMCBench both are means over items.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analyses.columns import INSTRUCT
from analyses.paper.claims import IN_DOMAIN_SETS
from analyses.paper.counterparts import COLUMNS

Row = Mapping[Hashable, Any]
"""A row of the table of methods: column -> value."""

DRAWS, SEED = 2000, 0
CLOSE = 0.25
"""How far, relatively, the parameters of a size may be from the published billions."""
PAPER = "paper"

SYSTEMS: dict[tuple[str, str], tuple[str, str, str | None, bool | None]] = {
    ("Baseline", "end_to_end"): (PAPER, "end_to_end", INSTRUCT, None),
    ("Baseline", "decoupled"): (PAPER, "decoupled", INSTRUCT, False),
    ("Caption+Think", "decoupled"): (PAPER, "caption_think", None, None),
    ("Extract+Think (from scratch)", "decoupled"): (PAPER, "extract_think_scratch", None, None),
    ("Extract+Think", "decoupled"): (PAPER, "extract_think", None, None),
    ("LLaVA-OneVision", "end_to_end"): ("llava_onevision", "end_to_end", INSTRUCT, None),
    ("InternVL2.5", "end_to_end"): ("internvl2", "end_to_end", INSTRUCT, None),
    ("SmolVLM", "end_to_end"): ("smolvlm", "end_to_end", INSTRUCT, None),
    ("PrismCaptioner", "decoupled"): ("prism", "prism", None, None),
}
"""Method and setup of the table -> beginning of a family's name, method, perceiver, thinking."""

MMSTAR = {
    "cp": "coarse perception",
    "fp": "fine-grained perception",
    "ir": "instance reasoning",
    "lr": "logical reasoning",
    "st": "science & technology",
    "math": "math",
}
PLACES = {
    "in_domain_avg": "in-domain average",
    "mmstar_avg": "MMStar average",
    **{name: f"MMStar {words}" for name, words in MMSTAR.items()},
}


def beside_table2(table: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Gives COLUMNS and `published`, in points; no row where the run has no such cell."""
    rows: list[dict[str, object]] = []
    for row in table.to_dict("records"):
        name = f"{row['method']} {_sizes(row)}, {str(row['setup']).replace('_', ' ')}"
        for cell, own in _cells(row, frame):
            for column in _columns(row):
                claim = f"Table 2, {name}: {PLACES.get(column, column)}"
                about = {"claim": claim, "published": row[column], "unit": "points"}
                for how, score in (("as published", "published_score"), ("the suite's", "score")):
                    numbers = _number(own, column, score)
                    rows.append({**about, "what": f"{cell}, {how}", **numbers})
    return pd.DataFrame(rows, columns=[*COLUMNS, "published"])


def _sizes(row: Row) -> str:
    sizes = (row["perception_b"], row["reasoning_b"])
    return "/".join(f"{size:g}B" for size in sizes if not pd.isna(size))


def _columns(row: Row) -> list[str]:
    names = [*IN_DOMAIN_SETS, "in_domain_avg", *MMSTAR, "mmstar_avg"]
    return [name for name in names if not pd.isna(row[name])]


def _cells(row: Row, frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The cells of a run that are a row's system: of its method, perceiver, thinking and sizes."""
    key = (str(row["method"]), str(row["setup"]))
    if key not in SYSTEMS:
        return
    family, method, perceiver, thinking = SYSTEMS[key]
    names = frame["family"].astype(str)
    # A rehearsal's name is no family's: it ends in brackets.
    where = names.str.startswith(family) & ~names.str.endswith(")") & (frame["method"] == method)
    if perceiver is not None:
        where &= frame["perceiver"] == perceiver
    if thinking is not None:
        where &= frame["thinking"] == thinking
    for size in ("perception", "reasoning"):
        wanted = row[f"{size}_b"]
        if not pd.isna(wanted):  # by name, too: a study may count the vision encoder
            alike = (frame[f"{size}_params"] / (1e9 * wanted) - 1).abs() <= CLOSE
            where &= alike | (frame[size] == f"{wanted:g}b")
    for cell, own in frame[where].groupby("cell", sort=False):
        yield str(cell), own


def _number(own: pd.DataFrame, column: str, score: str) -> dict[str, object]:
    """One number of a cell, in points, with its 95 % interval: percentiles of a bootstrap over
    images."""
    tasks, categories, by = _parts(own, column, score)
    blank = dict.fromkeys(("estimate", "low", "high"), np.nan)
    lacking = [task for task in tasks if not (own["task"] == task).any()]
    if lacking:
        return {**blank, "n": 0, "reason": f"the run has no {', '.join(lacking)}"}
    kept = own[own["task"].isin(tasks)]
    if categories:
        kept = kept[kept["category"].isin(categories)]
    scored = kept[kept[score].notna()]
    missing = len(kept) - len(scored)
    reason = f"{missing} answers are missing" if missing else None
    strata = scored.groupby(by, sort=True).ngroup().to_numpy() if len(scored) else np.array([], int)
    wanted = len(tasks) if by == ["task"] else len(categories)
    known = scored[by[-1]].notna() & (scored[by[-1]] != "")
    if not known.all() or len(np.unique(strata)) < wanted:
        return {**blank, "n": len(scored), "reason": reason or "the records lack sub-categories"}
    draws = _means(scored[score].to_numpy(float), strata, pd.factorize(scored["image_id"])[0])
    low, high = np.nanquantile(draws[1:], [0.025, 0.975])
    numbers = {"estimate": 100 * draws[0], "low": 100 * low, "high": 100 * high}
    return {**numbers, "n": len(scored), "reason": reason}


def _parts(
    own: pd.DataFrame, column: str, score: str
) -> tuple[Sequence[str], Sequence[str], list[str]]:
    """Tasks of a column, their categories, and what is averaged before the mean is taken."""
    if column in IN_DOMAIN_SETS or column == "in_domain_avg":
        return (IN_DOMAIN_SETS if column == "in_domain_avg" else (column,)), (), ["task"]
    categories = tuple(MMSTAR.values()) if column == "mmstar_avg" else (MMSTAR[column],)
    by = ["category", "subcategory"] if score == "published_score" else ["category"]
    return ("mmstar",), categories, by


def _means(scores: np.ndarray, strata: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Mean of the strata's means: of the items as they are, then of DRAWS resamples of clusters."""
    width, count = int(strata.max()) + 1, int(clusters.max()) + 1
    sums, sizes = np.zeros((count, width)), np.zeros((count, width))
    np.add.at(sums, (clusters, strata), scores)
    np.add.at(sizes, (clusters, strata), 1.0)
    stream = np.random.default_rng(SEED)
    weights = stream.multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(float)
    weights = np.vstack([np.ones(count), weights])
    with np.errstate(invalid="ignore"):
        found: np.ndarray = ((weights @ sums) / (weights @ sizes)).mean(axis=1)
    return found
