"""Reason: a text model answers from a description; it never sees the image.

In: an item and a description (a perceiver's, or the item's gold one). Out: the reasoning prompt.
"""

from __future__ import annotations

from suite.items import Item
from suite.prompts import Prompts
from suite.requests import Message


def messages(
    prompts: Prompts, template: str, item: Item, upstream: str | None
) -> tuple[Message, ...]:
    """The request's messages; `upstream` is the description."""
    return prompts.render(template, item, description=upstream or "", with_images=False)
