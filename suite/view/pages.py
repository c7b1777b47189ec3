"""What the pages show, as plain values for the templates.

In: an opened run, and the words of an address. Out: numbers with the items behind them, a page of
items by filter, one item with all its answers, what changed between two runs. An address holds
everything: the same address gives the same page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from suite.errors import SuiteError, cut, nearest, shown
from suite.planning.cells import matching
from suite.runs.changes import Changes
from suite.runs.faults import BLAMES
from suite.runs.index import MARKS, NEVER, NONE, NOT_RIGHT, Index, Ints, Wanted
from suite.runs.words import FIELDS, grid_name
from suite.view.runs import Opened, Run
from suite.view.words import Query

PAGE = 50
"""Items on a page."""
SAID = 200
"""Letters of a question in a list."""


def wanted(query: Query, index: Index) -> Wanted:
    """Reads a filter. Raises SuiteError for a value that the run does not have."""
    _check(query.get("task"), index.values("task"), "task")
    _check(query.get("category"), index.values("category"), "category")
    _check(query.get("mark"), [*MARKS, NOT_RIGHT], "mark")
    _check(query.get("rule"), [rule or NONE for rule in index.rules], "rule")
    _check(query.get("blame"), BLAMES, "fault")
    _check(query.get("solved"), [*index.rungs, NEVER], "size")
    cell = query.get("cell")
    return Wanted(
        query.get("task"),
        query.get("category"),
        tuple(matching(index.names, [cell], "cell")) if cell else (),
        *(query.get(name) for name in ("mark", "rule", "blame", "solved", "q", "said")),
    )


def _check(value: str, known: Iterable[str], what: str) -> None:
    if value and value not in (names := list(known)):
        raise SuiteError(f"The run has no {what} {shown(value)}{nearest(value, names)}.")


def found(query: Query, opened: Opened, changes: Changes | None) -> Ints:
    """Gives the numbers of the items that an address asks for."""
    numbers = opened.index.find(wanted(query, opened.index))
    if changes is None:
        return numbers
    _check(query.get("change"), ("gained", "lost"), "change")
    kept = changes.kept(query.get("change"), wanted(query, opened.index).cells)
    return numbers[kept[numbers]]


def listed(query: Query, opened: Opened, changes: Changes | None) -> dict[str, Any]:
    """Gives one page of the items that are as an address asks."""
    index = opened.index
    numbers = found(query, opened, changes)
    pages = max(1, -(-len(numbers) // PAGE))
    text = query.get("page")
    page = min(max(int(text), 1), pages) if text.isdecimal() and len(text) < 9 else 1
    own = numbers[(page - 1) * PAGE : page * PAGE]
    marks = index.of_items(own)
    rows = [_row(query, index, int(n), marks[int(n)], changes) for n in own]
    near = {"previous": page - 1 if page > 1 else None, "next": page + 1 if page < pages else None}
    return {
        "rows": rows,
        "count": len(numbers),
        "of": len(index.items),
        "answers": len(index),
        "page": page,
        "pages": pages,
        **{
            name: None if number is None else query.address("items", page=number)
            for name, number in near.items()
        },
        "unshown": index.questions[1],
    }


def _row(
    query: Query,
    index: Index,
    number: int,
    marks: Mapping[int, Sequence[str]],
    changes: Changes | None,
) -> dict[str, Any]:
    item = index.items.iloc[number]
    asked = index.questions[0].get((item["task"], item["item_id"]))
    question = None if asked is None else cut(asked.question, SAID)
    return {
        "address": item_address(query, index, number),
        **{name: item[name] or "" for name in ("task", "category", "item_id")},
        "question": question,
        "blame": index.blame[number],
        "solved": index.solved[number],
        "grids": [marked(shape, index, marks) for shape in index.shapes],
        "change": None if changes is None else changes.of_item(number),
    }


def item_address(query: Query, index: Index, number: int) -> str:
    """Gives the address of an item's page, which keeps the filter."""
    row = index.items.iloc[number]
    # The item's own task stands where the filter's would: it need not be kept where there is one.
    words = {**query.words, "item": f"{row['task']}/{row['item_id']}"}
    words.pop("page", None)
    return Query(words).address("item")


def marked(
    shape: Mapping[str, Any], index: Index, marks: Mapping[int, Sequence[str]]
) -> dict[str, Any]:
    """Gives a grid with the marks of one item's answers."""
    cells = shape["cells"]
    own = [[list(marks.get(index.code.get(c, -1), ())) for c in row] for row in cells]
    return {**shape, "marks": own}


