"""Stages: what is asked on the way from an item to an answer, a row each.

In: nothing. Out: STAGES, which prompt sets, the study's decoding table, the plan and the walk read,
and EXTRACTION, of which no study asks. A stage declares its templates, with what each may show;
whose text it reads; and how it decodes where a study says nothing. A method of
suite/planning/methods.py passes through stages. No torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from suite.errors import SuiteError, nearest
from suite.requests import Decoding


@dataclass(frozen=True)
class Form:
    """What a template may say; its words are in the prompt set."""

    fields: tuple[str, ...] = ()
    """Fields it may show: `question`, `options` and `letters` of the item, and the one that its
    stage reads. What is left out here can not leak."""
    needs: str | None = None
    """Field without which it would silently ask something else."""
    images: bool = False
    """Whether the item's images stand before the text."""
    empty: str | None = None
    """Template that takes its place where the text of `needs` is empty."""
    like: str | None = None
    """Template whose words it has in a set that gives it none."""
    thinking: str | None = None
    """Template that takes its place where the model thinks, in a set that gives it words: who
    thinks may be asked for steps, and who answers directly for the answer alone."""


@dataclass(frozen=True)
class Stage:
    """One kind of request."""

    name: str
    templates: Mapping[str, Form]
    """Template -> form. No two stages may declare the same template."""
    reads: str | None = None
    """Field that takes the text of the stage before; None for one that is always the first."""
    decoding: Decoding = field(default_factory=Decoding)
    """For studies whose `decoding` has no row of the stage's name."""


_ITEM = ("question", "options", "letters")
_READ = ("description", *_ITEM)

STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        # One model answers alone, with the image (end to end) or without.
        Stage(
            "answer",
            {
                "answer": Form(_ITEM, images=True),
                "blind": Form(_ITEM, like="answer"),
                "text_only": Form(_ITEM, thinking="text_only_think"),
                "text_only_think": Form(_ITEM),
            },
        ),
        # A text model turns the question into a short list of contents to observe. It sees no
        # options: a list made from them would leak them.
        Stage("instruct", {"instruct": Form(("question",), needs="question")}),
        # A vision-language model describes the image, especially these contents. It sees neither
        # question nor options.
        Stage(
            "perceive",
            {
                "perceive": Form(("contents",), needs="contents", images=True, empty="describe"),
                "describe": Form(images=True),
            },
            reads="contents",
        ),
        # A text model answers from the description (a perceiver's, or the item's gold one).
        Stage(
            "reason",
            {
                "reason": Form(_READ, needs="description", thinking="reason_think"),
                "reason_think": Form(_READ, needs="description"),
            },
            reads="description",
            decoding=Decoding(temperature=0.7, top_p=0.8),
        ),
    )
}
"""Every stage. To add one, add a row here, its words to the sets of suite/prompts.yaml, and a row
of METHODS that passes through it."""

EXTRACTION: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        # A pair of question and answer becomes a sentence that needs neither.
        Stage(
            "statements",
            {name: Form(("pairs",), needs="pairs") for name in ("statements", "statements_again")},
            reads="pairs",
        ),
        # The image is described so that the statements can be read off the description.
        Stage(
            "description",
            {"recount": Form(("statements",), needs="statements", images=True)},
            reads="statements",
            decoding=Decoding(max_new_tokens=2048),
        ),
        # A judge says whether a description holds a statement, which stands as its question.
        Stage(
            "judge",
            {"entails": Form(("description", "question"), needs="description")},
            reads="description",
            decoding=Decoding(max_new_tokens=16),
        ),
    )
}
"""Stages of `downscale extract-data`; the contents to observe are asked through `instruct`."""


def _all() -> tuple[Stage, ...]:
    return (*STAGES.values(), *EXTRACTION.values())


def templates() -> dict[str, Form]:
    """Gives every template of every stage, in the order of the stages."""
    return {name: form for stage in _all() for name, form in stage.templates.items()}


def stage_of(template: str) -> Stage:
    """Gives the stage that declares a template; SuiteError for one that none declares."""
    for stage in _all():
        if template in stage.templates:
            return stage
    raise SuiteError(f"No prompt template is called {template!r}{nearest(template, templates())}.")
