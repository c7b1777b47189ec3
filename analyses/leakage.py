"""Multi-modal gain and leakage at each size: what images add, and what was known without them.

In: the tidy table with `end_to_end`, `blind` (the same model without the image) and `text_only`
(its language model alone, answering directly) cells. Out: rows per family, perceiver, size, task
and category:

- `with_images` S_v, `without_images` S_wv and `text_only` S_t, accuracies;
- `multimodal_gain` = S_v - S_wv, what the model owes to the images;
- `leakage_difference` = S_wv - S_t, and `multimodal_leakage` = max(0, S_wv - S_t), what multi-modal
  training taught it to answer without looking (Chen et al. 2024, arXiv:2403.20330).

Shares. Paired by item with cluster-bootstrap intervals. The maximum is monotone, so the ends of its
interval are the maxima of 0 and the ends of the difference's: it covers where that one does, and an
end at 0 says that no leakage is compatible with the data. It has no p and no standard error, and
its estimate is above the truth on average where that is near 0; test the difference. Of a mean over
tasks the maximum is taken of the mean difference, once, so that chance ups and downs of tasks do
not add up to leakage. A size without one of its runs lacks the rows that need it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analyses.contrasts.contrast import Contrast, contrast_table
from analyses.stats.arrays import ZERO
from analyses.table.scores import scores_of
from analyses.table.sizes import ladder

LABELS = ("family", "size", "params")
GAIN, DIFFERENCE, LEAKAGE = "multimodal_gain", "leakage_difference", "multimodal_leakage"

BELOW = "the difference is below 0 in its whole interval, so its maximum with 0 is 0 throughout"


def leakage(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Gives rows per quantity, size, task and category; see the module."""
    scores = scores_of(frame)
    contrasts = [
        contrast
        for _, cells in scores.cells.groupby("family", sort=False)
        for contrast in _contrasts(cells)
    ]
    table = contrast_table(scores, contrasts, LABELS, draws=draws, seed=seed)
    leak = table["quantity"] == LEAKAGE
    for name in ("estimate", "low", "high"):
        table[name] = table[name].where(~leak, table[name].clip(lower=0))
    none = leak & (table["high"] < ZERO)
    table["reason"] = table["reason"].where(~none | table["reason"].notna(), BELOW)
    for name in ("se", "p", "p_holm"):
        table[name] = table[name].where(~leak, np.nan)
    return table


def _contrasts(cells: pd.DataFrame) -> Iterator[Contrast]:
    direct = cells[~cells["thinking"]]
    for perceiver in direct["perceiver"].dropna().unique():
        own = (direct["perceiver"] == perceiver) | (direct["method"] == "text_only")
        labels = {"family": str(cells["family"].iloc[0]), "perceiver": perceiver}
        yield from _of_perceiver(labels, direct[own])


def _of_perceiver(labels: dict[str, object], direct: pd.DataFrame) -> Iterator[Contrast]:
    seeing = ladder(direct[direct["method"] == "end_to_end"], "perception")
    blind = {r.size: r.cell for r in ladder(direct[direct["method"] == "blind"], "perception")}
    text = {r.size: r.cell for r in ladder(direct[direct["method"] == "text_only"], "reasoning")}
    for rung in seeing:
        own = labels | {"size": rung.size, "params": rung.params}
        yield Contrast("with_images", {rung.cell: 1.0}, labels=own)
        if rung.size not in blind:
            continue
        without = blind[rung.size]
        yield Contrast("without_images", {without: 1.0}, labels=own)
        yield Contrast(GAIN, {rung.cell: 1.0, without: -1.0}, labels=own)
        if rung.size in text:
            alone = text[rung.size]
            yield Contrast("text_only", {alone: 1.0}, labels=own)
            for quantity in (DIFFERENCE, LEAKAGE):
                yield Contrast(quantity, {without: 1.0, alone: -1.0}, labels=own)
