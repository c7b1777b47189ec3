"""Names beside points, where they cover no other name, no marker and no line.

In: axes whose layout is fixed (`Figure.draw_without_rendering`), points with names, lines to keep
clear of. Out: the axes with the names, those away from their point with a thin line to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from analyses.figures.parts import style
from analyses.stats.arrays import Floats

SIZE = 7.0
"""Of a name, in points."""
PLACES = sorted(
    [
        (side * right, up)
        for side in (1, -1)
        for right in (0, 5, 14, 24, 36)
        for up in (4, 6, -10, 14, -20, 24, -30, 36, -42)
    ],
    key=lambda place: max(abs(place[0]), abs(place[1] + 3)),
)
"""Offsets of a name from its point, in points, nearest first; 0 to the right: centred."""
COVERS, CROSSES, NEARER = 200.0, 1.0, 15.0
"""What it costs, in points of distance, to cover a name or marker (a name's own line to its point
may not, either, nor meet another name's), a point of line under a name, and a name nearer to
another point."""
AWAY = 10
"""Distance from which on a name has a line to its point, in points."""
STEP = 2
Box = tuple[float, float, float, float]
"""Left, bottom, right, top in pixels."""


def name_points(
    axes: Axes,
    xy: Floats,
    names: Sequence[str],
    *,
    lines: Sequence[Floats] = (),
    others: Floats | None = None,
    size: float = SIZE,
) -> None:
    """Writes each name beside its point, (points, 2); points that coincide share one name.

    `lines`: polylines, (corners, 2), that no name should lie on, bars too. `others`: points without
    a name, (k, 2), whose markers no name should cover. The nearest place is taken that covers no
    name or marker and little of the lines.
    """
    if not len(xy):
        return
    unit = axes.figure.dpi / 72
    dots = np.asarray(axes.transData.transform(xy), dtype=np.float64)
    more = np.zeros((0, 2)) if others is None else axes.transData.transform(others)
    around = np.concatenate([dots, more.reshape(-1, 2)])
    taken = [(x - 4 * unit, y - 4 * unit, x + 4 * unit, y + 4 * unit) for x, y in around]
    drawn = np.concatenate([np.zeros((0, 2)), *(_along(axes, line) for line in lines)])
    frame = axes.get_window_extent()
    led = np.zeros((0, 2))
    first: dict[int, list[str]] = {}
    for name, dot in zip(names, dots):
        near = np.hypot(*(dots - dot).T) < 4 * unit
        first.setdefault(int(near.argmax()), []).append(name)
    for k, shared in first.items():
        dot, text = dots[k], ", ".join(dict.fromkeys(shared))
        width, height = _width(text, size) * unit, size * unit
        boxes = {place: _box(dot, place, width, height, unit) for place in PLACES}
        inside = [
            place
            for place, (left, bottom, right, top) in boxes.items()
            if frame.x0 < left and right < frame.x1 and frame.y0 < bottom and top < frame.y1
        ]
        costs = [
            _far(place)
            + COVERS * any(_overlap(boxes[place], other) for other in taken)
            + COVERS * _meets(_lead(dot, boxes[place], place, unit), taken, led)
            + CROSSES * _crossed(boxes[place], drawn) / unit
            # A name belongs to the point that it is nearest to.
            + NEARER * (_gap(boxes[place], dot) > min(_gap(boxes[place], d) for d in around))
            for place in inside
        ]
        place = inside[int(np.argmin(costs))] if inside else PLACES[0]
        left, bottom, right, top = boxes[place]
        taken.append((left - 2 * unit, bottom, right + 2 * unit, top))
        led = np.concatenate([led, _lead(dot, boxes[place], place, unit)])
        drawn = np.concatenate([drawn, led])
        _write(axes, text, xy[k], place, size)


def _write(axes: Axes, text: str, point: Floats, place: tuple[int, int], size: float) -> None:
    far = _far(place) > AWAY
    written = axes.annotate(
        text,
        (float(point[0]), float(point[1])),
        xytext=place,
        textcoords="offset points",
        fontsize=size,
        ha=("right", "center", "left")[int(np.sign(place[0])) + 1],
        arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": style.QUIET} if far else None,
    )
    written.set_in_layout(False)


def _lead(dot: Floats, box: Box, place: tuple[int, int], unit: float) -> Floats:
    """The line from a point's marker to a name, as places STEP pixels apart; none where the name is
    near."""
    if _far(place) <= AWAY:
        return np.zeros((0, 2))
    left, bottom, right, top = box
    end = np.array([np.clip(dot[0], left, right), np.clip(dot[1], bottom, top)])
    length = float(np.hypot(*(end - dot)))
    steps = np.arange(5 * unit, length, STEP) / length
    return np.asarray(dot + steps[:, None] * (end - dot), dtype=np.float64)


def _meets(lead: Floats, taken: Sequence[Box], led: Floats) -> bool:
    """Whether a name's line covers a marker or name, or meets another name's line."""
    if not len(lead):
        return False
    close = np.hypot(*(lead[:, None] - led[None]).transpose(2, 0, 1)) < 2 * STEP
    return bool(close.any()) or any(_crossed(box, lead) > 0 for box in taken)


def _along(axes: Axes, line: Floats) -> Floats:
    """Points STEP pixels apart along a polyline, in pixels; unknown corners are left out."""
    line = np.asarray(line, dtype=np.float64)
    corners = np.asarray(axes.transData.transform(line[~np.isnan(line).any(axis=1)]))
    parts = [np.zeros((0, 2))]
    for start, end in pairwise(corners):
        steps = np.linspace(0, 1, int(np.hypot(*(end - start)) // STEP) + 2)
        parts.append(start + steps[:, None] * (end - start))
    return np.concatenate(parts)


def _width(text: str, size: float) -> float:
    """Of a name, in points."""
    extent = TextPath((0, 0), text, size=size, prop=FontProperties())
    return float(extent.get_extents().x1)


def _box(dot: Floats, place: tuple[int, int], width: float, height: float, unit: float) -> Box:
    """Where a name would stand; `unit` is pixels per point."""
    left = float(dot[0]) + place[0] * unit - width * (1 - int(np.sign(place[0]))) / 2
    bottom = float(dot[1]) + place[1] * unit
    return left, bottom - 0.15 * height, left + width, bottom + height


def _far(place: tuple[int, int]) -> float:
    """How far a name is from its point, in points."""
    return max(abs(place[0]), abs(place[1] + 3))


def _crossed(box: Box, drawn: Floats) -> float:
    """Length of the lines under a name, in pixels."""
    left, bottom, right, top = box
    x, y = drawn.T
    return STEP * float(((left < x) & (x < right) & (bottom < y) & (y < top)).sum())


def _gap(box: Box, dot: Floats) -> float:
    """Distance of a point from a name, in pixels; 0 inside."""
    left, bottom, right, top = box
    beside, above = max(left - dot[0], dot[0] - right, 0), max(bottom - dot[1], dot[1] - top, 0)
    return float(np.hypot(beside, above))


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
