"""Items: which ones a limit takes, their rows and clusters, and what cannot be an item.

In: small copies of a benchmark. Out: items, or one sentence.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.items.item import Item, cluster_id
from suite.items.load import load_items
from tests.suite.item_files import message
from tests.tasks.files import mmstar_row, write_parquet


def test_limit_takes_the_first_of_each_category(parquet: Path, tmp_path: Path) -> None:
    limited = load_items("mmstar", data=str(parquet), limit=1, cache_dir=tmp_path / "a")
    assert [item.item_id for item in limited.items] == ["0", "2"]
    assert set(limited.image_bytes) == {name for item in limited.items for name in item.images}
    whole = load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "b")
    from_whole = load_items("mmstar", data=str(parquet), limit=1, cache_dir=tmp_path / "b")
    assert from_whole == limited
    assert whole.items[0] == limited.items[0]
    assert len(list((tmp_path / "b").rglob("*.parquet"))) == 1  # no second copy for the limit


def test_a_generated_task_draws_no_more_than_the_limit(tmp_path: Path) -> None:
    three = load_items("micro_counting", limit=3, cache_dir=tmp_path)
    two = load_items("micro_counting", limit=2, cache_dir=tmp_path / "other")
    assert len(three.items) == 3
    assert two.items == three.items[:2]
    assert all(item.gold_description and item.images for item in three.items)


def test_items_know_their_row_in_the_data(parquet: Path, tmp_path: Path) -> None:
    whole = load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "a")
    limited = load_items("mmstar", data=str(parquet), limit=1, cache_dir=tmp_path / "b")
    again = load_items("mmstar", data=str(parquet), limit=1, cache_dir=tmp_path / "b")
    assert [item.row for item in whole.items] == list(range(len(whole.items)))
    assert [item.row for item in limited.items] == [item.row for item in again.items] == [0, 2]


def test_clusters() -> None:
    assert cluster_id("t", "1", ("a", "b")) == cluster_id("u", "2", ("a", "b"))
    assert cluster_id("t", "1", ("a", "b")) != cluster_id("t", "1", ("b", "a"))
    assert cluster_id("t", "1", ()) != cluster_id("t", "2", ())


def test_fillers_are_no_options_to_guess() -> None:
    item = Item("t", "0", "?", ("x", "y", "nan", "nan"), "A", "", (), "c", fillers=2)
    assert item.chance == 0.5


def test_two_rows_with_one_id(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "val.parquet", [mmstar_row(1), mmstar_row(1)], "image")
    assert message("mmstar", cache=tmp_path / "c", data=str(path)) == (
        "Two rows of mmstar have the id '1': each needs its own."
    )


@pytest.mark.parametrize("answer", ["E", "AB", "B."])
def test_answer_that_is_no_option(tmp_path: Path, answer: str) -> None:
    path = write_parquet(tmp_path / "val.parquet", [mmstar_row(1, answer=answer)], "image")
    assert message("mmstar", cache=tmp_path / "c", data=str(path)) == (
        f"Item 1 of mmstar has the answer {answer!r} and 4 options: the answer must be the letter "
        "of one of them."
    )


def test_answer_that_is_none(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "val.parquet", [mmstar_row(1, answer="")], "image")
    said = message("mmstar", cache=tmp_path / "c", data=str(path))
    assert said.startswith(f"Row 0 of {path}: the item that ")
    assert said.endswith("mmstar.yaml makes has no 'answer'.")


def test_unknown_task_suggests_near_ones(tmp_path: Path) -> None:
    assert message("mmstr", cache=tmp_path).startswith(
        "There is no task 'mmstr': did you mean mmstar"
    )


def test_limit_of_nothing(tmp_path: Path) -> None:
    assert "limit=0 leaves no items of mmstar" in message("mmstar", cache=tmp_path, limit=0)
