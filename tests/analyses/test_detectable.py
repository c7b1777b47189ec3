"""Power and what it needs: by hand, against statsmodels and enumeration, and odd inputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binom, binomtest
from statsmodels.stats.power import NormalIndPower

from analyses.detectable import (
    design_effect,
    detectable_difference,
    items_needed,
    mcnemar_power,
    power_of,
)


def test_power_by_hand() -> None:
    # n = 400, discordance .2: null error sqrt(.2/400) = .0223607; at .05 the spread is
    # sqrt((.2 - .0025)/400) = .0222205; (.05 - 1.959964 * .0223607)/.0222205 = .277847
    assert power_of(400, 0.05, 0.2) == pytest.approx(0.609435, abs=1e-5)


def test_small_effects_agree_with_statsmodels() -> None:
    # For a difference far below the discordance the spread is that of the null: a z test.
    for n, difference in ((2000, 0.02), (500, 0.04)):
        effect = difference / math.sqrt(0.3)
        peer = NormalIndPower(ddof=0).power(effect, n, 0.05, ratio=0, alternative="larger")
        two_sided = NormalIndPower(ddof=0).power(effect, n, 0.05, ratio=0)
        assert two_sided >= peer - 1
        assert power_of(n, difference, 0.3) == pytest.approx(two_sided, abs=0.005)


def slow_power(n: int, difference: float, discordance: float) -> float:
    """Every outcome of a multinomial, tested by SciPy's exact binomial test."""
    gain, loss = (discordance + difference) / 2, (discordance - difference) / 2
    total = 0.0
    for a in range(n + 1):
        for b in range(n + 1 - a):
            if a + b and binomtest(a, a + b).pvalue <= 0.05:
                total += binom.pmf(a, n, gain) * binom.pmf(b, n - a, loss / (1 - gain))
    return total


@pytest.mark.parametrize(("difference", "discordance"), [(0.2, 0.3), (0.1, 0.5), (0.0, 0.4)])
def test_mcnemar_power_is_the_sum_over_outcomes(difference: float, discordance: float) -> None:
    found = mcnemar_power(18, difference, discordance)
    assert found == pytest.approx(slow_power(18, difference, discordance), abs=1e-9)


def test_mcnemar_keeps_its_level() -> None:
    assert all(mcnemar_power(n, 0.0, psi) <= 0.05 for n in (6, 40, 900) for psi in (0.05, 0.4, 1.0))


@pytest.mark.parametrize("exact", [False, True])
def test_detectable_and_needed_are_inverses(exact: bool) -> None:
    for psi in (0.1, 0.4):
        found = detectable_difference(300, psi, exact=exact)
        power = mcnemar_power(300, found, psi) if exact else power_of(300, found, psi)
        assert power == pytest.approx(0.8, abs=1e-4)
        needed = items_needed(found, psi, exact=exact)
        assert needed is not None
        assert abs(needed - 300) <= 6


def test_needed_by_hand() -> None:
    # ((1.959964 sqrt(.3) + .841621 sqrt(.3 - .0004)) / .02)^2 = 5884.3
    assert items_needed(0.02, 0.3) == 5885
    assert items_needed(0.02, 0.3, design_effect=2.0) == 11769


def test_all_changes_in_one_direction() -> None:
    # Discordance 0 means: as many as the difference itself. Six of one sign are the fewest that
    # reach p <= .05 (2/64), so the answer is the share whose binomial holds six with 80 %.
    found = detectable_difference(60, 0.0, exact=True)
    assert binom.sf(5, 60, found) == pytest.approx(0.8, abs=1e-4)


def test_clusters_make_it_larger() -> None:
    alone = detectable_difference(300, 0.3)
    assert detectable_difference(300, 0.3, design_effect=2.0) == pytest.approx(
        detectable_difference(150, 0.3), rel=1e-4
    )
    assert detectable_difference(300, 0.3, clusters=10) > alone
    # sizes 1, 3: sum m^2 / sum m = 10 / 4
    assert design_effect([1, 3], 0.5) == pytest.approx(1 + 1.5 * 0.5)
    assert design_effect([], 0.5) == design_effect([1, 1, 1], 0.9) == 1.0


def test_changes_below_one_may_be_smaller_than_the_difference() -> None:
    # psi = .01: a 0/1 change of .05 would need psi = .05, a mean of samples would not.
    shared = power_of(400, 0.02, 0.01, binary=False)
    assert shared > power_of(400, 0.02, 0.01)
    # null error sqrt(.01/400) = .005, spread sqrt((.01 - .0004)/400) = .00489898
    assert shared == pytest.approx(ndtr((0.02 - 1.959964 * 0.005) / 0.00489898), abs=1e-6)


def test_too_few_are_nan_or_none() -> None:
    assert np.isnan(detectable_difference(5, 0.3, exact=True))  # 2/32 > .05
    assert np.isnan(detectable_difference(0, 0.3))
    assert np.isnan(detectable_difference(50, np.nan))
    assert np.isnan(detectable_difference(50, 0.3, clusters=1))
    assert items_needed(0.0, 0.3) is None
    assert items_needed(1e-6, 0.3) is None
