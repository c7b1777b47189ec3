"""The vLLM backend: what vLLM is asked for each request, and what is read from its tokens.

In: a checkpoint and requests. Out: Generations, in order, each as soon as those before it have
ended: the engine keeps what has ended while the rest goes on. Messages go through vLLM's own chat
interface, images as data URLs. Token ids come back, and the suite's own rules read them: where
thinking ends, how long an answer may be.

The key has the engine's name, because its numbers differ in the last digits, and those settings of
`engine` that can change an answer. UNCHANGING are not in it: an answer that ends at a
`max_model_len` below the model's own is a failure, which the next run asks again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suite.base.json_values import json_mapping
from suite.base.machine import resolve_device, resolve_dtype
from suite.errors import SuiteError, one_line, reason_of, shown
from suite.models.fingerprint import Origin, identity
from suite.models.messages import Unsendable, turn
from suite.models.nowait import nowait_ids
from suite.models.spec import ModelSpec, Role
from suite.models.vllm.names import with_known_names
from suite.models.vllm.process import Process
from suite.requests import (
    Decoding,
    Generation,
    ImageLoader,
    NoWaitRule,
    Request,
    request_key,
    request_seed,
)

UNCHANGING = (
    "python", "gpu_memory_utilization", "kv_cache_memory_bytes", "cpu_offload_gb", "swap_space",
    "tensor_parallel_size", "pipeline_parallel_size", "distributed_executor_backend",
    "disable_custom_all_reduce", "max_model_len", "max_num_seqs", "max_num_batched_tokens",
    "enforce_eager", "enable_prefix_caching", "enable_chunked_prefill", "async_scheduling",
    "block_size", "limit_mm_per_prompt", "mm_processor_cache_gb", "load_format",
)  # fmt: skip
"""Settings that change no answer but in the last digits, as another batch does."""
OURS = {
    "model": "path", "tokenizer": "path", "revision": "revision", "tokenizer_revision": "revision",
    "dtype": "dtype", "trust_remote_code": "trust_remote_code", "mm_processor_kwargs": "processor",
    "chat_template": "path", "seed": "", "generation_config": "", "logits_processors": "",
    "override_generation_config": "", "reasoning_config": "", "reasoning_parser": "",
    "skip_tokenizer_init": "", "data_parallel_size": "", "tokenizer_mode": "",
}  # fmt: skip
"""Settings that `engine` may not hold -> the checkpoint's own key in their place."""
ON_A_CPU = {"gpu_memory_utilization": 0.2, "enforce_eager": True}
"""There the first is a share of main memory."""
BATCH = 1024
"""Requests that a process claims at once where a checkpoint does not say."""
NEEDED = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.py", "*.tiktoken")


def vllm_identity(
    spec: ModelSpec, role: Role, dtype: str = "auto", device: str = "auto"
) -> dict[str, Any]:
    """Gives the fingerprint of a model that vLLM serves. SuiteError for a checkpoint that is not
    there and for settings that are the suite's."""
    return _named(spec, identity(spec, role, dtype, device))


def _named(spec: ModelSpec, found: dict[str, Any]) -> dict[str, Any]:
    settings = spec.engine_settings
    for name in settings.keys() & OURS:
        instead = f"give `{OURS[name]}` of the checkpoint" if OURS[name] else "leave it out"
        raise SuiteError(
            f"Model {shown(spec.source)}: `engine` may not set `{name}`, which the suite does; "
            f"{instead}."
        )
    changing = {name: value for name, value in settings.items() if name not in UNCHANGING}
    return {**found, "generator": "vllm", **({"engine": changing} if changing else {})}


@dataclass(frozen=True)
class Opening:
    """What the chat template writes before the answer."""

    opened: bool
    """Whether it ends inside a thinking block."""
    lead: int = 0
    """Tokens in that block, which vLLM counts as thought."""


@dataclass(frozen=True)
class Asked:
    """A request that was handed over."""

    request: Request
    opening: Opening
    since: float


