"""Reason: a text model answers from a description; it never sees the image.

In: an item and a description (a perceiver's, or the item's gold one). Out: the reasoning prompt.
"""

from __future__ import annotations

from suite.items import Item
from suite.prompts import Prompts
from suite.requests import Decoding, Message
from suite.stages import Form

TEMPLATES = {"reason": Form(("description", "question", "options", "letters"), needs="description")}
DECODING = Decoding(temperature=0.7, top_p=0.8)


def messages(
    prompts: Prompts, template: str, item: Item, upstream: str | None
) -> tuple[Message, ...]:
    """The request's messages; `upstream` is the description."""
    return prompts.render(template, item, description=upstream or "", with_images=False)
