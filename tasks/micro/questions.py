"""What can be asked of a scene: one function a kind of question.

In: an `Asker` (random numbers, the scenes, the wording set). Out: a `Question` with options,
the answer's word, the contents to observe, and the steps of reasoning that lead there. A function
returns None where its scene has no such question (no second red thing, no unique largest ...).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tasks.micro.draw import box
from tasks.micro.language import COLOR_OF, FACTS, fact
from tasks.micro.scene import (
    BACKGROUNDS,
    CELLS,
    COLORS,
    QUALITIES,
    SHAPES,
    SIZES,
    Scene,
    Thing,
)

UNANSWERABLE = "unanswerable"
GRID = 3
"""Boxes are given in units of 1/24 cell times this: 0 to 24 over the picture."""


@dataclass(frozen=True)
class Question:
    """A question with everything a teacher knows about it."""

    kind: str
    text: str
    options: tuple[str, ...]
    """Shuffled; empty for an open answer."""
    answer: str
    """The right option's word, or the open answer."""
    contents: str
    """What a perceiver must look at."""
    steps: str
    """Step-by-step reasoning over the description, without the answer's repetition."""
    subjects: tuple[str, ...] = ()
    """Shapes that the question's answer depends on."""

    @property
    def letter(self) -> str:
        """Letter of the right option."""
        return "ABCDEFGH"[self.options.index(self.answer)]


@dataclass(frozen=True)
class Asker:
    """Source of randomness, scenes and wording for the functions below."""

    rng: random.Random
    scenes: tuple[Scene, ...]
    star: bool = False
    """Whether to use the wordings that training never uses with that kind of question."""

    @property
    def scene(self) -> Scene:
        """The first picture."""
        return self.scenes[0]

    def thing(self) -> Thing:
        """A random thing of the first picture."""
        return self.rng.choice(self.scene.things)

    def word(self, train: Sequence[str], star: Sequence[str]) -> str:
        """One wording of a question."""
        return self.rng.choice(star if self.star else train)

    def options(self, answer: str, near: Sequence[str], far: Sequence[str]) -> tuple[str, ...]:
        """Four shuffled options: the answer, distractors from the scene, then from the world."""
        near = [w for w in dict.fromkeys(near) if w != answer]
        far = [w for w in dict.fromkeys(far) if w != answer and w not in near]
        self.rng.shuffle(near)
        self.rng.shuffle(far)
        chosen = [answer, *[*near, *far][:3]]
        self.rng.shuffle(chosen)
        return tuple(chosen)

    def shapes(self, answer: str, without: Sequence[str] = ()) -> tuple[str, ...]:
        """Four shapes, those of the scene first."""
        near = [t.shape for t in self.scene.things if t.shape not in without]
        return self.options(answer, near, [s for s in SHAPES if s not in without])


def digit(ask: Asker) -> Question | None:
    """Which digit a thing carries (ocr)."""
    t = ask.thing()
    near = [str(o.digit) for o in ask.scene.things]
    return Question(
        "digit",
        ask.word(
            (f"What digit is on the {t.shape}?", f"Read the digit on the {t.shape}."),
            (f"Tell the digit on the {t.shape}.",),
        ),
        ask.options(str(t.digit), near, [str(d) for d in range(10)]),
        str(t.digit),
        f"the digit on the {t.shape}",
        f"The {t.shape} has {t.digit}.",
        (t.shape,),
    )


def color(ask: Asker) -> Question | None:
    """Which colour a thing has."""
    t = ask.thing()
    return Question(
        "color",
        ask.word(
            (f"What color is the {t.shape}?", f"Tell the color of the {t.shape}."),
            (f"Read the color of the {t.shape}.",),
        ),
        ask.options(t.color, [o.color for o in ask.scene.things], COLORS),
        t.color,
        f"the color of the {t.shape}",
        f"The {t.shape} is {t.color}.",
        (t.shape,),
    )


def size(ask: Asker) -> Question | None:
    """How big a thing is."""
    t = ask.thing()
    return Question(
        "size",
        ask.word(
            (f"How big is the {t.shape}?", f"What size is the {t.shape}?"),
            (f"Tell the size of the {t.shape}.",),
        ),
        ask.options(t.size, SIZES, ()),
        t.size,
        f"the size of the {t.shape}",
        f"The {t.shape} is {t.size}.",
        (t.shape,),
    )


