"""How often each rule of the parser decides, over stored runs.

Run: python -m tests.benchmarks.rules [RUN ...]     every run under runs/ and results/ by default
In: run directories with records.parquet. Out: results/benchmarks/rules.csv, a row per run and rule:
answers it decided, their share of the run's answers, how many different texts these are, the share
that scores (the suite's score 0.5 or more) and the share that lmms-eval scores alike.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

OUT = Path("results/benchmarks/rules.csv")


def found_runs() -> list[Path]:
    """The run directories at hand."""
    return sorted(
        path.parent for top in ("runs", "results") for path in Path(top).glob("*/records.parquet")
    )


def counts(folder: Path) -> pd.DataFrame:
    """The rows of one run, most frequent rule first."""
    records = pd.read_parquet(folder / "records.parquet")
    records = records[~records["failed"]]
    right = records["score"] >= 0.5
    alike = (records["score"] == records["lmms_score"]).where(records["lmms_score"].notna())
    grouped = records.assign(right=right, alike=alike.astype(float)).groupby("rule")
    table = grouped.agg(
        answers=("text", "size"),
        texts=("text", "nunique"),
        right=("right", "mean"),
        alike=("alike", "mean"),
    )
    table.insert(1, "share", table["answers"] / len(records))
    table.insert(0, "run", folder.name)
    return table.sort_values("answers", ascending=False).reset_index()


def main(runs: list[str]) -> None:
    """Writes the table and prints it."""
    folders = [Path(run) for run in runs] or found_runs()
    if not folders:
        sys.exit("No run with records.parquet is here: name one, such as runs/micro.")
    table = pd.concat([counts(folder) for folder in folders], ignore_index=True)
    table = table[["run", "rule", "answers", "share", "texts", "right", "alike"]]
    table.to_csv(OUT, index=False, float_format="%.4f")
    print(table.to_string(index=False, float_format="{:.3f}".format))


if __name__ == "__main__":
    main(sys.argv[1:])
