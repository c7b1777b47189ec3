"""Rules that read a multiple-choice answer: by the option's letter, or by the option's own words.

In: cleaned text and an OptionReader (the options, compiled once per item). Out: a Reading, or None
when the rule has nothing to say. A Reading without a prediction ends the search: the text gives two
answers, declines, or contradicts itself, and a careful person would not choose for it.
"""

from __future__ import annotations

import ast
import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from suite.parse_text import boxed_contents, normalised, tagged_answer

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Reading:
    """What a rule says: a prediction, or None with the reason why the text cannot be read."""

    prediction: str | None
    reason: str | None = None
    """Stands in the `rule` column in place of the rule's name."""


_PREFIX = re.compile(
    r"^(?:correct\s*:\s*)?(?:(?:so|thus|therefore|hence|finally|then|well|ok|okay|yes)\s*[,:]\s*)?"
    r"(?:(?:the|my)\s+)?(?:(?:final|correct|best|right)\s+)*"
    r"(?:answer|ans|option|choice|letter|response|output|prediction)s?\b\s*(?:is\b)?\s*[:=.\-]?\s*"
    r"(?:(?:option|choice|letter)\s+)?",
    re.I,
)
_LETTER = re.compile(r"^[\s(\[{<\"']*([A-Za-z])[\s)\]}>\"']*[.,:;!)]*\s*$")
_LETTER_THEN = re.compile(
    r"^[\s\"']*(?:[(\[{]\s*([A-Za-z])\s*[)\]}][.:,]?|([A-Za-z])\s*[).:\]]|([A-Z])\s*(?:,|;|[-–—=]+>?)(?=\s))"
    r"\s*(?=\S)(.*)$",
    re.S,
)
_LETTER_SPACE = re.compile(r"^[\"']*([A-Z])\s+(\S.*)$", re.S)
_LETTER_LIST = re.compile(
    r"^[\s(\[]*[A-Z][)\].]?(?:\s*(?:,|/|&|\+|;|\||\n|\bor\b|\band\b)\s*|\s+)"
    r"(?:(?:,|/|&|or|and)\s*)?(?:[(\[]?[A-Z][)\].]?(?:\s*(?:,|/|&|;|\n|\bor\b|\band\b)\s*|\s*))+\s*[.!]?$"
)
_REASON_WORD = re.compile(
    r"^\s*(?:$|[.,;:!?)\n(\-–—]|because\b|since\b|as\b|for\b|which\b|due\b|given\b|based\b|"
    r"i\b|in\s+my\b|here\b|from\b)",
    re.I,
)
_OTHER_LETTER_NEXT = re.compile(
    r"^\s*[)\].,\"']*\s*(?:,|/|&|\bor\b|\band\b)\s*(?:possibly\s+|maybe\s+)?(?:option\s+)?[(\[]?([A-Z])\b(?!')", re.I
)


