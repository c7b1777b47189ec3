"""Whose fault is each lost item? And what no pairing passes on (item by item, experiment 2).

In: the tidy table with `decoupled` cells (and `end_to_end`). Out: rows per family, perceiver,
thinking, task and category (the end-to-end model is the one trained to answer). S and L are the
smallest and the largest size, (P, R) a pairing:

- `lost`: share of the items that (P_S, R_S) gets wrong and (P_L, R_L) right. Of these, the share
  that is mended by `perception_alone` ((P_L, R_S) right, (P_S, R_L) wrong), by `reasoning_alone`
  (the reverse), by `either` (both right), by `only_both` together (neither right);
- `bottleneck`: of the items that the largest model gets right end to end, the share that every
  pairing gets wrong: one model sees and solves them, two cannot pass them on.
  `bottleneck_largest`: the share that (P_L, R_L) gets wrong.

Beside each `estimate` (with several samples: over all ways to draw one answer of each cell) stands
its `reference`, what guessing and re-sampling alone would give, with `reference_from`:

- `lost`: if the largest pairing were the smallest tried again; the classes: if the pairings with
  one large module were. From `samples`, where (P_S, R_S) has three or more: its answers against
  each other. Else from `guessing`: a wrong answer tried again is right with the item's own chance
  (`analyses.stats.mending`). Two numbers that agree say that nothing but luck need have mended the
  items.
- bottleneck: if the pairings' answers had nothing to do with which option is right, agreeing with
  each other as they do (`Answers.all_miss`): 1 % with four options and sixteen independent tries,
  more where pairings answer alike.

`adjusted`, for the bottleneck: estimate / reference, a chance-adjusted ratio, which undoes the
pairings' lucky hits: of those that do not know the answer and guess, only the share `reference`
misses. Of `bottleneck_largest` it estimates the share that (P_L, R_L) does not know; of
`bottleneck` a lower bound of the share that no pairing knows, because pairings agree more on what
they know. It is not cut at 1: where little is known, about half of all studies find more misses
than guessing would, and cut ratios would be too low on average, with ends that do not cover. Above
1, which `reason` says, (P_L, R_L) misses more than guessing would, by chance or because its errors
lead it away from the right option. Both hold items that the end-to-end model got right by luck
itself: `guessed` is their share of its right answers, sum (1 - y) c / (1 - c) / sum y with chance c
(above 1 where it is worse than chance), and a bottleneck no larger than `guessed` needs no other
cause.

Of several seeds each is looked at by itself, an end-to-end model beside the pairings of its own
family, and the parts are averaged over them. Intervals: 95 % paired cluster bootstrap (and over
seeds, where there are several), of the items with a score in every cell compared. `base`:
number of items that the share is of. A mean over tasks is computed from the means over tasks of the
parts. Not in the paper.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyses.contrasts.shares import ROW, Formula, Share, Shares, over, share_rows
from analyses.stats import mending
from analyses.stats.arrays import Floats
from analyses.table.answers import Answers
from analyses.table.scores import Scores, none_where_missing, scores_of
from analyses.table.sizes import Pairings, end_to_end, pairings_of

GUESSED = "guessed"
BOTTLENECK, BOTTLENECK_LARGEST = "bottleneck", "bottleneck_largest"
LABELS = ("family", "thinking")
Seeds = list[tuple[Scores, Answers]]
"""The scores and the answers of each seed by itself."""


def attribution(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Gives rows per quantity, task and category; see the module."""
    scores = scores_of(frame)
    seeds = [(own, Answers.of(rows, own)) for rows, own in scores.alone(frame)]
    rows = [
        grid.labels | row
        for grid in pairings_of(scores.cells)
        for shares in (_of_lost(scores, seeds, grid), _of_solved(scores, seeds, grid))
        if shares is not None
        for row in share_rows(shares, scores, draws=draws, seed=seed)
    ]
    table = pd.DataFrame(rows, columns=[*scores.labels(LABELS), *ROW])
    return none_where_missing(table, ("group", "reference_from", "reason"))


