"""Lines through the measured points of tasks as they stand: least squares, Theil-Sen, left out.

In: `xy` (T, 2) or, where said, (..., T, 2) with studies in front. Out: `Estimate`s. Nothing here
knows of measurement error: errors in x attenuate every slope, and errors shared by x and y push it
(`analyses.stats.errors_in_variables` corrects both).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import theilslopes

from analyses.stats.arrays import Floats
from analyses.stats.errors_in_variables import LEVEL, Estimate, Line, t_estimate

FLAT = 1e-12
"""A sum of squares below this is no spread."""
LEAST_RANKED = 5
"""Tasks that a 95 % Theil-Sen interval takes: with 4 the smallest two-sided p of Kendall's test,
which it inverts, is 2/4! = .083."""


@dataclass(frozen=True)
class LeastSquares(Line):
    """The least-squares line."""

    r2: Floats
    """Share of the variance of y; NaN where y has none."""


def least_squares(xy: Floats) -> LeastSquares:
    """Fits y on x by least squares, (..., T, 2), with classical t intervals, T - 2 degrees.

    NaN where x has no spread. T >= 3.
    """
    count = xy.shape[-2]
    mean = xy.mean(axis=-2)
    dx, dy = (xy[..., k] - mean[..., k, None] for k in (0, 1))
    square, total = (dx**2).sum(axis=-1), (dy**2).sum(axis=-1)
    square = np.where(square > FLAT, square, np.nan)
    slope = (dx * dy).sum(axis=-1) / square
    residual = ((dy - slope[..., None] * dx) ** 2).sum(axis=-1)
    variance = residual / (count - 2)
    errors = (
        np.sqrt(variance / square),
        np.sqrt(variance * (1 / count + mean[..., 0] ** 2 / square)),
    )
    intercept = mean[..., 1] - slope * mean[..., 0]
    return LeastSquares(
        t_estimate(slope, errors[0], count - 2),
        t_estimate(intercept, errors[1], count - 2),
        1 - residual / np.where(total > FLAT, total, np.nan),
    )


def theil_sen(xy: Floats) -> Estimate:
    """Takes the median of the slopes between all pairs of tasks, (T, 2) (Theil 1950); T >= 2.

    The interval inverts Kendall's test (Sen 1968), scipy's `theilslopes`; NaN with fewer than five
    tasks, where no such interval reaches 95 %. NaN where x has no spread.
    """
    unknown = np.asarray(np.nan)
    if not np.ptp(xy[:, 0]) > 0:
        return Estimate(unknown, unknown, unknown, unknown, unknown)
    slope, _, low, high = theilslopes(xy[:, 1], xy[:, 0], alpha=LEVEL)
    if len(xy) < LEAST_RANKED:
        low = high = unknown
    return Estimate(np.asarray(slope), np.asarray(low), np.asarray(high), unknown, unknown)


@dataclass(frozen=True)
class LeftOut:
    """What the least-squares line owes to each task."""

    slopes: tuple[Estimate, ...]
    """The slope of the other tasks, one for each task left out."""
    cook: Floats
    """Cook's distance of each task, (T,)."""


def left_out(xy: Floats) -> LeftOut:
    """Leaves out each task of (T, 2) in turn, and gives Cook's distance. T >= 4.

    D_t = e_t^2 / (2 s^2) * h_t / (1 - h_t)^2 with residual e, leverage h and s^2 = sum e^2 / (T-2)
    (Cook 1977); above 4/T is a common mark of a task to look at. NaN where
    all points lie on a line.
    """
    count = len(xy)
    slopes = tuple(least_squares(np.delete(xy, k, axis=0)).slope for k in range(count))
    dx, dy = (xy - xy.mean(axis=0)).T
    square = float((dx**2).sum())
    if square < FLAT:
        return LeftOut(slopes, np.full(count, np.nan))
    residual = dy - (dx @ dy) / square * dx
    variance = float((residual**2).sum()) / (count - 2)
    leverage = 1 / count + dx**2 / square
    with np.errstate(divide="ignore", invalid="ignore"):
        cook = residual**2 / (2 * variance) * leverage / (1 - leverage) ** 2
    usable = (variance > FLAT) & (leverage < 1 - FLAT)
    return LeftOut(slopes, np.where(usable, cook, np.nan))