class OptionReader:
    """The options of one item, with what is needed to find them in a text."""

    def __init__(self, options: tuple[str, ...]) -> None:
        self.options = options
        self.letters = LETTERS[: len(options)]
        self.by_text: dict[str, str] = {}
        for letter, option in zip(self.letters, options, strict=True):
            key = normalised(option)
            # A text that two options share names neither of them.
            self.by_text[key] = "" if key in self.by_text else letter
        self.by_text.pop("", None)

    @cached_property
    def mention(self) -> re.Pattern[str] | None:
        """Finds options' texts as whole words, the longer of two that overlap."""
        texts = [t for t in self.by_text if not re.fullmatch(r"[a-z]", t)]
        if not texts:
            return None
        words = "|".join(
            re.escape(text).replace(r"\ ", r"\s+") for text in sorted(texts, key=len, reverse=True)
        )
        return re.compile(rf"(?<![\w])(?<!\d[.,:])(?<![-+.]\b)(?:{words})(?![\w])(?![.,:]\d)")

    def letter(self, letter: str) -> str | None:
        """The letter in upper case if an option has it."""
        upper = letter.upper()
        return upper if upper in self.letters else None

    def by_words(self, text: str) -> str | None:
        """Letter of the option whose text this is, exactly, but for case and edge punctuation."""
        return self.by_text.get(normalised(text)) or None

    def mentions(self, text: str) -> list[tuple[int, int, str]]:
        """(start, end, letter) of every option's text inside `text`; letter "" when shared."""
        if self.mention is None:
            return []
        lowered = text.casefold()
        return [
            (match.start(), match.end(), self.by_text.get(normalised(match[0]), ""))
            for match in self.mention.finditer(lowered)
        ]

    def segment(self, text: str) -> Reading | None:
        """Reads a piece of text that is an answer and nothing else; None when it is not."""
        text = _PREFIX.sub("", text.strip(), count=1) if len(text) > 2 else text.strip()
        if single := _LETTER.match(text):
            return self.given(single[1])
        if (letter := self.by_words(text)) is not None:
            return Reading(letter)
        if parts := _LETTER_THEN.match(text):
            return self._letter_and_text(parts[1] or parts[2] or parts[3], parts[4])
        spaced = _LETTER_SPACE.match(text)
        if spaced and self.by_words(spaced[2]) == spaced[1]:
            return Reading(spaced[1])
        return None

    def given(self, letter: str) -> Reading:
        known = self.letter(letter)
        return Reading(known) if known else Reading(None, "no_such_option")

    def _letter_and_text(self, letter: str, rest: str) -> Reading | None:
        known = self.letter(letter)
        if known is None:
            return None
        named = self.by_words(rest)
        if named is not None:
            return Reading(known) if named == known else Reading(None, "letter_and_text_disagree")
        own = normalised(self.options[LETTERS.index(known)])
        return Reading(known) if own and normalised(rest) == own else None


# --- the rules, in order --------------------------------------------------------------------


def whole(text: str, reader: OptionReader) -> Reading | None:
    """The whole text is a letter, an option's text, or a letter with its text."""
    if len(text) > 400:
        return None
    if len(text) > 2 and _LETTER_LIST.match(text):
        letters = set(re.findall(r"\b[A-Z]\b", text))
        return reader.given(letters.pop()) if len(letters) == 1 else Reading(None, "several_answers")
    return reader.segment(text)


def boxed(text: str, reader: OptionReader) -> Reading | None:
    r"""The content of \boxed{...}."""
    return _agreed([reader.segment(content) for content in boxed_contents(text)])


def answer_tag(text: str, reader: OptionReader) -> Reading | None:
    """The content of <answer>...</answer>."""
    content = tagged_answer(text)
    if content is None:
        return None
    return _first_of(content, reader, (whole, boxed, stated, leading_letter, named_option))


def json_answer(text: str, reader: OptionReader) -> Reading | None:
    """The answer in a JSON object or list."""
    if "{" not in text and not text.startswith("["):
        return None
    start = min(index for index in (text.find("{"), text.find("[")) if index >= 0)
    end = max(text.rfind("}"), text.rfind("]"))
    content = _literal(text[start : end + 1])
    if isinstance(content, list):
        values = content
    elif isinstance(content, dict):
        lowered = {str(key).casefold().replace(" ", "_"): value for key, value in content.items()}
        keys = ("final_answer", "answer", "correct_answer", "option", "choice", "prediction", "letter")
        values = [lowered[key] for key in keys if key in lowered][:1]
    else:
        return None
    flat = [entry for value in values for entry in (value if isinstance(value, list) else [value])]
    return _agreed([reader.segment(str(value)) for value in flat])


def _literal(text: str) -> object:
    """JSON, or a Python literal as some models write it; None when it is neither."""
    for read in (json.loads, ast.literal_eval):
        with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return read(text)
    return None


