"""Items to look at: some of each class of `analyses.attribution`, with what the four corners said.

In: the tidy table. Out: a row per example. The choice depends on the items' names alone, not on
their order, and takes the first sample of each cell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyses.attribution import BOTTLENECK
from analyses.stats import mending, seed_spread
from analyses.stats.arrays import Floats
from analyses.table.scores import Scores, scores_of
from analyses.table.sizes import DECOUPLED, NAMED, Corners, Pairings, end_to_end, pairings_of

CORNERS = ("both_small", "large_perception", "large_reasoning", "both_large")
"""Columns with the answers read of (P_S, R_S), (P_L, R_S), (P_S, R_L), (P_L, R_L)."""
COLUMNS = (
    *("family", "perceiver", "thinking", "class", "task", "category", "item_id", "key", "answer"),
    *(*CORNERS, "end_to_end", "description_small", "description_large"),
)
"""`class`: a class of `analyses.stats.mending`, or bottleneck. `key`: store key of the last answer,
of (P_L, R_L). `answer`: gold. `end_to_end`: answer of the largest model, missing where it has none.
Descriptions: what the smallest and the largest perception wrote for the largest reasoning. An
answer that could not be read is missing."""
SIZES = ("perception_small", "reasoning_small", "perception_large", "reasoning_large")
WEIGHTS = (mending.LOST, *mending.CLASSES, BOTTLENECK)
"""Columns of `item_classes`: the sizes in the corners; how much of an item is of each class."""


def attribution_examples(frame: pd.DataFrame, *, each: int = 3) -> pd.DataFrame:
    """Picks up to `each` items of each class in each grid with four corners, if there is one; of
    several seeds the first one's."""
    method = frame["method"].isin((DECOUPLED, *NAMED, "end_to_end"))
    rows = frame[method & frame["score"].notna()].sort_values("sample", kind="stable")
    if "seed" in rows and len(rows):
        rows = rows[rows["seed"] == rows["seed"].iloc[0]]
    rows = rows.drop_duplicates(["cell", "task", "item_id"]).reset_index(drop=True)
    scores = scores_of(rows)
    found = [
        example
        for grid in pairings_of(scores.cells)
        if (corners := grid.corners()) is not None
        for example in _of_grid(rows, scores, grid, corners, each)
    ]
    return pd.DataFrame(found, columns=list(COLUMNS))


def item_classes(frame: pd.DataFrame) -> pd.DataFrame:
    """Says of every item by whose fault it is lost, in each grid with four corners.

    A row per grid and item: family, perceiver, thinking, SIZES, task, item_id, the scores in the
    CORNERS, and how much of it is `lost`, of each class of `analyses.stats.mending`, and of the
    bottleneck (missing where the grid has no end-to-end model), the mean over seeds. Missing, too,
    where one of the cells has no score.
    """
    scores = scores_of(frame)
    seeds = [own for _, own in scores.alone(frame)]
    index = pd.Index(scores.cells["cell"])
    names = ("family", "perceiver", "thinking", *SIZES, "task", "item_id", *CORNERS, *WEIGHTS)
    tables = [pd.DataFrame(columns=list(names))]
    for grid in pairings_of(scores.cells):
        corners = grid.corners()
        if corners is None:
            continue
        at = index.get_indexer(list(corners.cells))
        asked = scores.planned[:, at].any(axis=1)
        model = end_to_end(scores.cells, grid)
        whole = None if model is None else int(index.get_loc(model))
        pairs = index.get_indexer(list(grid.cells.values()))
        values = np.take(scores.values, at, axis=1)
        weights = [_weights(own, at, pairs, whole) for own in seeds]
        ends = [sizes[end].size for end in (0, -1) for sizes in (grid.perception, grid.reasoning)]
        columns = {
            **grid.labels,
            **dict(zip(SIZES, ends)),
            **dict(zip(("task", "item_id"), scores.items[["task", "item_id"]].to_numpy().T)),
            **dict(zip(CORNERS, values.T)),
            **dict.fromkeys((mending.LOST, BOTTLENECK), np.nan),
            **{k: seed_spread.mean(np.stack([own[k] for own in weights])) for k in weights[0]},
        }
        tables.append(pd.DataFrame(columns).loc[np.flatnonzero(asked)])
    return pd.concat(tables[1:] or tables, ignore_index=True)


def _of_grid(
    rows: pd.DataFrame, scores: Scores, grid: Pairings, corners: Corners, each: int
) -> Iterator[dict[str, object]]:
    index = pd.Index(scores.cells["cell"])
    model = end_to_end(scores.cells, grid)
    whole = None if model is None else int(index.get_loc(model))
    at = index.get_indexer(list(corners.cells))
    row_at = np.full(scores.planned.shape, -1)
    row_at[scores.row_of, scores.cell_of] = np.arange(len(rows))
    order = _shuffled(scores.items)
    pairs = index.get_indexer(list(grid.cells.values()))
    weights = _weights(scores, at, pairs, whole)
    del weights[mending.LOST]
    for name, weight in weights.items():
        for item in order[weight[order] > 0.5][:each]:
            own = [rows.iloc[row_at[item, cell]] for cell in at]
            last = own[3]
            seen = -1 if whole is None else int(row_at[item, whole])
            yield {
                **grid.labels,
                "class": name,
                **{column: last[column] for column in COLUMNS[4:9]},
                **{corner: row["prediction"] for corner, row in zip(CORNERS, own)},
                "end_to_end": rows["prediction"].iloc[seen] if seen >= 0 else None,
                "description_small": own[2]["description"],
                "description_large": last["description"],
            }


def _weights(
    scores: Scores,
    corners: npt.NDArray[np.intp],
    pairs: npt.NDArray[np.intp],
    whole: int | None,
) -> dict[str, Floats]:
    """How much every item is lost, of each class and, where there is a model, of the bottleneck."""
    weights = mending.mended(*np.take(scores.values, corners, axis=1).T)
    if whole is not None:
        wrong = 1 - np.take(scores.values, pairs, axis=1)
        solved = np.take(scores.values, whole, axis=1)
        weights[BOTTLENECK] = solved * wrong.prod(axis=1)
    return weights


def _shuffled(items: pd.DataFrame) -> npt.NDArray[np.intp]:
    """Items in a fixed pseudo-random order."""
    names = [
        hashlib.sha256(f"{task}/{item}".encode()).hexdigest()
        for task, item in zip(items["task"], items["item_id"])
    ]
    return np.argsort(np.asarray(names), kind="stable")
