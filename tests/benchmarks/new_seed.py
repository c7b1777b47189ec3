"""Does a family trained once more lie where the families before it say?

In: a run of families put together (`downscale pool`), and a run of another seed on the same study.
Out: results/seeds/tables/new_seed.csv: the mean in domain and the benchmark out of it, of every
cell of the other run, with the 95 % interval in which `analyze seeds` expects one more seed.

    python -m tests.benchmarks.new_seed POOLED RUN
"""

from __future__ import annotations

import sys

from analyses.cells import cells
from analyses.seeds import seeds
from analyses.table.scores import SHARED
from suite.runs.results import load_results
from tests.house import ROOT

OUT = ROOT / "results" / "seeds" / "tables" / "new_seed.csv"
KEYS = ["cell", "task"]


def main() -> None:
    """Writes the table and prints the share of numbers inside."""
    known, new = load_results(sys.argv[1]), load_results(sys.argv[2])
    (seed,) = new["seed"].unique()
    if seed in set(known["seed"]):
        sys.exit(f"Seed {seed} is among those that the interval was made from.")
    expected = seeds(known)
    expected = expected[(expected["quantity"] == "new_seed") & expected["group"].isna()]
    found = cells(new)
    means = (found["average"] != "items") & found["group"].isna() & (found["task"] != SHARED)
    table = found.loc[means, [*KEYS, "n", "accuracy"]].merge(
        expected[[*KEYS, "seeds", "estimate", "low", "high"]], on=KEYS, validate="one_to_one"
    )
    table = table[table["low"].notna()]
    table["inside"] = table["accuracy"].between(table["low"], table["high"])
    table.assign(seed=seed).to_csv(OUT, index=False, float_format="%.4g", lineterminator="\n")
    print(table.to_string(index=False))
    width = (table["high"] - table["low"]).median()
    print(
        f"{table['inside'].sum()} of {len(table)} inside; the median interval is {width:.2f} wide,"
    )
    print(f"and {means.sum() - len(table)} numbers have none.")


if __name__ == "__main__":
    main()
