"""Messages -> the text and the tensors that a model reads.

In: requests and the bytes of their images. Out: the rendered chat prompt of each, decoded images,
and the batch of a tokenizer or processor, padded on the left.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from math import prod
from typing import Any

from PIL import Image

from suite.base.images import Unreadable
from suite.errors import SuiteError
from suite.models.transformers.loading import BadRequest, Loaded
from suite.models.transformers.thinking import switch_of
from suite.requests import MARKERS, ImageLoader, Message, Request
from tasks.pictures import NoPicture, max_pixels, opened, shown, too_many

TODAY = date(2025, 1, 1)
"""What a chat template that tells the model today's date (Llama 3, SmolLM3) gets for it: an answer
depends on its request, not on the day."""
_PARTS = ("%d", "%m", "%Y", "%y", "%B", "%b", "%A", "%a", "%H", "%M", "%S")
_WRITTEN = "".join(f" | replace('{part}', '{TODAY.strftime(part)}')" for part in _PARTS)
CLOCK = f"{{%- macro strftime_now(format) -%}}{{{{ format{_WRITTEN} }}}}{{%- endmacro -%}}"
"""Stands before such a template, in place of the library's clock, which no argument replaces."""

AT_ONCE = 4
"""Requests whose images, each request's as many pixels as are allowed, are decoded at once."""


SECONDS, LETTERS = 10.0, 10_000_000
"""Processor time that rendering a chat template may take (it takes milliseconds), and letters that
it may write."""


@contextmanager
def _bounded(model: str) -> Iterator[None]:
    """Inside, a chat template comes to an end: BadRequest beyond SECONDS or LETTERS.

    The sandbox bounds one loop but not loops in loops, so each line of the template looks at the
    clock, and each text that it yields is counted. Within a line a timer looks (`7 ** (7 ** 9)` is
    one), again and again, as jinja takes what is raised where it computes a constant for a no.
    """
    end, written = time.thread_time() + SECONDS, 0

    def look(*about: Any) -> None:
        if time.thread_time() > end:
            raise BadRequest(f"The chat template of {model} has not ended after {SECONDS:g} s.")

    def line(frame: Any, event: str, argument: Any) -> Any:
        nonlocal written
        if frame.f_code.co_filename != "<template>":  # what jinja calls the code it has made
            return None
        written += len(argument) if event == "return" and isinstance(argument, str) else 0
        if written > LETTERS:
            raise BadRequest(f"The chat template of {model} writes more than {LETTERS:,} letters.")
        look()
        return line

    before = sys.gettrace()
    # A signal comes to the main thread alone, where models answer, and not on Windows.
    timed = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
    if timed:
        handler = signal.signal(signal.SIGVTALRM, look)
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS / 10, SECONDS / 10)
    sys.settrace(line)
    try:
        yield
    except (RecursionError, MemoryError) as error:
        what = "calls itself without end" if isinstance(error, RecursionError) else "fills memory"
        raise BadRequest(f"The chat template of {model} {what}.") from error
    finally:
        if timed:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, handler)
        sys.settrace(before)


@dataclass(frozen=True)
class Prompt:
    """One request as its model reads it."""

    request: Request
    text: str
    """After the chat template, with the model's image placeholders."""
    images: tuple[Image.Image, ...]
    opening: str
    """Where to look for a thinking block that the template has opened: `text`, or its end after the
    last message where a message itself speaks of such blocks."""


def prompt(loaded: Loaded, request: Request, images: ImageLoader) -> Prompt:
    """Renders one request. Raises BadRequest for an image that cannot be read."""
    names = _names(request)
    try:
        if (count := pixels(request, images)) > max_pixels():
            raise BadRequest(
                f"its {len(names)} images have {count:,} pixels, {too_many(max_pixels())}."
            )
        pictures = tuple(_open(images, name, shown) for name in names)
    except BadRequest as error:
        raise BadRequest(f"{request.task}, item {request.item_id}: {error}") from error
    if pictures and loaded.processor is None:
        raise BadRequest("The request shows images, and the model reads text alone.")
    conversation = [_turn(message, loaded.processor is not None) for message in request.messages]
    thinking = request.decoding.thinking
    text = opening = _rendered(loaded, conversation, thinking)
    words = [mark for pair in MARKERS for mark in pair]
    if any(word in message.text for message in request.messages for word in words):
        opening = text.removeprefix(_rendered(loaded, conversation, thinking, opened=False))
    return Prompt(request, text, pictures, opening)


