"""Is there an inverted U: do sizes inside gain more than the smallest and more than the largest?

In: `Gains`, the gain at each size with the covariance between sizes and paired replicates. Out:
rows of numbers, one per quantity:

- `over_smallest`, `over_largest`: gain(r) - gain(end) of each interior size r; p is one-sided
  (greater than 0), t with the cluster-robust error and C - 1 degrees, C images.
- `inverted_u` with a size: the smaller of the two; p is the larger (intersection-union: Berger
  1982), so both must hold; p_holm corrects over the interior sizes. Its low end is the smaller of
  the two low ends (a valid one-sided 97.5 % bound), its high end the smaller of the high ones.
- `inverted_u` without a size: some interior size gains more than both ends. The estimate is the
  largest of the above, p the smallest p_holm. This is the primary test.
- `slope_at_smallest`, `slope_at_largest`, `curvature`, `misfit`: the quadratic in log10
  parameters, b0 + b1 x + b2 x^2 by generalised least squares with the gains' covariance: its slope
  b1 + 2 b2 x at both ends (gain per decade), b2 (per decade squared), and chi square of the gains
  about the curve with (sizes - 3) degrees.
- `lind_mehlum`: rises at the small end and falls at the large end (Lind and Mehlum 2010, Oxf. Bull.
  Econ. Stat. 72, after Sasabuchi 1980). The estimate is the smaller of the slope at the smallest
  and minus the slope at the largest; p is the larger one-sided p. **Known weakness**: it is right
  only where the truth is a quadratic. A rise that saturates is no inverted U, but the quadratic
  nearest to it falls at its end, and with enough items the test finds it (Simonsohn 2018). Measured
  in tests/benchmarks/inverted_u.py: 11 to 67 % of truths that saturate (99 % of a rise in one
  step), against at most 5 % for the primary test. It stands beside the primary test, never in its
  place.
- `best_inside`: share of bootstrap draws whose best size is inside, ties shared. Not a p value:
  sizes that gain alike give about (sizes - 2) / sizes; sampling error can carry it further.

`p_holm` of rows without a size is left to the caller, who knows the tasks. Gains are shares.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from analyses.stats.arrays import ZERO, Floats, Row, unknown
from analyses.stats.intervals import at_odds, holm
from analyses.stats.replicates import Drawn, expanded_tails

OVERALL = ("inverted_u", "curvature", "lind_mehlum", "best_inside")
"""What every set of gains has a row of, NaN with a reason where it cannot be computed."""
FEW_SIZES = 4


@dataclass(frozen=True)
class Gains:
    """Gains of one family of cells on one task or mean, smallest size first, all on one n."""

    params: Floats
    """Parameters of each size, shape (sizes,); NaN when unknown."""
    gain: Floats
    """Gain at each size."""
    covariance: Floats
    """Cluster-robust covariance of the gains, (sizes, sizes)."""
    replicates: Floats
    """Paired bootstrap replicates, (draws, sizes)."""
    clusters: int
    """Images behind the covariance."""
    degrees: float
    """Degrees of freedom of the covariance: clusters - 1, fewer with few seeds."""


ONE_SIDED = "p is one-sided or of several contrasts, the interval two-sided"


@dataclass(frozen=True)
class Combination:
    """A weighted sum of gains with its error and one-sided test of «greater than 0»."""

    estimate: float
    se: float
    low: float
    high: float
    p: float


def combination(gains: Gains, weights: Sequence[float] | Floats) -> Combination:
    """w'g with se sqrt(w'Vw), interval of the draws (expanded percentile), p from t.

    p is NaN where the error is 0 (every image gives the same value).
    """
    w = np.asarray(weights, dtype=np.float64)
    estimate = float(w @ gains.gain)
    se = math.sqrt(max(float(w @ gains.covariance @ w), 0.0))
    found = Drawn.of(gains.replicates @ w, expanded_tails(gains.clusters, gains.degrees))
    p = float(stats.t.sf(estimate / se, gains.degrees)) if se > ZERO else np.nan
    return Combination(estimate, se, found.low, found.high, p)


def shape_rows(gains: Gains, sizes: Sequence[str]) -> list[Row]:
    """Gives rows with quantity, reasoning (the size or None), params, numbers; see the module."""
    count = len(sizes)
    if count < 3:
        return _void(f"an inverted U needs three sizes; {count} can be compared here")
    if gains.clusters < 2:
        return _void("one image: an error needs at least two")
    if np.isnan(gains.gain).any():
        return _void("no item has a score at every size with and without thinking")
    rows = [*_contrasts(gains, sizes), *_curve(gains), _best_inside(gains)]
    if count <= FEW_SIZES:
        inside = f"{count - 2} of {count} sizes {'is' if count == 3 else 'are'} inside"
        for row in rows:
            row["reason"] = row["reason"] or f"low power: {inside}, so not finding it says little"
    for row in rows:
        p, low, high = (float(str(row[name])) for name in ("p", "low", "high"))
        odds = at_odds(p, low, high, ONE_SIDED)
        row["reason"] = "; ".join(str(why) for why in (row["reason"], odds) if why) or None
    return rows


def _row(quantity: str, **numbers: object) -> Row:
    blank = unknown(quantity=quantity, reasoning=None, params=np.nan, p_holm=np.nan, reason=None)
    return blank | numbers


def _void(reason: str, quantities: Sequence[str] = OVERALL) -> list[Row]:
    return [_row(quantity, reason=reason) for quantity in quantities]


def _contrasts(gains: Gains, sizes: Sequence[str]) -> Iterator[Row]:
    """The intersection-union test and the contrasts that it is made of."""
    last = len(sizes) - 1
    unit = np.eye(len(sizes))
    inside = range(1, last)
    both = []
    for k in inside:
        pair = [combination(gains, unit[k] - unit[end]) for end in (0, last)]
        both.append(_intersection(pair))
        own = {"reasoning": sizes[k], "params": gains.params[k]}
        for name, part in zip(("over_smallest", "over_largest"), pair):
            yield _row(name, **own, **vars(part), reason=_untested(part))
    adjusted = holm([part.p for part in both])
    for k, part, p_holm in zip(inside, both, adjusted):
        own = {"reasoning": sizes[k], "params": gains.params[k], "p_holm": float(p_holm)}
        yield _row("inverted_u", **own, **vars(part), reason=_untested(part))
    best = max(both, key=lambda part: part.estimate)
    tested = adjusted[~np.isnan(adjusted)]
    p = float(tested.min()) if len(tested) else np.nan
    whole = replace(best, p=p)
    yield _row("inverted_u", **vars(whole), reason=_untested(whole))


def _intersection(pair: Sequence[Combination]) -> Combination:
    """Both are above 0: the smaller estimate with its error, the smaller ends, the larger p."""
    binding = min(pair, key=lambda part: part.estimate)
    low, high = min(part.low for part in pair), min(part.high for part in pair)
    p = float(np.max([part.p for part in pair]))  # NaN where either has no test
    return Combination(binding.estimate, binding.se, low, high, p)


def _untested(part: Combination) -> str | None:
    if np.isnan(part.p):
        return "every image gives the same difference: no test"
    if part.high - part.low < 1e-12:
        return "every draw gives the same smaller end: the interval has no width"
    return None


@dataclass(frozen=True)
class Quadratic:
    """A quadratic in x = log10 parameters, about the mean x."""

    coefficients: Floats
    """b0, b1, b2 of 1, x - c, (x - c)^2."""
    covariance: Floats
    ends: tuple[float, float]
    """x - c of the smallest and the largest size."""
    misfit: float
    """Chi square of the gains about the curve."""

    def slope(self, x: float) -> tuple[float, float]:
        """Gives the slope at x - c and its standard error."""
        w = np.array([0.0, 1.0, 2 * x])
        return float(w @ self.coefficients), float(np.sqrt(w @ self.covariance @ w))


def quadratic(gains: Gains) -> Quadratic | str:
    """Fits by generalised least squares with covariance V, b = (X'V^-1 X)^-1 X'V^-1 g.

    cov b = (X'V^-1 X)^-1: V is taken as known (Aitken 1935). A sentence where it is not defined.
    """
    if not (gains.params > 0).all() or len(np.unique(gains.params)) < 3:
        return "the parameters of three different sizes are not known"
    x = np.log10(gains.params)
    x = x - x.mean()
    design = np.column_stack([np.ones(len(x)), x, x**2])
    values, vectors = np.linalg.eigh(gains.covariance)
    if values[0] <= 1e-10 * max(values[-1], 1e-12):
        return "some combination of the gains is the same on every image: no weights"
    whiten = (vectors / np.sqrt(values)).T
    a, y = whiten @ design, whiten @ gains.gain
    covariance = np.linalg.inv(a.T @ a)
    b = covariance @ (a.T @ y)
    misfit = float(((y - a @ b) ** 2).sum())
    return Quadratic(b, covariance, (float(x[0]), float(x[-1])), misfit)


def _curve(gains: Gains) -> list[Row]:
    """The quadratic and Lind and Mehlum's test."""
    fit = quadratic(gains)
    if isinstance(fit, str):
        return _void(fit, ("curvature", "lind_mehlum"))
    degrees = gains.degrees
    reach = float(stats.t.ppf(0.975, degrees))

    def row(quantity: str, value: float, se: float, p: float) -> Row:
        ends = {"low": value - reach * se, "high": value + reach * se}
        return _row(quantity, estimate=value, se=se, p=p, **ends)

    (rise, rise_se), (fall, fall_se) = (fit.slope(x) for x in fit.ends)
    up = float(stats.t.sf(rise / rise_se, degrees))
    down = float(stats.t.cdf(fall / fall_se, degrees))
    bend, bend_se = float(fit.coefficients[2]), float(np.sqrt(fit.covariance[2, 2]))
    two_sided = 2 * float(stats.t.sf(abs(bend / bend_se), degrees))
    free = len(gains.gain) - 3
    misfit = _row("misfit", estimate=fit.misfit)
    if free:
        misfit["p"] = float(stats.chi2.sf(fit.misfit, free))
    else:
        misfit["reason"] = "three sizes: a quadratic passes through every gain"
    return [
        row("slope_at_smallest", rise, rise_se, up),
        row("slope_at_largest", fall, fall_se, down),
        row("curvature", bend, bend_se, two_sided),
        misfit,
        _row("lind_mehlum", estimate=min(rise, -fall), p=max(up, down)),
    ]


def _best_inside(gains: Gains) -> Row:
    draws = gains.replicates[~np.isnan(gains.replicates).any(axis=1)]
    if not len(draws):
        return _row("best_inside", reason="no bootstrap draw has a score at every size")
    best = np.isclose(draws, draws.max(axis=1, keepdims=True), rtol=0, atol=1e-12)
    share = best[:, 1:-1].sum(axis=1) / best.sum(axis=1)
    return _row("best_inside", estimate=float(share.mean()))
