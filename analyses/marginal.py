"""Marginal model of the grid: how the odds of a right answer grow with each module's parameters.

In: the tidy table with `decoupled` cells. Out: rows per family, thinking and domain, of the model

    logit P(right) = level of the task + perception p + reasoning r + interaction p r,

p and r the log10 parameters of the two language models less the mean of their sizes in the study:

- `perception`, `reasoning`: log-odds per decade of parameters, the other module at its middle size;
- `interaction`: log-odds per decade of both; 0 says that a module's worth, in odds, does not depend
  on its partner (a drop in accuracy does even then, since accuracy is bounded);
- `perception_minus_reasoning`: which module's decade is worth more;
- `level`: log-odds of a task at the middle sizes (of a category, where these count alike). Not
  tested: it is no difference.

Fitted by generalized estimating equations (Liang and Zeger 1986, eq. 6-7): binomial, clusters are
images, working correlation independence, robust (sandwich) covariance with the factor C / (C - 1)
for C clusters, intervals and p from t with C - 1 degrees. Under independence the equations need
only the number of answers and of right ones in each cell and task, and the sandwich only the sum of
residuals of each image: pooling them is exact, equal to a GEE on single answers, in seconds for a
million answers. Every item meets every cell, so little would be won by another working
correlation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtr, stdtrit

from analyses.stats.arrays import Floats, Ints, Row, unknown
from analyses.stats.logit import fit_logit
from analyses.table.scores import Scores, none_where_missing, scores_of
from analyses.table.sizes import Pairings, pairings_of

COLUMNS = (
    *("family", "thinking", "quantity", "task", "group", "domain", "estimate", "low", "high"),
    *("se", "p", "n", "items", "clusters", "perception_centre", "reasoning_centre", "reason"),
)
"""`task` is the domain, or the task of a `level`. `n`: answers. `*_centre`: parameters at which the
module stands in the middle (geometric mean of its sizes)."""
SLOPES = ("perception", "reasoning", "interaction")
DIFFERENCE = "perception_minus_reasoning"
LEVEL = "level"


def marginal(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Gives the rows per coefficient; see the module. Nothing is drawn: `draws`, `seed` are
    idle."""
    scores = scores_of(frame)
    score = frame["score"].to_numpy(dtype=np.float64, na_value=np.nan)
    rows: list[dict[str, object]] = []
    for grid in pairings_of(scores.cells):
        at = pd.Index(scores.cells["cell"]).get_indexer(list(grid.cells.values()))
        for domain in scores.items["domain"].drop_duplicates():
            inside = (scores.items["domain"] == domain).to_numpy()
            planned = np.isin(scores.cell_of, at) & inside[scores.row_of]
            if planned.any():
                data = _Data.of(scores, score, planned)
                x = _sizes(grid, scores.cells)
                rows += [_names(grid, domain, x) | row for row in _rows(data, x, str(domain))]
    table = pd.DataFrame(rows, columns=list(scores.labels(COLUMNS)))
    return none_where_missing(table, ("group", "reason"))


@dataclass(frozen=True)
class _Data:
    """The scored answers of one grid and domain."""

    score: Floats
    cell: Ints
    level: Ints
    """Task or category of each answer: a row of `levels`."""
    item: Ints
    cluster: Ints
    levels: pd.DataFrame
    """task, group of every level that was asked."""

    @classmethod
    def of(cls, scores: Scores, score: Floats, planned: npt.NDArray[np.bool_]) -> _Data:
        item = scores.row_of[planned]
        asked = scores.items.iloc[np.unique(item)]
        # Categories are levels where they are strata: where the task is their mean.
        apart = asked["stratum"] != asked["task"]
        levels = pd.DataFrame({"task": asked["task"], "group": asked["category"].where(apart)})
        code, _ = pd.factorize(asked["stratum"])
        level = np.zeros(len(scores.items), dtype=np.int64)
        level[asked.index] = code
        scored = planned & ~np.isnan(score)
        item = scores.row_of[scored]
        cluster = scores.items["cluster"].to_numpy(dtype=str)[item]
        return cls(
            score[scored],
            scores.cell_of[scored],
            level[item],
            item,
            np.asarray(np.unique(cluster, return_inverse=True)[1], dtype=np.int64),
            levels.iloc[np.unique(code, return_index=True)[1]].reset_index(drop=True),
        )

    def counts(self, level: int | None) -> dict[str, object]:
        """Gives the answers, items and images, of one level or of all."""
        own = np.ones(len(self.item), dtype=bool) if level is None else self.level == level
        item, cluster = np.unique(self.item[own]), np.unique(self.cluster[own])
        return {"n": int(own.sum()), "items": len(item), "clusters": len(cluster)}


@dataclass(frozen=True)
class _Sizes:
    """Parameters as the model takes them."""

    centres: tuple[float, float]
    """Mean log10 parameters of the perception and of the reasoning sizes; NaN when unknown."""
    p: Floats
    """log10 parameters of each cell's perception less the centre."""
    r: Floats
    """The same of its reasoning."""


