"""Types of what statistics take and give, what counts as 0 in them, and numbers not yet known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
ZERO = 1e-12
"""Below this a divisor, an error or a difference is rounding."""
Row = dict[str, object]
"""Of a table: name of a column -> value."""
NUMBERS = ("estimate", "low", "high", "se", "p")


def unknown(**known: object) -> Row:
    """A row whose NUMBERS are NaN but for what is `known` of them, and what else is known of it."""
    return dict.fromkeys(NUMBERS, np.nan) | known
