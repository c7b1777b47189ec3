"""Stores what the notebooks read and what they show: a finished run, small enough for the
repository, and the outputs of every cell.

In: a run directory, or nothing where the stored run stays. Out: results/micro_run with its records
(all columns; the store keys, which name answers that are not kept, left empty) and of its
provenance what says which study, items and weights they are of and how each cell was asked, so
that `downscale pool` takes it, without the folders of the machine; notebooks/*.ipynb, each run from
top to bottom on it.

    downscale run micro --out runs/micro && python notebooks/store_run.py runs/micro
    python notebooks/store_run.py
"""

from __future__ import annotations

import argparse
import base64
import copy
import io
import json
from pathlib import Path

import nbformat
from PIL import Image

import suite
from suite.base.files import file_hash

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "results" / "micro_run"
FACTS = (
    *("study", "seed", "family", "prompts", "models", "items", "versions", "commit", "ended"),
    *("steps", "cells", "requests", "started", "runs"),
)
WIDE, COLOURS = 840, 64
"""Figures as they are stored: at most so many pixels across (120 dpi), of so many colours."""


def store(run: Path, target: Path) -> Path:
    """Writes records.parquet and provenance.json of `run` into `target`; returns the records."""
    records = suite.load_results(run)
    # Hashes: four fifths of the file, of use only beside the run's store.
    records[["key", "upstream"]] = None
    target.mkdir(parents=True, exist_ok=True)
    path = target / "records.parquet"
    records.to_parquet(path, index=False, compression="zstd", compression_level=19)
    facts = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    kept = {name: facts[name] for name in FACTS if name in facts}
    for fact, name in (*((model, "source") for model in kept["models"]), (kept["study"], "family")):
        source = Path(fact[name])
        if source.is_absolute():
            inside = source.is_relative_to(ROOT)
            fact[name] = source.relative_to(ROOT).as_posix() if inside else source.name
    for earlier in kept.get("runs", []):
        earlier.pop("machine", None)
    kept["records_sha256"] = file_hash(path)
    text = json.dumps(kept, indent=1, ensure_ascii=False)
    (target / "provenance.json").write_text(text + "\n", encoding="utf-8")
    return path


def executed(path: Path) -> nbformat.NotebookNode:
    """Gives a notebook as a run from top to bottom leaves it: with its outputs, and with nothing of
    the machine that ran it."""
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    known = copy.deepcopy(notebook.metadata)
    where = {"metadata": {"path": path.parent}}
    NotebookClient(notebook, timeout=600, resources=where, record_timing=False).execute()
    notebook.metadata = known
    return notebook


def small(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Gives the notebook with its figures as small as they are stored."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "<Figure" in data.get("text/plain", ""):
                image = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB")
                image.thumbnail((WIDE, 4 * WIDE), Image.Resampling.LANCZOS)
                written = io.BytesIO()
                image.quantize(COLOURS, dither=Image.Dither.NONE).save(
                    written, "PNG", optimize=True
                )
                data["image/png"] = base64.b64encode(written.getvalue()).decode() + "\n"
    return notebook


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Stores a run that the notebooks read, and their outputs."
    )
    parser.add_argument("run", nargs="?", type=Path, help="directory of a finished run")
    parser.add_argument("--to", type=Path, help=f"store the run alone, in this folder ({TARGET})")
    given = parser.parse_args()
    written = [store(given.run, given.to or TARGET)] if given.run else []
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")) if given.to is None else ():
        nbformat.write(small(executed(notebook)), notebook)
        written.append(notebook)
    for path in written:
        print(f"{path}: {path.stat().st_size / 1e3:,.0f} kB")