def _sizes(grid: Pairings, cells: pd.DataFrame) -> _Sizes:
    centres, columns = [], []
    for module, rungs in (("perception", grid.perception), ("reasoning", grid.reasoning)):
        own = np.array([rung.params for rung in rungs])
        centres.append(float(np.log10(own).mean()) if (own > 0).all() else np.nan)
        params = cells[f"{module}_params"].to_numpy(dtype=np.float64)
        known = np.where(params > 0, params, np.nan)
        columns.append(np.log10(known) - centres[-1])
    return _Sizes((centres[0], centres[1]), columns[0], columns[1])


def _names(grid: Pairings, domain: object, x: _Sizes) -> dict[str, object]:
    perception, reasoning = (10**centre for centre in x.centres)
    centres = {"perception_centre": perception, "reasoning_centre": reasoning}
    return grid.labels | {"domain": domain, "group": None} | centres


def _rows(data: _Data, x: _Sizes, domain: str) -> list[dict[str, object]]:
    """The coefficients of one grid and domain."""
    count = len(data.levels)
    answers = np.bincount(data.level, minlength=count)
    right = np.bincount(data.level, data.score, minlength=count)
    told = [k for k in range(count) if 0 < right[k] < answers[k]]
    # A task whose answers are all right or all wrong has an infinite level and, at its limit, says
    # nothing about the slopes: leaving it out is the limit of the fit.
    numbers = _fit(data, x, told)
    rows = [
        {"quantity": name, "task": domain} | data.counts(None) | numbers[name]
        for name in (*SLOPES, DIFFERENCE)
    ]
    for k, level in enumerate(data.levels.to_dict("records")):
        own = numbers.get(f"{LEVEL} {k}")
        if own is None:
            what = "right" if answers[k] and right[k] else "wrong"
            reason = f"every answer is {what}: the level is infinite"
            own = unknown(reason=reason if answers[k] else "no answer has a score")
        group = None if pd.isna(level["group"]) else level["group"]
        rows.append({"quantity": LEVEL, "task": level["task"]} | data.counts(k) | own)
        rows[-1]["group"] = group
    return rows


def _fit(data: _Data, x: _Sizes, told: list[int]) -> dict[str, dict[str, object]]:
    """Numbers of the slopes, of their difference, and of the levels in `told`."""
    if np.isnan(x.centres).any():
        return _no_slope("a size has no known parameters")
    if not told:
        return _no_slope(_why_nothing(data))
    used = np.isin(data.level, told)
    level = np.searchsorted(told, data.level[used])
    cluster = np.unique(data.cluster[used], return_inverse=True)[1]
    shape = len(x.p), len(told)
    cell_of, level_of = (index.ravel() for index in np.indices(shape))
    p, r = x.p[cell_of], x.r[cell_of]
    design = np.column_stack([np.eye(len(told))[level_of], p, r, p * r])
    pattern = data.cell[used] * len(told) + level
    fit = fit_logit(data.score[used], pattern, np.asarray(cluster, dtype=np.int64), design)
    freedom = int(cluster.max())
    names = [*(f"{LEVEL} {k}" for k in told), *SLOPES]
    picks = dict(zip(names, np.eye(len(names))))
    picks[DIFFERENCE] = picks["perception"] - picks["reasoning"]
    numbers = {}
    for name, pick in picks.items():
        own = pick != 0
        estimate = float(pick[own] @ fit.coefficients[own])
        variance = float(pick[own] @ fit.covariance[np.ix_(own, own)] @ pick[own])
        reason = next((why for why, needed in zip(fit.reasons, own) if needed and why), None)
        numbers[name] = _interval(estimate, variance, freedom, reason)
        if name.startswith(LEVEL):
            numbers[name]["p"] = np.nan
    return numbers


def _no_slope(reason: str) -> dict[str, Row]:
    return {name: unknown(reason=reason) for name in (*SLOPES, DIFFERENCE)}


def _interval(
    estimate: float, variance: float, freedom: int, reason: str | None
) -> dict[str, object]:
    """Estimate, ends, error and p, from t; no ends where the error is 0 or unknown."""
    if not variance > 1e-20:
        if reason is None:
            reason = "every image has the same residuals: no interval"
        return unknown(estimate=estimate, reason=reason)
    se = float(np.sqrt(variance))
    reach = float(stdtrit(freedom, 0.975)) * se
    p = float(2 * stdtr(freedom, -abs(estimate) / se))
    ends = {"low": estimate - reach, "high": estimate + reach}
    return {"estimate": estimate, **ends, "se": se, "p": p, "reason": reason}


def _why_nothing(data: _Data) -> str:
    if not len(data.score):
        return "no answer has a score"
    return "in every task all answers are right or all are wrong"
