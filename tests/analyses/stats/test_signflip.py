"""Sign flips and McNemar: by hand, against plain enumeration, SciPy and statsmodels."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as peer

from analyses.stats.signflip import DRAWN, EXACT, mcnemar, sign_flip


def slow_p(values: list[float]) -> float:
    """Every sign vector, one after the other."""
    observed = abs(sum(values))
    signs = product((1, -1), repeat=len(values))
    sums = [abs(sum(s * v for s, v in zip(row, values))) for row in signs]
    return sum(s >= observed - 1e-12 for s in sums) / len(sums)


def test_by_hand() -> None:
    # Sums of +-1 +-2: 3, -1, 1, -3; two of four are as far out as 3. Of 1 - 2 = -1 all four are.
    assert sign_flip(np.array([1.0, 2.0])).p == 0.5
    assert sign_flip(np.array([1.0, -2.0])).p == 1.0
    # Nine of ten discordant pairs on one side: 2 (1 + 10) / 1024
    found = sign_flip(np.array([1.0] * 9 + [-1.0]))
    assert (found.p, found.name) == (pytest.approx(22 / 1024), EXACT)


def test_clusters_that_add_nothing_change_nothing() -> None:
    values = np.array([1.0, 2.0, 3.0, -1.0])
    assert sign_flip(np.append(values, np.zeros(7))).p == sign_flip(values).p
    assert sign_flip(np.zeros(4)).p == sign_flip(np.array([])).p == 1.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9), st.sampled_from([1.0, 1 / 3, 0.007]))
def test_exact_on_a_lattice_is_enumeration(steps: list[int], unit: float) -> None:
    values = [unit * step for step in steps]
    assert sign_flip(np.array(values)).p == pytest.approx(slow_p(values))


def test_without_a_lattice_it_enumerates_then_draws() -> None:
    values = np.random.default_rng(5).normal(0.5, 1, 9)
    found = sign_flip(values)
    assert (found.p, found.name) == (pytest.approx(slow_p(values.tolist())), EXACT)
    many = np.random.default_rng(6).normal(0.25, 1, 40)
    drawn = sign_flip(many, seed=1)
    oracle = stats.permutation_test(
        (many, np.zeros(40)),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        rng=np.random.default_rng(0),
    ).pvalue
    assert drawn.name == DRAWN
    assert drawn.p == pytest.approx(oracle, abs=0.02)
    assert drawn == sign_flip(many, seed=1)
    assert drawn.p >= 1 / 10_000


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (6, 0), (9, 1), (13, 8), (40, 61)])
def test_mcnemar_is_statsmodels_and_the_sign_flip(gained: int, lost: int) -> None:
    found = mcnemar(gained, lost).p
    if gained + lost:
        assert found == pytest.approx(peer([[5, gained], [lost, 7]], exact=True).pvalue)
    changes = np.array([1.0] * gained + [-1.0] * lost + [0.0] * 20)
    assert found == pytest.approx(sign_flip(changes / len(changes)).p)
