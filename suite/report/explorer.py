"""The explorer inside a report: every item of a small run with its grid and its ways, in one file.

In: a run's directory. Out: JSON that the page's own script shows, packed, of LARGEST bytes at most;
what there was no room for is said. Every text in it is `visible` already, and the script puts texts
into the page as texts, so that none is read as anything else.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from suite.answers.leaks import told_by_contents, told_by_description
from suite.errors import one_line
from suite.runs.words import FIELDS, SIGNS, STAGES, grid_name, reading, sign

if TYPE_CHECKING:
    import pandas as pd

    from suite.items.item import Item
    from suite.runs.index import Index

Grid = dict[str, Any]
ANSWERS = 100_000
"""Answers of a run whose report holds the explorer."""
LARGEST = 12_000_000
"""Bytes of its data as the page holds them."""
PICTURES = 3_000_000
"""Bytes of all its pictures, as they are before encoding."""
OPTIONAL = {"thinking_text": "the thinking", "description": "descriptions"}
"""Texts that are left out, first one first, where there is no room; what they are called."""
SCRIPTS = Path(__file__).parent / "templates"


def visible(text: object) -> str:
    """Shows a text with its lines; what would turn the writing's direction, or is not seen at all,
    is written out."""
    return "\n".join(one_line(line) for line in str(text).splitlines())


def kind(marks: Sequence[str]) -> str:
    """Says what several samples of a cell are in all: a mark, or none of no answer."""
    if len(marks) > 1 and len(set(marks)) > 1:
        return "right" if 2 * marks.count("right") >= len(marks) else "wrong"
    return marks[0] if marks else "none"


def said(marks: Sequence[str]) -> str:
    """Gives the sign in a word."""
    return f"right: {marks.count('right')} of {len(marks)}" if len(marks) > 1 else kind(marks)


def in_words(grid: Grid) -> str:
    """Says a grid for those who do not see it."""
    asked = [marks for row in grid["marks"] for marks in row if marks]
    right = sum(kind(marks) == "right" for marks in asked)
    return f"{right} of {len(asked)} right"


def filters() -> dict[str, Callable[..., Any]]:
    """Gives what the templates of items need, by name."""
    return {
        "visible": visible,
        "kind": kind,
        "sign": sign,
        "said": said,
        "in_words": in_words,
        "places": _places,
        "place": _place,
        "stage": lambda name: STAGES.get(name, name),
        "reading": reading,
        "field": FIELDS.__getitem__,
        "count": "{:,}".format,
        "share": "{:.3f}".format,
    }


def _places(grid: Grid, answers: Sequence[dict[str, Any]]) -> list[list[int | None]]:
    """Where the answer of each cell of a grid stands among the answers."""
    at: dict[str, int] = {}
    for number, answer in enumerate(answers):
        at.setdefault(answer["cell"], number)
    return [[at.get(cell) for cell in row] for row in grid["cells"]]


def _place(name: str) -> str:
    """A name as part of an anchor."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def script(name: str) -> dict[str, str]:
    """Gives a script of the page, `text`, and its `hash` as the page's policy names it."""
    text = (SCRIPTS / name).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return {"text": text, "hash": f"sha256-{digest}"}


def embedded(folder: Path, frame: pd.DataFrame, names: Mapping[str, str]) -> dict[str, Any]:
    """Gives what the page embeds: `data`, packed JSON (None where there is no room), and `lacking`,
    a sentence each of what is left out.

    names: task -> what the page calls it.
    """
    found: dict[str, Any] = {"data": None}
    view = f"`downscale view {folder}` shows them in a browser."
    if len(frame) > ANSWERS:
        return found | {"lacking": [f"The items are too many for this page: {view}"]}
    data, lacking = _data(folder, frame)
    data["names"] = {visible(task): visible(names[task]) for task in dict.fromkeys(frame["task"])}
    left: list[str] = []
    while len(text := packed(data)) > LARGEST:
        if len(left) == len(OPTIONAL):
            return found | {"lacking": [f"The items have no room on this page: {view}"]}
        left.append(list(OPTIONAL)[len(left)])
        data[left[-1]] = []
    if left:
        what = " and ".join(OPTIONAL[name] for name in left)
        lacking.append(f"There was no room for {what} here: {view}")
    return found | {"data": text, "lacking": lacking}


def packed(data: dict[str, Any]) -> str:
    """Gives JSON as gzip in base64: fewer bytes, and letters that no markup is made of."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


class _Texts:
    """Texts by number, each once."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def of(self, text: object) -> int | None:
        """Gives the number of a text; None of none."""
        if text is None or (isinstance(text, float) and math.isnan(text)):
            return None
        return self.known.setdefault(visible(text), len(self.known))


