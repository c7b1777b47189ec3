"""Stages: how an item and the text before it become messages. One file a stage.

In: prompts, a template's name, an item and the upstream text. Out: messages of a request.
To add a stage, add suite/stages/<name>.py with a function `messages` of the shape `Render`, and a
method in suite/cells.py that passes through it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from suite.errors import SuiteError
from suite.items import Item
from suite.prompts import Prompts
from suite.requests import Message

Render = Callable[[Prompts, str, Item, str | None], tuple[Message, ...]]
"""(prompts, template, item, upstream text or None) -> messages."""


def list_stages() -> tuple[str, ...]:
    """Names of the stages: the files of this folder."""
    folder = Path(__file__).parent
    return tuple(sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__"))


@cache
def load_stage(name: str) -> Render:
    """The `messages` function of a stage; SuiteError for an unknown one."""
    if name not in list_stages():
        raise SuiteError(f"No stage is called {name!r}; there are {', '.join(list_stages())}.")
    render: Render = importlib.import_module(f"suite.stages.{name}").messages
    return render
