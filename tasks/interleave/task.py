"""Multi-image sets, as lmms-eval's llava_interleave_bench reads them, one task per set.

In: a row {sample_id, sub_task, question_type, question, answer, image_0, image_1, ...}. Out: an
open item and its score: the option's letter where the set asks for one, else ROUGE-L (Lin 2004).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

from tasks.choice import lmms_letter
from tasks.pictures import drawn, shown

MAX_IMAGES = 16


def _keep(*sub_tasks: str) -> Callable[[Any], Any]:
    """A process_docs that keeps the rows of some sub-tasks; raises ValueError for none."""

    def keep(dataset: Any) -> Any:
        kept = dataset.filter(lambda name: name in sub_tasks, input_columns="sub_task")
        if len(kept) == 0:
            found = ", ".join(sorted(set(dataset["sub_task"])))
            raise ValueError(f"no row has a sub_task of {', '.join(sub_tasks)}; there are {found}")
        return kept

    return keep


keep_spot_the_difference = _keep("Spot-the-Diff", "Birds-to-Words", "CLEVR-Change")
keep_image_edit = _keep("IEdit", "HQ-Edit", "MagicBrush")
keep_visual_storytelling = _keep("AESOP", "FlintstonesSV", "PororoSV", "VIST")
keep_text_rich_vqa = _keep("WebQA", "TQA", "OCR-VQA", "DocVQA")
keep_multi_image_vqa = _keep(
    "MIT-States_StateCoherence", "MIT-States_PropertyCoherence", "VISION", "RecipeQA_ImageCoherence"
)
keep_raven = _keep("RAVEN")


_GROUPS = (
    ("Spot-the-Diff", "IEdit", "VIST", "WebQA"),
    ("MIT-States_StateCoherence", "RAVEN"),
)
"""Of each set a sub-task: those whose answers are words, and those whose are letters."""


def made_rows(each: int) -> list[dict[str, Any]]:
    """Makes rows with two drawn pictures, `each` of every set, for a rehearsal."""
    kinds = [(name, letters) for letters, group in enumerate(_GROUPS) for name in group]
    return [
        {
            "sample_id": index,
            "sub_task": name,
            "question_type": "multi-choice" if letters else "open-ended",
            "question": f"<image><image> What is new in pictures {index}?",
            "answer": "A" if letters else f"a thing of {index}",
            "image_0": drawn(2 * index),
            "image_1": drawn(2 * index + 1),
        }
        for index, (name, letters) in enumerate(kinds * each)
    ]


def _images(doc: Mapping[str, Any]) -> list[Any]:
    named = [doc.get(f"image_{number}") for number in range(MAX_IMAGES)]
    return [
        image
        for image in named
        if image is not None
        and not (
            isinstance(image, Mapping) and image.get("bytes") is None and not image.get("path")
        )
    ]


def _numbered(question: str) -> str:
    """The question with its marks of images as words. The suite shows the images before it, and to
    some models (LLaVA) `<image>` in a text is one more image."""
    numbers = count(1)
    return re.sub("<image>", lambda mark: f"[image {next(numbers)}]", question)


def doc_to_item(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Gives a row as the suite's item. Options stand in the question, in as many forms as
    sub-tasks."""
    return {
        "item_id": f"{doc['sub_task']}/{doc['sample_id']}",
        "images": _images(doc),
        "question": _numbered(doc["question"]),
        "options": (),
        "answer": str(doc["answer"]),
        "category": doc["sub_task"],
    }


def doc_to_visual(doc: Mapping[str, Any]) -> list[Any]:
    """The images as lmms-eval wants them."""
    return [shown(image) for image in _images(doc)]


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: Any = None) -> str:
    """The prompt of a run under lmms-eval's own evaluator."""
    return str(doc["question"])


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """Gives the accuracy of the letter for multiple choice, ROUGE-L for open answers."""
    answer = str(doc["answer"]).strip()
    if doc["question_type"] != "multi-choice":
        return {"score": rouge_l(results[0], answer)}
    letter = re.match(r"[(]?([A-H])\b", answer)
    if letter is None:
        said = results[0].strip().rstrip(".").casefold()
        return {"score": float(said == answer.rstrip(".").casefold())}
    return {"score": float(lmms_letter(results[0], 8) == letter[1])}


def rouge_l(text: str, reference: str) -> float:
    """Gives the F-measure of the longest common subsequence of words, in [0, 1] (Lin 2004, beta =
    1)."""
    words, gold = text.casefold().split(), reference.casefold().split()
    if not words or not gold:
        return 0.0
    row = [0] * (len(gold) + 1)
    for word in words:
        previous = 0
        for index, other in enumerate(gold, start=1):
            previous, row[index] = (
                row[index],
                previous + 1 if word == other else max(row[index], row[index - 1]),
            )
    common = row[-1]
    return 2 * common / (len(words) + len(gold))
