"""Methods side by side: gains and layout by hand, and what figure and page take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analyses.figures import perceivers
from analyses.methods import layout, methods
from suite.report import summary
from tests.analyses.figures import words_of
from tests.analyses.simulate import tidy

E2E, BASE, THINK = "end_to_end/P=s", "decoupled/P=s/R=l/direct", "decoupled/P=s/R=l/think"
CAPTION, EXTRACT = "caption_think/P=s/R=l/think", "extract_think/P=s/R=l/think"
SCORES = {
    E2E: [1, 0, 0, 0],
    BASE: [1, 1, 0, 0],
    THINK: [0, 1, 1, 0],
    CAPTION: [1, 1, 1, 0],
    EXTRACT: [1, 1, 1, 1],
}
SEEN = {CAPTION: 1.9e6, EXTRACT: 2.4e6}


def table_of(cells: tuple[str, ...] = tuple(SCORES)) -> pd.DataFrame:
    """Two items of `ocr`, then one of each of two categories outside the domain."""
    places = [("ocr", "", "1"), ("ocr", "", "2"), ("star", "math", "1"), ("star", "logic", "2")]
    rows = [
        (cell, *place, float(score))
        for cell in cells
        for place, score in zip(places, SCORES[cell], strict=True)
    ]
    frame = tidy(*rows)
    pair = frame["cell"] != E2E
    kinds = {CAPTION: "caption", EXTRACT: "extract"}
    return frame.assign(
        method=frame["cell"].str.partition("/")[0],
        perceiver=frame["cell"].map(kinds).fillna("instruct"),
        perception_samples=frame["cell"].map(SEEN),
        reasoning=np.where(pair, "l", None),
        reasoning_params=np.where(pair, 9e3, np.nan),
        thinking=frame["cell"].str.endswith("think"),
        # what counts of rows by the way they were read
        parsed=True, failed=False, leak=False,
    )  # fmt: skip


def gain(
    table: pd.DataFrame, cell: str, against: str, task: str, group: str | None = None
) -> float:
    rows = table[(table["quantity"] == "gain") & (table["cell"] == cell)]
    rows = rows[(rows["against"] == against) & (rows["task"] == task)]
    rows = rows[rows["group"].isna() if group is None else rows["group"] == group]
    assert len(rows) == 1
    return float(rows["estimate"].iloc[0])


def test_gains_by_hand() -> None:
    table = methods(table_of(), draws=50)
    # ocr: end to end 1/2, direct 2/2, thinking 1/2, caption 2/2, extract 2/2
    assert gain(table, EXTRACT, "end_to_end", "ocr") == 0.5
    assert gain(table, EXTRACT, "decoupled", "ocr") == 0.0
    assert gain(table, EXTRACT, "instruct", "ocr") == 0.5
    assert gain(table, EXTRACT, "caption", "ocr") == 0.0
    # star, mean of math and logic: 0, 0, 1/2, 1/2, 1
    assert gain(table, EXTRACT, "decoupled", "star") == 1.0
    assert gain(table, EXTRACT, "caption", "star") == 0.5
    assert gain(table, EXTRACT, "caption", "star", "logic") == 1.0
    assert gain(table, CAPTION, "instruct", "star", "math") == 0.0
    found = table[table["quantity"] == "gain"].groupby("cell")["against"].unique().map(sorted)
    assert found.to_dict() == {
        CAPTION: ["decoupled", "end_to_end", "instruct"],
        EXTRACT: ["caption", "decoupled", "end_to_end", "instruct"],
    }


def test_a_gain_is_held_against_the_same_sizes_alone() -> None:
    frame = table_of()
    for column in ("perception", "reasoning"):
        other = frame.assign(
            **{column: frame[column].mask(~frame["cell"].isin(SEEN) & frame[column].notna(), "x")}
        )
        table = methods(other, draws=50)
        against = set(table.loc[table["quantity"] == "gain", "against"])
        assert against == ({"caption"} if column == "perception" else {"caption", "end_to_end"})


def test_the_layout_has_a_row_a_system_and_a_column_a_task() -> None:
    table = layout(table_of())
    assert table["cell"].tolist() == list(SCORES)
    numbers = ["ocr", "in_domain", "star: math", "star: logic", "star"]
    assert [c for c in table.columns if c in numbers] == numbers
    assert table.set_index("cell")[numbers].to_numpy().tolist() == [
        [0.5, 0.5, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0.5, 0.5, 1, 0, 0.5],
        [1, 1, 1, 0, 0.5],
        [1, 1, 1, 1, 1],
    ]
    assert table["params"].tolist() == [1e3, 1e4, 1e4, 1e4, 1e4]
    assert table["samples"].fillna(0).tolist() == [0, 0, 0, 1.9e6, 2.4e6]
    assert table["perceiver"].tolist() == ["instruct"] * 3 + ["caption", "extract"]
    assert {f"{name} {end}" for name in numbers for end in ("low", "high")} <= set(table.columns)


def test_parameters_of_which_a_part_is_unknown_are_unknown() -> None:
    frame = table_of()
    frame.loc[frame["cell"] == EXTRACT, "perception_params"] = np.nan
    found = layout(frame).set_index("cell")["params"]
    assert np.isnan(found[EXTRACT])
    assert found[CAPTION] == 1e4
    assert found[E2E] == 1e3


def test_a_study_of_one_perceiver_has_no_such_table() -> None:
    frame = table_of((E2E, BASE, THINK))
    assert not len(methods(frame))
    assert not len(layout(frame))
    assert perceivers.select(methods(frame)).empty
    assert "Nothing to draw" in perceivers.draw(methods(frame)).texts[0].get_text()


NAMES = {
    "in_domain": "in-domain mean",
    "out_of_domain": "out-of-domain mean",
    "star": "star",
    "moon": "moon",
}


def test_the_page_shows_means_and_categories(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    methods(table_of(), draws=50).to_csv(tmp_path / "tables" / "methods.csv", index=False)
    found = summary.methods(tmp_path, NAMES)
    assert found is not None
    headings = [heading for heading, _ in found.columns]
    assert headings[3:] == ["in-domain mean", "math", "logic", "star"]
    cell, params, samples, *values = found.rows[-1]
    assert (cell, params, samples) == (EXTRACT, 1e4, 2.4e6)
    assert [value["estimate"] for value in values] == [1, 1, 1, 1]
    assert [row[3]["estimate"] for row in found.rows] == [0.5, 1, 0.5, 1, 1]
    frame = table_of()
    other = frame[frame["task"] == "star"].assign(task="moon")  # with categories of the same names
    methods(pd.concat([frame, other]), draws=50).to_csv(tmp_path / "tables" / "methods.csv")
    both = summary.methods(tmp_path, NAMES)
    assert both is not None
    told = {heading for heading, _ in both.columns}
    assert {"star: math", "star: logic", "moon: math", "moon: logic"} <= told


def test_the_figure_holds_reasoning_at_the_largest_and_a_pairing_once() -> None:
    frame = table_of()
    again = frame[frame["cell"] == EXTRACT].assign(cell="decoupled/extract/P=s/R=l/think")
    again["method"] = "decoupled"
    small = frame[frame["cell"] == BASE].assign(cell="small", reasoning="m", reasoning_params=1.0)
    rows = perceivers.select(methods(pd.concat([frame, again, small]), draws=50))
    assert set(rows["cell"]) == {BASE, THINK, CAPTION, EXTRACT}
    assert rows["task"].drop_duplicates().tolist() == ["in_domain", "star"]
    assert not rows.duplicated(["perceiver", "perception", "thinking", "task"]).any()
    figure = perceivers.draw(rows[::-1])
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["instruct", "extract", "caption"]  # then as they come
    titles = [axes.get_title(loc="left").partition("\n")[0] for axes in figure.axes]
    # a line of panels over sizes for each mode; only what was thought over has known data
    assert titles == ["Answers after thinking"] * 4 + ["Direct answers"] * 2
    assert "n = 2" in words_of(figure)


@pytest.mark.slow
def test_every_figure_and_the_page_take_several_perceivers(tmp_path: Path) -> None:
    from suite.report import page
    from tests.analyses.simulate import World, simulate
    from tests.analyses.test_perceivers import both

    world = World((("s", 1e4), ("l", 1e6)), ("ocr", "knowledge"), ("grounding",), items=5)
    frame = both(simulate(world))
    frame["perception_samples"] = frame["perceiver"].map({"instruct": 5e5, "extract": 9e5})
    frame.to_parquet(tmp_path / "records.parquet", index=False)
    text = page.write(tmp_path).read_text(encoding="utf-8")
    assert '<h2 id="methods">Methods</h2>' in text
    assert "micro, extract" in text
    assert "extract_think/P=s/R=l/think" in text
    table = pd.read_csv(tmp_path / "tables" / "efficiency.csv")
    assert set(table["samples"].dropna()) == {5e5, 9e5}
    assert table["front_samples"].any()


def test_one_training_on_several_amounts_is_a_line_over_its_rows_for_each_size() -> None:
    frame = table_of((CAPTION, EXTRACT))
    parts = []
    for kind, cell in (("caption", CAPTION), ("extract", EXTRACT)):
        for amount in (500, 2000):
            for size, params in (("xs", 1e3), ("s", 4e3)):
                own = frame[frame["cell"] == cell].assign(
                    cell=f"{kind}{amount}/{size}", perceiver=f"{kind}{amount}", perception=size,
                    perception_params=params, perception_samples=float(amount), method="decoupled",
                )  # fmt: skip
                parts.append(own)
    rows = perceivers.select(methods(pd.concat(parts), draws=50))
    figure = perceivers.draw(rows)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["caption", "extract"]
    assert len(figure.axes) == 2  # over rows alone, for each mean
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 2]
    drawn = [
        line for line in lines if line.get_linestyle() in ("-", "--") and line.get_marker() in "vD"
    ]
    assert len(drawn) == 4  # two trainings at two sizes
    for line in drawn:
        assert np.asarray(line.get_xdata()) == pytest.approx([500, 2000], rel=0.2)
