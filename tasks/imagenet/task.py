"""ImageNet as an open question: what is in the picture?

In: a row {image, label} of ILSVRC/imagenet-1k, or {file, name} of a folder of images with a CSV.
Out: an item whose gold answer is the class's names, separated by commas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.pictures import drawn, shown

WORDNET_ID = re.compile(r"n\d{8}")

QUESTION = "What is the main object in the image? Answer with its name."


def with_names(dataset: Any) -> Any:
    """Adds `name` (the class's names) and `number` (the row) where the data set lacks them.

    Raises ValueError where the classes are WordNet ids, as ILSVRC's own folders are: nobody answers
    with one, so that every answer would be wrong.
    """
    label = dataset.features.get("label")
    if "name" not in dataset.column_names and hasattr(label, "int2str"):
        if label.names and all(map(WORDNET_ID.fullmatch, label.names)):
            raise ValueError(
                f"its classes are WordNet ids like {label.names[0]}: give the folder a CSV of the "
                "columns file and name, with the names of each picture's class"
            )
        dataset = dataset.add_column("name", [label.int2str(int(row)) for row in dataset["label"]])
    if "number" not in dataset.column_names:
        dataset = dataset.add_column("number", list(range(len(dataset))))
    return dataset


def made_rows(each: int) -> list[dict[str, Any]]:
    """Makes `each` rows with drawn pictures and names of things, for a rehearsal."""
    names = ("tench, Tinca tinca", "electric ray", "brambling", "goldfinch")
    return [
        {"image": drawn(index), "name": names[index % 4], "number": index} for index in range(each)
    ]


def doc_to_target(doc: Mapping[str, Any]) -> str:
    """The class's names, separated by commas."""
    return str(doc["name"]).replace("_", " ")


def doc_to_item(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Gives a row as the suite's item."""
    file = doc.get("file") or doc.get("file_name")
    image = doc.get("image")
    return {
        "item_id": str(file or doc["number"]),
        "images": [image if image is not None else file],
        "question": QUESTION,
        "options": (),
        "answer": doc_to_target(doc),
    }


def doc_to_visual(doc: Mapping[str, Any]) -> list[Any]:
    """The image as lmms-eval wants it."""
    return [shown(doc["image"])]


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: Any = None) -> str:
    """The prompt of a run under lmms-eval's own evaluator."""
    return QUESTION


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """1 when the answer is one of the class's names, but for case and a full stop."""
    names = {name.strip().casefold() for name in doc_to_target(doc).split(",")}
    return {"accuracy": float(results[0].strip().rstrip(".").casefold() in names)}
