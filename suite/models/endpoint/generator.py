"""The endpoint backend: what a server is asked for each request, and what it must not be asked.

In: a ModelSpec with `model`, the name on the server, and requests. Out: Generations, as many at
once as `concurrency` says, images as data URLs. What the server is known not to do is a SuiteError.

The key of an answer holds the model's name. It holds neither address, API key nor concurrency: one
model gives one answer wherever it is served, a finished study is known while no server runs, and a
server that moved goes on. So weights that change need a name, or a store, that is new.

Thinking is read from `reasoning_content`, `reasoning` or think tags. Its budget is the server's own
parameter where it has one (`max_new_tokens` then bounds the answer together with what thinking
left); else a first call thinks, and where the budget ends it, a second goes on from what it wrote.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from suite.errors import SuiteError, Unfinished, nearest, shown
from suite.models.endpoint.replies import Failed
from suite.models.endpoint.server import Rebuild, Server
from suite.models.messages import Unsendable, turn
from suite.models.spec import ModelSpec, Role
from suite.requests import (
    Decoding,
    Generation,
    ImageLoader,
    Request,
    request_key,
    request_seed,
)

CONCURRENCY = 16
"""Requests at once where a checkpoint does not say."""
ROUNDS = 4
"""A batch holds so many times the requests at once, so that few wait for its slowest one."""


@dataclass(frozen=True)
class Kind:
    """What a server takes beside the protocol's own parameters, and takes in earnest."""

    plain: Mapping[str, Any]
    """Values with which its own taste (top_k and penalties of the model's generation_config.json)
    changes nothing."""
    thinking: Mapping[str, Any] = field(default_factory=dict)
    """What lets it show where thinking ends."""
    budget: str | None = None
    """Parameter of the thinking budget."""
    samples: bool = True
    """Whether it samples each request by the request's own seed."""
    streams: bool = True
    """Whether its stream holds the answer and no more."""
    goes_on: bool = True
    """Whether it goes on from an assistant's last message."""
    version: tuple[str, str] | None = None
    """Where it tells its version, and under which name."""


