"""Conversations about images, in the form of LLaVA's data.

In: a JSON list, JSONL, Parquet or Arrow file, or a folder of a Hugging Face data set, with `image`,
`conversations` (turns of `human` and `gpt` by turns) and best `id`. Out: a Source: Conversations
with their pairs of question and answer, and what is wrong with a row that is none. Images that
stand in the rows are written beside the results; no image is decoded here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from suite.base.files import user_path, write_whole
from suite.base.keyed_texts import key_text
from suite.base.row_files import check_parquet, read_rows
from suite.errors import SuiteError, reason_of, shown
from suite.items.cache import data_files
from suite.items.item import image_hash
from suite.items.rows import told_splits
from suite.models.transformers.onevision import MARK
from suite.training.vlm.data import turns_of
from tasks.choice import is_empty

EMBEDDED = "images"
"""Folder of the results in which images are written that stand in the rows themselves."""
TEXTS = "texts"
"""Folder of the results for conversations that are drawn, and texts that exist already."""
READ_TOGETHER = 64
"""Rows of a Parquet file in memory at once: they may hold images."""


@dataclass(frozen=True)
class Conversation:
    """What is said about one image."""

    id: str
    """As in the file, the row's number from 0 where it has none; unique, by a `#2` where needed."""
    image: str
    """Path of the image as the row has it, or in EMBEDDED."""
    embedded: bool
    """Whether the path leads from the folder of the results."""
    pairs: tuple[tuple[str, str], ...]
    """Questions and answers, without image marks; empty where `fault` says why."""
    fault: str | None = None
    """What is wrong with the row, where it is no conversation."""
    repeats: str | None = None
    """The id of an earlier row, where this one's own is the same."""

    @property
    def questions(self) -> str:
        """All questions, a line each, as the contents to observe are asked for."""
        return "\n".join(question for question, _ in self.pairs)

    @property
    def pair_text(self) -> str:
        """The numbered pairs, as the statements are asked for."""
        several = len(self.pairs) > 1
        listed = [
            f"Question{f' {n}' if several else ''}: {question}\n"
            f"Answer{f' {n}' if several else ''}: {answer}"
            for n, (question, answer) in enumerate(self.pairs, 1)
        ]
        return "\n\n".join([f"{len(listed)} pairs:", *listed] if several else listed)


@dataclass(frozen=True)
class Source:
    """The conversations of a file, in its order."""

    conversations: tuple[Conversation, ...]
    without_image: int
    """Rows that show no image; they are left out."""


def read_conversations(path: Path, out: Path, limit: int | None = None) -> Source:
    """Reads the first `limit` conversations that have an image, of a file or folder.

    out: folder of the results, for images that stand in the rows. A row that is no conversation is
    one with a `fault`. Raises SuiteError where the file cannot be read or holds none at all.
    """
    found: list[Conversation] = []
    seen: dict[str, int] = {}
    columns: dict[str, None] = {}
    without = 0
    for number, cells in enumerate(_rows(path)):
        columns |= dict.fromkeys(cells)
        if limit is not None and len(found) == limit:
            break
        if is_empty(cells.get("image")) or cells["image"] == []:
            without += 1
            continue
        id = key_text(_plain(cells.get("id"))) or str(number)
        unique = _unique(id, seen)
        found.append(_conversation(unique, cells, out, None if unique == id else id))
    if "conversations" not in columns or not found:
        lacks = "`conversations`" if "conversations" not in columns else "an image in some row"
        raise SuiteError(
            f"{path} holds no conversations about images: it has "
            f"{'the columns ' + ', '.join(columns) if columns else 'no rows'} and needs {lacks}; "
            'give rows such as {"id": "1", "image": "a.jpg", "conversations": [{"from": "human", '
            '"value": "<image>\\nWhat is it?"}, {"from": "gpt", "value": "A dog."}]}.'
        )
    return Source(tuple(found), without)


