"""Writes rows of training data as LLaVA's JSON and as a Hugging Face data set.

In: what a run made. Out: train.json (id, image, conversations) and data/train-*.parquet with the
same rows and the images in them, which `datasets.load_dataset(FOLDER)` reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from suite.base.files import whole, write_changed
from suite.base.json_values import read_json
from suite.errors import SuiteError
from suite.extraction.conversations import TEXTS
from suite.extraction.pictures import file_of
from suite.extraction.rows import Made, Row
from suite.items.item import Item
from suite.models.transformers.onevision import MARK

SHARD_BYTES = 256 << 20
"""Bytes of images in a file of the data set."""
REPORT = "report.json"
FILES = (REPORT, "report.html", "train.json")
DATA = "data"
"""Folder of the data set's files."""
GROUP = 64
"""Rows that are written together."""


def check_folder(out: Path, *read: Path) -> None:
    """Raises SuiteError where writing into a folder would lose what is read or what somebody else
    wrote. The report is the first that a run writes of its results, and tells whose they are."""
    folder = out.resolve()
    for path in read:
        place = path.resolve()
        own = place in (folder, *(folder / name for name in (*FILES, TEXTS)))
        if own or place.is_relative_to(folder / DATA) or folder.is_relative_to(place):
            raise SuiteError(
                f"--out {out} would be written over {path}, which is read; choose another folder."
            )
    found = [name for name in (*FILES, DATA) if (out / name).exists()]
    if found and not _is_ours(out / REPORT):
        raise SuiteError(
            f"--out {out} holds {found[0]}, which no run of extract-data has written; choose "
            "another folder."
        )


def _is_ours(path: Path) -> bool:
    try:
        return {"conversations", "kept", "settings"} <= set(read_json(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return False


def write(made: Made) -> None:
    """Writes the kept rows; equal rows give equal files, and files of other rows are removed."""
    rows = [row for row in made.rows if row.kept]
    texts = [json.dumps(as_llava(row, made), ensure_ascii=False) for row in rows]
    write_changed(made.out / "train.json", "[\n" + ",\n".join(texts) + "\n]\n")
    shards = _shards(rows, made)
    names = [f"train-{n:05}-of-{len(shards):05}.parquet" for n in range(len(shards))]
    for name, shard in zip(names, shards):
        with whole(made.out / DATA / name) as path:
            _write_shard(path, shard, made)
    for old in (made.out / DATA).glob("*.parquet"):
        if old.name not in names:
            old.unlink()


def as_llava(row: Row, made: Made) -> dict[str, Any]:
    """Gives a row of training data: image and perceive prompt, then the description."""
    one = row.conversation
    item = Item("extract", one.id, "", (), "", "", (), "")
    messages = made.prompts.render("perceive", item, row.texts["contents"].text)
    turns = [{"from": "system", "value": message.text} for message in messages[:-1]]
    turns += [
        {"from": "human", "value": f"{MARK}\n{messages[-1].text}"},
        {"from": "gpt", "value": row.texts["description"].text.strip()},
    ]
    return {"id": one.id, "image": one.image, "conversations": turns}


def image_file(row: Row, made: Made) -> Path:
    """Gives the file of a row's image."""
    folder = made.out if row.conversation.embedded else made.images
    path = file_of((folder, row.conversation.image))
    assert path is not None  # it was checked
    return path


def _shards(rows: Iterable[Row], made: Made) -> list[list[Row]]:
    """The rows in parts of about SHARD_BYTES; one without rows where there are none."""
    shards: list[list[Row]] = [[]]
    size = 0
    for row in rows:
        own = image_file(row, made).stat().st_size
        if shards[-1] and size + own > SHARD_BYTES:
            shards.append([])
            size = 0
        shards[-1].append(row)
        size += own
    return shards


def _write_shard(path: Path, rows: list[Row], made: Made) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import Features, Image, List, Value

    text = Value("string")
    columns = {"id": text, "image": Image(), "conversations": List({"from": text, "value": text})}
    schema = Features(columns).arrow_schema
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, len(rows), GROUP):
            group = [_as_dataset(row, made) for row in rows[start : start + GROUP]]
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


def _as_dataset(row: Row, made: Made) -> dict[str, Any]:
    image = {"bytes": image_file(row, made).read_bytes(), "path": row.conversation.image}
    return {**as_llava(row, made), "image": image}
