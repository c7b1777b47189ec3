"""Perceive: a vision-language model describes the image, especially the contents to observe.

In: an item and the contents that the instruct stage wrote. Out: images and the perceive prompt;
never the question or the options.
"""

from __future__ import annotations

from suite.items import Item
from suite.prompts import Prompts
from suite.requests import Decoding, Message
from suite.stages import Form

TEMPLATES = {
    "perceive": Form(("contents",), needs="contents", empty="describe"),
    "describe": Form(),
}
DECODING = Decoding()


def messages(
    prompts: Prompts, template: str, item: Item, upstream: str | None
) -> tuple[Message, ...]:
    """The request's messages; `upstream` holds the contents, or None for a plain description."""
    return prompts.render(template, item, contents=upstream, with_images=True)
