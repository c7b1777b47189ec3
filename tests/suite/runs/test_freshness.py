"""Stamps: outputs are current while they are made of the same, and every file is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.errors import SuiteError
from suite.runs import freshness


def test_is_current_needs_the_digest_and_every_file(tmp_path: Path) -> None:
    files = [tmp_path / "a.csv", tmp_path / "inside" / "b.png"]
    files[1].parent.mkdir()
    for path in files:
        path.write_text("x")
    assert not freshness.is_current(tmp_path, "1")
    freshness.put(tmp_path, "1", files)
    assert freshness.is_current(tmp_path, "1")
    assert not freshness.is_current(tmp_path, "2")
    files[1].unlink()
    assert not freshness.is_current(tmp_path, "1")
    assert freshness.is_current(tmp_path, "1", ["a.csv"])
    assert not freshness.is_current(tmp_path, "1", ["inside/b.png"])


@pytest.mark.parametrize("stamp", [b"", b"\xff", b"1 of another version"])
def test_a_stamp_that_says_nothing_makes_nothing_current(tmp_path: Path, stamp: bytes) -> None:
    (tmp_path / ".made-of").write_bytes(stamp)
    assert not freshness.is_current(tmp_path, "1", [])


def test_digest_of_changes_with_the_records(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"it has no records\.parquet"):
        freshness.digest_of(tmp_path)
    found = set()
    for content in ("a", "b", "a"):
        (tmp_path / "records.parquet").write_text(content)
        found.add(freshness.digest_of(tmp_path))
    assert len(found) == 2


def test_source_digest_is_of_contents_in_the_order_of_the_names(tmp_path: Path) -> None:
    first, second = tmp_path / "a.py", tmp_path / "b.py"
    first.write_text("1")
    second.write_text("2")
    before = freshness.source_digest([second, first, tmp_path / "absent.py"])
    assert before == freshness.source_digest([first, second])
    first.write_text("2")
    second.write_text("1")
    assert before != freshness.source_digest([first, second])
