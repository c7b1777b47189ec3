"""Rows that a task makes of its true schema, for a rehearsal without its data.

In: a TaskInfo. Out: a JSONL file in the user's cache folder, its pictures beside it, to be read as
a local copy of the task's data. Nothing is asked of sense.
"""

from __future__ import annotations

import json
from pathlib import Path

from suite.base.files import cache_folder, whole
from suite.base.json_values import json_hash
from suite.errors import DataError
from suite.items.item import image_hash
from suite.items.lmms_task import fetch_hint
from suite.items.tasks import TaskInfo

EACH = 4
"""Rows of each category where no limit says how many."""


def made_data(info: TaskInfo, each: int | None = None) -> Path:
    """Gives a file of `each` made rows of every category of a task; DataError where it makes
    none."""
    make = info.function("made_rows")
    if make is None:
        raise DataError(
            f"Task {info.name} has no data here and makes none (`metadata.made_rows`); "
            + fetch_hint(info)
        )
    rows = make(each or EACH)
    pictures: dict[str, bytes] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, bytes):
                place = f"pictures/{image_hash(value)}.png"
                pictures[place], row[name] = value, place
    folder = cache_folder() / "made" / f"{info.name}-{json_hash(rows)[:16]}"
    if not folder.is_dir():
        try:
            with whole(folder) as part:
                (part / "pictures").mkdir(parents=True)
                for place, content in pictures.items():
                    (part / place).write_bytes(content)
                lines = "".join(json.dumps(row) + "\n" for row in rows)
                (part / "rows.jsonl").write_text(lines, encoding="utf-8")
        except OSError:
            if not folder.is_dir():  # another process has made it meanwhile
                raise
    return folder / "rows.jsonl"
