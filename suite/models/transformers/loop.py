"""The decoding loop: prefill once, then one token per row and step, dropping rows that have ended.

In: a transformers model, its processed inputs (left-padded) and the row rules of the batch.
Out: each row's new token ids. The model's own `generate` prepares inputs, positions and masks and
then hands over to this loop (its `custom_generate` hook), so that every architecture it knows works
here; what differs is that ended rows leave the batch and that the cache does not copy itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from transformers import GenerationConfig, GenerationMixin

from suite.models.transformers.kv_cache import can_select, growing_cache
from suite.models.transformers.thinking import AnswerLimit

DROP_BELOW = 0.8
"""Ended rows leave once the live ones are fewer than this share: each drop copies the cache."""


@dataclass(frozen=True)
class GeneratedRow:
    """What one row generated."""

    ids: Sequence[int] = ()
    """New token ids, the ending token included where one came."""
    cut: bool = False
    """Whether the end of its thinking was forced."""
    finite: bool = True
    """Whether the model gave numbers to choose its last token by."""


class RowProcessor(Protocol):
    """A logits processor that keeps one state per row."""

    def select(self, rows: torch.Tensor) -> None:
        """Keeps the rows at these indices, in this order."""
        ...

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores of the next token, shape (rows, vocabulary)."""
        ...