_STATEMENT = re.compile(
    r"(?P<cue>(?:final|so|therefore|thus|hence|wait|actually|correction|sorry|no)\b[\s,:]*(?:the\s+)?)?"
    r"(?:"
    r"\b(?:(?:answer|response)(?:\s+(?:to\s+(?:the|this)\s+question|here|letter|choice|option))?|"
    r"(?:correct|right|best|final|appropriate|accurate|my|chosen|likely)\s+(?:option|choice|letter))"
    r"\s*(?:(?:is|was|would\s+be|should\s+be|must\s+be|will\s+be|has\s+to\s+be|seems\s+to\s+be|"
    r"appears\s+to\s+be)\b\s*:?|:|=|->|=>|→)"
    r"|\bi(?:'d|\s+would|\s+will|'ll|'m|\s+am)?\s+"
    r"(?:choose|pick|select|say|go(?:ing)?\s+(?:with|for)|opt\s+for|answer)\b"
    r"|\b(?:respuesta|réponse|antwort|resposta|risposta|ответ|jawaban|cevap|đáp\s+án)"
    r"(?:\s+(?:correcta|correcte|richtige|correta|corretta))?\s*(?:(?:es|est|ist|é|è|adalah|là)\b\s*:?|:|-|—)"
    r"|(?:正确)?(?:答案|选项|答)\s*(?:应该|应当)?\s*(?:是|为|選|选|:|(?=[A-Z]|\s+[A-Z]))|(?:选择|選擇)|选|"
    r"(?:正解|答え|回答)\s*(?:は|:)|(?:정답|답)\s*(?:은|:)"
    r")\s*",
    re.I,
)
_HEDGE = re.compile(
    r"^(?:[:\s]|(?:most\s+likely|likely|probably|clearly|definitely|therefore|thus|simply|the|option|choice|"
    r"letter|answer|number|indeed|obviously|that)\b[\s:,]*(?=\S))+",
    re.I,
)
_NEGATION = re.compile(
    r"(?:\bnot|n't|\bnever|\bneither|\bnor|\brather\s+than|\binstead\s+of|\bexcept|\bexcluding|\bno\s+longer)"
    r"\s+(?:be\s+|the\s+|an?\s+|option\s+|choice\s+|really\s+|simply\s+|just\s+)*[(\[\"']*$",
    re.I,
)
_NOT_BUT = re.compile(
    r"^(?:not|isn't)\s+(?:option\s+)?[^\n]{1,60}?,?\s+but\s+(?:rather\s+)?(?=\S)", re.I
)
_SENTENCE_END = re.compile(r"\n|[.!?](?=\s+[A-Z(\"'])")


def stated(text: str, reader: OptionReader) -> Reading | None:
    """«The answer is …», «I choose …», «答案是…»; of several that differ, one marked as final."""
    found: list[tuple[Reading, bool]] = []
    for match in _STATEMENT.finditer(text):
        reading = _statement(text[match.end() :], reader)
        if reading is not None and not _NEGATION.search(text[: match.start()]):
            found.append((reading, match["cue"] is not None))
    if not found:
        return None
    if any(reading.prediction is None for reading, _ in found):
        return found[-1][0] if found[-1][0].prediction is None else Reading(None, "several_answers")
    if len({reading.prediction for reading, _ in found}) > 1 and not found[-1][1]:
        return Reading(None, "several_answers")
    return found[-1][0]


def _statement(rest: str, reader: OptionReader) -> Reading | None:
    """Reads what follows «the answer is»."""
    rest = rest.lstrip()
    end = _SENTENCE_END.search(rest, 3)  # «B. red» has its own full stop
    sentence = rest[: end.start()] if end else rest
    bare = sentence
    if contrast := _NOT_BUT.match(bare):
        bare = bare[contrast.end() :]
    elif re.match(r"not\b|neither\b", bare, re.I):
        return None
    if (reading := reader.segment(bare)) is not None:
        return reading
    unhedged = _HEDGE.sub("", bare, count=1)
    if unhedged != bare and (reading := reader.segment(unhedged)) is not None:
        return reading
    return _begins(unhedged, reader)


_LETTER_START = re.compile(r"^[\s(\[{\"']*([A-Za-z])(?![A-Za-z0-9_'])")  # «Bです» is B


_LISTED_NEXT = re.compile(r"[,;]\s*[(\[]?[A-Z]\s*[:.)]\s*\w")
_WRONG_NEXT = re.compile(r"^[)\].\s]*(?:(?:is|was)\s+(?:not|wrong|incorrect|false)|isn't|是?错|不)", re.I)


