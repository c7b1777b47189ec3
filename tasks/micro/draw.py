"""Draws scenes: Scene -> RGB array of shape (3 * cell, 3 * cell, 3), uint8, or PNG bytes.

`cell` is the side of one grid cell in pixels (24 for the shipped models: pictures of 72 x 72).
Shapes are anti-aliased masks, digits are scikit-learn's real handwritten ones on a white tag,
backgrounds are faint patterns, and quality is applied last: dim, blurred or noisy.
"""

from __future__ import annotations

import io
import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from tasks.micro.scene import SHEETS_PER_DIGIT, SIZES, Scene, Thing

CELL = 24
"""Side of a cell in pixels for the shipped models."""

RGB = {
    "red": (214, 39, 40), "green": (34, 139, 34), "blue": (31, 90, 210), "yellow": (240, 205, 20),
    "orange": (250, 130, 20), "purple": (128, 50, 170), "pink": (250, 130, 190),
    "black": (25, 25, 25),
}  # fmt: skip
TINT_RGB = {
    "white": (248, 248, 248), "cream": (250, 243, 222), "mint": (224, 245, 230),
    "sky": (222, 236, 250), "rose": (250, 228, 230),
}  # fmt: skip
EXTENT = dict(zip(SIZES, (8 / 24, 11 / 24, 14 / 24, 17 / 24), strict=True))
"""Side of a thing's bounding square as a share of its cell."""
TAG = 9 / 24
"""Side of the digit's tag as a share of its cell."""
_SUPER = 4  # supersampling of the masks

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]


def box(thing: Thing) -> tuple[int, int, int, int]:
    """Bounding square x0, y0, x1, y1 in 1/24 of a cell (0 to 72 over the picture)."""
    row, column = divmod(thing.cell, 3)
    side = round(EXTENT[thing.size] * 24)
    x, y = 24 * column + thing.shift[0], 24 * row + thing.shift[1]
    return x, y, x + side, y + side


def draw(scene: Scene, cell: int = CELL) -> Pixels:
    """Gives the picture of a scene: uint8 array (3 * cell, 3 * cell, 3)."""
    canvas = _background(scene.background, scene.tint, scene.phase % 7, cell).copy()
    tag = max(8, round(TAG * cell))
    for thing in scene.things:
        x, y, _, _ = (round(v * cell / 24) for v in box(thing))
        mask = _mask(thing.shape, max(3, round(EXTENT[thing.size] * cell)))
        _paint(canvas, x, y, mask, RGB[thing.color])
        row, column = divmod(thing.cell, 3)
        corner_x, corner_y = (column + 1) * cell - tag, (row + 1) * cell - tag
        ink = _digit(scene.sheets, thing.digit, thing.sheet, tag)
        canvas[corner_y : corner_y + tag, corner_x : corner_x + tag] = 255 * (1 - ink[..., None])
    return _degrade(canvas, scene.quality, scene.phase, cell)


def png(pixels: Pixels) -> bytes:
    """Lossless PNG bytes of a picture."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def _paint(canvas: Floats, x: int, y: int, mask: Floats, color: tuple[int, int, int]) -> None:
    side = mask.shape[0]
    region = canvas[y : y + side, x : x + side]
    alpha = mask[: region.shape[0], : region.shape[1], None]
    region *= 1 - alpha
    region += alpha * np.asarray(color, dtype=np.float32)


def _degrade(canvas: Floats, quality: str, phase: int, cell: int) -> Pixels:
    if quality == "dim":
        canvas = canvas * 0.4
    elif quality == "noisy":
        noise = np.random.default_rng(phase).standard_normal(canvas.shape[:2], dtype=np.float32)
        canvas = canvas + 28 * noise[..., None]
    pixels: Pixels = np.clip(canvas, 0, 255).astype(np.uint8)
    if quality == "blurred":
        blur = ImageFilter.GaussianBlur(cell / 24)
        pixels = np.asarray(Image.fromarray(pixels).filter(blur))
    return pixels


@lru_cache(maxsize=4096)
def _digit(sheets: str, digit: int, sheet: int, side: int) -> Floats:
    image = Image.fromarray((_handwriting()[sheets][digit][sheet] * 255).astype(np.uint8))
    small = max(8, round(side * 8 / 9))
    glyph = np.asarray(image.resize((small, small), Image.Resampling.BILINEAR), dtype=np.float32)
    plate = np.zeros((side, side), dtype=np.float32)
    start = (side - small + 1) // 2
    plate[start : start + small, start : start + small] = (glyph / 255)[
        : side - start, : side - start
    ]
    ink: Floats = np.clip(1.3 * plate, 0, 1)
    return ink


@lru_cache(maxsize=1)
def _handwriting() -> dict[str, dict[int, Floats]]:
    """domain -> digit -> (samples, 8, 8) in [0, 1]; the domains' samples are disjoint."""
    from sklearn.datasets import load_digits  # slow to import, needed only when drawing

    data = load_digits()
    images: Floats = (data.images / 16).astype(np.float32)
    sheets: dict[str, dict[int, Floats]] = {}
    start = dict.fromkeys(range(10), 0)
    for domain, n in SHEETS_PER_DIGIT.items():
        sheets[domain] = {}
        for digit in range(10):
            rows = np.flatnonzero(data.target == digit)[start[digit] : start[digit] + n]
            sheets[domain][digit] = images[rows]
            start[digit] += n
    return sheets


