"""Coverage of the 95 % intervals on simulated tables with known truth.

Run: python -m tests.benchmarks.coverage [--studies 1000] [--draws 2000]
In: nothing. Out: results/benchmarks/coverage.csv, a row per statistic, method and number of images.

A population of items is drawn: each image has a difficulty, items of an image share it, two models
share the items. The truth is the population's mean. Coverage is the share of simulated studies
whose interval holds the truth; its own standard error at 1,000 studies is .007.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from analyses.intervals import METHODS, resample

OUT = Path("results/benchmarks/coverage.csv")
IMAGES = (20, 60, 250, 500)
PER_IMAGE = (1, 3)
LEVELS = (0.3, 0.6, 0.9)


def one_study(
    images: int, per_image: int, level: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (items, 3): a large model, a small model, their difference; and the images."""
    hard = rng.beta(2 * level, 2 * (1 - level), images)
    chance = np.repeat(hard, per_image)
    large = rng.random(len(chance)) < chance
    small = rng.random(len(chance)) < 0.25 + 0.5 * chance
    scores = np.column_stack([large, small]).astype(float)
    return np.column_stack([scores, scores[:, 0] - scores[:, 1]]), np.repeat(
        np.arange(images), per_image
    )


def main() -> None:
    """Simulates, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=2000)
    options = parser.parse_args()
    rows = []
    for images in IMAGES:
        for per_image in PER_IMAGE:
            for level in LEVELS:
                truth = np.array([level, 0.25 + 0.5 * level, 0.5 * level - 0.25])
                hits = {method: np.zeros(3) for method in METHODS}
                rng = np.random.default_rng([images, per_image, int(100 * level)])
                for study in range(options.studies):
                    scores, clusters = one_study(images, per_image, level, rng)
                    result = resample(scores, clusters, draws=options.draws, seed=study)
                    for method in METHODS:
                        low, high = result.interval(method=method)
                        hits[method] += (low[0] <= truth + 1e-9) & (truth - 1e-9 <= high[0])
                for method in METHODS:
                    for k, name in enumerate(("accuracy, large", "accuracy, small", "difference")):
                        rows.append(
                            {
                                "statistic": name,
                                "truth": truth[k],
                                "images": images,
                                "items_per_image": per_image,
                                "method": method,
                                "coverage": hits[method][k] / options.studies,
                                "studies": options.studies,
                                "draws": options.draws,
                            }
                        )
    table = pd.DataFrame(rows)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(OUT, index=False)
    print(table.pivot_table(index=["images", "method"], values="coverage", aggfunc=["min", "mean"]))


if __name__ == "__main__":
    main()
