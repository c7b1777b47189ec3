"""What every answer goes through before it is read: thought, other turns and markup go.

In: raw text. Out: plain text, or the reason why there is no answer in it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from suite.answers.parsing.fields import ANSWER_NAME, MARK, name_of, without_tags
from suite.answers.parsing.values import NUMBER_WORDS

_THOUGHT = re.compile(
    r"think|thought|reason|analys|scratch|reflect|rationale|monolog|deliberat|ponder|brainstorm|"
    r"\bcot\b|"
    r"planning|draft|critique|self",
    re.I,
)
"""Names of blocks that hold thought. A block of another name is read where nothing else is said."""
_FORMATS = {
    "em", "strong", "span", "br", "div", "code", "pre", "li", "ul", "ol", "table", "tr", "td", "th",
    "tbody", "thead", "center", "small", "sub", "sup", "h1", "h2", "h3", "h4", "h5", "h6", "html",
    "body", "font", "hr",
}  # fmt: skip
_CHANNELS = re.compile(
    r"\s*(?:<\|start\|>assistant)?(?:<\|channel\|>analysis<\|message\|>|analysis(?=[A-Z]))"
)
_FINAL = re.compile(r"(?:<\|channel\|>|assistant)final(?:<\|message\|>)?")
_WRITTEN = {
    **{"◁": "<", "▷": ">", "\boxed{": "\\boxed{"},
    **{"<unused94>": "<think>", "<unused95>": "</think>"},  # Gemma's
}
_TURN_END = re.compile(
    r"<\|(?:endoftext|im_end|eot_id|end)\|>|</s>|<end_of_turn>|<eos>|\[end of text\]|"
    r"<end_of_utterance>",
    re.I,
)
_SPECIAL = re.compile(
    r"<\|[A-Za-z0-9_ ]{1,40}\|>|</?s>|<(?:start_of_turn|bos|pad|unk)>|\[/?INST\]", re.I
)
_ANSWER = re.compile("<answer>", re.I)
_SHORT_TAG = re.compile(r"</?[bipsu]>")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
"""No model that answers writes these: what holds one is noise, and a word in it is an accident."""
_NEXT_TURN = re.compile(r"(?<=\S)\n\s{0,9}(?:(?:question|q|user|human)\s?\d{0,3}\s?:|user\n)", re.I)
_ROLE = re.compile(r"\s*(?:assistant|model|chatbot)\s*(?::|\n)\s*", re.I)
_LATEX_TEXT = re.compile(
    r"\\(?:text(?:bf|it|tt|rm)?|math(?:rm|bf|it|sf)|mbox|bf|rm)\s?\{([^{}]{0,400})\}"
)
_LATEX_MARKS = re.compile(r"\\[()\[\]]|\$\$?(?!\s?\d[\d,.]{0,20}\s)([^$\n]{1,200}?)\$\$?")
_LINE_MARK = re.compile(
    r"^[ \t]*(?:#{1,6}\s+|>\s+|[•*]\s+|-\s+(?!\d|(?:" + "|".join(NUMBER_WORDS) + r")\b))",
    re.M | re.I,
)
_EMPHASIS = re.compile(r"(?<![\w)])\*{1,3}(?=\S)|(?<=\S)\*{1,3}(?![\w(])|`+|__+")
_DASH_SIGN = re.compile(r"(?:(?<=[\s(=:$])|^)[–‑](?=\d)")
"""A dash that is written for a minus sign."""
_PICTURES = re.compile("[\U0001f300-\U0001f5f7\U0001f600-\U0001faff\u2600-\u260f\u2613-\u26ff]+")
"""Pictures around an answer; boxes and check marks say something and stay."""
_PLAIN_MARKS = str.maketrans(
    {
        **dict.fromkeys("\u200b\u2060\ufeff\u200e\u200f\u200c\u200d\ufe0f"),
        **dict(zip("、，،؛’‘“”−－🅰🅱", ",,,;''\"\"--AB", strict=True)),
        **dict.fromkeys("。।", ". "),
        **dict.fromkeys("【「『〔《⟨", "["),
        **dict.fromkeys("】」』〕》⟩", "]"),
    }
)
_SENTENCE_END = re.compile(
    r"(?<!^[A-Za-z0-9])(?<![.!?\n]\s[A-Za-z0-9])[.!?][\"')\]]?\s+(?=\S)|[.!?](?=[A-Z][a-z])|\n\s*",
    re.M,
)


@dataclass(frozen=True)
class Cleaned:
    """Text ready to be read."""

    text: str
    unread: str | None = None
    """`empty`, `unfinished_thinking` or `control_characters` when there is nothing to read."""


def first_turn(text: str) -> str:
    """What stands before a further question that the model put to itself."""
    match = _NEXT_TURN.search(text) if "\n" in text else None
    return text[: match.start()] if match else text


def clean(text: str) -> Cleaned:
    """Text without thought, whatever its marks are, and without the marks of turns and markup."""
    text = text.strip()
    if (channel := _CHANNELS.match(text)) is not None:
        final = [*_FINAL.finditer(text, channel.end())]
        if not final:
            return Cleaned("", "unfinished_thinking")
        text = text[final[-1].end() :]
    for written, meant in _WRITTEN.items():
        text = text.replace(written, meant)
    if "<" in text or "[" in text:
        spoken = _without_thought(text)
        if spoken is None:
            return Cleaned("", "unfinished_thinking")
        end = _TURN_END.search(spoken)
        if end is not None and spoken[: end.start()].strip():
            spoken = spoken[: end.start()]  # what follows is another turn
        text = _SPECIAL.sub(" ", _SHORT_TAG.sub("", spoken) if "</" in spoken else spoken)
    if _CONTROL.search(text):
        return Cleaned("", "control_characters")
    text = unicodedata.normalize("NFKC", text.translate(_PLAIN_MARKS))
    text = _PICTURES.sub(" ", text)
    text = _DASH_SIGN.sub("-", text.strip())
    text = without_markup(text[role.end() :] if (role := _ROLE.match(text)) else text).strip()
    return Cleaned(text) if any(map(str.isalnum, text)) else Cleaned("", "empty")


def _without_thought(text: str) -> str | None:
    """The text outside of blocks of thought; None when the last of them has no end.

    An end without its beginning takes with it what stands before it, unless an answer is marked
    there. Some models never end their thought and still mark the answer behind it.
    """
    kept: list[str] = []
    done, inside, answered = 0, -1, False
    for mark in MARK.finditer(text):
        name, closing = name_of(mark)
        thought = _THOUGHT.search(name) is not None
        if not thought and name not in _FORMATS:
            answered = answered or (inside < 0 and ANSWER_NAME.search(name) is not None)
            continue
        if inside < 0:
            if thought and closing and not answered:
                kept.clear()
            else:
                kept.append(text[done : mark.start()])
            inside = mark.end() if thought and not closing else -1
            done = mark.end()
        elif thought and closing:
            inside, done = -1, mark.end()
            kept.append(" ")
    if inside >= 0:
        answer = _ANSWER.search(text, inside)
        if answer is None:
            return None
        done = answer.start()
    kept.append(text[done:])
    return "".join(kept) if answered or inside >= 0 else _outside_of_blocks("".join(kept))


def _outside_of_blocks(text: str) -> str:
    """What stands outside of blocks of any name; what they hold where nothing stands outside."""
    outside: list[str] = []
    done, name = 0, ""
    for mark in MARK.finditer(text):
        if not mark["tag"] or (name and (mark["tag"] != name or not mark["end"])):
            continue
        if not name:
            outside.append(text[done : mark.start()])
            name = "" if mark["end"] else mark["tag"]
        else:
            name = ""
        done = mark.end()
    if name:  # a block without an end is none
        return without_tags(text)
    said = "".join([*outside, text[done:]])
    return said if any(map(str.isalnum, said)) else without_tags(text)


def without_markup(text: str) -> str:
    """Gives a text without Markdown's marks and LaTeX's dollars and text commands; words stay."""
    if "\\" in text or "$" in text:
        for _ in range(2):
            text = _LATEX_TEXT.sub(r"\1", text)
        text = _LATEX_MARKS.sub(lambda match: match[1] or "", text)
    text = _EMPHASIS.sub("", text)
    if text.startswith("_") and text.endswith("_"):
        text = text.strip("_")
    return _LINE_MARK.sub("", text)


def sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence or line; a label such as «B. » ends none."""
    ends = [*_SENTENCE_END.finditer(text)]
    starts = [0, *(end.end() for end in ends)]
    stops = [*(end.end() for end in ends), len(text)]
    return [
        (start, stop) for start, stop in zip(starts, stops, strict=True) if text[start:stop].strip()
    ]
