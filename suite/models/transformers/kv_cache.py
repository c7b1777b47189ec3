"""Key/value caches: one that grows without copying itself at every step, and one that stays.

In: a model's configuration, or tensors. Out: a transformers DynamicCache whose plain layers write
into a buffer with room ahead, or at the column that a tensor names. DynamicCache concatenates,
which reads and writes the whole cache per token: on a CPU that was two thirds of the time of a
large batch.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache, cache_utils
from transformers.cache_utils import DynamicLayer

ROOM = 64
"""Tokens of room made at least each time a buffer is full."""


class BufferedLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """A DynamicLayer whose `keys` and `values` are views of a larger buffer.

    Shapes as there: (rows, heads, tokens, head size). Only growth and row selection copy.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)  # type: ignore[no-untyped-call]
        self.buffers: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Appends the new tokens' states and returns views of all so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        past = self.get_seq_length()
        length = past + key_states.shape[-2]
        if self.buffers is None or length > self.buffers[0].shape[-2]:
            self._grow(key_states, value_states, past, length)
        assert self.buffers is not None
        for buffer, new in zip(self.buffers, (key_states, value_states), strict=True):
            buffer[:, :, past:length] = new
        self.keys, self.values = (buffer[:, :, :length] for buffer in self.buffers)
        return self.keys, self.values

    def _grow(self, keys: torch.Tensor, values: torch.Tensor, past: int, length: int) -> None:
        room = length + max(ROOM, length // 4)
        grown = []
        for new, old in ((keys, self.keys), (values, self.values)):
            buffer = new.new_empty((*new.shape[:2], room, new.shape[-1]))
            if old is not None and past:
                buffer[:, :, :past] = old
            grown.append(buffer)
        self.buffers = (grown[0], grown[1])

    def reset(self) -> None:
        """Empties the layer, as the parent does only since transformers 5.24."""
        self.buffers = self.keys = self.values = None
        self.is_initialized = False
        super().reset()

    def crop(self, tokens_to_remove: int) -> None:
        """Drops the last tokens; the next update makes a new buffer."""
        super().crop(tokens_to_remove)
        self.buffers = None

    def reorder_cache(self, beam_idx: torch.Tensor) -> None:
        """Reorders the rows."""
        super().reorder_cache(beam_idx)  # type: ignore[arg-type, unused-ignore]
        self.buffers = None

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeats every row."""
        super().batch_repeat_interleave(repeats)
        self.buffers = None

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keeps the rows at these indices."""
        if self.buffers is None:
            super().batch_select_indices(indices)
            return
        length, indices = self.get_seq_length(), indices.to(self.buffers[0].device)
        self.buffers = (self.buffers[0][indices], self.buffers[1][indices])
        self.keys, self.values = (buffer[:, :, :length] for buffer in self.buffers)


class FixedLayer(DynamicLayer):
    """A layer over tensors whose addresses stay, for steps of one token a row.

    keys, values: shape (rows, heads, columns, head size). column: index of the next token's column,
    shape (1,), which the owner moves on. All columns are returned: a mask hides the others.
    """

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, column: torch.Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lazy_initialization(keys, values)
        self.keys, self.values, self.column = keys, values, column

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes the new tokens' states in place."""
        assert self.keys is not None
        assert self.values is not None
        self.keys.index_copy_(2, self.column, key_states)
        self.values.index_copy_(2, self.column, value_states)
        return self.keys, self.values


def growing_cache(config: Any) -> DynamicCache:
    """Gives an empty cache for a model with this configuration.

    Layers that are more than plain attention (sliding windows, recurrent states) keep their own
    class from transformers, and so do those of cross attention, which do not grow.
    """
    text = config.get_text_config(decoder=True)
    cache = DynamicCache(config=text)
    across = getattr(text, "cross_attention_layers", ())
    cache.layers = [
        BufferedLayer() if type(layer) is DynamicLayer and index not in across else layer
        for index, layer in enumerate(cache.layers)
    ]
    return cache


_BY_ROW = (
    *("DynamicLayer", "DynamicSlidingWindowLayer", "DynamicIndexedLayer", "DummyLayer"),
    *("LinearAttentionLayer", "LinearAttentionAndFullAttentionLayer"),
    "LinearAttentionAndSlidingWindowAttentionLayer",
)
"""Kinds of layers of which it is known that all their states are by row; a version of transformers
may lack some. A DummyLayer, which shares another's keys and values, has none."""


def can_select(cache: Any) -> bool:
    """Whether rows can be dropped: every layer is of a kind whose states are all by row."""
    kinds = {getattr(cache_utils, name, BufferedLayer) for name in _BY_ROW} | {BufferedLayer}
    return all(type(layer) in kinds for layer in cache.layers)


def keep_rows(cache: Any, rows: torch.Tensor) -> None:
    """Keeps the rows at these indices in every layer.

    The library's method to select rows knows nothing of recurrent states, nor of a layer on another
    card than the rows; that to reorder them does, and takes fewer.
    """
    for layer in cache.layers:
        if isinstance(layer, BufferedLayer):
            layer.batch_select_indices(rows)
        else:
            layer.reorder_cache(rows)


def plain_layers(cache: Any) -> bool:
    """Whether every layer holds the keys and values of all tokens and nothing else: no window, no
    state and no images."""
    return all(type(layer) is BufferedLayer and layer.buffers is not None for layer in cache.layers)
