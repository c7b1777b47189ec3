"""Instruct: a text model turns the question into a short list of contents to observe.

In: an item. Out: its question alone, without options (a list made from them would leak them).
"""

from __future__ import annotations

from suite.items import Item
from suite.prompts import Prompts
from suite.requests import Decoding, Message
from suite.stages import Form

TEMPLATES = {"instruct": Form(("question",), needs="question")}
DECODING = Decoding()


def messages(
    prompts: Prompts, template: str, item: Item, upstream: str | None
) -> tuple[Message, ...]:
    """The request's messages; `upstream` is not used, this stage is always the first."""
    return prompts.render(template, item, with_images=False)
