"""Visual dependence against scaling sensitivity: does what needs the image fall with size?

In: the tidy table with end-to-end cells at two sizes or more, and the largest run blind. With L, S
the largest and smallest size and B the largest without the image, per task
x = `dependence` = acc(L) - acc(B) and y = `sensitivity` = acc(L) - acc(S), on items scored in all
three. Out: a row per task for x and for y (`estimator` is `task`), and rows of fits over the
in-domain tasks (T of them, in `n`):

- `least_squares`: slope, intercept, r2; classical t intervals with T - 2 degrees, as the paper
  plots. Item noise in the acc(L) that x and y share pushes it up, noise in x attenuates it.
- `noise_corrected`: covariance(x, y) over tasks less the mean item-noise covariance, which is what
  averaging over all half splits of the items with x from one half and y from the other gives. Its
  jackknife t test over tasks (T - 1 degrees) is the test of «no relation». slope: divided by the
  variance of x corrected alike; NaN where that is not positive.
- `null_noise`: slope and correlation that item noise alone gives: noise covariance over the
  observed variances.
- `null_structure`: what independent true L, S, B would give, var(L) / (var(L) + var(B)) and
  var(L) / sqrt((var(L) + var(B)) (var(L) + var(S))), variances over tasks corrected for noise;
  no estimator can remove it.

Sources: STATISTICS.md of the suite; Fuller 1987, Measurement Error Models, 1.2 (corrected moments);
Miller 1974 (jackknife).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from analyses.contrasts import COLUMNS, Contrast, contrast_table, estimate
from analyses.resampling import Floats
from analyses.scores import IN_DOMAIN, Scores, scores_of
from analyses.sizes import ladder

LABELS = ("family", "estimator", "small", "large")
FEW = "fewer than three in-domain tasks have both numbers"


def dependence(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Rows per task and per fit; see the module. Empty without blind or smaller cells."""
    scores = scores_of(frame)
    tables = [
        table
        for family, cells in scores.cells.groupby("family", sort=False, dropna=False)
        for table in _family(scores, str(family), cells, draws, seed)
    ]
    tables = [table for table in tables if len(table)]
    if not tables:
        return pd.DataFrame(columns=[*LABELS, *COLUMNS])
    table = pd.concat([part.astype(object) for part in tables], ignore_index=True)
    for name in ("task", "group", "reason"):
        table[name] = table[name].where(table[name].notna(), None)
    numbers = ["estimate", "low", "high", "se", "p", "p_holm", "clusters", "missing"]
    return table.astype({"n": np.int64} | dict.fromkeys(numbers, np.float64))


def _family(
    scores: Scores, family: str, cells: pd.DataFrame, draws: int, seed: int
) -> Iterator[pd.DataFrame]:
    sizes = ladder(cells[cells["method"] == "end_to_end"], "perception")
    blind = {r.size: r.cell for r in ladder(cells[cells["method"] == "blind"], "perception")}
    if len(sizes) < 2 or sizes[-1].size not in blind:
        return
    s, large, b = sizes[0].cell, sizes[-1].cell, blind[sizes[-1].size]
    labels = {"family": family, "estimator": "task", "small": sizes[0].size}
    labels["large"] = sizes[-1].size
    weights = {"dependence": (1.0, 0.0, -1.0), "sensitivity": (1.0, -1.0, 0.0)}
    contrasts = [
        Contrast(name, dict(zip((large, s, b), parts)), labels=labels)
        for name, parts in weights.items()
    ]
    points = contrast_table(scores, contrasts, LABELS, draws=draws, seed=seed)
    yield points[points["group"].isna() & (points["average"] != "tasks")]
    tasks = _tasks(scores, (large, s, b))
    rows = [labels | row for row in fits(tasks)]
    yield pd.DataFrame(rows, columns=[*LABELS, *COLUMNS])


@dataclass(frozen=True)
class Tasks:
    """Task means of L, S, B with the covariance of their item noise."""

    means: Floats
    """(tasks, 3): accuracy of L, S and B."""
    noise: Floats
    """(tasks, 3, 3): cluster-robust covariance of those means."""


def _tasks(scores: Scores, cells: tuple[str, str, str]) -> Tasks:
    """The in-domain tasks that have a number in all three cells and two images or more."""
    index = {cell: k for k, cell in enumerate(scores.cells["cell"])}
    weights = np.zeros((len(index), 3))
    for column, cell in enumerate(cells):
        weights[index[cell], column] = 1.0
    needed = np.repeat(weights.sum(axis=1, keepdims=True) > 0, 3, axis=1)
    result = estimate(scores, weights, needed, draws=1, seed=0)
    means, noise = [], []
    for g, group in enumerate(result.groups):
        count = int(result.resampled.clusters[g, 0])
        if group.domain == IN_DOMAIN and group.average == "items" and group.group is None:
            if count < 2 or np.isnan(result.resampled.estimate[g]).any():
                continue
            moved = result.resampled.influence[g].scores
            means.append(result.resampled.estimate[g])
            noise.append(moved.T @ moved * count / (count - 1))
    return Tasks(np.array(means).reshape(-1, 3), np.array(noise).reshape(-1, 3, 3))


