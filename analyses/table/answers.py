"""What was answered, beside how it was scored: counts of samples and of the options they name.

In: the tidy table and its `Scores`. Out: an `Answers`: per item and cell how many answers there
are and how many are right; and how likely a few cells together would all miss a random option.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyses.stats.arrays import Floats
from analyses.table.scores import Scores


@dataclass(frozen=True)
class Answers:
    """Counts over samples, (items, cells) each."""

    right: Floats
    """Sum of scores."""
    count: Floats
    """Answers with a score."""
    whole: npt.NDArray[np.bool_]
    """Whether every answer is right or wrong, none in part."""
    named: tuple[Floats, ...]
    """Answers that name option A, B, ..."""
    options: Floats
    """(items,): number of options; 0 where the answer is no letter among them."""
    chance: Floats
    """(items,): accuracy of guessing."""

    @classmethod
    def of(cls, frame: pd.DataFrame, scores: Scores) -> Answers:
        """Counts the answers of a tidy table. Raises ValueError where it has no predictions."""
        for name in ("prediction", "answer", "n_options"):
            if name not in frame.columns:
                raise ValueError(
                    f"The table has no column {name!r}; read it with suite.load_results."
                )
        score = frame["score"].to_numpy(dtype=np.float64, na_value=np.nan)
        valid = ~np.isnan(score)
        score = np.where(valid, score, 0.0)
        prediction = frame["prediction"].astype(object).to_numpy()
        options = _options(frame, scores)
        letters = ascii_uppercase[: int(options.max(initial=0))]
        return cls(
            scores.total(score),
            scores.total(valid),
            scores.total(score * (1 - score)) == 0,
            tuple(scores.total((prediction == letter) & valid) for letter in letters),
            options,
            scores.items["chance"].to_numpy(dtype=np.float64),
        )

    def all_miss(self, cells: npt.NDArray[np.intp]) -> Floats:
        """Chance that no cell would name the right option, were it any of the n alike; (items,).

        sum over options o of prod over cells (1 - share of its answers that name o), over n: with
        single answers that name d different options, (n - d) / n. It takes the answers as they are,
        so cells that guess alike are not taken for independent tries. (1 - chance)^cells where the
        answers are no letters.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            spared = [np.prod(1 - (k / self.count)[:, cells], axis=1) for k in self.named]
        total = np.zeros(len(self.options))
        for k, part in enumerate(spared):
            total += np.where(k < self.options, part, 0.0)
        apart = (1 - self.chance) ** len(cells)
        known = self.options > 0
        return np.where(known, total / np.where(known, self.options, 1.0), apart)


def _options(frame: pd.DataFrame, scores: Scores) -> Floats:
    """Options of each item; 0 where its gold answer is not one of their letters."""
    asked, first = np.unique(scores.row_of, return_index=True)
    rows = frame.iloc[first]
    n = rows["n_options"].to_numpy(dtype=np.float64, na_value=0.0)
    answer = rows["answer"].astype(str).to_numpy()
    place = np.asarray([ascii_uppercase.find(a) if len(a) == 1 else -1 for a in answer])
    options = np.zeros(len(scores.items))
    options[asked] = np.where((place >= 0) & (place < n) & (n <= len(ascii_uppercase)), n, 0.0)
    return options
