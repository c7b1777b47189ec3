"""Decoding steps of fixed shape, which a GPU records once as a CUDA graph and then repeats.

In: a batch after its prefill. Out: its rows' tokens. A step launches some 1,600 small kernels for a
small model, and to launch them takes longer than to run them; a graph launches them at once, but
only with the shapes and addresses of its recording. So there are a few row counts and lengths, the
state lives in tensors that stay, nothing in a step waits for the device, and the ends of rows are
looked for every few steps. Without recording the same steps run on any device (the tests).
"""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import nullcontext
from math import prod
from typing import Any

import torch

from suite.errors import reason_of
from suite.models.transformers.kv_cache import FixedLayer, growing_cache, plain_layers
from suite.models.transformers.loop import Batch, GeneratedRow, Rules

EVERY = 8
"""Steps between two looks at which rows have ended: a look waits for the device."""
SHORTEST = 128
"""Fewest columns between two lengths."""
LEFT = 4
"""Ended rows leave once the live ones are no more than this part of a step's: a recording costs as
much as some steps, and fewer rows hardly make a step shorter."""
TRIED = 8
"""Rows whose scores must agree with those of the growing cache before steps are trusted."""
SHARE = 0.5
"""Most of the free memory that is reserved ahead for the columns that a batch may still need."""

Pair = tuple[torch.Tensor, torch.Tensor]
"""Keys and values of one layer, shape (rows, heads, columns, head size) each."""


def row_count(live: int) -> int:
    """Gives the rows of the step for so many live ones: the next power of two."""
    return 1 << max(0, live - 1).bit_length()