def fits(tasks: Tasks) -> list[dict[str, object]]:
    """The rows of all estimators; every number NaN with a reason below three tasks."""
    to_xy = np.array([[1.0, 0.0, -1.0], [1.0, -1.0, 0.0]])
    xy = tasks.means @ to_xy.T
    noise = np.einsum("ij,tjk,lk->til", to_xy, tasks.noise, to_xy)
    count = len(xy)
    rows = [*_least_squares(xy), *_corrected(xy, noise), *_nulls(tasks, xy, noise)]
    return [{"n": count, "domain": IN_DOMAIN, "average": "tasks"} | row for row in rows]


def _fit(estimator: str, quantity: str, value: float, **more: object) -> dict[str, object]:
    blank = dict.fromkeys(("low", "high", "se", "p"), np.nan)
    reason = FEW if np.isnan(value) else None
    row = {"estimator": estimator, "quantity": quantity, "estimate": value, "reason": reason}
    return blank | row | more


def _least_squares(xy: Floats) -> list[dict[str, object]]:
    count = len(xy)
    centred = xy - xy.mean(axis=0) if count else xy
    square = float((centred[:, 0] ** 2).sum()) if count else 0.0
    if count < 3 or square < 1e-12:
        why = FEW if count < 3 else "every task has the same dependence"
        names = ("slope", "intercept", "r2")
        return [_fit("least_squares", name, np.nan, reason=why) for name in names]
    slope = float(centred[:, 0] @ centred[:, 1]) / square
    residual = float(((centred[:, 1] - slope * centred[:, 0]) ** 2).sum())
    total = float((centred[:, 1] ** 2).sum())
    variance = residual / (count - 2)
    mean_x, mean_y = xy.mean(axis=0)
    intercept = float(mean_y - slope * mean_x)
    errors = (variance / square) ** 0.5, (variance * (1 / count + mean_x**2 / square)) ** 0.5
    share = _fit("least_squares", "r2", 1 - residual / total if total > 1e-12 else np.nan)
    if not total > 1e-12:
        share["reason"] = "every task has the same sensitivity"
    return [
        _fit("least_squares", "slope", slope, **_t(slope, errors[0], count - 2)),
        _fit("least_squares", "intercept", intercept, **_t(intercept, errors[1], count - 2)),
        share,
    ]


def _t(value: float, error: float, degrees: int) -> dict[str, object]:
    """Interval and two-sided p from the t distribution."""
    if not error > 0:
        return {"se": error, "reason": "no spread around the fit"}
    reach = float(stdtrit(degrees, 0.975)) * error
    p = 2 * float(stdtr(degrees, -abs(value) / error))
    return {"low": value - reach, "high": value + reach, "se": error, "p": p}


def _moments(xy: Floats, noise: Floats) -> Floats:
    """Covariance of (x, y) over tasks less the mean noise covariance, (2, 2)."""
    return np.asarray(np.cov(xy.T, ddof=1) - noise.mean(axis=0), dtype=np.float64)


def _jackknife(
    statistic: Callable[[Floats, Floats], float], xy: Floats, noise: Floats
) -> tuple[float, float]:
    """The statistic and its delete-one-task jackknife error, sqrt((T-1)/T sum (t_i - mean)^2)."""
    count = len(xy)
    rest = [np.delete(np.arange(count), k) for k in range(count)]
    values = np.array([statistic(xy[keep], noise[keep]) for keep in rest])
    spread = ((values - values.mean()) ** 2).sum() * (count - 1) / count
    return statistic(xy, noise), float(np.sqrt(spread))


def _corrected(xy: Floats, noise: Floats) -> list[dict[str, object]]:
    count, name = len(xy), "noise_corrected"
    if count < 3:
        return [_fit(name, "covariance", np.nan), _fit(name, "slope", np.nan)]
    value, error = _jackknife(lambda z, e: float(_moments(z, e)[0, 1]), xy, noise)
    rows = [_fit(name, "covariance", value, **_t(value, error, count - 1))]
    if _moments(xy, noise)[0, 0] <= 0:
        why = "the variance of dependence over tasks is no larger than its noise"
        return [*rows, _fit(name, "slope", np.nan, reason=why)]

    def ratio(z: Floats, e: Floats) -> float:
        moments = _moments(z, e)
        return float(moments[0, 1] / moments[0, 0]) if moments[0, 0] > 0 else np.nan

    slope, error = _jackknife(ratio, xy, noise)
    if np.isnan(error):
        why = "no interval: without one of the tasks the corrected variance is not positive"
        return [*rows, _fit(name, "slope", slope, reason=why)]
    return [*rows, _fit(name, "slope", slope, **_t(slope, error, count - 1))]


def _nulls(tasks: Tasks, xy: Floats, noise: Floats) -> list[dict[str, object]]:
    pairs = [(null, name) for null in ("null_noise", "null_structure") for name in ("slope", "r")]
    if len(xy) < 3:
        return [_fit(null, name, np.nan) for null, name in pairs]
    seen, shared = np.cov(xy.T, ddof=1), float(noise.mean(axis=0)[0, 1])
    true = np.var(tasks.means, axis=0, ddof=1)
    true = np.maximum(true - tasks.noise.mean(axis=0).diagonal(), 0.0)
    large, small, blind = (float(part) for part in true)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = [
            shared / seen[0, 0],
            shared / np.sqrt(seen[0, 0] * seen[1, 1]),
            np.divide(large, large + blind),
            np.divide(large, np.sqrt((large + blind) * (large + small))),
        ]
    why = "no variance over tasks beyond noise"
    rows = []
    for (null, name), value in zip(pairs, values):
        known = bool(np.isfinite(value))
        rows.append(
            _fit(null, name, float(value) if known else np.nan, reason=None if known else why)
        )
    return rows
