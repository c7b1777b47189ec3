"""The YAML files that a person names: built-in ones by name, their own by path.

In: a name or a path. Out: the file, what it holds, or a pydantic model of that. Studies, families,
prompt sets and recipes are found and read here, so that they fail in the same words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import yaml

from suite.errors import SuiteError, nearest

if TYPE_CHECKING:
    from pydantic import BaseModel

Model = TypeVar("Model", bound="BaseModel")

SUFFIXES = (".yaml", ".yml")
MERGE = "tag:yaml.org,2002:merge"


class Loader(yaml.SafeLoader):
    """Plain YAML in which a key may stand once: of two YAML itself would drop the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Reads a mapping; YAMLError where a key stands twice. A merged key (`<<`) may be given
        anew."""
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == MERGE or not isinstance(key_node, yaml.ScalarNode):
                continue
            key, line = self.construct_object(key_node), key_node.start_mark.line + 1
            if key in seen:
                lines = (
                    f"on lines {seen[key]} and {line}" if line != seen[key] else f"on line {line}"
                )
                raise yaml.YAMLError(f"the key {key!r} stands twice, {lines}; keep one of them")
            seen[key] = line
        return super().construct_mapping(node, deep)


def names(folder: Path) -> tuple[str, ...]:
    """Lists the names of a folder's built-in files, sorted; those that begin with _ are none."""
    return tuple(sorted(path.stem for path in folder.glob("[!_]*.yaml")))


def is_path(text: str) -> bool:
    """Says whether a person means a file of their own."""
    return text.endswith(SUFFIXES) or "/" in text


def find(name_or_path: str | Path, folder: Path, kind: str, advice: str) -> Path:
    """Finds the file of a built-in name in `folder`, or of a path.

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
    """Gives a person's own file; SuiteError where it is not there."""
    path = Path(text).expanduser()
    if not path.is_file():
        raise SuiteError(f"{kind.capitalize()} file {path} does not exist; check the path.")
    return path


def read(path: Path, kind: str) -> Any:
    """Reads what a file holds; SuiteError where it is unreadable or no YAML."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise SuiteError(f"{kind.capitalize()} file {path} cannot be read: {reason}.") from error


def mapping(value: object, where: str, allowed: Iterable[str] | None) -> Mapping[str, Any]:
    """Checks a part of a file, which must hold keys and values; SuiteError where it does not.

    where: the part, for the message. allowed: the keys it may have; None is any.
    """
    if not isinstance(value, Mapping):
        raise SuiteError(f"In {where}: expected keys and values, found {value!r}.")
    for key in value:
        if allowed is not None and key not in allowed:
            raise SuiteError(f"In {where}: unknown key {key!r}{nearest(str(key), allowed)}.")
    return value


def validated(model: type[Model], data: object, where: str) -> Model:
    """Reads what a file holds into a model; the first mistake is a SuiteError that names its key.

    A field that the model leaves out of its dump is no key of a file.
    """
    from pydantic import ValidationError  # takes a while, and families and prompts need none

    given = mapping(data, where, _keys([model]))
    try:
        return model.model_validate(given)
    except ValidationError as error:
        # A misspelt key comes before what its absence caused.
        first = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        raise SuiteError(f"In {where}: {_sentence(model, given, dict(first))}.") from error


def _sentence(model: type[BaseModel], data: Any, problem: dict[str, Any]) -> str:
    """A problem in words, by its place in the file: pydantic's has the variants of unions too."""
    place: list[str] = []
    models = [model]
    for part in problem["loc"]:
        try:
            data = data[part]
        except (LookupError, TypeError):  # a variant, or a key that is missing
            if part != "[key]" and (problem["type"] != "missing" or part != problem["loc"][-1]):
                continue
        inside, known = ".".join(place), _keys(models)
        place.append(str(part))
        models = _models_at(models, str(part)) or models
    key = ".".join(place)
    if problem["type"] == "extra_forbidden":
        where = f" in `{inside}`" if inside else ""
        return f"unknown key {place[-1]!r}{where}{nearest(place[-1], known)}"
    if problem["type"] == "missing":
        return f"`{key}` is missing"
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    return f"`{key}` is {problem['input']!r}: {problem['msg'].lower()}"


def _keys(models: Iterable[type[BaseModel]]) -> list[str]:
    return [n for one in models for n, field in one.model_fields.items() if not field.exclude]


def _models_at(models: Iterable[type[BaseModel]], key: str) -> list[type[BaseModel]]:
    """The models that a key leads to. Where a file gives names of its own to rows beside those that
    a model has, they are of the same kind."""
    found = []
    for one in models:
        own = one.model_fields.get(key)
        free = one.model_fields.values() if one.model_config.get("extra") == "allow" else ()
        for field in [own] if own else free:
            found += _models_in(field.annotation)
    return found


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models in a type, such as those of a list or of the variants of a union."""
    if hasattr(annotation, "model_fields"):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]
