"""VMCBench's in-domain sets: visual question answering in multiple-choice form.

In: a row {index, question, A, B, C, D, answer, category, image} of suyc21/VMCBench, whose
`category` is the data set that it was made from. Out: an item, and lmms-eval's functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tasks.choice import LETTERS, choice_prompt, given, lmms_letter
from tasks.pictures import drawn, shown


def _keep(source: str) -> Callable[[Any], Any]:
    """A process_docs that keeps the rows made from one data set; raises ValueError for none."""

    def keep(dataset: Any) -> Any:
        kept = dataset.filter(lambda category: category == source, input_columns="category")
        if len(kept) == 0:
            found = ", ".join(sorted(set(dataset["category"])))
            raise ValueError(f"no row has the category {source!r}; there are {found}")
        return kept

    return keep


SOURCES = ("OCRVQA", "TextVQA", "ScienceQA", "VQAv2", "GQA", "VizWiz")


def made_rows(each: int) -> list[dict[str, Any]]:
    """Makes rows that ask nothing of sense, `each` of every source, for a rehearsal."""
    return [
        {
            "index": index,
            "question": f"What is picture {index} of?",
            **{letter: f"thing {number} of {index}" for number, letter in enumerate("ABCD")},
            "answer": "ABCD"[index % 4],
            "category": SOURCES[index % len(SOURCES)],
            "image": drawn(index),
        }
        for index in range(each * len(SOURCES))
    ]


keep_ocrvqa = _keep("OCRVQA")
keep_textvqa = _keep("TextVQA")
keep_scienceqa = _keep("ScienceQA")
keep_vqav2 = _keep("VQAv2")
keep_gqa = _keep("GQA")
keep_vizwiz = _keep("VizWiz")


def _options(doc: Mapping[str, Any]) -> list[str]:
    """The options of a row; ValueError where one before the last is empty."""
    try:
        return [str(option) for option in given([doc.get(letter) for letter in LETTERS])]
    except ValueError as error:
        raise ValueError(f"row {doc.get('index')}: {error}") from error


def doc_to_item(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Gives a row as the suite's item."""
    image = doc.get("image")
    return {
        "item_id": str(doc["index"]),
        "images": [] if image is None else [image],
        "question": doc["question"],
        "options": _options(doc),
        "answer": str(doc["answer"]).strip().upper(),
    }


def doc_to_visual(doc: Mapping[str, Any]) -> list[Any]:
    """The image as lmms-eval wants it."""
    return [shown(doc["image"])]


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: Any = None) -> str:
    """The prompt of a run under lmms-eval's own evaluator."""
    return choice_prompt(doc["question"], _options(doc))


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """lmms-eval's shared reading of the letter (not VMCBench's own, which draws random letters)."""
    letter = lmms_letter(results[0], len(_options(doc)))
    return {"accuracy": float(letter == str(doc["answer"]).strip().upper())}