def length_for(columns: int) -> int:
    """Gives the columns of the step for so many in use: four lengths to each doubling, SHORTEST
    apart at least. Attention reads them all, so at most a quarter (of the longer) is in vain."""
    apart = max(SHORTEST, (1 << max(0, columns - 1).bit_length()) // 8)
    return -(-columns // apart) * apart


class Differs(Exception):
    """The steps give other scores than the growing cache."""


class Step:
    """One step of one shape: its state, and its recording where there is one."""

    def __init__(self, model: Any, batch: Batch, rules: Rules, pairs: list[Pair]) -> None:
        """`pairs` are the cache's tensors, of as many columns as the step has."""
        self.model, self.batch, self.rules = model, batch.clone(), rules.clone()
        self.batch.mask, self.batch.written = None, []  # the step has its own
        device = batch.tokens.device
        rows, columns = len(batch.tokens), pairs[0][0].shape[2]
        self.column = torch.zeros(1, dtype=torch.long, device=device)
        self.at = torch.zeros(1, dtype=torch.long, device=device)
        self.out = torch.zeros((rows, EVERY), dtype=torch.long, device=device)
        self.mask = torch.zeros((rows, 1, 1, columns), dtype=model.dtype, device=device)
        self.cache = growing_cache(model.config)
        self.cache.layers = [FixedLayer(*pair, self.column) for pair in pairs]
        self.graph: Any = None

    def load(self, batch: Batch, rules: Rules) -> None:
        """Takes over the state of a batch of this shape and kind."""
        self.batch.take(batch)
        self.rules.take(rules)
        self.column.fill_(batch.columns)
        self.at.zero_()
        self.mask.fill_(float("-inf"))
        used = self.mask[:, 0, 0, : batch.columns]
        seen = batch.seen(batch.columns)
        if seen is None:
            used.zero_()
        else:
            used.masked_fill_(seen.bool(), 0.0)

    def logits(self) -> torch.Tensor:
        """Scores after each row's newest token, shape (rows, vocabulary)."""
        self.mask.index_fill_(3, self.column, 0.0)
        inputs = self.batch.inputs(self.cache) | {"attention_mask": self.mask}
        logits: torch.Tensor = self.model(**inputs, return_dict=True).logits[:, -1]
        return logits.float()

    def take_one(self) -> None:
        """Gives each row one token. This is what is recorded."""
        self.batch.choose(self.rules, self.logits())
        self.column += 1
        self.out.index_copy_(1, self.at, self.batch.tokens[:, None])
        self.at += 1

    def record(self, batch: Batch, rules: Rules, side: Any, pool: Any) -> None:
        """Records the step on the stream `side`, its memory in `pool`. Afterwards its state must be
        loaded again. Raises RuntimeError for a model that waits for the device."""
        here = torch.cuda.current_stream()
        side.wait_stream(here)
        mode = torch.cuda.get_sync_debug_mode()
        try:
            with torch.cuda.stream(side):
                self.load(batch, rules)
                self.take_one()  # libraries set themselves up at a first call
                self.load(batch, rules)
                # What waits is found here: an error while it is recorded would leave more behind.
                torch.cuda.set_sync_debug_mode("error")
                self.take_one()
                torch.cuda.set_sync_debug_mode(mode)
                self.load(batch, rules)
            graph = torch.cuda.CUDAGraph()
            # Threads that read images are no part of it.
            with torch.cuda.graph(graph, pool, side, capture_error_mode="thread_local"):
                self.take_one()
            self.graph = graph
        finally:
            torch.cuda.set_sync_debug_mode(mode)
            torch.cuda.set_stream(here)  # where the recording failed, it is still the other
            here.wait_stream(side)

    def some(self, count: int) -> torch.Tensor:
        """Takes `count` steps, EVERY at most, and gives their tokens, shape (rows, count)."""
        self.at.zero_()
        for _ in range(count):
            if self.graph is None:
                self.take_one()
            else:
                self.graph.replay()
        return self.out[:, :count].clone()


class FixedSteps:
    """The steps of one model. Its batches share markers, end tokens and forbidden tokens.

    record: as CUDA graphs; else the same steps are called one by one.
    """

    def __init__(self, model: Any, record: bool) -> None:
        self.model, self.record = model, record
        self.reason: str | None = None
        """Why this model goes without; None while it does not."""
        self.recorded = 0
        """How many steps were made so far."""
        self._steps: dict[Hashable, Step] = {}
        self._flat: list[Pair] = []
        """Memory of each layer, as flat tensors; every shape is a view of its beginning."""
        self._pool: Any = None
        self._side: Any = None
        self._trusted = False
        # The authors of a model say so where its forward call can be traced as a whole.
        if not getattr(model, "_can_compile_fullgraph", False):
            self.reason = "its class does not say that its steps can have a fixed shape"

    def release(self) -> None:
        """Frees all memory."""
        self._steps, self._flat, self._pool = {}, [], None

    def run(self, batch: Batch, rules: Rules, cache: Any, found: list[GeneratedRow]) -> Any:
        """Takes a batch to its end and returns None. Where this model goes without, now or after
        what has failed, returns the cache with which the batch goes on."""
        if self.reason is None and not plain_layers(cache):
            self.reason = "its cache has windows, states or images"
        if self.reason is None and batch.position is None:
            self.reason = "it counts positions by itself"
        if self.reason is not None:
            return cache
        device = batch.tokens.device
        try:
            with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
                return self._run(batch, rules, cache, found)
        except torch.OutOfMemoryError:
            self.release()
            raise

    def _run(self, batch: Batch, rules: Rules, cache: Any, found: list[GeneratedRow]) -> Any:
        pairs: list[Pair] = [(layer.keys, layer.values) for layer in cache.layers]
        for layer in cache.layers:
            layer.reset()  # whoever called holds the cache, and would hold its memory
        while True:
            batch.collect(found)
            live = (~batch.ended).nonzero()[:, 0]
            if not len(live):
                return None
            rows = row_count(len(live))
            keep = torch.cat([live, live[:1].expand(rows - len(live))])  # the first fills up
            batch.select(keep)
            rules.select(keep)
            batch.rows[len(live) :] = -1
            batch.ended[len(live) :] = True
            pairs = self._placed(pairs, keep, batch.columns, rules.total)
            try:
                step = self._step(batch, rules, pairs)
            except Exception as error:  # whatever a model does that cannot be recorded
                cause: BaseException = error
                while cause.__context__ is not None:  # the end of a recording fails after it
                    cause = cause.__context__
                if isinstance(cause, torch.OutOfMemoryError):
                    raise cause from None
                self.reason = reason_of(cause)
                cache = self._growing(pairs, batch.columns)
                self.release()
                return cache
            step.load(batch, rules)
            self._advance(step, batch, pairs[0][0].shape[2])
            batch.take(step.batch)
            rules.take(step.rules)

    def _advance(self, step: Step, batch: Batch, columns: int) -> None:
        """Takes steps until no column is left, or few rows are."""
        live, rows = len(batch.tokens), len(batch.tokens)
        while batch.columns < columns and live > rows // LEFT:
            count = min(EVERY, columns - batch.columns)
            batch.written.append(step.some(count))
            batch.columns += count
            live = int((~step.batch.ended).sum())

    def _step(self, batch: Batch, rules: Rules, pairs: list[Pair]) -> Step:
        """The step of a batch's shape and kind, made at its first use."""
        key = (*pairs[0][0].shape[::2], rules.kind)
        if key not in self._steps:
            step = Step(self.model, batch, rules, pairs)
            if not self._trusted:
                self._try(step, batch, rules, pairs)
            if self.record:
                if self._pool is None:
                    self._pool = torch.cuda.graph_pool_handle()
                if self._side is None:  # one for all: memory is kept for each stream apart
                    self._side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
                step.record(batch, rules, self._side, self._pool)
            self._steps[key] = step
            self.recorded += 1
        return self._steps[key]

    def _try(self, step: Step, batch: Batch, rules: Rules, pairs: list[Pair]) -> None:
        """Raises Differs unless a step gives the scores that the growing cache gives, within the
        rounding of the number format, in the rows with the most padding."""
        rows = torch.arange(len(batch.tokens), device=batch.tokens.device)
        if batch.mask is not None:
            rows = batch.mask[:, : batch.columns].sum(-1).argsort()
        rows = rows[:TRIED]
        few = batch.clone()
        few.select(rows)
        cache = self._growing([(keys[rows], values[rows]) for keys, values in pairs], few.columns)
        want = self.model(**few.inputs(cache), return_dict=True).logits[:, -1].float()
        step.load(batch, rules)
        apart = (step.logits()[rows] - want).square().mean(-1).sqrt() / want.std(-1)
        allowed = torch.finfo(self.model.dtype).eps ** 0.5
        # Rows without numbers, of either, are told by what they generate.
        if bool((apart > allowed).any()):
            raise Differs(f"its scores move by {float(apart.nan_to_num().max()):.2g} deviations")
        self._trusted = True

    def _placed(
        self, pairs: list[Pair], keep: torch.Tensor, columns: int, total: int
    ) -> list[Pair]:
        """Copies the rows `keep` into tensors of a step's shape: the next length for `columns` in
        use and one more. `total`: most tokens that a row may get."""
        rows, length = len(keep), length_for(columns + 1)
        heads, size = pairs[0][0].shape[1::2]
        longest = length
        if not self._flat or rows * heads * length * size > len(self._flat[0][0]):
            self.release()  # what was recorded is bound to the memory that it knows
            longest = self._reserved(pairs, rows, length, columns + total)
        placed = []
        for place in range(len(pairs)):
            # No view may be read while it is written, nor hold what was there: NaN times 0 is NaN.
            kept = [tensor[:, :, :columns][keep] for tensor in pairs[place]]
            pairs[place] = (kept[0], kept[1])
            shapes = [(rows, tensor.shape[1], length, tensor.shape[3]) for tensor in kept]
            if place == len(self._flat):
                room = [prod(shape) // length * longest for shape in shapes]
                self._flat.append((kept[0].new_empty(room[0]), kept[1].new_empty(room[1])))
            views = [
                flat[: prod(shape)].view(shape)
                for flat, shape in zip(self._flat[place], shapes, strict=True)
            ]
            for view, tensor in zip(views, kept, strict=True):
                view.zero_()
                view[:, :, :columns] = tensor
            placed.append((views[0], views[1]))
        return placed

    def _reserved(self, pairs: list[Pair], rows: int, length: int, columns: int) -> int:
        """How many columns to make room for, so that no step need be recorded again in other
        memory: as many as the batch may need, as far as memory allows."""
        if pairs[0][0].device.type != "cuda":
            return length
        free = torch.cuda.mem_get_info()[0]
        free += torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        sizes = (
            tensor[0, :, 0].numel() * tensor.element_size() for pair in pairs for tensor in pair
        )
        return max(length, min(length_for(columns), int(SHARE * free / (rows * sum(sizes)))))

    def _growing(self, pairs: list[Pair], columns: int) -> Any:
        """A cache that grows, with the columns in use."""
        cache: Any = growing_cache(self.model.config)
        for layer, (keys, values) in zip(cache.layers, pairs, strict=True):
            layer.update(keys[:, :, :columns], values[:, :, :columns])
        return cache
