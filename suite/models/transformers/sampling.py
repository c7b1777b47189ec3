"""Seeded sampling: temperature, top-k, top-p, then Gumbel-max noise of each row's own seed.

In: logits of shape (rows, vocabulary). Out: scores of the same shape whose argmax is the sample.
Noise is a pure function of (seed, step, token id), so a row's sample does not depend on the other
rows, on their number or on the order in which batches run. Use it with greedy decoding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import LogitsProcessor

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


def uniform(seeds: torch.Tensor, step: int, size: int) -> torch.Tensor:
    """Gives numbers in (0, 1), shape (rows, size), float32, from int64 `seeds` of shape (rows,).

    The value at (row, j) depends on that row's seed, `step` and j alone; 24 bits, never 0 or 1.
    """
    rows = mix(seeds + _signed((step + 1) * GOLDEN))
    columns = torch.arange(1, size + 1, device=seeds.device) * _signed(GOLDEN)
    words = mix(rows[:, None] + columns[None, :])
    numbers = (_shift(words, 40).to(torch.float32) + 0.5) * 2.0**-24
    return numbers.clamp_(max=BELOW_ONE)  # 2^24 - 0.5 is no float32: the largest word rounds to 1


def gumbel(seeds: torch.Tensor, step: int, size: int) -> torch.Tensor:
    """Gives standard Gumbel noise, shape (rows, size): argmax(logits + noise) samples
    softmax(logits) (Maddison, Tarlow and Minka, NeurIPS 2014).

    Large noise comes of small numbers, which float32 holds exactly: from 1 - u, near 1, it would be
    rounded where it decides, and infinite at 1.
    """
    return -torch.log(-torch.log1p(-uniform(seeds, step, size)))


class SeededSampler(LogitsProcessor):
    """Turns logits into scores whose argmax is a sample, row by row.

    Every argument holds one value per row. A row whose temperature is 0 passes unchanged, so that
    greedy and sampled rows may share a batch. The order temperature, top-k, top-p is that of
    `model.generate`.
    """

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
        self.prompt_length: int | None = None
        self._flags()

    def _flags(self) -> None:
        """Facts about the rows that spare work at each step (and, on a GPU, a synchronisation)."""
        self.sampled = self.temperature > 0
        self.any_sampled = bool(self.sampled.any())
        self.all_sampled = bool(self.sampled.all())
        self.any_top_k = bool((self.top_k > 0).any())
        self.any_top_p = bool((self.top_p < 1).any())

    def select(self, rows: torch.Tensor) -> None:
        """Keeps the rows at these indices, in this order."""
        self.temperature, self.top_k = self.temperature[rows], self.top_k[rows]
        self.top_p, self.seeds = self.top_p[rows], self.seeds[rows]
        self._flags()

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """`input_ids` (rows, tokens so far) count the step; `scores` are (rows, vocabulary)."""
        if self.prompt_length is None:
            self.prompt_length = input_ids.shape[1]
        if not self.any_sampled:
            return scores
        warm = scores.float() / torch.where(self.sampled, self.temperature, 1.0)[:, None]
        if self.any_top_k or self.any_top_p:
            warm = warm.masked_fill(~self._kept(warm), float("-inf"))
        noise = gumbel(self.seeds, input_ids.shape[1] - self.prompt_length, scores.shape[1])
        sampled = warm + noise
        return sampled if self.all_sampled else torch.where(self.sampled[:, None], sampled, scores)

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
