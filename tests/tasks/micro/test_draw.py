"""Pictures of the micro world: any resolution, every attribute visible, in its own cell."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.micro import draw, scene
from tasks.micro.scene import Scene, Thing

RESOLUTIONS = (24, 31, 48, 96)


def one(**changes: object) -> Scene:
    """A clear picture with a small green heart in the middle, two neighbours around it."""
    thing = Thing("heart", "green", "small", 4, 4, (1, 2), 5)
    fields = {k: v for k, v in changes.items() if k in Thing.__dataclass_fields__}
    rest = {k: v for k, v in changes.items() if k not in fields}
    things = (
        Thing("circle", "red", "large", 3, 3, (3, 3), 0),
        replace(thing, **fields),
        Thing("bar", "blue", "large", 8, 5, (0, 0), 1),
    )
    return replace(Scene(things, "dots", "cream", "clear", 3, "train"), **rest)


def changed(a: Scene, b: Scene, cell: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pixels that differ."""
    return np.nonzero((draw.draw(a, cell) != draw.draw(b, cell)).any(-1))


@pytest.mark.parametrize("cell", range(24, 97, 9))
@pytest.mark.parametrize("quality", scene.QUALITIES)
def test_pictures_have_any_resolution(cell: int, quality: str) -> None:
    things = tuple(
        Thing(shape, "red", "large", i, i, (3, 3), i) for i, shape in enumerate(scene.SHAPES[:9])
    )
    picture = draw.draw(Scene(things, "rings", "mint", quality, 60_000, "train"), cell)
    assert picture.shape == (3 * cell, 3 * cell, 3)
    assert picture.dtype == np.uint8
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10


@pytest.mark.parametrize("cell", RESOLUTIONS)
@pytest.mark.parametrize(
    "change",
    [
        {"color": "purple"}, {"size": "tiny"}, {"size": "medium"}, {"size": "large"},
        {"digit": 7}, {"sheet": 9}, {"shift": (3, 0)}, {"shift": (1, 0)},
        *({"shape": s} for s in scene.SHAPES if s not in ("heart", "circle", "bar")),
    ],
    ids=str,
)  # fmt: skip
def test_an_attribute_changes_its_own_cell_alone(cell: int, change: dict[str, object]) -> None:
    rows, columns = changed(one(), one(**change), cell)
    assert len(rows) > 4
    assert cell <= rows.min()
    assert rows.max() < 2 * cell
    assert cell <= columns.min()
    assert columns.max() < 2 * cell


@pytest.mark.parametrize("field", ["background", "tint", "quality"])
def test_every_background_tint_and_quality_looks_different(field: str) -> None:
    values = {
        "background": (*scene.BACKGROUNDS, *scene.HELD_OUT_BACKGROUNDS),
        "tint": scene.TINTS,
        "quality": scene.QUALITIES,
    }[field]
    for cell in (24, 48):
        for a, b in itertools.combinations(values, 2):
            rows, _ = changed(one(**{field: a}), one(**{field: b}), cell)
            assert len(rows) > 0.02 * (3 * cell) ** 2, (a, b)


@pytest.mark.parametrize("cell", RESOLUTIONS)
@pytest.mark.parametrize("shape", scene.SHAPES)
def test_the_box_bounds_what_is_painted(cell: int, shape: str) -> None:
    for size, shift in itertools.product(("tiny", "small"), ((0, 0), (3, 1))):
        # Below "medium" the digit's tag hides nothing of the thing.
        thing = Thing(shape, "red", size, 1, 4, shift, 0)
        alone = Scene((thing,), "plain", "white", "clear", 0, "train")
        other = replace(alone, things=(replace(thing, color="blue"),))
        rows, columns = changed(alone, other, cell)
        x0, y0, x1, y1 = (v * cell / 24 for v in draw.box(thing))
        assert x0 - 1 <= columns.min()
        assert columns.max() + 1 <= x1 + 1
        assert y0 - 1 <= rows.min()
        assert rows.max() + 1 <= y1 + 1
        extent = max(np.ptp(rows), np.ptp(columns)) + 1
        assert extent >= (x1 - x0) * 0.85 - 1


