"""Seeded sampling against a plain-Python generator, transformers' own warpers, and statistics."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from suite.models.transformers.sampling import GOLDEN, SeededSampler, gumbel, uniform

MASK = (1 << 64) - 1


def splitmix(word: int) -> int:
    """SplitMix64's finaliser in unbounded integers, written apart from the tested code."""
    word &= MASK
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


@given(st.integers(0, 2**63 - 1), st.integers(0, 10_000))
def test_noise_equals_the_plain_python_definition(seed: int, step: int) -> None:
    got = uniform(torch.tensor([seed]), step, 3)[0].tolist()
    assert uniform(torch.tensor([seed]), torch.tensor([step]), 3)[0].tolist() == got
    row = splitmix(seed + (step + 1) * GOLDEN)
    want = [((splitmix(row + (j + 1) * GOLDEN) >> 40) + 0.5) / 2**24 for j in range(3)]
    assert got == pytest.approx(want, abs=1e-7)


def test_splitmix_reference_value() -> None:
    # First output of the published SplitMix64 generator seeded with 0.
    assert splitmix(GOLDEN) == 0xE220A8397B1DCDAF


def sampler(rows: int, seeds: list[int], **settings: float) -> SeededSampler:
    values = {"temperature": 1.0, "top_k": 0, "top_p": 1.0} | settings
    return SeededSampler(
        [values["temperature"]] * rows,
        [int(values["top_k"])] * rows,
        [values["top_p"]] * rows,
        seeds,
    )


def test_frequencies_follow_the_softmax() -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, 0.5])
    rows = 20_000
    chosen = sampler(rows, list(range(rows)), temperature=0.7)(logits.repeat(rows, 1), 0).argmax(-1)
    expected = (logits.double() / 0.7).softmax(-1) * rows
    counts = torch.bincount(chosen, minlength=5)
    assert stats.chisquare(counts.numpy(), expected.numpy()).pvalue > 1e-3
    first, second = gumbel(torch.arange(5000), 0, 1)[:, 0], gumbel(torch.arange(5000), 1, 1)[:, 0]
    assert abs(stats.pearsonr(first.numpy(), second.numpy()).statistic) < 0.05


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-8, 8, width=32), min_size=2, max_size=30),
    st.floats(0.2, 2.0),
    st.integers(0, 30),
    st.floats(0.05, 1.0),
)
def test_the_same_tokens_stay_as_in_transformers(
    logits: list[float], temperature: float, top_k: int, top_p: float
) -> None:
    scores = torch.tensor([logits])
    want = TemperatureLogitsWarper(temperature)(None, scores)
    if top_k:
        want = TopKLogitsWarper(top_k)(None, want)
    if top_p < 1:
        want = TopPLogitsWarper(top_p)(None, want)
    got = sampler(1, [0], temperature=temperature, top_k=top_k, top_p=top_p)(scores, 0)
    differ = torch.isfinite(want) != torch.isfinite(got)
    if differ.any():
        # Equal only up to rounding: the cumulative share must sit on the threshold, or scores tie.
        share = (scores / temperature).softmax(-1).sort(descending=True).values.cumsum(-1)
        near = (share - top_p).abs().min() < 1e-5
        assert bool(near) or len(set(logits)) < len(logits)


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    torch.manual_seed(0)
    logits = torch.randn(6, 40)
    seeds = [10, 20, 30, 40, 50, 60]
    together = SeededSampler([0.7] * 6, [0, 5, 0, 7, 0, 9], [0.8, 1, 0.9, 1, 0.5, 0.7], seeds)
    full = together(logits, 3)
    alone = SeededSampler([0.7], [7], [1], [40])(logits[3:4], 3)
    assert torch.equal(alone[0], full[3])
    together.select(torch.tensor([5, 2]))
    assert torch.equal(together(logits[[5, 2]], torch.tensor([3])), full[[5, 2]])


def test_greedy_rows_pass_unchanged_beside_sampled_ones() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0]] * 2)
    scores = SeededSampler([0.0, 1.0], [0, 0], [1.0, 1.0], [1, 2])(logits, 0)
    assert torch.equal(scores[0], logits[0])
    assert not torch.equal(scores[1], logits[1])
    assert torch.equal(SeededSampler([0.0], [0], [0.1], [1])(logits[:1], 0), logits[:1])


def test_steps_draw_anew_and_forbidden_tokens_stay_forbidden() -> None:
    rule = sampler(1, [5], top_p=0.9)
    logits = torch.tensor([[0.0, -math.inf, 0.0, 0.0]])
    draws = [rule(logits, n) for n in range(36)]
    assert len({int(d.argmax()) for d in draws}) > 1
    assert all(math.isinf(float(d[0, 1])) for d in draws)


# Seeds and tokens whose words are the largest and the smallest there are, found by search.
LARGEST, SMALLEST = (135_000, 16), (23_007, 826)


@pytest.mark.parametrize(
    ("seed", "token", "word", "number"),
    [(*LARGEST, 2**24 - 1, 1 - 2.0**-24), (*SMALLEST, 0, 2.0**-25)],
)
def test_the_ends_of_the_noise_are_finite_and_exact(
    seed: int, token: int, word: int, number: float
) -> None:
    assert splitmix(splitmix(seed + GOLDEN) + (token + 1) * GOLDEN) >> 40 == word
    assert float(uniform(torch.tensor([seed]), 0, token + 1)[0, token]) == number
    noise = float(gumbel(torch.tensor([seed]), 0, token + 1)[0, token])
    assert noise == pytest.approx(-math.log(-math.log1p(-number)), rel=1e-6)


def test_large_noise_is_not_rounded() -> None:
    # Out of 4 million the largest hundred lie in the outermost 2.5e-5: float32 near 1 would keep
    # them in steps of 6e-8, a quarter of a percent of that.
    numbers = torch.cat([uniform(torch.tensor([seed]), 0, 1_000_000)[0] for seed in range(4)])
    noise = torch.cat([gumbel(torch.tensor([seed]), 0, 1_000_000)[0] for seed in range(4)])
    last = noise.argsort(descending=True)[:100]
    want = -torch.log(-torch.log1p(-numbers[last].double()))
    torch.testing.assert_close(noise[last].double(), want, rtol=1e-6, atol=0)


def test_the_largest_words_choose_no_forbidden_token() -> None:
    for seed, token in (LARGEST, SMALLEST):
        logits = torch.full((1, token + 1), -math.inf)
        logits[0, 3], logits[0, 7] = 30.0, 29.0
        for top_p in (1.0, 0.9):
            scores = sampler(1, [seed], top_p=top_p)(logits, 0)
            assert not bool(scores.isnan().any())
            assert int(scores.argmax()) in (3, 7)
