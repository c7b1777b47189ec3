"""Names of the analyses, imported when used: what `downscale analyze NAME` can compute.

In: a name. Out: the function frame -> frame. To add an analysis, write analyses/<name>.py with a
function <name>(frame, *, draws, seed) and add its row here.
"""

from __future__ import annotations

import importlib
from typing import Protocol, cast

import pandas as pd

ANALYSES: dict[str, str] = {
    "cells": "Accuracy of every cell on every task and category",
    "degradation": "What each task loses when the language model shrinks",
    "dependence": "Visual dependence against scaling sensitivity",
    "decoupling": "The grid of perception and reasoning sizes, and the drop by module",
    "thinking": "What step-by-step thinking gains at each reasoning size",
    "efficiency": "Accuracy against tokens, seconds and parameters",
}
"""Name -> what it computes, in the order of the report. The module has the function's name."""


class Analysis(Protocol):
    """A tidy table in, a table of results out."""

    def __call__(self, frame: pd.DataFrame, *, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
        """`draws` bootstrap draws from `seed`."""


def load_analysis(name: str) -> Analysis:
    """The function. Raises KeyError for a name that is not in ANALYSES."""
    if name not in ANALYSES:
        raise KeyError(f"There is no analysis {name!r}; there are {', '.join(ANALYSES)}.")
    return cast(Analysis, getattr(importlib.import_module(f"analyses.{name}"), name))
