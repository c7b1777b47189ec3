"""Values in JSON's own types, for whatever is printed or written as JSON.

In: mappings, sequences, NumPy scalars and arrays, numbers. Out: what `json.dumps` takes as it is.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def read_json(text: str | bytes) -> Any:
    """Reads a JSON text; ValueError where it is none, or nests deeper than Python follows."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its brackets nest too deeply") from None


def json_mapping(path: Path) -> dict[str, Any]:
    """Reads a JSON file of keys and values; empty where it is not there or is something else."""
    try:
        content = read_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(content) if isinstance(content, dict) else {}


def json_value(value: Any) -> Any:
    """Gives a value in JSON's own types: NaN and infinities become null, NumPy scalars numbers."""
    if isinstance(value, Mapping):
        return {str(key): json_value(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [json_value(entry) for entry in value]
    if hasattr(value, "tolist") and not isinstance(value, (str, bytes)):
        return json_value(value.tolist())  # NumPy scalars and arrays, without importing NumPy
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return str(value)


def changed(value: Any, change: Callable[[Any, str], Any], under: str = "") -> Any:
    """Gives JSON in which `change(entry, key)` stands for each key and each value that holds no
    other; a key is under none, an entry of a list neither."""
    if value and isinstance(value, dict):
        return {change(str(key), ""): changed(entry, change, key) for key, entry in value.items()}
    if value and isinstance(value, (list, tuple)):
        return [changed(entry, change) for entry in value]
    return change(value, under)


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Gives the rows of a frame by column, None for what is missing."""
    plain = frame.astype(object).where(frame.notna(), None)
    return [{str(k): v for k, v in row.items()} for row in plain.to_dict("records")]


_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_json(value: object) -> str:
    """Gives JSON with sorted keys and no spaces: equal values give equal text."""
    return _encoder.encode(value)


def json_hash(value: object) -> str:
    """Gives the SHA-256 (hex) of the canonical JSON: equal values have equal hashes."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
