r"""Fields in which a model marks its answer: \boxed{...}, <answer>...</answer>, JSON, tool calls.

In: cleaned text. Out: what stands in each field, with its place. One pass over the text each.
"""

from __future__ import annotations

import json
import re

ANSWER_NAME = re.compile(
    r"answer|\bans\b|final|conclusion|solution|response|result|output|choice|option|selection|"
    r"verdict",
    re.I,
)
TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[A-Za-z][\w:.=-]{1,40})[^<>\n]{0,80}>|"
    r"\[(?P<end2>/?)(?P<name2>[A-Z][A-Z_]{4,30})\]"
)
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
_CALLED = re.compile(
    r"[\"'](?:arguments|parameters|args|input)[\"']\s*:\s*\{\s*[\"']\w{1,40}[\"']\s*:\s*"
    rf"{_VALUE}\s*\}}",
    re.I,
)
_CALL = re.compile(
    r"\b(?:final_?answer|answer|finish|submit\w{0,20}|choose\w{0,20}|select\w{0,20}|respond)"
    r"[(\[]\s{0,9}(?:\w{1,30}\s*=\s*)?"
    rf"{_VALUE}?(?P<plain>[^()\[\]\"'\n]{{0,80}})[)\]]\s*(?=$|[\n<`])",
    re.I,
)


def boxes(text: str) -> list[tuple[int, int, str]]:
    r"""(start, end, content) of each \boxed{...} that holds no other; a minus before a number's box
    belongs to it."""
    found: list[tuple[int, int, str]] = []
    opened: list[re.Match[str]] = []
    for brace in _BRACE.finditer(text) if "boxed" in text or "fbox" in text else ():
        if brace[0] != "}":
            opened.append(brace)
        elif opened and (start := opened.pop())[1] and (not found or found[-1][1] <= start.end()):
            content = text[start.end() : brace.start()].strip()
            signed = text[start.start() - 1 : start.start()] == "-" and content[:1].isdigit()
            found.append((start.start(), brace.end(), "-" + content if signed else content))
    return found


def tagged(text: str) -> list[tuple[int, int, str]]:
    """(start, end, content) of each <answer>...</answer>, whatever the tag's name for an answer is.

    The last may lack its end; tags inside go, and an outer tag counts once its inner ones are out.
    """
    found: list[tuple[int, int, str]] = []
    opened: list[re.Match[str]] = []
    for tag in TAG.finditer(text):
        if not ANSWER_NAME.search(tag["name"] or tag["name2"]):
            continue
        if not (tag["end"] or tag["end2"]):
            opened = [*opened[-3:], tag]
        elif opened:
            start = opened.pop()
            found.append((start.end(), tag.start(), text[start.end() : tag.start()]))
    if opened and not found:
        found.append((opened[-1].end(), len(text), text[opened[-1].end() :]))
    return [(start, end, TAG.sub(" ", content).strip()) for start, end, content in found]


def named(text: str) -> list[tuple[int, int, str]]:
    """(start, end, value) of each answer in JSON, in a dict, in a tool or function call."""
    calls = _CALL.finditer(text) if "(" in text or "[" in text else ()
    fields = (*_FIELD.finditer(text), *_CALLED.finditer(text)) if "{" in text else ()
    return sorted({(match.start(), match.end(), _content(match)) for match in (*calls, *fields)})


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