def _begins(text: str, reader: OptionReader) -> Reading | None:
    """Reads a text that begins with a letter or with an option's text and then goes on."""
    start = _LETTER_START.match(text)
    if start and (letter := reader.letter(start[1])):
        rest = text[start.end() :]
        if (other := _OTHER_LETTER_NEXT.match(rest)) and reader.letter(other[1]) not in {None, letter}:
            return Reading(None, "several_answers")
        closed = rest[:1] in set(")]}.:,;\"'") if rest else True
        if _LISTED_NEXT.search(rest) or _WRONG_NEXT.match(rest):
            return Reading(None, "several_answers") if _LISTED_NEXT.search(rest) else None
        closed = closed or not rest[:1].isascii()
        is_word = start[1] in "aAI" and not closed  # the article, the pronoun
        if closed or (start[1].isupper() and (not is_word or _REASON_WORD.match(rest))):
            inner = _LETTER_THEN.match(text)
            if inner and reader.by_words(inner[4]) not in {None, letter}:
                return Reading(None, "letter_and_text_disagree")
            return Reading(letter)
        own = normalised(reader.options[LETTERS.index(letter)])
        if own and normalised(rest).startswith(own):
            return Reading(letter)
    found = reader.mentions(text)
    if found and not re.search(r"\w", re.sub(r"\b(?:the|an?)\b", "", text[: found[0][0]], flags=re.I)):
        others = {letter for _, _, letter in found} - {found[0][2]}
        joined = re.match(r"\s*(?:,|/|\bor\b|\band\b)", text[found[0][1] :], re.I)
        if others and joined:
            return Reading(None, "several_answers")
        return Reading(found[0][2]) if found[0][2] else Reading(None, "several_answers")
    return None


_REVERSE = re.compile(
    r"(?:\b(?:option|choice|answer|statement)\s+)?[(\[\"']*\b([A-Z])\b[)\]\"'.:]*"
    r"(?:\s*\([^)\n]{1,80}\)|\s*[\-–]\s*[^.,\n]{1,80}?|\s*,[^.,\n]{1,80},|(?<=[).:\]])\s*[^.,\n]{1,80}?)?"
    r"\s+(?:is|would\s+be|must\s+be|should\s+be|seems|looks|appears)\s+(?:clearly\s+|most\s+likely\s+|therefore\s+)?"
    r"(?:the\s+|my\s+)?(?:most\s+|more\s+)?"
    r"(?:correct|right|best|accurate|appropriate|true|likely|(?:final\s+)?answer)\b",
)


def called_correct(text: str, reader: OptionReader) -> Reading | None:
    """«Option B is correct», «(C) is the right answer»."""
    letters = {match[1] for match in _REVERSE.finditer(text) if reader.letter(match[1])}
    if not letters:
        return None
    return Reading(letters.pop()) if len(letters) == 1 else Reading(None, "several_answers")


_ECHO = re.compile(r"^[\s(\[]*([A-Z])\s*[)\].:]\s*(\S.*)$")


def last_line(text: str, reader: OptionReader) -> Reading | None:
    """The last line is an answer and nothing else, and no other line is another answer.

    Lines that only repeat the options (two or more of them) do not count.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        return None
    echoed = [line for line in lines if _is_echo(line, reader)]
    if len({line.strip(" ([")[0] for line in echoed}) >= 2:
        lines = [line for line in lines if line not in echoed]
    if not lines:
        return Reading(None, "several_answers")
    final = reader.segment(lines[-1])
    if final is None or final.prediction is None:
        return None
    others = {reading.prediction for line in lines[:-1] if (reading := reader.segment(line))}
    if others - {final.prediction, None}:
        return Reading(None, "several_answers")
    return final


def _is_echo(line: str, reader: OptionReader) -> bool:
    match = _ECHO.match(line)
    return bool(match) and reader.by_words(match[2]) == match[1] if match else False


_LETTER_FORM = re.compile(
    r"(?<![\w'])(?:[(\[]([A-Z])[)\]]|(?:\b(?:[Oo]ption|[Cc]hoice|[Ll]etter)\s+[(\[\"']*)([A-Za-z])\b(?!'))"
)
_LINE_LETTER = re.compile(r"^[\s(\[]*([A-Z])[)\].:](?=\s)", re.M)


def leading_letter(text: str, reader: OptionReader) -> Reading | None:
    """Begins with a letter and goes on to explain, naming no other option's letter."""
    start = _LETTER_THEN.match(text)
    if start is None:
        if opening := re.match(r"^([B-HJ-Z])\s+(?=\w)", text):
            if not reader.letter(opening[1]) or not _REASON_WORD.match(text[1:]):
                return None
            letter, rest = opening[1], text[1:]
        else:
            return _leading_line(text, reader)
    else:
        given, rest = start[1] or start[2] or start[3], start[4]
        letter = reader.letter(given) or ""
        if not letter:
            return None
    if reader.by_words(rest.split("\n")[0]) not in {None, letter}:
        return Reading(None, "letter_and_text_disagree")
    if _OTHER_LETTER_NEXT.match(text[1:]) and len(_other_letters(text, letter, reader)) > 0:
        return Reading(None, "several_answers")
    if _other_letters(text, letter, reader):
        return Reading(None, "several_answers")
    return Reading(letter)


