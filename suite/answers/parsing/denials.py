"""What takes a letter or an option's words back: the one grammar of denial, doubt and rejection.

In: the words before a place in a text, those behind it, or a whole sentence. Out: whether they
deny, set aside, doubt, ask or reject what stands there. Each kind of word stands in one list and
every pattern is made of these lists, so a further wording is a word more in one of them.
"""

from __future__ import annotations

import re

DENYING = ("not", "cannot", "never", "no", "nor", "neither", "hardly")
"""Words that deny what follows; «n't» is one more, at the end of a verb."""
WITHOUT = (
    "without", "except", "no longer", "(?:any|every)thing but", "all but", "apart from",
    "aside from", "other than", "used to be", "lack of",
)  # fmt: skip
INSTEAD = ("rather than", "instead of")
"""Words that set aside the one thing that follows them."""
REJECTING = (
    "wrong", "incorrect", "false", "inaccurate", "impossible", "irrelevant", "unlikely",
    "least likely", "less likely",
)  # fmt: skip
"""What is said of an option that is not the answer."""
_REMOVING = (
    r"eliminat\w+", r"rul(?:e|es|ed|ing) out", r"exclud\w+", r"reject\w*", r"dismiss\w*",
    r"discard\w*", r"cross(?:ed|es|ing)? out",
)  # fmt: skip
"""What one does to an option that is not the answer."""
_CONDITIONS = ("if", "whether", "unless")
_HELD = (
    "think", "believe", "say", "know", "suppose", "agree", "see", "sure", "certain", "clear",
    "true", "convinced", "confident", "way", "chance",
)  # fmt: skip
"""What a speaker does, or says, who holds what follows; denied, they doubt it."""
_RETRACTING = ("wait", "oops", "sorry", "actually")
_CORRECTING = (
    "correction",
    "scratch that",
    "on second thought",
    "no,? wait",
    "i mean",
    "or rather",
)
"""Words that take back what was just said: the first only with a pause behind them."""
_NO_DOUBT = re.compile(r"\b(?:no|without|without\s+a|beyond)\s+doubt\b", re.I)


def any_of(*words: str) -> str:
    """A pattern for any of `words`, which may be patterns, as whole words with any space within."""
    return rf"\b(?:{'|'.join(words)})\b".replace(" ", r"\s+")


NOT = rf"(?:{any_of(*DENYING)}|n't\b)"
_AUXILIARIES = "is|are|was|were|do|does|did|can|could|will|would|must|should"
_STRESS = rf"(?:{any_of('clearly', 'also', 'definitely', 'obviously', 'therefore', 'simply')}\s+)*"
_BEING = (
    r"is|are|was|were|(?:seem|look|appear|sound)s?|(?:can|could|must|would|should|may|might)\s+be"
)
REJECTED = (
    rf"(?:(?:(?:{_AUXILIARIES})\s+{_STRESS}(?:not|never)|(?:{_AUXILIARIES}|ca|wo)n't|cannot)\b"
    rf"|(?:{_BEING})\s+{_STRESS}{any_of(*REJECTING, *_REMOVING)}|fails?\s+to\b)"
)
"""The predicate of an option that is not the answer: «is wrong», «can't», «does not»."""

