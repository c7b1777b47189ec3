"""Power and what it needs: by hand, against statsmodels and enumeration, and odd inputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binom, binomtest
from statsmodels.stats.power import NormalIndPower

from analyses.stats.detectable import (
    Part,
    design_effect,
    detectable_difference,
    items_needed,
    mcnemar_power,
    power_of,
)
from analyses.stats.signflip import sign_flip
from tests.benchmarks.paired_world import Condition, changes


def test_power_by_hand() -> None:
    # n = 400, discordance .2: sqrt(Q) = sqrt(.2/400) = .0223607, slope g = 1.959964 / 400 /
    # (2 * .0223607) = .1095653; at .05 the spread of D is (.2 - .0025)/400, and g^2 .2 * .8/400
    # - 2 g .05 * .8/400 more: .19065588/400, root .0218321; half a step of the lattice 1/400:
    # (.05 - 1.959964 * .0223607 - .0025)/.0218321 = .1682783
    assert power_of([Part(400, 0.2)], 0.05) == pytest.approx(0.566817, abs=1e-5)
    # two such parts: v = 1/1600 each, Q = .4/1600, root .0158114, g = .1095653 * .7071068,
    # spread (.1975 + .0009604 - .0061979) * 2/1600, root .0155025, half a step 1/800:
    # (.05 - .0309898 - .00125)/.0155025 = 1.145634
    assert power_of([Part(400, 0.2)] * 2, 0.05) == pytest.approx(0.874026, abs=1e-4)
    # sizes 400 and 300 meet on a lattice of 1/2400: next to nothing is lost to it
    uneven = power_of([Part(400, 0.2), Part(300, 0.2)], 0.05)
    assert power_of([Part(350, 0.2)] * 2, 0.05) < uneven < 0.87


def test_power_is_that_of_the_sign_flip() -> None:
    """An oracle that knows no formula: studies are drawn, and the test itself is run."""
    kind = Condition("20 images of 3, nearly all changes up", 20, (0.3,), (3,), 0.5)
    image = np.repeat(np.arange(20), 3)
    hits = 0
    for seed in range(1500):
        found = changes(kind, 0, 0.27, np.random.default_rng(seed))
        hits += sign_flip(np.bincount(image, found).astype(np.float64)).p < 0.05
    # without the terms of Q the formula says .76
    assert power_of([Part(60, 0.3, 2.0)], 0.27) == pytest.approx(hits / 1500, abs=0.03)


def test_small_effects_agree_with_statsmodels() -> None:
    # For a difference far below the discordance the spread is that of the null: a z test.
    for n, difference in ((2000, 0.02), (500, 0.04)):
        effect = difference / math.sqrt(0.3)
        peer = NormalIndPower(ddof=0).power(effect, n, 0.05, ratio=0)
        # two sizes whose lattice is fine
        assert power_of([Part(n // 2, 0.3), Part(n - n // 2 + 1, 0.3)], difference) == (
            pytest.approx(peer, abs=0.007)
        )


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
        found = detectable_difference((Part(300, psi),), exact=exact)
        power = mcnemar_power(300, found, psi) if exact else power_of([Part(300, psi)], found)
        assert power == pytest.approx(0.8, abs=1e-4)
        needed = items_needed(found, psi, exact=exact)
        assert needed is not None
        assert abs(needed - 300) <= 6


def test_needed_by_hand() -> None:
    # n = 5900: sqrt(Q) = .0071307, g = 1.959964 / 5900 / (2 * .0071307) = .0232932; spread
    # (.3 - .0004 + .0001139 - .0006522)/5900 = .0071177^2; half a step .0001695:
    # (.02 - .0139760 - .0001695)/.0071177 = .8225 < .841621, and .8437 with n = 6000
    needed = items_needed(0.02, 0.3)
    assert needed is not None
    assert 5900 < needed < 6000
    assert power_of([Part(needed, 0.3)], 0.02) >= 0.8 > power_of([Part(needed - 1, 0.3)], 0.02)
    # Connor's formula without a lattice: ((1.959964 sqrt(.3) + .841621 sqrt(.2996)) / .02)^2
    assert needed == pytest.approx(5884.3, rel=0.02)
    assert items_needed(0.02, 0.3, design_effect=2.0) == pytest.approx(2 * needed, rel=0.01)


def test_all_changes_in_one_direction() -> None:
    # Discordance 0 means: as many as the difference itself. Six of one sign are the fewest that
    # reach p <= .05 (2/64), so the answer is the share whose binomial holds six with 80 %.
    found = detectable_difference((Part(60, 0.0),), exact=True)
    assert binom.sf(5, 60, found) == pytest.approx(0.8, abs=1e-4)


def test_clusters_make_it_larger() -> None:
    alone = detectable_difference((Part(300, 0.3),))
    shared = detectable_difference((Part(300, 0.3, 2.0),))
    assert alone < shared < detectable_difference((Part(150, 0.3),))  # its lattice is coarser
    # sizes 1, 3: sum m^2 / sum m = 10 / 4
    assert design_effect([1, 3], 0.5) == pytest.approx(1 + 1.5 * 0.5)
    assert design_effect([], 0.5) == design_effect([1, 1, 1], 0.9) == 1.0


def test_changes_below_one_may_be_smaller_than_the_difference() -> None:
    # psi = .01: a 0/1 change of .02 would need psi = .02, a mean of samples would not.
    shared = power_of([Part(400, 0.01)], 0.02, binary=False)
    # null error sqrt(.01/400) = .005, spread sqrt((.01 - .0004)/400) = .00489898
    assert shared == pytest.approx(ndtr((0.02 - 1.959964 * 0.005) / 0.00489898), abs=1e-6)
    assert detectable_difference((Part(400, 0.01),), binary=False) < detectable_difference(
        (Part(400, 0.01),)
    )


def test_a_mean_of_equal_tasks_is_the_test_of_all_items() -> None:
    parts = (Part(60, 0.2), Part(60, 0.3), Part(60, 0.4))
    assert detectable_difference(parts, exact=True) == detectable_difference(
        (Part(180, 0.3),), exact=True
    )
    # a task without changes can hold no fewer of them than the difference itself
    still = (Part(60, 0.0), Part(60, 0.0), Part(60, 0.6))
    found = detectable_difference(still, exact=True)
    pooled = (2 * found + 0.6) / 3
    assert mcnemar_power(180, found, pooled) == pytest.approx(0.8, abs=1e-4)
    assert found > detectable_difference((Part(180, 0.2),), exact=True)
    # of unequal ones there is only the formula
    uneven = (Part(60, 0.1), Part(61, 0.3))
    assert detectable_difference(uneven, exact=True) == detectable_difference(uneven)
    # a smaller share of changes everywhere is seen sooner, more tasks see less of each
    assert detectable_difference((Part(60, 0.1), Part(61, 0.1))) < detectable_difference(uneven)
    assert detectable_difference(parts) < detectable_difference(parts[:2])


def test_too_few_are_nan_or_none() -> None:
    assert np.isnan(detectable_difference((Part(5, 0.3),), exact=True))  # 2/32 > .05
    assert np.isnan(detectable_difference((Part(0, 0.3),)))
    assert np.isnan(detectable_difference((Part(50, np.nan),)))
    assert np.isnan(detectable_difference((Part(50, 0.3),), clusters=5))  # 2/32
    assert detectable_difference((Part(50, 0.3),), clusters=6) < 1
    assert np.isnan(detectable_difference(()))
    assert power_of([Part(50, 0.0)], 0.0) == 0.0
    assert power_of([Part(50, 0.3)], 1.0) == 1.0
    assert items_needed(0.0, 0.3) is None
    # means of samples need fewer items: Connor's ((1.959964 * .1 + .841621 sqrt(.0096)) / .02)^2
    assert items_needed(0.02, 0.01, binary=False) == 194
    assert items_needed(1e-6, 0.3) is None
