"""NoWait's rule of decoding: tokens that carry self-reflection are never sampled.

In: their ids (`suite.models.nowait`). Out: a rule that takes them out of the scores of the rows
that ask for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from suite.models.transformers.rows import PerRow


class NoWait(PerRow):
    """Sets the scores of `ids` to minus infinity in the rows where `active` is true."""

    per_row = ("active",)

    def __init__(
        self, ids: Sequence[int], active: Sequence[bool], device: torch.device | str = "cpu"
    ) -> None:
        self.ids = torch.tensor(ids, dtype=torch.long, device=device)
        self.active = torch.tensor(active, dtype=torch.bool, device=device)
        self.banned: torch.Tensor | None = None

    def __call__(self, scores: torch.Tensor, step: torch.Tensor | int) -> torch.Tensor:
        """`scores` of shape (rows, vocabulary), alike at every step."""
        if self.banned is None:
            # A model may score more ids than its tokenizer knows.
            self.banned = torch.zeros(scores.shape[1], dtype=torch.bool, device=scores.device)
            self.banned[self.ids] = True
        return scores.masked_fill(self.active[:, None] & self.banned[None, :], float("-inf"))