_NEGATION = re.compile(
    rf"(?:{NOT}|{any_of(*WITHOUT, *INSTEAD, *_REMOVING)})\s+"
    rf"(?:{any_of('be', 'the', 'an?', 'option', 'choice', 'really', 'simply', 'just')}\s+)*"
    r"[(\[\"']*$|\bfar\s+from\s+$|(?:[不没非无]|(?<![区分特])别)(?:是|能|会|要|可|应该?|该|法)?\s*$",
    re.I,
)
_WRONG_BEFORE = re.compile(rf"{any_of(*REJECTING, 'least')}\s+(?:likely\s+)?$", re.I)
_VERDICT = any_of("no", "not", "out", *REJECTING, *_REMOVING)
_WRONG_AT_ONCE = re.compile(
    rf"\W*(?:{REJECTED}|(?:(?:is|are)\s+)?{_VERDICT}\s*(?:$|[.,;!\n])|是?(?:错|不(?:正确|对|符)))",
    re.I,
)
_CALLED_WRONG = re.compile(rf"[)\].\"']*(?:\s+{REJECTED}|\s*是?(?:错|不))", re.I)
_DISMISSED = re.compile(rf"{any_of(*REJECTING, *_REMOVING, 'less', *INSTEAD)}|{NOT}", re.I)
_DOUBT = re.compile(
    rf"{NOT}\s+(?:{any_of('really', 'actually', 'entirely')}\s+)?{any_of(*_HELD)}|\bdoubt\w*"
    r"|\bi\s+(?:(?:first|initially)\s+)?thought\b|\bi\s+was\s+going\s+to\s+say\b"
    r"|\bat\s+first\s+(?:glance|sight)\b|不(?:太|完全)?(?:认为|觉得|确定|知道|相信)|是否|如果"
    r"|\b(?:one|you|some|many|people|it)\s+(?:might|may|could)\s+(?:think|say|assume|guess|seem|look)\b"
    rf"|\bwould\s+have\s+said\b|{any_of(*_CONDITIONS)}\s+(?:(?:the|my|your)\s+)?(?:\w+\s+)?$",
    re.I,
)
_DENIAL = re.compile(
    rf"{NOT}|{any_of(*WITHOUT, *INSTEAD, *_CONDITIONS, 'nothing', 'unsure')}|\bdoubt\w*", re.I
)
_ASKED = re.compile(
    r"(?![^.!?\n]*,\s*(?:right|ok|no|(?:is|are|was|does)n't\s+\w+)\s*\?)[^.!?\n]*\?", re.I
)
_TAKEN_BACK = re.compile(
    rf"{any_of(*_RETRACTING)}\s*[,.!]|{any_of(*_CORRECTING)}|\?\s*no\b"
    r"|[,.]\s*(?:hmm\W+)?no\s*[,.]\s*(?:it(?:'s|\s+is)\s+)?[(\[]?(?-i:[A-HJ-Z])\s*(?:$|[.,;!)\]])",
    re.I,
)
_TAKEN_BACK_AT_ONCE = re.compile(
    rf"\W*(?:no\b\s*[,.!;:–—-]|{any_of(*_RETRACTING, *_CORRECTING, 'rather', 'instead')})", re.I
)
_CLAUSE = re.compile(r"[.,;:!?\n]|\bbut\b|\bso\b|\btherefore\b", re.I)
SENTENCES = re.compile(r"(?<=[.!?;])\s+(?=[^a-z])|\n+")


def negated_before(before: str) -> bool:
    """Whether the last words before a place negate it: «not», «rather than the»."""
    return bool(_NEGATION.search(before[-40:]))


def called_wrong(after: str) -> bool:
    """Whether the words right behind a place reject it: «is wrong», «cannot»."""
    return bool(_CALLED_WRONG.match(after[:60]))


def called_wrong_before(before: str) -> bool:
    """Whether the last words before «answer» make it one that is not right: «the wrong»."""
    return bool(_WRONG_BEFORE.search(before[-40:]))


def rejected_at_once(after: str) -> bool:
    """Whether a verdict follows a label directly: «(B) no», «B - wrong», «(B) can't be»."""
    return bool(_WRONG_AT_ONCE.match(after[:80]))


def negated(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] is negated by the words right before it or behind it."""
    return negated_before(text[max(0, start - 40) : start]) or called_wrong(text[end : end + 60])


def denied(before: str) -> bool:
    """Whether the clause that ends here holds a denial, a doubt or a condition, anywhere."""
    return bool(_DENIAL.search(_clause(before)))


def doubted(before: str) -> bool:
    """Whether the clause that ends here says that its speaker does not hold what follows."""
    return bool(_DOUBT.search(_clause(before[-120:])))


def dismissed(sentence: str) -> bool:
    """Whether a sentence holds a word that speaks against what it names."""
    return bool(_DISMISSED.search(sentence))


def asked(after: str) -> bool:
    """Whether the sentence that goes on here is a question."""
    return bool(_ASKED.match(after))


def taken_back(text: str, start: int = 0) -> bool:
    """Whether the words from a place on take back what was said before it."""
    return bool(_TAKEN_BACK.search(text, start))


def taken_back_at_once(after: str) -> bool:
    """Whether the next words take back what stands before them: «no, …», «rather …»."""
    return bool(_TAKEN_BACK_AT_ONCE.match(after))


def _clause(before: str) -> str:
    """The clause that ends here, from its beginning, without «no doubt», which affirms."""
    return _NO_DOUBT.sub("", _CLAUSE.split(before)[-1])