def place(ask: Asker) -> Question | None:
    """In which cell a thing is."""
    t = ask.thing()
    return Question(
        "place",
        ask.word((f"Where is the {t.shape}?",), (f"Tell the place of the {t.shape}.",)),
        ask.options(CELLS[t.cell], [CELLS[o.cell] for o in ask.scene.things], CELLS),
        CELLS[t.cell],
        f"the place of the {t.shape}",
        f"The {t.shape} is at {CELLS[t.cell]}.",
        (t.shape,),
    )


def shape_at(ask: Asker) -> Question | None:
    """What stands in a cell."""
    t = ask.thing()
    return Question(
        "shape_at",
        ask.word((f"What is at {CELLS[t.cell]}?",), (f"Which shape is at {CELLS[t.cell]}?",)),
        ask.shapes(t.shape),
        t.shape,
        f"the shape at {CELLS[t.cell]}",
        f"At {CELLS[t.cell]} is the {t.shape}.",
        (t.shape,),
    )


SIDES = {"left of": -1, "right of": 1, "above": -3, "below": 3}


def neighbour(cell: int, side: str) -> int | None:
    """The adjacent cell on that side, or None at the border."""
    column = cell % 3
    if side == "left of" and column == 0:
        return None
    if side == "right of" and column == 2:
        return None
    other = cell + SIDES[side]
    return other if 0 <= other < 9 else None


def beside(scene: Scene, thing: Thing, side: str) -> Thing | None:
    """The thing in the adjacent cell on that side."""
    cell = neighbour(thing.cell, side)
    return None if cell is None else scene.at(cell)


def _step(thing: Thing, side: str, other: Thing) -> str:
    return (
        f"The {thing.shape} is at {CELLS[thing.cell]}. {side.capitalize()} {CELLS[thing.cell]} "
        f"is {CELLS[other.cell]}. At {CELLS[other.cell]} is the {other.shape}."
    )


def _pairs(scene: Scene) -> list[tuple[Thing, str, Thing]]:
    found = [(t, side, beside(scene, t, side)) for t in scene.things for side in SIDES]
    return [(t, side, o) for t, side, o in found if o is not None]


def relation(ask: Asker) -> Question | None:
    """Which thing is next to another, on a side (GQA-like)."""
    pairs = _pairs(ask.scene)
    if not pairs:
        return None
    t, side, other = ask.rng.choice(pairs)
    return Question(
        "relation",
        ask.word(
            (f"What is {side} the {t.shape}?", f"Which shape is {side} the {t.shape}?"),
            (f"Tell the shape {side} the {t.shape}.",),
        ),
        ask.shapes(other.shape, without=(t.shape,)),
        other.shape,
        f"the shape {side} the {t.shape}",
        _step(t, side, other),
        (t.shape, other.shape),
    )


def relation_color(ask: Asker) -> Question | None:
    """The colour of the thing next to another: one step more than `relation`."""
    pairs = _pairs(ask.scene)
    if not pairs:
        return None
    t, side, other = ask.rng.choice(pairs)
    return Question(
        "relation_color",
        f"What color is the shape {side} the {t.shape}?",
        ask.options(other.color, [o.color for o in ask.scene.things], COLORS),
        other.color,
        f"the color of the shape {side} the {t.shape}",
        f"{_step(t, side, other)} The {other.shape} is {other.color}.",
        (t.shape, other.shape),
    )


def relation_chain(ask: Asker) -> Question | None:
    """Two relations in a row; never in training."""
    pairs = _pairs(ask.scene)
    chains = [(a, b) for a in pairs for b in pairs if a[2] == b[0] and b[2] != a[0]]
    if not chains:
        return None
    (t, side, middle), (_, turn, last) = ask.rng.choice(chains)
    return Question(
        "relation_chain",
        f"What is {turn} the shape {side} the {t.shape}?",
        ask.shapes(last.shape, without=(t.shape,)),
        last.shape,
        f"the shape {turn} the shape {side} the {t.shape}",
        f"{_step(t, side, middle)} {_step(middle, turn, last)}",
        (t.shape, middle.shape, last.shape),
    )


def same_color(ask: Asker) -> Question | None:
    """Which other thing shares a thing's colour."""
    pairs = []
    for t in ask.scene.things:
        twins = [o for o in ask.scene.things if o.color == t.color and o is not t]
        if len(twins) == 1:
            pairs.append((t, twins[0]))
    if not pairs:
        return None
    t, twin = ask.rng.choice(pairs)
    return Question(
        "same_color",
        ask.word(
            (f"What has the same color as the {t.shape}?",),
            (f"Which shape is the same color as the {t.shape}?",),
        ),
        ask.shapes(twin.shape, without=(t.shape,)),
        twin.shape,
        f"the shape with the color of the {t.shape}",
        f"The {t.shape} is {t.color}. The {twin.shape} is {twin.color}.",
        (t.shape, twin.shape),
    )