_TASTE = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
_MARKERS = {"skip_special_tokens": False}
OTHER = Kind({})
KINDS = {
    "vllm": Kind(_TASTE, _MARKERS, "thinking_token_budget", version=("/version", "version")),
    "sglang": Kind(_TASTE, _MARKERS),
    "llamacpp": Kind(
        {"top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0}, version=("/props", "build_info")
    ),
    # frequency_penalty is there what the penalty of repetition is more than 1
    # and its stream may begin with the prompt
    "transformers": Kind({"frequency_penalty": 0.0}, samples=False, streams=False, goes_on=False),
}
"""Servers by what they call themselves in their list of models; any other is OTHER."""
STREAM = "stream_options"
OPTIONAL = (
    *(STREAM, "chat_template_kwargs"),
    *(kind.budget for kind in KINDS.values() if kind.budget),
)
"""Parameters that are left out once a server refuses them by name. Whether it thought and kept the
budget is seen in what it answers, and without a stream it counts tokens unasked."""


def endpoint_identity(
    spec: ModelSpec, role: Role, dtype: str = "auto", device: str = "auto"
) -> dict[str, Any]:
    """Gives the fingerprint of a model on a server: its name. No server is asked."""
    told = {"thinking": spec.thinks} if spec.thinks else {}
    return {"generator": "endpoint", "model": spec.model, **told}


class EndpointGenerator:
    """A model on a server. Requests are sent from a thread of its own, so that it works in a
    notebook, which has its own event loop, and Ctrl-C waits for nobody."""

    def __init__(self, spec: ModelSpec, role: Role = "text", **settings: Any) -> None:
        """Asks the server nothing yet; `settings` are of models on this machine. SuiteError without
        an address, its key or the package openai."""
        self._server = Server(spec, OPTIONAL)
        self._model = str(spec.model)
        self._fingerprint = endpoint_identity(spec, role)
        self._thinks = spec.thinks
        self.concurrency = spec.concurrency or CONCURRENCY
        self.batches_of = ROUNDS * self.concurrency
        self._kind: Kind | None = None
        self.versions: dict[str, str] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Name of the model."""
        return self._fingerprint

    def news(self) -> list[str]:
        """Gives what a person is told: parameters that the server refused."""
        lines, self._server.notes = self._server.notes, []
        return lines

    def close(self) -> None:
        """Ends the connections and the thread."""
        with suppress(Exception):
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _end(self) -> None:
        await self._server.close()
        await self._loop.shutdown_asyncgens()
        left = asyncio.all_tasks() - {asyncio.current_task()}  # streams that close, and the asked
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def generate(self, requests: Sequence[Request], images: ImageLoader) -> Iterator[Generation]:
        """Gives one Generation per request, in order. SuiteError for what the server cannot do and
        for a wrong address, model or key; Unfinished where it has stopped answering."""
        if self._server.lost:  # the requests that met it are stored with the reason
            raise Unfinished(self._server.lost)
        started = time.perf_counter()
        future = asyncio.run_coroutine_threadsafe(self._all(requests, images), self._loop)
        try:
            answers = future.result()
        except BaseException:
            future.cancel()
            raise
        seconds = (time.perf_counter() - started) / max(1, len(requests))
        yield from (replace(a, seconds=seconds) if a.error is None else a for a in answers)

    async def _all(self, requests: Sequence[Request], images: ImageLoader) -> list[Generation]:
        kind = self._kind = self._kind or await self._look()
        for decoding in {request.decoding: None for request in requests}:
            self._check(decoding, kind)
        room = asyncio.Semaphore(self.concurrency)

        async def one(request: Request) -> Generation:
            async with room:
                try:
                    messages = [turn(m, images, request) for m in request.messages]
                    while True:
                        with suppress(Rebuild):
                            return await self._answer(request, messages, kind)
                except (Failed, Unsendable) as error:
                    return Generation(error=self._server.sentence(str(error)))

        tasks = [asyncio.ensure_future(one(request)) for request in requests]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _look(self) -> Kind:
        """Finds out what kind of server it is, and that it serves the model."""
        try:
            listed = await self._server.models()
        except Failed as error:
            raise Unfinished(self._server.lost or self._server.sentence(str(error))) from None
        known = {str(entry.get("id")): entry for entry in listed}
        first = known.get(self._model) or next(iter(known.values()), {})
        name = str(first.get("owned_by") or "").lower()
        if name not in KINDS and isinstance(first.get("status"), dict):
            name = "transformers"  # names the model's owner there, and loads what it is asked for
        elif known and self._model not in known:
            raise SuiteError(
                f"The server at {self._server.url} does not serve {shown(self._model)}"
                f"{self._server.said(nearest(self._model, known))}; correct `model` in the family "
                "file."
            )
        kind = KINDS.get(name, OTHER)
        if kind.version and (told := await self._server.version(*kind.version)):
            self.versions = {f"server of {self._model}": f"{name} {told}"}
        return kind

    def _check(self, decoding: Decoding, kind: Kind) -> None:
        """SuiteError for what would be left out of a decoding without a word."""
        lacks = ""
        if decoding.nowait:
            lacks = "cannot do NoWait, which needs the model's vocabulary: remove `nowait`"
        elif decoding.thinking and decoding.thinking_budget is None:
            lacks = "thinks within a budget alone: give `thinking_budget` a number"
        elif not decoding.greedy and not kind.samples:
            lacks = "(transformers serve) has no seed for each request: set `temperature: 0`"
        elif decoding.top_k and "top_k" not in kind.plain:
            lacks = "is not known to obey `top_k`: remove it"
        if lacks:
            raise SuiteError(
                f"Model {shown(self._model)} is asked through a server, which {lacks} in the "
                "study's `decoding`, or use the generator transformers."
            )

    async def _answer(
        self, request: Request, messages: list[dict[str, Any]], kind: Kind
    ) -> Generation:
        """Asks once, or twice where thinking is to be ended."""
        decoding, extra = request.decoding, self._parameters(request, kind)
        budget = decoding.thinking_budget or 0
        own = kind.budget if kind.budget not in self._server.without else None
        if decoding.thinking:
            extra["max_tokens"] = budget + (decoding.max_new_tokens if own else 0)
            extra |= {own: budget} if own else {}
        reply = await self._server.reply(messages, extra)
        thinking, answer = reply.parts(decoding.thinking)
        over = reply.finish == "length"
        if not decoding.thinking or not over or (own and answer is not None):
            spent = own is not None and not over and reply.thinking_tokens >= budget > 0
            return reply.generation(thinking, answer or "", "budget" if spent else reply.finish)
        if own:
            raise Failed(f"the server has not ended the thinking after its {budget:,} tokens")
        if not kind.goes_on:
            raise Failed(
                f"thinking and answer have not ended within the budget of {budget:,} tokens, and "
                "the server (transformers serve) does not go on from there; give more"
            )
        # Thinking, or the answer after it, was cut where the budget is used up.
        extra["max_tokens"] = decoding.max_new_tokens
        extra |= {"continue_final_message": True, "add_generation_prompt": False}
        so_far = {"role": "assistant", "content": reply.so_far()}
        rest = await self._server.reply([*messages, so_far], extra)
        if rest.has_thinking:
            raise Failed("the server began to think anew where it should have gone on to answer")
        ended = "budget" if answer is None and rest.finish == "stop" else rest.finish
        both = replace(reply, generated_tokens=reply.generated_tokens + rest.generated_tokens)
        return both.generation(thinking, (answer or "") + rest.text, ended)

    def _told(self, thinking: bool) -> dict[str, Any]:
        """Variables of the server's chat template: the family's, or the name that most have."""
        given = self._thinks.get("on" if thinking else "off")
        return {"enable_thinking": thinking} if given is None else dict(given)

    def _parameters(self, request: Request, kind: Kind) -> dict[str, Any]:
        decoding = request.decoding
        extra = {
            **kind.plain,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "max_tokens": decoding.max_new_tokens,
            "stream": kind.streams and STREAM not in self._server.without,
            STREAM: {"include_usage": True},
            "chat_template_kwargs": self._told(decoding.thinking),
        }
        extra |= kind.thinking if decoding.thinking else {}
        if decoding.top_k:
            extra["top_k"] = decoding.top_k
        if not decoding.greedy:  # 31 bits, which every server takes
            extra["seed"] = request_seed(request_key(self._fingerprint, request)) % 2**31
        left = self._server.without if extra["stream"] else {STREAM, *self._server.without}
        return {name: value for name, value in extra.items() if name not in left}
