"""What the figures say of n, of missing intervals and of each other: measured on what is drawn."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from analyses.degradation import degradation
from analyses.dependence import dependence
from analyses.efficiency import efficiency
from analyses.figures import attribution, coupling, decoupling, latency, overview, quanta, thinking
from analyses.figures import degradation as figure_of_degradation
from analyses.figures import dependence as figure_of_dependence
from analyses.figures import efficiency as figure_of_efficiency
from analyses.figures.parts import heatmap, labels, style, systems
from analyses.registry import FIGURES, load_analysis, load_figure
from tests.analyses.simulate import World, simulate

WORLD = World(tasks=("ocr", "knowledge", "counting"), end_to_end_only=("grounding",), items=20)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return simulate(WORLD)


def luminance(colour: object) -> float:
    """WCAG 2's relative luminance."""
    shade = np.array(to_rgb(colour))  # type: ignore[arg-type]
    linear = np.where(shade <= 0.04045, shade / 12.92, ((shade + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def lightness(colour: object) -> float:
    """CIE L*, 0 to 100: equal steps look equal in grey."""
    return 116 * np.cbrt(luminance(colour)) - 16 if luminance(colour) > 0.0089 else 0.0


@pytest.mark.parametrize(
    "colours",
    [
        [look["color"] for look in style.DATA],
        [style.TRAINED[name]["color"] for name in ("instruct", "caption", "extract")],
        [systems.KINDS[name][1]["color"] for name in ("end_to_end", "decoupled", "thinking")],
        [style.PERCEPTION["color"], style.REASONING["color"]],
    ],
)
def test_series_differ_in_grey(colours: list[str]) -> None:
    for one, other in combinations(colours, 2):
        assert abs(lightness(one) - lightness(other)) > 15
        assert abs(np.dot(to_rgb(one), [0.299, 0.587, 0.114]) * 255  # what a screen's grey makes
                   - np.dot(to_rgb(other), [0.299, 0.587, 0.114]) * 255) > 30  # fmt: skip


def test_ink_reads_on_every_shade_of_a_heat_map_and_shades_darken() -> None:
    shades = [luminance(heatmap.SHADES(k)[:3]) for k in range(256)]
    assert min((shade + 0.05) / (luminance(style.INK) + 0.05) for shade in shades) > 4.5
    assert all(a > b - 1e-6 for a, b in pairwise(shades))


def footnote_of(figure: Figure) -> str:
    return str(figure.get_supxlabel())


@pytest.mark.parametrize(
    ("module", "analysis"),
    [(decoupling, "decoupling"), (attribution, "attribution"), (thinking, "thinking")],
)
def test_n_counts_the_means_that_are_drawn(
    frame: pd.DataFrame, module: object, analysis: str
) -> None:
    # Tasks have 20 items, the mean of three tasks 60, star's six categories 120.
    rows = module.select(load_analysis(analysis)(frame, draws=40))  # type: ignore[attr-defined]
    rows = rows[(rows["task"] != "star") & ~rows["task"].str.contains("out_of")]
    text = footnote_of(module.draw(rows))  # type: ignore[attr-defined]
    assert "n = 20–60 items" in text


def test_quanta_names_the_n_of_both_halves(frame: pd.DataFrame) -> None:
    rows = quanta.select(load_analysis("quanta")(frame, draws=40))
    text = footnote_of(quanta.draw(rows)).replace("\n", " ")
    assert "Above, n = 20 items a map" in text
    assert "below, n = 20–120 items a point" in text


def test_a_drop_without_interval_is_open_and_one_without_value_is_said(
    frame: pd.DataFrame,
) -> None:
    rows = figure_of_degradation.select(degradation(frame, draws=40))
    relative = (rows["quantity"] == "relative_drop") & (rows["task"] == "ocr")
    bare = rows.copy()
    bare.loc[relative, ["low", "high", "reason"]] = [np.nan, np.nan, "no spread is seen"]
    drawn = figure_of_degradation.draw(bare)
    hollow = [line for line in drawn.axes[0].lines if line.get_markerfacecolor() == "white"]
    assert sum(len(np.atleast_1d(line.get_xdata())) for line in hollow) == 1
    text = footnote_of(drawn)
    assert "Open markers have no bar: no spread is seen." in text
    missing = bare.copy()
    missing.loc[relative, ["estimate", "reason"]] = [np.nan, "nothing to lose"]
    figure = figure_of_degradation.draw(missing)
    assert "Not defined: nothing to lose." in footnote_of(figure)
    assert [text.get_text() for text in figure.axes[0].texts] == ["not defined"]
    assert "Open" not in footnote_of(figure_of_degradation.draw(rows))


def test_an_interval_shorter_than_its_marker_shows_beside_it() -> None:
    figure = style.new_figure(3.0, 3.0)
    axes = figure.subplots()
    look = {"color": "k", "marker": "o", "markersize": style.RC["lines.markersize"]}
    style.with_interval(axes, [0.5], [0.5], [0.499], [np.nan], **look)
    caps = [line for line in axes.lines if line.get_marker() == "_"]
    assert [line.get_markersize() for line in caps] == [6.4, 6.4]
    assert min(line.get_markersize() for line in caps) > 1.5 * style.RC["lines.markersize"]
    ends = np.array([float(line.get_ydata()[0]) for line in caps])  # type: ignore[index,arg-type]
    assert ends[0] == pytest.approx(0.499)
    assert np.isnan(ends[1])  # an unknown end has no cap


def test_titles_say_the_quantity(frame: pd.DataFrame) -> None:
    cost = efficiency(frame, draws=40)
    for module, wanted in ((figure_of_efficiency, "Accuracy by "), (latency, "Accuracy by model")):
        figure = module.draw(module.select(cost))
        assert figure.axes[0].get_title(loc="left").startswith(wanted)
    table = dependence(frame, draws=40)
    figure = figure_of_dependence.draw(figure_of_dependence.select(table))
    assert figure.axes[0].get_title(loc="left") == "Scaling sensitivity by visual dependence"
    titles = [axes.get_title(loc="left") for axes in coupling.draw(coupling.select(table)).axes]
    assert titles == ["Slope by estimator", "Slope without one task", "Cook's distance"]
    drops = overview.draw(overview.select(load_analysis("decoupling")(frame, draws=40))).axes[2]
    assert drops.get_ylabel() == "accuracy lost"


def test_least_squares_shows_where_it_meets_bces(frame: pd.DataFrame) -> None:
    rows = figure_of_dependence.select(dependence(frame, draws=40))
    fits = rows["estimator"].isin(["least_squares", "bces"])
    for quantity, value in (("slope", 0.5), ("intercept", 0.1)):
        rows.loc[fits & (rows["quantity"] == quantity), "estimate"] = value
    lines = {
        line.get_label(): line
        for line in figure_of_dependence.draw(rows).axes[0].lines
        if line.get_gid() == figure_of_dependence.FIT
    }
    dashed, broad = lines["least squares"], lines["BCES (item noise taken out)"]
    assert dashed.get_zorder() > broad.get_zorder()
    assert dashed.get_linewidth() < broad.get_linewidth()
    assert dashed.is_dashed()
    assert not broad.is_dashed()


def test_names_keep_clear_of_lines_markers_and_each_other() -> None:
    figure = style.new_figure(4.0, 4.0)
    axes = figure.subplots()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    figure.draw_without_rendering()
    rng = np.random.default_rng(5)
    xy = rng.uniform(0.2, 0.8, (9, 2))
    line = np.array([[0.0, 0.1], [1.0, 0.9]])
    labels.name_points(axes, xy, [f"a task {k}" for k in range(9)], lines=[line])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for text in axes.texts:
        text.arrow_patch = None  # type: ignore[attr-defined]  # no part of the name
    boxes = [text.get_window_extent(canvas.get_renderer()).padded(-1) for text in axes.texts]
    steps = np.linspace(0, 1, 2000)[:, None]
    along = axes.transData.transform(line[0] + steps * (line[1] - line[0]))
    dots = axes.transData.transform(xy)
    assert len(boxes) == 9
    assert not any(box.contains(*point) for box in boxes for point in (*along, *dots))
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def _markers(axes: object) -> list[object]:
    return [c for c in axes.collections if hasattr(c, "get_sizes") and len(c.get_sizes())]  # type: ignore[attr-defined]


def test_sizes_show_in_fill_and_area_and_names(frame: pd.DataFrame) -> None:
    cost = efficiency(frame, draws=40)
    rows = cost[(cost["task"] == "star") & (cost["method"] != "blind")]
    axes = figure_of_efficiency.draw(figure_of_efficiency.select(rows)).axes[1]
    sizes = {round(float(s), 6) for c in _markers(axes) for s in c.get_sizes()}  # type: ignore[attr-defined]
    assert len(sizes) == 4 + 1  # four reasoners, and end to end
    names = {name for text in axes.texts for name in text.get_text().split(", ")}
    assert {"xs", "s", "m", "l"} <= names
    front = rows[rows["front_params"].astype(bool) & (rows["method"] == "decoupled")]
    assert {f"{p}+{r}" for p, r in zip(front["perception"], front["reasoning"])} <= names


def test_last_digits_of_a_layout_change_no_file() -> None:
    files = []
    for add in (0.0, 1e-14, -1e-14):
        figure = Figure()
        part = figure.subfigures(2, 1, squeeze=False)[0, 0]
        part.bbox_relative.p0 = np.array([0.0, 0.5 + add])
        axes = part.add_axes((0.1 + add, 0.2, 0.3 - add, 0.4))
        axes.plot([0, 1], [0, 2])
        files.append(style.encoded(figure, "same"))
    assert files[0] == files[1] == files[2]


@pytest.mark.slow
def test_equal_rows_give_equal_files_however_often_they_are_drawn(frame: pd.DataFrame) -> None:
    tables: dict[str, pd.DataFrame] = {}
    for name, spec in FIGURES.items():
        if spec.analysis not in tables:
            tables[spec.analysis] = load_analysis(spec.analysis)(frame, draws=50)
        module = load_figure(name)
        rows = module.select(tables[spec.analysis])
        drawn, held = [], []
        for size in range(3):  # other addresses in memory
            held.append([bytearray(100 * size) for _ in range(3000)])
            drawn.append(style.encoded(module.draw(rows), name))
        assert drawn[0] == drawn[1] == drawn[2], name


def test_a_data_set_has_one_colour_in_every_figure_and_modules_have_others(
    frame: pd.DataFrame,
) -> None:
    star = style.DATA[1]["color"]
    for name in ("degradation", "leakage", "thinking", "quanta", "marginal", "dependence"):
        module = load_figure(name)
        drawn = module.draw(module.select(load_analysis(FIGURES[name].analysis)(frame, draws=40)))
        lines = [line for axes in drawn.axes for line in axes.lines]
        colours = {line.get_color() for line in lines} | {
            tuple(bars.get_edgecolor()[0]) for axes in drawn.axes for bars in axes.collections
            if len(bars.get_edgecolor())
        }  # fmt: skip
        shown = {to_hex(colour).lower() for colour in colours}
        assert {style.DATA[0]["color"].lower(), star.lower()} <= shown, name
        assert not shown & {style.BLUE.lower(), style.ORANGE.lower()}, name
    others = [look["color"] for look in (style.PERCEPTION, style.REASONING)]
    others += [look["color"] for _, look in (*systems.KINDS.values(), *systems.DESCRIBED.values())]
    assert not {look["color"].lower() for look in style.DATA} & {c.lower() for c in others}


def test_few_lost_items_have_no_bar_and_no_point(frame: pd.DataFrame) -> None:
    table = attribution.select(load_analysis("attribution")(frame, draws=40))
    few = table.assign(base=np.where(table["quantity"].isin(attribution.LOOK), 4, table["base"]))
    stack = attribution.draw(few).axes[0]
    assert not any(bar.get_width() > 0 for bar in stack.patches)
    assert {text.get_text() for text in stack.texts} == {"4"}
    assert any(bar.get_width() > 0 for bar in attribution.draw(table).axes[0].patches)


def test_systems_stand_at_their_cost_and_sizes_are_in_the_legend(frame: pd.DataFrame) -> None:
    rows = figure_of_efficiency.select(efficiency(frame, draws=40))
    drawn = figure_of_efficiency.draw(rows)
    axes = drawn.axes[1]
    spots = np.concatenate([np.asarray(c.get_offsets()) for c in _markers(axes)])
    first = rows[rows["task"] == rows["task"].iloc[0]]
    known = systems.drawn(first[first["accuracy"].notna()], "params")
    wanted = known[["params", "accuracy"]].to_numpy(dtype=float)
    assert np.sort(spots, axis=0) == pytest.approx(np.sort(wanted, axis=0))
    labels = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert {"fill: perception, xs to l", "area: reasoning, xs to l", "end to end", "front"} <= set(
        labels
    )
