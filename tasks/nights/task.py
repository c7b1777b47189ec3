"""NIGHTS as a two-way choice over three images: the reference, then the two candidates.

In: a row {id, left_vote, right_vote, split, ref_path, left_path, right_path, votes} of the data
set's data.csv, beside which its image folders lie. Out: an item, and lmms-eval's functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.choice import choice_prompt, lmms_letter
from tasks.pictures import drawn, shown

MIN_VOTES = 6
"""The data set's authors keep triplets with at least six unanimous votes; so does this task."""

QUESTION = "Which image is more similar to the first image?"
OPTIONS = ("the second image", "the third image")


def keep_test(dataset: Any) -> Any:
    """Gives the test split's triplets on which people agreed."""
    return dataset.filter(
        lambda split, votes: split == "test" and float(votes or 0) >= MIN_VOTES,
        input_columns=["split", "votes"],
    )


def made_rows(each: int) -> list[dict[str, Any]]:
    """Makes `each` triplets of drawn pictures on which people agreed, for a rehearsal."""
    places = ("ref_path", "left_path", "right_path")
    return [
        {
            "id": index,
            "left_vote": index % 2,
            "right_vote": 1 - index % 2,
            "split": "test",
            "votes": MIN_VOTES,
            **{name: drawn(3 * index + number) for number, name in enumerate(places)},
        }
        for index in range(each)
    ]


def doc_to_target(doc: Mapping[str, Any]) -> str:
    """A when people chose the left image, which is shown second."""
    return "A" if float(doc["left_vote"]) > float(doc["right_vote"]) else "B"


def doc_to_item(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Gives a row as the suite's item."""
    return {
        "item_id": str(doc["id"]),
        "images": [doc["ref_path"], doc["left_path"], doc["right_path"]],
        "question": QUESTION,
        "options": OPTIONS,
        "answer": doc_to_target(doc),
    }


def doc_to_visual(doc: Mapping[str, Any]) -> list[Any]:
    """Gives the three images; their paths are as in data.csv, relative to the working directory."""
    return [shown(doc[name]) for name in ("ref_path", "left_path", "right_path")]


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: Any = None) -> str:
    """The prompt of a run under lmms-eval's own evaluator."""
    return choice_prompt(QUESTION, OPTIONS)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """lmms-eval's shared reading of the letter."""
    return {"accuracy": float(lmms_letter(results[0], 2) == doc_to_target(doc))}
