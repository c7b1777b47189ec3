"""The local backend: text models and vision-language models through transformers.

In: requests. Out: generations, batched, greedy or sampled with each request's own seed, the
thinking split off. Real checkpoints run unchanged, on CUDA, MPS or CPU.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch

from suite.base.machine import resolve_device, resolve_dtype
from suite.errors import SuiteError, Unfinished, reason_of
from suite.models.fingerprint import Origin
from suite.models.nowait import nowait_ids
from suite.models.spec import ModelSpec
from suite.models.transformers.ahead import Ahead
from suite.models.transformers.chat import Prompt, both_ways, moved, prompt, read, together
from suite.models.transformers.fixed import FixedSteps
from suite.models.transformers.loading import BadRequest, Loaded, load
from suite.models.transformers.loop import GeneratedRow, Rules, decode
from suite.models.transformers.nowait import NoWait
from suite.models.transformers.sampling import SeededSampler
from suite.models.transformers.thinking import (
    NO_MARKERS,
    THINKS_ALWAYS,
    AnswerLimit,
    Markers,
    ThinkingBudget,
    check_thinking,
    marks_of,
    opens_thinking,
    thinking_markers,
    ways,
)
from suite.requests import (
    Decoding,
    Generation,
    ImageLoader,
    NoWaitRule,
    OutOfMemory,
    Request,
    request_key,
    request_seed,
)

FULL = 0.9
"""Most of a GPU's memory that a batch may fill: the next one's prompts may be longer."""


class Group(NamedTuple):
    """Requests of a batch that go through the model together: all show as many images, because
    Llama 3.2 Vision's words before an image see what fills up a row with fewer."""

    places: list[int]
    """Where in the batch they stand."""
    prompts: list[Prompt]
    batch: Any
    """What the tokenizer or processor makes of them, on the CPU; None where that is still to do."""


class Reading(NamedTuple):
    """A batch that is ready for the model."""

    answers: list[Generation]
    """One for each request; those that cannot be asked have their error."""
    groups: list[Group]


