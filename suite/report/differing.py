"""Answers that the suite's parser and lmms-eval's own score tell apart, a few to look at.

In: the tidy table and the run's directory. Out: plain values for the page's table. All of them are
in tables/agreement_differing.csv.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from analyses.agreement import differing
from suite.report import samples

MOST = 20
"""Texts on the page: the first of every task and rule, then the second of each, and so on."""
LONGEST = 300
"""Characters of a text."""


def examples(frame: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """`rows` to show; `texts`, how many different ones there are; `answers`, in how many answers.

    `item` of a row is what was asked, None where it is not at hand.
    """
    table = differing(frame)
    turn = table.groupby(["task", "rule"], sort=False).cumcount()
    chosen = table.loc[turn.sort_values(kind="stable").index[:MOST]].sort_index()
    rows = [_row({str(k): v for k, v in row.items()}) for row in chosen.to_dict("records")]
    return {
        "rows": samples.with_items(rows, folder)[0],
        "texts": len(table),
        "answers": int(table["answers"].sum()),
    }


def _row(example: dict[str, Any]) -> dict[str, Any]:
    known = {name: None if pd.isna(value) else value for name, value in example.items()}
    same = ("task", "category", "item_id", "cell", "answer", "prediction", "rule", "answers")
    return {name: known[name] for name in (*same, "score", "lmms_score")} | {
        "text": samples.cut(known["text"], LONGEST)
    }
