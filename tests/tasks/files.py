"""Small files of the benchmarks' true schemas, with images that are drawn here."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
from PIL import Image

SHARED = Path(__file__).parents[3] / "shared" / "data"


def png(colour: tuple[int, int, int], size: tuple[int, int] = (20, 10)) -> bytes:
    """A PNG of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def jpeg(colour: tuple[int, int, int]) -> bytes:
    """A JPEG of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], *images: str) -> Path:
    """A Parquet file as the hub has them: columns named in `images` have the image feature."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset = datasets.Dataset.from_list([dict(row) for row in rows])
    for column in images:
        dataset = dataset.cast_column(column, datasets.Image())
    dataset.to_parquet(str(path))
    return path


def mmstar_row(index: int, category: str = "math", answer: str = "B") -> dict[str, Any]:
    """A row of Lin-Chen/MMStar."""
    return {
        "index": index,
        "question": f"What is {index}?\nOptions: A: one, B: two, C: three, D: four",
        "image": {"bytes": png((index, 0, 0)), "path": None},
        "answer": answer,
        "category": category,
        "l2_category": "geometry",
        "meta_info": {"source": "MathVista", "split": "testmini", "image_path": "x.jpg"},
    }


def vmcbench_row(index: int, category: str) -> dict[str, Any]:
    """A row of suyc21/VMCBench."""
    return {
        "index": index,
        "question": f"Question {index}?",
        "A": "red",
        "B": "green",
        "C": "blue",
        "D": "white",
        "answer": "ABCD"[index % 4],
        "category": category,
        "image": {"bytes": jpeg((0, index, 0)), "path": None},
    }
