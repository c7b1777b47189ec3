"""Tensors with one entry per row of a batch, changed in place.

Rows leave a batch, and a step that a GPU has recorded reads and writes the same memory each time:
whoever keeps state per row names it here once.
"""

from __future__ import annotations

import copy
from collections.abc import Hashable
from typing import Self

import torch


class PerRow:
    """Holds tensors whose first dimension is the row. A step may only change them in place, and
    may not wait for a device: nothing in it may depend on a tensor's value as a Python number."""

    per_row: tuple[str, ...] = ()
    """Names of the attributes with one entry per row."""
    shared: tuple[str, ...] = ()
    """Names of the others that a step changes."""

    @property
    def kind(self) -> Hashable:
        """What a step does differently without a look at a tensor: equal where `take` is allowed
        and one recorded step serves both."""
        return type(self).__name__

    def select(self, rows: torch.Tensor) -> None:
        """Keeps the rows at these indices, in this order."""
        for name in self.per_row:
            setattr(self, name, getattr(self, name)[rows])

    def clone(self) -> Self:
        """Gives a copy with tensors of its own."""
        other = copy.copy(self)
        for name in (*self.per_row, *self.shared):
            setattr(other, name, getattr(self, name).clone())
        return other

    def take(self, other: Self) -> None:
        """Copies the values of another of the same kind and shape into the tensors of this one."""
        for name in (*self.per_row, *self.shared):
            getattr(self, name).copy_(getattr(other, name))


def among(tokens: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Says which tokens are one of few `ids`, in the shape of `tokens`; unlike `torch.isin` it
    never waits for the device."""
    return (tokens[..., None] == ids).any(-1)
