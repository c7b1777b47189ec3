"""What an answer costs: accuracy of each cell against tokens, seconds and parameters.

In: the tidy table. Out: a row per cell and macro group (in_domain, and each task outside it) with

- `accuracy`, a share, and its interval; `prompt_tokens`, `generated_tokens` (tokens) and `seconds`
  (s): sum over the stages of an answer, mean over the answers of an item, then over items, averaged
  over tasks as the accuracy is, with intervals; `params`, the number of parameters of the language
  models that the cell runs (one model used for both roles counts twice, as two loads);
- `front_tokens`, `front_seconds`, `front_params`: whether no other system of the group is at least
  as accurate at most as dear and better in one (a Pareto front in two dimensions), and `pareto`,
  the same with generated tokens and parameters together; `p_front_...`: the share of bootstrap
  draws in which it is on that front, items of all cells and their costs drawn together;
- where it is known, `samples`, the rows that the perception module saw in training, and its front.

Systems are cells that look at the image: gold descriptions, blind and text-only runs are shown
beside them, are on no front and keep nobody off one (a front of oracles is nobody's choice).
Seconds are model time on the machine that ran the study. Accuracy against time and size: the
latency figure and Table 2 of Endo and Yeung-Levy 2025, arXiv:2511.17487; the fronts and their
shares of draws are not in the paper. Intervals: 95 % cluster bootstrap over images
(`analyses.stats.replicates`).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyses.cells import cells
from analyses.contrasts.contrast import estimate
from analyses.stats.arrays import Floats
from analyses.stats.replicates import Resampled
from analyses.table.scores import CELL_COLUMNS, IN_DOMAIN, SHARED, Scores, scores_of
from analyses.table.sizes import total_params

COSTS = ("prompt_tokens", "generated_tokens", "seconds")
CONTROLS = ("oracle", "blind", "text_only")
FRONTS = {
    "pareto": ("generated_tokens", "params"),
    "front_tokens": ("generated_tokens",),
    "front_seconds": ("seconds",),
    "front_params": ("params",),
}
"""Name of a front -> the costs that must be low."""
OF_SAMPLES = {"front_samples": ("samples",)}
"""The same, where the study knows how many rows perceivers saw in training."""
SHARE_OF = {name: f"p_{name}" for name in FRONTS}
ENDS = tuple(f"{name}_{end}" for name in COSTS for end in ("low", "high"))
COLUMNS = (
    *CELL_COLUMNS,
    *("task", "n", "accuracy", "low", "high", *COSTS, "params", *FRONTS),
    *SHARE_OF.values(),
    *(*ENDS, "reason"),
)


def efficiency(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Gives rows per cell and macro group; a cost that no item has recorded is NaN."""
    table = cells(frame, draws=draws, seed=seed)
    macro = SHARED if (table["task"] == SHARED).any() else IN_DOMAIN
    outside = (table["domain"] != IN_DOMAIN) & table["group"].isna()
    table = table[(table["task"] == macro) | outside].reset_index(drop=True)
    scores = scores_of(frame)
    columns, fronts = list(scores.labels(COLUMNS)), FRONTS
    if scores.cells["perception_samples"].notna().any():
        fronts = FRONTS | OF_SAMPLES
        columns += ["samples", *OF_SAMPLES, *(f"p_{name}" for name in OF_SAMPLES)]
    if not len(table):
        return pd.DataFrame(columns=columns)
    table["params"] = total_params(table)
    at = pd.Index(scores.cells["cell"]).get_indexer(table["cell"])
    table["samples"] = scores.cells["perception_samples"].to_numpy()[at]
    means = {name: _means(_costs(scores, frame, name), draws, seed) for name in COSTS}
    means["accuracy"] = _means(scores, draws, seed)
    for name in COSTS:
        estimates, low, high = means[name].columns(table["task"], at)
        table[name], table[f"{name}_low"], table[f"{name}_high"] = estimates, low, high
    for name in fronts:
        table[name], table[f"p_{name}"] = False, np.nan
    for task, rows in table.groupby("task", sort=False).indices.items():
        is_system = ~table["method"].iloc[rows].isin(CONTROLS).to_numpy()
        systems = np.asarray(rows, dtype=np.intp)[is_system]
        found = _fronts(fronts, table.take(systems), means, str(task), at[systems])
        for name, on, share in found:
            table.loc[systems, name], table.loc[systems, f"p_{name}"] = on, share
    return table[columns]


