"""The suite's folder in the user's cache: items, unpacked weights, hashes of checkpoints.

In: the environment. Out: the folder, which need not be there yet. All in it can be made again.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

NAME = "downscaling-suite"


def cache_folder() -> Path:
    """DOWNSCALE_CACHE, else downscaling-suite under XDG_CACHE_HOME or the system's cache folder."""
    if explicit := os.environ.get("DOWNSCALE_CACHE"):
        return Path(explicit).expanduser()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base).expanduser() / NAME
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / NAME
    if sys.platform == "win32" and (base := os.environ.get("LOCALAPPDATA")):
        return Path(base) / NAME
    return Path.home() / ".cache" / NAME
