"""The micro tasks for lmms-eval: recipes become documents, documents become items.

Thin, since lmms-eval runs this file afresh for every function that a YAML names.
"""

from typing import Any

import datasets

from tasks.micro.draw import draw as picture
from tasks.micro.draw import png
from tasks.micro.lessons import options_text
from tasks.micro.sets import SEED, example

FEATURES = datasets.Features(
    {
        "index": datasets.Value("string"),
        "images": datasets.List(datasets.Image()),
        "question": datasets.Value("string"),
        "options": datasets.List(datasets.Value("string")),
        "answer": datasets.Value("string"),
        "category": datasets.Value("string"),
        "kind": datasets.Value("string"),
        "gold_description": datasets.Value("string"),
    }
)


def generate(dataset: Any) -> Any:
    """Gives rows {set, category, n} of a recipe -> the drawn documents."""
    rows = [
        _document(recipe["set"], recipe["category"], index)
        for recipe in dataset
        for index in range(recipe["n"])
    ]
    return datasets.Dataset.from_list(rows, features=FEATURES)


def _document(name: str, category: str, index: int) -> dict[str, Any]:
    made = example(name, category, index, SEED)
    question = made.question
    if question.kind == "grounding":
        answer = f"[{', '.join(question.answer.split())}]"
    else:
        answer = question.letter if question.options else question.answer
    return {
        "index": f"{category or name}-{index}",
        "images": [{"bytes": png(picture(s)), "path": None} for s in made.scenes],
        "question": question.text,
        "options": list(question.options),
        "answer": answer,
        "category": category,
        "kind": question.kind,
        "gold_description": made.gold_description,
    }


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    """Gives the pictures, RGB."""
    return [image.convert("RGB") for image in doc["images"]]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: Any = None) -> str:
    """Gives the prompt in the world's language: a word before its letter."""
    return f"{doc['question']} {options_text(doc['options'])}".strip()


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    """lmms-eval's own score: the reply is the right option's word or letter, or the open answer;
    for a box, 1 when intersection over union is at least 0.5."""
    reply = results[0].strip().rstrip(".").lower()
    answer = doc["answer"].lower()
    if doc["kind"] == "grounding":
        return {"accuracy": float(_overlap(reply, answer) >= 0.5)}
    right = {answer}
    if doc["options"]:
        right.add(doc["options"]["abcd".index(answer)].lower())
    return {"accuracy": float(reply in right)}


def _overlap(reply: str, answer: str) -> float:
    try:
        a, b = (
            [float(v) for v in t.strip("[]").replace(",", " ").split()] for t in (reply, answer)
        )
        wide = min(a[2], b[2]) - max(a[0], b[0])
        high = min(a[3], b[3]) - max(a[1], b[1])
    except (ValueError, IndexError):
        return 0.0
    shared = max(0.0, wide) * max(0.0, high)
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / area if area > 0 else 0.0


def doc_to_item(doc: dict[str, Any]) -> dict[str, Any]:
    """Gives a document as the suite's item."""
    return {
        "item_id": doc["index"],
        "images": doc["images"],
        "question": doc["question"],
        "options": doc["options"],
        "answer": doc["answer"],
        "category": doc["category"],
        "gold_description": doc["gold_description"],
    }
