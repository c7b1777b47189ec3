"""One look for every figure: fonts, sizes, colours that survive grey and colour blindness, names.

In: tables of the analyses. Out: prepared Figures and the pieces that figures share: points with
intervals, names of tasks, what n is. Colours are Okabe and Ito's (2008) or steps of cividis, in an
order whose lightness differs; every series has a marker of its own as well.
"""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar, cast
from unicodedata import category, normalize

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase, SubFigure
from matplotlib.transforms import Bbox

from analyses.columns import INSTRUCT
from analyses.figures.parts import fonts
from analyses.table.scores import IN_DOMAIN, OUT_OF_DOMAIN, SHARED
from analyses.table.sizes import sizes_in_order

FORMATS = ("png", "svg", "pdf")
UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""Metadata left out, so that the same rows give the same files."""

LABELS: dict[tuple[str, ...], int] = {
    **{(name,): 24 for name in ("task", "group", "family")},
    ("perception", "reasoning", "size", "partner", "small", "large", "larger", "sizes"): 9,
}
"""Columns of names that people chose -> letters of one that a figure has room for."""
JOINED = "|"
"""Between the sizes of a ladder in one text."""
ONE_COLUMN, TWO_COLUMNS = 3.4, 7.0
"""Widths in inches."""
LETTERS = 86
"""Letters of titles that stand side by side across two columns."""
DPI = 160
INK, QUIET, RULE = "#1a1a1a", "#595959", "#c8c8c8"
BLUE, ORANGE, PURPLE = "#0072B2", "#E69F00", "#CC79A7"
PERCEPTION: dict[str, Any] = {"color": BLUE, "marker": "o"}
REASONING: dict[str, Any] = {"color": ORANGE, "marker": "s"}
DATA: tuple[dict[str, Any], ...] = (
    {"color": "#0b3c5d", "marker": "o"},
    {"color": "#00805D", "marker": "^"},
    {"color": "#8fb98b", "marker": "v"},
    {"color": "#000000", "marker": "d"},
)
"""Of data sets alone (`of_data`). Lightness L* 24, 47, 72, 0: steps of 23 or more in grey."""
OPEN: dict[str, Any] = {"markerfacecolor": "white", "linestyle": "--"}
"""The second way of answering beside a first one: blind, or with thinking."""
TRAINED: dict[str, dict[str, Any]] = {
    INSTRUCT: {"color": INK, "marker": "s", "linestyle": ":"},
    "caption": {"color": ORANGE, "marker": "v", "linestyle": "--"},
    "extract": {"color": BLUE, "marker": "D", "linestyle": "-"},
    "extract_scratch": {"color": "#56B4E9", "marker": "d", "linestyle": "-."},
}
"""Of perception modules by what they were trained for."""
BOOTSTRAP = "bars are 95 % paired cluster-bootstrap intervals over images"
INTERVAL = f"{BOOTSTRAP}, never narrower than adjusted Wald"
"""Of accuracies and differences (`analyses.contrasts.limits`); ratios have BOOTSTRAP alone."""

RC: dict[str, Any] = {
    "text.parse_math": False,  # a label is what somebody wrote, not a formula
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "lines.markersize": 3.2,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,
    "svg.hashsalt": "downscaling-suite",
}

_TASKS: ContextVar[tuple[str, ...]] = ContextVar("tasks", default=())
"""What `task_names` takes for all tasks there are; empty: those that it is asked of."""
_SEEDS: ContextVar[int] = ContextVar("seeds", default=1)
"""Seeds over which intervals are."""

Draw = TypeVar("Draw", bound=Callable[..., Figure])


@contextmanager
def of_study(tasks: Iterable[object], seeds: int = 1) -> Iterator[None]:
    """Names tasks, in all that is drawn inside, as a study of these does: one name for one task,
    whichever of them a figure or a panel shows; and says that intervals are over seeds, too."""
    tokens = _TASKS.set(tuple(str(task) for task in tasks)), _SEEDS.set(seeds)
    try:
        yield
    finally:
        _TASKS.reset(tokens[0])
        _SEEDS.reset(tokens[1])


@contextmanager
def settings(own: dict[str, Any]) -> Iterator[None]:
    """Puts these settings over matplotlib's defaults, whatever style or matplotlibrc somebody
    has set, and gives theirs back at the end."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(cast(Any, own))
        yield


