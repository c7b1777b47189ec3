"""What the words of the page mean, and links from the words to it.

In: a text. Out: the text as markup, in which the first place of each word leads to its meaning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True)
class Term:
    """A word of the page."""

    word: str
    meaning: str
    pattern: str
    """What of a text leads to it."""

    @property
    def place(self) -> str:
        """The name of its place on the page."""
        return "word-" + self.word.replace(" ", "-")


TERMS = tuple(
    Term(*row)
    for row in (
        (
            "cell",
            "One way to answer: a method with its sizes, such as decoupled/P=s/R=l/think. P is the "
            "size that looks, R the size that reasons; think: after thinking, direct: without.",
            r"cells?",
        ),
        (
            "pairing",
            "A decoupled cell: a perception module of one size describes the picture, and a "
            "reasoning module of another answers from the description alone.",
            r"pairings?",
        ),
        (
            "end to end",
            "One vision-language model sees the picture and answers. Blind: the same model is "
            "shown no picture. Text only: a language model gets question and options alone.",
            r"end[ -]to[ -]end|blind|text only",
        ),
        (
            "oracle",
            "Reasoning from gold descriptions, which hold all that the question needs: how far it "
            "would get if perception were perfect.",
            r"oracle|gold descriptions?",
        ),
        (
            "contents to observe",
            "What a language model, shown the question without options, tells perception to look "
            "at.",
            r"contents to observe",
        ),
        (
            "above chance",
            "(accuracy − chance) / (1 − chance): 0 is guessing, 1 is every item right. Chance is "
            "one over the number of options, 0 for open answers.",
            r"above chance|above guessing",
        ),
        (
            "unparsed",
            "No rule could read an answer from the text. It scores 0 and is never guessed. An "
            "answer that failed is missing instead, and the next run tries it again.",
            r"unparsed|unread",
        ),
        (
            "leak",
            "A text before the answer says more than it may: contents to observe that hold an "
            "option or the answer, or a description that states an option's letter. It is marked "
            "there.",
            r"leaks?|leaked",
        ),
        (
            "coincided",
            "Two requests that the plan could not know to be the same had the same text when it "
            "was there, and were asked once.",
            r"coincided|had the same text",
        ),
        (
            "interval",
            "95 % interval of a paired cluster bootstrap (2,000 draws) over clusters, the items "
            "that show the same pictures; never narrower than an adjusted Wald interval.",
            r"intervals?|clusters?",
        ),
        (
            "after Holm",
            "p corrected for the number of sentences that have one. A verdict (better, worse, "
            "undecided) is that of the interval alone.",
            r"after Holm",
        ),
        (
            "in domain",
            "Tasks like those that the models were trained on; the others are out of domain. A "
            "mean is over tasks, each with the same weight.",
            r"in[- ]domain|out[- ]of[- ]domain",
        ),
        (
            "quanta",
            "Items as steps: each emerges at the size from which on it is solved. Sizes nest where "
            "larger ones solve all that smaller ones do.",
            r"quanta|emerges?",
        ),
        (
            "front",
            "The systems that no other beats in both accuracy and cost.",
            r"fronts?",
        ),
    )
)
_ANY = re.compile(
    r"(?<!\w)(?:"
    + "|".join(f"(?P<t{n}>{own.pattern})" for n, own in enumerate(TERMS))
    + r")(?!\w)",
    re.IGNORECASE,
)


def linked(text: str) -> Markup:
    """Gives a text as markup, the first place of each word of TERMS as a link to its meaning."""
    found, at = Markup(), 0
    told: set[str] = set()
    for match in _ANY.finditer(text):
        term = TERMS[int(str(match.lastgroup)[1:])]
        if term.word in told:
            continue
        told.add(term.word)
        link = Markup('<a class="term" href="#{}">{}</a>').format(term.place, match[0])
        found += escape(text[at : match.start()]) + link
        at = match.end()
    return found + escape(text[at:])