class VLLMGenerator:
    """A checkpoint in vLLM, in a process of its own."""

    as_they_end = True

    def __init__(
        self,
        spec: ModelSpec,
        role: Role,
        *,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        """See `suite.models.backends.build_generator`."""
        from suite.models.transformers.thinking import (
            marks_of,
            switch_of,
            thinking_markers,
            ways,
        )

        self._name = spec.source
        self._origin = Origin(spec, role, dtype, device)
        self._fingerprint = _named(spec, self._origin.fingerprint)
        self.batches_of = batch_size or spec.batch_size or BATCH
        device = resolve_device(device)
        folder = _folder(spec, self._fingerprint)
        self._context = _context(folder)
        self._tokenizer, self._template = _words(folder, spec, role)
        self._markers = thinking_markers(self._tokenizer, marks_of(spec.thinks))
        self._switch = switch_of(self._template, spec.thinks)
        texts = [
            _rendered(self._tokenizer, self._template, self._switch.told(thinks))
            for thinks in (True, False)
        ]
        self._ways = ways(self._markers, spec.thinks, (texts[0], texts[1]))
        self._openings = {thinks: self._opening(texts[not thinks]) for thinks in (True, False)}
        self._asked = 0
        self._news: list[str] = []
        self._warned = False
        self._banned: dict[NoWaitRule, tuple[int, ...]] = {}
        engine = {**(ON_A_CPU if device == "cpu" else {}), **spec.engine_settings}
        python = engine.pop("python", None)
        given = {
            "model": str(with_known_names(folder, self._fingerprint)),
            "dtype": resolve_dtype(spec.dtype if dtype == "auto" else dtype, device),
            "trust_remote_code": spec.trust_remote_code,
            **({"mm_processor_kwargs": spec.settings} if spec.settings else {}),
        }
        found = self._markers
        self._one_token = found is not None and len(found.start) == len(found.end) == 1
        words = (found.start_text, found.end_text) if found is not None and self._one_token else ()
        settings = {"given": given, "engine": engine, "thinking": words}
        self._process = Process(python, _visible(device, spec.gpus), settings)
        self.versions = {"vllm": str(self._process.about["version"])}
        try:
            self._origin.check()  # what was read may be what stood there in between
        except BaseException:
            self._process.close()
            raise

    @property
    def fingerprint(self) -> dict[str, Any]:
        """See `suite.models.backends.fingerprint`."""
        return self._fingerprint

    def close(self) -> None:
        """Ends vLLM, and with it all memory that it has taken."""
        self._process.close()

    def generate(self, requests: Sequence[Request], images: ImageLoader) -> Iterator[Generation]:
        """Gives one Generation per request, in order. SuiteError for what vLLM cannot do,
        Unfinished where it has ended."""
        for decoding in {request.decoding: None for request in requests}:
            self._check(decoding)
        most = min(len(requests), 2 * self._process.about["rows"])
        running: dict[int, Asked] = {}
        answers: dict[int, Generation] = {}
        first = self._asked  # numbers that no earlier batch has had, even one that was broken off
        self._asked += len(requests)
        sent = given = first
        while given < self._asked:
            while sent < self._asked and len(running) < most:
                self._ask(sent, requests[sent - first], images, running, answers)
                sent += 1
            while given in answers:
                yield answers.pop(given)
                given += 1
            if running:
                line = self._process.receive()
                if line["id"] in running:
                    answers[line["id"]] = self._read(running.pop(line["id"]), line, most)

    def news(self) -> list[str]:
        """Gives what a person should know and was not told yet, a line each."""
        lines, self._news = self._news, []
        return lines

    def _check(self, decoding: Decoding) -> None:
        """SuiteError for what would be left out of a decoding without a word."""
        from suite.models.transformers.thinking import THINKS_ALWAYS, check_thinking

        check_thinking(self._name, decoding.thinking, self._markers, *self._ways)
        if self._ways[1] and not decoding.thinking and not self._warned:
            self._warned = True
            self._news = [f"{self._name} {THINKS_ALWAYS}"]
        if decoding.thinking_budget is not None and decoding.thinking and not self._one_token:
            raise SuiteError(
                f"Model {shown(self._name)} writes the end of its thinking in several tokens, and "
                "vLLM's thinking budget knows one form of them alone: set `thinking_budget: null` "
                "in the study, or use the generator transformers."
            )

    def _ask(
        self,
        number: int,
        request: Request,
        images: ImageLoader,
        running: dict[int, Asked],
        answers: dict[int, Generation],
    ) -> None:
        """Hands a request over; its answer is its failure where it cannot be asked."""
        try:
            messages = [turn(message, images, request) for message in request.messages]
        except Unsendable as error:
            answers[number] = Generation(error=f"{str(error)[:1].upper()}{str(error)[1:]}.")
            return
        opening = self._openings[request.decoding.thinking]
        running[number] = Asked(request, opening, time.perf_counter())
        self._process.send(
            {
                "id": number,
                "messages": messages,
                "told": dict(self._switch.told(request.decoding.thinking)),
                "template": self._template if "strftime_now" in self._template else None,
                "sampling": self._sampling(request, opening),
                "banned": self._nowait(request.decoding.nowait),
            }
        )

    def _sampling(self, request: Request, opening: Opening) -> dict[str, Any]:
        decoding = request.decoding
        settings: dict[str, Any] = {
            "temperature": max(0.0, decoding.temperature),
            "top_p": decoding.top_p,
            "top_k": decoding.top_k,
            "max_tokens": decoding.max_new_tokens,
        }
        if not decoding.greedy:
            settings["seed"] = request_seed(request_key(self._fingerprint, request))
        if not decoding.thinking:
            return settings
        budget = decoding.thinking_budget
        settings["max_tokens"] = None  # to the end of the model's context
        if budget is not None:
            settings["thinking_token_budget"] = budget + opening.lead
            # Before thinking, while it thinks, its end, and after it.
            settings["max_tokens"] = 2 * decoding.max_new_tokens + budget + 2
        return settings

    def _opening(self, text: str) -> Opening:
        from suite.models.transformers.thinking import opens_thinking

        if self._markers is None or not opens_thinking(text, self._markers):
            return Opening(False)
        rest = text.rpartition(self._markers.start_text)[2]
        return Opening(True, len(self._tokenizer(rest, add_special_tokens=False)["input_ids"]))

    def _nowait(self, rule: NoWaitRule) -> tuple[int, ...]:
        if rule not in self._banned:
            self._banned[rule] = nowait_ids(self._tokenizer, rule) if rule else ()
        return self._banned[rule]

    def _read(self, asked: Asked, line: dict[str, Any], rows: int) -> Generation:
        """The Generation of what vLLM says of a request."""
        from suite.models.transformers.generator import split_thinking
        from suite.models.transformers.thinking import NO_MARKERS, within

        if "error" in line:
            return Generation(error=one_line(str(line["error"])))
        if line["finish"] not in ("stop", "length"):
            return Generation(error=f"vLLM has ended the answer otherwise: {line['finish']}.")
        decoding, ids = asked.request.decoding, list(line["ids"])
        markers, opened = self._markers or NO_MARKERS, asked.opening.opened
        cut, whole = False, len(ids)
        if decoding.thinking:
            kept, cut = within(
                ids, markers, opened, decoding.max_new_tokens, decoding.thinking_budget
            )
            ids = ids[:kept]
        tokens = line["prompt"] + whole
        if len(ids) == whole and line["finish"] == "length" and self._out_of_room(tokens):
            most = self._process.about["tokens"]
            return Generation(
                error=f"The answer has not ended within `max_model_len: {most}` of `engine`, which "
                "is less than the model can read; give more."
            )
        stopped = line["finish"] == "stop" and len(ids) == whole
        thinking, answer = split_thinking(ids[:-1] if stopped else ids, markers, opened)
        texts = self._tokenizer.batch_decode(
            [list(answer), list(thinking)], skip_special_tokens=True
        )
        return Generation(
            text=texts[0].strip(),
            thinking=texts[1].strip(),
            finish_reason=("budget" if cut else "stop") if stopped else "length",
            prompt_tokens=line["prompt"],
            generated_tokens=len(ids),
            seconds=(time.perf_counter() - asked.since) / rows,
        )

    def _out_of_room(self, tokens: int) -> bool:
        """Whether a request of so many tokens ended at a length that is not the model's own."""
        most = self._process.about["tokens"]
        return tokens >= most and (self._context is None or most < self._context)


def _folder(spec: ModelSpec, known: dict[str, Any]) -> Path:
    """Where the checkpoint lies; one on the Hub is fetched."""
    if spec.path is not None:
        return spec.path
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(str(spec.repo), revision=known["commit"], allow_patterns=list(NEEDED))
        )
    except Exception as error:  # the client raises many kinds
        raise SuiteError(
            f"Model {spec.repo} cannot be fetched ({reason_of(error)}); fetch it with "
            f"`hf download {spec.repo}`, or name a local copy with --weights PATH."
        ) from error


