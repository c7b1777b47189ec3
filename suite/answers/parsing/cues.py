"""Statements with a cue: «the answer is …», «I choose …», «so B», «(C) is correct», «答案是…».

In: cleaned text and an OptionReader. Out: Statements. One is read only where its whole form is
known: what stands before the cue begins a clause, and what stands behind the answer ends it or
gives a reason. So a denial, a condition or a mention is in no list: it is another form, and unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from suite.answers.parsing import languages as words
from suite.answers.parsing.options import DISAGREE, SEVERAL, OptionReader, Reading


@dataclass(frozen=True)
class Statement:
    """An answer that a text states, and where."""

    start: int
    end: int
    reading: Reading
    rule: str
    begins: bool = False
    """Whether its words begin with one that revises or concludes: «so», «final», «actually»."""
    by_words: bool = False
    """Whether it says an option's words: «it is red» beside a letter says two things."""


_BE = (
    r"(?:(?:is|would\s+be|should\s+be|must\s+be|will\s+be|has\s+to\s+be|can\s+only\s+be|"
    r"seems\s+to\s+be|appears\s+to\s+be|"
    rf"becomes|remains)(?:\s+(?:{words.ADVERB}|as\s+follows|given\s+by))?\s{{0,3}}:?|:|=(?!=)|->|"
    rf"=>|→|"
    rf"[-–—](?=\s))"
)
_NOUN = (
    r"(?:answer|ans|response|option|choice|selection|pick|verdict|decision|solution|conclusion|"
    r"prediction|guess|correction|"
    r"result|output|letter)"
)
_CUE = re.compile(
    rf"(?P<contrast>{words.NOT_BUT})"
    r"|(?P<head>(?m:^)(?:(?:the|final|correct|my)\s+)*answer\s*\n)"
    rf"|(?P<noun>\b{_NOUN}(?:\s+(?:to\s+(?:the|this|your)\s+question|here|letter|choice|option|"
    rf"is\s+option))?\s{{0,3}}{_BE})"
    rf"|(?P<say>\bI(?:'d|'ll|'m|\s+would|\s+will|\s+am|\s+must)?\s+(?:(?:{words.ADVERB}|"
    rf"confidently|"
    rf"finally|now|rather)\s+)?"
    r"(?:choose|chose|pick|select|say|answer|think|believe|guess|conclude|opt(?:ing)?\s+for|"
    r"vote\s+for|"
    r"(?:go|going|stick|sticking|settle)\s+(?:with|for|on))(?:\s+to\s+(?:choose|pick|select|say|"
    r"answer|go\s+with))?\s{0,3}:?)"
    r"|(?P<pick>\b(?:pick|choose|select)(?:\s+(?:just\s+)?one|\s+it)?\s{0,3}:|\b(?:correct|"
    r"final)\s{0,3}:"
    r"|\b(?:chang|revis|updat)(?:e|ed|ing)\s+my\s+answer\s+to)"
    r"|(?P<it>\b(?:it|that|this)(?:'s|\s+(?:is|must\s+be|should\s+be|has\s+to\s+be|"
    r"can\s+only\s+be|would\s+be))(?:\s+option)?"
    rf"|\bmakes\s+it|\b{words.IT_IS})(?!\w)"
    r"|(?P<so>\b(?:so|therefore|thus|hence|consequently|accordingly|leaves|leaving|finally|"
    r"conclusion|meaning|matches|"
    r"corresponds?\s+to|which\s+(?:is|means)\s+(?:option|choice|answer))\b\s{0,3}[,:]?"
    r"|→|=>|⇒|∴|\\(?:[Ll]ong)?[Rr]ightarrow\b|\\implies\b|\\therefore\b)"
    rf"|(?P<foreign>(?:(?<!\w){words.NOUN}(?:\s+{words.ADJECTIVE})?(?:\s+{words.COPULA}(?!\w)(?:\s+{words.THEN})?(?:\s{{0,3}}:)?"
    r"|\s{0,3}[:—–-]|(?=\s+(?-i:[A-Z])(?:\s{0,3}[.,!)\n']|\s{0,3}\Z|\s+(?:है|şık))))"
    rf"|(?<!\w){words.CHOOSE}(?!\w))(?:\s+(?:{words.ARTICLE}|(?-i:a)|{words.OPTION})(?!\w))*)"
    rf"|(?P<japanese>{words.JAPANESE})|(?P<chinese>{words.CHINESE})|(?P<korean>{words.KOREAN})",
    re.I,
)
_ADJECTIVES = re.compile(
    r"(?:(?<!-)\b(?:final|correct|right|best|proper|most|likely|probable|appropriate|accurate|"
    r"suitable|plausible|chosen|selected|"
    r"revised|updated|corrected|definitive|overall|only|possible|my|the|our|your|model'?s?)\s+)*$",
    re.I,
)
_LEADS = re.compile(
    r"(?:^|[\n.!?;:,—–()\[>|…-]|\b(?:so|therefore|thus|hence|then|and|but|now|finally|overall|"
    r"consequently|well|ok|okay|"
    r"yes|no|doubt|guess|choose|pick|actually|because|since|as|however|still|clearly|means?|"
    r"conclude|conclusion|suggests?|"
    r"indicates?|shows?|implies|imply|proves?|confirms?|confident|clear|sure|certain|(?:I|"
    r"we)(?:'d|\s+(?:would|will|can|"
    r"must|therefore|also|now|still))?\s+(?:think|believe|say|guess|conclude|know|see|feel|find|"
    r"determine|infer))"
    r"(?:\s+(?:that|the|my))?)\s*$",
    re.I,
)
_FOREIGN_HEAD = re.compile(rf"(?:(?<!\w){words.HEAD}\s+)*(?:(?<!\w)(?-i:[aA])\s+)?$", re.I)
_FOREIGN_LEADS = re.compile(rf"(?:^|[\n.!?;:,—–(-]|(?<!\w){words.LEAD})\s*$", re.I)
_DENIED = re.compile(
    r"\b(?:not|never|no|nor|nobody|doubt(?!\s*,)\w*|unsure|uncertain|hardly|without)\b|n't\b", re.I
)
_NO_DOUBT = re.compile(
    r"\b(?:no|without(?:\s+an?)?|not\s+any)\s+(?:doubt|question)\b|\bno\s*,|\bnot\s+sure\s+but\b",
    re.I,
)
CONDITION = r"(?:if|unless|assum(?:e|ing)|suppos(?:e|ing)|provided|whether)\b"
_IF = re.compile(
    rf"\b{CONDITION}(?!\s+(?:I|we|forced|"
    r"pressed)\b)|^\s*(?:had|were)\b",
    re.I,
)
_REVISES = re.compile(
    r"\b(?:so|therefore|thus|hence|final(?:ly)?|actually|wait|no|but|however|correct(?:ion|ed)|"
    r"revised|updated|overall|"
    r"conclu\w+|instead|rather|now|must|should|sorry|consequently|leaves|leaving)\b|而|综上|故|所以|因此|应",
    re.I,
)
_HEDGE = re.compile(
    rf"(?:[:\s]|(?:{words.ADVERB}|options?|choice|letter|number|the\s+(?:option|choice|"
    rf"letter)|that(?:\s+it\s+is|\s+it's)?|"
    r"it's|it\s+is|to\s+be)\b[\s:,]{0,3}(?=\S))+",
    re.I,
)
_LETTER = re.compile(r"[\s(\[{<\"']{0,4}([A-Za-z])(?![A-Za-z0-9_À-ɏ])[)\]}>\"']{0,3}")
_LETTER_LAST = re.compile(r"(?<!\w)[A-Za-z]\W*$")
_TEXT_BEHIND = re.compile(r"\s?(?:[.:,)=の]|[-–—])\s*|\s+")
_WORDS_END = re.compile(r"[\n;]|[.!?,](?=\s|$)|\s[-–—(]|\)")
_PIECE_END = re.compile(
    r"\n|[.!?](?=\s|$)|[,;]\s|\s(?:because|since|as|which|due|given|based|not|rather)\b|\s[-–—]\s"
)
_OTHER_NEXT = re.compile(
    r"\s?(?:,|/|&|\+|;|->|\b(?:or|and|by|o|ou|und|oder|et)\b|或者?|和|与|及|还是)\s*"
    r"(?:(?:possibly|maybe|perhaps|also|or|and)\s+)?(?:option\s+)?[(\[\"']?([A-Z])(?![\w'])",
    re.I,
)
OPENS_MORE = re.compile(
    rf"\W*(?:but\s+)?(?:{CONDITION}|(?:or|and(?!\s+(?:the|it|this|that)\b)|maybe|perhaps|possibly|"
    r"only\s+(?:if|when)|except)\b)",
    re.I,
)
_ASKED = (
    r"(?:of|to|for|in|among|from)\s+(?:the|this|these)\s+(?:given\s+)?"
    r"(?:question|image|picture|photo|scene|options|choices)|and\s+the\s+(?:others?|rest)"
)
_GOES_ON = re.compile(
    rf"\s*(?:$|[.,;:!)\]\n\"'(|<✓✔✅-]|[–—…]|(?:{words.REASON}|{_ASKED}|is\s+(?:the\s+)?(?:"
    rf"correct|right|best))\b"
    rf"|{words.ENDS}(?=\s*(?:$|[.,;!\n(]|ます|ました|られ)))",
    re.I,
)
_LABELS = re.compile(r"(?<=[\s,;])(?:\(([A-Z])\)\s+\w|([A-Z])[.:)]\s+\w)")
_KIND = r"(?:answer|option|choice|one|match|description|caption)"
_PRAISED = re.compile(
    r"(?:\b(?:option|choice|answer|letter|only|just)\s{0,3}|"
    r"选项\s{0,3})?(?<![A-Za-z0-9_'])[(\[\"']?([A-Z])(?![A-Za-z0-9_'])"
    r"[)\]\"'.:]{0,3}(?:\s?\([^()\n]{1,80}\)|\s?,[^,.\n]{1,80},)?"
    rf"(?:\s+(?:is|would\s+be|must\s+be|should\s+be|has\s+to\s+be|seems|looks|"
    rf"appears)\s+(?:(?:{words.ADVERB}|most|more|the|my|only|to\s+be|"
    rf"also|final)\s+){{0,4}}(?:(?:correct|right|best|better|accurate|appropriate|likely|plausible)"
    rf"(?:\s+{_KIND})?+|{_KIND})\b"
    rf"|\s+it\s+is\b(?!\s+not)|\s+(?:works|fits|remains|holds)(?:\s+best)?(?=\s?(?:[.!,\n]|$))"
    rf"|{words.RIGHT})"
    rf"(?={_GOES_ON.pattern})(?!{OPENS_MORE.pattern})",
    re.I,
)
_PRAISE_LEADS = re.compile(
    r"(?:^|[\n.!?;:,—–(\"'*-]|\b(?:so|therefore|thus|hence|then|and|but|while|although|though|"
    r"since|because|only|just|clearly|"
    r"(?:I|we)(?:'d|\s+would)?\s+(?:think|believe|say|guess|conclude|know|feel)|conclude|means|"
    r"suggests|the)(?:\s+that)?"
    r"|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3])\s*$",
    re.I,
)
TAKEN_BACK = re.compile(
    r"\b(?:(?:(?<!(?-i:[a-z])\s)|(?<=\bno\s)|(?<=\bbut\s))wait\b|oops|hmm+|scratch\s+that|i\s+mean|"
    r"or\s+rather|my\s+mistake|second\s+thoughts?|correction|sorry|not\s+quite|alternatively|"
    r"(?:that|this|it)(?:\s+(?:option|answer|choice))?(?:'s|\s+is|\s+was|\s+(?:can't|cannot)\s+be)"
    r"\s+(?:wrong|incorrect|not\s+(?:right|correct|it)|a\s+mistake)|"
    r"(?:that|this|it)\s+(?:may|might|could)\s+be\s+wrong|reconsider|take\s+(?:that|it)\s+back|"
    r"(?<=[.!?]\s)actually|"
    rf"no[,:](?!\s+I\s+am\s+sure)|{words.CORRECTION})",
    re.I,
)
"""A correction behind a statement, where no further statement follows."""
_LAST = 200
"""So many cues at the end of a text are looked at; where none states an answer, none before
does."""
_ENOUGH = 8
"""The latest statement counts, and of those before it the nearest that differs."""
_WINDOW = 300
"""Characters around a cue in which its clause and its answer stand."""


