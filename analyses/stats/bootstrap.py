"""The engine of the bootstrap: cluster codes, strata, per-cluster sums, weights times sums.

In: score matrices (items x columns) and labels. Out: per-cluster sums, means, replicates.

A draw is a row of cluster counts, all draws a weights matrix, and all replicates one matrix product
of weights and per-cluster sums, in blocks that bound the memory. Tasks that share an image are one
stratum. Each stratum has its own random stream, so the interval of a task does not depend on which
other tasks are in the table, nor on the order of the rows.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analyses.stats.arrays import Floats, Ints

BLOCK_ELEMENTS = 4_000_000
"""Draws x clusters held at once: bounds the memory of the weights (about 100 MB)."""


@dataclass(frozen=True)
class Influence:
    """What each cluster adds to a group's means: the infinitesimal jackknife."""

    clusters: Ints
    """Codes of the clusters with an item in the group, shape (C,)."""
    scores: Floats
    """Sum over the cluster's items of (score - mean) / n, (C, columns); 0 where all missing."""
    present: npt.NDArray[np.bool_]
    """Whether the cluster has an item with a score, (C, columns)."""


def codes_of(labels: Sequence[object] | npt.NDArray[np.generic]) -> Ints:
    """0 .. k-1 in sorted order of the labels, so that the rows' order changes nothing."""
    return np.asarray(np.unique(np.asarray(labels), return_inverse=True)[1], dtype=np.int64).ravel()


def strata_of(
    codes: Ints, strata: Sequence[object] | npt.NDArray[np.generic]
) -> npt.NDArray[np.str_]:
    """Gives the stratum of each cluster: its label, or the joined labels of those that share
    clusters."""
    names = np.asarray([str(name) for name in strata])
    unique, label = np.unique(names, return_inverse=True)
    parent = list(range(len(unique)))

    def root(k: int) -> int:
        while parent[k] != k:
            k = parent[k]
        return k

    first: dict[int, int] = {}
    for code, k in set(zip(codes.tolist(), label.tolist())):
        here, there = root(k), root(first.setdefault(code, k))
        parent[max(here, there)] = min(here, there)
    joined: dict[int, list[str]] = {}
    for k, name in enumerate(unique.tolist()):
        joined.setdefault(root(k), []).append(name)
    text = {k: "+".join(members) for k, members in joined.items()}
    return np.asarray([text[root(first[code])] for code in range(len(first))])


@dataclass(frozen=True)
class ClusterSums:
    """Per-cluster sums of one group."""

    clusters: Ints
    """Codes of the clusters with an item in the group, shape (C,)."""
    total: Floats
    """Sum of scores, (C, columns)."""
    count: Floats
    """Items with a score, (C, columns), or (C, 1) when none is missing."""


def cluster_sums(scores: Floats, codes: Ints) -> ClusterSums:
    """Sums the scores (items, columns) over the items of each cluster; NaN is missing."""
    present, local = np.unique(codes, return_inverse=True)
    valid = ~np.isnan(scores)
    if valid.all():
        count = np.bincount(local, minlength=len(present)).astype(np.float64)[:, None]
    else:
        count = _add_up(valid.astype(np.float64), local, len(present))
    return ClusterSums(present, _add_up(np.where(valid, scores, 0.0), local, len(present)), count)


def _add_up(values: Floats, local: Ints, size: int) -> Floats:
    """Rows of `values` summed by `local`, (size, columns)."""
    if size == len(values):  # every cluster is one item: a permutation
        out = np.empty_like(values)
        out[local] = values
        return out
    order = np.argsort(local, kind="stable")
    starts = np.searchsorted(local[order], np.arange(size))
    return np.add.reduceat(values[order], starts, axis=0)


def points(
    sums: Sequence[ClusterSums], columns: int
) -> tuple[Floats, Ints, Ints, tuple[Influence, ...], Floats]:
    """Estimate, items, clusters (groups, columns each), influence of the means, and the largest
    part that a cluster has in a mean, (groups, columns)."""
    largest = np.zeros((len(sums), columns))
    estimate = np.full((len(sums), columns), np.nan)
    n = np.zeros((len(sums), columns), dtype=np.int64)
    clusters = np.zeros((len(sums), columns), dtype=np.int64)
    influence = []
    for g, part in enumerate(sums):
        count = part.count.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            estimate[g] = part.total.sum(axis=0) / count
            values = (part.total - estimate[g] * part.count) / count
        n[g] = count
        clusters[g] = (part.count > 0).sum(axis=0)
        if len(part.total):
            largest[g] = np.abs(part.total).max(axis=0) * clusters[g] / np.maximum(count, 1)
        present = np.broadcast_to(part.count > 0, part.total.shape)
        influence.append(Influence(part.clusters, np.nan_to_num(values), present))
    return estimate, n, clusters, tuple(influence), largest


def replicates_of(
    sums: Sequence[ClusterSums], labels: npt.NDArray[np.str_], draws: int, seed: int, columns: int
) -> Floats:
    """Gives the means of every group and column in every draw, (draws, groups, columns)."""
    top = np.zeros((draws, len(sums), columns))
    bottom = [np.zeros((draws, part.count.shape[1])) for part in sums]
    for stratum in np.unique(labels):
        members = np.flatnonzero(labels == stratum)
        stream = np.random.default_rng([seed, zlib.crc32(str(stratum).encode())])
        inside = []  # (group, columns of the weights, rows of the group's sums)
        for g, part in enumerate(sums):
            rows = np.flatnonzero(labels[part.clusters] == stratum)
            if len(rows):
                inside.append((g, np.searchsorted(members, part.clusters[rows]), rows))
        if not inside:
            continue
        for start, weights in _weights(len(members), draws, stream):
            block = slice(start, start + len(weights))
            for g, at, rows in inside:
                drawn = weights if len(at) == len(members) else weights[:, at]
                top[block, g] += drawn @ sums[g].total[rows]
                bottom[g][block] += drawn @ sums[g].count[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        for g, count in enumerate(bottom):
            top[:, g] /= count
    return top


def _weights(size: int, draws: int, stream: np.random.Generator) -> Iterator[tuple[int, Floats]]:
    """Blocks of the weights matrix: how often each of `size` clusters is taken in each draw."""
    step = max(1, BLOCK_ELEMENTS // size)
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        # Each draw counts in a stretch of its own: one bincount for the block.
        taken = stream.integers(0, size, size=(rows, size))
        taken += np.arange(rows)[:, None] * size
        counts = np.bincount(taken.ravel(), minlength=rows * size)
        yield start, counts.reshape(rows, size).astype(np.float64)
