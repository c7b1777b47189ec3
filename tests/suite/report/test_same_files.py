"""The same records give the same files: whatever surrounds the drawing, however they were read.

In: simulated records. Out: the bytes of tables and figures.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from analyses.figures.parts.style import encoded
from analyses.registry import FIGURES, load_analysis, load_figure
from tests.analyses.simulate import World, simulate


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    sizes = (("s", 6e4), ("l", 9e5))
    return simulate(World(sizes, ("ocr", "knowledge"), (), star=False, items=8))


def drawn(frame: pd.DataFrame, *names: str) -> dict[str, bytes]:
    """The table and the files of figures."""
    found: dict[str, bytes] = {}
    for name in names:
        spec = FIGURES[name]
        table = load_analysis(spec.analysis)(frame, draws=100)
        found[f"{name}.csv"] = table.to_csv(float_format="%.6g").encode()
        module = load_figure(name)
        found |= encoded(module.draw(module.select(table)), name)
    return found


SHOWN = ("attribution",)


@pytest.fixture(scope="module")
def plain(frame: pd.DataFrame) -> dict[str, bytes]:
    return drawn(frame, *SHOWN)


def with_style(frame: pd.DataFrame, patched: pytest.MonkeyPatch) -> pd.DataFrame:
    import matplotlib as mpl

    changes: dict[str, Any] = {
        "font.size": 20,
        "axes.grid": True,
        "figure.dpi": 200,
        "savefig.dpi": 30,
    }
    changes |= {"savefig.bbox": "tight", "svg.fonttype": "none", "lines.linewidth": 9}
    changes |= {"axes.facecolor": "black", "savefig.transparent": True, "axes.spines.top": True}
    for name, value in changes.items():
        patched.setitem(cast(Any, mpl.rcParams), name, value)
    return frame


def with_environment(**values: str) -> Callable[..., pd.DataFrame]:
    def change(frame: pd.DataFrame, patched: pytest.MonkeyPatch) -> pd.DataFrame:
        for name, value in values.items():
            patched.setenv(name, value)
        time.tzset()
        return frame

    return change


def after_others(frame: pd.DataFrame, patched: pytest.MonkeyPatch) -> pd.DataFrame:
    import matplotlib.pyplot as plt

    plt.plot([1, 2])
    drawn(frame, "grid")
    plt.close("all")
    return frame


def with_other_draws(frame: pd.DataFrame, patched: pytest.MonkeyPatch) -> pd.DataFrame:
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    return frame


def with_options(frame: pd.DataFrame, patched: pytest.MonkeyPatch) -> pd.DataFrame:
    pd.set_option("display.precision", 2)
    np.set_printoptions(precision=2)
    return frame


def read_again(frame: pd.DataFrame, patched: pytest.MonkeyPatch) -> pd.DataFrame:
    again: pd.DataFrame = pa.Table.from_pandas(frame, preserve_index=False).to_pandas()
    return again


def with_texts_as_categories(frame: pd.DataFrame, patched: pytest.MonkeyPatch) -> pd.DataFrame:
    return frame.astype(dict.fromkeys(("cell", "method", "task"), "category"))


def in_another_order(frame: pd.DataFrame, patched: pytest.MonkeyPatch) -> pd.DataFrame:
    names = frame[["cell", "task"]].apply(tuple, axis=1)
    order = {name: at for at, name in enumerate(names.unique())}  # it is that of the study
    mixed = frame.sample(frac=1, random_state=3)
    return mixed.loc[names[mixed.index].map(order).sort_values(kind="stable").index]


def with_another_index(frame: pd.DataFrame, patched: pytest.MonkeyPatch) -> pd.DataFrame:
    return frame.set_axis(np.arange(len(frame)) * 7 + 3)


@pytest.fixture
def options() -> Iterator[None]:
    with pd.option_context("display.precision", 6), np.printoptions():
        yield
    time.tzset()


SLOW: tuple[Callable[[pd.DataFrame, pytest.MonkeyPatch], pd.DataFrame], ...] = (
    lambda frame, patched: frame,
    after_others,
    with_other_draws,
    with_options,
    with_environment(TZ="Asia/Tokyo", LC_ALL="de_DE.UTF-8", SOURCE_DATE_EPOCH="1"),
    read_again,
    with_another_index,
    with_texts_as_categories,
    in_another_order,
)


@pytest.mark.usefixtures("options")
@pytest.mark.parametrize(
    "change", [with_style, *(pytest.param(change, marks=pytest.mark.slow) for change in SLOW)]
)
def test_the_same_records_give_the_same_files(
    frame: pd.DataFrame,
    plain: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[pd.DataFrame, pytest.MonkeyPatch], pd.DataFrame],
) -> None:
    again = drawn(change(frame, monkeypatch), *SHOWN)
    assert [name for name in plain if again[name] != plain[name]] == []


def through_csv(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    frame.to_csv(folder / "records.csv", index=False)
    return pd.read_csv(folder / "records.csv")


def through_arrow(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    frame.to_parquet(folder / "records.parquet")
    return pd.read_parquet(folder / "records.parquet", dtype_backend="pyarrow")


@pytest.mark.parametrize(
    "change",
    [
        through_csv,
        through_arrow,
        lambda frame, folder: frame.convert_dtypes(),
        lambda frame, folder: frame.astype({"score": "float32"}),
        lambda frame, folder: frame.assign(note="x", **{"Unnamed: 0": range(len(frame))}),
        lambda frame, folder: frame[sorted(frame.columns, reverse=True)],
    ],
    ids=["csv", "arrow", "nullable", "float32", "more columns", "columns turned"],
)
def test_the_same_records_by_another_reader_give_the_same_tables(
    frame: pd.DataFrame, tmp_path: Path, change: Any
) -> None:
    def table(records: pd.DataFrame) -> str:
        parts = [load_analysis(name)(records, draws=50) for name in ("cells", "efficiency")]
        return "".join(part.to_csv(float_format="%.6g") for part in parts)

    assert table(change(frame.copy(), tmp_path)) == table(frame)
