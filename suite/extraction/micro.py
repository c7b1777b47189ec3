"""Conversations about the drawn world, whose teacher is the world itself.

In: a folder and a number. Out: pictures and conversations in it, and the gold texts: what to
observe, what is so, and of each picture the description that training's extraction rows teach.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from suite.base.files import write_changed, write_whole
from suite.extraction.conversations import EMBEDDED, TEXTS
from suite.extraction.teacher import Texts
from suite.models.transformers.onevision import MARK
from tasks.micro import questions as q
from tasks.micro.draw import draw as picture
from tasks.micro.draw import png
from tasks.micro.language import extract
from tasks.micro.lessons import ask
from tasks.micro.scene import TRAIN, sample_scene

COUNT = 200
STATED = ("color", "size", "digit", "place", "shape_at", "background_choice", "quality", "largest")
"""Kinds of question whose steps are one sentence that states the answer and can be seen."""
PAIRS = (1, 3)
"""Fewest and most questions about a picture."""


def draw(folder: Path, limit: int | None = None) -> tuple[Path, Texts]:
    """Draws conversations, COUNT or `limit` of them, and gives their file and the gold texts."""
    rows: list[dict[str, Any]] = []
    gold: dict[tuple[str, str], str] = {}
    for index in range(COUNT if limit is None else limit):
        id, rng = f"micro-{index}", random.Random(f"extraction/{index}")
        scene = sample_scene(rng, TRAIN)
        asked = _questions(rng, scene)
        name = f"{EMBEDDED}/{id}.png"
        if not (folder / name).is_file():
            write_whole(folder / name, png(picture(scene)))
        turns = [
            {"from": who, "value": text}
            for number, question in enumerate(asked)
            for who, text in (
                ("human", f"{MARK}\n{question.text}" if number == 0 else question.text),
                ("gpt", question.answer),
            )
        ]
        rows.append({"id": id, "image": name, "conversations": turns})
        gold["contents", id] = ", ".join(question.contents for question in asked) + "."
        gold["statements", id] = "\n".join(question.steps for question in asked)
        subjects = [subject for question in asked for subject in question.subjects]
        gold["description", id] = extract([scene], subjects)
    file = folder / TEXTS / "conversations.json"
    write_changed(file, json.dumps(rows, indent=1) + "\n")
    return file, gold


def _questions(rng: random.Random, scene: Any) -> list[q.Question]:
    """Different questions about a picture."""
    wanted = rng.randint(*PAIRS)
    found: dict[str, q.Question] = {}
    while len(found) < wanted:
        question = ask(rng, rng.choice(STATED), (scene,), TRAIN)
        if question is not None:
            found.setdefault(question.text, question)
    return list(found.values())
