"""Coverage of the attribution's intervals where the truth is known: knowing, else guessing.

Run: python -m tests.benchmarks.share_coverage [--studies 400] [--draw-only]
In: nothing. Out: results/benchmarks/share_coverage.csv, a row per world and share: truth, share of
the studies whose 95 % interval holds it (standard error .011 at 400), share without an interval;
and share_coverage.png.

Items have a difficulty, in part their image's; a cell knows those below its level and guesses the
rest among four options. The truth is the same statistic on 400,000 items.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import norm

from analyses.attribution import BOTTLENECK_LARGEST, attribution
from analyses.figures.parts import style

OUT = Path("results/benchmarks/share_coverage.csv")
WORLDS = ((60, 1), (500, 1), (500, 2))
"""Items, and items an image."""
DRAWS = 500
KNOWN = {"ss": 0.1, "ls": 0.3, "sl": 0.4, "ll": 0.7, "end": 0.8}
"""Share of the items that each pairing (perception first) and the end-to-end model knows."""
PARAMS = {"s": 1e6, "l": 1e7}


def study(items: int, per_image: int, rng: np.random.Generator) -> pd.DataFrame:
    """One study's tidy table, with the columns that the attribution reads."""
    image = np.arange(items) // per_image
    hard = norm.cdf((rng.normal(size=image.max() + 1)[image] + rng.normal(size=items)) / 2**0.5)
    same = {"task": "t", "domain": "in_domain", "category": "", "family": "f", "thinking": False}
    parts = []
    for cell, share in KNOWN.items():
        right = (hard < share) | (rng.random(items) < 0.25)
        whole = cell == "end"
        looks, thinks = ("l", None) if whole else (cell[0], cell[1])
        part = pd.DataFrame(
            {
                "cell": cell,
                "method": "end_to_end" if whole else "decoupled",
                "perception": looks,
                "perception_params": PARAMS[looks],
                "reasoning": thinks,
                "reasoning_params": np.nan if thinks is None else PARAMS[thinks],
                "item_id": np.arange(items).astype(str),
                "image_id": image.astype(str),
                "chance": 0.25,
                "n_options": 4,
                "answer": "A",
                "prediction": np.where(right, "A", "B"),
                "score": right.astype(float),
            }
        )
        parts.append(part.assign(**same))
    return pd.concat(parts, ignore_index=True)


def numbers(frame: pd.DataFrame, draws: int, seed: int) -> pd.DataFrame:
    """estimate, low, high of each share, and of the adjusted bottleneck."""
    table = attribution(frame, draws=draws, seed=seed)
    table = table[table["task"] == "t"].set_index("quantity")
    adjusted = table.loc[[BOTTLENECK_LARGEST], ["adjusted", "adjusted_low", "adjusted_high"]]
    adjusted = adjusted.set_axis(["estimate", "low", "high"], axis=1)
    adjusted.index = pd.Index([f"{BOTTLENECK_LARGEST}, adjusted"])
    return pd.concat([table[["estimate", "low", "high"]], adjusted])


def coverage(items: int, per_image: int, studies: int) -> list[dict[str, object]]:
    """A row per share: its truth, and how often its interval holds it and is missing."""
    truth = numbers(study(400_000, per_image, np.random.default_rng(0)), 2, 0)["estimate"]
    hits = []
    for k in range(studies):
        found = numbers(study(items, per_image, np.random.default_rng([1, k])), DRAWS, k)
        inside = (found["low"] <= truth) & (truth <= found["high"])
        hits.append(inside.astype(float).where(found["low"].notna()))
    table = pd.DataFrame(hits)
    setting = {"items": items, "per_image": per_image, "studies": studies, "draws": DRAWS}
    return [
        setting
        | {
            "share": name,
            "truth": truth[name],
            "coverage": table[name].mean(),
            "without_interval": table[name].isna().mean(),
        }
        for name in truth.index
    ]


def main() -> None:
    """Writes the table, one world after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--draw-only", action="store_true")
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    for items, per_image in () if options.draw_only else WORLDS:
        rows += coverage(items, per_image, options.studies)
        OUT.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_csv(OUT, index=False, float_format="%.4g")
        print(f"{items} items, {per_image} an image: done", flush=True)
    table = pd.read_csv(OUT)
    print(table.to_string(index=False))
    draw(table).savefig(OUT.with_suffix(".png"))


@style.styled
def draw(table: pd.DataFrame) -> Figure:
    """Coverage of each share, a marker a world, with what the simulation leaves open."""
    shares = list(dict.fromkeys(table["share"]))
    figure = style.new_figure(style.TWO_COLUMNS, 0.3 * len(shares) + 1.1)
    axes = figure.subplots()
    axes.axvspan(0.93, 0.97, color="#ececec", zorder=0, linewidth=0)
    axes.axvline(0.95, color=style.QUIET, linewidth=0.8)
    y = np.arange(len(shares))[::-1].astype(float)
    for k, ((items, per_image), rows) in enumerate(table.groupby(["items", "per_image"])):
        x = rows.set_index("share")["coverage"].reindex(shares).to_numpy(dtype=float)
        error = 1.96 * np.sqrt(x * (1 - x) / rows["studies"].to_numpy(dtype=float))
        label = f"{items} items, {per_image} an image"
        look = {**style.SERIES[k], "linestyle": "none", "label": label, "markersize": 4}
        at = y + 0.22 * (1 - k)
        style.with_interval(axes, x, at, x - error, x + error, upright=False, **look)
    axes.set_yticks(y, [share.replace("_", " ") for share in shares])
    axes.grid(axis="x")
    axes.set_title("Coverage of 95 % intervals of the attribution's shares")
    axes.set_xlabel("share of studies whose interval holds the truth")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    studies = int(table["studies"].iloc[0])
    style.footnote(
        figure,
        f"n = {studies:,} simulated studies a point; bars are 95 % simulation error; band: 93 to"
        " 97 %.",
    )
    return figure


if __name__ == "__main__":
    main()
