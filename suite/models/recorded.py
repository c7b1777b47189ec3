"""Texts that exist already, in place of a model: a contents-to-observe list, someone's captions.

In: a JSON file (index -> text), or a JSONL, CSV or Parquet file with `item_id` (or `index`) and
`text`, and `task` where it holds several. Out: Generations with those texts; an item without one
(no row, null, a blank cell of a table) is a failed row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from suite.base.keyed_texts import ByKey, key_text, read_texts, whole_number
from suite.errors import SuiteError, Unfinished
from suite.items.tasks import PREFIX
from suite.models.fingerprint import content_hash, has_changed, mark
from suite.models.spec import ModelSpec, Role
from suite.requests import Generation, ImageLoader, Request


def recorded_identity(
    spec: ModelSpec, role: Role, dtype: str = "auto", device: str = "auto"
) -> dict[str, Any]:
    """Gives the fingerprint of a file of texts: its content. SuiteError for one that is not
    there."""
    path = Path(spec.source)
    if not path.is_file():
        what = (
            "is a folder; name a file in it" if path.is_dir() else "does not exist; check the path"
        )
        raise SuiteError(f"The file of recorded texts {path} {what}.")
    return {"generator": "recorded", "content": content_hash(path)}


class RecordedGenerator:
    """Answers each request with the text recorded for its item."""

    batches_of = 4096

    def __init__(self, spec: ModelSpec, role: Role = "text", **settings: Any) -> None:
        """Reads the file that is the spec's `path`; nothing else changes what it holds."""
        self.path = Path(spec.source)
        self._fingerprint = recorded_identity(spec, role)
        before = mark(self.path)
        self._texts = _read(self.path)  # what was read may be what stood there in between
        if recorded_identity(spec, role) != self._fingerprint or mark(self.path) != before:
            raise Unfinished(has_changed(f"The file of recorded texts {self.path}"))

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Hash of the file's content."""
        return self._fingerprint

    def generate(self, requests: Sequence[Request], images: ImageLoader) -> Iterator[Generation]:
        """Gives one Generation per request, in order; `error` where the file has no text for the
        item."""
        for request in requests:
            of_tasks = [self._texts[name] for name in (request.task, "") if name in self._texts]
            found = (texts.get(request.item_id) for texts in of_tasks)
            text = next((text for text in found if text is not None), None)
            if text is None:
                yield Generation(error=f"{self.path} has no text for item {request.item_id}.")
            else:
                yield Generation(text=text, finish_reason="stop")


def _read(path: Path) -> dict[str, ByKey[str]]:
    """Task, or empty for all -> the texts of its items."""
    texts: dict[str, dict[str, str]] = {}
    seen: dict[tuple[str, str], str] = {}
    for row in read_texts(path, "text", "recorded texts", bare=True):
        if row.text is None:
            continue
        task = (key_text(row.cells.get("task")) or "").removeprefix(PREFIX)
        before = seen.setdefault((task, whole_number(row.key)), row.place)
        if before != row.place:
            raise SuiteError(
                f"Item {row.key} stands twice in {path}, in {before} and {row.place}; leave one "
                "row for each item."
            )
        texts.setdefault(task, {})[row.key] = row.text
    return {task: ByKey(found.items()) for task, found in texts.items()}
