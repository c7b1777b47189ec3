"""Parts of a store that other tools have written or changed count as they should, or are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from suite.store import Answered, Shelf, Store
from tests.suite.test_store import FINGERPRINT, parts_of, row

Change = Callable[[pa.Table, Path], Any]


def with_a_part_before(
    folder: Path, change: Change
) -> tuple[list[Answered], Path, Shelf, list[str]]:
    """Two rows in a part, and a changed copy of it that counts before it, by its name: the rows,
    the copy, the shelf as it is opened then, and what is said of it."""
    rows = [row("a", "A"), row("b", "B")]
    Store(folder, run="r").shelf(FINGERPRINT).commit(rows)
    (good,) = parts_of(folder)
    bad = good.with_name("0" * 32 + ".parquet")
    change(pq.read_table(good), bad)
    said: list[str] = []
    return rows, bad, Store(folder, say=said.append).shelf(FINGERPRINT), said


def column(name: str, values: list[Any], kind: pa.DataType | None = None) -> Change:
    """Writes the part with other values in a column."""

    def change(table: pa.Table, path: Path) -> None:
        at = table.column_names.index(name)
        pq.write_table(table.set_column(at, name, pa.array(values, kind)), path)

    return change


def as_polars_writes(table: pa.Table, path: Path) -> None:
    """Writes every text as large_string."""
    kinds = [pa.large_string() if f.type == pa.string() else f.type for f in table.schema]
    schema = pa.schema(list(zip(table.column_names, kinds)), table.schema.metadata)
    pq.write_table(table.cast(schema), path)


def as_r_writes(table: pa.Table, path: Path) -> None:
    """Writes the texts as factors."""
    at = table.column_names.index("text")
    pq.write_table(table.set_column(at, "text", table["text"].dictionary_encode()), path)


def with_a_note(table: pa.Table, path: Path) -> None:
    """Writes the columns in another order, beside one of somebody's own."""
    names = sorted(table.column_names, reverse=True)
    table = table.select(names).append_column("note", pa.array(["checked"] * len(table)))
    pq.write_table(table, path)


def answered_twice(table: pa.Table, path: Path) -> None:
    """Writes the rows of two runs in one part: a key has two answers."""
    at = table.column_names.index("text")
    other = table.set_column(at, "text", pa.array(["WRONG", "WRONG"]))
    pq.write_table(pa.concat_tables([other, table]), path)


def as_feather(table: pa.Table, path: Path) -> None:
    """Writes another format under the same name."""
    feather.write_feather(table, str(path))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (as_polars_writes, False),
        (as_r_writes, False),
        (with_a_note, False),
        (column("generated_tokens", [3.0, 3.5]), True),
        (column("generated_tokens", [3, None], pa.int64()), True),
        (column("text", [["WRONG"], ["WRONG"]]), True),
        (column("error", ["", ""]), True),
        (column("prompt_tokens", [2**63, 2**63 + 1], pa.uint64()), True),
        (answered_twice, True),
        (as_feather, True),
    ],
)
def test_a_part_that_another_tool_wrote(tmp_path: Path, change: Change, named: bool) -> None:
    """It counts before the good one, by its name. What it says is the same, or it is named."""
    rows, bad, shelf, said = with_a_part_before(tmp_path, change)
    found = {key: stored.generation for key, stored in shelf.rows()}
    assert found == {line.key: line.generation for line in rows}
    assert len(said) <= 1
    assert all(line.startswith(f"Ignoring {bad}, which cannot be read (") for line in said)
    if named:
        assert len(said) == 1


Damage = Callable[[Path, Path], Any]


def failures_only(good: Path, bad: Path) -> None:
    """Another run failed where this one answered."""
    Store(bad.parents[2], run="s").shelf(FINGERPRINT).commit(
        [row("a", "", "no"), row("b", "", "no")]
    )
    (part,) = (part for part in parts_of(bad.parents[2]) if part != good)
    part.rename(bad)


def failures_with_text(good: Path, bad: Path) -> None:
    table = pq.read_table(good)
    table = table.set_column(table.column_names.index("text"), "text", pa.array(["WRONG"] * 2))
    at = table.column_names.index("error")
    pq.write_table(table.set_column(at, "error", pa.array(["out of memory"] * 2)), bad)


