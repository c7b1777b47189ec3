"""One server: asks it, waits and asks again where it may answer another time.

In: messages and parameters of a chat completion. Out: a Reply; Failed where there is none, with the
reason; SuiteError for an address, model or key that is wrong. A server that answers nothing any
more is `lost`, and is asked no further. The value of the API key reaches the server alone.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from suite.base.json_values import read_json
from suite.errors import SAID, SuiteError, cut, one_line, public, shown
from suite.models.endpoint.replies import Failed, Reply
from suite.models.spec import ModelSpec, checked_url

T = TypeVar("T")

ADDRESS = "DOWNSCALE_ENDPOINT"
"""Environment variable: the address of checkpoints that have no `url`."""
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Seconds before each further try. Up to half of them is taken off by chance, so that requests that
failed together do not come back together."""
LONGEST_WAIT = 600.0
"""Seconds that a server may ask for (`Retry-After`); where it asks for more, the next run tries."""
TIMEOUT = 600.0
"""Seconds without a word from the server."""
SECRET = 8
"""Letters from which an API key is looked for in answers; shorter ones (EMPTY) are words."""
VERSION = re.compile(r"[\w.+-]{1,40}")

pause = asyncio.sleep


class _Again(Exception):
    """The server may answer another time. wait: the seconds that it asked for. busy: whether it
    turned the request away because there are too many."""

    def __init__(self, reason: str, wait: float = 0.0, *, busy: bool = False) -> None:
        super().__init__(reason)
        self.wait, self.busy = wait, busy


class Rebuild(Exception):
    """A parameter was refused that can be left out: it is in `without` now."""


