"""What guessing reaches: each micro task answered without looking at a picture or a description.

In: the evaluation sets and questions of the training stream. Out: a row a task and category
(`task, category, n, chance, constant, prior, baseline`); `python -m tasks.micro.baselines` writes
baselines.csv beside this file.

- `chance`: 1 / number of options, on average; 0 for open answers.
- `constant`: the one answer that does best in hindsight on these items: a letter; for an open
  answer the most frequent class; for grounding one box out of those that training taught.
- `prior`: the likeliest option by tables learned from the training stream alone (`Prior`); for an
  open answer the commonest one taught with that wording, for grounding the box that overlaps most
  of those taught.
- `baseline`: the largest of the three.

Names of animals, foods, countries and matter are masked: to know a fact is not to guess it.
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tasks.micro.language import FACTS
from tasks.micro.lessons import vision_lesson
from tasks.micro.scene import CELLS, COLORS, SHAPES, SIZES
from tasks.micro.sets import SETS, Example, examples
from tasks.micro.task import process_results

FILE = Path(__file__).with_name("baselines.csv")
COLUMNS = ("task", "category", "n", "chance", "constant", "prior", "baseline")
STAGE, SEED = "baselines", 0
"""Stream of training questions; any other stream of the world gives the like."""
QUESTIONS = 20_000
STRENGTHS = (1.0, 4.0, 16.0, 64.0)
"""Pseudo-counts that the prior may give to the coarser table; held-back questions choose."""
_SUBJECTS = frozenset(subject for table in FACTS.values() for subject in table)
_THINGS = frozenset((*SHAPES, *CELLS, *COLORS, *SIZES))
_OPTIONS = re.compile(r" ((?:[\w-]+ [A-H], )+[\w-]+ [A-H])\.$")


@dataclass(frozen=True)
class Asked:
    """A question without its picture."""

    text: str
    options: tuple[str, ...]
    answer: str
    """The right option's word, or the open answer."""

    @property
    def wording(self) -> str:
        """The text without the names of facts' subjects."""
        return re.sub(r"\w+", lambda w: "_" if w[0] in _SUBJECTS else w[0], self.text)

    @property
    def form(self) -> str:
        """The wording without the names of things and attributes either."""
        return re.sub(r"[\w-]+", lambda w: "_" if w[0] in _THINGS else w[0], self.wording)


@dataclass(frozen=True)
class Baseline:
    """One row of the result; accuracies in [0, 1]."""

    task: str
    category: str
    """Empty for the whole task."""
    n: int
    chance: float
    constant: float
    prior: float
    baseline: float


def training_questions(n: int, seed: int = SEED) -> list[Asked]:
    """Gives the first `n` questions, with options and open, of a training stream of vision rows."""
    found: list[Asked] = []
    index = 0
    while len(found) < n:
        for turn in vision_lesson(STAGE, seed, index, describing=0.0).turns:
            shown = _OPTIONS.search(turn.user)
            words = tuple(part.split()[0] for part in shown[1].split(", ")) if shown else ()
            text = turn.user[: shown.start()] if shown else turn.user
            found.append(Asked(text, words, turn.answer))
        index += 1
    return found[:n]


