"""Keeps a finished run small enough for the repository: what the notebooks read.

In: a run directory. Out: results/micro_run with its records (all columns; the store keys, which
name answers that are not kept, left empty) and its provenance, which says of which items they are.

    downscale run micro --out runs/micro && python notebooks/store_run.py runs/micro
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import suite

TARGET = Path(__file__).resolve().parent.parent / "results" / "micro_run"


def store(run: Path, target: Path) -> Path:
    """Writes records.parquet and provenance.json of `run` into `target`; returns the records."""
    records = suite.load_results(run)
    records["key"] = None  # hashes: four fifths of the file, of use only beside the run's store
    target.mkdir(parents=True, exist_ok=True)
    path = target / "records.parquet"
    records.to_parquet(path, index=False, compression="zstd", compression_level=19)
    shutil.copy(run / "provenance.json", target / "provenance.json")
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path, help="directory of a finished run")
    parser.add_argument("--to", type=Path, default=TARGET, help="folder to write (%(default)s)")
    given = parser.parse_args()
    kept = store(given.run, given.to)
    print(f"{kept}: {kept.stat().st_size / 1e3:,.0f} kB")
