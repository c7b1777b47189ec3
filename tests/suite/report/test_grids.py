"""The cells of a run as grids: every number in its place, nothing where nothing was run.

In: cells of two sizes whose accuracies are known. Out: the grids of the page.
"""

from __future__ import annotations

import pandas as pd

from suite.report import grids

PARAMS = {"s": 1e3, "l": 9e3, None: None}
CELLS = [
    ("end_to_end/P=l", "end_to_end", "l", None, False, 0.8),
    ("end_to_end/P=s", "end_to_end", "s", None, False, 0.5),
    ("blind/P=l", "blind", "l", None, False, 0.3),
    ("text_only/R=s/direct", "text_only", None, "s", False, 0.2),
    ("text_only/R=s/think", "text_only", None, "s", True, 0.1),
    ("decoupled/P=s/R=s/direct", "decoupled", "s", "s", False, 0.4),
    ("decoupled/P=s/R=l/direct", "decoupled", "s", "l", False, 0.6),
    ("decoupled/P=l/R=s/direct", "decoupled", "l", "s", False, 0.7),
    ("decoupled/P=l/R=l/think", "decoupled", "l", "l", True, 0.9),
]
NAMES = ("cell", "method", "perception", "reasoning", "thinking", "accuracy")


def run() -> tuple[pd.DataFrame, pd.DataFrame]:
    cells = pd.DataFrame(CELLS, columns=list(NAMES))
    about = cells.assign(
        family="f",
        perceiver="instruct",
        task="a",
        **{f"{axis}_params": cells[axis].map(PARAMS) for axis in ("perception", "reasoning")},
    )
    known = {"group": None, "domain": "out_of_domain", "low": 0.0, "high": 1.0, "n": 7}
    return about.drop(columns="accuracy"), about.assign(**known)


def test_every_number_has_its_place() -> None:
    [part] = grids.parts(*run())
    assert (part.task, part.mean) == ("a", False)
    told = {
        grid.name: (
            grid.down,
            grid.across,
            [[value and value["accuracy"] for value in row] for row in grid.rows],
        )
        for grid in part.grids
    }
    assert told == {
        "After thinking": (("l",), ("l",), [[0.9]]),
        "Answering directly": (("s", "l"), ("s", "l"), [[0.4, 0.6], [0.7, None]]),
        "One model alone": (("end to end", "blind"), ("s", "l"), [[0.5, 0.8], [None, 0.3]]),
        "Reasoning alone": (
            ("text only, answering directly", "text only, after thinking"),
            ("s",),
            [[0.2], [0.1]],
        ),
    }


def test_a_task_without_a_method_has_no_row_of_it() -> None:
    about, cells = run()
    b = cells[cells["method"] == "end_to_end"].assign(task="b", domain="in_domain")
    both = pd.concat([about, about[about["method"] == "end_to_end"].assign(task="b")])
    mean = b.assign(task="in_domain")
    parts = grids.parts(both, pd.concat([cells, b, mean]))
    assert [(part.task, part.mean) for part in parts] == [
        ("in_domain", True),
        ("a", False),
        ("b", False),
    ]
    assert [grid.name for grid in parts[2].grids] == ["One model alone"]
    assert parts[2].grids[0].down == ("end to end",)