def styled(function: Draw) -> Draw:
    """Runs a figure's function with the suite's settings, and leaves matplotlib's own alone.

    People's words in its tables are shortened, and written in fonts that have their letters.
    """

    @wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Figure:
        args = tuple(_labelled(a) if isinstance(a, pd.DataFrame) else a for a in args)
        letters = _letters(args)
        found, missing = fonts.families(letters)
        fonts.tell_of_order(letters)
        if missing:
            fonts.tell(missing)
        with settings({**RC, "font.family": found}):
            return function(*args, **kwargs)

    return cast(Draw, inside)


def _labelled(table: pd.DataFrame) -> pd.DataFrame:
    """The table with people's names in the form in which figures show them."""
    table = by_perceiver(table).copy(deep=False)
    for columns, most in LABELS.items():
        there = [name for name in columns if name in table]
        values = {str(own) for name in there for own in table[name].dropna().unique()}
        found = labels_of(sorted({part for own in values for part in own.split(JOINED)}), most)
        shown: dict[object, str] = {
            own: JOINED.join(found[part] for part in own.split(JOINED)) for own in values
        }
        for name in there if any(own != label for own, label in shown.items()) else ():
            table[name] = table[name].map(str, na_action="ignore").map(shown, na_action="ignore")
    return table


def labels_of(names: Iterable[str], most: int) -> dict[str, str]:
    """Name -> the label that figures show: one line of `most` letters.

    Longer ones lose the words at their ends that they share, then each its middle. Those that
    would look alike get a number.
    """
    lines = {
        own: " ".join("".join(c if c.isprintable() else " " for c in normalize("NFC", own)).split())
        for own in names
    }
    words = {
        own: re.split(r"(?<=[-_ /.:])", line) for own, line in lines.items() if len(line) > most
    }
    for end in (0, -1):
        while len(words) > 1 == len({parts[end] for parts in words.values()}):
            if min(map(len, words.values())) == 1:
                break
            for parts in words.values():
                del parts[end]
    lines |= {own: "".join(parts).strip("-_ /.:") or lines[own] for own, parts in words.items()}
    labels: dict[str, str] = {}
    for own, line in lines.items():
        cut = most // 2
        label = line if len(line) <= most else f"{line[:cut]}…{line[cut + 1 - most :]}"
        label = label if any(category(c) not in ("Cf", "Zs") for c in label) else repr(own)
        labels[own] = _unlike([label], labels.values())
    return labels


def _unlike(names: Iterable[str], others: Iterable[str]) -> str:
    """The first of some names that looks like none of the others; else the last with a number."""
    names, taken = list(names), {_looks(other) for other in others}
    numbered = (f"{names[-1]} #{n}" for n in range(2, len(taken) + 3))
    return next(name for name in (*names, *numbered) if _looks(name) not in taken)


def _looks(label: str) -> str:
    """What is seen of a label: two forms of é are one, and what shows nothing is none."""
    seen = "".join(c for c in normalize("NFKC", label) if category(c) != "Cf")
    return " ".join(seen.split())


def _letters(args: Iterable[Any]) -> set[str]:
    """All letters of the texts in some tables."""
    tables = [table for table in args if isinstance(table, pd.DataFrame)]
    columns = [
        table[name] for table in tables for name in table.select_dtypes(["object", "string"])
    ]
    words = {word for column in columns for word in column.unique() if isinstance(word, str)}
    return {letter for word in words for letter in word}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, `width` x `height` inches, whose layout fits itself; no pyplot state."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def bands(heights: Sequence[float], room: float) -> tuple[Figure, list[SubFigure]]:
    """Gives a figure of two columns, a part per height in inches; `room`: for legend and
    footnote."""
    figure = new_figure(TWO_COLUMNS, sum(heights) + room)
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    return figure, list(parts)


def band_title(part: FigureBase, text: str) -> None:
    """Writes the text in bold at the left above a part of a figure."""
    part.suptitle(text, fontsize=8.5, fontweight="bold", x=0.01, ha="left")