def _data(folder: Path, frame: pd.DataFrame) -> tuple[dict[str, Any], list[str]]:
    """What the script shows, and what could not be had."""
    from suite.base.json_values import rows_of
    from suite.items.item import LETTERS
    from suite.report.item_cards import Album
    from suite.runs import items as run_items
    from suite.runs.index import Index
    from suite.runs.results import NAME

    with TemporaryDirectory() as scratch:
        index = Index.made(folder / NAME, Path(scratch))
        about = [*zip(rows_of(index.items), index.blame.tolist(), index.solved.tolist())]
        coded = [*zip(*(a.tolist() for a in (index.item, index.cell, index.mark, index.rule)))]
        shown = _shown(index)
    asked, reasons = run_items.cached(folder, list(dict.fromkeys(frame["task"])))
    known = {(task, i.item_id): (i, own) for task, own in asked.items() for i in own.items}
    texts = {name: _Texts() for name in ("texts", *OPTIONAL)}
    album = Album(PICTURES)
    pictures: dict[str, str | None] = {}
    faults = _faults(frame)
    leaking: dict[tuple[str, str], list[str]] = {}
    for row in rows_of(frame.loc[frame["leak"], ["task", "item_id", "description"]]):
        leaking.setdefault((row["task"], row["item_id"]), []).append(row["description"] or "")
    observed = contents(folder, frame)
    items: list[dict[str, Any]] = []
    for row, blame, solved in about:
        key = (row["task"], row["item_id"])
        item, own = known.get(key, (None, None))
        images = () if item is None else item.images
        for name in images:
            if name not in pictures:
                data = own.image_bytes.get(name) if own is not None else None
                pictures[name] = album.address(data) if data is not None else None
        items.append(
            {
                "id": visible(row["item_id"]),
                "task": visible(row["task"]),
                "category": visible(row["category"] or ""),
                "gold": visible(row["answer"]),
                "question": None if item is None else texts["texts"].of(item.question),
                "options": [texts["texts"].of(option) for option in (item.options if item else ())],
                "images": list(images),
                "blame": blame,
                "solved": solved,
                "fault": faults.get(key, []),
                "contents": [texts["texts"].of(text) for text in observed.get(key, ())],
                "leaks": _leaks(item, observed.get(key, ()), leaking.get(key, ())),
                "answers": [],
            }
        )
    columns = ["prediction", "text", *OPTIONAL, "sample", "failed", "reason"]
    read = ["parsed", "rule", "score", "finish_reason", "leak"]
    for (at, *codes), row in zip(coded, rows_of(frame[[*columns, *read]])):
        said = f"Failed: {row['reason']}" if row["failed"] else reading(row)
        items[at]["answers"].append(
            [
                *codes,
                *(texts["texts"].of(row[name]) for name in ("prediction", "text")),
                *(own.of(row[name] or None) for name, own in texts.items() if name in row),
                texts["texts"].of(said),
                row["sample"],
            ]
        )
    kept = [name for name, address in pictures.items() if address is not None]
    place = {name: n for n, name in enumerate(kept)}
    for entry in items:
        entry["images"] = [place.get(name) for name in entry["images"]]
    found = {
        **shown,
        **{name: list(own.known) for name, own in texts.items()},
        "signs": SIGNS,
        "stages": STAGES,
        "labels": FIELDS,
        "letters": LETTERS,
        "images": [pictures[name] for name in kept],
        "items": items,
    }
    return found, list(dict.fromkeys(reasons.values()))


def _shown(index: Index) -> dict[str, Any]:
    """What the script knows of all items: cells, grids, rules, filters."""
    from suite.runs.index import MARKS

    code = index.code
    grids = [
        {**shape, "cells": [[code.get(cell, -1) for cell in row] for row in shape["cells"]]}
        for shape in index.shapes
    ]
    sizes = index.cells["perception"].astype(object)
    choices = [{"name": n, "values": v} for n, v in index.choices().items() if len(v) > 1]
    return {
        "cells": index.names,
        "sizes": sizes.where(sizes.notna(), None).tolist(),
        "grids": grids,
        "rules": index.rules,
        "choices": choices,
        "marks": MARKS,
    }


def _faults(frame: pd.DataFrame) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """(task, item) -> how a grid reasons and whose fault the item is there, thinking first."""
    from analyses.attribution_examples import item_classes
    from suite.base.json_values import rows_of
    from suite.runs.faults import sentence_of

    rows = sorted(rows_of(item_classes(frame)), key=lambda row: not row["thinking"])
    grids = list({(r["family"], r["perceiver"], r["thinking"]): r for r in rows}.values())
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for row in rows:
        told = (visible(grid_name(row, grids)), visible(sentence_of(row)))
        found.setdefault((row["task"], row["item_id"]), []).append(told)
    return found


def _leaks(item: Item | None, observed: Sequence[str], described: Sequence[str]) -> list[str]:
    """The words of an item's texts that say more than they may; none of an unknown item."""
    if item is None or not described:
        return []
    words = [word for text in observed for word in told_by_contents(text, item)]
    words += [word for text in described for word in told_by_description(text, item)]
    return list(dict.fromkeys(map(visible, words)))


def contents(folder: Path, frame: pd.DataFrame) -> dict[tuple[str, str], list[str]]:
    """Gives contents to observe by task and item, as far as the run's store has them."""
    from suite.base.json_values import rows_of
    from suite.runs.ways import Ways

    if "upstream" not in frame:
        return {}
    own = frame[frame["upstream"].notna()]
    first = own["upstream"].astype(str).str.split(" ", n=1).str[0]
    again = own.assign(first=first).duplicated(["task", "item_id", "first"])
    rows = rows_of(own[~again])
    found: dict[tuple[str, str], list[str]] = {}
    for row, way in zip(rows, Ways(folder).of(rows, {})):
        for stage in way[:-1]:
            if stage.stage == "instruct" and stage.text:
                found.setdefault((row["task"], row["item_id"]), []).append(stage.text)
    return found