class TransformersGenerator:
    """A checkpoint of the family, loaded. One batch at a time; not shared between threads."""

    def __init__(
        self,
        spec: ModelSpec,
        role: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        """See `suite.models.backends.build_generator`."""
        self._origin = Origin(spec, role, dtype, device)
        self._fingerprint = self._origin.fingerprint
        device = resolve_device(device)
        dtype = resolve_dtype(spec.dtype if dtype == "auto" else dtype, device)
        self.loaded: Loaded = self._load(spec, role, device, dtype)
        if self._origin.check():  # what was read may be what stood there in between
            del self.loaded
            self.loaded = self._load(spec, role, device, dtype)
            self._origin.check()
        self.markers = thinking_markers(self.loaded.tokenizer, marks_of(spec.thinks))
        self.switched, self.always = self._thinks()
        chosen = batch_size or spec.batch_size
        self.batches_of = chosen or fitting_rows(self.loaded)
        self._may_shrink = chosen is None
        self._nowait: dict[NoWaitRule, tuple[int, ...]] = {}
        on_gpu = self.loaded.device.type == "cuda"
        # On a CPU the steps are no faster for it, and the threads are the model's. What is recorded
        # is one card's.
        fixed = on_gpu and spec.device_map is None
        self._fixed = FixedSteps(self.loaded.model, record=True) if fixed else None
        self._ahead: Ahead[Request, Reading] = Ahead(self._read_in, threads=on_gpu)
        self._told = self._warned = False
        self._news: list[str] = []

    def _thinks(self) -> tuple[bool, bool]:
        asked = both_ways(self.loaded) if self.markers is not None else None
        return ways(self.markers, self.loaded.thinks, asked)

    def _load(self, spec: ModelSpec, role: str, device: str, dtype: str) -> Loaded:
        try:
            return load(spec, role, device, dtype, self._fingerprint.get("commit"))
        except SuiteError:
            self._origin.check()  # where files have changed, that is the reason
            raise

    @property
    def fingerprint(self) -> dict[str, Any]:
        """See `suite.models.backends.fingerprint`."""
        return self._fingerprint

    def close(self) -> None:
        """Frees the model's memory."""
        device = self.loaded.device.type
        self._ahead.close()
        self._fixed = None
        del self.loaded
        gc.collect()  # a model's parts hold each other
        if device == "cuda":
            torch.cuda.empty_cache()

    def news(self) -> list[str]:
        """Gives what a person should know and was not told yet, a line each."""
        lines, self._news = self._news, []
        if self._fixed is None or self._fixed.reason is None or self._told:
            return lines
        self._told = True
        return [
            *lines,
            f"The steps of {self.loaded.model.name_or_path} are not recorded for the GPU and take "
            f"longer: {self._fixed.reason}.",
        ]

    def _check_thinking(self, decodings: Iterable[Decoding]) -> None:
        """SuiteError for thinking that the model cannot do, or that would be nothing else than
        answering; notes where a model thinks though it is asked not to."""
        model = self.loaded.model.name_or_path
        for decoding in decodings:
            check_thinking(model, decoding.thinking, self.markers, self.switched, self.always)
            if self.always and not decoding.thinking and not self._warned:
                self._warned = True
                self._news.append(f"{model} {THINKS_ALWAYS}")

    def expect(self, requests: Sequence[Request], images: ImageLoader) -> None:
        """Says what will be asked after the next `generate`: on a GPU it is read meanwhile."""
        first = next(self._parts(requests, images), None)
        if first:
            self._ahead.expect(first, images)

    def generate(self, requests: Sequence[Request], images: ImageLoader) -> Iterator[Generation]:
        """Gives one Generation per request, in order. OutOfMemory for a batch that does not fit,
        Unfinished when the checkpoint's files have changed."""
        parts = self._parts(requests, images)
        part = next(parts, None)
        while part:
            following = next(parts, None)
            reading = self._ahead.get(part, images)
            if following:
                self._ahead.expect(following, images)
            answers = self._batch(reading)
            self._origin.check()
            yield from answers
            part = following

    def _parts(
        self, requests: Sequence[Request], images: ImageLoader
    ) -> Iterator[Sequence[Request]]:
        size = self.batches_of  # as it is now: a batch may change it
        for start in range(0, len(requests), size):
            yield from together(requests[start : start + size], images)

    def _read_in(self, requests: Sequence[Request], images: ImageLoader) -> Reading:
        answers: list[Generation] = [Generation()] * len(requests)
        groups: dict[int, Group] = {}
        self._check_thinking({request.decoding: None for request in requests})

        def one(request: Request) -> Prompt | Generation:
            try:
                return prompt(self.loaded, request, images)
            except BadRequest as error:
                return Generation(error=str(error))

        for index, made in enumerate(self._ahead.each(one, requests)):
            if isinstance(made, Generation):
                answers[index] = made
                continue
            group = groups.setdefault(len(made.images), Group([], [], None))
            group.places.append(index)
            group.prompts.append(made)
        return Reading(answers, [self._processed(group) for group in groups.values()])

    def _processed(self, group: Group) -> Group:
        if not self._ahead.is_ahead():
            return group
        try:
            with self._ahead.tokenizer:
                return group._replace(batch=read(self.loaded, group.prompts))
        except Exception:  # told where it is tried again, and each request by itself
            return group

    def _batch(self, reading: Reading) -> list[Generation]:
        for group in reading.groups:
            found = self._answer(group.prompts, group.batch)
            for place, answer in zip(group.places, found, strict=True):
                reading.answers[place] = answer
        return reading.answers

    def _answer(self, prompts: Sequence[Prompt], batch: Any = None) -> list[Generation]:
        started = time.perf_counter()
        try:
            if batch is None:
                with self._ahead.tokenizer:
                    batch = read(self.loaded, prompts)
            inputs = moved(self.loaded, batch)
            lengths = inputs["attention_mask"].sum(-1).tolist()
            rooms = [self.loaded.context - length for length in lengths]
            if min(rooms) < 1:
                return self._without_too_long(prompts, lengths)
            rules = self._rules(prompts, rooms)
            rows = self._decode(inputs, rules)
        except BadRequest as error:
            if len(prompts) == 1:
                return [Generation(error=str(error))]
            return [self._answer([one])[0] for one in prompts]
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise OutOfMemory(str(error)) from None
        except RuntimeError as error:
            if _is_memory(error):
                raise OutOfMemory(str(error)) from None
            if device_lost(self.loaded.device):
                reason = reason_of(error)
                raise Unfinished(
                    f"Device {self.loaded.device} has failed and answers nothing any more "
                    f"({reason}); run the same command again, all that was finished is kept."
                ) from error
            raise
        answers = self._read(prompts, rows)
        seconds = (time.perf_counter() - started) / len(prompts)
        return [
            Generation(
                text=text,
                thinking=thinking,
                finish_reason=reason,
                prompt_tokens=length,
                generated_tokens=len(row.ids),
                seconds=seconds,
            )
            if row.finite
            else Generation(error=self._no_numbers())
            for (text, thinking, reason), row, length in zip(answers, rows, lengths, strict=True)
        ]

    def _decode(self, inputs: Any, rules: Rules) -> list[GeneratedRow]:
        model, pad = self.loaded.model, self.loaded.tokenizer.pad_token_id
        if self._fixed is None:
            return decode(model, inputs, rules, pad)
        device = self.loaded.device
        torch.cuda.reset_peak_memory_stats(device)
        rows = decode(model, inputs, rules, pad, self._fixed)
        if self._may_shrink:
            weights = sum(p.numel() * p.element_size() for p in model.parameters())
            peak = torch.cuda.max_memory_allocated(device) - weights
            room = FULL * torch.cuda.get_device_properties(device).total_memory - weights
            if peak > room:
                self.batches_of = min(self.batches_of, rows_within(room, peak, len(rows)))
        return rows

    def _no_numbers(self) -> str:
        model = self.loaded.model
        return (
            f"The model {model.name_or_path} computes no finite numbers (NaN or infinity), or one "
            "for all tokens: its weights are damaged, or its numbers too large for "
            f"{str(model.dtype).split('.')[-1]}; "
            "copy or fetch it again, or set another `dtype` in the family file."
        )

    def _without_too_long(
        self, prompts: Sequence[Prompt], lengths: Sequence[int]
    ) -> list[Generation]:
        fit = [length < self.loaded.context for length in lengths]
        rest = [one for one, fits in zip(prompts, fit, strict=True) if fits]
        found = iter(self._answer(rest) if rest else [])
        return [
            next(found)
            if fits
            else Generation(
                error=f"The prompt has {length} tokens; the model reads at most "
                f"{self.loaded.context - 1}."
            )
            for fits, length in zip(fit, lengths, strict=True)
        ]

    def _rules(self, prompts: Sequence[Prompt], rooms: Sequence[int]) -> Rules:
        device = self.loaded.device
        decodings = [one.request.decoding for one in prompts]
        markers = self.markers or NO_MARKERS
        thinking = [decoding.thinking for decoding in decodings]
        opened = [
            thinks and opens_thinking(one.opening, markers)
            for thinks, one in zip(thinking, prompts, strict=True)
        ]
        budget = ThinkingBudget(
            markers, thinking, opened, [d.thinking_budget for d in decodings], device
        )
        limits = [decoding.max_new_tokens for decoding in decodings]
        totals = [
            room if thinks else min(room, limit)
            for room, thinks, limit in zip(rooms, thinking, limits, strict=True)
        ]
        processors: list[Any] = []
        for rule in {decoding.nowait: None for decoding in decodings if decoding.nowait}:
            if rule not in self._nowait:
                self._nowait[rule] = nowait_ids(self.loaded.tokenizer, rule)
            active = [decoding.nowait == rule for decoding in decodings]
            processors.append(NoWait(self._nowait[rule], active, device))
        if any(not decoding.greedy for decoding in decodings):
            seeds = [
                0
                if one.request.decoding.greedy
                else request_seed(request_key(self._fingerprint, one.request))
                for one in prompts
            ]
            processors.append(
                SeededSampler(
                    [d.temperature for d in decodings],
                    [d.top_k for d in decodings],
                    [d.top_p for d in decodings],
                    seeds,
                    device,
                )
            )
        limit = AnswerLimit(budget, limits, totals)
        most = [
            # Before thinking, while it thinks, while its end is written, and after it.
            min(total, 2 * answer + d.thinking_budget + len(markers.end))
            if d.thinking and d.thinking_budget is not None
            else total
            for total, answer, d in zip(totals, limits, decodings, strict=True)
        ]
        return Rules(self.loaded.end_ids, limit, max(most), processors)

    def _read(
        self, prompts: Sequence[Prompt], rows: Sequence[GeneratedRow]
    ) -> list[tuple[str, str, str]]:
        """(answer, thinking, finish reason) of each row."""
        parts: list[Sequence[int]] = []
        reasons: list[str] = []
        for one, row in zip(prompts, rows, strict=True):
            ids = list(row.ids)
            stopped = bool(ids) and ids[-1] in self.loaded.end_ids
            opened = self.markers is not None and opens_thinking(one.opening, self.markers)
            thinking, answer = split_thinking(
                ids[:-1] if stopped else ids, self.markers or NO_MARKERS, opened
            )
            parts += [answer, thinking]
            reasons.append(("budget" if row.cut else "stop") if stopped else "length")
        with self._ahead.tokenizer:
            texts = self.loaded.tokenizer.batch_decode(
                [list(part) for part in parts], skip_special_tokens=True
            )
        texts = [text.strip() for text in texts]
        return list(zip(texts[::2], texts[1::2], reasons, strict=True))


def split_thinking(
    ids: Sequence[int], markers: Markers, opened: bool
) -> tuple[Sequence[int], Sequence[int]]:
    """Gives (thinking, answer) of generated ids, without the markers.

    opened: whether the prompt ended inside a block. As for the thinking budget, the first block is
    the thinking. What stands before it counts as thinking; one that never closes leaves no answer.
    """
    start, end = markers.starts, markers.ends
    before: Sequence[int] = []
    if not opened:
        begin = _find(ids, start)
        if begin is None:
            # What opens the answer after thinking (a channel of its own) may open it without, too.
            rests = (end[cut:] for cut in range(1, len(end) - 1))
            return [], ids[next((len(r) for r in rests if _find(ids[: len(r)], r) == 0), 0) :]
        before, ids = ids[:begin], ids[begin + len(start) :]
    elif start and _find(ids[: len(start)], start) == 0:
        ids = ids[len(start) :]  # the model repeats what its prompt has opened
    close = _find(ids, end)
    if close is None:
        return [*before, *ids], []
    return [*before, *ids[:close]], ids[close + len(end) :]


def _find(ids: Sequence[int], part: Sequence[frozenset[int]]) -> int | None:
    """Where `part`, the ids that may stand at each of its places, first stands in `ids`; None where
    it does not, or is empty."""
    if not part:
        return None
    for index in range(len(ids) - len(part) + 1):
        if all(ids[index + place] in form for place, form in enumerate(part)):
            return index
    return None


def fitting_rows(loaded: Loaded) -> int:
    """Gives the rows per batch by model size and memory: a power of two.

    On a CPU large batches leave its caches, so small models get the most rows. Elsewhere the
    key/value cache of a long row (4,096 tokens, twice that with images) decides, within 70 % of
    the memory that the weights leave.
    """
    if loaded.device.type == "cpu":
        steps = ((5_000_000, 128), (50_000_000, 32), (500_000_000, 16), (2_000_000_000, 4))
        return next((rows for limit, rows in steps if loaded.params <= limit), 1)
    text = loaded.model.config.get_text_config(decoder=True)
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    bytes_each = torch.finfo(loaded.model.dtype).bits // 8
    tokens = 4096 if loaded.processor is None else 8192
    row = 2 * text.num_hidden_layers * heads * size * bytes_each * tokens
    row += 8 * text.vocab_size * 4  # scores and what sampling makes of them
    if loaded.device.type == "cuda":
        where = set(getattr(loaded.model, "hf_device_map", {"": loaded.device}).values())
        cards = [card for card in where if card not in ("cpu", "disk")]
        memory = sum(torch.cuda.get_device_properties(card).total_memory for card in cards)
    else:
        memory = torch.mps.recommended_max_memory()
    free = 0.7 * (memory - sum(p.numel() * p.element_size() for p in loaded.model.parameters()))
    return rows_within(free, row, 1)


def rows_within(room: float, taken: float, rows: int) -> int:
    """Gives how many rows fit into `room` bytes where `rows` have taken so many: a power of two, 1
    at least and 256 at most."""
    return 1 << max(0, min(8, int(room * rows // max(taken, 1)).bit_length() - 1))


def device_lost(device: torch.device) -> bool:
    """Whether a device refuses all work, as CUDA does after a failed kernel until the process ends:
    then it is not the request that has failed, and every later one would."""
    if device.type == "cpu":
        return False
    try:
        torch.ones(1, device=device).item()
    except torch.OutOfMemoryError:
        return False
    except (RuntimeError, AssertionError):
        return True
    return False


def _is_memory(error: RuntimeError) -> bool:
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text