def _of_lost(scores: Scores, seeds: Seeds, grid: Pairings) -> Shares | None:
    corners = grid.corners()
    if corners is None:
        return None
    at = pd.Index(scores.cells["cell"]).get_indexer(list(corners.cells))
    columns, sources = [], []
    for own, answers in seeds:
        values = _complete(own, at)
        small, large = values[:, 0], values[:, 3]
        right, count = answers.right[:, at[0]], answers.count[:, at[0]]
        resampled = answers.whole[:, at[0]] & (count >= mending.FEWEST_SAMPLES)
        retried = mending.by_resampling(right, count, large)
        guessed = mending.by_guessing(small, large, answers.chance)
        columns.append(mending.mended(*values.T))
        for name in guessed:
            luck = np.where(resampled, retried[name], guessed[name])
            columns[-1][f"luck {name}"] = np.where(np.isnan(small), np.nan, luck)
        sources.append(np.where(resampled, "samples", "guessing").astype(object))
    shares = [Share(mending.LOST, _mean(mending.LOST), _mean(f"luck {mending.LOST}"))]
    for name in mending.CLASSES:
        plain, by_luck = _ratio(name, mending.LOST), _ratio(f"luck {name}", mending.LOST)
        shares.append(Share(name, plain, by_luck, mending.LOST))
    return Shares(
        columns,
        tuple(shares),
        _planned(scores, at),
        sources,
        "no item is lost: none is wrong with both modules small and right with both large",
    )


def _of_solved(scores: Scores, seeds: Seeds, grid: Pairings) -> Shares | None:
    largest = grid.perception[-1].size, grid.reasoning[-1].size
    whole = end_to_end(scores.cells, grid)
    if whole is None:
        return None
    index, pairs = pd.Index(scores.cells["cell"]), list(grid.cells.values())
    at = index.get_indexer([whole, *pairs])
    columns = []
    for own, answers in seeds:
        solved, chance = _complete(own, at)[:, 0], answers.chance
        columns.append({"solved": solved, GUESSED: (1 - solved) * over(chance, 1 - chance)})
    shares = [Share(GUESSED, _ratio(GUESSED, "solved"), None, "solved")]
    missed_by = {BOTTLENECK: pairs}
    if largest in grid.cells:
        missed_by[BOTTLENECK_LARGEST] = [grid.cells[largest]]
    for name, members in missed_by.items():
        missing = index.get_indexer(members)
        for (own, answers), of_seed in zip(seeds, columns, strict=True):
            missed = (1 - np.take(own.values, missing, axis=1)).prod(axis=1)
            of_seed[name] = of_seed["solved"] * missed
            of_seed[f"luck {name}"] = of_seed["solved"] * answers.all_miss(missing)
        plain, luck = _ratio(name, "solved"), _ratio(f"luck {name}", "solved")
        adjusted = _ratio(name, f"luck {name}")
        shares.append(Share(name, plain, luck, "solved", adjusted, f"luck {name}"))
    return Shares(
        columns,
        tuple(shares),
        _planned(scores, at),
        [np.full(len(scores.items), "guessing", dtype=object)],
        "the largest model gets no item right end to end",
    )


def _mean(name: str) -> Formula:
    return lambda means: means[name]


def _ratio(top: str, bottom: str) -> Formula:
    return lambda means: over(means[top], means[bottom])


def _complete(scores: Scores, at: npt.NDArray[np.intp]) -> Floats:
    """Scores of the items in these cells, all NaN where one is missing."""
    values = np.take(scores.values, at, axis=1)
    values[np.isnan(values).any(axis=1)] = np.nan
    return values


def _planned(scores: Scores, at: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    return np.asarray(scores.planned[:, at].all(axis=1), dtype=np.bool_)
