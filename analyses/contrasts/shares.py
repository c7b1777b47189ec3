"""Shares of items, beside what chance would give: tables with a reference and an adjusted form.

In: item-level columns of every seed, and what each share is of their means. Out: rows with every
share and its interval. All columns are resampled together by the bootstrap of intervals.py, over
items and, where there are several, seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from analyses.contrasts.contrast import EXACT, Estimates, estimate
from analyses.stats import seed_spread
from analyses.stats.arrays import Floats
from analyses.stats.intervals import degenerate_interval
from analyses.stats.replicates import Drawn, expanded_tails
from analyses.table.scores import Group, Scores

ROW = (
    *("quantity", "task", "group", "domain", "average", "estimate", "low", "high"),
    *("reference", "reference_low", "reference_high", "reference_from"),
    *("adjusted", "adjusted_low", "adjusted_high"),
    *("n", "base", "clusters", "missing", "reason"),
)
"""Columns of a table of shares, after its labels."""
Ends = tuple[float, float, float]
UNKNOWN: Ends = (np.nan, np.nan, np.nan)
FEW_DRAWS = "more than 2.5 % of the draws hold no such item: no interval"
Means = Mapping[str, Floats]
"""Name of a column -> its mean, over the items or over those of every draw."""
Formula = Callable[[Means], Floats]


@dataclass(frozen=True)
class Share:
    """One quantity: what it is of the columns' means."""

    quantity: str
    plain: Formula
    reference: Formula | None
    base: str | None = None
    """Column with how much of each item the share is of; None: all of it."""
    adjusted: Formula | None = None
    """Over what guessing gives: a ratio, which may be above 1."""
    left: str | None = None
    """Column whose sum must reach FEWEST_LEFT for the adjusted form."""


ABOVE = "adjusted above 1: missed more often than guessing alone would"
"""A ratio to what guessing gives is no share; cut at 1 it would be too low on average."""

FEWEST_LEFT = 5
"""Items that guessing alone must be expected to leave before a share is adjusted for guessing: one
that is left stands for those that guessing took away, so with fewer the number hangs on one."""


def over(top: Floats, bottom: Floats) -> Floats:
    """top / bottom, NaN where bottom is not above 0."""
    known = bottom > 0
    return np.where(known, top / np.where(known, bottom, 1.0), np.nan)


@dataclass(frozen=True)
class Shares:
    """Some shares of the same items."""

    columns: Sequence[Mapping[str, Floats]]
    """Of every seed, name -> one value per item; all columns are NaN where a score is missing."""
    shares: tuple[Share, ...]
    planned: npt.NDArray[np.bool_]
    """(items,): whether the study asked every cell."""
    sources: Sequence[npt.NDArray[np.object_]]
    """Of every seed, (items,): where the reference of the item is from."""
    empty: str
    """Why a share is missing where its base is 0."""


def share_rows(
    shares: Shares, scores: Scores, *, draws: int, seed: int
) -> Iterator[dict[str, object]]:
    """Gives a row (ROW) per quantity and group in which every cell was run."""
    items = scores.with_columns(shares.columns, shares.planned)
    every = np.eye(len(shares.columns[0]))
    result = estimate(items, every, every > 0, draws=draws, seed=seed)
    for share in shares.shares:
        for g, group in enumerate(result.groups):
            if result.planned[g, 0]:
                yield _Row(shares, share, scores, result, g, group).as_dict()