def multiples(
    part: FigureBase,
    count: int,
    most: int,
    *,
    full: bool = False,
    sharex: bool = False,
    sharey: bool = False,
) -> tuple[list[Axes], list[Axes]]:
    """Makes `count` small panels, up to `most` in a row, and says which of them have none below.

    Rows are as wide as the panels are many, or as `most` where `full`; places left over are empty.
    """
    across = most if full else min(most, max(count, 1))
    grid = part.subplots(
        math.ceil(count / across), across, squeeze=False, sharex=sharex, sharey=sharey
    )
    for axes in grid.flat[count:]:
        axes.axis("off")
    lowest = list(grid.flat[max(count - across, 0) : count])
    for axes in lowest:
        axes.tick_params(labelbottom=True)
    return list(grid.flat[:count]), lowest


@styled
def nothing(reason: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    figure = new_figure(TWO_COLUMNS, 1.0)
    figure.text(0.5, 0.5, f"Nothing to draw: {reason}.", ha="center", va="center", color=QUIET)
    return figure


def with_interval(
    axes: Axes, x: Any, y: Any, low: Any, high: Any, *, upright: bool = True, **style: Any
) -> None:
    """Draws points with their intervals; a point without an interval is drawn alone.

    `upright`: the interval is along y, else along x. The ends may lie on one side of the point.
    Caps stand out beside the marker where the interval is shorter than it; less where rows are
    close together.
    """
    x, y, low, high = (np.asarray(v, dtype=np.float64) for v in (x, y, low, high))
    centre = y if upright else x
    reach = np.vstack([centre - low, high - centre]).clip(min=0)
    look: dict[str, Any] = {"capsize": 3.2 if upright else 2.2, "elinewidth": 1.0}
    look |= {"capthick": 0.8, "linestyle": "none"}
    look |= {"markeredgewidth": 0.9, ("yerr" if upright else "xerr"): reach} | style
    axes.errorbar(x, y, **look)


def task_names(tasks: Iterable[object]) -> dict[str, str]:
    """Task -> name in figures and on the page: the prefix that all tasks of the study share is
    dropped, means are named as such."""
    means = {IN_DOMAIN: "in-domain mean", OUT_OF_DOMAIN: "out-of-domain mean"}
    means[SHARED] = "in-domain mean (tasks of all cells)"
    own = list(dict.fromkeys(str(task) for task in tasks if str(task) not in means))
    study = [task for task in _TASKS.get() if task not in means] or own
    prefix = study[0].partition("_")[0] + "_" if len(set(study)) > 1 else ""
    shared = all(name.startswith(prefix) and name != prefix for name in study)
    for name in own:
        short = name.removeprefix(prefix) if shared else name
        means[name] = _unlike([short.replace("_", " "), name], means.values())
    return means


def range_text(numbers: Iterable[float]) -> str:
    """`3,360`, `3,360–4,000` where they differ, `0` where there are none."""
    known = [int(value) for value in numbers if not np.isnan(value)]
    low, high = min(known, default=0), max(known, default=0)
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def n_text(n: Iterable[float]) -> str:
    """`n = 60`, or `n = 58–60` where rows differ."""
    return f"n = {range_text(n)}"


def params_text(params: float) -> str:
    """16000 -> `16K`, 1.7e9 -> `1.7B`."""
    for unit, size in (("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if params >= size:
            return f"{params / size:.3g}{unit}"
    return f"{params:.3g}"


def size_axis(axes: Axes, sizes: Sequence[str], label: str) -> None:
    """Names ticks 0, 1, ... by size, smallest first."""
    axes.set_xticks(range(len(sizes)), list(sizes))
    axes.set_xlim(-0.4, len(sizes) - 0.6)
    axes.set_xlabel(label)


def over_sizes(
    axes: Axes, rows: pd.DataFrame, sizes: Sequence[str], size: str, aside: float, **look: Any
) -> Any:
    """Draws points with intervals at the ticks of `size_axis`, `aside` of them; returns their x.

    `size`: column with the size of each row. Points are joined unless `look` has a `linestyle`.
    """
    x = np.array([sizes.index(str(name)) for name in rows[size]], dtype=np.float64) + aside
    look = {"linestyle": "-"} | look
    with_interval(axes, x, rows["estimate"], rows["low"], rows["high"], **look)
    return x


def size_labels(table: pd.DataFrame, size: str, params: str) -> list[str]:
    """Names of `sizes_in_order` with their parameters below: `xs`, `15K`."""
    number = table.drop_duplicates(size).set_index(size)[params]
    return [
        f"{name}\n{params_text(number[name])}" if number[name] > 0 else name
        for name in sizes_in_order(table, size, params)
    ]


def signed(value: float, digits: int = 2) -> str:
    """Gives a number with a true minus sign."""
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def footnote(figure: Figure, text: str) -> None:
    """Writes quiet lines under a figure of two columns: what n is, what the bars are."""
    if (seeds := _SEEDS.get()) > 1:
        text = re.sub(r"(intervals over images)(?! and)", rf"\1 and {seeds} seeds", text)
    lines = [line for part in text.split("\n") for line in textwrap.wrap(part, 128)]
    figure.supxlabel("\n".join(lines), fontsize=7, color=QUIET, x=0.01, ha="left")


def by_perceiver(table: pd.DataFrame) -> pd.DataFrame:
    """Gives the table with the perceiver in the name of the family, where it tells several apart:
    a figure that draws families apart draws perceivers apart too. Tables of cells stay."""
    if "perceiver" not in table or "cell" in table:
        return table
    other = table["perceiver"].notna() & (table["perceiver"] != INSTRUCT)
    named = (
        table["family"].astype(str) + ", " + table["perceiver"].astype(str).str.replace("_", " ")
    )
    place = pd.DataFrame({"family": pd.factorize(table["family"])[0], "other": other.to_numpy()})
    order = place.sort_values(["family", "other"], kind="stable").index
    apart = table.assign(family=table["family"].mask(other, named)).drop(columns="perceiver")
    return apart.iloc[order]


def of_data(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Task -> colour and marker of its data set, the same in every figure: all that is in domain
    has the first, what lies outside the others in order of appearance."""
    own = table.drop_duplicates("task")
    inside = own["domain"] == IN_DOMAIN
    looks = {str(task): DATA[0] for task in own.loc[inside, "task"]}
    outside = enumerate(own.loc[~inside, "task"])
    return looks | {str(task): DATA[1 + k % (len(DATA) - 1)] for k, task in outside}


def families(table: pd.DataFrame) -> list[str]:
    """Gives the families of a table, in order of appearance."""
    return [str(name) for name in table["family"].drop_duplicates()]


def panel_title(family: str, among: Sequence[str], text: str) -> str:
    """The text, with the family before it where the figure shows several."""
    return f"{family}: {text}" if len(among) > 1 else text


def wrapped(panels: int, *lines: str) -> str:
    """Gives the lines of a title as a panel has room for them, of so many side by side."""
    whole = (line.replace(" = ", "\u00a0=\u00a0") for line in lines)
    parts = (part for line in whole for part in textwrap.wrap(line, LETTERS // panels))
    return "\n".join(parts).replace("\u00a0=\u00a0", " = ")


def encoded(figure: Figure, name: str) -> dict[str, bytes]:
    """Encodes the figure as files: `name`.png, .svg and .pdf with their contents.

    The layout is computed once for all three. Drawn in memory, because writing to a full disk
    half-way hides its error in matplotlib.
    """
    files = {}
    with settings({"svg.hashsalt": name, "pdf.fonttype": 42}):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        _settle(figure)
        for kind in FORMATS:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, metadata=UNDATED.get(kind))
            files[f"{name}.{kind}"] = buffer.getvalue()
    return files


def _settle(figure: Figure) -> None:
    """Rounds the places of all panels. The solver behind the layout goes through its constraints in
    the order of their addresses in memory, so that last digits vary from one drawing to the next,
    and the names inside an SVG are hashes of all digits."""
    for part in figure.subfigs:
        part.bbox_relative.p0, part.bbox_relative.p1 = part.bbox_relative.get_points().round(9)
    for axes in figure.axes:
        box = axes.get_position(original=True)
        axes.set_position(Bbox(box.get_points().round(9)))
