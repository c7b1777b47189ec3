"""The fits of analyses.dependence as rows: estimators side by side, left-out tasks, the two nulls.

In: `Tasks`, the measured accuracies of L (large), S (small) and B (blind) per task with the
covariance of their item noise. Out: a dict per row; a number that is not defined is NaN with a
reason. What each estimator is: `analyses.dependence`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from analyses.stats.arrays import Floats, Row, unknown
from analyses.stats.errors_in_variables import (
    Estimate,
    bces,
    bces_small_sample,
    corrected_covariance,
    independence_test,
    moments,
)
from analyses.stats.lines import FLAT, LEAST_RANKED, least_squares, left_out, theil_sen

FEW = "fewer than three in-domain tasks have both numbers"
NOISY = "the variance of dependence over tasks is no larger than its noise"
HANGS = "the line hangs on one task alone, so its error is unknown"
NO_SPREAD = "no spread around the fit: no interval"
SAME_X = "every task has the same dependence"
JACKKNIFE = (
    "in simulated studies without a relation its jackknife test finds one in up to 6.8 % (above "
    "6 % in 1 of 18 kinds), and where there is one it finds it less often; the test to read is "
    "that of «independence» (at most 5.9 %)"
)
"""As measured on the 18 cells without a relation of tests/benchmarks/dependence.py."""
TO_XY = np.array([[1.0, 0.0, -1.0], [1.0, -1.0, 0.0]])
"""Weights of L, S, B in dependence and in sensitivity."""
LINES = (
    *(("least_squares", name) for name in ("slope", "intercept", "r2", "attenuation")),
    *(("noise_corrected", "covariance"), ("independence", "covariance")),
    *(("bces", "slope"), ("bces", "intercept"), ("bces_hc3", "slope"), ("theil_sen", "slope")),
)
NULLS = tuple((null, name) for null in ("null_noise", "null_structure") for name in ("slope", "r"))
LEFT_OUT = ("slope", "cooks_distance")


@dataclass(frozen=True)
class Tasks:
    """Task means of L, S, B with the covariance of their item noise."""

    means: Floats
    """(T, 3): accuracy of L, S and B."""
    noise: Floats
    """(T, 3, 3): cluster-robust covariance of those means."""
    names: tuple[str, ...] = ()
    """Names of the tasks; numbered when not given."""

    def xy(self) -> Floats:
        """Gives the dependence and sensitivity, (T, 2)."""
        return np.asarray(self.means @ TO_XY.T)

    def xy_noise(self) -> Floats:
        """Gives the covariance of their item noise, (T, 2, 2)."""
        return np.asarray(np.einsum("ij,tjk,lk->til", TO_XY, self.noise, TO_XY))


def fits(tasks: Tasks) -> list[Row]:
    """Gives the rows of all estimators and nulls; all NaN with a reason below three tasks."""
    count = len(tasks.means)
    names = tasks.names or tuple(str(k) for k in range(count))
    if count < 3:
        rows = [_row(*name, reason=FEW) for name in (*LINES, *NULLS)]
        rows += [
            _row("left_out", what, task=task, reason=FEW) for task in names for what in LEFT_OUT
        ]
    else:
        xy, noise = tasks.xy(), tasks.xy_noise()
        rows = [*_measured(xy, noise), *_corrected(xy, noise), *_robust(xy, names)]
        rows += _nulls(tasks, xy, noise)
    return [{"n": count} | row for row in rows]


def _row(estimator: str, quantity: str, value: float = np.nan, **more: object) -> Row:
    named = {"estimator": estimator, "quantity": quantity, "task": None, "reason": None}
    return unknown(estimate=value) | named | more


def _numbers(found: Estimate) -> dict[str, float]:
    parts = {"value": found.value, "low": found.low, "high": found.high}
    return {name: float(part) for name, part in (parts | {"se": found.se, "p": found.p}).items()}


def _fit(
    estimator: str, quantity: str, found: Estimate, *, missing: str, note: str | None = None
) -> Row:
    """A row; `missing` says why where it is not defined, and `note` is said where it is."""
    numbers: Mapping[str, float] = _numbers(found)
    value, rest = numbers["value"], {k: v for k, v in numbers.items() if k != "value"}
    if np.isnan(value):
        return _row(estimator, quantity, reason=missing)
    if np.isnan(rest["low"]) and note is None:
        note = HANGS if np.isnan(rest["se"]) else NO_SPREAD
    return _row(estimator, quantity, value, reason=note, **rest)


def _measured(xy: Floats, noise: Floats) -> Iterator[Row]:
    """Least squares, and in words what item noise does to it."""
    name, line = "least_squares", least_squares(xy)
    seen = np.cov(xy.T, ddof=1)
    share, push, harm = np.nan, np.nan, None
    if seen[0, 0] > FLAT:
        share = float(np.clip(moments(xy, noise)[0, 0] / seen[0, 0], 0.0, 1.0))
        push = float(noise.mean(axis=0)[0, 1] / seen[0, 0])
        harm = (
            f"T = {len(xy)} tasks; least squares as it stands: item noise leaves about "
            f"{100 * share:.0f} % of a true slope and adds {push:+.2f}"
        )
        if np.isnan(line.slope.low):
            harm += f"; {NO_SPREAD}"
    yield _fit(name, "slope", line.slope, missing=SAME_X, note=harm)
    yield _fit(name, "intercept", line.intercept, missing=SAME_X)
    r2, square = float(line.r2), float(((xy - xy.mean(axis=0)) ** 2).sum(axis=0)[0])
    flat = SAME_X if square <= FLAT else "every task has the same sensitivity"
    yield _row(name, "r2", r2, reason=flat if np.isnan(r2) else None)
    yield _row(name, "attenuation", share, reason=SAME_X if np.isnan(share) else None)


def _corrected(xy: Floats, noise: Floats) -> Iterator[Row]:
    """The estimates that take item noise out."""
    jackknife = corrected_covariance(xy, noise)
    yield _fit("noise_corrected", "covariance", jackknife, missing=FEW, note=JACKKNIFE)
    test = independence_test(xy, noise)
    yield _fit("independence", "covariance", test, missing=FEW, note="a test: it has no interval")
    line = bces(xy, noise)
    yield _fit("bces", "slope", line.slope, missing=NOISY)
    yield _fit("bces", "intercept", line.intercept, missing=NOISY)
    yield _fit("bces_hc3", "slope", bces_small_sample(xy, noise), missing=NOISY)


def _robust(xy: Floats, names: tuple[str, ...]) -> Iterator[Row]:
    """Theil-Sen, and each task left out."""
    count = len(xy)
    few = f"fewer than {LEAST_RANKED} tasks: no interval of ranks reaches 95 %"
    note = few if count < LEAST_RANKED else None
    yield _fit("theil_sen", "slope", theil_sen(xy), missing=SAME_X, note=note)
    if count < 4:
        why = "fewer than four tasks: two points are left, and any line fits them"
        for task in names:
            yield from (_row("left_out", what, task=task, reason=why) for what in LEFT_OUT)
        return
    parts = left_out(xy)
    for task, slope, cook in zip(names, parts.slopes, parts.cook):
        same = "every other task has the same dependence"
        row = _fit("left_out", "slope", slope, missing=same)
        yield row | {"task": task, "n": count - 1}
        why = "the tasks lie on a line, or the line hangs on this task alone"
        reason = why if np.isnan(cook) else None
        yield _row("left_out", "cooks_distance", float(cook), task=task, reason=reason)


def _nulls(tasks: Tasks, xy: Floats, noise: Floats) -> Iterator[Row]:
    seen, shared = np.cov(xy.T, ddof=1), float(noise.mean(axis=0)[0, 1])
    seen = np.where(np.abs(seen) > FLAT, seen, 0.0)
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
    for (null, name), value in zip(NULLS, values):
        if np.isfinite(value):
            yield _row(null, name, float(value))
        else:
            yield _row(null, name, reason=why)
