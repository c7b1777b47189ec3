"""The tidy table as matrices: by hand, against pandas, with gaps, failures and seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analyses.table.scores import (
    IN_DOMAIN,
    OUT_OF_DOMAIN,
    SHARED,
    none_where_missing,
    scores_of,
)
from tests.analyses.simulate import World, simulate, tidy

NAN = float("nan")


def test_samples_are_averaged_and_failures_are_not_zero() -> None:
    scores = scores_of(
        tidy(
            ("a", "ocr", "", "1", 1.0),
            ("a", "ocr", "", "1", 0.0),
            ("a", "ocr", "", "1", NAN),
            ("a", "ocr", "", "2", NAN),
            ("b", "ocr", "", "2", 1.0),
        )
    )
    assert scores.matrices()[0] == pytest.approx(np.array([[0.5, NAN], [NAN, 1.0]]), nan_ok=True)
    # item 2 was asked in a and failed; item 1 was never asked in b
    assert scores.planned.tolist() == [[True, False], [True, True]]
    assert scores.by_seed is None
    assert scores.total(np.ones(5)).tolist() == [[3, 0], [1, 1]]


def test_matrix_is_the_pivot_table_of_pandas() -> None:
    frame = simulate(World(tasks=("ocr",), items=7, samples=2, failed=0.2))
    found = scores_of(frame.sample(frac=1, random_state=0))
    peer = frame.pivot_table("score", ["task", "item_id"], "cell")
    ours = pd.DataFrame(found.values, found.items[["task", "item_id"]], found.cells["cell"])
    ours.index = pd.MultiIndex.from_tuples(ours.index)
    assert np.allclose(ours.loc[peer.index, peer.columns], peer, equal_nan=True)


def test_seeds_weigh_alike_however_many_samples_they_have() -> None:
    rows = [("a", "ocr", "", "1", score) for score in (1.0, 0.0, 0.0)]
    scores = scores_of(tidy(*rows, seed=[7, 8, 8]))
    # the mean of the seeds' means 1 and 0, not of three answers
    assert scores.values[0, 0] == 0.5  # noqa: PD011 (not a frame)
    assert [float(matrix[0, 0]) for matrix in scores.matrices()] == [1.0, 0.0]


def test_groups_by_hand() -> None:
    rows = [("a", "ocr", kind, str(k), 1.0) for k, kind in enumerate("xxy")]
    rows += [("a", "star", kind, str(k), 1.0) for k, kind in enumerate("pqq")]
    rows += [("a", "alone", "", "0", 1.0)]
    groups = scores_of(tidy(*rows)).groups()
    assert [(g.task, g.group, g.average, g.rows.tolist(), g.members) for g in groups] == [
        ("ocr", "x", "items", [0, 1], ()),
        ("ocr", "y", "items", [2], ()),
        ("ocr", None, "items", [0, 1, 2], ()),  # in domain every item counts alike
        ("star", "p", "items", [3], ()),
        ("star", "q", "items", [4, 5], ()),
        ("star", None, "categories", [3, 4, 5], (3, 4)),  # outside every category
        ("alone", None, "items", [6], ()),
        (IN_DOMAIN, None, "tasks", [0, 1, 2, 6], (2, 6)),  # one benchmark outside has no mean
    ]
    assert groups[4].labels == {
        **{"task": "star", "group": "q", "domain": OUT_OF_DOMAIN, "average": "items"}
    }


def test_tasks_of_all_cells_have_a_mean_of_their_own() -> None:
    both = [(cell, "ocr", "", "1", 1.0) for cell in "ab"]
    found = scores_of(tidy(*both, ("a", "count", "", "1", 1.0))).groups()
    assert [(g.task, g.members) for g in found[2:]] == [(IN_DOMAIN, (0, 1)), (SHARED, (0,))]
    assert [g.task for g in scores_of(tidy(*both)).groups()] == ["ocr", IN_DOMAIN]


def test_items_share_a_cluster_by_image_and_have_a_stratum_by_what_is_averaged() -> None:
    rows = [("a", "ocr", "x", str(k), 1.0) for k in range(4)] + [("a", "star", "p", "0", 1.0)]
    items = scores_of(tidy(*rows, image_id=["one", "one", "", None, "one"])).items
    assert items["cluster"].nunique() == 3  # an item without an image is its own
    assert len(set(items["cluster"].iloc[[0, 1, 4]])) == 1
    assert items["stratum"].tolist() == ["ocr"] * 4 + ["star/p"]


def test_adjusted_by_hand() -> None:
    scores = scores_of(
        tidy(*(("a", "ocr", "", str(k), s) for k, s in enumerate((1.0, 0.25, 0.0, 1.0)))).assign(
            chance=[0.25, 0.25, 0.25, 1.0]
        )
    )
    # (y - c) / (1 - c); with certain guessing there is nothing to score
    assert scores.adjusted().matrices()[0][:, 0] == pytest.approx([1, 0, -1 / 3, NAN], nan_ok=True)


def test_columns_in_the_place_of_cells_keep_the_items() -> None:
    scores = scores_of(tidy(*(("a", "ocr", "", str(k), 1.0) for k in range(3)), seed=[0, 1, 0]))
    columns = {"double": np.array([2.0, NAN, 2.0]), "none": np.zeros(3)}
    found = scores.with_columns([columns], np.array([True, True, False]))
    assert found.cells["cell"].tolist() == ["double", "none"]
    assert found.matrices()[0][:, 0] == pytest.approx(columns["double"], nan_ok=True)
    assert found.planned.tolist() == [[True, True], [True, True], [False, False]]
    assert found.items is scores.items
    assert found.by_seed is None  # the columns are of all seeds together
    twice = scores.with_columns(
        [columns, {k: 3 * v for k, v in columns.items()}], found.planned[:, 0]
    )
    assert twice.matrices()[1][:, 0] == pytest.approx([6, NAN, 6], nan_ok=True)
    assert twice.matrices()[0] == pytest.approx(found.matrices()[0], nan_ok=True)
    assert np.take(twice.values, 0, axis=1) == pytest.approx([4, NAN, 4], nan_ok=True)


def test_missing_text_is_none_and_the_rest_stays() -> None:
    table = pd.DataFrame({"why": ["few", NAN], "n": [1.0, NAN]})
    found = none_where_missing(table, ["why"])
    assert found["why"].tolist() == ["few", None]
    assert np.isnan(found["n"].iloc[1])
    assert table["why"].isna().iloc[1]  # the table given is not written to


def test_no_rows_and_a_missing_column() -> None:
    frame = tidy(("a", "ocr", "", "1", 1.0))
    empty = scores_of(frame.iloc[:0])
    assert (empty.planned.shape, empty.groups()) == ((0, 0), [])
    with pytest.raises(ValueError, match="The table has no column 'score'; read it with"):
        scores_of(frame.drop(columns="score"))
