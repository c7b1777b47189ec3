"""Stages: how an item and the text before it become messages. One file a stage.

In: prompts, a template's name, an item and the upstream text. Out: messages of a request.
A stage is a file suite/stages/<name>.py that holds what `Stage` lists: the function `messages`, its
TEMPLATES with the fields that each may show, and its DECODING where a study says nothing. Prompt
sets, the study's decoding table and the plan learn of it here; a method of suite/cells.py passes
through it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from suite.errors import SuiteError, nearest
from suite.requests import Decoding, Message

if TYPE_CHECKING:
    from suite.items import Item
    from suite.prompts import Prompts

Render = Callable[["Prompts", str, "Item", str | None], tuple[Message, ...]]
"""(prompts, template, item, upstream text or None) -> messages."""


@dataclass(frozen=True)
class Form:
    """What a template may say; its words are in the prompt set."""

    fields: tuple[str, ...] = ()
    """Fields it may show: `question`, `options` and `letters` of the item, and texts that
    `messages` hands over by name. What is left out here can not leak."""
    needs: str | None = None
    """Field without which it would silently ask something else."""
    empty: str | None = None
    """Template that takes its place where the text of `needs` is empty."""
    like: str | None = None
    """Template whose words it has in a set that gives it none."""


@dataclass(frozen=True)
class Stage:
    """What a file of this folder declares."""

    name: str
    messages: Render
    """Its function of that name."""
    templates: Mapping[str, Form]
    """Its TEMPLATES: name -> form. No two stages may declare the same name."""
    decoding: Decoding
    """Its DECODING, for studies whose `decoding` has no row of the stage's name."""


def list_stages() -> tuple[str, ...]:
    """Names of the stages: the modules of this package."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def load_stage(name: str) -> Stage:
    """A stage by name; SuiteError for an unknown one, and for a file that declares no stage."""
    known = list_stages()
    if name not in known:
        raise SuiteError(f"No stage is called {name!r}; there are {', '.join(known)}.")
    module = importlib.import_module(f"{__name__}.{name}")
    for part in ("messages", "TEMPLATES", "DECODING"):
        if not hasattr(module, part):
            raise SuiteError(f"Stage file {module.__file__} declares no `{part}`; add it.")
    return Stage(name, module.messages, module.TEMPLATES, module.DECODING)


def templates() -> Mapping[str, Form]:
    """Every template of every stage, in the order of the stages."""
    return _templates(tuple(__path__))


def form_of(template: str) -> Form:
    """The form of a template; SuiteError for one that no stage declares."""
    known = templates()
    if template not in known:
        raise SuiteError(f"No prompt template is called {template!r}{nearest(template, known)}.")
    return known[template]


@cache
def _templates(folders: tuple[str, ...]) -> dict[str, Form]:
    """`folders`, where the stages lie, makes the memory forget when a folder is added."""
    found: dict[str, Form] = {}
    for name in list_stages():
        for template, form in load_stage(name).templates.items():
            if template in found:
                raise SuiteError(
                    f"Stage {name!r} declares template {template!r}, which another stage has; "
                    "rename it."
                )
            found[template] = form
    return found