class Prior:
    """P(option is right | question, option) without looking, from tables of counts.

    Naive Bayes of two features of an option. First its word: the share of times that it was right
    when offered with this very wording, shrunk towards the share with this form of wording,
    towards the share with any, towards the base rate, each with `strength` pseudo-counts. Second,
    where all options are numbers, its rank among them, by form.
    """

    def __init__(self, questions: Iterable[Asked], strength: float) -> None:
        self.strength = strength
        self.counts: dict[tuple[str, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for question in questions:
            for option in question.options:
                right = float(option == question.answer)
                for level in (*_levels(question, option), ("", _rank(question, option))):
                    self.counts[level][0] += right
                    self.counts[level][1] += 1

    def score(self, question: Asked, option: str) -> float:
        """Log odds, up to a constant of the question, that the option is right."""
        base = 1 / len(question.options)
        share = base
        for level in _levels(question, option):
            share = self._share(level, share)
        rank = self._share(("", _rank(question, option)), base)
        return _logit(share) + _logit(rank)

    def _share(self, level: tuple[str, ...], coarser: float) -> float:
        right, offered = self.counts.get(level, (0.0, 0.0))
        return (right + self.strength * coarser) / (offered + self.strength)

    def accuracy(self, question: Asked) -> float:
        """Gives the expected accuracy of the likeliest option; options that tie share the guess."""
        scores = {option: round(self.score(question, option), 9) for option in question.options}
        best = [option for option, score in scores.items() if score == max(scores.values())]
        return (question.answer in best) / len(best)


def _levels(question: Asked, option: str) -> list[tuple[str, ...]]:
    """Keys of the tables of words, coarse to fine."""
    return [(option,), (option, question.form), (option, question.form, question.wording)]


def _rank(question: Asked, option: str) -> str:
    """The option's place in order of size with the question's form; the form where not numbers."""
    if not all(o.isdigit() for o in question.options):
        return question.form
    return f"{sorted(map(int, question.options)).index(int(option))} {question.form}"


def _logit(share: float) -> float:
    share = min(max(share, 1e-6), 1 - 1e-6)
    return math.log(share / (1 - share))


def learn(questions: Sequence[Asked]) -> Prior:
    """A Prior whose strength does best on every fifth training question, held back."""
    chosen = [q for q in questions if q.options]
    rest = [q for i, q in enumerate(chosen) if i % 5]
    held_back = chosen[::5]

    def reached(strength: float) -> float:
        prior = Prior(rest, strength)
        return sum(prior.accuracy(q) for q in held_back)

    return Prior(chosen, max(STRENGTHS, key=reached))


@dataclass(frozen=True)
class Guesser:
    """All that training questions say about answers."""

    prior: Prior
    answers: dict[str, Counter[str]]
    """Form of an open question -> how often each answer was taught."""

    @classmethod
    def taught(cls, questions: Sequence[Asked]) -> Guesser:
        """Learns from training questions."""
        answers: dict[str, Counter[str]] = defaultdict(Counter)
        for question in questions:
            if not question.options:
                answers[question.form][question.answer] += 1
        return cls(learn(questions), dict(answers))

    def row(self, task: str, category: str, items: Sequence[Example]) -> Baseline:
        """The baselines of these items, which are all of one kind of answer."""
        asked = [Asked(e.question.text, e.question.options, e.question.answer) for e in items]
        if all(q.options for q in asked):
            chance = _mean(1 / len(q.options) for q in asked)
            letters = Counter(e.question.letter for e in items)
            constant = max(letters.values()) / len(items)
            prior = _mean(self.prior.accuracy(q) for q in asked)
        else:
            chance, (constant, prior) = 0.0, self._open(items[0].question.kind, asked)
        best = max(chance, constant, prior)
        rounded = (round(v, 4) for v in (chance, constant, prior, best))
        return Baseline(task, category, len(items), *rounded)

    def _open(self, kind: str, asked: Sequence[Asked]) -> tuple[float, float]:
        taught: Counter[str] = Counter()
        for form in sorted({q.form for q in asked}):  # ties must not depend on hashing
            taught.update(self.answers.get(form, Counter()))
        # The boxes that were taught are many: the commonest hold the best guess all the same.
        candidates = [a for a, _ in taught.most_common(300)]
        if kind != "grounding":
            candidates = [*dict.fromkeys([*candidates, *(q.answer for q in asked)])]

        def reached(reply: str, answers: Iterable[tuple[str, int]]) -> float:
            hits = weight = 0.0
            for answer, times in answers:
                hits += times * _right(kind, answer, reply)
                weight += times
            return hits / weight if weight else 0.0

        asked_answers = Counter(q.answer for q in asked).items()
        constant = max((reached(c, asked_answers) for c in candidates), default=0.0)
        guess = max(candidates, key=lambda c: reached(c, taught.items()), default="")
        return constant, reached(guess, asked_answers)


def _right(kind: str, answer: str, reply: str) -> float:
    document = {"kind": kind, "answer": answer, "options": []}
    return process_results(document, [reply])["accuracy"]


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


def baselines(n: int = 500, questions: int = QUESTIONS, seed: int = SEED) -> list[Baseline]:
    """Gives every task (`micro_...`) over the first `n` items of each category, then its
    categories."""
    guesser = Guesser.taught(training_questions(questions, seed))
    rows = []
    for name, categories in SETS.items():
        items = examples(name, n)
        rows.append(guesser.row(f"micro_{name}", "", items))
        for category in filter(None, categories):
            part = [e for e in items if e.category == category]
            rows.append(guesser.row(f"micro_{name}", category, part))
    return rows


def write(rows: Sequence[Baseline], path: Path = FILE) -> None:
    """Gives the rows as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


if __name__ == "__main__":
    write(baselines())