class Server:
    """A server and one model on it. All methods but the first run in one event loop."""

    def __init__(self, spec: ModelSpec, optional: Collection[str]) -> None:
        """optional: parameters that are left out once the server refuses them by name."""
        try:
            import openai
        except ImportError:
            raise SuiteError(
                "Asking a server needs the package openai; install it with "
                '`pip install "downscaling-suite[endpoint]"`.'
            ) from None
        self._openai: Any = openai
        self._model = str(spec.model)
        given = spec.url or os.environ.get(ADDRESS, "")
        if not given.strip():
            raise SuiteError(
                f"Model {shown(self._model)} has no address: give `url` in the family file or the "
                f"environment variable {ADDRESS}."
            )
        self.url = checked_url(
            given, "`url`" if spec.url else f"The environment variable {ADDRESS}"
        )
        self._key = _api_key(spec.api_key_env)
        self._optional = optional
        self.without: set[str] = set()
        """Parameters that the server has refused."""
        self.notes: list[str] = []
        """What a person is to be told."""
        self.lost = ""
        """Why the server answers nothing any more, in a sentence."""
        self._not_before = 0.0
        # Without a key the client would take OPENAI_API_KEY, which is another server's.
        self._client: Any = openai.AsyncOpenAI(
            api_key=self._key or "none",
            base_url=self.url,
            timeout=openai.Timeout(TIMEOUT, connect=min(TIMEOUT, 10.0)),
            max_retries=0,
        )

    async def close(self) -> None:
        """Ends the connections."""
        await self._client.close()

    async def models(self) -> list[dict[str, Any]]:
        """Gives the server's list of models; empty where it has none."""
        return await self._retried(self._models)

    async def version(self, path: str, name: str) -> str:
        """Gives the version that the server tells at a path beside its API; empty without one."""
        address = self.url.rstrip("/").removesuffix("/v1") + path
        try:
            content = await self._client.get(address, cast_to=object, options={"timeout": 10.0})
        except self._openai.OpenAIError:
            return ""
        told = content.get(name) if isinstance(content, dict) else None
        said = self.said(told) if isinstance(told, str) else ""
        return said if VERSION.fullmatch(said) else ""

    async def reply(self, messages: list[dict[str, Any]], extra: dict[str, Any]) -> Reply:
        """Gives the answer to one call. Failed where there is none, Rebuild where `extra` has to be
        made anew."""
        reply = await self._retried(lambda: self._once(messages, extra))
        reply.check()
        if len(self._key) >= SECRET and self._key in reply.text + reply.thinking:
            raise Failed("the server's answer holds the API key, and is not kept")
        return reply

    def sentence(self, reason: str) -> str:
        """Gives a reason as a record holds it: one line without the API key, addresses as others
        may see them."""
        said = self.said(reason)
        return f"{said[:1].upper()}{said[1:].rstrip('.')}."

    def said(self, text: str) -> str:
        """Gives what a server says so that it may be shown."""
        text = text.replace(self._key, "***") if self._key else text
        return cut(one_line(public(text)), 2 * SAID)

    async def _retried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What an attempt gives, made again after pauses."""
        tries, busy, reason = 0, False, ""
        for seconds in (*PAUSES, None):
            if self.lost:
                raise Failed(self.lost)
            if (wait := self._not_before - time.monotonic()) > 0:
                await pause(wait)
            try:
                tries += 1
                return await attempt()
            except _Again as error:
                reason, busy, wait = str(error), error.busy, error.wait
            if seconds is None or wait > LONGEST_WAIT:
                break
            if wait:  # no request is wanted before
                self._not_before = max(self._not_before, time.monotonic() + wait)
            await pause(max(seconds * random.uniform(0.5, 1.0), wait))
        times = f"{tries} times" if tries > 1 else "once"
        reason = f"the server at {self.url} {reason} (asked {times})"
        if busy or not await self._reachable():
            self.lost = self.sentence(
                f"{reason}; run the same command again once it answers, all that was finished is "
                "kept"
            )
        raise Failed(reason)

    async def _reachable(self) -> bool:
        with suppress(_Again):
            await self._models()
            return True
        return False

    async def _models(self) -> list[dict[str, Any]]:
        try:
            content = await self._client.get("/models", cast_to=object)
        except self._openai.APIStatusError as error:
            if error.status_code in (401, 403, 429) or error.status_code >= 500:
                self._raise_status(error, {})
            return []  # a server may answer without a list
        except self._openai.APIConnectionError as error:
            raise _Again(_how(error)) from None
        except self._openai.OpenAIError:
            return []
        listed = content.get("data") if isinstance(content, dict) else None
        return [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []

    async def _once(self, messages: list[dict[str, Any]], extra: dict[str, Any]) -> Reply:
        """One call. Raises _Again, Rebuild, Failed or SuiteError."""
        try:
            raw = await self._client.chat.completions.with_raw_response.create(
                model=self._model, messages=messages, stream=extra["stream"], extra_body=extra
            )
            return await _read(raw)
        except self._openai.APIStatusError as error:
            self._raise_status(error, extra)
        except self._openai.APIConnectionError as error:
            raise _Again(_how(error)) from None
        except self._openai.APIError as error:  # an event of the stream
            raise Failed(f"the server broke off with an error: {error.message}") from None
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise Failed("the server's answer is no chat completion in JSON") from None
        except Exception as error:
            if not type(error).__module__.startswith("httpx"):
                raise
            raise _Again(_how(error)) from None
        raise AssertionError  # `_raise_status` raises

    def _raise_status(self, error: Any, sent: Mapping[str, Any]) -> None:
        """Raises what an HTTP status means."""
        status, said = error.status_code, _message(error.body)
        if status in (408, 409, 429) or status >= 500:
            wait = _retry_after(error.response.headers)
            raise _Again(f"answered {status}{said}", wait, busy=status == 429) from None
        if status in (401, 403):
            raise SuiteError(
                f"The server at {self.url} refuses the API key ({status}{self.said(said)}); "
                "name the environment variable that holds it in the family file: `api_key_env`."
            ) from None
        if status == 404:
            raise SuiteError(
                f"The server at {self.url} has no model {shown(self._model)}, or its address is "
                f"another, which mostly ends with /v1 (404{self.said(said)})."
            ) from None
        refused = [name for name in self._optional if name in sent and name in said]
        if status in (400, 422) and refused:
            self.notes += [
                f"The server at {public(self.url)} refuses `{name}`: it is asked without."
                for name in refused
                if name not in self.without
            ]
            self.without.update(refused)
            raise Rebuild from None
        raise Failed(f"the server refused the request ({status}{said})") from None


async def _read(raw: Any) -> Reply:
    """A response, streamed or whole. ValueError, TypeError or AttributeError for another form."""
    reply, kind = Reply(), raw.headers.get("content-type", "").partition(";")[0].strip()
    try:
        if kind == "text/event-stream":
            async with raw.parse() as stream:
                async for part in stream:
                    reply.add(part.model_dump(warnings=False))
        elif kind == "application/json":  # of a server that does not stream
            reply.add(read_json(await raw.http_response.aread()))
        else:
            raise Failed(
                f"the server answered with {shown(kind)} in place of JSON; check `url`, which "
                "mostly ends with /v1"
            )
    finally:
        await raw.http_response.aclose()
    return reply


def _message(body: Any) -> str:
    """What a server says of an error, after a colon; of a page of HTML nothing."""
    for key in ("error", "message", "detail"):
        body = body.get(key, body) if isinstance(body, dict) else body
    text = str(body if body is not None else "").strip()
    return "" if not text or text.startswith("<") else f": {text}"


def _how(error: Exception) -> str:
    """How a connection failed, by the kinds of the errors: their words may hold headers."""
    causes = (error, error.__cause__, error.__context__)
    kinds = [type(cause).__name__ for cause in causes if cause is not None]
    if any(kind.startswith("Connect") for kind in kinds):
        return "cannot be reached"
    if any("Timeout" in kind for kind in kinds):
        return f"has said nothing for {TIMEOUT:g} seconds"
    return "dropped the connection"


def _api_key(variable: str | None) -> str:
    """The value of the variable, which no message shows; empty where none is named."""
    if variable is None:
        return ""
    key = os.environ.get(variable, "")
    if not key:
        raise SuiteError(
            f"The environment variable {shown(variable)}, which the family file names as "
            "`api_key_env`, is not set."
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise SuiteError(
            f"The environment variable {shown(variable)} holds a space, a line break or a letter "
            "that no API key has."
        )
    return key


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that a server asks to wait, given as a number or a date; 0 where it does not."""
    with suppress(ValueError):
        return max(0.0, float(headers.get("retry-after-ms", "")) / 1000)
    given = headers.get("retry-after", "")
    with suppress(ValueError):
        return max(0.0, float(given))
    with suppress(ValueError, TypeError):
        date = parsedate_to_datetime(given)
        return max(0.0, (date - datetime.now(date.tzinfo or UTC)).total_seconds())
    return 0.0
