"""Freshness: what is made again when code, answers or records change, and what is not.

In: stamps, a stored walk, copies of the source. Out: which digests change.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from suite.base.files import PACKAGE
from suite.errors import SuiteError
from suite.runs import freshness
from tests.suite.world import finish, walk_in


def test_is_current_needs_the_digest_and_every_file(tmp_path: Path) -> None:
    files = [tmp_path / "a.csv", tmp_path / "inside" / "b.png"]
    files[1].parent.mkdir()
    for path in files:
        path.write_text("x")
    assert not freshness.is_current(tmp_path, "1")
    freshness.put(tmp_path, "1", files)
    assert freshness.is_current(tmp_path, "1")
    assert not freshness.is_current(tmp_path, "2")
    files[1].write_text("y")
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


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the source that the digests are taken of, free to be changed."""
    for name in ("suite", "analyses"):
        shutil.copytree(
            PACKAGE.parent / name,
            tmp_path / "source" / name,
            ignore=shutil.ignore_patterns("families", "__pycache__", "*.csv"),
        )
    monkeypatch.setattr(freshness, "PACKAGE", tmp_path / "source" / "suite")
    return tmp_path / "source"


def test_a_change_of_any_file_that_reads_answers_makes_the_records_anew(
    tmp_path: Path, source: Path
) -> None:
    walk = walk_in(tmp_path)
    finish(walk)
    files = [*(source / "suite/answers").rglob("*.py"), source / "suite/runs/records.py"]
    files += [source / "suite/items/item.py", source / "analyses/columns.py"]
    assert len(files) > 15
    digests = [freshness.records_digest(walk)]
    for path in files:
        path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
        digests.append(freshness.records_digest(walk))
    assert len(set(digests)) == len(files) + 1
    other = source / "suite/runs/status.py"
    other.write_text("")
    assert freshness.records_digest(walk) == digests[-1]


def test_a_change_of_any_file_that_draws_makes_the_drawings_anew(source: Path) -> None:
    rooms = ("analyses", "suite/report", "suite/runs")
    files = [path for room in rooms for path in (source / room).rglob("*.*")]
    assert {path.suffix for path in files} == {".py", ".jinja", ".css", ".js"}
    digests = [freshness.drawing_digest("records")]
    for path in files:
        path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
        digests.append(freshness.drawing_digest("records"))
    assert len(set(digests)) == len(files) + 1
    (source / "suite/cli/run.py").write_text("")
    assert freshness.drawing_digest("records") == digests[-1]
    assert freshness.drawing_digest("other records") != digests[-1]
