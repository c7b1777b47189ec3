"""The item cache: read instead of the source, and never where the source has changed.

In: a copy of a benchmark and a cache folder. Out: items, and which files were written.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from suite.items.cache import ItemCache, source_key
from suite.items.item import ItemSet
from suite.items.load import cached_items, load_items
from suite.items.tasks import get_task
from tests.house import ROOT
from tests.tasks.files import mmstar_row, write_parquet


def test_reads_once_and_then_from_the_cache(parquet: Path, tmp_path: Path) -> None:
    first = load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "cache")
    stored = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.parquet")}
    again = load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "cache")
    assert again == first
    assert len(stored) == 1
    assert {path: path.stat().st_mtime_ns for path in stored} == stored


def test_items_are_read_without_any_image(parquet: Path, tmp_path: Path) -> None:
    where = {"data": str(parquet), "cache_dir": tmp_path / "cache"}
    first = load_items("mmstar", **where)  # type: ignore[arg-type]
    again = cached_items("mmstar", images_of=[], **where)  # type: ignore[arg-type]
    assert again is not None
    assert (again.items, again.image_bytes) == (first.items, {})


def test_the_part_of_a_category_is_kept_and_older_files_have_none(
    parquet: Path, tmp_path: Path
) -> None:
    first = load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "cache")
    assert {item.subcategory for item in first.items} == {"geometry"}
    (path,) = (tmp_path / "cache").rglob("*.parquet")
    table = pq.read_table(path)
    pq.write_table(table.drop_columns("subcategory"), path)
    again = load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "cache")
    assert {item.subcategory for item in again.items} == {""}
    assert "subcategory" not in repr(again.items[0])  # what a run stands on is as before


def test_the_cache_is_read_without_lmms_eval_or_torch(parquet: Path, tmp_path: Path) -> None:
    load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "cache")
    code = (
        "import sys\n"
        "from suite.items.load import cached_items, load_items\n"
        "from suite.items.tasks import declared_n, list_tasks\n"
        f"copy, cache = {str(parquet)!r}, {str(tmp_path / 'cache')!r}\n"
        "items = load_items('mmstar', data=copy, cache_dir=cache)\n"
        "list_tasks(), declared_n('mmstar')\n"
        "from suite.answers.score import lmms_score\n"
        "assert lmms_score(items.items[0], 'B') == 1.0\n"
        "heavy = {'torch', 'lmms_eval', 'datasets', 'transformers'} & set(sys.modules)\n"
        "print(len(items.items), sorted(heavy))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == "5 []"


def test_other_content_under_the_same_name_is_read_again(parquet: Path, tmp_path: Path) -> None:
    load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "cache")
    write_parquet(parquet, [mmstar_row(9)], "image")
    items = load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "cache")
    assert [item.item_id for item in items.items] == ["9"]


def test_a_larger_limit_serves_a_smaller_one(parquet: Path, tmp_path: Path) -> None:
    load_items("mmstar", data=str(parquet), limit=2, cache_dir=tmp_path)
    info = get_task("mmstar")
    found = ItemCache(tmp_path).read("mmstar", source_key(info, parquet.resolve()), 1)
    assert found is not None
    assert [item.item_id for item in found.items] == ["0", "2"]
    assert ItemCache(tmp_path).read("mmstar", source_key(info, parquet.resolve()), 3) is None


def test_a_broken_cache_file_is_read_again(parquet: Path, tmp_path: Path) -> None:
    first = load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "cache")
    for path in (tmp_path / "cache").rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[:100])
    assert load_items("mmstar", data=str(parquet), cache_dir=tmp_path / "cache") == first


def test_an_unwritable_cache_does_not_stop_a_run(tmp_path: Path) -> None:
    (tmp_path / "items").write_text("a file where the folder should be")
    ItemCache(tmp_path).write(ItemSet("t", (), {}), "key", None)
    assert ItemCache(tmp_path).read("t", "key", None) is None


@pytest.mark.parametrize("other", ["lmms_eval-mmstar", "lmms-mmstar", "lmms_eval_mmstar", "mmstar"])
def test_no_two_tasks_share_a_file(tmp_path: Path, other: str) -> None:
    cache = ItemCache(tmp_path)
    assert cache._path("lmms_eval/mmstar", "k", None) != cache._path(other, "k", None)


def test_no_two_limits_share_a_file(tmp_path: Path) -> None:
    cache = ItemCache(tmp_path)
    asked = [
        ("a", "k", 2),
        ("a-2", "k", None),
        ("a", "k-2", None),
        ("a", "k", None),
        ("a-k", "2", 2),
    ]
    assert len({cache._path(*one) for one in asked}) == len(asked)
