"""What a stage asks and what a generator answers: Message, Decoding, Request, Generation.

In: an item, a prompt template and upstream text. Out: small frozen records that every
generator understands, and the key under which the store keeps an answer. No torch here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

from suite.base.json_values import canonical_json

KEY_FORMAT = 2
"""Version of what a key stands for. Raise it when the same content would now give another answer,
so that no store hands out the old ones. 2: finite sampling noise, photographs turned upright."""
SHORT = 16
"""Digits that tell one key from any other where keys are listed and not looked up."""

MARKERS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<seed:think>", "</seed:think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|channel>thought", "<channel|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
)
"""Pairs that published models open and close their thinking with. The last is of GPT-OSS, which
thinks in a channel of its own whatever it is told, and opens another for the answer."""

NoWaitRule = bool | str | tuple[str | int, ...]
"""Which tokens NoWait leaves out: none, those of the paper's words, or those of a list of words and
ids; see `suite.models.nowait`."""

ImageLoader = Callable[[str], bytes]
"""Content hash of an image -> its encoded bytes (PNG or JPEG)."""


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: str
    """`system`, `user` or `assistant`."""
    text: str
    images: tuple[str, ...] = ()
    """SHA-256 content hashes; the images stand before the text of their turn."""


@dataclass(frozen=True)
class Decoding:
    """How text is generated. Two requests that differ here are two requests."""

    max_new_tokens: int = 1024
    """Upper bound on the answer's tokens; with thinking, after the thinking has ended."""
    temperature: float = 0.0
    """0 is greedy."""
    top_p: float = 1.0
    top_k: int = 0
    """0 is no limit."""
    thinking: bool = False
    """Whether the chat template opens the thinking block."""
    thinking_budget: int | None = None
    """Thinking tokens after which the end-of-thinking token is forced; None is no limit."""
    nowait: NoWaitRule = False
    """Never sample tokens of self-reflection (NoWait, arXiv:2511.17487)."""

    def __post_init__(self) -> None:
        if isinstance(self.nowait, list):  # as JSON has it
            object.__setattr__(self, "nowait", tuple(self.nowait))

    @property
    def greedy(self) -> bool:
        """True when the answer does not depend on a seed."""
        return self.temperature <= 0.0


@dataclass(frozen=True)
class Request:
    """One prompt to one generator."""

    task: str
    item_id: str
    messages: tuple[Message, ...]
    decoding: Decoding
    sample: int = 0
    """Index of the sample; always 0 when decoding is greedy."""
    study_seed: int = 0


@dataclass(frozen=True)
class Generation:
    """What came back for one request. A failure is a Generation whose `error` is set."""

    text: str = ""
    """The answer, without the thinking."""
    thinking: str = ""
    """The text inside the thinking block, or empty."""
    finish_reason: str = ""
    """`stop`, `length` (max_new_tokens was hit) or `budget` (thinking was cut, answer ended)."""
    prompt_tokens: int = 0
    generated_tokens: int = 0
    """Thinking and answer together."""
    seconds: float = 0.0
    """Wall time of the batch divided by its rows."""
    error: str | None = None
    """One sentence when the request failed."""


ENDS = ("stop", "length", "budget", "")
"""Every `finish_reason`; a failure has none."""


@runtime_checkable
class Generator(Protocol):
    """Turns requests into generations. A file or folder per implementation in suite/models."""

    @property
    def fingerprint(self) -> dict[str, Any]:
        """JSON-able identity of everything that can change the output: content hashes of weights,
        tokenizer, chat template and processor (or repository and resolved commit), and dtype."""
        ...

    def generate(self, requests: Sequence[Request], images: ImageLoader) -> Iterator[Generation]:
        """Yields one Generation per request, in order. Never raises for a single bad request:
        that is a Generation with `error`. Raises MemoryError-like errors of the backend as
        `OutOfMemory` so that the engine can halve the batch."""
        ...


class OutOfMemory(RuntimeError):
    """A batch did not fit. The engine halves it and tries again."""


_text = json.JSONEncoder(ensure_ascii=False).encode


class Keyer:
    """The keys of requests to one generator with one decoding: what they share is encoded and
    hashed once, which makes many about ten times as fast.

    A key is the SHA-256 (hex) of all that determines the answer. Greedy requests share a key
    wherever generator, decoding and messages agree. Sampled ones also hold study seed, task, item
    and sample index, so that two items never share a sample. So do those to a generator whose
    fingerprint says `per_item` (recorded texts: two items may share a question and still have two
    texts).
    """

    def __init__(self, fingerprint: dict[str, Any], decoding: Decoding) -> None:
        shared = {"decoding": asdict(decoding), "format": KEY_FORMAT, "generator": fingerprint}
        # "messages" and "sampling" sort after these, so the shared part is a prefix of the JSON.
        self._start = hashlib.sha256(canonical_json(shared)[:-1].encode())
        self._per_item = not decoding.greedy or bool(fingerprint.get("per_item"))

    def key(self, request: Request) -> str:
        """The key of a request, which has the decoding of all."""
        rest = ',"messages":' + canonical_json(
            [
                {"images": message.images, "role": message.role, "text": message.text}
                for message in request.messages
            ]
        )
        if self._per_item:
            rest += (
                f',"sampling":{{"item":{_text(request.item_id)},"sample":{request.sample},'
                f'"seed":{request.study_seed},"task":{_text(request.task)}}}'
            )
        digest = self._start.copy()
        digest.update((rest + "}").encode())
        return digest.hexdigest()


def request_key(fingerprint: dict[str, Any], request: Request) -> str:
    """Gives the key of one request to the generator with a fingerprint."""
    return Keyer(fingerprint, request.decoding).key(request)


def request_seed(key: str) -> int:
    """Gives the 63-bit sampling seed of a request: the first bytes of its key."""
    return int(key[:16], 16) >> 1
