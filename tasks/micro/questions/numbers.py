"""Questions with a number for an answer: how many things, and sums of digits.

In: an `Asker`. Out: a `Question`, or None where the scene has no fitting number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tasks.micro.questions.question import Asker, Question
from tasks.micro.scene import COLORS, SIZES, Thing


def _counted(
    things: Sequence[Thing], found: Sequence[Thing], told: Callable[[Thing], Sequence[str]]
) -> str:
    """Every thing with what is told of it, and how many were found up to it."""
    steps, n = [], 0
    for t in things:
        n += t in found
        steps.append(" ".join([t.shape, *told(t), str(n)]))
    return ", ".join(steps) + "."


def _numbers(ask: Asker, answer: int, low: int, high: int) -> tuple[str, ...]:
    others = [str(n) for n in range(low, high + 1)]
    return ask.options(str(answer), others, [str(high + 1), str(high + 2), str(high + 3)])


def count(ask: Asker) -> Question | None:
    """How many things have a colour or a size; every answer that occurs is equally likely."""
    values = [
        *((c, [t for t in ask.scene.things if t.color == c]) for c in COLORS),
        *((s, [t for t in ask.scene.things if t.size == s]) for s in SIZES),
    ]
    numbers = sorted({len(found) for _, found in values})
    low, high = (2, 5) if ask.star else (0, 4)
    fitting = [x for x in numbers if low <= x <= high]
    if not fitting:
        return None
    n = ask.rng.choice(fitting)
    value, found = ask.rng.choice([(v, f) for v, f in values if len(f) == n])

    def told(t: Thing) -> Sequence[str]:
        return [t.color if value in COLORS else t.size]

    return Question(
        "count",
        ask.word(
            (f"How many {value} shapes are there?", f"Count the {value} shapes."),
            (f"Tell how many {value} shapes there are.",),
            (f"Give how many {value} shapes there are.", f"Name the {value} shapes: how many?"),
        ),
        _numbers(ask, n, low, high),
        str(n),
        f"all {value} shapes",
        f"{value}: {_counted(ask.scene.things, found, told)}",
        tuple(t.shape for t in found),
    )


def count_both(ask: Asker) -> Question | None:
    """How many things have a colour and a size at once; never in training."""
    t = ask.thing()
    found = [o for o in ask.scene.things if (o.color, o.size) == (t.color, t.size)]
    return Question(
        "count_both",
        f"How many {t.size} {t.color} shapes are there?",
        _numbers(ask, len(found), 1, 4),
        str(len(found)),
        f"all {t.size} {t.color} shapes",
        f"{t.size} {t.color}: " + _counted(ask.scene.things, found, lambda o: [o.size, o.color]),
        tuple(o.shape for o in found),
    )


def how_many(ask: Asker) -> Question | None:
    """How many things there are in all."""
    n = len(ask.scene.things)
    low = 5 if ask.star else 3
    return Question(
        "how_many",
        ask.word(
            ("How many shapes are there?", "Count the shapes."),
            ("Tell how many shapes there are.",),
            ("Give how many shapes there are.", "Name the shapes: how many?"),
        ),
        _numbers(ask, n, low, low + 3),
        str(n),
        "all shapes",
        f"all: {_counted(ask.scene.things, ask.scene.things, lambda _: [])}",
        tuple(t.shape for t in ask.scene.things),
    )


def _plus(
    ask: Asker, n: int, train: Sequence[str], star: Sequence[str], more: Sequence[str] = ()
) -> Question | None:
    if len(ask.scene.things) < n:
        return None
    chosen = ask.rng.sample(ask.scene.things, n)
    total = sum(t.digit for t in chosen)
    names = " and the ".join(t.shape for t in chosen)
    read = " ".join(f"The {t.shape} has {t.digit}." for t in chosen)
    running, sums = chosen[0].digit, ""
    for t in chosen[1:]:
        sums += f" {running} plus {t.digit} is {running + t.digit}."
        running += t.digit
    near = [
        str(sum(t.digit for t in ask.rng.sample(ask.scene.things, n))) for _ in range(12)
    ]  # sums of other things of the same scene
    far = [str(x) for x in range(max(0, total - 5), total + 6)]
    return Question(
        {2: "sum", 3: "sum_three", 4: "sum_four"}[n],
        ask.word(train, star, more).format(names=names),
        ask.options(str(total), near, far),
        str(total),
        f"the digit on the {names}",
        read + sums,
        tuple(t.shape for t in chosen),
    )


def add(ask: Asker) -> Question | None:
    """Asks for the sum of two digits."""
    return _plus(
        ask,
        2,
        ("What is the sum of the {names}?", "Add the digit of the {names}."),
        ("Tell the sum of the {names}.",),
        ("Tell the sum of the {names}.", "Give the sum of the {names}."),
    )


def add_four(ask: Asker) -> Question | None:
    """Asks for the sum of four digits, so that a chain is no chain of two: taught, and in no
    evaluation set. The world's numbers end at 30."""
    words = ("What is the sum of the {names}?", "Add the digit of the {names}.")
    question = _plus(ask, 4, words, (), ("Tell the sum of the {names}.",))
    return question if question and max(map(int, question.options)) <= 30 else None


def add_three(ask: Asker) -> Question | None:
    """Asks for the sum of three digits, at most 18; never in training."""
    question = _plus(ask, 3, ("What is the sum of the {names}?",), ("Add the {names}.",))
    return question if question and int(question.answer) <= 18 else None
