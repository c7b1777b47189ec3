"""Questions about two things: which is beside which, which share a colour, which is the largest.

In: an `Asker`. Out: a `Question`, or None where the scene has no such pair.
"""

from __future__ import annotations

from tasks.micro.questions.question import Asker, Question
from tasks.micro.scene import CELLS, COLORS, SIZES, Scene, Thing

SIDES = {"left of": -1, "right of": 1, "above": -3, "below": 3}


def neighbour(cell: int, side: str) -> int | None:
    """Gives the adjacent cell on that side, or None at the border."""
    column = cell % 3
    if side == "left of" and column == 0:
        return None
    if side == "right of" and column == 2:
        return None
    other = cell + SIDES[side]
    return other if 0 <= other < 9 else None


def beside(scene: Scene, thing: Thing, side: str) -> Thing | None:
    """Gives the thing in the adjacent cell on that side."""
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
            (f"Name the shape {side} the {t.shape}.", f"Give the shape {side} the {t.shape}."),
        ),
        ask.shapes(other.shape, without=(t.shape,)),
        other.shape,
        f"the shape {side} the {t.shape}",
        _step(t, side, other),
        (t.shape, other.shape),
    )


def relation_color(ask: Asker) -> Question | None:
    """Asks for the colour of the thing next to another: one step more than `relation`."""
    pairs = _pairs(ask.scene)
    if not pairs:
        return None
    t, side, other = ask.rng.choice(pairs)
    words = (f"What color is the shape {side} the {t.shape}?",)
    more = (f"Tell the color of the shape {side} the {t.shape}.",)
    return Question(
        "relation_color",
        ask.word(words, words, more) if ask.teaching else words[0],
        ask.options(other.color, [o.color for o in ask.scene.things], COLORS),
        other.color,
        f"the color of the shape {side} the {t.shape}",
        f"{_step(t, side, other)} The {other.shape} is {other.color}.",
        (t.shape, other.shape),
    )


def relation_chain(ask: Asker) -> Question | None:
    """Asks for two relations in a row; never in training."""
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
    others = ", ".join(f"{o.shape} {o.color}" for o in ask.scene.things if o is not t)
    return Question(
        "same_color",
        ask.word(
            (f"What has the same color as the {t.shape}?",),
            (f"Which shape is the same color as the {t.shape}?",),
            (f"Name the shape with the color of the {t.shape}.",),
        ),
        ask.shapes(twin.shape, without=(t.shape,)),
        twin.shape,
        f"the shape with the color of the {t.shape}",
        f"The {t.shape} is {t.color}: {others}.",
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
        ask.word(
            ("What is the largest?", "Which shape is the largest?"),
            ("Tell the largest.",),
            ("Name the largest.", "Read the largest."),
        ),
        ask.shapes(best.shape),
        best.shape,
        "the size of each shape",
        f"{listed}.",
        tuple(t.shape for t in ask.scene.things),
    )