@dataclass
class Rules:
    """What holds for the rows of one batch. Holds state: make one per batch."""

    end_ids: Sequence[int]
    """Tokens that end a row."""
    limit: AnswerLimit
    """When a row has used up its tokens; its thinking budget is the last processor."""
    total: int
    """Most tokens that any row may generate."""
    processors: Sequence[RowProcessor] = field(default_factory=tuple)
    """Applied to the logits in order, before the thinking budget. The argmax of what all of them
    leave is the next token."""

    _end: torch.Tensor | None = field(default=None, init=False, repr=False)

    def scores(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Logits of the next token, shape (rows, vocabulary), after every processor."""
        for processor in (*self.processors, self.limit.budget):
            scores = processor(input_ids, scores)
        return scores

    def ended(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Which rows end with their newest token, shape (rows,), bool."""
        if self._end is None:
            self._end = torch.tensor(list(self.end_ids), dtype=torch.long, device=input_ids.device)
        return torch.isin(input_ids[:, -1], self._end) | self.limit(input_ids)

    def select(self, rows: torch.Tensor) -> None:
        """Keeps the rows at these indices in every rule."""
        for rule in (*self.processors, self.limit.budget, self.limit):
            rule.select(rows)


_NEWEST = (
    "cache"
    if "cache" in inspect.signature(GenerationMixin.prepare_inputs_for_generation).parameters
    else "past_key_values"
)
"""For a forward that names no cache but passes on what it is given."""


def cache_argument(model: Any) -> str:
    """The name under which a model takes its cache and returns it.

    `cache` since transformers 5.24; before, `cache_params` for models of states alone (Mamba) and
    `past_key_values` for all others, and for code that comes with a checkpoint still. By another
    name a cache is lost without a word.
    """
    takes = inspect.signature(model.forward).parameters
    named = [name for name in ("cache", "cache_params", "past_key_values") if name in takes]
    return named[0] if named else _NEWEST


def decode(model: Any, inputs: Mapping[str, Any], rules: Rules, pad_id: int) -> list[GeneratedRow]:
    """What every row generated, in the order of the inputs.

    inputs: what the model's tokenizer or processor returned, on the model's device: `input_ids` and
    `attention_mask` of shape (rows, tokens), padded on the left, and any image tensors.
    """
    if rules.total < 1:
        return [GeneratedRow() for _ in range(inputs["input_ids"].shape[0])]
    settings = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False,
        num_beams=1,
        max_new_tokens=rules.total,
        eos_token_id=list(rules.end_ids),
        pad_token_id=pad_id,
        use_cache=True,
    )
    found: list[GeneratedRow] = []

    def run(model: Any, input_ids: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        for unused in ("logits_processor", "stopping_criteria", "generation_config"):
            kwargs.pop(unused, None)
        found.extend(_loop(model, input_ids, rules, kwargs))
        return input_ids

    with torch.inference_mode():
        model.generate(
            **inputs,
            generation_config=settings,
            custom_generate=run,
            **{cache_argument(model): growing_cache(model.config)},
        )
    return found


@dataclass
class _Batch:
    """The live part of a batch."""

    rows: torch.Tensor
    """Index of each live row in the input, shape (live,)."""
    ids: torch.Tensor
    """Prompt and new tokens with room ahead, shape (live, room)."""
    mask: torch.Tensor | None
    """Attention mask over the same columns; None where no row is padded."""
    position: torch.Tensor | None
    """Position of each row's newest token, shape (..., live, 1); None where the model counts."""
    length: int
    """Columns in use."""
    cache: Any
    argument: str
    """The name under which the model takes the cache."""

    def select(self, keep: torch.Tensor) -> None:
        self.rows, self.ids = self.rows[keep], self.ids[keep]
        if self.mask is not None:
            self.mask = self.mask[keep]
        if self.position is not None:
            self.position = self.position.index_select(-2, keep)
        self.cache.batch_select_indices(keep)

    def append(self, tokens: torch.Tensor, ended: torch.Tensor) -> None:
        """Adds each row's next token. An ended row that has not left yet stays at its position: it
        may have reached the last one that the model knows."""
        if self.length == self.ids.shape[1]:
            room = max(64, self.length // 4)
            self.ids = torch.nn.functional.pad(self.ids, (0, room))
            if self.mask is not None:
                self.mask = torch.nn.functional.pad(self.mask, (0, room), value=1)
        self.ids[:, self.length] = tokens
        self.length += 1
        if self.position is not None:
            self.position = self.position + (~ended)[:, None]

    def inputs(self) -> dict[str, Any]:
        """Gives the keyword arguments of the next forward call."""
        inputs: dict[str, Any] = {"input_ids": self.ids[:, self.length - 1 : self.length]}
        if self.mask is not None:
            inputs["attention_mask"] = self.mask[:, : self.length]
        if self.position is not None:
            inputs["position_ids"] = self.position
        return inputs | {self.argument: self.cache, "use_cache": True}


def _loop(
    model: Any, input_ids: torch.Tensor, rules: Rules, kwargs: dict[str, Any]
) -> list[GeneratedRow]:
    prompt = input_ids.shape[1]
    # Masks and positions are read before the prefill: a model may change the mapping it is given.
    mask, position = kwargs.get("attention_mask"), kwargs.get("position_ids")
    prepared = model.prepare_inputs_for_generation(input_ids, is_first_iteration=True, **kwargs)
    outputs = model(**prepared, return_dict=True)
    count = input_ids.shape[0]
    argument = cache_argument(model)
    batch = _Batch(
        rows=torch.arange(count, device=input_ids.device),
        ids=input_ids,
        mask=mask,
        position=None if position is None else position[..., -1:],
        length=prompt,
        cache=getattr(outputs, argument),
        argument=argument,
    )
    del kwargs, prepared  # the image tensors are not needed again
    ended = torch.zeros(count, dtype=torch.bool, device=input_ids.device)
    selectable = can_select(batch.cache)
    found = [GeneratedRow() for _ in range(count)]
    while True:
        logits = outputs.logits[:, -1].float()
        # A row's largest is no number where one is NaN or +inf, or all are -inf: tokens that a
        # model rules out are -inf. The rules, which add such ones, come after. All are alike where
        # weights are zeros, as a download that stopped may leave them.
        largest = logits.amax(-1)
        finite = (largest.abs() < float("inf")) & (logits.amin(-1) < largest)
        scores = rules.scores(batch.ids[:, : batch.length], logits)
        batch.append(scores.argmax(-1), ended)
        over = rules.ended(batch.ids[:, : batch.length]) | ~finite
        fresh = over & ~ended
        if bool(fresh.any()):
            _collect(batch, fresh, rules.limit.budget.cut, finite, prompt, found)
            ended |= over
            live = int((~ended).sum())
            if live == 0:
                return found
            if selectable and live < DROP_BELOW * len(ended):
                keep = (~ended).nonzero()[:, 0]
                batch.select(keep)
                rules.select(keep)
                ended = ended[keep]
        outputs = model(**batch.inputs(), return_dict=True)


def _collect(
    batch: _Batch,
    fresh: torch.Tensor,
    cut: torch.Tensor,
    finite: torch.Tensor,
    prompt: int,
    found: list[GeneratedRow],
) -> None:
    """Copies the new tokens of the rows that have just ended to their place in the result."""
    ids = batch.ids[fresh, prompt : batch.length].tolist()
    marks = (mark[fresh].tolist() for mark in (batch.rows, cut, finite))
    for tokens, row, was_cut, was_finite in zip(ids, *marks, strict=True):
        found[row] = GeneratedRow(tokens, was_cut, was_finite)
