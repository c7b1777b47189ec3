"""What the multiple-choice tasks share: which options a row has, a prompt for lmms-eval, and
lmms-eval's own extractor.

In: a question with its options, or a raw answer. Out: options, text, or a letter. The suite itself
words its prompts in suite/prompts.yaml and reads answers with suite/answers/parse.py; prompt and
extractor are for lmms-eval's runs and for its second opinion.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from unicodedata import category

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

FILLERS = ("nan", "<na>")
"""What stands, in letters of any case, in place of an option that a question lacks, where pandas or
R wrote a hole as a text."""

UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp")
"""Categories of Unicode whose letters show nothing: spaces, controls, marks of no width."""


def is_empty(value: Any) -> bool:
    """Says whether a cell holds nothing: None, NaN, a text in which nothing is seen, or an object
    of nothing but these."""
    if isinstance(value, str):
        return all(category(letter) in UNSEEN for letter in value)
    if isinstance(value, Mapping):
        return all(map(is_empty, value.values()))
    if value is None or value.__hash__ is None:  # what can change (a list, a picture) is something
        return value is None
    try:
        return bool(value != value)  # NaN and NaT of any library differ from themselves
    except TypeError:  # NA of pandas, of which not even that is known
        return True


def given(options: Sequence[Any]) -> list[Any]:
    """Gives the options up to the last that is one.

    Raises ValueError where one before it is empty, as the letters of those behind it would shift.
    """
    present = [not is_empty(option) for option in options]
    count = sum(present)
    if not all(present[:count]):
        raise ValueError(
            f"option {present.index(False) + 1} is empty before another: the letters of those "
            "after it would shift"
        )
    return list(options[:count])


def fillers(options: Sequence[str], answer: str) -> int:
    """How many options at the end are fillers. A «nan» before another option is one («none»)."""
    count = 0
    for letter, option in reversed(list(zip(LETTERS, options, strict=False))):
        if str(option).casefold() not in FILLERS or letter == answer:
            break
        count += 1
    return count


def choice_prompt(question: str, options: Sequence[str]) -> str:
    """Gives the question, a line per option, and how to answer."""
    lines = [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=False)]
    return "\n".join([question, *lines, "Answer with the letter of the correct option."])


@cache
def _extractor() -> Callable[..., str]:
    # Importing lmms_eval.tasks loads torch; the extractor is one file without imports of its own.
    spec = importlib.util.find_spec("lmms_eval")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("lmms-eval is not installed: pip install lmms-eval")
    path = Path(spec.submodule_search_locations[0]) / "tasks" / "_task_utils" / "mcq_extract.py"
    file_spec = importlib.util.spec_from_file_location("lmms_eval_mcq_extract", path)
    if file_spec is None or file_spec.loader is None:
        raise ImportError(f"{path} of lmms-eval cannot be imported")
    module = importlib.util.module_from_spec(file_spec)
    file_spec.loader.exec_module(module)
    extract: Callable[..., str] = module.extract_mcq_answer
    return extract


def lmms_letter(text: str, n_options: int = 4) -> str:
    """The letter that lmms-eval's shared extractor reads in an answer, or an empty string."""
    return _extractor()(text, choices=list(LETTERS[:n_options]))
