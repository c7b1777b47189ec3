"""Lines through points whose two coordinates share measurement error: slope, covariance, intervals.

In: `xy` (..., T, 2), the measured x and y of T tasks, and `noise` (..., T, 2, 2), the covariance of
each task's measurement error; leading axes are studies, each fitted alone. Out: `Estimate`s of
shape (...). Units are those of y over x for slopes, and their product for covariances.

All rest on moments corrected for noise (Fuller 1987, Measurement Error Models, 1.2): the covariance
of the true values is that of the measured ones less the mean covariance of the errors. York's fit
(2004) is not here: it has no scatter about the line beside measurement error, and without a
relation it follows the long axis of the cloud.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtr, stdtrit

from analyses.stats.arrays import Floats

LEVEL = 0.95
ROUNDING = 1e-12
"""An error below this is none: points on a line leave residuals of rounding."""


@dataclass(frozen=True)
class Estimate:
    """A number per study with its interval and p; NaN where it is not defined."""

    value: Floats
    low: Floats
    high: Floats
    se: Floats
    p: Floats
    """Two-sided, of «the true value is 0»."""


def t_estimate(value: Floats, error: Floats, degrees: int) -> Estimate:
    """Gives the interval and p of `value` from Student's t; NaN ends and p where the error is 0
    (below ROUNDING) or NaN."""
    value, error = np.asarray(value, dtype=np.float64), np.asarray(error, dtype=np.float64)
    usable = np.where((error > ROUNDING) & (degrees > 0), error, np.nan)
    reach = (float(stdtrit(degrees, (1 + LEVEL) / 2)) if degrees > 0 else np.nan) * usable
    p = 2 * stdtr(max(degrees, 1), -np.abs(value / usable))
    return Estimate(value, value - reach, value + reach, error, np.asarray(p))


def moments(xy: Floats, noise: Floats) -> Floats:
    """Gives the noise-corrected covariance matrix of the true (x, y), (..., 2, 2).

    sum (z_t - mean z)(z_t - mean z)' / (T - 1) - mean_t noise_t: unbiased, so its diagonal may be
    negative. Off the diagonal it is what averaging over all half splits of the items gives, with
    the whole of x from one half and the whole of y from the other. T >= 2.
    """
    centred = xy - xy.mean(axis=-2, keepdims=True)
    scatter = np.einsum("...ti,...tj->...ij", centred, centred)
    return np.asarray(scatter / (xy.shape[-2] - 1) - noise.mean(axis=-3))


def moments_without_each(xy: Floats, noise: Floats) -> Floats:
    """Gives `moments` of all tasks but one, for each task left out, (..., T, 2, 2). T >= 3.

    Leaving task t out takes T/(T-1) (z_t - mean z)(z_t - mean z)' from the scatter.
    """
    count = xy.shape[-2]
    centred = xy - xy.mean(axis=-2, keepdims=True)
    outer = centred[..., :, None] * centred[..., None, :]
    scatter = outer.sum(axis=-3, keepdims=True) - count / (count - 1) * outer
    mean_noise = (noise.sum(axis=-3, keepdims=True) - noise) / (count - 1)
    return np.asarray(scatter / (count - 2) - mean_noise)


def _jackknife(xy: Floats, noise: Floats) -> Floats:
    """Covariance of the estimates (M_xx, M_xy) over tasks, (..., 2, 2); Miller 1974.

    (T-1)/T sum_t (m_t - mean m)(m_t - mean m)', m_t the moments without task t.
    """
    count = xy.shape[-2]
    each = moments_without_each(xy, noise)[..., 0, :]
    spread = each - each.mean(axis=-2, keepdims=True)
    return np.asarray(np.einsum("...ti,...tj->...ij", spread, spread) * (count - 1) / count)


def corrected_covariance(xy: Floats, noise: Floats) -> Estimate:
    """Gives the noise-corrected covariance of x and y with its jackknife t over tasks, T - 1
    degrees. T >= 3.

    It needs neither a positive variance of x nor a line. Where there is a relation the products
    whose mean it is are skewed and their spread large, which costs the test power.
    """
    error = np.sqrt(_jackknife(xy, noise)[..., 1, 1])
    return t_estimate(moments(xy, noise)[..., 0, 1], error, xy.shape[-2] - 1)


def independence_test(xy: Floats, noise: Floats) -> Estimate:
    """Score test of «true x and true y are independent»: M_xy over its error under that. T >= 3.

    With independent true values and normal errors (means of many items) whose covariance is c_t,
    the sample covariance has variance (S_xx S_yy + mean c_t^2) / (T - 1), S the measured variances:
    the products of independent parts have the product of the variances, whatever their
    distributions, and the errors add c^2 (Isserlis 1918). p from the standard normal (Rao 1948).
    The error holds where there is no relation, so there is no interval.
    """
    count = xy.shape[-2]
    spread = xy.var(axis=-2, ddof=1).prod(axis=-1) + (noise[..., 0, 1] ** 2).mean(axis=-1)
    value, error = moments(xy, noise)[..., 0, 1], np.sqrt(spread / (count - 1))
    usable = np.where(error > 0, error, np.nan)
    unknown = np.full_like(value, np.nan)
    return Estimate(value, unknown, unknown, error, np.asarray(2 * ndtr(-np.abs(value / usable))))


@dataclass(frozen=True)
class Line:
    """y = intercept + slope x."""

    slope: Estimate
    intercept: Estimate


def bces(xy: Floats, noise: Floats) -> Line:
    """Gives BCES(Y|X): Akritas and Bershady 1996, ApJ 470, 706, section 2. T >= 3.

    With V = sum [(x - mean x)^2 - noise_xx] / T:
    slope b = sum [(x - mean x)(y - mean y) - noise_xy] / (T V), intercept a = mean y - b mean x;
    xi_t = [(x_t - mean x)(y_t - b x_t - a) + b noise_xx,t - noise_xy,t] / V and
    zeta_t = y_t - b x_t - xi_t mean x; the errors are sqrt(sum (xi - mean xi)^2) / T and the same
    of zeta. Intervals from t with T - 2 degrees. Errors may differ and correlate task by task, and
    tasks may scatter about the line. NaN where V <= 0.
    """
    count = xy.shape[-2]
    mean = xy.mean(axis=-2)
    dx, dy = (xy[..., k] - mean[..., k, None] for k in (0, 1))
    variance = (dx**2 - noise[..., 0, 0]).mean(axis=-1)
    variance = np.where(variance > 0, variance, np.nan)
    b = (dx * dy - noise[..., 0, 1]).mean(axis=-1) / variance
    a = mean[..., 1] - b * mean[..., 0]
    residual = dy - b[..., None] * dx
    xi = dx * residual + b[..., None] * noise[..., 0, 0] - noise[..., 0, 1]
    xi = xi / variance[..., None]
    zeta = xy[..., 1] - b[..., None] * xy[..., 0] - xi * mean[..., 0, None]
    errors = (part.std(axis=-1) / np.sqrt(count) for part in (xi, zeta))
    slope, intercept = (t_estimate(v, e, count - 2) for v, e in zip((b, a), errors))
    return Line(slope, intercept)


def bces_small_sample(xy: Floats, noise: Floats) -> Estimate:
    """Gives the slope of BCES(Y|X) corrected for few tasks: unbiased moments and HC3 errors. T >=
    3.

    b = M_xy / M_xx of `moments` (divisions by T - 1, where BCES has T and so takes too much noise
    away); the error is sqrt(sum (psi_t - mean psi)^2) / ((T - 1) M_xx) with psi_t = dx_t e_t /
    (1 - h_t) + b noise_xx,t - noise_xy,t, where e is the residual and h_t = 1/T + dx_t^2 / sum dx^2
    the leverage: HC3 (MacKinnon and White 1985; Long and Ervin 2000), because a task far out pulls
    the line to itself and its residual understates its scatter. t with T - 2 degrees. NaN where
    M_xx <= 0; no error where the line hangs on one task alone.
    """
    count = xy.shape[-2]
    both = moments(xy, noise)
    variance = np.where(both[..., 0, 0] > 0, both[..., 0, 0], np.nan)
    slope = both[..., 0, 1] / variance
    mean = xy.mean(axis=-2)
    dx, dy = (xy[..., k] - mean[..., k, None] for k in (0, 1))
    square = (dx**2).sum(axis=-1, keepdims=True)
    leverage = 1 / count + dx**2 / np.where(square > 0, square, np.nan)
    leverage = np.where(leverage < 1 - 1e-9, leverage, np.nan)  # 1: the line hangs on this task
    residual = (dy - slope[..., None] * dx) / (1 - leverage)
    psi = dx * residual + slope[..., None] * noise[..., 0, 0] - noise[..., 0, 1]
    psi = psi - psi.mean(axis=-1, keepdims=True)
    error = np.sqrt((psi**2).sum(axis=-1)) / ((count - 1) * variance)
    return t_estimate(slope, error, count - 2)