def _leading_line(text: str, reader: OptionReader) -> Reading | None:
    """The first line is an answer and nothing else, and an explanation follows."""
    first, _, rest = text.partition("\n")
    reading = reader.segment(first) if rest.strip() else None
    if reading is None or reading.prediction is None:
        return None
    if _other_letters(rest, reading.prediction, reader):
        return Reading(None, "several_answers")
    return reading


_DISMISSED = re.compile(
    r"\b(?:incorrect|wrong|not|false|unlikely|inaccurate|irrelevant|less|no|nor|eliminat\w*|rul\w+\s+out|"
    r"rather\s+than|instead\s+of)\b|n't\b",
    re.I,
)
_SENTENCES = re.compile(r"(?<=[.!?;])\s+(?=[^a-z])|\n+")


def _other_letters(text: str, letter: str, reader: OptionReader) -> set[str]:
    """Letters of other options that a text holds, but for sentences that dismiss them."""
    first, *later = _SENTENCES.split(text)
    text = "\n".join([first, *(piece for piece in later if not _DISMISSED.search(piece))])
    forms = [
        match[1] or match[2]
        for match in _LETTER_FORM.finditer(text)
        if not _negated(text, match.start(), match.end())
    ]
    forms += _LINE_LETTER.findall(text)
    forms += re.findall(r"(?:\bor|\band|/|,)\s+[(\[]?([B-HJ-Z])\b(?!')", text[:60])
    return {known for form in forms if (known := reader.letter(form))} - {letter}


_REFUSAL = re.compile(
    r"\b(?:i\s+(?:can(?:no|')t|am\s+(?:unable|not\s+able|not\s+sure)|don't\s+(?:know|see|have)|do\s+not\s+"
    r"(?:know|see|have)|'?m\s+(?:unable|not\s+able|not\s+sure))|i'm\s+(?:sorry|unable|not\s+(?:able|sure))|"
    r"sorry|apologi[sz]e|cannot\s+(?:be\s+)?(?:determin|answer|see|tell|view|identif|provid)\w*|"
    r"can't\s+(?:be\s+)?(?:determin|answer|see|tell|view|identif)\w*|"
    r"(?:unable|impossible|not\s+possible)\s+to\s+(?:determin|answer|see|say|tell|view|identif|provid|process|"
    r"assist|help|know)\w*|not\s+(?:enough|sufficient)|insufficient|none\s+of\s+(?:the|these)|no\s+image|"
    r"as\s+an\s+ai|not\s+clear\s+(?:if|whether|what|which|from)|no\s+(?:correct|answer|option))",
    re.I,
)


def refusal(text: str, reader: OptionReader) -> Reading | None:
    """Declines to answer, unless an option says just that."""
    match = _REFUSAL.search(text)
    if match is None:
        return None
    for start, end, _ in reader.mentions(text):
        if start <= match.start() < end or match.start() <= start < match.end():
            return None
    return Reading(None, "refusal")


_SHORT_LEAD = re.compile(
    r"^(?:i\s+(?:think|believe|guess|choose|pick|would\s+say|say)|i'd\s+(?:say|go\s+with)|it'?s|it\s+is|"
    r"it\s+(?:must|should|would|could)\s+be|that'?s|that\s+is|this\s+is|must\s+be|should\s+be|probably|"
    r"definitely|maybe|likely|perhaps|clearly|obviously|most\s+likely|so|therefore|thus|hence|sure|ok|okay|"
    r"the|option|choice|letter|answer|is|[,:!.\s])+\s*",
    re.I,
)