@lru_cache(maxsize=1024)
def _mask(shape: str, side: int) -> Floats:
    big = side * _SUPER
    image = Image.new("L", (big, big), 0)
    _outline(ImageDraw.Draw(image), shape, big - 1)
    small = image.resize((side, side), Image.Resampling.BOX)
    mask: Floats = np.asarray(small, dtype=np.float32) / np.float32(255)
    return mask


def _outline(pen: ImageDraw.ImageDraw, shape: str, s: float) -> None:
    def polygon(*points: tuple[float, float]) -> None:
        pen.polygon([(x * s, y * s) for x, y in points], fill=255)

    if shape == "circle":
        pen.ellipse((0, 0, s, s), fill=255)
    elif shape == "ring":
        pen.ellipse((0, 0, s, s), fill=255)
        pen.ellipse((0.28 * s, 0.28 * s, 0.72 * s, 0.72 * s), fill=0)
    elif shape == "moon":
        pen.ellipse((0, 0, s, s), fill=255)
        pen.ellipse((0.35 * s, -0.1 * s, 1.25 * s, 0.8 * s), fill=0)
    elif shape == "square":
        pen.rectangle((0.06 * s, 0.06 * s, 0.94 * s, 0.94 * s), fill=255)
    elif shape == "bar":
        pen.rectangle((0, 0.32 * s, s, 0.68 * s), fill=255)
    elif shape == "triangle":
        polygon((0.5, 0), (1, 1), (0, 1))
    elif shape == "diamond":
        polygon((0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5))
    elif shape == "house":
        polygon((0.5, 0), (1, 0.45), (0.85, 0.45), (0.85, 1), (0.15, 1), (0.15, 0.45), (0, 0.45))
    elif shape == "arrow":
        polygon((0, 0.35), (0.5, 0.35), (0.5, 0), (1, 0.5), (0.5, 1), (0.5, 0.65), (0, 0.65))
    elif shape == "cross":
        pen.rectangle((0.34 * s, 0, 0.66 * s, s), fill=255)
        pen.rectangle((0, 0.34 * s, s, 0.66 * s), fill=255)
    elif shape == "heart":
        pen.ellipse((0, 0.05 * s, 0.54 * s, 0.58 * s), fill=255)
        pen.ellipse((0.46 * s, 0.05 * s, s, 0.58 * s), fill=255)
        polygon((0.03, 0.42), (0.97, 0.42), (0.5, 1))
    elif shape == "star":
        points = []
        for i in range(10):
            radius = 0.5 if i % 2 == 0 else 0.2
            angle = math.pi * (i / 5 - 0.5)
            points.append((0.5 + radius * math.cos(angle), 0.52 + radius * math.sin(angle)))
        polygon(*points)
    else:
        raise ValueError(f"There is no shape {shape!r} in the micro world")


@lru_cache(maxsize=1024)
def _background(pattern: str, tint: str, phase: int, cell: int) -> Floats:
    """A faint pattern over a light tint: float array (3 * cell, 3 * cell, 3) in [0, 255]."""
    side = 3 * cell
    unit = cell / 24
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / unit
    x, y = x + phase, y + phase
    wave = {
        "plain": lambda: np.zeros_like(x),
        "stripes": lambda: (y % 8 < 4).astype(np.float32),
        "dots": lambda: (((x % 9) - 4) ** 2 + ((y % 9) - 4) ** 2 < 6).astype(np.float32),
        "checks": lambda: ((x // 6 + y // 6) % 2).astype(np.float32),
        "waves": lambda: 0.5 + 0.5 * np.sin((x + 4 * np.sin(y / 4)) / 1.5),
        "grid": lambda: ((x % 8 < 1.5) | (y % 8 < 1.5)).astype(np.float32),
        "bricks": lambda: ((y % 6 < 1.5) | ((x + 6 * ((y // 6) % 2)) % 12 < 1.5)).astype(
            np.float32
        ),
        "rings": lambda: (np.hypot(x - 36 - phase, y - 36 - phase) % 8 < 4).astype(np.float32),
        "zigzag": lambda: ((y + np.abs(x % 12 - 6)) % 8 < 3).astype(np.float32),
        "shade": lambda: (y - phase) / 72,
        "speckles": lambda: ((x * 7 + y * 13 + (x * y) % 11) % 17 < 4).astype(np.float32),
        "wedges": lambda: ((x % 10) > (y % 10)).astype(np.float32),
    }[pattern]()
    base = np.asarray(TINT_RGB[tint], dtype=np.float32)
    paper: Floats = (base * (1 - 0.22 * wave[..., None])).astype(np.float32)
    return paper
