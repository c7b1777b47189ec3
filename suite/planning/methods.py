"""Methods: the ways to get from an item to an answer, a row each.

In: nothing. Out: METHODS, which studies name and cells expand: the stages a method passes, which of
the cell's models does each, and how it decodes; of a named method also which perceiver looks and
whether the reasoner thinks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from suite.models.spec import Role

Who = Literal["perception", "reasoning", "instruct"]
ROLES: dict[Who, Role] = {"perception": "vlm", "reasoning": "text", "instruct": "text"}


@dataclass(frozen=True)
class Link:
    """One stage of a method."""

    stage: str
    """A row of STAGES."""
    template: str
    """Template in the prompt set."""
    who: Who
    """Which of the cell's models does it."""
    decoding: str
    """Entry of the study's decoding table, used without thinking."""


@dataclass(frozen=True)
class Method:
    """A way to get from an item to an answer."""

    name: str
    meaning: str
    links: tuple[Link, ...]
    """In order; the last one answers."""
    gold: bool = False
    """Whether the first link reads the item's gold description."""
    perceiver: str | None = None
    """Which of a size's perceivers looks; None: the one that the study's row names."""
    thinking: bool | None = None
    """Whether the last link thinks; None: as the study's row says."""

    def uses(self, who: Who) -> bool:
        """Whether one of the links is done by `who`."""
        return any(link.who == who for link in self.links)


_INSTRUCT = Link("instruct", "instruct", "instruct", "instruct")
_PERCEIVE = Link("perceive", "perceive", "perception", "perceive")
_REASON = Link("reason", "reason", "reasoning", "reason")
_CHAIN = (_INSTRUCT, _PERCEIVE, _REASON)

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "end_to_end",
            "the vision-language model sees and answers",
            (Link("answer", "answer", "perception", "answer"),),
        ),
        Method(
            "blind",
            "the vision-language model answers without the image",
            (Link("answer", "blind", "perception", "answer"),),
        ),
        Method(
            "text_only",
            "the text model answers without any description",
            (Link("answer", "text_only", "reasoning", "reason"),),
        ),
        Method(
            "decoupled",
            "contents to observe, then a description, then an answer from it",
            _CHAIN,
        ),
        Method(
            "caption_think",
            "decoupled: perception trained by captioning, thinking reasoning",
            _CHAIN,
            perceiver="caption",
            thinking=True,
        ),
        Method(
            "extract_think",
            "decoupled: perception trained by visual extraction, thinking reasoning",
            _CHAIN,
            perceiver="extract",
            thinking=True,
        ),
        Method(
            "extract_think_scratch",
            "the same with a perceiver that saw nothing but extraction data",
            _CHAIN,
            perceiver="extract_scratch",
            thinking=True,
        ),
        Method(
            "prism",
            "decoupled: a captioner with a reasoner that answers directly, both large in the paper",
            _CHAIN,
            perceiver="caption",
            thinking=False,
        ),
        Method("oracle", "the text model answers from the gold description", (_REASON,), gold=True),
    )
}
"""Every method. To add one, add a row; a stage it needs is a row of suite/planning/stages.py."""
