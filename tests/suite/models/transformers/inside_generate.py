"""The rules of a batch inside the library's own `generate`, as the peer of our loop.

In: Rules. Out: a logits processor whose argmax is the token that they choose, and a stop rule.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import LogitsProcessor

from suite.models.transformers.loop import Rules


class InsideGenerate(LogitsProcessor):
    """One instance serves one call of `generate`."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.prompt: int | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores with only the chosen token left."""
        if self.prompt is None:
            self.prompt = input_ids.shape[1]
        step = torch.tensor([input_ids.shape[1] - self.prompt])
        tokens = self.rules.next(scores.float(), step)
        return torch.full_like(scores, float("-inf")).scatter(1, tokens[:, None], 0.0)

    def ended(self, input_ids: torch.Tensor, scores: Any = None, **_: Any) -> torch.Tensor:
        """Which rows have ended."""
        assert self.prompt is not None
        return self.rules.ended(input_ids[:, -1], torch.tensor([input_ids.shape[1] - self.prompt]))
