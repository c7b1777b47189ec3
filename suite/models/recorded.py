"""Texts that exist already, in place of a model: a contents-to-observe list, someone's captions.

In: a JSON file (index -> text), or a JSONL, CSV or Parquet file with `item_id` (or `index`) and
`text`, and `task` where it holds several. Out: Generations with those texts; an item without one is
a failed row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from suite.base import row_files
from suite.errors import SuiteError
from suite.models.fingerprint import content_hash
from suite.models.spec import ModelSpec, Role
from suite.requests import Generation, ImageLoader, Request


def recorded_identity(
    spec: ModelSpec, role: Role, dtype: str = "auto", device: str = "auto"
) -> dict[str, Any]:
    """Gives the fingerprint of a file of texts: its content. SuiteError for one that is not
    there."""
    path = Path(spec.source)
    if not path.is_file():
        raise SuiteError(f"The file of recorded texts {path} does not exist; check the path.")
    return {"generator": "recorded", "content": content_hash(path)}


class RecordedGenerator:
    """Answers each request with the text recorded for its item."""

    batches_of = 4096

    def __init__(self, spec: ModelSpec, role: Role = "text", **settings: Any) -> None:
        """Reads the file that is the spec's `path`; nothing else changes what it holds."""
        self.path = Path(spec.source)
        self._fingerprint = recorded_identity(spec, role)
        self._texts = _read(self.path)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Hash of the file's content."""
        return self._fingerprint

    def generate(self, requests: Sequence[Request], images: ImageLoader) -> Iterator[Generation]:
        """Gives one Generation per request, in order; `error` where the file has no text for the
        item."""
        for request in requests:
            text = self._texts.get((request.task, request.item_id))
            if text is None:
                text = self._texts.get(("", request.item_id))
            if text is None:
                yield Generation(error=f"{self.path} has no text for item {request.item_id}.")
            else:
                yield Generation(text=text, finish_reason="stop")


def _read(path: Path) -> dict[tuple[str, str], str]:
    """(task or empty, item id) -> text."""
    try:
        rows = row_files.read_rows(path, "text", bare=True)
        if not rows:
            raise ValueError("it holds no rows")
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise SuiteError(f"The file of recorded texts {path} cannot be read: {reason}.") from error
    return _index(rows, path)


def _index(rows: list[Mapping[str, Any]], path: Path) -> dict[tuple[str, str], str]:
    texts: dict[tuple[str, str], str] = {}
    for number, row in enumerate(rows):
        item = row.get("item_id", row.get("index"))
        if item in (None, "") or not isinstance(row.get("text"), str):
            raise SuiteError(
                f"Row {number} of {path} has no `item_id` (or `index`) or no `text`; "
                "each row needs both."
            )
        key = (str(row.get("task") or ""), str(item))
        if key in texts:
            raise SuiteError(f"Item {item} stands twice in {path}; leave one row for each item.")
        # JSON can hold half of a character of two (an emoji that was cut), which no file can.
        texts[key] = row["text"].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return texts
