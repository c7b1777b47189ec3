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
    rf"=>|→|[-–—](?=\s))"
)
_NOUN = (
    r"(?:answer|ans|response|option|choice|selection|pick|verdict|decision|solution|conclusion|"
    r"prediction|guess|correction|result|output|letter)"
)
_CUE = re.compile(
    rf"(?P<contrast>{words.NOT_BUT})"
    r"|(?P<head>(?m:^)(?:(?:the|final|correct|my)\s+)*answer\s*\n)"
    rf"|(?P<noun>\b{_NOUN}(?:\s+(?:to\s+(?:the|this|your)\s+question|here|letter|choice|option|"
    rf"is\s+option))?\s{{0,3}}{_BE})|(?P<say>\bI(?:'d|'ll|'m|\s+would|\s+will|\s+am|"
    rf"\s+must)?\s+(?:(?:{words.ADVERB}|confidently|finally|now|rather)\s+)?"
    r"(?:choose|chose|pick|select|say|answer|think|believe|guess|conclude|opt(?:ing)?\s+for|"
    r"vote\s+for|(?:go|going|stick|sticking|settle)\s+(?:with|for|on))(?:\s+to\s+(?:choose|pick|"
    r"select|say|answer|go\s+with))?\s{0,3}:?)|(?P<pick>\b(?:pick|choose|"
    r"select)(?:\s+(?:just\s+)?one|\s+it)?\s{0,3}:|\b(?:correct|final)\s{0,3}:|\b(?:chang|revis|"
    r"updat)(?:e|ed|ing)\s+my\s+answer\s+to)|(?P<it>\b(?:it|that|this)(?:'s|\s+(?:is|must\s+be|"
    r"should\s+be|has\s+to\s+be|can\s+only\s+be|would\s+be))(?:\s+option)?"
    rf"|(?:\b(?:which|that|this)\s+)?\bmakes\s+it|\b{words.IT_IS})(?!\w)"
    r"|(?P<so>\b(?:so|therefore|thus|hence|consequently|accordingly|leaves|leaving|finally|"
    r"conclusion|meaning|matches|corresponds?\s+to|which\s+(?:is|means)\s+(?:option|choice|"
    r"answer))\b\s{0,3}[,:]?|→|=>|⇒|∴|\\(?:[Ll]ong)?[Rr]ightarrow\b|\\implies\b|\\therefore\b)"
    rf"|(?P<foreign>(?<!\w){words.NOUN}(?:{words.BETWEEN}+(?:\s{{0,3}}:{words.BETWEEN}*)?|\s{{0,3}}[:—–-]{words.BETWEEN}*"
    r"|(?=\s+(?-i:[A-Z])(?:\s{0,3}[.,!)\n']|\s{0,3}\Z|\s+(?:है|şık))))"
    rf"|(?<!\w){words.CHOOSE}(?!\w){words.BETWEEN}*)"
    rf"|(?P<japanese>{words.JAPANESE})|(?P<chinese>{words.CHINESE})|(?P<korean>{words.KOREAN})",
    re.I,
)
_LEADS = re.compile(
    r"(?:^[✓✔✅]?|[\n.!?;:,—–()\[>|…*-]|[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]|\b(?:so|therefore|thus|hence|"
    r"then|and|but|now|finally|overall|consequently|well|ok|okay|yes|no|doubt|guess|choose|pick|actually|"
    r"because|since|as|while|although|though|however|still|clearly|means?|conclude|conclusion|suggests?|"
    r"indicates?|shows?|implies|imply|proves?|confirms?|confident|clear|sure|certain|(?:I|we)"
    r"(?:'d|\s+(?:would|will|can|must|therefore|also|now|still))?\s+(?:think|believe|say|guess|conclude|"
    rf"know|see|feel|find|determine|infer))(?:\s+(?:that|the|my))?|(?<!\w){words.LEAD})\s*$",
    re.I,
)
"""What a statement's clause begins behind."""
_HEADS = {
    "noun": re.compile(
        r"(?:(?<!-)\b(?:final|correct|right|best|proper|most|likely|probable|appropriate|accurate|suitable|"
        r"plausible|chosen|selected|revised|updated|corrected|definitive|overall|only|possible|my|the|our|"
        r"your|model'?s?)\s+)*$",
        re.I,
    ),
    "foreign": re.compile(rf"(?:(?<!\w){words.HEAD}\s+)*(?:(?<!\w)(?-i:[aA])\s+)?$", re.I),
}
"""What may stand before the noun of a cue."""
_DENIED = re.compile(rf"\b(?:{words.DENIAL})\b|n't\b", re.I)
_NO_DOUBT = re.compile(rf"\b{words.NO_DOUBT}\b|\bno\s*,|\bnot\s+sure\s+but\b", re.I)
_IF = re.compile(
    rf"\b{words.CONDITION}(?!\s+(?:I|we|forced|pressed)\b)|^\s*(?:had|were|should)\b|{words.SUPPOSED}",
    re.I,
)
_REPORTS = re.compile(rf"(?:{words.REPORT})\W*$", re.I)
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
WORDS_END = re.compile(r"[\n;]|[.!?,:](?=\s|$)|\s[-–—(]|\)")
_PIECE_END = re.compile(rf"\n|[.!?](?=\s|$)|[,;]\s|\s{words.REASON}\b|\s[-–—]\s")
_OFFERED = re.compile(
    r"(?:(?<![A-Za-z0-9_'-])[(\[\"']?([A-Z])(?![A-Za-z0-9_'])(?!(?:选?项)?[^\W也和或都选项])|^\s?[,/&+;|]\s?([a-z])(?![\w'])(?=\W*$))"
    r"(?!\s+(?!(?:and|or|then|too|as|also|o|ou|und|oder|et|y|e)\b)[a-z])"
)
"""A letter that stands as an answer, not as the subject of a verb."""
_SENTENCE = re.compile(r"\n|[.!](?=\s|$)")
_REASON = re.compile(rf"\b(?:{words.REASON}|{words.NOT})\b|不是|而非|并非", re.I)
OPENS_MORE = re.compile(
    r"\W{0,4}?[/&+]\s?[(\[\"']?(?-i:[A-Z])(?!\w)|\W*+(?:but\s+|and\s*/\s*)?(?:or\b|"
    r"(?:maybe|perhaps|possibly)\W+(?:option\s+)?(?-i:[A-Z])(?!\w)|(?-i:maybe\b|perhaps\b|possibly\b|"
    rf"{words.MORE}|(?:only\s+)?(?:{words.CONDITION}|(?:had|were|when|until|depending|except|plus|vs|as\s+well\s+as|"
    r"on\s+the\s+condition|(?<=but\s)let|and(?!\s+(?:the|it|this|that)\b))\b)))",
    re.I,
)
"""Offers more behind an answer, or sets a condition. A sentence of its own may begin with «If»."""
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
_KIND = r"(?:answer|option|choice|one|match|description|caption)"
_PRAISED = re.compile(
    r"(?:\b(?:option|choice|answer|letter|only|just)\s{0,3}|"
    r"选项\s{0,3})?(?<![A-Za-z0-9_'])[(\[\"']?([A-Z])(?![A-Za-z0-9_'])"
    r"[)\]\"'.:]{0,3}(?:\s?\([^()\n]{1,80}\)|\s?,[^,.\n]{1,80},)?"
    rf"(?:\s+(?:is|would\s+be|must\s+be|should\s+be|has\s+to\s+be|seems|looks|"
    rf"appears)\s+(?:(?:{words.ADVERB}|most|more|the|my|only|to\s+be|"
    rf"also|final)\s+){{0,4}}(?:(?:correct|right|best|better|accurate|appropriate|likely|plausible)"
    rf"(?:\s+{_KIND})?+|{_KIND})\b"
    rf"|\s+it\s+is\b(?!\s+not)|\s+(?:works|fits|remains|holds)(?:\s+(?:best|better|well))?(?=\s?(?:[.!,\n]|$))"
    rf"|{words.RIGHT})",
    re.I,
)
TAKEN_BACK = re.compile(
    r"(?:^|[\n.!?;,–—-])\s*(?:no(?=\s*[.!\n]|$)|nope|never\s?mind|forget\s+(?:that|it)|wrong|incorrect|"
    r"false|not(?:\s+(?:really|right|correct|at\s+all))?)\s*(?:[.,;!\n]|$)|"
    r"\b(?:(?:(?<!(?-i:[a-z])\s)|(?<=\bno\s)|(?<=\bbut\s))wait\b|oops|hmm+|scratch\s+that|i\s+mean|"
    r"or\s+rather|my\s+mistake|second\s+thoughts?|correction|sorry|not\s+quite|alternatively|"
    r"(?:that|this|it)(?:\s+(?:option|answer|choice))?(?:'s|\s+is|\s+was|\s+(?:can't|cannot)\s+be)"
    r"\s+(?:wrong|incorrect|not\s+(?:right|correct|it)|a\s+mistake)|"
    r"(?:that|this|it)\s+(?:may|might|could)\s+be\s+wrong|reconsider|take\s+(?:that|it)\s+back|"
    r"(?:^|(?<=[.!?]\s))actually|"
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
        if read is None or not asserts(before, kind):
            continue
        end = cue.end() + read[0]
        begins = kind == "head" or _REVISES.search(before[-24:] + cue[0]) is not None
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
        if letter is None or not asserts(before):
            continue
        reading = ending(text[match.end() : match.end() + _WINDOW], letter, reader)
        if reading is not None:
            reading = SEVERAL if re.search(r"\balso\b", match[0], re.I) else reading
            begins = _REVISES.search(before[-24:]) is not None
            yield Statement(match.start(), match.end(), reading, "called_correct", begins)


def asserts(before: str, kind: str = "") -> bool:
    """Whether what stands before a statement begins a clause of it, and neither denies nor supposes
    it, nor reports it as another's."""
    before = _HEADS[kind].sub("", before) if kind in _HEADS else before
    clause = re.split(r"[\n.!?;]", before)[-1]
    if kind in {"chinese", "japanese", "korean"}:
        return not (words.CJK_DENIES.search(before) or _IF.search(clause))
    denied = _DENIED.search(_NO_DOUBT.sub("", clause.rsplit(",", 1)[-1])) is not None
    leads = kind in {"so", "head", "pick", "contrast"} or _LEADS.search(before) is not None
    withheld = _IF.search(clause) or _REPORTS.search(clause) or (denied and kind != "so")
    return leads and not withheld


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
        own_end = reader.own_words(known, rest, behind.end())
        if own_end and (read := ending(rest[own_end:], known, reader)):
            return own_end, read
        own = WORDS_END.split(rest[behind.end() :], maxsplit=1)[0]
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
    read = ending(tail, known, reader)
    return (end, read) if read else None


def ending(tail: str, letter: str, reader: OptionReader) -> Reading | None:
    """What a letter's statement comes to by what stands behind it: the letter where that ends the
    clause or gives a reason, SEVERAL where it offers more; None where the letter is no answer."""
    sentence = _SENTENCE.split(tail, maxsplit=1)[0]
    clause = _REASON.split(sentence, maxsplit=1)[0]
    offered = {reader.letter(other[1] or other[2]) for other in _OFFERED.finditer(clause)}
    goes_on = _GOES_ON.match(tail)
    if OPENS_MORE.match(tail) or (offered - {None, letter} and (goes_on or not tail[0].isalpha())):
        return SEVERAL
    return Reading(letter) if goes_on and "?" not in sentence else None