def _words(folder: Path, spec: ModelSpec, role: Role) -> tuple[Any, str]:
    """The tokenizer of a checkpoint and its chat template."""
    from transformers import AutoProcessor, AutoTokenizer

    from suite.models.transformers.chat import template_of
    from suite.models.transformers.loading import quiet

    common: dict[str, Any] = {"trust_remote_code": spec.trust_remote_code}
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(str(folder), **common)
            template = template_of(tokenizer)
            if template is None and role == "vlm":  # an older processor has it in a file of its own
                reader: Any = AutoProcessor
                template = template_of(reader.from_pretrained(str(folder), **common))
    except Exception as error:  # whatever a checkpoint's files make of the library
        raise SuiteError(
            f"The tokenizer of {spec.source} cannot be loaded: {reason_of(error)}; take all its "
            "files from one checkpoint."
        ) from error
    if template is None:
        raise SuiteError(
            f"Model {spec.source} has no chat template; add a chat_template.jinja to its folder."
        )
    return tokenizer, template


def _rendered(tokenizer: Any, template: str, told: Mapping[str, Any]) -> str:
    """A conversation of one word as its model reads it, in the form that its template takes."""

    def written(content: Any) -> str:
        return str(
            tokenizer.apply_chat_template(
                [{"role": "user", "content": content}],
                chat_template=template,
                tokenize=False,
                add_generation_prompt=True,
                **told,
            )
        )

    try:
        return written("x")
    except Exception:  # a template that takes parts alone
        return written([{"type": "text", "text": "x"}])


def _context(folder: Path) -> int | None:
    """How many tokens the model can read by its configuration; None where it does not say."""
    config = json_mapping(folder / "config.json")
    found = config.get("text_config", {}).get("max_position_embeddings") or config.get(
        "max_position_embeddings"
    )
    return found if isinstance(found, int) else None


def _visible(device: str, gpus: int) -> list[str] | None:
    """The GPUs of a device and those after it, as CUDA_VISIBLE_DEVICES names them; None is all."""
    kind, _, number = device.partition(":")
    if kind != "cuda" or not number:
        return None
    seen = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    first = int(number)
    return seen[first : first + gpus] or [str(n) for n in range(first, first + gpus)]
