"""The decoding loop: prefill once, then one token per row and step, dropping rows that have ended.

In: a transformers model, its processed inputs (left-padded) and the row rules of the batch.
Out: each row's new token ids. The model's own `generate` prepares inputs, positions and masks and
then hands over to this loop (its `custom_generate` hook), so that every architecture it knows works
here; what differs is that ended rows leave the batch and that the cache does not copy itself.
Where `FixedSteps` are given, they take the steps after the prefill as far as they can.
"""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import torch
from transformers import GenerationConfig, GenerationMixin

from suite.models.transformers.kv_cache import can_select, growing_cache, keep_rows
from suite.models.transformers.rows import PerRow, among
from suite.models.transformers.thinking import AnswerLimit

LOOKS = "cross_attention_mask"
"""Name under which Llama 3.2 Vision takes what each token sees of the images."""
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
    """A `PerRow` that changes scores."""

    @property
    def kind(self) -> Hashable:
        """See PerRow."""
        ...

    def select(self, rows: torch.Tensor) -> None:
        """See PerRow."""
        ...

    def clone(self) -> Self:
        """See PerRow."""
        ...

    def take(self, other: Self) -> None:
        """See PerRow."""
        ...

    def __call__(self, scores: torch.Tensor, step: torch.Tensor | int) -> torch.Tensor:
        """Scores of the next token, shape (rows, vocabulary); `step` tokens stand before it."""
        ...


