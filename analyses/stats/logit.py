"""Logistic regression with clusters by generalized estimating equations, from pooled answers.

In: answers with the pattern (row of a design matrix) and the cluster of each. Out: coefficients
with their robust covariance, or which of them the answers do not determine, and why.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.special import expit, xlog1py, xlogy

from analyses.stats.arrays import Floats, Ints

UNDETERMINED = "the pairings that were run do not tell it apart from the other terms"
SEPARATED = "sizes and tasks tell all right from all wrong answers: the coefficient is infinite"


@dataclass(frozen=True)
class Fit:
    """Coefficients of the columns of a design matrix; NaN where they are not determined."""

    coefficients: Floats
    covariance: Floats
    """Robust, with the factor C / (C - 1); NaN where C clusters are no more than coefficients."""
    reasons: tuple[str | None, ...]
    """Why a coefficient, or its covariance, is missing."""


def fit_logit(score: Floats, pattern: Ints, cluster: Ints, design: Floats) -> Fit:
    """Fits a GEE with binomial variance and independence as working correlation.

    `score` in [0, 1], `pattern` and `cluster` of each answer; `design` (patterns, columns). Solves
    sum over patterns of x (s - n m) = 0 with s right of n answers and m = 1 / (1 + exp(-x b));
    covariance B (sum over clusters of u u') B C / (C - 1), with B the inverse of the sum of
    n m (1 - m) x x' and u the sum of (y - m) x over a cluster's answers (Liang and Zeger 1986).
    """
    width = design.shape[1]
    coefficients, covariance = np.full(width, np.nan), np.full((width, width), np.nan)
    reasons: list[str | None] = [None] * width
    n = np.bincount(pattern, minlength=len(design)).astype(np.float64)
    right = np.asarray(np.bincount(pattern, score, minlength=len(design)), dtype=np.float64)
    seen = np.flatnonzero(n > 0).astype(np.int64)
    kept = _independent(design[seen])
    for k in set(range(width)) - set(kept):
        reasons[k] = UNDETERMINED
    x, n, right = design[seen][:, kept], n[seen], right[seen]
    if not kept or _separated(x, right, n):
        return Fit(coefficients, covariance, tuple(r or SEPARATED for r in reasons))
    coefficients[kept] = _solve(x, right, n)
    mean = expit(x @ coefficients[kept])
    clusters = int(cluster.max()) + 1
    if clusters <= len(kept):
        few = "no more images than coefficients: no interval"
        return Fit(coefficients, covariance, tuple(reason or few for reason in reasons))
    place = np.searchsorted(seen, pattern)
    residual = score - mean[place]
    sums = [np.bincount(cluster, residual * x[place, k]) for k in range(len(kept))]
    meat = np.array(sums) @ np.array(sums).T * clusters / (clusters - 1)
    bread = np.linalg.inv(x.T @ (x * (n * mean * (1 - mean))[:, None]))
    covariance[np.ix_(kept, kept)] = bread @ meat @ bread
    return Fit(coefficients, covariance, tuple(reasons))


def _independent(design: Floats) -> list[int]:
    """Columns that the columns before them do not determine."""
    kept: list[int] = []
    for k in range(design.shape[1]):
        if np.linalg.matrix_rank(design[:, [*kept, k]]) > len(kept):
            kept.append(k)
    return kept


def _solve(x: Floats, right: Floats, n: Floats) -> Floats:
    """Coefficients by Newton's method, a step halved while it lowers the likelihood.

    Of pooled answers a model with a coefficient a pattern fits each of them exactly, which general
    routines take for separation; that has been told apart before.
    """

    def likelihood(b: Floats) -> float:
        mean = expit(x @ b)
        return float((xlogy(right, mean) + xlog1py(n - right, -mean)).sum())

    found, best = np.zeros(x.shape[1]), likelihood(np.zeros(x.shape[1]))
    for _ in range(100):
        mean = expit(x @ found)
        information = x.T @ (x * (n * mean * (1 - mean))[:, None])
        step = np.linalg.solve(information, x.T @ (right - n * mean))
        while likelihood(found + step) < best - 1e-9 * abs(best):
            step = step / 2
        found = found + step
        best = likelihood(found)
        if np.abs(step).max() < 1e-10:
            break
    return found


def _separated(design: Floats, right: Floats, n: Floats) -> bool:
    """Whether a direction b splits the answers: x b >= 0 where right, <= 0 where wrong, some not 0.

    Then the likelihood has no maximum (Albert and Anderson 1984). A linear program finds it
    (Konis 2007): the largest sum of |x b| over pure patterns, with x b = 0 at mixed ones.
    """
    all_right, all_wrong = right >= n - 1e-9, right <= 1e-9
    pure, mixed = all_right | all_wrong, ~(all_right | all_wrong)
    if not pure.any():
        return False
    toward = np.where(all_right[pure], 1.0, -1.0)[:, None] * design[pure]
    equal = {"A_eq": design[mixed], "b_eq": np.zeros(mixed.sum())} if mixed.any() else {}
    found = linprog(
        -toward.sum(axis=0), A_ub=-toward, b_ub=np.zeros(len(toward)), bounds=(-1, 1), **equal
    )
    return bool(found.status != 0 or -found.fun > 1e-7)
