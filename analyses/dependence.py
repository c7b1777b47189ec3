"""Visual dependence against scaling sensitivity: does what needs the image fall with size?

In: the tidy table with end-to-end cells at two sizes or more, and the largest run blind. With L, S
the largest and smallest size and B the largest without the image, per task x = `dependence` =
acc(L) - acc(B) and y = `sensitivity` = acc(L) - acc(S), on items scored in all three. Out, of each
perceiver: a row per task for x and for y (`estimator` is `task`), and rows of fits over the in-
domain tasks (T of them, in `n`). Item noise in the acc(L) that x and y share pushes a slope up,
noise in x pulls it to 0; the estimators differ in what they do about it:

- `least_squares`: slope, intercept, r2, as the paper plots; classical t, T - 2 degrees. Nothing
  done. `attenuation`: the share of a true slope that it finds, noise-corrected over measured
  variance of x; what noise adds is the slope of `null_noise`.
- `noise_corrected`: covariance over tasks less that of item noise, with its jackknife t test, and
  `independence`: the same covariance with the score test of no relation, the one to read: with no
  relation the jackknife's p is below .05 in up to 6.8 % of simulated studies, the score test's in
  up to 5.9 %, and it finds a relation far more often (tests/benchmarks/dependence.py).
- `bces`: slope, intercept with item noise taken out and scatter of tasks about the line
  (Akritas and Bershady 1996); `bces_hc3`: its slope corrected for few tasks.
- `theil_sen`: median slope between pairs of tasks; robust against a task far out, not to noise.
- `left_out`: least-squares slope without the row's task, and its Cook's distance.
- `null_noise`: slope and r that item noise alone gives: noise covariance over measured variances.
- `null_structure`: what independent true L, S, B would give, var(L) / (var(L) + var(B)) and
  var(L) / sqrt((var(L) + var(B)) (var(L) + var(S))), variances over tasks corrected for noise;
  no estimator can remove it.

`r2`, `attenuation`, the distances and the nulls describe and have no interval. Formulas and
sources: `analyses.stats.errors_in_variables`, `analyses.stats.lines`. Shares; slopes are
shares per share.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analyses.contrasts.contrast import COLUMNS, Contrast, contrast_table, estimate
from analyses.stats.dependence_fits import Tasks, fits
from analyses.table.scores import IN_DOMAIN, Scores, none_where_missing, scores_of
from analyses.table.sizes import ladder

KEYS = ["family", "perceiver"]
LABELS = ("family", "estimator", "small", "large")


def dependence(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Gives rows per task and per fit; see the module. Empty without blind or smaller cells."""
    scores = scores_of(frame)
    tables = [
        table
        for names, cells in scores.cells.groupby(KEYS, sort=False, dropna=False)
        for table in _family(scores, dict(zip(KEYS, names)), cells, draws, seed)
    ]
    tables = [table for table in tables if len(table)]
    if not tables:
        return pd.DataFrame(columns=[*scores.labels(LABELS), *COLUMNS])
    table = pd.concat([part.astype(object) for part in tables], ignore_index=True)
    table = none_where_missing(table, ("task", "group", "reason"))
    numbers = ["estimate", "low", "high", "se", "p", "p_holm", "clusters", "missing"]
    return table.astype({"n": np.int64} | dict.fromkeys(numbers, np.float64))


def _family(
    scores: Scores, names: dict[str, object], cells: pd.DataFrame, draws: int, seed: int
) -> Iterator[pd.DataFrame]:
    sizes = ladder(cells[cells["method"] == "end_to_end"], "perception")
    blind = {r.size: r.cell for r in ladder(cells[cells["method"] == "blind"], "perception")}
    if len(sizes) < 2 or sizes[-1].size not in blind:
        return
    s, large, b = sizes[0].cell, sizes[-1].cell, blind[sizes[-1].size]
    labels = names | {"estimator": "task", "small": sizes[0].size, "large": sizes[-1].size}
    weights = {"dependence": (1.0, 0.0, -1.0), "sensitivity": (1.0, -1.0, 0.0)}
    contrasts = [
        Contrast(name, dict(zip((large, s, b), parts)), labels=labels)
        for name, parts in weights.items()
    ]
    points = contrast_table(scores, contrasts, LABELS, draws=draws, seed=seed)
    yield points[points["group"].isna() & (points["average"] != "tasks")]
    tasks = _tasks(scores, (large, s, b))
    about = labels | {"domain": IN_DOMAIN, "average": "tasks"}
    rows = [about | row for row in fits(tasks)]
    yield pd.DataFrame(rows, columns=[*scores.labels(LABELS), *COLUMNS])


def _tasks(scores: Scores, cells: tuple[str, str, str]) -> Tasks:
    """The in-domain tasks that have a number in all three cells and two images or more."""
    index = {cell: k for k, cell in enumerate(scores.cells["cell"])}
    weights = np.zeros((len(index), 3))
    for column, cell in enumerate(cells):
        weights[index[cell], column] = 1.0
    needed = np.repeat(weights.sum(axis=1, keepdims=True) > 0, 3, axis=1)
    result = estimate(scores, weights, needed, draws=1, seed=0)
    names, means, noise = [], [], []
    for g, group in enumerate(result.groups):
        count = int(result.resampled.clusters[g, 0])
        if group.domain == IN_DOMAIN and group.average == "items" and group.group is None:
            if count < 2 or np.isnan(result.resampled.estimate[g]).any():
                continue
            moved = result.resampled.influence[g].scores
            names.append(group.task)
            means.append(result.resampled.estimate[g])
            noise.append(moved.T @ moved * count / (count - 1))
    return Tasks(np.array(means).reshape(-1, 3), np.array(noise).reshape(-1, 3, 3), tuple(names))