@dataclass
class Rules:
    """What holds for the rows of one batch. Holds state: make one per batch."""

    end_ids: Sequence[int]
    """Tokens that end a row."""
    limit: AnswerLimit
    """When a row has used up its tokens; its thinking budget has the last word on each of them."""
    total: int
    """Most tokens that any row may generate."""
    processors: Sequence[RowProcessor] = field(default_factory=tuple)
    """Applied to the logits in order. The argmax of what all of them leave is the next token."""

    _end: torch.Tensor | None = field(default=None, init=False, repr=False)

    @property
    def kind(self) -> Hashable:
        """See PerRow."""
        return *(rule.kind for rule in self.processors), self.limit.kind

    def next(self, logits: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        """The next token of each row, shape (rows,), from logits of shape (rows, vocabulary)."""
        scores = logits
        for processor in self.processors:
            scores = processor(scores, step)
        return self.limit.budget.force(scores.argmax(-1), step)

    def ended(self, tokens: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        """Which rows end with these tokens, the last of `step`, shape (rows,), bool."""
        if self._end is None:
            self._end = torch.tensor(list(self.end_ids), dtype=torch.long, device=tokens.device)
        self.limit.budget.observe(tokens, step)
        return among(tokens, self._end) | self.limit.ended(step)

    def select(self, rows: torch.Tensor) -> None:
        """Keeps the rows at these indices in every rule."""
        for rule in self.processors:
            rule.select(rows)
        self.limit.select(rows)

    def clone(self) -> Rules:
        """Gives rules with tensors of their own."""
        processors = [rule.clone() for rule in self.processors]
        return Rules(self.end_ids, self.limit.clone(), self.total, processors)

    def take(self, other: Rules) -> None:
        """Copies the values of other rules of the same kind."""
        for own, its in zip(self.processors, other.processors, strict=True):
            own.take(its)
        self.limit.take(other.limit)


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


class FixedLoop(Protocol):
    """What takes steps of fixed shape (see `fixed.FixedSteps`)."""

    def run(self, batch: Batch, rules: Rules, cache: Any, found: list[GeneratedRow]) -> Any:
        """Takes a batch to its end and returns None, or as far as it can and returns the cache
        with which it goes on."""
        ...


def decode(
    model: Any,
    inputs: Mapping[str, Any],
    rules: Rules,
    pad_id: int,
    fixed: FixedLoop | None = None,
) -> list[GeneratedRow]:
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
        found.extend(_loop(model, input_ids, rules, kwargs, fixed))
        return input_ids

    with torch.inference_mode():
        model.generate(
            **inputs,
            generation_config=settings,
            custom_generate=run,
            **{cache_argument(model): growing_cache(model.config)},
        )
    return found


class Batch(PerRow):
    """The live part of a batch. The cache, which goes beside it, holds `columns` tokens a row."""

    shared = ("step",)

    def __init__(
        self,
        prompt: torch.Tensor,
        mask: torch.Tensor | None,
        position: torch.Tensor | None,
        argument: str,
        looks: torch.Tensor | None = None,
    ) -> None:
        """
        prompt: ids of shape (rows, tokens). mask: attention mask of the same shape, None where no
        row is padded. position: of each prompt's last token, shape (..., rows, 1), None where the
        model counts. argument: the name under which the model takes the cache. looks: which tiles
        of which images each prompt's last token sees, shape (rows, 1, images, tiles), where the
        model attends to them beside the text.
        """
        count, self.columns = prompt.shape
        device = prompt.device
        self.argument, self.looks = argument, looks
        self.rows = torch.arange(count, device=device)
        """Index of each row in the input, shape (rows,); -1 for one that only fills up."""
        self.tokens = prompt[:, -1].clone()
        """Each row's newest token, shape (rows,)."""
        self.mask = mask
        """Attention mask with room ahead, shape (rows, room)."""
        self.position = None if position is None else position.movedim(-2, 0).clone()
        """Position of each row's newest token, shape (rows, ..., 1)."""
        self.step = torch.zeros(1, dtype=torch.long, device=device)
        """How many tokens each row has been given."""
        self.ended = torch.zeros(count, dtype=torch.bool, device=device)
        self.length = torch.zeros(count, dtype=torch.long, device=device)
        """How many tokens an ended row wrote; what stands after them counts for nothing."""
        self.cut, self.finite = self.ended.clone(), ~self.ended
        """Of an ended row, as in GeneratedRow."""
        self.written: list[torch.Tensor] = []
        """All tokens of each row, in pieces of shape (rows, some)."""
        self.per_row = ("tokens", "ended", "length", "cut", "finite")
        if position is not None:
            self.per_row += ("position",)
        if looks is not None:
            self.per_row += ("looks",)

    def select(self, rows: torch.Tensor) -> None:
        """Keeps the rows at these indices."""
        super().select(rows)
        self.rows = self.rows[rows]
        self.written = [torch.cat(self.written, 1)[rows]]
        if self.mask is not None:
            self.mask = self.mask[rows]

    def choose(self, rules: Rules, logits: torch.Tensor) -> None:
        """Gives each row its next token by logits of shape (rows, vocabulary). An ended row stays
        at its position: it may have reached the last one that the model knows."""
        # A row's largest is no number where one is NaN or +inf, or all are -inf: tokens that a
        # model rules out are -inf. The rules, which add such ones, come after. All are alike where
        # weights are zeros, as a download that stopped may leave them.
        largest = logits.amax(-1)
        finite = (largest.abs() < float("inf")) & (logits.amin(-1) < largest)
        self.tokens.copy_(rules.next(logits, self.step))
        self.step += 1
        over = rules.ended(self.tokens, self.step) | ~finite
        fresh = over & ~self.ended
        self.length.copy_(torch.where(fresh, self.step, self.length))
        self.cut.copy_(torch.where(fresh, rules.limit.budget.cut, self.cut))
        self.finite.copy_(torch.where(fresh, finite, self.finite))
        if self.position is not None:
            self.position += (~self.ended).view(-1, *[1] * (self.position.dim() - 1))
        self.ended |= over

    def seen(self, columns: int) -> torch.Tensor | None:
        """The attention mask of so many columns; what the model writes is seen by it."""
        if self.mask is None:
            return None
        if columns > self.mask.shape[1]:
            room = columns - self.mask.shape[1] + max(64, columns // 4)
            self.mask = torch.nn.functional.pad(self.mask, (0, room), value=1)
        return self.mask[:, :columns]

    def inputs(self, cache: Any) -> dict[str, Any]:
        """Gives the keyword arguments of the next forward call."""
        inputs: dict[str, Any] = {"input_ids": self.tokens[:, None]}
        if (mask := self.seen(self.columns + 1)) is not None:
            inputs["attention_mask"] = mask
        if self.position is not None:
            inputs["position_ids"] = self.position.movedim(0, -2)
        if self.looks is not None:
            inputs[LOOKS] = self.looks
        return inputs | {self.argument: cache, "use_cache": True}

    def collect(self, found: list[GeneratedRow]) -> None:
        """Copies what the ended rows wrote to their places in the result."""
        done = self.ended.nonzero()[:, 0]
        ids = torch.cat(self.written, 1)[done].tolist()
        marks = (m[done].tolist() for m in (self.rows, self.length, self.cut, self.finite))
        for tokens, row, length, cut, finite in zip(ids, *marks, strict=True):
            if row >= 0:
                found[row] = GeneratedRow(tokens[:length], cut, finite)


def _loop(
    model: Any,
    input_ids: torch.Tensor,
    rules: Rules,
    kwargs: dict[str, Any],
    fixed: FixedLoop | None,
) -> list[GeneratedRow]:
    # Masks and positions are read before the prefill: a model may change the mapping it is given.
    mask, position = kwargs.get("attention_mask"), kwargs.get("position_ids")
    looks = kwargs.get(LOOKS)
    prepared = model.prepare_inputs_for_generation(input_ids, is_first_iteration=True, **kwargs)
    counted = prepared.get("position_ids")
    if "position_ids" in prepared and counted is None and not _counts(model):
        prepared["position_ids"] = position  # EXAONE 4.5's class would count the padding
    if position is not None and counted is not None and counted.shape == position.shape:
        position = counted.clone()  # PaliGemma's count from 1
    outputs = model(**prepared, return_dict=True)
    argument = cache_argument(model)
    last = None if position is None else position[..., -1:]
    if looks is not None:
        looks = looks[:, -1:]  # an answer sees what its prompt's end sees
    batch = Batch(input_ids, mask, last, argument, looks)
    cache: Any = getattr(outputs, argument)
    found = [GeneratedRow() for _ in range(input_ids.shape[0])]
    logits = outputs.logits[:, -1].float()
    del kwargs, prepared, outputs  # the image tensors are not needed again
    _choose(batch, rules, logits)
    if fixed is not None:
        cache = fixed.run(batch, rules, cache, found)
    if cache is not None:
        _grow(model, batch, rules, cache, found)
    return found


def _counts(model: Any) -> bool:
    """Whether a model has positions of its own, as where images have several dimensions."""
    return any(hasattr(part, "get_rope_index") for part in model.modules())


def _choose(batch: Batch, rules: Rules, logits: torch.Tensor) -> None:
    batch.choose(rules, logits)
    batch.written.append(batch.tokens[:, None].clone())


def _grow(model: Any, batch: Batch, rules: Rules, cache: Any, found: list[GeneratedRow]) -> None:
    """Steps with a cache that grows, on any model and device."""
    selectable = can_select(cache)
    while live := int((~batch.ended).sum()):
        if selectable and live < DROP_BELOW * len(batch.ended):
            batch.collect(found)
            keep = (~batch.ended).nonzero()[:, 0]
            batch.select(keep)
            rules.select(keep)
            keep_rows(cache, keep)
        outputs = model(**batch.inputs(cache), return_dict=True)
        batch.columns += 1
        _choose(batch, rules, outputs.logits[:, -1].float())
    batch.collect(found)
