"""A task that a person writes: CONTRIBUTING's own, its rows and pictures, and changes of it.

In: a folder, rows, changed keys. Out: the task's files in it, or the one sentence of an error.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from suite.errors import SuiteError
from suite.items.load import load_items
from tests.house import ROOT
from tests.tasks.files import png

CONTRIBUTING = ROOT / "CONTRIBUTING.md"
COLOURS = {"red": (220, 30, 30), "green": (30, 160, 60), "blue": (30, 60, 220)}
ROWS = [
    {
        "question": "What colour is the picture?",
        "options": list(COLOURS),
        "answer": "ABC"[index % 3],
        "image": f"pictures/{index}.png",
        "category": ("first", "second")[index // 3],
    }
    for index in range(6)
]


def documented(start: str) -> str:
    """The YAML of CONTRIBUTING that starts with `start`."""
    blocks = CONTRIBUTING.read_text(encoding="utf-8").split("```yaml\n")[1:]
    return next(block.split("```")[0] for block in blocks if block.startswith(start))


STUDY = documented("study: shapes")


def write(folder: Path, rows: list[dict[str, Any]] = ROWS, **metadata: Any) -> dict[str, Any]:
    """CONTRIBUTING's task with its rows and pictures; `metadata` changes keys, None removes one."""
    content: dict[str, Any] = yaml.load(
        documented("task: downscaling_shapes").replace("!function ", ""), Loader=yaml.SafeLoader
    )
    pictures = folder / "shapes" / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for index, colour in enumerate([*COLOURS.values()] * 2):
        (pictures / f"{index}.png").write_bytes(png(colour))
    (pictures.parent / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    content["metadata"] |= metadata
    save(folder, content)
    return content


def save(folder: Path, content: dict[str, Any]) -> None:
    """The task's YAML; what names a function is marked as one."""
    content = {**content, "metadata": drop_none(content["metadata"])}
    text = yaml.safe_dump(drop_none(content), sort_keys=False)
    text = text.replace(": tasks.rows.", ": !function tasks.rows.")
    (folder / "shapes" / "shapes.yaml").write_text(text.replace(": own.", ": !function own."))


COLUMNS = {"item_id": "id", "question": "q", "options": ["A", "B", "C", "D"], "answer": "key"}


def write_file(
    folder: Path, name: str, content: str | bytes, item: dict[str, Any] = COLUMNS, **metadata: Any
) -> dict[str, Any]:
    """The task over a file of rows as it is given; the builder is by the file's name."""
    made = write(folder, item=item, categories=None, n_options=None, **metadata)
    made["dataset_path"] = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet"}.get(
        Path(name).suffix, "json"
    )
    made["dataset_kwargs"] = {"data_files": {"test": name}}
    (folder / "shapes" / name).write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )
    load_functions(folder, made)
    return made


def drop_none(content: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if value is not None}


def load_functions(folder: Path, content: dict[str, Any]) -> None:
    """Gives the task functions of its own, beside its YAML."""
    (folder / "shapes" / "own.py").write_text(
        "def doc_to_visual(doc): return []\n"
        "def doc_to_text(doc, lmms_eval_specific_kwargs=None): return '?'\n"
        "def doc_to_target(doc): return 'A'\n"
        "def process_results(doc, results): return {'accuracy': 1.0}\n"
        "def doc_to_item(doc):\n"
        "    return {**doc, 'images': [], 'item_id': doc.get('item_id', doc['question'])}\n"
        "def nothing(doc): return None\n"
    )
    for key in ("doc_to_visual", "doc_to_text", "doc_to_target", "process_results"):
        content[key] = f"own.{key}"
    save(folder, content)


def clear() -> None:
    from suite.items import tasks as registry

    registry._index.cache_clear()


def message(**arguments: Any) -> str:
    with pytest.raises(SuiteError) as caught:
        load_items("shapes", **arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)