def largest(ask: Asker) -> Question | None:
    """Which thing is the largest; only where one is."""
    ranked = sorted(ask.scene.things, key=lambda t: SIZES.index(t.size))
    if len(ranked) < 2 or ranked[-1].size == ranked[-2].size:
        return None
    best = ranked[-1]
    listed = ", ".join(f"{t.shape} {t.size}" for t in ask.scene.things)
    return Question(
        "largest",
        ask.word(("What is the largest?", "Which shape is the largest?"), ("Tell the largest.",)),
        ask.shapes(best.shape),
        best.shape,
        "the size of each shape",
        f"{listed}.",
        tuple(t.shape for t in ask.scene.things),
    )


def _counted(things: Sequence[Thing]) -> str:
    listed = ", ".join(f"{t.shape} {i + 1}" for i, t in enumerate(things))
    return f"{listed}." if listed else "none 0."


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
    return Question(
        "count",
        ask.word(
            (f"How many {value} shapes are there?", f"Count the {value} shapes."),
            (f"Tell how many {value} shapes there are.",),
        ),
        _numbers(ask, n, low, high),
        str(n),
        f"all {value} shapes",
        f"{value}: {_counted(found)}",
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
        f"{t.size} {t.color}: {_counted(found)}",
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
        ),
        _numbers(ask, n, low, low + 3),
        str(n),
        "all shapes",
        f"all: {_counted(ask.scene.things)}",
        tuple(t.shape for t in ask.scene.things),
    )


def _plus(ask: Asker, n: int, train: Sequence[str], star: Sequence[str]) -> Question | None:
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
        "sum" if n == 2 else "sum_three",
        ask.word(train, star).format(names=names),
        ask.options(str(total), near, far),
        str(total),
        f"the digit on the {names}",
        read + sums,
        tuple(t.shape for t in chosen),
    )


def add(ask: Asker) -> Question | None:
    """The sum of two digits."""
    return _plus(
        ask,
        2,
        ("What is the sum of the {names}?", "Add the digit of the {names}."),
        ("Tell the sum of the {names}.",),
    )


def add_three(ask: Asker) -> Question | None:
    """The sum of three digits, at most 18; never in training."""
    question = _plus(ask, 3, ("What is the sum of the {names}?",), ("Add the {names}.",))
    return question if question and int(question.answer) <= 18 else None


_FACT_WORDS = {
    "kind": (("What is {a}?", "What kind of animal is {a}?"), ("Tell what kind {a} is.",)),
    "color": (("What color is {a}?", "What is the color of {a}?"), ("Tell the color of {a}.",)),
    "place": (("Where is {a}?", "In what place is {a}?"), ("Tell the place of {a}.",)),
    "state": (("What state is {a}?", "What kind of matter is {a}?"), ("Tell the state of {a}.",)),
}


def knowledge(ask: Asker) -> Question | None:
    """A fact of the world; the picture does not matter."""
    relation_name = ask.rng.choice(list(FACTS))
    table = FACTS[relation_name]
    subject = ask.rng.choice(list(table))
    named = subject
    if relation_name in ("kind", "color"):
        named = f"{'an' if subject[0] in 'aeiou' else 'a'} {subject}"
    return Question(
        "knowledge",
        ask.word(*_FACT_WORDS[relation_name]).format(a=named),
        ask.options(table[subject], sorted(set(table.values())), ()),
        table[subject],
        "nothing",
        fact(relation_name, subject),
    )


def food_color(ask: Asker) -> Question | None:
    """Which food has the colour of a thing: seeing and knowing at once; never in training."""
    things = [t for t in ask.scene.things if t.color in COLOR_OF.values()]
    t = ask.rng.choice(things)
    right = ask.rng.choice([f for f, c in COLOR_OF.items() if c == t.color])
    wrong = [f for f, c in COLOR_OF.items() if c != t.color]
    return Question(
        "food_color",
        f"What has the same color as the {t.shape}?",
        ask.options(right, wrong, ()),
        right,
        f"the color of the {t.shape}",
        f"The {t.shape} is {t.color}. {fact('color', right)}",
        (t.shape,),
    )


def quality(ask: Asker) -> Question | None:
    """How well the picture can be seen (VizWiz-like)."""
    value = ask.scene.quality
    return Question(
        "quality",
        ask.word(
            ("How is the picture?", "What is the picture like?"), ("Tell how the picture is.",)
        ),
        ask.options(value, QUALITIES, ()),
        value,
        "how clear the picture is",
        f"The picture is {value}.",
    )


