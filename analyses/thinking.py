"""What step-by-step thinking gains at each reasoning size, and whether it is an inverted U.

In: the tidy table with cells that differ only in thinking (experiment 4). Out: per family, method,
perceiver, task and category,

- for each reasoning size r: `direct` and `with_thinking` accuracy and `gain` = acc(r, thinking) -
  acc(r, direct), paired by item;
- `direct_budget`, `with_thinking_budget`: share of answers that the token limit or the thinking
  budget ended (finish_reason `length` or `budget`); `direct_unparsed`, `with_thinking_unparsed`:
  share that could not be read, which score 0. Both are shares of the answers that did not fail;
- over the sizes, on the items scored at all of them: the tests of `analyses.stats.inverted_u`,
whose
  primary one is `inverted_u` without a size. p_holm of rows without a size is over tasks.

Methods: decoupled (perception at the largest size, as the paper holds it), oracle (gold
descriptions) and text_only. Shares, 95 % paired cluster-bootstrap intervals over images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyses.contrasts.contrast import (
    COLUMNS,
    Contrast,
    Estimates,
    contrast_table,
    estimate,
    holm_over_tasks,
)
from analyses.stats.inverted_u import Gains, shape_rows
from analyses.table.scores import Scores, scores_of
from analyses.table.sizes import DECOUPLED, Rung, as_decoupled, ladder

METHODS = (DECOUPLED, "oracle", "text_only")

KEYS = ["family", "method", "perceiver"]
LABELS = ("family", "method", "perception", "reasoning", "params")
CUT = ("length", "budget")
"""Finish reasons of an answer, or of its thinking, that a limit ended."""


@dataclass(frozen=True)
class _Pairs:
    """One method of a family: at each reasoning size a cell without and one with thinking."""

    labels: dict[str, object]
    rungs: tuple[tuple[Rung, Rung], ...]
    """(direct, with thinking), smallest first."""


def thinking(frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Gives rows per quantity, reasoning size, task and category; see the module."""
    scores = scores_of(frame)
    pairs = list(_pairs(scores))
    gains = [contrast for pair in pairs for contrast in _gains(pair)]
    tables = [contrast_table(scores, gains, LABELS, draws=draws, seed=seed)]
    if not len(tables[0]):
        return tables[0]
    for name, rate in _rates(scores, frame).items():
        rates = [contrast for pair in pairs for contrast in _sides(pair, name)]
        table = contrast_table(rate, rates, LABELS, draws=draws, seed=seed)
        unknown = table["estimate"].isna()
        table.loc[unknown, "reason"] = _WHY_NOT[name]
        tables.append(table)
    tables += [_shapes(scores, pair, draws, seed) for pair in pairs]
    rows = [row for table in tables for row in table.to_dict("records")]
    return pd.DataFrame(rows, columns=[*scores.labels(LABELS), *COLUMNS])


def _pairs(scores: Scores) -> Iterator[_Pairs]:
    cells = as_decoupled(scores.cells)
    cells = cells[cells["method"].isin(METHODS)]
    for names, rows in cells.groupby(KEYS, sort=False, dropna=False):
        held = None
        if rows["perception"].notna().any():
            held = ladder(rows, "perception")[-1].size
            rows = rows[rows["perception"] == held]
        direct = {r.size: r for r in ladder(rows[~rows["thinking"]], "reasoning")}
        with_it = ladder(rows[rows["thinking"]], "reasoning")
        both = tuple((direct[r.size], r) for r in with_it if r.size in direct)
        if both:
            yield _Pairs(dict(zip(KEYS, names)) | {"perception": held}, both)


def _gains(pair: _Pairs) -> Iterator[Contrast]:
    yield from _sides(pair, "")
    for direct, with_it in pair.rungs:
        change = {with_it.cell: 1.0, direct.cell: -1.0}
        yield Contrast("gain", change, labels=_own(pair, with_it))


def _sides(pair: _Pairs, suffix: str) -> Iterator[Contrast]:
    """A mean without and one with thinking at each size."""
    for direct, with_it in pair.rungs:
        for name, rung in (("direct", direct), ("with_thinking", with_it)):
            yield Contrast(f"{name}{suffix}", {rung.cell: 1.0}, labels=_own(pair, with_it))


def _own(pair: _Pairs, rung: Rung) -> dict[str, object]:
    return pair.labels | {"reasoning": rung.size, "params": rung.params}


_WHY_NOT = {
    "_budget": "no answer has a recorded reason why it ended",
    "_unparsed": "every answer failed",
}


def _rates(scores: Scores, frame: pd.DataFrame) -> dict[str, Scores]:
    """Suffix of the quantity -> the score matrix with a rate in place of the score."""
    answered = ~frame["failed"].to_numpy(dtype=bool)
    ended = frame["finish_reason"]
    return {
        "_budget": _rate(scores, ended.isin(CUT).to_numpy(), answered & ended.notna().to_numpy()),
        "_unparsed": _rate(scores, ~frame["parsed"].to_numpy(dtype=bool), answered),
    }


def _rate(scores: Scores, hit: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_]) -> Scores:
    with np.errstate(divide="ignore", invalid="ignore"):
        values = scores.total(hit & among) / scores.total(among)
    return replace(scores, values=values, by_seed=None)  # further seeds are further samples


def _shapes(scores: Scores, pair: _Pairs, draws: int, seed: int) -> pd.DataFrame:
    """Tests of the shape of the gain over sizes, a set of rows per task and category."""
    index = pd.Index(scores.cells["cell"])
    weights = np.zeros((len(index), len(pair.rungs)))
    for k, (direct, with_it) in enumerate(pair.rungs):
        weights[index.get_indexer([with_it.cell, direct.cell]), k] = [1.0, -1.0]
    # Every column needs every cell: the sizes are compared on the same items.
    cells_of = np.repeat((weights != 0).any(axis=1)[:, None], weights.shape[1], axis=1)
    result = estimate(scores, weights, cells_of, draws=draws, seed=seed)
    params = np.array([rung.params for _, rung in pair.rungs])
    sizes = [rung.size for _, rung in pair.rungs]
    rows = []
    for g, group in enumerate(result.groups):
        if not result.planned[g].all():
            continue
        data = result.resampled
        about = group.labels | {"n": int(data.n[g, 0]), "clusters": int(data.clusters[g, 0])}
        about |= {"missing": int(result.missing[g, 0])}
        rows += [pair.labels | about | row for row in shape_rows(_of(result, g, params), sizes)]
    table = pd.DataFrame(rows, columns=[*scores.labels(LABELS), *COLUMNS])
    whole = table["reasoning"].isna()  # of the sizes inside, Holm is over these
    table.loc[whole, "p_holm"] = holm_over_tasks(table[whole], ["quantity"])
    return table


def _of(result: Estimates, g: int, params: npt.NDArray[np.float64]) -> Gains:
    """The gains of a group; with several seeds their covariance over seeds is added."""
    data = result.resampled
    clusters = int(data.clusters[g, 0])
    influence = data.influence[g].scores
    factor = clusters / (clusters - 1) if clusters > 1 else np.nan
    covariance = influence.T @ influence * factor
    if data.seed_means is not None:
        of_seed = data.seed_means[:, g]
        of_seed = of_seed[~np.isnan(of_seed).any(axis=1)]
        if len(of_seed) > 1:
            covariance = covariance + np.cov(of_seed, rowvar=False) / len(of_seed)
    degrees = float(data.degrees()[g].min())
    return Gains(params, data.estimate[g], covariance, data.replicates[:, g], clusters, degrees)
