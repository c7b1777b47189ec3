"""The claims of the paper, recomputed from its published tables.

In: the tables of results/paper as frames, by name (`TABLES` says which columns each must have).
Out: a row per claim with the published number, the number that the tables give, and a verdict:

- `holds`: the recomputed number rounds to the published one at the digits that were published
  (relation `=`), is above it (`>`), or is within 0.1 of it (`±0.1`, an average against the mean of
  its row, both printed with one decimal);
- `differs`: it does not;
- `not determined`: the published tables do not hold what the claim was computed from.

`low` and `high` bound the recomputed number over all values that round to the printed entries: a
table printed with one decimal does not fix a ratio further. Accuracies are percentages; `unit` says
what each number is. Source: Endo and Yeung-Levy 2025, arXiv:2511.17487v2, Table 2, Figure 5,
Table A1 and the text.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from analyses.paper.asked import unpublished
from analyses.paper.claims import TABLES, Claim, Tables, claims

HOLDS, DIFFERS, NOT_DETERMINED = "holds", "differs", "not determined"
COLUMNS = (
    *("claim", "published", "recomputed", "verdict", "unit", "relation"),
    *("low", "high", "computed_from", "note"),
)


def published(tables: Tables) -> pd.DataFrame:
    """Gives a row per claim (COLUMNS). Raises ValueError naming a missing table or column, or one
    that holds something else than numbers."""
    tables = {name: checked(tables, name) for name in TABLES}
    rows = [_row(claim, tables) for claim in claims(tables)]
    return pd.DataFrame([*rows, *_undetermined(tables)], columns=list(COLUMNS))


def checked(tables: Tables, name: str) -> pd.DataFrame:
    """Reads the numbers of the table as numbers; ValueError says what it lacks."""
    if name not in tables:
        raise ValueError(f"The published table {name} is missing.")
    missing = [column for column in TABLES[name] if column not in tables[name].columns]
    if missing:
        raise ValueError(f"The published table {name} has no column {missing[0]!r}.")
    text = ("method", "setup", "perception_training", "perception_module")
    table = tables[name].copy()
    for column in TABLES[name]:
        if column not in text:
            try:
                table[column] = pd.to_numeric(table[column])
            except (TypeError, ValueError):
                raise ValueError(
                    f"Column {column!r} of the published table {name} holds something else than "
                    "numbers."
                ) from None
    return table


def _row(claim: Claim, tables: Tables) -> dict[str, object]:
    printed = [entry.read(tables) for entry in claim.entries]
    value = claim.value(printed)
    known = bool(np.isfinite(value))
    absent = [str(entry) for entry, number in zip(claim.entries, printed) if np.isnan(number)]
    low, high = _range(claim, printed) if known else (np.nan, np.nan)
    source = f"{claim.entries[0].table}: {claim.formula}"
    return {
        "claim": claim.claim,
        "published": claim.published,
        "recomputed": value if known else np.nan,
        "verdict": _verdict(claim, value) if known else NOT_DETERMINED,
        "unit": claim.unit,
        "relation": claim.relation,
        "low": low,
        "high": high,
        "computed_from": source if known else None,
        "note": claim.note if known else f"the table lacks {absent[0] if absent else 'a number'}",
    }


def _verdict(claim: Claim, value: float) -> str:
    slack = 1e-9  # of floating point, so that 5.25 - 0.05 is within 0.05 of 5.2
    if claim.relation == ">":
        holds = value > claim.published + slack
    else:
        reach = 0.1 if claim.relation != "=" else 0.5 * 10.0**-claim.digits
        holds = abs(value - claim.published) <= reach + slack
    return HOLDS if holds else DIFFERS


def _range(claim: Claim, printed: Sequence[float]) -> tuple[float, float]:
    """Least and largest value over the entries' rounding.

    Every formula is monotone in each entry, so the extremes lie where each entry is at an end.
    """
    ends = [
        sorted({number - entry.half_unit, number + entry.half_unit})
        for entry, number in zip(claim.entries, printed)
    ]
    values = [claim.value(corner) for corner in itertools.product(*ends)]
    return min(values), max(values)


def _undetermined(tables: Tables) -> Iterator[dict[str, object]]:
    for claim in unpublished(tables):
        yield {
            **{"claim": claim.claim, "published": claim.published, "recomputed": np.nan},
            **{"verdict": NOT_DETERMINED, "unit": claim.source.unit, "relation": "="},
            **{"low": np.nan, "high": np.nan, "computed_from": None, "note": claim.note},
        }
