"""What is wrong with a row of extraction data: kinds of problem, found by looking texts up.

In: a conversation and what its teacher wrote. Out: Problems, each of a kind of KINDS with the
detail that a person needs to judge it. Which kinds drop a row is the run's setting.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from suite.answers.parsing.values import quantity
from suite.errors import shown
from suite.extraction import facts
from suite.extraction.conversations import Conversation
from suite.requests import Generation
from tasks.choice import is_empty

KINDS = {
    "bad_row": "the row is no conversation about an image",
    "unreadable_image": "the image is missing or cannot be decoded",
    "failed": "the teacher gave no text",
    "duplicate": "another row has the same image and conversation, or the same description",
    "empty": "a question, an answer or a text of the teacher holds nothing",
    "refusal": "the teacher refuses",
    "too_long": "a text of the teacher was cut off, or has too many words",
    "missing_statement": "there are fewer statements than pairs",
    "lost_answer": "a statement lacks the answer of its pair",
    "leaked_question": "a text repeats the question, or speaks of questions and answers",
    "leaked_answer": "the contents to observe hold an answer",
    "missed_statement": "the description lacks what a statement says",
}
"""Kind of problem -> what it means, in the order of the report."""
ALWAYS = ("bad_row", "unreadable_image", "failed")
"""Kinds of which nothing is left to train on."""

LONGEST = {"contents": 60, "statements": 60}
"""Words of the contents, and of a statement; the limit of the description is a setting."""
LONG_ANSWER = 4
"""Words of content from which an answer may be put in other words: half of them are asked for."""
SHORT_ANSWER = 4
"""Words of an answer which the description must hold too, whatever kind of words they are."""
REPEATED = 3
"""Words of a question that are a leak where they stand in a text without its question mark: fewer
may be by chance."""

_REFUSAL = re.compile(
    r"\bi(?:'m| am) (?:sorry|(?:un|not )able to)\b"
    r"|\bas an? (?:ai|(?:large )?language model)\b"
    r"|\bi (?:can(?:'t|not| not)|could(?:n't| not)|won't|will not|do(?:n't| not)|am not) "
    r"(?:able|access|actually|analy[sz]e|answer|assist|comply|describe|directly|do that|fulfil+"
    r"|generate|have|help|identify|process|provide|really|recogni[sz]e|see|view)\b"
    r"|\bno image (?:was|is|has been) (?:attached|given|provided|uploaded)\b"
    r"|\b(?:please|kindly) (?:provide|upload|share|attach) (?:the|an|your) image\b"
    r"|^(?:sorry|unfortunately|cannot|can't|i (?:apologi[sz]e|decline|refuse|must decline))\b"
)
_META = re.compile(
    r"\b(?:the|this|that|your|each|every|both|these|those|following|given|above) questions?\b"
    r"(?! marks?\b)|\bquestions? \d+\b|\bas (?:asked|questioned)\b"
    r"|\b(?:correct |right )?answers? (?:is|are|to)\b"
    r"|(?:^|\n)\s*(?:q|a|question|answer)\s*\d*\s*[:.)]"
    r"|\b(?:provided|given|following|above|listed) (?:statements?|information|facts?|pairs?)\b"
)
_NUMBERING = re.compile(
    r"^\s*(?:[-*•–]\s+|\(?\d{1,3}[.):]\s+|(?:statement|sentence|pair)\s*\d{1,3}\s*[:.)-]\s*)+",
    re.IGNORECASE,
)
_OPTION = re.compile(
    r"(?:^|[\s(])\(?([A-Z])[.):]\s*([^\n]+?)(?=\s*(?:[,;]?\s*\(?[A-Z][.):]\s|\n|$))"
)
_YES, _NO = ("yes", "yeah", "true", "correct"), ("no", "nope", "false", "incorrect")
_UNKNOWN = frozenset(
    ("unanswerable", "unsuitable", "unknown", "unclear", "unknowable", "undetermined")
)


class Problem(NamedTuple):
    """One thing that is wrong with a row."""

    id: str
    kind: str
    detail: str


def statements_of(text: str, count: int | None = None) -> list[str]:
    """Gives the statements of a text, one a line, without bullets and numbers; a heading that ends
    in a colon is none where there are more lines than `count`."""
    lines = [_NUMBERING.sub("", line).strip() for line in text.splitlines()]
    lines = [line for line in lines if not is_empty(line)]
    if count is not None and len(lines) > count and lines[0].endswith(":"):
        lines = lines[1:]
    return lines


def of_conversation(one: Conversation) -> list[Problem]:
    """Finds what is wrong with a row before anything is asked."""
    if one.fault:
        return [Problem(one.id, "bad_row", one.fault)]
    return [
        Problem(one.id, "empty", f"pair {number} has no {what}")
        for number, pair in enumerate(one.pairs, 1)
        for what, text in zip(("question", "answer"), pair)
        if is_empty(text)
    ]


def of_texts(one: Conversation, texts: Mapping[str, Generation], longest: int) -> list[Problem]:
    """Finds what is wrong with the texts of a conversation, by stage; `longest`: words of a
    description."""
    found = []
    for stage, answer in texts.items():
        found += [Problem(one.id, *wrong) for wrong in _of_text(stage, answer, one, longest)]
    if "contents" in texts:
        found += [Problem(one.id, *wrong) for wrong in _given_away(one, texts["contents"].text)]
    if "statements" in texts and not is_empty(texts["statements"].text):
        statements = statements_of(texts["statements"].text, len(one.pairs))
        found += [Problem(one.id, *wrong) for wrong in _of_statements(one, statements)]
        if "description" in texts and not is_empty(texts["description"].text):
            description = texts["description"].text
            found += [Problem(one.id, *w) for w in _missed(one, statements, description)]
    return found


Wrong = tuple[str, str]
"""Kind and detail."""


def _of_text(stage: str, answer: Generation, one: Conversation, longest: int) -> list[Wrong]:
    if answer.error is not None:
        return [("failed", f"{stage}: {answer.error}")]
    if is_empty(answer.text):
        return [("empty", f"{stage}: the text holds nothing")]
    found: list[Wrong] = []
    text = facts.plain(answer.text).replace("’", "'")
    if match := _REFUSAL.search(text):
        found.append(("refusal", f"{stage}: {shown(match[0])}"))
    parts = statements_of(answer.text) if stage == "statements" else [answer.text]
    most, limit = max(len(part.split()) for part in parts), LONGEST.get(stage, longest)
    if answer.finish_reason == "length":
        found.append(("too_long", f"{stage}: cut off after {answer.generated_tokens:,} tokens"))
    elif most > limit:
        found.append(("too_long", f"{stage}: {most:,} words, and {limit:,} are allowed"))
    for question, _ in one.pairs:
        core = core_of(question)
        asked = bool(core) and f"{facts.plain(core)}?" in facts.plain(answer.text)
        if asked or (len(core.split()) >= REPEATED and facts.holds(answer.text, core)):
            found.append(("leaked_question", f"{stage}: repeats {shown(core)}"))
    if match := _META.search(answer.text.replace("’", "'").lower()):
        found.append(("leaked_question", f"{stage}: says {shown(match[0].strip())}"))
    if stage != "description" and any(part.rstrip().endswith("?") for part in parts):
        found.append(("leaked_question", f"{stage}: asks a question"))
    return found


def core_of(question: str) -> str:
    """Gives a question up to its question mark, without options and hints on how to answer."""
    line = next(
        (line for line in question.splitlines() if "?" in line), question.partition("\n")[0]
    )
    return line.partition("?")[0].strip()


def _given_away(one: Conversation, contents: str) -> list[Wrong]:
    """Contents to observe that hold a short answer which the questions do not hold themselves."""
    asked, listed = facts.content(one.questions), facts.content(contents)
    for number, (_, answer) in enumerate(one.pairs, 1):
        own = facts.content(answer)
        short = 0 < len(own) < LONG_ANSWER and not is_polar(answer)
        if short and set(own) <= set(listed) and not set(own) <= set(asked):
            return [
                ("leaked_answer", f"contents: hold {shown(answer)}, the answer of pair {number}")
            ]
    return []


def _of_statements(one: Conversation, statements: Sequence[str]) -> list[Wrong]:
    found: list[Wrong] = []
    if len(statements) < len(one.pairs):
        said = f"{len(statements)} statements for {len(one.pairs)} pairs"
        found.append(("missing_statement", said))
    aligned = len(statements) == len(one.pairs)
    for number, (question, answer) in enumerate(one.pairs, 1):
        own = [statements[number - 1]] if aligned else statements
        if is_empty(answer) or any(keeps(question, answer, statement) for statement in own):
            continue
        where = f"statement {number} is {shown(own[0])}" if aligned else "no statement has it"
        found.append(("lost_answer", f"pair {number}: {shown(answer)}; {where}"))
    return found


def is_polar(answer: str) -> bool:
    """Whether an answer is yes or no and nothing else."""
    return " ".join(facts.words(answer)) in (*_YES, *_NO)


def keeps(question: str, answer: str, statement: str) -> bool:
    """Whether a statement holds the answer to a question.

    Yes and no are kept by a statement that affirms or denies what was asked; an option's letter by
    the option's words; a number by its value; a short answer by all its words, a long one by its
    strings, numbers and colours and half of its words.
    """
    if is_polar(answer):
        return _keeps_polar(question, " ".join(facts.words(answer)) in _YES, statement)
    letter = answer.strip().strip("().: ")
    if len(letter) == 1 and letter.isupper():
        if option := dict(_OPTION.findall(question)).get(letter):
            return _says(option.strip(), statement) or _says_letter(letter, statement)
        return _says_letter(letter, statement)
    first, _, rest = answer.partition(",")
    if is_polar(first) and not is_empty(rest):  # «Yes, the dog is black.»
        return _says(rest, statement)
    return _says(answer, statement)


def _says(answer: str, statement: str) -> bool:
    if facts.holds(statement, answer):
        return True
    if found := quantity(answer):
        return facts.counts(statement, found[0])
    own = facts.content(answer)
    if set(facts.words(answer)) & _UNKNOWN:
        return facts.negated(statement) or bool(set(facts.words(statement)) & _UNKNOWN)
    if not own:
        return False
    if len(own) < LONG_ANSWER:
        return facts.all_in(own, statement)
    shared = sum(facts.all_in([word], statement) for word in own)
    return not facts.missing(answer, statement) and 2 * shared >= len(own)


def _says_letter(letter: str, statement: str) -> bool:
    return re.search(rf"(?<!\w)\(?{letter}\)?(?!\w)", statement) is not None


def _keeps_polar(question: str, affirmed: bool, statement: str) -> bool:
    """Yes: what was asked is affirmed. No: it is denied, or something else is said in its place."""
    asked = facts.content(core_of(question))
    if affirmed:
        same = facts.negated(statement) == facts.negated(core_of(question))
        return same and (not asked or any(facts.all_in([word], statement) for word in asked))
    return facts.negated(statement) or not facts.all_in(asked, statement)


def _missed(one: Conversation, statements: Sequence[str], description: str) -> list[Wrong]:
    found: list[Wrong] = []
    aligned = len(statements) == len(one.pairs)
    for number, statement in enumerate(statements, 1):
        lacking = facts.missing(statement, description)
        if aligned:
            question, answer = one.pairs[number - 1]
            lacking += _lacks_answer(question, answer, statement, description, lacking)
        if lacking:
            said = f"statement {number}, {shown(statement)}: lacks {', '.join(lacking)}"
            found.append(("missed_statement", said))
    return found


def _lacks_answer(
    question: str, answer: str, statement: str, description: str, lacking: Sequence[str]
) -> list[str]:
    """A pair's short answer where its statement has it and the description not."""
    short = len(facts.words(answer)) <= SHORT_ANSWER
    if lacking or not short or is_polar(answer) or facts.negated(statement):
        return []
    kept = keeps(question, answer, statement) and not keeps(question, answer, description)
    return [repr(answer)] if kept else []
