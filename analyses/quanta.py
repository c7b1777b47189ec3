"""Quanta: from which size on each item is solved, and whether sizes nest.

In: the tidy table with cells that differ in the size of one module: end to end, gold descriptions,
and decoupled with the other module at its largest. Out: per ladder of sizes, task and category

- `emerges` at each size and `never`: share of the items whose best monotone step is there
  (`analyses.stats.nesting`, after Michaud et al. 2023, arXiv:2303.13506); `chance` is the share
  that guessing alone would give;
- `kept`: of what a smaller size solves, the share that a larger one solves too, over all pairs of
  sizes and of each (`size`, `larger`). `unrelated` is what it would be if the sizes, each as
  accurate as it is, solved unrelated items; p is the share of permutations that keep as much
  (one-sided, (1 + hits) / (1 + permutations)). `index` = (kept - unrelated) / (most - unrelated),
  `most` what these accuracies allow: 0 unrelated, 1 perfectly nested. `nested` is what would be
  kept if knowledge were perfectly nested and the rest were guessed (`analyses.stats.nesting`);
- `pattern`: share of the items with each row of scores over the sizes, smallest first, such as
  0|1|1: the map of items by sizes (named in `sizes`), and in `size` where they emerge. Which items
  they are is said by `items`.

Of several seeds each is looked at by itself, since a size of one family says nothing of the next
size of another, and shares are averaged over them; a row of `items` is then one of a seed. Only
items scored at every size of a ladder count. Shares with 95 % cluster-bootstrap intervals; a
`pattern` is a description of these items and has none.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analyses.contrasts.contrast import COLUMNS, Contrast
from analyses.contrasts.size_ladders import (
    LABELS,
    LADDER,
    Sizes,
    derived_table,
    kept_table,
    ladders,
)
from analyses.stats import seed_spread
from analyses.stats.arrays import Floats
from analyses.stats.nesting import guessing
from analyses.table.scores import Group, Scores, scores_of

NEVER = "never"
BESIDE = ("chance", "unrelated", "nested", "index")
ITEMS = (*LADDER, "task", "category", "item_id", "image_id", "emerges", "params", "pattern")


def quanta(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Gives rows per ladder, quantity, task and category; see the module."""
    scores = scores_of(frame)
    tables = [
        table
        for sizes in ladders(scores, frame)
        for table in (
            _emerges(scores, sizes, draws, seed),
            kept_table(scores, sizes, draws, seed),
            _patterns(scores, sizes),
        )
    ]
    columns = [*scores.labels(LABELS), *COLUMNS, *BESIDE]
    rows = [row for table in tables for row in table.to_dict("records")]
    return pd.DataFrame(rows, columns=columns)


def items(frame: pd.DataFrame) -> pd.DataFrame:
    """Gives a row per ladder and item: the size at which it emerges (`never`), and its scores."""
    scores = scores_of(frame)
    seeds = list(frame["seed"].unique()) if scores.by_seed is not None else [None]
    columns = [*scores.labels(ITEMS), *(["seed"] if len(seeds) > 1 else [])]
    parts = [pd.DataFrame(columns=columns)]
    for sizes in ladders(scores, frame):
        names = np.array([*(rung.size for rung in sizes.rungs), NEVER, None], dtype=object)
        params = np.array([*(rung.params for rung in sizes.rungs), np.nan, np.nan])
        for own, seen in zip(seeds, sizes.seeds, strict=True):
            part = scores.items.rename(columns={"cluster": "image_id"})
            for name, label in (sizes.labels | {"seed": own}).items():
                part[name] = pd.Series([label] * len(part), dtype=object)
            part["emerges"], part["params"] = names[seen.step], params[seen.step]
            part["pattern"] = seen.patterns
            parts.append(part.loc[seen.step >= 0, columns])
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


def _emerges(scores: Scores, sizes: Sizes, draws: int, seed: int) -> pd.DataFrame:
    """Share of the items that emerge at each size, and that guessing alone would give."""
    names = [*(rung.size for rung in sizes.rungs), NEVER]
    steps = np.arange(len(names))
    columns, by_chance = [], []
    of_item = scores.items["chance"].to_numpy(dtype=np.float64)
    for seen in sizes.seeds:
        known = seen.step >= 0
        hit = (seen.step[:, None] == steps).astype(np.float64)
        hit[~known] = np.nan
        columns.append({str(k): hit[:, k] for k in steps})
        by_chance.append(np.full(hit.shape, np.nan))
        if known.any():
            by_chance[-1][known] = guessing(seen.samples[known], of_item[known], seed)
    contrasts = []
    for k, name in enumerate(names):
        own: dict[str, object] = {"size": None, "params": np.nan}
        if name != NEVER:
            own = {"size": name, "params": sizes.rungs[k].params}
        quantity = NEVER if k == len(names) - 1 else "emerges"
        contrasts.append(Contrast(quantity, {str(k): 1.0}, labels=sizes.labels | own))
    table = derived_table(scores, sizes, columns, contrasts, draws, seed)
    groups = scores.groups()
    means = _means(groups, seed_spread.mean(np.stack(by_chance)))
    at = {(group.task, group.group): g for g, group in enumerate(groups)}
    column = {rung.size: k for k, rung in enumerate(sizes.rungs)}
    rows = zip(table["task"], table["group"], table["size"])
    return table.assign(
        chance=[means[at[task, group], column.get(size, -1)] for task, group, size in rows]
    )


def _means(groups: list[Group], values: Floats) -> Floats:
    """Mean of item-level columns in every group, averaged as the estimates are."""
    means = np.full((len(groups), values.shape[1]), np.nan)
    for g, group in enumerate(groups):
        part = means[list(group.members)] if group.members else values[group.rows]
        part = part[~np.isnan(part).any(axis=1)]
        if len(part):
            means[g] = part.mean(axis=0)
    return means


def _patterns(scores: Scores, sizes: Sizes) -> pd.DataFrame:
    """Share of the items of each task and category with each row of scores."""
    patterns = np.array([seen.patterns for seen in sizes.seeds], dtype=object)
    steps = np.stack([seen.step for seen in sizes.seeds])
    sizes_text = "|".join(rung.size for rung in sizes.rungs)
    rows = []
    for group in scores.groups():
        known = steps[:, group.rows] >= 0
        of = group.rows[known.any(axis=0)]
        if group.average == "tasks" or not len(of):
            continue
        images = scores.items["cluster"].to_numpy(dtype=str)[of]
        about = {"quantity": "pattern", "n": len(of), "clusters": len(np.unique(images))}
        about |= group.labels
        seen, step = patterns[:, group.rows][known], steps[:, group.rows][known]
        for pattern, count in pd.Series(seen).value_counts().sort_index().items():
            own = {"pattern": pattern, "estimate": count / len(seen), "sizes": sizes_text}
            name = [*(rung.size for rung in sizes.rungs), NEVER][int(step[seen == pattern][0])]
            rows.append(sizes.labels | about | own | {"size": name})
    return pd.DataFrame(rows)
