"""The YAML files that a person names: built-in ones by name, their own by path.

In: a name or a path. Out: the file, or what it holds. Studies, families, prompt sets and recipes
are found and read here, so that they fail in the same words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from suite.errors import SuiteError, nearest

SUFFIXES = (".yaml", ".yml")


def names(folder: Path) -> tuple[str, ...]:
    """Names of a folder's built-in files, sorted; those that begin with _ are none."""
    return tuple(sorted(path.stem for path in folder.glob("[!_]*.yaml")))


def is_path(text: str) -> bool:
    """Whether a person means a file of their own."""
    return text.endswith(SUFFIXES) or "/" in text


def find(name_or_path: str | Path, folder: Path, kind: str, advice: str) -> Path:
    """The file of a built-in name in `folder`, or of a path.

    kind: what it is (`study`). advice: what to do where no built-in one has the name. Raises
    SuiteError that names the path, or the nearest built-in name.
    """
    text = str(name_or_path)
    if is_path(text):
        return existing(text, kind)
    path = folder / f"{text}.yaml"
    if not path.is_file():
        raise SuiteError(f"No {kind} is called {text!r}{nearest(text, names(folder))}; {advice}.")
    return path


def existing(text: str, kind: str) -> Path:
    """A person's own file; SuiteError where it is not there."""
    path = Path(text).expanduser()
    if not path.is_file():
        raise SuiteError(f"{kind.capitalize()} file {path} does not exist; check the path.")
    return path


def read(path: Path, kind: str) -> Any:
    """What a file holds; SuiteError where it is unreadable or no YAML."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise SuiteError(f"{kind.capitalize()} file {path} cannot be read: {reason}.") from error


def mapping(value: object, where: str, allowed: Iterable[str] | None) -> Mapping[str, Any]:
    """A part of a file that must hold keys and values; SuiteError where it does not.

    where: the part, for the message. allowed: the keys it may have; None is any.
    """
    if not isinstance(value, Mapping):
        raise SuiteError(f"In {where}: expected keys and values, found {value!r}.")
    for key in value:
        if allowed is not None and key not in allowed:
            raise SuiteError(f"In {where}: unknown key {key!r}{nearest(str(key), allowed)}.")
    return value
