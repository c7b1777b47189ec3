"""Names of the analyses and figures, imported when used.

In: a name. Out: the function frame -> frame, or the figure's module. To add an analysis, write
analyses/<name>.py with a function <name>(frame, *, draws, seed) and add its row here; to add a
figure, write analyses/figures/<name>.py with select, draw and caption and add its row.

Every analysis has a figure but `cells`, whose accuracies are what the others draw, by the size of
each module (`degradation`, `overview`, `grid`), beside the costs (`efficiency`), with their error
taken apart (`seeds`); all at once they are a table; and `findings`, whose sentences name the figure
of each number.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

ANALYSES: dict[str, str] = {
    "cells": "Accuracy of every cell on every task and category",
    "degradation": "What each task loses when the language model shrinks",
    "dependence": "Visual dependence against scaling sensitivity",
    "decoupling": "The grid of perception and reasoning sizes, and the drop by module",
    "marginal": "The odds of a right answer by the parameters of both modules",
    "attribution": "Whose fault each lost item is, and what no pairing passes on",
    "thinking": "What step-by-step thinking gains at each reasoning size",
    "methods": "What perception trained to describe brings, method by method",
    "quanta": "From which size on each item is solved, and whether sizes nest",
    "leakage": "What images add, and what was known without them",
    "seeds": "Where the error of an accuracy comes from: items, seeds, single answers",
    "efficiency": "Accuracy against tokens, seconds and parameters",
    "agreement": "The suite's parser against lmms-eval's own score",
    "power": "Smallest difference of sizes that the items show",
    "findings": "Sentences made of these numbers, and what warns of them",
}
"""Name -> what it computes, in the order of the report; after what it stands on. The module has the
function's name."""
FINDINGS = "findings"
"""The analysis that also takes `tables`, those of others that were made of the same records, and
the `limit` of a look."""


ROWS: dict[str, tuple[str, str]] = {
    "methods_layout": ("methods", "layout"),
    "quanta_items": ("quanta", "items"),
    "agreement_differing": ("agreement", "differing"),
}
"""Further tables of an analysis (of single items and answers, or laid out for reading): name -> its
module and function of the tidy table."""


class Analysis(Protocol):
    """A tidy table in, a table of results out."""

    def __call__(
        self, frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0, **beside: Any
    ) -> pd.DataFrame:
        """`draws` bootstrap draws from `seed`; `beside`: see FINDINGS."""


def load_analysis(name: str) -> Analysis:
    """Imports the function. Raises KeyError for a name that is not in ANALYSES."""
    if name not in ANALYSES:
        raise KeyError(f"There is no analysis {name!r}; there are {', '.join(ANALYSES)}.")
    return cast(Analysis, getattr(importlib.import_module(f"analyses.{name}"), name))


def load_rows(name: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Imports the function of a table in ROWS, tidy table -> rows."""
    module, function = ROWS[name]
    return cast(
        "Callable[[pd.DataFrame], pd.DataFrame]",
        getattr(importlib.import_module(f"analyses.{module}"), function),
    )


@dataclass(frozen=True)
class FigureSpec:
    """A figure and the analysis whose table it draws."""

    title: str
    """Heading in the report: the quantity, not a conclusion."""
    analysis: str


FIGURES: dict[str, FigureSpec] = {
    "overview": FigureSpec("The grid of perception and reasoning sizes", "decoupling"),
    "degradation": FigureSpec("Degradation end to end, by task", "degradation"),
    "dependence": FigureSpec("Visual dependence and scaling sensitivity", "dependence"),
    "coupling": FigureSpec("Dependence and sensitivity: estimators and influence", "dependence"),
    "decoupling": FigureSpec("Accuracy lost by module, by task and category", "decoupling"),
    "attribution": FigureSpec("What mends the lost items, by task and category", "attribution"),
    "marginal": FigureSpec("Odds of a right answer by the parameters of both modules", "marginal"),
    "grid": FigureSpec("The grid of every task and category", "decoupling"),
    "thinking": FigureSpec("Gain of thinking, by reasoning size", "thinking"),
    "perceivers": FigureSpec("Accuracy by what perception was trained for", "methods"),
    "quanta": FigureSpec("Every item at every size", "quanta"),
    "efficiency": FigureSpec("Accuracy against tokens and parameters", "efficiency"),
    "latency": FigureSpec("Accuracy against model time", "efficiency"),
    "leakage": FigureSpec("Multi-modal gain and leakage, by size", "leakage"),
    "seeds": FigureSpec("Error of each accuracy: items, seeds, single answers", "seeds"),
    "agreement": FigureSpec("The suite's parser against lmms-eval's score", "agreement"),
    "power": FigureSpec("Smallest difference of sizes that the items show", "power"),
}
"""Name -> what it is, in the order of the report. The module has the figure's name."""


class FigureModule(Protocol):
    """What a module in analyses/figures defines."""

    def select(self, table: pd.DataFrame) -> pd.DataFrame:
        """Gives the rows of the analysis that the figure draws: its CSV."""

    def draw(self, table: pd.DataFrame) -> Figure:
        """Gives the figure of those rows."""

    def caption(self, table: pd.DataFrame) -> str:
        """What it shows, its n and its intervals."""


def load_figure(name: str) -> FigureModule:
    """Imports the figure's module. Raises KeyError for a name that is not in FIGURES."""
    if name not in FIGURES:
        raise KeyError(f"There is no figure {name!r}; there are {', '.join(FIGURES)}.")
    return cast(FigureModule, importlib.import_module(f"analyses.figures.{name}"))
