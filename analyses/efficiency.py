"""What an answer costs: accuracy of each cell against tokens, seconds and parameters.

In: the tidy table. Out: a row per cell and macro group (in_domain, and each task outside it) with
accuracy and interval, mean `prompt_tokens`, `generated_tokens` and `seconds` per item over all
stages, `params` of the language models that the cell runs (one model used for both roles counts
twice, as two loads), and `pareto`: whether no other cell of the group is at least as accurate with
as few generated tokens and parameters and better in one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analyses.cells import cells
from analyses.scores import CELL_COLUMNS, IN_DOMAIN, SHARED, scores_of

COSTS = ("prompt_tokens", "generated_tokens", "seconds")
COLUMNS = (
    *CELL_COLUMNS,
    *("task", "n", "accuracy", "low", "high", *COSTS, "params", "pareto", "reason"),
)


def efficiency(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Rows per cell and macro group; costs are means over scored rows, NaN where not recorded."""
    table = cells(frame, draws=draws, seed=seed)
    macro = SHARED if (table["task"] == SHARED).any() else IN_DOMAIN
    outside = (table["domain"] != IN_DOMAIN) & table["group"].isna()
    table = table[(table["task"] == macro) | outside].reset_index(drop=True)
    if not len(table):
        return pd.DataFrame(columns=list(COLUMNS))
    scores = scores_of(frame)
    index = pd.Index(scores.cells["cell"])
    rows_of = {group.task: group.rows for group in scores.groups() if group.group is None}
    column = index.get_indexer(table["cell"])
    for name in COSTS:
        values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
        known = ~np.isnan(values)
        total, count = scores.total(np.where(known, values, 0.0)), scores.total(known)
        with np.errstate(divide="ignore", invalid="ignore"):
            table[name] = [
                total[rows_of[task], c].sum() / count[rows_of[task], c].sum()
                for task, c in zip(table["task"], column)
            ]
    params = table[["perception_params", "reasoning_params"]]
    table["params"] = params.sum(axis=1, min_count=1)
    table["pareto"] = False
    for rows in table.groupby("task", sort=False).indices.values():
        table.loc[rows, "pareto"] = _front(table.iloc[rows])
    return table[list(COLUMNS)]


def _front(rows: pd.DataFrame) -> list[bool]:
    """Whether each row is on the front of accuracy up, tokens and parameters down."""
    point = rows[["accuracy", "generated_tokens", "params"]].to_numpy(dtype=np.float64)
    point = point * [-1, 1, 1]
    known = ~np.isnan(point).any(axis=1)
    best = []
    for k, own in enumerate(point):
        others = point[known]
        beaten = ((others <= own).all(axis=1) & (others < own).any(axis=1)).any()
        best.append(bool(known[k] and not beaten))
    return best
