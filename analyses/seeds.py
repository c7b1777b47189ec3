"""Where the error of an accuracy comes from: items, seeds, single answers.

In: the tidy table, in which some cells answered an item more than once (several samples, or several
seeds: runs that differ in `seed`, put together). Out: a row per such cell, task and category, and
quantity, in shares of accuracy:

- `accuracy`: mean over items and seeds; interval and `se` resampled over both.
- `item_error`: cluster-robust error over the images shown, were the seeds fixed.
- `seed_error`: s / sqrt(S) over the S seeds' accuracies, were the images fixed: what other seeds
  would change. NaN with one seed.
- `new_seed`: the accuracy; as its interval where that of one more seed lies on the same items, 95 %
  (`seed_spread.prediction`, within [0, 1]). NaN with one seed.
- `answer_error`: sqrt(mean over items of (variance of the item's answers / answers) / n), the part
  that more answers to the same items would remove; the seeds' own means are taken out first, and
  with them S - 1 of the degrees of freedom of the task's answers. It is within the item error, and
  within the seed error too. NaN where every item has one answer, or one item one answer a seed.

The errors describe and have no interval. What was trained anew in every seed (`downscale train
--seed`) is judged by `new_seed`: a family trained once more, and not unlike these, lies within it.

Other analyses resample the seeds in the same way where a table holds several
(`analyses.stats.seed_spread`). Source: Miller 2024, arXiv:2411.00640, sections 2 and 3 (variance of
items and of answers apart); Owen 2007 (both crossed).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analyses.contrasts.contrast import Contrast, contrast_table, estimate
from analyses.stats import seed_spread
from analyses.stats.arrays import ZERO, Floats
from analyses.table.scores import CELL_COLUMNS, Group, Scores, scores_of

LABELS = (*CELL_COLUMNS, "seeds", "answers")
ONE_SEED = "one seed: its spread over seeds is not known"
SAME = "every seed gave the same accuracy: no spread is seen, which is not that there is none"
ONE_ANSWER = "every item has one answer or none, or one item has one in every seed"


def seeds(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Gives rows per cell with repeated answers, task, category and quantity; see the module."""
    scores = scores_of(frame)
    scored = frame["score"].notna().to_numpy()
    answers = scores.total(scored)
    repeated = [k for k in range(answers.shape[1]) if (answers[:, k] > 1).any()]
    contrasts = [
        Contrast("accuracy", {cell: 1.0}, labels=labels)
        for cell, labels in _labels(scores, answers, repeated)
    ]
    table = contrast_table(scores, contrasts, LABELS, draws=draws, seed=seed)
    if not len(table):
        return table
    spread = _within(scores, _without_seed_means(frame), answers) * _seeds_taken(scores, answers)
    parts = _errors(scores, spread)
    rows = [table]
    for name, why in (("item_error", None), ("seed_error", ONE_SEED), ("answer_error", ONE_ANSWER)):
        values = [
            parts[name].get((row.cell, row.task, row.group), np.nan)
            for row in table.itertuples(index=False)
        ]
        part = table.assign(quantity=name, estimate=values, low=np.nan, high=np.nan, se=np.nan)
        few = part["reason"].where(part["reason"].notna(), why or "one image: no error")
        part["reason"] = few.astype(object).where(part["estimate"].isna(), None)
        rows.append(part)
    rows.append(_new_seed(table, parts))
    return pd.concat(rows, ignore_index=True).sort_values(
        "cell",
        key=lambda cell: cell.map({c.labels["cell"]: k for k, c in enumerate(contrasts)}),
        kind="stable",
        ignore_index=True,
    )


def _new_seed(
    table: pd.DataFrame, parts: dict[str, dict[tuple[object, ...], float]]
) -> pd.DataFrame:
    keys = [(row.cell, row.task, row.group) for row in table.itertuples(index=False)]
    low, high = ([parts[end].get(key, np.nan) for key in keys] for end in ("low", "high"))
    part = table.assign(quantity="new_seed", low=low, high=high, se=np.nan)
    none = part["low"].isna()
    part["estimate"] = part["estimate"].mask(none)
    same = part["high"] - part["low"] < ZERO
    reason = part["reason"].astype(object)
    reason = reason.mask(none & reason.isna(), ONE_SEED).mask(same & reason.isna(), SAME)
    part["reason"] = reason.where(reason.notna(), None)
    return part


