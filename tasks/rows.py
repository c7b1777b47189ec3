"""lmms-eval's functions for a task that is a file of rows and one YAML, with no Python of its own.

In: a row {question, answer, options?, image? or images?}; images are decoded ones, paths from the
working directory, or base64. Out: what lmms-eval asks, shows and scores. A YAML names them as
`!function tasks.rows.doc_to_text`. lmms-eval hands them no settings, so the columns must have these
names; the suite itself reads the columns that `metadata.item` maps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.choice import choice_prompt, given, is_empty, lmms_letter
from tasks.pictures import shown


def _options(doc: Mapping[str, Any]) -> list[str]:
    """The options of a row; empty ones after the last are none.

    Raises ValueError for a text, whose letters are no options, and for a choice of one.
    """
    options = doc.get("options")
    found = [options] if isinstance(options, str) else given(options or ())
    if len(found) == 1 and not is_empty(found[0]):
        raise ValueError(
            f"`options` has 1 option to choose from ({found[0]!r}): give two or more, as a list"
        )
    return [str(option) for option in found if not is_empty(option)]


def _column(doc: Mapping[str, Any], name: str) -> str:
    if name not in doc:
        raise ValueError(
            f"tasks.rows reads the column `{name}`, and there are {', '.join(doc)}: rename one, or "
            "name functions of your own"
        )
    return str(doc[name])


def doc_to_visual(doc: Mapping[str, Any]) -> list[Any]:
    """Gives the images of `images`, or the one of `image`, as a viewer shows them, RGB."""
    found = doc.get("images") or [doc.get("image")]
    return [shown(image) for image in found if not is_empty(image)]


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: Any = None) -> str:
    """The question, with its options and how to answer where it has some."""
    options = _options(doc)
    question = _column(doc, "question")
    return choice_prompt(question, options) if options else question


def doc_to_target(doc: Mapping[str, Any]) -> str:
    """Gives the gold answer: the option's letter, or a text."""
    return _column(doc, "answer")


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
    """1 when lmms-eval's shared extractor reads the right letter; for an open answer, when the text
    is the answer but for case and a full stop."""
    options = _options(doc)
    answer = _column(doc, "answer").strip()
    if options:
        return {"accuracy": float(lmms_letter(results[0], len(options)) == answer)}
    said = results[0].strip().rstrip(".").casefold()
    return {"accuracy": float(said == answer.rstrip(".").casefold())}
