r"""Fields in which a model marks its answer: \boxed{...}, <answer>...</answer>, JSON, tool calls.

In: cleaned text. Out: what stands in each field, with its place. One pass over the text each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from suite.answers.parsing.languages import DENIAL, REASON, REPORT

Field = tuple[int, int, str]
"""Start, end and content."""
ANSWER_NAME = re.compile(
    r"answer|\bans\b|final|conclusion|solution|response|result|output|choice|option|selection|"
    r"verdict",
    re.I,
)
MARK = re.compile(
    r"<(?P<end>/?)(?P<tag>[A-Za-z][\w:.=-]{1,40})(?:\s[^<>\n]{0,80})?>|"
    r"\[(?P<end2>/?)(?P<name2>[A-Z][A-Z_]{2,30})\]|<\|(?:begin|start|"
    r"(?P<end3>end))_of_(?P<name3>\w{1,40})\|>|<\|(?P<end4>/?)(?P<name4>[a-z]\w{1,40})\|>"
)
"""The begin or the end of a block: <name>, [NAME], <|begin_of_name|> or <|name|>."""
_BRACE = re.compile(r"(\\(?:boxed|fbox)\s*)?\{|\}")
_KEY = (
    "(?:final|correct)[_ ]?answer|answer|(?:correct|selected)[_ ]?option|option|choice|selection|"
    "prediction|letter|label"
)
_VALUE = (
    r"(?:\"(?P<quoted>(?:[^\"\\]|\\.){0,400})\"|'(?P<single>[^'\n]{0,400})'"
    r"|(?P<bare>\[[^\]]{0,200}\]|[^\s,}\]{\[\"'][^,}\]\n]{0,80}))"
)
_FIELD = re.compile(rf"[{{,\n]\s{{0,20}}[\"']?(?:{_KEY})[\"']?\s*[:=]\s*{_VALUE}", re.I)
_CALL = re.compile(
    r"\b(?:final_?answer|answer|finish|submit\w{0,20}|choose\w{0,20}|select\w{0,20}|respond)"
    r"[(\[]\s{0,9}(?:\w{1,30}\s*=\s*)?"
    rf"{_VALUE}?(?P<plain>[^()\[\]\"'\n]{{0,80}})[)\]]\s*(?=$|[\n<`])",
    re.I,
)


_BEFORE = re.compile(
    r"(?:[^\w\s]|^|\b(?:is|are|was|be|so|thus|hence|therefore|then|gives?|gets?|equals?|yields?|"
    r"choose|pick|select|say|calls?|answer|option|and|or)|[^\x00-\x7f])\s*$",
    re.I,
)
"""What stands before a field that gives an answer; before one that only shows a form stands another
word, as in «reply like <answer>A</answer>»."""
_FORM = re.compile(
    rf"\b(?:{DENIAL}|n't|e\.g|example)\W*$|(?:{REPORT})\W*$|^(?!.*\b(?:my|here)\b).*"
    r"\b(?:format|form|example|template|instruct\w+|style)\b[^.!?]{0,20}(?:\bis|\bas|:)\s*$",
    re.I,
)
_BEHIND = re.compile(
    rf"[ \t]*(?:[^\sa-z]|$|\n|(?:{REASON}|and|or)\b|"
    r"(?:is|as)\s+(?:the|my|what|correct|right|best)\b(?!\s+form))"
)


def _only_given(text: str, found: Iterable[Field]) -> list[Field]:
    """Gives the fields, without the content of those denied, another's, or only shown as a form."""
    fields, done = [], 0
    for start, end, content in found:
        opened = text.rfind("{", done, start + 1) if text[start] in "{,\n" else start
        begin = opened if opened >= 0 else start  # of the object of which the field is a part
        before = text[max(begin - 80, min(done, begin)) : begin]
        before = re.sub(r":\s+$", ": ", before).rsplit("\n", 1)[-1]
        sentence = re.split(r"(?<!e\.g)[.!?]\s", before)[-1]
        given = _BEFORE.search(before) and not _FORM.search(sentence) and _BEHIND.match(text, end)
        fields.append((start, end, content if given else ""))
        done = end
    return fields


def name_of(mark: re.Match[str]) -> tuple[str, bool]:
    """Gives the name of a block in lower case, and whether this is its end."""
    name = next(filter(None, mark.group("tag", "name2", "name3", "name4"))).lower()
    return name, any(mark.group("end", "end2", "end3", "end4")) or name.endswith("_end")


def without_tags(text: str) -> str:
    """Gives a text with a space in place of each tag in angle brackets."""
    return MARK.sub(lambda mark: " " if mark["tag"] else mark[0], text) if "<" in text else text


def boxes(text: str) -> list[Field]:
    r"""(start, end, content) of each \boxed{...} that holds no other; a minus before a number's box
    belongs to it."""
    found: list[Field] = []
    opened: list[re.Match[str]] = []
    for brace in _BRACE.finditer(text) if "boxed" in text or "fbox" in text else ():
        if brace[0] != "}":
            opened.append(brace)
        elif opened and (start := opened.pop())[1] and (not found or found[-1][1] <= start.end()):
            content = text[start.end() : brace.start()].strip()
            signed = text[start.start() - 1 : start.start()] == "-" and content[:1].isdigit()
            found.append((start.start(), brace.end(), "-" + content if signed else content))
    return _only_given(text, found)


def tagged(text: str) -> list[Field]:
    """(start, end, content) of each <answer>...</answer>, whatever the tag's name for an answer is.

    The last may lack its end; tags inside go, and an outer tag counts once its inner ones are out.
    """
    found: list[Field] = []
    opened: list[re.Match[str]] = []
    for tag in MARK.finditer(text):
        name, closes = name_of(tag)
        if not ANSWER_NAME.search(name):
            continue
        if not closes:
            opened = [*opened[-3:], tag]
        elif opened:
            start = opened.pop()
            content = text[start.end() : tag.start()]
            found.append((start.start(), tag.end(), without_tags(content).strip()))
    if opened and not found:
        last = opened[-1]
        found.append((last.start(), len(text), without_tags(text[last.end() :]).strip()))
    return _only_given(text, found)


def named(text: str) -> list[Field]:
    """(start, end, value) of each answer in JSON, in a dict, in a tool or function call."""
    calls = _CALL.finditer(text) if "(" in text or "[" in text else ()
    fields = _FIELD.finditer(text) if "{" in text else ()
    found = sorted({(match.start(), match.end(), _content(match)) for match in (*calls, *fields)})
    return _only_given(text, found)


def _content(match: re.Match[str]) -> str:
    groups = match.groupdict()
    if groups["quoted"] is not None:
        try:
            return str(json.loads(f'"{groups["quoted"]}"', strict=False))
        except ValueError:
            return str(groups["quoted"])
    return next(
        (groups[name] for name in ("single", "bare", "plain") if groups.get(name)), ""
    ).strip()