@dataclass(frozen=True)
class _Means:
    """Means of one item-level quantity in every cell and group, resampled."""

    names: tuple[str, ...]
    """Task of each group that is a whole task or a mean, in order."""
    data: Resampled
    """(those groups, cells)."""

    def columns(self, tasks: pd.Series, at: npt.NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
        """Estimate and ends of the rows with these tasks and cells."""
        low, high = self.data.interval()
        group = [self.names.index(str(task)) for task in tasks]
        return self.data.estimate[group, at], low[group, at], high[group, at]

    def draws(self, task: str, at: npt.NDArray[np.intp]) -> Floats:
        """Replicates of one task in these cells, (draws, cells)."""
        return self.data.replicates[:, self.names.index(task)][:, at]


def _means(scores: Scores, draws: int, seed: int) -> _Means:
    """The streams depend on the seed and the images alone, so every quantity has the same draws."""
    every = np.eye(len(scores.cells))
    result = estimate(scores, every, every > 0, draws=draws, seed=seed)
    whole = [g for g, group in enumerate(result.groups) if group.group is None]
    return _Means(tuple(result.groups[g].task for g in whole), result.resampled.take(whole))


def _costs(scores: Scores, frame: pd.DataFrame, name: str) -> Scores:
    """The score matrix with a cost in place of the score, mean over samples and seeds."""
    values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    known = ~np.isnan(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = scores.total(np.where(known, values, 0.0)) / scores.total(known)
    return replace(scores, values=mean, by_seed=None)


def _fronts(
    fronts: dict[str, tuple[str, ...]],
    rows: pd.DataFrame,
    means: dict[str, _Means],
    task: str,
    at: npt.NDArray[np.intp],
) -> list[tuple[str, npt.NDArray[np.bool_], Floats]]:
    """(front, who is on it, share of draws on it) of the systems of one task."""
    drawn = {name: part.draws(task, at) for name, part in means.items()}
    count = len(drawn["accuracy"])
    for name in ("params", "samples"):
        drawn[name] = np.tile(rows[name].to_numpy(dtype=np.float64), (count, 1))
    found = []
    for name, costs in fronts.items():
        point = np.stack([-rows["accuracy"], *(rows[cost] for cost in costs)], axis=-1)
        draws = np.stack([-drawn["accuracy"], *(drawn[cost] for cost in costs)], axis=-1)
        on = front(point.astype(np.float64)[None])[0]
        known = ~np.isnan(draws).any(axis=2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a system that no draw knows
            share = np.nanmean(np.where(known, front(draws), np.nan), axis=0)
        found.append((name, on, np.where(np.isnan(point).any(axis=1), np.nan, share)))
    return found


def front(points: Floats) -> npt.NDArray[np.bool_]:
    """Marks points that no other dominates, (draws, systems), of (draws, systems, values) low best.

    One dominates another when it is at most as high in every value and lower in one; equals stay
    together. A point with a missing value is on no front and dominates none.
    """
    known: npt.NDArray[np.bool_] = np.asarray(~np.isnan(points).any(axis=2))
    filled: Floats = np.where(known[:, :, None], np.round(points, 12), np.inf)  # means that tie
    out = known.copy()
    for k in range(points.shape[1]):
        own = filled[:, k : k + 1]
        beats = np.asarray((filled <= own).all(axis=2) & (filled < own).any(axis=2))
        out[:, k] &= ~beats.any(axis=1)
    return out
