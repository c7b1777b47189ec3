"""Answer: one model answers alone, with the image (end to end) or without (blind, text_only).

In: an item. Out: its question and options, and its images where the template is `answer`.
"""

from __future__ import annotations

from suite.items import Item
from suite.prompts import Prompts
from suite.requests import Decoding, Message
from suite.stages import Form

_FIELDS = ("question", "options", "letters")
TEMPLATES = {
    "answer": Form(_FIELDS),
    "blind": Form(_FIELDS, like="answer"),
    "text_only": Form(_FIELDS),
}
DECODING = Decoding()
SEES = frozenset({"answer"})
"""Templates that show the images."""


def messages(
    prompts: Prompts, template: str, item: Item, upstream: str | None
) -> tuple[Message, ...]:
    """The request's messages; `upstream` is not used, this stage is always the first."""
    return prompts.render(template, item, with_images=template in SEES)
