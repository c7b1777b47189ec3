"""Tables of the command line: what fits a terminal, what a pipe gets, how numbers are written."""

from __future__ import annotations

import io
import sys
from typing import Any

import click
import pandas as pd
import pytest
from click.shell_completion import ShellComplete

from suite.cli import cli
from suite.cli.analyze import _values
from suite.cli.output import (
    FEW,
    LINES,
    NARROWEST,
    PValue,
    cell_text,
    few,
    fit,
    print_found,
    print_lines,
    print_table,
    talk_reasons,
)
from tests.suite.cli_study import GRID


class Terminal(io.StringIO):
    """A stdout that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """The stdout from here on; not a fixture, because capsys sets its own before a test begins."""
    found = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", found)
    return found


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (True, "yes"),
        (12345, "12,345"),
        (0.0004, "0.000"),
        (PValue(0.0004), "<0.001"),
        (PValue(0.0005), "0.001"),
        ("[b]", "[b]"),
        ("颜色\n\x1b[2J", "颜色 \\x1b[2J"),
    ],
)
def test_cells(value: object, text: str) -> None:
    assert cell_text(value) == text


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, (3, [20, 5, 5])),
        (36, (3, [20, 5, 5])),
        (35, (2, [20, 5, 5])),
        (33, (1, [20, 5, 5])),
        (31, (1, [19, 5, 5])),  # the text is folded, the numbers are whole
        (24, (1, [NARROWEST, 5, 5])),
        (23, (1, [17, 5])),  # the last column has no room, and the others take it
        (9, (1, [9])),
    ],
)
def test_fit(limit: int | None, expected: tuple[int, list[int]]) -> None:
    assert fit([20, 5, 5], [False, True, True], limit) == expected


def test_a_pipe_gets_a_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    long = "a task " * 60
    print_table(["task", "n"], [[long, 7], ["short", 1234]], title="Tasks")
    shown = capsys.readouterr().out.splitlines()
    assert [line.split() for line in shown] == [
        ["Tasks"],
        ["task", "n"],
        ["─" * (len(long) + 3 + 5)],
        [*long.split(), "7"],
        ["short", "1,234"],
        [],
    ]
    assert all(line == line.rstrip() for line in shown)


def test_a_terminal_gets_what_fits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stdout = terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "40")
    names = ["task", "estimate", "detectable", "n"]
    print_table(names, [["a_long_name_of_a_task", 0.25, 0.5, 60], ["b", 0.125, None, 9]])
    lines = click.unstyle(stdout.getvalue()).splitlines()
    assert max(map(len, lines)) <= 40
    assert [line.split() for line in lines if "0." in line] == [
        ["a_long_name_of_a_", "0.250", "0.500", "60"],
        ["b", "0.125", "–", "9"],
    ]
    monkeypatch.setenv("COLUMNS", "24")
    print_table(names, [["a_long_name_of_a_task", 0.25, 0.5, 60]])
    assert capsys.readouterr().err == (
        "  detectable, n: no room in this terminal; --json has them, and so has the table in a "
        "pipe or file.\n"
    )


def test_a_terminal_gets_few_rows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of rows and coarser ones that are FEW, else the beginning of the coarsest."""
    many, some, two = [str(n) for n in range(50)], [str(n) for n in range(30)], ["a", "b"]
    assert few(many, False, [some]) == many, "a pipe gets them all"
    terminal(monkeypatch)
    assert few(many, True, [some, two]) == many
    assert few(many[:FEW], False, [two]) == many[:FEW]
    assert few(many, False, [some, two]) == two
    assert few(many, False, [some]) == some[:FEW]
    print_lines(many, False, [two])
    print_table(["n"], [[n] for n in many], everything=False, coarser=[[]])
    print_table(["n"], [[n] for n in many], everything=True)
    assert capsys.readouterr().err.splitlines() == [
        "  2 of 50 rows: --all shows every one, and so do a pipe and --json.",
        "  50 rows: --all shows every one, and so do a pipe and --json.",
    ]


@pytest.mark.parametrize(
    ("words", "begun", "found"),
    [
        (["run"], "micro_f", ["micro_full"]),
        (["analyze"], "degr", ["degradation"]),
        (["figures", "runs/micro", "grid"], "think", ["thinking"]),
        (["models"], "smo", ["smollm2", "smolvlm"]),
        (["compare", "old", "new", "--task"], "mms", ["mmstar"]),
    ],
)
def test_a_shell_completes_names(words: list[str], begun: str, found: list[str]) -> None:
    shell = ShellComplete(cli, {}, "downscale", "_DOWNSCALE_COMPLETE")
    given = shell.get_completions(words, begun)
    assert [item.value for item in given if item.type == "plain"] == found


def test_reasons_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    talk_reasons(["once", "twice", "twice"])
    assert capsys.readouterr().err == "  2 rows: twice.\n  1 row: once.\n"


def test_counts_with_a_missing_row_are_whole_numbers() -> None:
    nan = float("nan")
    assert _values(pd.Series([60.0, nan])) == [60, None]
    assert _values(pd.Series([60.0, float("inf")])) == [60.0, float("inf")]
    assert _values(pd.Series([1.0, 0.0])) == [1.0, 0.0]  # accuracies
    (p, missing) = _values(pd.Series([0.0, nan], name="p"))
    assert (cell_text(p), missing) == ("<0.001", None)


def finding(
    kind: str, sentence: str, *, headline: bool = True, warns: bool = False
) -> dict[str, Any]:
    return {"kind": kind, "sentence": sentence, "headline": headline, "warns": warns}


def test_what_was_found_ends_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    """The first of every kind, then the second of any, warnings last; what adds to them is not."""
    rows = [
        finding("fall", "It falls."),
        finding("fall", "It falls there."),
        finding("power", "It\x1b[31m shows."),
        finding("failed", "3 failed.", warns=True),
        finding("fall", "And there.", headline=False),
    ]
    print_found({"grid": GRID, "findings": rows}, "r.html")
    assert capsys.readouterr().out.splitlines() == [
        "",
        "Accuracy <of pairings>",
        "         s      l",
        "  s  0.250  0.500",
        "  l  0.750      –",
        "It falls.",
        "It\\x1b[31m shows.",
        "It falls there.",
        "3 failed.",
        "1 more finding: r.html",
    ]


def test_what_finds_no_room_is_counted_and_warnings_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [finding(f"kind {n}", f"Sentence {n}.") for n in range(20)]
    rows += [finding("one_seed", "One seed.", warns=True)]
    print_found({"grid": GRID, "findings": rows}, "r.html")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == LINES
    assert lines[-1] == "12 more findings, one seed among them: r.html"


def test_nothing_found_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_found({"grid": None, "findings": []}, "r.html")
    assert not capsys.readouterr().out.strip()
