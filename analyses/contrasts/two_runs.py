"""Pairs: what two runs answered to the same items, side by side.

In: two tidy tables (`analyses.columns`) and which cell of the one is held against which of the
other. Out: `Pairs`, a row per pair of cells and item with the score of either side (mean over
samples and seeds). Items that differ between the sides are refused in one sentence that says how: a
difference of scores over different items is not a difference of systems.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analyses.table.scores import none_where_missing

KEY = ["task", "item_id"]
FACTS = {
    "answer": "another answer",
    "n_options": "another number of options",
    "image_id": "other images",
}
"""Columns that make an item what it is -> their name in a sentence."""
ABOUT = ("domain", "category", "image_id", "chance", "answer")
EXAMPLES = 3


class ItemsDiffer(ValueError):
    """The two sides were not asked the same."""


@dataclass(frozen=True)
class Pairs:
    """Two sides of a comparison, item by item."""

    table: pd.DataFrame
    """A row per pair of cells and item: cell (of the baseline), candidate_cell, task, item_id,
    ABOUT, baseline, candidate (scores, NaN where no sample has one), and the first sample's
    baseline_prediction, candidate_prediction."""
    failed: tuple[int, int]
    """Rows without a score on either side: baseline, candidate."""
    samples: tuple[int, int]
    """Most answers an item has on either side, over samples and seeds."""

    def of_cell(self, cell: str) -> Pairs:
        """Gives the pairs of one cell of the baseline."""
        rows = self.table[self.table["cell"] == cell].reset_index(drop=True)
        return Pairs(rows, self.failed, self.samples)


def pair(
    baseline: pd.DataFrame, candidate: pd.DataFrame, cells: Sequence[tuple[str, str]]
) -> Pairs:
    """Pairs the items of `cells`, (cell of the baseline, cell of the candidate).

    Raises ItemsDiffer where the sides have other items, answers, numbers of options or images, or
    a pair of cells was not run on the same items.
    """
    parts, failed, samples = [], [0, 0], [0, 0]
    for ours, theirs in cells:
        sides = [
            side[side["cell"] == name] for side, name in zip((baseline, candidate), (ours, theirs))
        ]
        check_items(*sides)
        first, second = (_scores(rows) for rows in sides)
        side = {"score": "baseline", "prediction": "baseline_prediction"}
        other = {"score": "candidate", "prediction": "candidate_prediction"}
        joined = first.rename(columns=side).join(second[list(other)].rename(columns=other))
        parts.append(joined.reset_index().assign(cell=ours, candidate_cell=theirs))
        for k, rows in enumerate(sides):
            failed[k] += int(rows["score"].isna().sum())
            answers = rows.groupby(KEY).size()
            samples[k] = max(samples[k], int(answers.max()) if len(answers) else 0)
    table = pd.concat(parts, ignore_index=True)
    return Pairs(table, (failed[0], failed[1]), (samples[0], samples[1]))


def _scores(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per item, in order of appearance: mean score over answers, and what the item is."""
    grouped = rows.groupby(KEY, sort=False)
    found = grouped[[*ABOUT, "prediction"]].first()
    found["prediction"] = grouped["prediction"].nth(0).to_numpy()
    found["score"] = grouped["score"].mean()
    return found


def check_items(baseline: pd.DataFrame, candidate: pd.DataFrame) -> None:
    """Raises ItemsDiffer, with counts and up to three examples, unless the items are the same."""
    ours, theirs = (side.drop_duplicates(KEY).set_index(KEY) for side in (baseline, candidate))
    only = [ours.index.difference(theirs.index, sort=False)]
    only += [theirs.index.difference(ours.index, sort=False)]
    if len(only[0]) or len(only[1]):
        counted = " and ".join(
            f"{len(keys):,} only the {side} has{_examples(keys)}"
            for side, keys in zip(("baseline", "candidate"), only)
            if len(keys)
        )
        raise ItemsDiffer(
            f"The items differ: {counted}; run both on the same items{_shared(ours, theirs)}."
        )
    theirs = theirs.loc[ours.index]
    for column, name in FACTS.items():
        mine, yours = (none_where_missing(side, [column])[column] for side in (ours, theirs))
        other = mine.ne(yours) & (mine.notna() | yours.notna())
        if other.any():
            first = zip(ours.index[other], ours.loc[other, column], theirs.loc[other, column])
            told = [
                f"{_name(key)} ({_value(mine)} against {_value(other_value)})"
                for key, mine, other_value in list(first)[:EXAMPLES]
            ]
            raise ItemsDiffer(
                f"The items differ: {int(other.sum()):,} have {name}, such as "
                f"{', '.join(told)}; run both on the same data."
            )


def _examples(keys: pd.Index) -> str:
    named = ", ".join(_name(key) for key in keys[:EXAMPLES])
    return f" ({named}{', ...' if len(keys) > EXAMPLES else ''})" if named else ""


def _name(key: tuple[object, object]) -> str:
    return f"{key[0]}/{key[1]}"


def _value(value: object) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."


def _shared(ours: pd.DataFrame, theirs: pd.DataFrame) -> str:
    """The way out where some tasks have the same items on both sides; else nothing."""
    tasks = [side.index.get_level_values("task") for side in (ours, theirs)]
    items = [
        {task: set(side.index[of == task]) for task in of.unique()}
        for side, of in zip((ours, theirs), tasks)
    ]
    same = [str(task) for task, own in items[0].items() if own == items[1].get(task)]
    return f", or compare only {', '.join(same)} with --task" if same else ""


def flips(pairs: Pairs) -> pd.DataFrame:
    """Lists the pairs of answers whose score changed, largest loss first, with `change`."""
    change = pairs.table["candidate"] - pairs.table["baseline"]
    rows = pairs.table.assign(change=change)[change.abs() > 1e-12]
    return rows.sort_values("change", kind="stable").reset_index(drop=True)