def test_boxes_by_hand() -> None:
    assert draw.box(Thing("circle", "red", "tiny", 1, 0, (0, 0), 0)) == (0, 0, 8, 8)
    assert draw.box(Thing("circle", "red", "small", 1, 4, (1, 3), 0)) == (25, 27, 36, 38)
    assert draw.box(Thing("circle", "red", "large", 1, 8, (3, 2), 0)) == (51, 50, 68, 67)


@pytest.mark.parametrize("shape", scene.SHAPES)
def test_shapes_have_the_colour_of_their_name(shape: str) -> None:
    for color, rgb in draw.RGB.items():
        thing = Thing(shape, color, "large", 1, 0, (0, 0), 0)
        picture = draw.draw(Scene((thing,), "plain", "white", "clear", 0, "train"), 48)
        assert (picture[:48, :48] == rgb).all(-1).sum() > 100


def test_shapes_differ_at_the_smallest_size() -> None:
    masks = {s: draw._mask(s, 8) for s in scene.SHAPES}
    for a, b in itertools.combinations(scene.SHAPES, 2):
        assert np.abs(masks[a] - masks[b]).mean() > 0.05, (a, b)


def test_png_is_lossless_and_drawing_is_deterministic() -> None:
    made = one(quality="noisy")
    picture = draw.draw(made)
    assert (np.asarray(Image.open(io.BytesIO(draw.png(picture)))) == picture).all()
    assert draw.png(draw.draw(made)) == draw.png(picture)
    assert (draw.draw(replace(made, phase=4)) != picture).any()


def test_dim_blurred_and_noisy_are_what_they_say() -> None:
    clear, dim, blurred, noisy = (
        draw.draw(one(quality=q)).astype(float) for q in ("clear", "dim", "blurred", "noisy")
    )
    assert dim.mean() == pytest.approx(0.4 * clear.mean(), rel=0.02)

    def roughness(picture: NDArray[np.float64]) -> float:
        return float((np.diff(picture, axis=0) ** 2).mean())

    assert roughness(blurred) < 0.7 * roughness(clear)
    assert roughness(noisy) > 1.5 * roughness(clear)


def test_an_unknown_shape_is_named() -> None:
    with pytest.raises(ValueError, match=r"^There is no shape 'egg' in the micro world$"):
        draw._mask("egg", 8)


def _tags(sheets: str, cell: int) -> tuple[NDArray[np.float64], list[int]]:
    """The tags of all handwriting of a domain, cropped out of drawn pictures, and their digits."""
    wanted = [(d, i) for d in range(10) for i in range(scene.SHEETS_PER_DIGIT[sheets])]
    side = round(9 * cell / 24)
    crops, digits = [], []
    for start in range(0, len(wanted), 9):
        things = tuple(
            Thing(scene.SHAPES[k], "red", "large", d, k, (3, 3), i)
            for k, (d, i) in enumerate(wanted[start : start + 9])
        )
        picture = draw.draw(Scene(things, "waves", "rose", "clear", 1, sheets), cell)
        for t in things:
            bottom, right = (t.cell // 3 + 1) * cell, (t.cell % 3 + 1) * cell
            crops.append(picture[bottom - side : bottom, right - side : right].mean(-1).ravel())
            digits.append(t.digit)
    return np.stack(crops), digits


@pytest.mark.parametrize("cell", [24, 48])
def test_a_classifier_of_train_handwriting_reads_the_drawn_digits_of_the_others(cell: int) -> None:
    from sklearn.neighbors import KNeighborsClassifier

    reader = KNeighborsClassifier(3).fit(*_tags("train", cell))
    for sheets in ("held_out", "star"):
        assert reader.score(*_tags(sheets, cell)) > 0.9
