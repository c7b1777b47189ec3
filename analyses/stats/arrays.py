"""Types of the arrays that statistics take and give, and what counts as nothing in them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
ZERO = 1e-12
"""Below this a divisor, an error or a difference is rounding."""
