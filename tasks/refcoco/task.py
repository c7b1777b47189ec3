"""Grounding on RefCOCO, RefCOCO+ and RefCOCOg: one item per image and phrase.

In: a row {question_id, image, answer: [phrases], bbox: [x, y, width, height] in pixels, ...} of
lmms-eval's copies. Out: an item whose gold answer is `[x0, y0, x1, y1]` as shares of the image's
width and height, and lmms-eval's functions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.pictures import contents, drawn, opened, shown

QUESTION = (
    "Where in the image is {phrase!r}? Give its bounding box as [x0, y0, x1, y1]: left, top, right "
    "and bottom, as shares of the image's width and height between 0 and 1."
)
_BOX = re.compile(r"\[\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)\s*\]")


def made_rows(each: int) -> list[dict[str, Any]]:
    """Makes `each` rows with a drawn picture and where in it a thing is, for a rehearsal."""
    return [
        {
            "question_id": str(index),
            "image": drawn(index),
            "answer": [f"thing {index}"],
            "bbox": [float(index % 16 + 4), 6.0, 20.0, 16.0],
        }
        for index in range(each)
    ]


def one_row_per_phrase(dataset: Any) -> Any:
    """Repeats each row for every phrase and adds the box in shares of the image.

    Phrases are numbered through the rows of a `question_id`: an object may have several rows.
    """
    from datasets import Image

    undecoded = dataset.cast_column("image", Image(decode=False))
    rows, phrases, numbers, boxes = [], [], [], []
    count: Counter[str] = Counter()
    for index in range(len(undecoded)):
        doc = undecoded[index]
        box = _in_shares(doc["bbox"], _size(doc["image"]))
        answers = doc["answer"] if isinstance(doc["answer"], list) else [doc["answer"]]
        for phrase in answers:
            rows.append(index)
            phrases.append(str(phrase).strip())
            numbers.append(count[str(doc["question_id"])])
            count[str(doc["question_id"])] += 1
            boxes.append(box)
    chosen = dataset.select(rows)
    chosen = chosen.add_column("phrase", phrases).add_column("phrase_number", numbers)
    return chosen.add_column("box", boxes)


def _size(image: Mapping[str, Any]) -> tuple[int, int]:
    return opened(*contents(image), load=False).size


def _in_shares(box: Sequence[float], size: tuple[int, int]) -> list[float]:
    x, y, width, height = (float(value) for value in box)
    corners = (x / size[0], y / size[1], (x + width) / size[0], (y + height) / size[1])
    return [round(value, 4) for value in corners]


def doc_to_target(doc: Mapping[str, Any]) -> str:
    """Gives the gold box as text."""
    return "[" + ", ".join(f"{value:g}" for value in doc["box"]) + "]"


def doc_to_item(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Gives a row as the suite's item."""
    return {
        "item_id": f"{doc['question_id']}/{doc['phrase_number']}",
        "images": [doc["image"]],
        "question": doc_to_text(doc),
        "options": (),
        "answer": doc_to_target(doc),
    }


def doc_to_visual(doc: Mapping[str, Any]) -> list[Any]:
    """The image as lmms-eval wants it."""
    return [shown(doc["image"])]


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: Any = None) -> str:
    """The prompt of a run under lmms-eval's own evaluator."""
    return QUESTION.format(phrase=doc["phrase"])


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Gives IoU of the first bracketed box with the gold one, and whether it reaches 0.5."""
    found = _BOX.search(results[0])
    overlap = _iou([float(value) for value in found.groups()], doc["box"]) if found else 0.0
    return {"acc@0.5": float(overlap >= 0.5), "iou": overlap}


def _iou(first: Sequence[float], second: Sequence[float]) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0) for box in (first, second)]
    return shared / (sum(areas) - shared) if shared > 0 else 0.0
