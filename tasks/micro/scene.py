"""Scenes of the micro world: what is in a picture, before it is drawn or described.

In: a `random.Random` and a `Domain` (which combinations, handwriting and backgrounds may appear).
Out: frozen `Scene`s. A scene is a 3 x 3 grid of cells; each thing has a shape that is unique in
its scene, a colour, a size and a tag with a handwritten digit.

What training may see and what evaluation shows is kept apart by construction:
`Scene.reserved` (a hash of its content) splits all possible scenes, and the sheets of handwriting
of the domains `TRAIN`, `HELD_OUT` and `STAR` are disjoint.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass

SHAPES = (
    "circle", "square", "triangle", "star", "cross", "ring",
    "diamond", "heart", "moon", "arrow", "bar", "house",
)  # fmt: skip
COLORS = ("red", "green", "blue", "yellow", "orange", "purple", "pink", "black")
SIZES = ("tiny", "small", "medium", "large")
CELLS = (
    "top-left", "top-middle", "top-right",
    "middle-left", "center", "middle-right",
    "bottom-left", "bottom-middle", "bottom-right",
)  # fmt: skip
QUALITIES = ("clear", "dim", "blurred", "noisy")
BACKGROUNDS = (
    "plain", "stripes", "dots", "checks", "waves",
    "grid", "bricks", "rings", "zigzag", "shade",
)  # fmt: skip
HELD_OUT_BACKGROUNDS = ("speckles", "wedges")
"""Never drawn in training; they stand behind the scenes of micro_star."""
TINTS = ("white", "cream", "mint", "sky", "rose")

RESERVED_SHARE = 16
"""One scene in this many is kept for evaluation."""


@dataclass(frozen=True)
class Thing:
    """One object of a scene."""

    shape: str
    color: str
    size: str
    digit: int
    cell: int
    """Index into CELLS."""
    shift: tuple[int, int]
    """Displacement from the cell's corner in 1/24 of a cell."""
    sheet: int
    """Which handwritten sample of the digit, within the domain's sheets."""


@dataclass(frozen=True)
class Scene:
    """A picture's content."""

    things: tuple[Thing, ...]
    """In reading order, or in the order in which a text is to name them."""
    background: str
    tint: str
    quality: str
    phase: int
    """Offset of the background pattern and seed of the noise."""
    sheets: str
    """`train`, `held_out` or `star`: which handwriting the digits come from."""

    def signature(self) -> str:
        """What can be said about the scene: things with all attributes, background, quality."""
        ordered = sorted(self.things, key=lambda t: t.cell)
        things = ";".join(f"{t.shape},{t.color},{t.size},{t.digit},{t.cell}" for t in ordered)
        return f"{things}|{self.background}|{self.quality}"

    @property
    def reserved(self) -> bool:
        """True for scenes kept for evaluation; the training stream rejects them."""
        return is_reserved(self.signature())

    def find(self, shape: str) -> Thing | None:
        """Gives the thing of that shape, or None."""
        return next((t for t in self.things if t.shape == shape), None)

    def at(self, cell: int) -> Thing | None:
        """Gives the thing in that cell, or None."""
        return next((t for t in self.things if t.cell == cell), None)


def is_reserved(text: str) -> bool:
    """Gives the split of all content into training and evaluation, by CRC-32."""
    return zlib.crc32(text.encode()) % RESERVED_SHARE == 0


def held_out_pair(shape: str, color: str) -> bool:
    """True for the 12 of 96 shape-colour combinations that training never shows."""
    return (SHAPES.index(shape) + COLORS.index(color)) % len(COLORS) == 0


@dataclass(frozen=True)
class Domain:
    """Which part of the world scenes are drawn from."""

    sheets: str
    reserved: bool
    """Whether scenes must be reserved (evaluation) or must not be (training)."""
    backgrounds: tuple[str, ...]
    held_out_pairs: bool
    """Whether at least one thing must be a held-out combination; otherwise none may be."""
    count: tuple[int, int]
    """Smallest and largest number of things."""


TRAIN = Domain("train", False, BACKGROUNDS, False, (3, 6))
HELD_OUT = Domain("held_out", True, BACKGROUNDS, False, (3, 6))
STAR = Domain("star", True, HELD_OUT_BACKGROUNDS, True, (5, 8))

SHEETS_PER_DIGIT = {"train": 110, "held_out": 30, "star": 28}
"""Samples of each digit per domain: disjoint runs of scikit-learn's handwritten digits."""


def sample_scene(
    rng: random.Random,
    domain: Domain,
    *,
    count: int | None = None,
    quality: str | None = None,
    shapes: tuple[str, ...] | None = None,
) -> Scene:
    """Draws a scene of the domain; `count`, `quality` and `shapes` fix what they name."""
    while True:
        scene = _propose(rng, domain, count, quality, shapes)
        held_out = any(held_out_pair(t.shape, t.color) for t in scene.things)
        if held_out == domain.held_out_pairs and scene.reserved == domain.reserved:
            return scene


def _propose(
    rng: random.Random,
    domain: Domain,
    count: int | None,
    quality: str | None,
    shapes: tuple[str, ...] | None,
) -> Scene:
    n = len(shapes) if shapes else count or rng.randint(*domain.count)
    kinds = shapes or tuple(rng.sample(SHAPES, n))
    cells = sorted(rng.sample(range(9), n))
    # Few colours a scene, so that colours repeat: counting and "same colour" need that.
    palette = rng.sample(COLORS, rng.randint(2, 5))
    things = []
    for shape, cell in zip(kinds, cells, strict=True):
        colors = [c for c in palette if domain.held_out_pairs or not held_out_pair(shape, c)]
        things.append(
            Thing(
                shape=shape,
                color=rng.choice(colors),
                size=rng.choice(SIZES),
                digit=rng.randrange(10),
                cell=cell,
                shift=(rng.randint(0, 3), rng.randint(0, 3)),
                sheet=rng.randrange(SHEETS_PER_DIGIT[domain.sheets]),
            )
        )
    return Scene(
        things=tuple(things),
        background=rng.choice(domain.backgrounds),
        tint=rng.choice(TINTS),
        quality=quality or ("clear" if rng.random() < 0.55 else rng.choice(QUALITIES[1:])),
        phase=rng.randrange(1 << 16),
        sheets=domain.sheets,
    )