def short_sentence(text: str, reader: OptionReader) -> Reading | None:
    """«It's B», «Probably C», «not A but B»: a few words around one letter."""
    if len(text) > 80 or "\n" in text:
        return None
    if contrast := _NOT_BUT.match(text):
        return reader.segment(text[contrast.end() :])
    lead = _SHORT_LEAD.match(text)
    if lead is None:
        return None
    rest = text[lead.end() :]
    reading = reader.segment(rest)
    if reading is not None and len(rest) <= 2 and rest[:1].islower():
        return None  # «it's a»: an article whose noun is missing
    return reading if reading is not None and reading.prediction else None


def last_sentence(text: str, reader: OptionReader) -> Reading | None:
    """Reasoning that ends in a short sentence that is an answer and nothing else."""
    pieces = re.split(r"(?<=[.!?])\s+|\n+", text.strip())
    if len(pieces) < 2 or len(pieces[-1]) > 80:
        return None
    final = re.sub(r"^(?:so|thus|therefore|hence|finally|conclusion)\s*[,:]\s*", "", pieces[-1], flags=re.I)
    if final == pieces[-1] and _other_letters(text, "", reader):
        return None
    return reader.segment(final)


def sole_letter(text: str, reader: OptionReader) -> Reading | None:
    """One option's letter in an explicit form, «(C)» or «option C», that is not negated."""
    letters = set()
    named = {end: letter for _, end, letter in reader.mentions(text)} if len(text) <= 400 else {}
    for match in _LETTER_FORM.finditer(text):
        known = reader.letter(match[1] or match[2])
        if known and not _negated(text, match.start(), match.end()):
            letters.add(known)
            before = len(text[: match.start()].rstrip(" (["))
            if named.get(before, known) != known:
                return Reading(None, "letter_and_text_disagree")
    if not letters:
        return None
    return Reading(letters.pop()) if len(letters) == 1 else Reading(None, "several_answers")


_NEGATED_AFTER = re.compile(
    r"^[)\].\"']*\s+(?:is|are|was|does|can|could|would)(?:\s+(?:not|never|wrong|incorrect)|n't)\b|"
    r"^[)\].\"']*\s+(?:is|are)\s+(?:wrong|incorrect|false|not)\b",
    re.I,
)


def _negated(text: str, start: int, end: int) -> bool:
    return bool(_NEGATION.search(text[max(0, start - 40) : start])) or bool(
        _NEGATED_AFTER.match(text[end : end + 40])
    )


def named_option(text: str, reader: OptionReader) -> Reading | None:
    """The text of exactly one option stands in a short answer, as whole words, not negated."""
    found = reader.mentions(text) if len(text) <= 400 else []
    named = [entry for entry in found if not _negated(text, entry[0], entry[1])]
    letters = {letter for _, _, letter in named}
    if not letters:
        return None
    if len(letters) > 1:
        first = named[0]
        opens = not text[: first[0]].strip("\"' ") and re.match(r"[,.;:!]", text[first[1] :])
        if opens and normalised(text[first[0] : first[1]]) in {"yes", "no", "true", "false"}:
            return Reading(first[2])
        return Reading(None, "several_answers")
    letter = letters.pop()
    return Reading(letter) if letter else Reading(None, "several_answers")


def _first_of(
    text: str,
    reader: OptionReader,
    rules: tuple[Callable[[str, OptionReader], Reading | None], ...],
) -> Reading | None:
    for rule in rules:
        if (reading := rule(text, reader)) is not None:
            return reading
    return None


def _agreed(readings: list[Reading | None]) -> Reading | None:
    given = {reading.prediction for reading in readings if reading is not None}
    if not given:
        return None
    if len(given) == 1:
        return next(reading for reading in readings if reading is not None)
    return Reading(None, "several_answers")


CHOICE_RULES: tuple[Callable[[str, OptionReader], Reading | None], ...] = (
    whole,
    boxed,
    answer_tag,
    json_answer,
    stated,
    called_correct,
    last_line,
    leading_letter,
    short_sentence,
    refusal,
    last_sentence,
    sole_letter,
    named_option,
)
"""Every rule, in order."""
