"""Questions about whole pictures: quality, background, boxes, and several pictures compared.

In: an `Asker`. Out: a `Question`, or None where the pictures do not differ as asked.
"""

from __future__ import annotations

from tasks.micro.draw import box
from tasks.micro.questions.attributes import color, digit
from tasks.micro.questions.question import Asker, Question
from tasks.micro.scene import BACKGROUNDS, CELLS, QUALITIES, SHAPES, Scene

UNANSWERABLE = "unanswerable"


GRID = 3
"""Boxes are given in units of 1/24 cell times this: 0 to 24 over the picture."""


def quality(ask: Asker) -> Question | None:
    """How well the picture can be seen (VizWiz-like)."""
    value = ask.scene.quality
    return Question(
        "quality",
        ask.word(
            ("How is the picture?", "What is the picture like?"),
            ("Tell how the picture is.",),
            ("Give how the picture is.", "Read how the picture is."),
        ),
        ask.options(value, QUALITIES, ()),
        value,
        "how the picture is",
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
    """Asks the same with four options."""
    base = background(ask)
    assert base is not None
    return Question(
        "background_choice", base.text, ask.options(base.answer, (), BACKGROUNDS), base.answer,
        base.contents, base.steps,
    )  # fmt: skip


def grounding(ask: Asker) -> Question | None:
    """Asks for the box of a thing, in 24ths of the picture (open answer, RefCOCO-like)."""
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
    seen = f"first: {', '.join(t.shape for t in first.things)}. " + " ".join(
        f"{name}: "
        + ", ".join(f"{t.shape} {'in' if t.shape in _shapes(first) else 'no'}" for t in s.things)
        + "."
        for name, s in (("second", second), ("third", third))
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
        f"{a.shape} {a.color} {b.color} {'same' if a.color == b.color else 'changed'}"
        for a, b in zip(before.things, after.things, strict=True)
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
