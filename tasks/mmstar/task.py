"""MMStar for lmms-eval and for the suite.

In: a row {index, question, image, answer, category, l2_category, ...} of Lin-Chen/MMStar. Out: an
item, and lmms-eval's functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from tasks.choice import choice_prompt, fillers, lmms_letter
from tasks.mmstar.questions import parse_question
from tasks.pictures import drawn, shown

CATEGORIES = {
    "coarse perception": "image topic",
    "fine-grained perception": "localization",
    "instance reasoning": "cross-instance relation reasoning",
    "logical reasoning": "diagram reasoning",
    "science & technology": "electronics & energy",
    "math": "geometry",
}
"""Category -> one of its three sub-categories."""


def made_rows(each: int) -> list[dict[str, Any]]:
    """Makes rows that ask nothing of sense, `each` of every category, for a rehearsal."""
    return [
        {
            "index": index,
            "question": f"What is picture {index} of?\nOptions: A: one, B: two, C: three, D: four",
            "image": drawn(index),
            "answer": "ABCD"[index % 4],
            "category": category,
            "l2_category": CATEGORIES[category],
        }
        for index, category in enumerate([*CATEGORIES] * each)
    ]


def doc_to_item(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Gives a row as the suite's item; without an `image` column the item has no image."""
    parsed = parse_question(doc["question"])
    answer = str(doc["answer"]).strip().upper()
    image = doc.get("image")
    return {
        "item_id": str(doc["index"]),
        "images": [] if image is None else [image],
        "question": parsed.question,
        "options": parsed.options,
        "fillers": fillers(parsed.options, answer),
        "answer": answer,
        "category": doc["category"],
        "subcategory": doc.get("l2_category"),
    }


def doc_to_visual(doc: Mapping[str, Any]) -> list[Any]:
    """The image as lmms-eval wants it."""
    return [shown(doc["image"])]


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: Any = None) -> str:
    """The prompt of a run under lmms-eval's own evaluator."""
    parsed = parse_question(doc["question"])
    return choice_prompt(parsed.question, parsed.options)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, Any]:
    """lmms-eval's reading of the letter, per category and for the mean of the categories."""
    score = float(lmms_letter(results[0]) == str(doc["answer"]).strip().upper())
    return {
        doc["category"]: score,
        "average": {"category": doc["category"], "score": score},
    }


def mean_of_categories(results: Sequence[Mapping[str, Any]]) -> float:
    """Gives MMStar's average: the mean of its categories' means."""
    by_category: dict[str, list[float]] = {}
    for result in results:
        by_category.setdefault(result["category"], []).append(result["score"])
    return fmean(fmean(scores) for scores in by_category.values())