def _unique(id: str, seen: dict[str, int]) -> str:
    """The id, or where it was seen `id#2`, `id#3`, ...; counts it."""
    unique = id
    while unique in seen:
        seen[id] += 1
        unique = f"{id}#{seen[id]}"
    seen[unique] = 1
    return unique


def _plain(value: Any) -> Any:
    return None if isinstance(value, (list, dict, bytes)) else value


def _conversation(
    id: str, cells: Mapping[str, Any], out: Path, repeats: str | None
) -> Conversation:
    image, embedded, fault = "", False, None
    pairs: tuple[tuple[str, str], ...] = ()
    try:
        image, embedded = _image(cells["image"], out)
        pairs = _pairs(cells.get("conversations"))
    except ValueError as error:
        fault = f"it {error}"
    return Conversation(id, image, embedded, pairs, fault, repeats)


def _image(value: Any, out: Path) -> tuple[str, bool]:
    """The path of a row's image, and whether it leads from the results, where it was written."""
    if isinstance(value, (list, tuple)):
        if len(value) != 1:
            raise ValueError(f"has {len(value)} images, and one is described")
        return _image(value[0], out)
    data = value.get("bytes") if isinstance(value, Mapping) else value
    if data is None and isinstance(value, Mapping):
        data = value.get("path")
    if isinstance(data, str) and data:
        return str(data), False
    if not isinstance(data, bytes):
        raise ValueError(f"has the `image` {shown(value)}, neither a path nor an image")
    kinds = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpg"}
    kind = next((kind for start, kind in kinds.items() if data.startswith(start)), "img")
    name = f"{EMBEDDED}/{image_hash(data)[:32]}.{kind}"
    if not (out / name).is_file():
        write_whole(out / name, data)
    return name, True


def _pairs(given: Any) -> tuple[tuple[str, str], ...]:
    """Questions and answers of a conversation; ValueError where it is none."""
    said = [text.replace(MARK, "").strip() for role, text in turns_of(given) if role != "system"]
    return tuple(zip(said[::2], said[1::2]))


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a file or of the files of a folder."""
    path = user_path(path)
    if not path.exists():
        raise SuiteError(
            f"There is no file {path}: give conversations as JSON, JSONL, Parquet, or a folder of "
            "a Hugging Face data set."
        )
    for file in _files(path):
        try:
            yield from _of_file(file)
        except (ValueError, OSError) as error:
            raise SuiteError(
                f"The conversations in {file} cannot be read: {reason_of(error)}."
            ) from error


def _files(path: Path) -> Sequence[Path]:
    if path.is_file():
        return [path]
    found = data_files(path)
    # Arrow before JSON, in which `Dataset.save_to_disk` describes the files beside it.
    for suffixes in ((".parquet",), (".arrow",), (".jsonl", ".json")):
        rows = [file for file in found if file.suffix.lower() in suffixes]
        splits = told_splits(path, rows)
        if len(splits) > 1:
            raise SuiteError(
                f"The folder {path} holds files of {', '.join(splits)}: name the file or folder of "
                "one split."
            )
        if rows:
            return rows
    raise SuiteError(f"The folder {path} holds no Parquet, Arrow, JSONL or JSON file of rows.")


def _of_file(file: Path) -> Iterable[Mapping[str, Any]]:
    suffix = file.suffix.lower()
    if suffix not in (".parquet", ".arrow"):
        return (row.cells for row in read_rows(file))
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if suffix == ".parquet":
            check_parquet(file)
            batches = pq.ParquetFile(file).iter_batches(batch_size=READ_TOGETHER)
        else:
            batches = iter(pa.ipc.open_stream(pa.memory_map(str(file))))
    except pa.ArrowException as error:
        raise ValueError(reason_of(error)) from error
    small = (part for batch in batches for part in _parts(batch))
    return chain.from_iterable(part.to_pylist() for part in small)


def _parts(batch: Any) -> Iterator[Any]:
    return (batch.slice(at, READ_TOGETHER) for at in range(0, batch.num_rows, READ_TOGETHER))
