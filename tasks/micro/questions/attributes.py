"""Questions about one thing: its digit, colour, size and place, and what stands at a place.

In: an `Asker`. Out: a `Question`.
"""

from __future__ import annotations

from tasks.micro.questions.question import Asker, Question
from tasks.micro.scene import CELLS, COLORS, SIZES


def digit(ask: Asker) -> Question | None:
    """Which digit a thing carries (ocr)."""
    t = ask.thing()
    near = [str(o.digit) for o in ask.scene.things]
    return Question(
        "digit",
        ask.word(
            (f"What digit is on the {t.shape}?", f"Read the digit on the {t.shape}."),
            (f"Tell the digit on the {t.shape}.",),
            (f"Give the digit on the {t.shape}.", f"Name the digit on the {t.shape}."),
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
            (f"Give the color of the {t.shape}.", f"Name the color of the {t.shape}."),
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
            (f"Read the size of the {t.shape}.", f"Name the size of the {t.shape}."),
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
        ask.word(
            (f"Where is the {t.shape}?",),
            (f"Tell the place of the {t.shape}.",),
            (f"Give the place of the {t.shape}.", f"Read the place of the {t.shape}."),
        ),
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
        ask.word(
            (f"What is at {CELLS[t.cell]}?",),
            (f"Which shape is at {CELLS[t.cell]}?",),
            (f"Tell the shape at {CELLS[t.cell]}.", f"Name the shape at {CELLS[t.cell]}."),
        ),
        ask.shapes(t.shape),
        t.shape,
        f"the shape at {CELLS[t.cell]}",
        f"At {CELLS[t.cell]} is the {t.shape}.",
        (t.shape,),
    )
