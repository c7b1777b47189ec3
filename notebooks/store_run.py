"""Keeps a finished run small enough for the repository: what the notebooks read.

In: a run directory. Out: results/micro_run with its records (all columns; the store keys, which
name answers that are not kept, left empty) and of its provenance what says which study, items and
weights they are of, without the folders of the machine.

    downscale run micro --out runs/micro && python notebooks/store_run.py runs/micro
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import suite

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "results" / "micro_run"
FACTS = ("study", "seed", "family", "prompts", "models", "items", "versions", "commit", "ended")


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
    for model in kept.get("models", []):
        source = Path(model["source"])
        if source.is_absolute():
            inside = source.is_relative_to(ROOT)
            model["source"] = source.relative_to(ROOT).as_posix() if inside else source.name
    text = json.dumps(kept, indent=1, ensure_ascii=False)
    (target / "provenance.json").write_text(text + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path, help="directory of a finished run")
    parser.add_argument("--to", type=Path, default=TARGET, help="folder to write (%(default)s)")
    given = parser.parse_args()
    kept = store(given.run, given.to)
    print(f"{kept}: {kept.stat().st_size / 1e3:,.0f} kB")
