"""Writes gold.parquet and contents.parquet beside this file: what perception would say of the items
of micro.yaml if it saw all, and what it would be asked to look at.

    python results/real_text/record_gold.py
"""

from pathlib import Path

import pandas as pd

from suite import load_study
from suite.items.load import load_items

FOLDER = Path(__file__).parent


def main() -> None:
    """Reads the study's items and writes a row of each."""
    study = load_study(FOLDER / "micro.yaml")
    items = [
        item
        for row in study.tasks
        for item in load_items(row.task, limit=row.limit or study.limit).items
    ]
    keys = {"task": [i.task for i in items], "item_id": [i.item_id for i in items]}
    gold = [item.gold_description for item in items]
    pd.DataFrame({**keys, "text": gold}).to_parquet(FOLDER / "gold.parquet", index=False)
    pd.DataFrame({**keys, "text": "all"}).to_parquet(FOLDER / "contents.parquet", index=False)


if __name__ == "__main__":
    main()
