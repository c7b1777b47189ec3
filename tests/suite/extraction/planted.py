"""Conversations with recorded texts of a teacher, clean but for what a test plants in them.

In: a folder, and changes. Out: conversations.json, images and teacher.jsonl in it, and the report
of a run over them. Pictures are of one colour unless a test brings photographs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from suite.extraction.run import extract_data

BALLS = ("red", "green", "blue", "yellow", "purple", "brown")
Text = str | None


def row(id: str, image: str | None, *pairs: tuple[str, str]) -> dict[str, Any]:
    """A row of LLaVA's JSON."""
    turns = []
    for number, (question, answer) in enumerate(pairs):
        mark = "" if number else "<image>\n"
        turns += [
            {"from": "human", "value": mark + question},
            {"from": "gpt", "value": answer},
        ]
    shown = {} if image is None else {"image": image}
    return {"id": id, **shown, "conversations": turns}


def clean(folder: Path) -> tuple[list[dict[str, Any]], dict[tuple[str, str], Text]]:
    """Six conversations of two pairs about balls, and what a good teacher says of them."""
    rows, texts = [], {}
    for number, colour in enumerate(BALLS):
        id = f"ball-{number}"
        Image.new("RGB", (40 + number, 30), colour).save(folder / f"{id}.png")
        rows.append(
            row(
                id,
                f"{id}.png",
                ("What colour is the large ball?", colour),
                ("How many small balls lie beside it?", str(number + 2)),
            )
        )
        count = ("two", "three", "four", "five", "six", "seven")[number]
        texts["contents", id] = "the large ball, the small balls beside it"
        texts["statements", id] = (
            f"The large ball is {colour}.\n"
            f"{count.capitalize()} small balls lie beside the large ball."
        )
        texts["description", id] = (
            f"A large {colour} ball lies on a table, with {number + 2} small balls next to it."
        )
    return rows, texts


def write(
    folder: Path, rows: list[dict[str, Any]], texts: Mapping[tuple[str, str], Text]
) -> dict[str, Any]:
    """The files, as arguments of `extract_data` but for `out`."""
    (folder / "conversations.json").write_text(json.dumps(rows), encoding="utf-8")
    lines = [{"stage": s, "id": id, "text": text} for (s, id), text in texts.items()]
    (folder / "teacher.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8"
    )
    return {
        "conversations": folder / "conversations.json",
        "teacher": f"recorded:{folder / 'teacher.jsonl'}",
        "images": folder,
    }


def report(
    folder: Path,
    rows: list[dict[str, Any]],
    texts: Mapping[tuple[str, str], Text],
    **more: Any,
) -> dict[str, Any]:
    """The report of a run into FOLDER/out."""
    return extract_data(**{**write(folder, rows, texts), "out": folder / "out", **more})


def problems(content: dict[str, Any]) -> list[tuple[str, str]]:
    """Id and kind of each problem."""
    return [(problem["id"], problem["kind"]) for problem in content["problems"]]