def of_another_model(good: Path, bad: Path) -> None:
    """Copied from the folder of another generator."""
    shelf = Store(bad.parents[2], run="r").shelf({"weights": "other"})
    shelf.commit([row("a", "WRONG"), row("b", "WRONG")])
    (part,) = (part for part in parts_of(bad.parents[2]) if part.parent != good.parent)
    part.rename(bad)


def through_pandas(good: Path, bad: Path) -> None:
    pq.read_table(good).to_pandas().set_index("key", drop=False).to_parquet(bad)


def wrong_tokens(kind: pa.DataType) -> Damage:
    def damage(good: Path, bad: Path) -> None:
        column("generated_tokens", [True, False] if kind == pa.bool_() else [3, 3], kind)(
            pq.read_table(good), bad
        )

    return damage


def nulls_in_structs(good: Path, bad: Path) -> None:
    column("thinking", [{"steps": None}, {"steps": ["WRONG"]}])(pq.read_table(good), bad)


def empty(good: Path, bad: Path) -> None:
    pq.write_table(pq.read_table(good).slice(0, 0), bad)


def blanked(good: Path, bad: Path) -> None:
    """A disk gave zeros for the middle of the file."""
    content = bytearray(good.read_bytes())
    content[4 : len(content) // 3] = bytes(len(content) // 3 - 4)
    bad.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        failures_only,
        failures_with_text,
        of_another_model,
        through_pandas,
        lambda good, bad: bad.write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        "),
        lambda good, bad: bad.symlink_to("/nowhere/part.parquet"),
        wrong_tokens(pa.bool_()),
        nulls_in_structs,
        empty,
        blanked,
    ],
    ids=["failures", "failures with text", "another model", "pandas", "AppleDouble", "link",
         "bool", "struct", "empty", "blanked"],
)  # fmt: skip
def test_a_part_of_a_lower_name_never_counts_before_a_true_row(
    tmp_path: Path, damage: Damage
) -> None:
    rows = [row("a", "A"), row("b", "B")]
    Store(tmp_path, run="r").shelf(FINGERPRINT).commit(rows)
    (good,) = parts_of(tmp_path)
    bad = good.with_name("0" * 32 + ".parquet")
    damage(good, bad)
    said: list[str] = []
    shelf = Store(tmp_path, say=said.append, run="r").shelf(FINGERPRINT)
    found = {key: stored.generation for key, stored in shelf.rows()}
    assert found == {line.key: line.generation for line in rows}
    assert len(said) <= 1
    assert all(line.startswith(f"Ignoring {bad}, which cannot be read (") for line in said)


def retold(table: pa.Table, path: Path) -> None:
    """Somebody tried other texts in a copy of the part."""
    column("text", ["WRONG", "WRONG"])(table, path)


def retold_elsewhere(table: pa.Table, path: Path) -> None:
    """In a tool that keeps no metadata."""
    retold(table.replace_schema_metadata(None), path)


def shifted(table: pa.Table, path: Path) -> None:
    """The column of texts was sorted, and the others were not."""
    column("text", ["B", "A"])(table, path)


def under_capital_keys(table: pa.Table, path: Path) -> None:
    column("key", ["A", "B"])(table.set_column(4, "text", pa.array(["WRONG"] * 2)), path)


def with_gzip(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="gzip", version="1.0", row_group_size=1)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (retold, False),
        (retold_elsewhere, False),
        (shifted, False),
        (under_capital_keys, False),
        (with_gzip, False),
        (column("text", [b"WRONG", b"WRONG"]), True),
        (column("finish_reason", ["STOP", "LENGTH"]), True),
        (column("generated_tokens", [2, 2], pa.decimal128(5, 0)), True),
        (column("seconds", [1, 2], pa.duration("s")), True),
        (column("error", ["nan", "nan"]), False),
    ],
)
def test_a_part_whose_values_were_changed_never_counts_before_a_true_row(
    tmp_path: Path, change: Change, named: bool
) -> None:
    rows, bad, shelf, said = with_a_part_before(tmp_path, change)
    found = {line.key: shelf.get(line.key) for line in rows}
    assert {k: stored and stored.generation for k, stored in found.items()} == {
        line.key: line.generation for line in rows
    }
    assert [line.startswith(f"Ignoring {bad}, which cannot be read (") for line in said] == (
        [True] * named
    )
