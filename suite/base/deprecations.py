"""Keeps off the screen what libraries announce to the authors of code, who alone can heed it.

In: nothing. Out: filters of warnings in this process; in the suite's own ones the level of
transformers' logger too.
"""

from __future__ import annotations

import os
import warnings


def hide_deprecations(*, logger: bool = False) -> None:
    """Hides the deprecations of libraries.

    What a person said before holds: -W, PYTHONWARNINGS, filters, TRANSFORMERS_VERBOSITY. So does
    what their own script or notebook (the module __main__) calls. logger: whether the process is
    the suite's own, so that transformers' logger speaks to nobody else.
    """
    if logger:
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
        warnings.filterwarnings("ignore", "", category, r"(?!__main__$)", append=True)
