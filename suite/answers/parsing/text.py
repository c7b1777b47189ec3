"""What every answer goes through before a rule reads it: remnants of thinking and markup go.

In: raw text. Out: plain text, or the reason why there is no answer in it. Also the normal form in
which texts are compared.
"""

from __future__ import annotations

import ast
import contextlib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from suite.answers.parsing.numbers import NUMBER_WORDS


@dataclass(frozen=True)
class Cleaned:
    """Text ready for the rules."""

    text: str
    unread: str | None = None
    """`empty`, `unfinished_thinking` or `control_characters` when there is nothing to read."""


_THINK = re.compile(r"<(think|thinking|thought|reasoning)>.*?</\1>", re.S | re.I)
_THINK_END = re.compile(r"^.*</(?:think|thinking|thought|reasoning)>", re.S | re.I)
_THINK_CLOSE = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.I)
_STRAY_END = re.compile(r"</[a-z_]+>\s*", re.I)
_THINK_OPEN = re.compile(r"<(?:think|thinking|thought|reasoning)>", re.I)
_SPECIAL = re.compile(
    r"<\|[a-z0-9_ ]{1,40}\|>|</?s>|<(?:end_of_turn|start_of_turn|eos|bos|pad|unk|end_of_utterance)>"
    r"|\[/?INST\]",
    re.I,
)
_MARKS_BUT_DASH = r"[ \t]*#{1,6}\s+|>\s+|[ \t]*•\s+"
_LINE_MARKS = re.compile(rf"^(?:{_MARKS_BUT_DASH}|[ \t]*-(?!\s*\d)\s+)", re.M)
_NUMBER_WORD = rf"(?:{'|'.join(NUMBER_WORDS)})\b"
_LINE_MARKS_SIGNED = re.compile(
    rf"^(?:{_MARKS_BUT_DASH}|[ \t]*-(?!\s*(?:\d|{_NUMBER_WORD}))\s+)", re.M | re.I
)
"""A dash before a number word may be its sign too, where numbers below zero are at stake."""
_DASH_SIGN = re.compile(r"(?:(?<=[\s(=:$])|^)[–‑](?=\d)")
"""A dash that is written for a minus sign."""
_CHANNELS = re.compile(
    r"^\s*(?:<\|start\|>assistant)?(?:<\|channel\|>analysis<\|message\|>|analysis(?=[A-Z]))"
    r"(?:.*(?:<\|channel\|>|assistant)final(?:<\|message\|>)?|(?P<open>.*))",
    re.S,
)
"""Thinking in a channel of its own, up to the channel of the answer if there is one."""
_EDGE_SIGNS = " \t\r\n\ufe0f" + "".join(
    chr(sign)
    for first, last in ((0x1F300, 0x1FAFF), (0x2600, 0x260F), (0x2613, 0x26FF))
    for sign in range(first, last + 1)
)
"""Pictures around an answer; boxes and check marks say something and stay."""
_TAGS = re.compile(r"</?(?:b|i|em|strong|p|u|span|br|div|code)\s*/?>")
_ROLE = re.compile(r"^\s*(?:assistant|model|chatbot)\s*(?::|\n)\s*", re.I)
_END = re.compile(
    r"<\|(?:endoftext|im_end|eot_id|end)\|>|</s>|<end_of_turn>|<eos>|\[end of text\]", re.I
)
_CJK = str.maketrans(
    {
        "\u200b": "",
        "\u2060": "",
        "\ufeff": "",
        "\u200e": "",
        "。": ".",
        "、": ",",
        "’": "'",
        "‘": "'",
        "“": '"',
        "”": '"',
        "−": "-",
        "－": "-",
        **dict.fromkeys("【「『〔《⟨", "["),
        **dict.fromkeys("】」』〕》⟩", "]"),
        "🅰": "A",
        "🅱": "B",
    }
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
"""No model that answers writes these: what holds one is noise, and a word in it is an accident.
Space, tab and the ends of lines are no noise."""
_NEXT_TURN = re.compile(r"(?<=\S)\s*\n\s*(?:(?:question|q|user|human)\s*\d*\s*:|user\s*\n)", re.I)
_LATEX_TEXT = re.compile(r"\\(?:text|mathrm|textbf|mathbf|textit|texttt|mbox)\s*\{([^{}]*)\}")
_DOLLAR = re.compile(
    r"\$\s*([A-Za-z]|\\boxed\{[^$]*\}|\([A-Za-z]\))\s*\$|\\[(\[]\s*(.*?)\s*\\[)\]]"
)
_BOXED = re.compile(r"(-?)\\(?:boxed|fbox)\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_ANSWER_NAME = "(?:answer|ans|final_answer|conclusion)"
_ANSWER_TAG = re.compile(rf"<{_ANSWER_NAME}>\s*(.*?)\s*</{_ANSWER_NAME}>", re.S | re.I)
_PLAIN = re.compile(r"[A-Za-z0-9 .,()]{0,40}")

_ANSWER_OPEN = re.compile(rf"<{_ANSWER_NAME}>\s*([^<]*[^<\s])", re.I)


def first_turn(text: str) -> str:
    """What stands before a further question that the model put to itself."""
    match = _NEXT_TURN.search(text) if "\n" in text else None
    return text[: match.start()] if match else text


def clean(text: str, below_zero: bool = False) -> Cleaned:
    """Text without thinking blocks, special tokens, Markdown marks and text commands of LaTeX.

    `below_zero` says that an option is a negative number: then «- three» keeps its dash.
    """
    text = text.strip()
    if _PLAIN.fullmatch(text) and not text.startswith("analysis"):  # most: nothing to take away
        return Cleaned(text) if text else Cleaned("", "empty")
    if (channels := _CHANNELS.match(text)) is not None:
        if channels["open"] is not None:
            return Cleaned("", "unfinished_thinking")
        text = text[channels.end() :]
    text = text.replace("◁", "<").replace("▷", ">")
    if "<" in text or "[" in text:
        if (end := _END.search(text)) is not None and text[: end.start()].strip():
            text = text[: end.start()]  # what follows is another turn
        text = _THINK.sub(" ", text)
        if "<answer" in text.lower():  # a mark of the answer outweighs stray ends of thinking
            text = _THINK_CLOSE.sub(" ", text)
        else:
            text = _STRAY_END.sub(" ", _THINK_END.sub(" ", text))
        if (opened := _THINK_OPEN.search(text)) is not None:
            # Some models never close their thinking and still mark the answer behind it.
            place = text.lower().find("<answer>", opened.end())
            if place < 0:
                return Cleaned("", "unfinished_thinking")
            text = _THINK_OPEN.sub(" ", text[place:])
        text = _TAGS.sub("", _SPECIAL.sub(" ", text))
    if _CONTROL.search(text := text.replace("\boxed{", "\\boxed{")):  # JSON's \b was a LaTeX \b
        return Cleaned("", "control_characters")
    text = unicodedata.normalize("NFKC", text)
    text = _ROLE.sub("", _DASH_SIGN.sub("-", text.translate(_CJK)), count=1)
    text = without_markup(text, below_zero).strip(_EDGE_SIGNS).strip()
    return Cleaned(text) if any(map(str.isalnum, text)) else Cleaned("", "empty")


def without_markup(text: str, below_zero: bool = False) -> str:
    """Text without Markdown's marks and LaTeX's dollars and text commands; words stay."""
    if "\\" in text or "$" in text:
        text = _LATEX_TEXT.sub(r"\1", text)
        text = _DOLLAR.sub(lambda match: match[1] or match[2] or "", text)
    for mark in ("*", "`", "__"):
        if mark in text:
            text = text.replace(mark, "")
    if text.startswith("_") and text.endswith("_"):
        text = text.strip("_")
    marks = _LINE_MARKS_SIGNED if below_zero else _LINE_MARKS
    return marks.sub("", text) if any(mark in text for mark in "#>-•") else text


def boxed_contents(text: str) -> list[str]:
    r"""What stands inside each \boxed{...}."""
    if "boxed" not in text and "fbox" not in text:
        return []
    found = [(sign, content.strip()) for sign, content in _BOXED.findall(text)]
    return [sign + content if content[:1].isdigit() else content for sign, content in found]


def tagged_answers(text: str) -> list[str]:
    """What stands inside each <answer>...</answer>; the last may lack its end."""
    if "<" not in text:
        return []
    found = _ANSWER_TAG.findall(text) or _ANSWER_OPEN.findall(text)
    return [_STRAY_END.sub("", content) for content in found]


def json_content(text: str) -> object:
    """The JSON object or list in a text, or a Python literal as some models write it; else None."""
    first = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
    outermost = text[first : max(text.rfind("}"), text.rfind("]")) + 1] if first >= 0 else ""
    cut_short = text[first:] + "}" if first >= 0 and not outermost else ""
    inner = outermost[outermost.find("{") : outermost.rfind("}") + 1]
    for piece in (outermost, inner, cut_short):
        for read in (json.loads, ast.literal_eval):
            with contextlib.suppress(
                ValueError, SyntaxError, MemoryError, RecursionError, TypeError
            ):
                return read(piece)
    return None


def json_answers(content: object, keys: Sequence[str]) -> list[object]:
    """The value of the first of `keys` that an object has, whatever their case; none otherwise."""
    if not isinstance(content, dict):
        return []
    lowered = {str(key).casefold().replace(" ", "_"): value for key, value in content.items()}
    return [lowered[key] for key in keys if key in lowered][:1]


_ARTICLE = re.compile(r"^(?:the|an|a)\s+(?=\S)")
_SPACE = re.compile(r"\s+")
_EDGE = " \t\n\"'.,;:!?()[]{}<>"


def normalised(text: str) -> str:
    """Lower case, one space between words, no punctuation or article at the edges."""
    text = unicodedata.normalize("NFKC", text).replace("−", "-").casefold()
    text = _SPACE.sub(" ", text).strip(_EDGE)
    return _ARTICLE.sub("", text)