def cued(text: str, reader: OptionReader) -> list[Statement]:
    """The last statements with a cue before the answer, latest first."""
    found: list[Statement] = []
    for cue in reversed([*_CUE.finditer(text)][-_LAST:]):
        kind = cue.lastgroup or ""
        before = text[max(0, cue.start() - _WINDOW // 2) : cue.start()]
        read = _behind(text[cue.end() : cue.end() + _WINDOW], reader, kind)
        if read is None or not _begins_clause(kind, before):
            continue
        end = cue.end() + read[0]
        begins = _REVISES.search(before[-24:] + cue[0]) is not None
        by_words = kind == "it" and not _LETTER_LAST.search(text[cue.end() : end])
        found = [later for later in found if later.start >= end]  # a cue inside an option's words
        found.append(Statement(cue.start(), end, read[1], "stated", begins, by_words))
        if len(found) == _ENOUGH:
            break
    return found


def praised(text: str, reader: OptionReader) -> Iterator[Statement]:
    """Gives every statement that calls an option correct: «Option B is correct», «C it is»."""
    for match in [*_PRAISED.finditer(text)][-_ENOUGH:] if not reader.names_letters else ():
        letter = reader.letter(match[1]) if match[1].isupper() else None
        before = text[max(0, match.start() - _WINDOW // 2) : match.start()]
        asked = re.match(r"[^\n.!]{0,120}\?", text[match.end() : match.end() + 140])
        if (
            letter
            and _PRAISE_LEADS.search(before)
            and not _IF.search(_clause(before))
            and not asked
        ):
            begins = _REVISES.search(before[-24:]) is not None
            yield Statement(match.start(), match.end(), Reading(letter), "called_correct", begins)


def _clause(before: str) -> str:
    return re.split(r"[\n.!?;]", before)[-1]


def _begins_clause(kind: str, before: str) -> bool:
    """Whether what stands before a cue begins a clause that asserts: no denial, no condition."""
    clause = _clause(before)
    denied = _DENIED.search(_NO_DOUBT.sub("", clause.rsplit(",", 1)[-1])) is not None
    if kind in {"chinese", "japanese", "korean"}:
        return words.CJK_DENIES.search(before) is None
    if kind == "foreign":
        return _FOREIGN_LEADS.search(_FOREIGN_HEAD.sub("", before)) is not None
    if kind == "noun":
        before = _ADJECTIVES.sub("", before)
    leads = kind in {"so", "head", "pick", "contrast"} or _LEADS.search(before) is not None
    return leads and not _IF.search(clause) and (kind == "so" or not denied)


def _behind(rest: str, reader: OptionReader, kind: str) -> tuple[int, Reading] | None:
    """Reads what follows a cue: (characters taken, Reading); None where it states no answer."""
    whole = len(rest) - len(rest.lstrip())
    hedge = _HEDGE.match(rest, whole)
    start = hedge.end() if hedge else whole
    letter = _LETTER.match(rest, start)
    if letter is not None and (read := _lettered(rest, letter, reader, kind in {"so", "it"})):
        return read
    end = _PIECE_END.search(rest, start)
    piece = rest[start : end.start() if end else len(rest)]
    alone = r"\W*(?:[A-Za-z]|left|right)\W*" if kind == "it" else r"\W*[A-Za-z]\W*"
    if (end and end[0] == "?") or re.fullmatch(alone, piece, re.I) or not piece.strip():
        return None
    reading = reader.segment(rest[whole : start + len(piece)]) or reader.segment(piece)
    if reading is None or (kind == "it" and reading.prediction is None):
        return None
    more = OPENS_MORE.match(rest, start + len(piece))
    return start + len(piece), SEVERAL if more else reading


def _lettered(
    rest: str, letter: re.Match[str], reader: OptionReader, strict: bool
) -> tuple[int, Reading] | None:
    """Reads a letter behind a cue, with the option's words behind it if they are there."""
    known, end = reader.letter(letter[1]), letter.end()
    bracketed = rest[max(0, letter.start(1) - 1)] in "([{<\"'" and letter.start(1) > 0
    if known is None:
        ends = letter[1].isupper() and re.match(r"\s*(?:$|[.,;!)\n])", rest[end:]) and not strict
        return (end, reader.given(letter[1])) if ends else None
    agreed = False
    if behind := _TEXT_BEHIND.match(rest, end):
        own = _WORDS_END.split(rest[behind.end() :], maxsplit=1)[0]
        named = reader.by_words(re.sub(r"(?:입니다|이다|です|だ)$", "", own))
        if named is None and (aside := re.match(r"\s?\(([^()\n]{1,200})\)", rest[end:])):
            named, own = reader.by_words(aside[1]), aside[0]
        if named is not None and named != known:
            article = letter[1] in "aA" and behind[0].isspace()
            return None if article else (behind.end() + len(own), DISAGREE)
        if named is not None:
            agreed, end = True, behind.end() + len(own)
    tail = rest[end:]
    if not agreed and not bracketed and letter[1].islower():
        closed = re.match(r"\s?[.)]" if letter[1] == "a" else r"\s?(?:$|[.)\n,])", tail)
        if strict or not closed:
            return None
    other = _OTHER_NEXT.match(tail)
    if (other and reader.letter(other[1]) not in {None, known}) or OPENS_MORE.match(tail):
        return end, SEVERAL
    sentence = re.split(r"\n|[.!](?=\s|$)", tail, maxsplit=1)[0]
    if not _GOES_ON.match(tail) or "?" in sentence:
        return None
    if strict and not agreed and not re.match(r"\s*(?:$|[.!\n)(,;✓✅])", tail):
        return None
    labels = {
        reader.letter(next(filter(None, label.groups()))) for label in _LABELS.finditer(sentence)
    }
    return end, SEVERAL if labels - {None, known} else Reading(known)
