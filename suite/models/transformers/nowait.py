"""NoWait: tokens that carry self-reflection are never sampled (arXiv:2511.17487).

In: any tokenizer. Out: the ids of every vocabulary token that contains one of WORDS as a word of
its own, and a rule that takes them out of the scores of the rows that ask for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch

from suite.models.transformers.rows import PerRow

WORDS = (
    "wait", "alternatively", "hmm", "but", "however", "alternative", "another", "check",
    "double-check", "oh", "maybe", "verify", "other", "again", "now", "ah", "anyway", "anyhow",
)  # fmt: skip

_LETTER = r"[^\W\d_]"
_PATTERN = re.compile(rf"(?<!{_LETTER})(?:{'|'.join(WORDS)})(?!{_LETTER})", re.IGNORECASE)
_SPACES = str.maketrans({"Ġ": " ", "Ċ": "\n", "▁": " "})
"""How byte-level and SentencePiece vocabularies write a space and a line break."""


def carries(token: str) -> bool:
    """Whether a vocabulary entry holds one of WORDS with no letter next to it.

    `Wait`, ` wait` and `.wait` do; `waiter`, ` waited` and `rebut` merely contain one.
    """
    return (
        _PATTERN.search(token.translate(_SPACES).removesuffix("</w>").removeprefix("##"))
        is not None
    )


def nowait_ids(tokenizer: Any) -> tuple[int, ...]:
    """Sorted ids of the tokens that `carries` names, less the tokenizer's special ones.

    A `##` piece continues a word, so it is no word of its own and stays.
    """
    special = set(tokenizer.all_special_ids)
    return tuple(
        sorted(
            number
            for token, number in tokenizer.get_vocab().items()
            if number not in special and not token.startswith("##") and carries(token)
        )
    )


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