def answerable(ask: Asker) -> Question | None:
    """A colour or digit question that may concern an absent thing (VizWiz-like)."""
    present = ask.rng.random() < 0.5
    asked = color if ask.rng.random() < 0.5 else digit
    base = asked(ask)
    if base is None:
        return None
    wrong = [o for o in base.options if o != base.answer][:2]
    options = [base.answer, *wrong, UNANSWERABLE]
    if present:
        ask.rng.shuffle(options)
        return Question("answerable", base.text, tuple(options), base.answer, base.contents,
                        base.steps, base.subjects)  # fmt: skip
    shown = {t.shape for t in ask.scene.things}
    shape, absent = base.subjects[0], ask.rng.choice([s for s in SHAPES if s not in shown])
    ask.rng.shuffle(options)
    return Question(
        "answerable",
        base.text.replace(shape, absent),
        tuple(options),
        UNANSWERABLE,
        base.contents.replace(shape, absent),
        f"There is no {absent}.",
        (absent,),
    )


def background(ask: Asker) -> Question | None:
    """Which pattern is behind the things (open answer, ImageNet-like)."""
    value = ask.scene.background
    return Question(
        "background",
        ask.word(("What is behind the shapes?", "Name the background."), ("Tell the background.",)),
        (),
        value,
        "the background",
        f"The background is {value}.",
    )


def background_choice(ask: Asker) -> Question | None:
    """The same with four options."""
    base = background(ask)
    assert base is not None
    return Question(
        "background_choice", base.text, ask.options(base.answer, (), BACKGROUNDS), base.answer,
        base.contents, base.steps,
    )  # fmt: skip


def grounding(ask: Asker) -> Question | None:
    """The box of a thing, in 24ths of the picture (open answer, RefCOCO-like)."""
    t = ask.thing()
    corners = " ".join(str(round(v / GRID)) for v in box(t))
    return Question(
        "grounding",
        ask.word((f"Box of the {t.shape}.", f"Give the box of the {t.shape}."), ()),
        (),
        corners,
        f"the box of the {t.shape}",
        f"The {t.shape} is at {CELLS[t.cell]}.",
        (t.shape,),
    )


def similarity(ask: Asker) -> Question | None:
    """Which of two pictures is more like a first one (three pictures, NIGHTS-like)."""
    first, second, third = ask.scenes
    shared = [len(_shapes(first) & _shapes(s)) for s in (second, third)]
    if shared[0] == shared[1]:
        return None
    answer = "second" if shared[0] > shared[1] else "third"
    seen = " ".join(
        f"Picture {i + 1}: {', '.join(t.shape for t in s.things)}."
        for i, s in enumerate(ask.scenes)
    )
    options = ["second", "third"]
    ask.rng.shuffle(options)
    return Question(
        "similarity",
        ask.word(("Which picture is more like the first?", "What is more like the first?"), ()),
        tuple(options),
        answer,
        "the shapes of each picture",
        seen,
    )


def _shapes(scene: Scene) -> set[str]:
    return {t.shape for t in scene.things}


def difference(ask: Asker) -> Question | None:
    """Which thing changed its colour between two pictures (spot the difference)."""
    before, after = ask.scenes
    changed = [
        (a, b) for a, b in zip(before.things, after.things, strict=True) if a.color != b.color
    ]
    if len(changed) != 1:
        return None
    pairs = ", ".join(
        f"{a.shape} {a.color} {b.color}" for a, b in zip(before.things, after.things, strict=True)
    )
    answer = changed[0][0].shape
    return Question(
        "difference",
        ask.word(("What changed?", "Which shape changed?"), ()),
        ask.shapes(answer),
        answer,
        "the color of each shape in each picture",
        f"{pairs}.",
        tuple(t.shape for t in before.things),
    )


Kind = Callable[[Asker], Question | None]
TRAINED: dict[str, Kind] = {
    k.__name__: k
    for k in (
        digit, color, size, place, shape_at, relation, relation_color, same_color, largest, count,
        how_many, add, knowledge, quality, answerable, background_choice,
    )
}  # fmt: skip
"""Kinds about one picture with options that training holds."""
OPEN: dict[str, Kind] = {"background": background, "grounding": grounding}
"""Open answers about one picture."""
NEVER_TRAINED: dict[str, Kind] = {
    k.__name__: k for k in (relation_chain, count_both, add_three, food_color)
}
"""Kinds that only micro_star asks."""
