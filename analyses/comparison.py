"""Is the candidate better or worse than the baseline? The paired comparison of two runs.

In: `Pairs` (analyses.contrasts.two_runs). Out: a row per task, category and mean with the
difference of accuracy candidate - baseline, its interval, p, smallest detectable difference, and a
verdict.

Difference: mean over items of (candidate - baseline), over the pairs that both sides answered; a
task out of domain with categories is the mean of its categories, `overall` the mean of the tasks,
`all_items` the mean of all items. Interval: 95 % cluster bootstrap over images, both sides on the
same draw (expanded percentile, `analyses.stats.replicates`), never narrower than the adjusted Wald
interval (`analyses.contrasts.limits`): where a handful of images differ, resampling cannot see the
changes that did not happen to occur. p: exact McNemar where every image is one item and scores are
0/1, else a cluster sign flip (`analyses.stats.signflip`); Holm over tasks, and over the categories
of a task. Shares.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analyses.contrasts.contrast import holm_over_tasks
from analyses.contrasts.differences import ALL_ITEMS, DIFFERENCE, OVERALL, Paired
from analyses.contrasts.limits import ALONE
from analyses.contrasts.two_runs import Pairs
from analyses.stats.detectable import FEWEST
from analyses.stats.intervals import at_odds
from analyses.table.scores import none_where_missing

BETTER, WORSE, NOT_WORSE, UNDECIDED = "better", "worse", "not worse", "undecided"
EXACT_TEST = "p is of the exact or permutation test, the verdict of the interval"
COLUMNS = (
    *("task", "group", "domain", "average", "difference", "low", "high", "se", "p", "p_holm"),
    *("test", "detectable", "baseline", "candidate", "n", "clusters", "pairs", "gained", "lost"),
    *("dropped", "verdict", "reason"),
)


def verdict(low: float, high: float, margin: float) -> str:
    """Decides: better (low > 0), worse (high < 0 and low <= -margin), not worse (low > -margin).

    In this order, else undecided; an interval that is missing decides nothing.
    """
    tiny = 1e-9  # ends are often multiples of 1/n, so they can meet the margin exactly
    if low > tiny:
        return BETTER
    if high < -tiny and low <= -margin + tiny:
        return WORSE
    return NOT_WORSE if low > -margin + tiny else UNDECIDED


def comparison(
    pairs: Pairs,
    *,
    margin: float = 0.02,
    draws: int = 2000,
    seed: int = 0,
    only: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Gives COLUMNS for `overall`, `all_items`, the domains' means, tasks and categories.

    `margin`: the largest loss of accuracy that still counts as «not worse». `pairs`, `gained`,
    `lost`, `dropped` count pairs of answers: all, those where the candidate scored higher, lower,
    and those without a score on either side. `only`: names of the rows wanted. Verdicts of single
    tasks are not corrected for their number; p_holm is. Raises ValueError where there is no pair.
    """
    if not len(pairs.table):
        raise ValueError("There is no pair of answers to compare.")
    if not 0 <= margin < 1:
        raise ValueError(f"A margin of {margin} is not a share of items from 0 up to 1.")
    paired = Paired.of(pairs, draws, seed)
    rows = []
    for g, group in enumerate(paired.groups):
        if only is None or group.task in only:
            ends = paired.ends(g)
            row = {"low": ends[0], "high": ends[1], "verdict": verdict(*ends, margin)}
            row |= _numbers(paired, g) | _counts(paired, g, pairs.table)
            odds = at_odds(float(str(row["p"])), *ends, EXACT_TEST)
            rows.append(row | {"reason": row["reason"] or odds})
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["p_holm"] = holm_over_tasks(table, alone=[ALL_ITEMS])
    # Overall first, then the other means, then tasks with their categories.
    single = (table["average"] != "tasks") & (table["task"] != ALL_ITEMS)
    rank = np.where(table["task"] == OVERALL, 0, np.where(single, 2, 1))
    table = table.iloc[np.argsort(rank, kind="stable")].reset_index(drop=True)
    return none_where_missing(table, ("group", "reason"))


def _numbers(paired: Paired, g: int) -> dict[str, object]:
    data, test, detectable = paired.resampled, paired.test(g), paired.detectable(g)
    return {
        **paired.groups[g].labels,
        "difference": data.estimate[g, DIFFERENCE],
        "se": data.standard_error()[g, DIFFERENCE],
        "p": test.p,
        "test": test.name,
        "detectable": detectable,
        "baseline": data.estimate[g, 0],
        "candidate": data.estimate[g, 1],
        "n": int(data.n[g, DIFFERENCE]),
        "clusters": paired.clusters(g),
        "reason": why_missing(paired, g, detectable),
    }


def _counts(paired: Paired, g: int, table: pd.DataFrame) -> dict[str, object]:
    group = paired.groups[g]
    inside = table["task"].isin(paired.items["task"].iloc[group.rows].unique())
    if group.group is not None:
        inside &= table["category"].fillna("") == group.group
    change = (table["candidate"] - table["baseline"])[inside]
    return {
        "pairs": len(change),
        "gained": int((change > 1e-12).sum()),
        "lost": int((change < -1e-12).sum()),
        "dropped": int(change.isna().sum()),
    }


def why_missing(paired: Paired, g: int, detectable: float) -> str | None:
    """Says why a number of the row is missing; None where all are there."""
    clusters, changes = paired.clusters(g), paired.changes(g)
    if not len(changes):
        return f"no item was answered on both sides ({len(paired.groups[g].rows)} missing)"
    if np.isnan(paired.resampled.estimate[g, DIFFERENCE]):
        return "a task or category of this mean has no item that both sides answered"
    if clusters < 2:
        return "one image: an interval needs at least two"
    if clusters < FEWEST:
        return f"{clusters} images: below {FEWEST} no difference reaches p < .05"
    if np.isnan(paired.ends(g)).any():
        return ALONE
    if np.isnan(detectable):
        return "too few items: no difference is found with 80 % power"
    return None
