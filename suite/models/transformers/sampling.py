"""Seeded sampling: temperature, top-k, top-p, then Gumbel-max noise of each row's own seed.

In: logits of shape (rows, vocabulary). Out: scores of the same shape whose argmax is the sample.
Noise is a pure function of (seed, step, token id), so a row's sample does not depend on the other
rows, on their number or on the order in which batches run. Use it with greedy decoding.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch

from suite.models.transformers.rows import PerRow

GOLDEN = 0x9E3779B97F4A7C15
MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""Constants of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
BELOW_ONE = 1.0 - 2.0**-24
"""The largest float32 below 1."""


def _signed(value: int) -> int:
    """A 64-bit word as torch stores it."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def _shift(words: torch.Tensor, bits: int) -> torch.Tensor:
    """Logical right shift; torch's own keeps the sign."""
    return (words >> bits) & ((1 << (64 - bits)) - 1)


def mix(words: torch.Tensor) -> torch.Tensor:
    """Gives SplitMix64's finaliser on int64 words of any shape: close inputs give unrelated
    outputs."""
    words = (words ^ _shift(words, 30)) * _signed(MULTIPLIERS[0])
    words = (words ^ _shift(words, 27)) * _signed(MULTIPLIERS[1])
    return words ^ _shift(words, 31)


def uniform(seeds: torch.Tensor, step: torch.Tensor | int, size: int) -> torch.Tensor:
    """Gives numbers in (0, 1), shape (rows, size), float32, from int64 `seeds` of shape (rows,).

    step: a number, or an int64 tensor of one, so that a recorded step can count it.

    The value at (row, j) depends on that row's seed, `step` and j alone; 24 bits, never 0 or 1.
    """
    count = torch.as_tensor(step, dtype=torch.long, device=seeds.device) + 1
    rows = mix(seeds + count * _signed(GOLDEN))  # int64 wraps, as the definition wants
    columns = torch.arange(1, size + 1, device=seeds.device) * _signed(GOLDEN)
    words = mix(rows[:, None] + columns[None, :])
    numbers = (_shift(words, 40).to(torch.float32) + 0.5) * 2.0**-24
    return numbers.clamp_(max=BELOW_ONE)  # 2^24 - 0.5 is no float32: the largest word rounds to 1


def gumbel(seeds: torch.Tensor, step: torch.Tensor | int, size: int) -> torch.Tensor:
    """Gives standard Gumbel noise, shape (rows, size): argmax(logits + noise) samples
    softmax(logits) (Maddison, Tarlow and Minka, NeurIPS 2014).

    Large noise comes of small numbers, which float32 holds exactly: from 1 - u, near 1, it would be
    rounded where it decides, and infinite at 1.
    """
    return -torch.log(-torch.log1p(-uniform(seeds, step, size)))


class SeededSampler(PerRow):
    """Turns logits into scores whose argmax is a sample, row by row.

    Every argument holds one value per row. A row whose temperature is 0 passes unchanged, so that
    greedy and sampled rows may share a batch. The order temperature, top-k, top-p is that of
    `model.generate`.
    """

    per_row = ("temperature", "top_k", "top_p", "seeds")

    def __init__(
        self,
        temperature: Sequence[float],
        top_k: Sequence[int],
        top_p: Sequence[float],
        seeds: Sequence[int],
        device: torch.device | str = "cpu",
    ) -> None:
        self.temperature = torch.tensor(temperature, dtype=torch.float32, device=device)
        self.top_k = torch.tensor(top_k, dtype=torch.long, device=device)
        self.top_p = torch.tensor(top_p, dtype=torch.float32, device=device)
        self.seeds = torch.tensor([_signed(seed) for seed in seeds], device=device)
        # What no row asks for is left out of every step.
        self.any_sampled = any(value > 0 for value in temperature)
        self.all_sampled = all(value > 0 for value in temperature)
        self.any_top_k = any(value > 0 for value in top_k)
        self.any_top_p = any(value < 1 for value in top_p)

    @property
    def kind(self) -> Hashable:
        """See PerRow."""
        flags = self.any_sampled, self.all_sampled, self.any_top_k, self.any_top_p
        return type(self).__name__, flags

    def __call__(self, scores: torch.Tensor, step: torch.Tensor | int) -> torch.Tensor:
        """`scores` are (rows, vocabulary); `step` counts the tokens that each row has."""
        if not self.any_sampled:
            return scores
        sampled = self.temperature > 0
        warm = scores.float() / torch.where(sampled, self.temperature, 1.0)[:, None]
        if self.any_top_k or self.any_top_p:
            warm = warm.masked_fill(~self._kept(warm), float("-inf"))
        drawn = warm + gumbel(self.seeds, step, scores.shape[1])
        return drawn if self.all_sampled else torch.where(sampled[:, None], drawn, scores)

    def _kept(self, scores: torch.Tensor) -> torch.Tensor:
        """Which tokens top-k and top-p keep, shape of `scores`. The likeliest always stays."""
        ordered, order = scores.sort(dim=-1, descending=True, stable=True)
        rank = torch.arange(scores.shape[1], device=scores.device)[None, :]
        keep = torch.ones_like(ordered, dtype=torch.bool)
        if self.any_top_k:
            keep &= (rank < self.top_k[:, None]) | (self.top_k[:, None] <= 0)
            # Ties with the last kept score stay too, as in model.generate.
            last = ordered.masked_fill(~keep, float("inf")).amin(-1, keepdim=True)
            keep |= ordered >= last
            ordered = ordered.masked_fill(~keep, float("-inf"))
        if self.any_top_p:
            share = ordered.softmax(-1)
            before = share.cumsum(-1) - share
            keep &= (before < self.top_p[:, None]) | (self.top_p[:, None] >= 1) | (rank == 0)
        return torch.zeros_like(keep).scatter(-1, order, keep)