def _labels(
    scores: Scores, answers: Floats, cells: list[int]
) -> list[tuple[str, dict[str, object]]]:
    """Name and labels of each cell."""
    found = []
    for k in cells:
        named = {str(name): value for name, value in scores.cells.iloc[k].items()}
        run = 1
        if scores.by_seed is not None:
            run = int((~np.isnan(scores.by_seed[:, :, k])).any(axis=1).sum())
        labels = named | {"seeds": run, "answers": int(answers[:, k].max())}
        found.append((str(named["cell"]), labels))
    return found


def _without_seed_means(frame: pd.DataFrame) -> Floats:
    """Every score less what its seed's mean is above the cell's, on its task."""
    score = frame["score"].astype(np.float64)
    if "seed" in frame:
        keys = [frame["cell"], frame["task"]]
        of_seed = score.groupby([*keys, frame["seed"]]).transform("mean")
        score = score - of_seed + score.groupby(keys).transform("mean")
    return np.asarray(score, dtype=np.float64)


def _within(scores: Scores, score: Floats, answers: Floats) -> Floats:
    """Estimated variance of each item's mean over its answers, (items, cells); NaN with one."""
    known = np.nan_to_num(score)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = scores.total(known) / answers
        squares = scores.total(known**2) - answers * mean**2
        variance = np.maximum(squares, 0.0) / (answers - 1) / answers
    return np.where(answers > 1, variance, np.nan)


def _seeds_taken(scores: Scores, answers: Floats) -> Floats:
    """What the variances lack for the S - 1 seed means taken out of each task, (items, cells).

    d / (d - (S - 1)) with d = sum over the task's items of (answers - 1); NaN where none is left.
    """
    factor = np.ones(answers.shape)
    if scores.by_seed is None:
        return factor
    for rows in scores.items.groupby("task", sort=False).indices.values():
        own = np.maximum(answers[rows] - 1, 0).sum(axis=0)
        run = (~np.isnan(scores.by_seed[:, rows])).any(axis=1).sum(axis=0)
        left = own - np.maximum(run - 1, 0)
        factor[rows] = np.where(left > 0, own / np.where(left > 0, left, 1), np.nan)
    return factor


def _errors(scores: Scores, spread: Floats) -> dict[str, dict[tuple[object, ...], float]]:
    """Each error by (cell, task, group)."""
    own = np.eye(len(scores.cells))
    result = estimate(scores, own, own > 0, draws=1, seed=0)
    data, groups = result.resampled, result.groups
    items = data.item_error()
    over = low = high = np.full(items.shape, np.nan)
    if data.seed_means is not None:
        known = seed_spread.count(data.seed_means) > 1
        over = np.where(known, seed_spread.error(data.seed_means), np.nan)
        low, high = (np.clip(end, 0, 1) for end in seed_spread.prediction(data.seed_means))
    answer = np.sqrt(_answer_variances(groups, spread))
    found: dict[str, dict[tuple[object, ...], float]] = {}
    named = {"item_error": items, "seed_error": over, "answer_error": answer,
             "low": low, "high": high}  # fmt: skip
    for name, values in named.items():
        found[name] = {
            (cell, group.task, group.group): float(values[g, k])
            for g, group in enumerate(groups)
            for k, cell in enumerate(scores.cells["cell"])
        }
    return found


def _answer_variances(groups: tuple[Group, ...], spread: Floats) -> Floats:
    """Variance of each group's mean by single answers, (groups, cells).

    sum_i v_i / n^2 over items, with the mean v for items answered once; of a mean of groups, the
    sum over members / members^2.
    """
    found = np.full((len(groups), spread.shape[1]), np.nan)
    for g, group in enumerate(groups):
        if group.members:
            found[g] = found[list(group.members)].mean(axis=0) / len(group.members)
            continue
        rows = spread[group.rows]
        known = (~np.isnan(rows)).sum(axis=0)
        mean = np.nansum(rows, axis=0) / np.maximum(known, 1)
        found[g] = np.where(known > 0, mean / len(group.rows), np.nan)
    return found