def numbers(query: Query, opened: Opened) -> dict[str, Any]:
    """Gives the accuracies of a run, by task and cell, each with the address of its items."""
    index = opened.index
    query = query.plain()
    tasks = index.values("task")
    accuracy = index.accuracy

    def told(cell: str, task: str) -> dict[str, Any] | None:
        if (cell, task) not in accuracy:
            return None
        value, count = accuracy[cell, task]
        return {
            "value": value,
            "n": count,
            "address": query.address("items", task=task, cell=cell, mark=NOT_RIGHT),
        }

    grids = [
        {
            **shape,
            "tasks": [
                {
                    "task": task,
                    "rows": [[told(cell, task) for cell in row] for row in shape["cells"]],
                }
                for task in tasks
                if any((cell, task) in accuracy for row in shape["cells"] for cell in row)
            ],
        }
        for shape in index.shapes
        if len(shape["cells"]) > 1
    ]
    blamed = [
        {"name": name, "count": int(np.sum(index.blame == name)),
         "address": query.address("items", blame=name)}
        for name in BLAMES
    ]  # fmt: skip
    return {
        "answers": len(index),
        "items": len(index.items),
        "tasks": tasks,
        "grids": grids,
        "blamed": [row for row in blamed if row["count"]],
        "cells": [
            {"cell": cell, "values": [told(cell, task) for task in tasks]} for cell in index.names
        ],
        "unread": query.address("items", mark="unread"),
        "failed": query.address("items", mark="failed"),
        "counts": dict(zip(MARKS, np.bincount(index.mark, minlength=len(MARKS)).tolist())),
    }


def choices(query: Query, opened: Opened, changes: Changes | None) -> list[dict[str, Any]]:
    """Gives the filters of a run, each with its values and what they are called."""
    found = opened.index.choices()
    if changes is not None:
        found = {"change": ["gained", "lost"], **found}
    return [
        {"name": name, "label": FIELDS[name], "chosen": query.get(name), "values": values}
        for name, values in found.items()
        if len(values) > 1 or query.get(name)
    ]


def item(
    query: Query, opened: Opened, changes: Changes | None, other: Opened | None
) -> dict[str, Any]:
    """Gives everything about one item, and the items before and after it as the address filters.

    Raises SuiteError for an item that the run has not.
    """
    index = opened.index
    task, _, item_id = query.get("item").partition("/")
    at = np.flatnonzero(
        ((index.items["task"] == task) & (index.items["item_id"] == item_id)).to_numpy()
    )
    if not len(at):
        raise SuiteError(
            f"The run has no item {shown(item_id)} of {shown(task)}: the address is of another run."
        )
    number = int(at[0])
    around = found(query, opened, changes)
    place = int(np.searchsorted(around, number))
    inside = place < len(around) and around[place] == number
    before = around[place - 1] if place > 0 else None
    after = around[place + 1 if inside else place :][:1]
    value: dict[str, Any] = {
        "found": told(opened, number),
        "solved": index.solved[number],
        "place": place + 1 if inside else None,
        "count": len(around),
        "previous": None if before is None else item_address(query, index, int(before)),
        "next": item_address(query, index, int(after[0])) if len(after) else None,
        "up": query.address("items", item=None, page=place // PAGE + 1 if place >= PAGE else None),
        "changed": [],
        "other": None,
    }
    if changes is not None and other is not None:
        value["other"] = told(other, changes.theirs(number))
        value["changed"] = changes.pairs_of(number)
    return value


def told(opened: Opened, number: int) -> dict[str, Any]:
    """Gives what the explorer says of an item, with the answers by what they are of."""
    row = opened.index.items.iloc[number]
    rows = opened.index.rows(number).tolist()
    found = opened.explorer.item(row["item_id"], task=row["task"], rows=rows)
    stages: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    for answer in found["answers"]:
        for place, stage in enumerate(answer["stages"][:-1]):
            who = stage["model"] or (f"perception {answer['perception']}" if place else "")
            text = stage["text"] if stage["error"] is None else f"Failed: {stage['error']}"
            if text is not None:
                stages.setdefault(stage["stage"], {}).setdefault(
                    (who, text), {**stage, "who": who, "said": text}
                )
    found["upstream"] = {name: list(own.values()) for name, own in stages.items()}
    for blame in found["blame"]:
        blame["name"] = grid_name(blame, found["blame"])
    marks = opened.index.of_items([number])[number]
    found["grids"] = [marked(shape, opened.index, marks) for shape in opened.index.shapes]
    return found


def run_row(run: Run) -> dict[str, Any]:
    """Says of a run, for the list of runs, what provenance.json says."""
    facts = run.facts
    study, family = facts.get("study") or {}, facts.get("family") or {}
    return {
        "name": run.name,
        "study": str(study.get("study", "")),
        "family": str(family.get("name", "")),
        "ended": str(facts.get("ended") or "")[:16].replace("T", " "),
        "going_on": run.going_on,
        "records": run.records.is_file(),
    }
