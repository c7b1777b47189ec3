"""Answers to look at on the page: lost items, differing scores, and an item of each category.

In: the tidy table, and the run's directory for what was asked. Out: tables and cards of a few rows
as plain values. The choice depends on the records alone; `item` of a row is what was asked, None
where it is not at hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analyses import agreement
from analyses.attribution_examples import CORNERS, attribution_examples
from analyses.figures.parts.style import by_perceiver
from analyses.table.sizes import DECOUPLED, as_decoupled
from suite.answers.leaks import told_by_contents, told_by_description
from suite.base.json_values import rows_of
from suite.report.item_cards import cut, with_items
from suite.report.page_tables import COUNT, ITEM, LONG, READ, SHARE, TEXT, Table
from suite.report.summary import MODES
from suite.runs.faults import RIGHT, mark

LOST_EACH = 3
"""Lost items of a class, family and reasoning mode."""
MOST = 20
"""Differing texts: the first of every task and rule, then the second of each, and so on."""
CARDS = 40
"""Items among the samples."""
NOTHING = "(nothing)"
CLASSES: dict[str, tuple[str, tuple[bool, ...]]] = {
    "perception_alone": ("larger perception alone mends it", (False, True, False, True)),
    "reasoning_alone": ("larger reasoning alone mends it", (False, False, True, True)),
    "either": ("either larger module mends it", (False, True, True, True)),
    "only_both": ("only both larger modules mend it", (False, False, False, True)),
    "bottleneck": ("solved end to end, by no pairing", (False, False, False, False)),
}
"""Class -> its text, and which of the four corners are right."""


def lost(frame: pd.DataFrame, folder: Path) -> tuple[Table, str] | None:
    """Gives a few items of each class of the attribution, of pairings after thinking where there
    are any, and how they reason: by whose fault they are lost."""
    table = by_perceiver(attribution_examples(frame, each=LOST_EACH))
    if not len(table):
        return None
    if table["thinking"].any():
        table = table[table["thinking"].astype(bool)]
    several = len(table["family"].unique()) > 1
    rows = with_items(rows_of(table), folder)[0]
    corners = ("P S, R S", "P L, R S", "P S, R L", "P L, R L")
    shown = Table(
        "Lost items, by what mends them",
        (
            *(("class", TEXT), ("item", ITEM), ("gold", TEXT)),
            *((name, READ) for name in (*corners, "end to end")),
        ),
        [_lost(row, several) for row in rows],
    )
    return shown, MODES[bool(table["thinking"].iloc[0])]


def _lost(known: dict[str, Any], several: bool) -> list[Any]:
    name, rights = CLASSES[str(known["class"])]
    seen = known["end_to_end"]
    read = [*(known[corner] for corner in CORNERS), seen]
    right = (*rights, seen is not None and seen == known["answer"])
    sizes = ("small", "large")
    texts = [(f"{s} perception wrote", cut(known[f"description_{s}"])) for s in sizes]
    return [
        f"{known['family']}: {name}" if several else name,
        known | {"texts": [(who, text) for who, text in texts if text]},
        known["answer"],
        *({"read": text, "right": own} for text, own in zip(read, right)),
    ]


def differing(frame: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """Gives answers that the suite's parser and lmms-eval's own score tell apart.

    `table` to show; `texts`, how many different ones there are; `answers`, in how many answers. All
    of them are in tables/agreement_differing.csv.
    """
    found = agreement.differing(frame)
    turn = found.groupby(["task", "rule"], sort=False).cumcount()
    chosen = found.loc[turn.sort_values(kind="stable").index[:MOST]].sort_index()
    columns = {"item": ITEM, "answer": LONG, "cell": TEXT, "gold": TEXT, "read as": TEXT}
    columns |= {"rule": TEXT, "suite": SHARE, "lmms-eval": SHARE, "answers": COUNT}
    same = ("cell", "answer", "prediction", "rule", "score", "lmms_score", "answers")
    table = Table(
        "Answers that two scorers tell apart",
        tuple(columns.items()),
        [
            [row | {"texts": []}, cut(row["text"]) or NOTHING, *(row[name] for name in same)]
            for row in with_items(rows_of(chosen), folder)[0]
        ],
    )
    return {"table": table, "texts": len(found), "answers": int(found["answers"].sum())}


def samples(frame: pd.DataFrame) -> tuple[list[dict[str, Any]], int]:
    """Gives a card for an item of each task and category, CARDS at most, and how many categories
    have none.

    It is one on which the chosen cells differ where there is one, the first in a fixed
    pseudo-random order. A card has its `answers`, and as many tasks as can be have one before a
    second category of any.
    """
    cells = _cells(frame)
    rows = frame[frame["cell"].isin(cells) & ~frame["failed"]]
    rows = rows.sort_values("sample", kind="stable").drop_duplicates(["cell", "task", "item_id"])
    rows = rows.sort_index()
    keys = ["task", "category"]
    order = [
        hashlib.sha256(f"{task}/{item}".encode()).hexdigest()
        for task, item in zip(rows["task"], rows["item_id"])
    ]
    right = rows["score"] >= RIGHT
    of_item = right.groupby([rows["task"], rows["item_id"]])
    rows = rows.assign(order=order, right=right, alike=of_item.transform("nunique") < 2)
    first = rows.sort_values(["alike", "order"]).drop_duplicates(keys)
    first = first.set_index(keys).loc[list(dict.fromkeys(zip(rows["task"], rows["category"])))]
    turn = first.groupby(level="task", sort=False).cumcount().to_numpy()
    kept = sorted(turn.argsort(kind="stable")[:CARDS])
    cards = []
    for asked in rows_of(first.reset_index()[[*keys, "item_id"]].iloc[kept]):
        own = rows[(rows["task"] == asked["task"]) & (rows["item_id"] == asked["item_id"])]
        answers = {row["cell"]: row for row in rows_of(own)}
        cards.append(
            {
                **asked,
                "answer": own["answer"].iloc[0],
                "answers": [_answer(answers[cell]) for cell in cells if cell in answers],
            }
        )
    return cards, len(first) - len(kept)


def with_leaks(
    cards: Sequence[dict[str, Any]], contents: Mapping[tuple[str, str], Sequence[str]]
) -> list[dict[str, Any]]:
    """Gives cards that have their items with their contents to observe, and the words in these and
    in descriptions that say more than they may."""
    found = []
    for card in cards:
        item = card["item"] and card["item"]["asked"]
        told = [
            {"text": cut(text), "leaks": told_by_contents(text, item) if item else []}
            for text in contents.get((card["task"], card["item_id"]), ())
        ]
        answers = [
            answer | {"leaks": told_by_description(answer["description"] or "", item)}
            if item and answer["leak"]
            else answer | {"leaks": []}
            for answer in card["answers"]
        ]
        found.append(card | {"contents": told, "answers": answers})
    return found


def _cells(frame: pd.DataFrame) -> list[str]:
    """The largest end-to-end cell, and the largest and smallest decoupled pairing."""
    cells = as_decoupled(frame.drop_duplicates("cell"))
    found = []
    for method, last in (("end_to_end", True), (DECOUPLED, True), (DECOUPLED, False)):
        own = cells[cells["method"] == method]
        if method == DECOUPLED:
            own = own[own["thinking"]] if own["thinking"].any() else own
        own = own.sort_values(["perception_params", "reasoning_params"], kind="stable")
        if len(own):
            found.append(str(own["cell"].iloc[-1 if last else 0]))
    if not found and len(cells):
        found = [str(cells["cell"].iloc[0])]
    return list(dict.fromkeys(found))


def _answer(row: dict[str, Any]) -> dict[str, Any]:
    """What a card shows of an answer; missing texts are None."""
    texts = {name: cut(row[name]) for name in ("description", "thinking_text", "text")}
    same = ("cell", "right", "leak", "prediction", "parsed", "rule", "score", "finish_reason")
    return texts | {name: row[name] for name in same} | {"mark": mark(row)}