def _rendered(
    loaded: Loaded, conversation: Sequence[Any], thinking: bool, *, opened: bool = True
) -> str:
    """What the chat template makes of a conversation; `opened` ends it where the answer begins."""
    template = template_of(loaded.processor, loaded.tokenizer)
    model = loaded.model.name_or_path
    if not template:
        raise SuiteError(
            f"Model {model} has no chat template; add a chat_template.jinja to its folder, or name "
            "one with `chat_template:` in the family file."
        )
    with _bounded(model):
        text: str = loaded.tokenizer.apply_chat_template(
            conversation,
            chat_template=template,
            tokenize=False,
            add_generation_prompt=opened,
            **switch_of(template, loaded.thinks).told(thinking),
        )
    return text


def both_ways(loaded: Loaded) -> tuple[str, str] | None:
    """Gives how a short question is asked with thinking and without it; None where the template
    makes nothing of it, which the requests will say."""
    message = Message("user", "?")
    try:
        texts = [_rendered(loaded, [_turn(message, loaded.processor is not None)], thinking)
                 for thinking in (True, False)]  # fmt: skip
    except Exception:  # a template may raise anything
        return None
    return texts[0], texts[1]


def template_of(*owners: Any) -> str | None:
    """Gives the chat template of the first that has one, a processor or a tokenizer; of several,
    the one for plain conversations."""
    for owner in owners:
        template = getattr(owner, "chat_template", None)
        if isinstance(template, dict):
            template = template.get("default")
        if isinstance(template, str) and template:
            return CLOCK + template if "strftime_now" in template else template
    return None


def _turn(message: Message, sees: bool) -> dict[str, Any]:
    if not sees:
        return {"role": message.role, "content": message.text}
    parts: list[dict[str, str]] = [{"type": "image"} for _ in message.images]
    return {"role": message.role, "content": [*parts, {"type": "text", "text": message.text}]}


def _open(images: ImageLoader, name: str, read: Callable[[bytes], Image.Image]) -> Image.Image:
    """What `read` makes of an image's bytes; BadRequest for one that cannot be read."""
    try:
        return read(images(name))
    except Unreadable as error:
        raise BadRequest(str(error)) from error
    except (NoPicture, KeyError) as error:
        reason = "no item has it" if isinstance(error, KeyError) else error
        raise BadRequest(f"Image {name[:12]} cannot be read: {reason}.") from error


def together(requests: Sequence[Request], images: ImageLoader) -> Iterator[Sequence[Request]]:
    """Splits a batch into parts of which each decodes no more pixels at once than AT_ONCE requests
    may have."""
    room, start, taken = AT_ONCE * max_pixels(), 0, 0
    for index, request in enumerate(requests):
        own = pixels(request, images)
        if taken and taken + own > room:
            yield requests[start:index]
            start, taken = index, 0
        taken += own
    yield requests[start:]


def pixels(request: Request, images: ImageLoader) -> int:
    """Counts the pixels of a request's images without decoding them; none where one is none."""
    try:
        return sum(prod(_open(images, name, _header).size) for name in _names(request))
    except BadRequest:  # `prompt` says it
        return 0


def _header(data: bytes) -> Image.Image:
    return opened(data, load=False)


def _names(request: Request) -> list[str]:
    return [name for message in request.messages for name in message.images]


def read(loaded: Loaded, prompts: Sequence[Prompt]) -> Any:
    """Gives the batch, on the CPU. All prompts of a batch show as many images."""
    settings = {
        "padding": True,
        "padding_side": "left",
        "add_special_tokens": False,  # the chat template has written them
        "return_tensors": "pt",
    }
    texts = [prompt.text for prompt in prompts]
    if any(prompt.images for prompt in prompts):
        images = [list(prompt.images) for prompt in prompts]
        return loaded.processor(text=texts, images=images, **settings)
    batch = loaded.tokenizer(texts, **settings)
    return {name: batch[name] for name in ("input_ids", "attention_mask")}


def moved(loaded: Loaded, batch: Any) -> Any:
    """Gives a batch that was read on the model's device."""
    if isinstance(batch, dict):
        return {name: tensor.to(loaded.device) for name, tensor in batch.items()}
    return batch.to(loaded.device, loaded.model.dtype)  # what a processor gives


def tensors(loaded: Loaded, prompts: Sequence[Prompt]) -> Any:
    """Gives the batch on the model's device."""
    return moved(loaded, read(loaded, prompts))