@dataclass(frozen=True)
class _Row:
    """One share in one group."""

    shares: Shares
    share: Share
    scores: Scores
    result: Estimates
    g: int
    group: Group

    def as_dict(self) -> dict[str, object]:
        """Gives the columns of ROW."""
        plain, adjusted, reasons = self._plain_and_adjusted()
        reference = UNKNOWN
        if self.share.reference is not None:
            reference = self._ends(self.share.reference, 1.0)
        row: dict[str, object] = {
            **self.group.labels,
            "quantity": self.share.quantity,
            "reference_from": self._source() if self.share.reference is not None else None,
            "n": int(self.result.resampled.n[self.g, 0]),
            "base": float(self._base.sum()),
            "clusters": int(self.result.resampled.clusters[self.g, 0]),
            "missing": int(self.result.missing[self.g, 0]),
            "reason": "; ".join(reasons) or None,
        }
        row |= dict(zip(("estimate", "low", "high"), plain))
        for form, ends in (("reference", reference), ("adjusted", adjusted)):
            row |= dict(zip((form, f"{form}_low", f"{form}_high"), ends))
        return {name: row[name] for name in ROW}

    def _plain_and_adjusted(self) -> tuple[Ends, Ends, list[str]]:
        """The two forms, and what must be said about them."""
        # What has no reference is a ratio to what guessing gives, such as the share guessed.
        most = np.inf if self.share.reference is None else 1.0
        plain, reason = self._ends(self.share.plain, most), self._missing()
        if reason:
            return plain, UNKNOWN, [reason]
        reasons, images = [], self._images
        if images < 2:
            plain = plain[0], np.nan, np.nan
            reasons.append("one image: an interval needs at least two")
        elif plain[2] - plain[1] < 1e-12:
            plain = plain[0], *degenerate_interval(plain[0], images)
            reasons.append(EXACT)
        elif np.isnan(plain[1]):
            reasons.append(FEW_DRAWS)
        adjusted, reason = self._adjusted(images)
        return plain, adjusted, [*reasons, *([reason] if reason else [])]

    def _adjusted(self, images: int) -> tuple[Ends, str | None]:
        if self.share.adjusted is None:
            return UNKNOWN, None
        if self.share.left is not None:
            left = float(np.nansum(self._column(self.share.left)))
            if left < FEWEST_LEFT:
                return UNKNOWN, f"not adjusted: guessing alone would leave {left:.1g} of the items"
        value, low, high = self._ends(self.share.adjusted)
        if np.isnan(value):
            return UNKNOWN, "not adjusted: guessing would leave none of the items"
        known = images >= 2 and high - low > 1e-12
        ends = (value, low, high) if known else (value, np.nan, np.nan)
        return ends, ABOVE if value > 1 + 1e-12 else None

    def _missing(self) -> str | None:
        """Why there is no estimate."""
        data, missing = self.result.resampled, int(self.result.missing[self.g, 0])
        if not data.n[self.g, 0]:
            return f"no item has a score in every cell compared ({missing} missing)"
        if np.isnan(data.estimate[self.g, 0]):
            return "a task or category of this mean has no item with a score in every cell"
        return None if self._base.sum() > 0 else self.shares.empty

    def _column(self, name: str) -> Floats:
        """A column at the items of the group, the mean over seeds."""
        of_seeds = [own[name][self.group.rows] for own in self.shares.columns]
        return seed_spread.mean(np.stack(of_seeds))

    @cached_property
    def _base(self) -> Floats:
        """How much of each item of the group the share is of; 0 where a score is missing."""
        if self.share.base is not None:
            return np.nan_to_num(self._column(self.share.base))
        first = next(iter(self.shares.columns[0]))
        return (~np.isnan(self._column(first))).astype(np.float64)

    @cached_property
    def _images(self) -> int:
        """Images with an item that the share is of."""
        cluster = self.scores.items["cluster"].to_numpy()[self.group.rows]
        return len(np.unique(cluster[self._base > 0]))

    def _ends(self, formula: Formula, most: float = np.inf) -> Ends:
        """Value and interval within [0, most], since seeds are drawn as normal; none where more
        than 2.5 % of the draws have no value.

        Expanded percentile (Hesterberg 2014) by the images that the share is of: a few lost items
        are a small sample, however many there are besides.
        """
        data, names = self.result.resampled, list(self.shares.columns[0])
        means = {name: data.estimate[self.g, k : k + 1] for k, name in enumerate(names)}
        draws = {name: data.replicates[:, self.g, k] for k, name in enumerate(names)}
        value = float(formula(means)[0])
        if np.isnan(value):
            return UNKNOWN
        found = Drawn.of(formula(draws), expanded_tails(self._images), unknown=FEW_DRAWS)
        low, high = np.clip([found.low, found.high], 0.0, most)
        return value, float(low), float(high)

    def _source(self) -> str | None:
        of = self.group.rows[self._base > 0]
        own = sorted({str(name) for source in self.shares.sources for name in source[of]})
        return " and ".join(own) or None
