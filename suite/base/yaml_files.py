"""The YAML files that a person names: built-in ones by name, their own by path.

In: a name or a path. Out: the file, what it holds, or a pydantic model of that. Studies, families,
prompt sets and recipes are found and read here, so that they fail in the same words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import yaml

from suite.base.files import user_path
from suite.errors import SAID, SHOWN, SuiteError, cut, nearest, reason_of, shown

if TYPE_CHECKING:
    from pydantic import BaseModel

Model = TypeVar("Model", bound="BaseModel")

SUFFIXES = (".yaml", ".yml")
MERGE = "tag:yaml.org,2002:merge"
LARGEST, DEEPEST, MOST, DIGITS = 250_000, 50, 100_000, 40
"""Bytes of a file, levels of nesting, values once every alias is written out, letters of a number:
far beyond what a person writes, and soon read."""


class Loader(yaml.SafeLoader):
    """Plain YAML within bounds, in which a key may stand once: of two YAML itself would drop the
    first."""

    depth = 0

    def get_single_node(self) -> yaml.Node | None:
        """Reads the document; YAMLError where its aliases stand for more than MOST values."""
        node = super().get_single_node()
        if node is not None:
            _written_out(node, {})
        return node

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Reads a value; YAMLError where it lies deeper than DEEPEST levels."""
        if self.depth > DEEPEST:
            raise _marked(f"brackets or keys nest deeper than {DEEPEST} levels", self.peek_event())  # type: ignore[no-untyped-call]
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Makes a value; YAMLError, with its line, for one that is not what its form or tag says,
        for a number that no machine counts with, and for a text that no file can hold."""
        number = node.tag.rpartition(":")[2] in ("int", "float")
        if number and len(node.value) > DIGITS:
            raise _marked(f"a number of {len(node.value):,} digits", node)
        if number and re.match(r"[-+]?0[0-7_]+$|[^:]+:", str(node.value)):
            raise _marked(
                f"{shown(node.value)} has base 8 or 60: write it plainly or in quotes", node
            )
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, str) and "\0" in value.encode().decode():  # no half characters
                raise ValueError("it holds a NUL")
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:  # the constructors raise many kinds
            kind = node.tag.rpartition(":")[2]
            said = f"{shown(node.value)} cannot be read as {kind} ({reason_of(error)})"
            raise _marked(said, node) from error
        return value

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Reads a mapping; YAMLError where a key stands twice, `<<` too. A merged key may be given
        anew; later, what is merged stands beside what is given."""
        node = super().compose_mapping_node(anchor)
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                continue
            merge = key_node.tag == MERGE
            key = key_node.value if merge else self.construct_object(key_node)
            line = key_node.start_mark.line + 1
            if key in seen:
                lines = (
                    f"on lines {seen[key]} and {line}" if line != seen[key] else f"on line {line}"
                )
                raise yaml.YAMLError(f"the key {key!r} stands twice, {lines}; keep one of them")
            seen[key] = line
        return node


def _marked(problem: str, place: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=place.start_mark)


def _written_out(node: yaml.Node, counted: dict[int, float]) -> float:
    """Counts the values below a node; YAMLError for one that holds itself, or more than MOST."""
    if id(node) not in counted:
        counted[id(node)] = math.inf  # until its own are counted
        below = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = (
            part for entry in below for part in (entry if isinstance(entry, tuple) else [entry])
        )
        counted[id(node)] = 1 + sum(_written_out(part, counted) for part in parts)
    if counted[id(node)] > MOST:
        raise _marked(f"its aliases (*name) stand for more than {MOST:,} values", node)
    return counted[id(node)]


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
        raise SuiteError(
            f"No {kind} is called {shown(text)}{nearest(text, names(folder))}; {advice}."
        )
    return path


def existing(text: str, kind: str) -> Path:
    """Gives a person's own file; SuiteError where it is not there."""
    path = user_path(text)
    if not path.is_file():
        raise SuiteError(f"{kind.capitalize()} file {path} does not exist; check the path.")
    return path


def read(path: Path, kind: str, loader: type[Loader] = Loader) -> Any:
    """Reads what a file holds; SuiteError where it is unreadable, too large or no YAML."""
    try:
        if not path.is_file() and path.exists():  # a pipe may never end
            raise ValueError("it is a folder, a pipe or a device, and no file")
        with path.open("rb") as file:  # YAML finds out by itself whether it is UTF-8 or UTF-16
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError(f"it is larger than {LARGEST:,} bytes")
        return yaml.load(content, Loader=loader)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SuiteError(
            f"{kind.capitalize()} file {path} cannot be read: {_said(error)}."
        ) from error


def _said(error: Exception) -> str:
    """What is wrong with a YAML file, and on which line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem:
        mark = error.problem_mark or error.context_mark
        return f"line {mark.line + 1}: {cut(error.problem, SAID)}" if mark else error.problem
    return reason_of(error)


def mapping(value: object, where: str, allowed: Iterable[str] | None) -> Mapping[str, Any]:
    """Checks a part of a file, which must hold keys and values; SuiteError where it does not.

    where: the part, for the message. allowed: the keys it may have; None is any.
    """
    if not isinstance(value, Mapping):
        raise SuiteError(f"In {where}: expected keys and values, found {shown(value)}.")
    for key in value:
        if allowed is not None and key not in allowed:
            raise SuiteError(f"In {where}: unknown key {shown(key)}{nearest(str(key), allowed)}.")
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
        problems: list[Any] = error.errors()
        problems.sort(key=lambda problem: problem["type"] != "extra_forbidden")
        raise SuiteError(f"In {where}: {_sentence(model, given, problems)}.") from error


def _sentence(model: type[BaseModel], data: Any, problems: Sequence[Mapping[str, Any]]) -> str:
    """The first problem in words, by its place in the file: pydantic's has the variants of unions
    too, each with a problem of its own."""
    problem = problems[0]
    place: list[str] = []
    models = below = [model]
    for part in problem["loc"]:
        try:
            data = data[part]
        except (LookupError, TypeError):  # a variant, or a key that is missing
            if part != "[key]" and (problem["type"] != "missing" or part != problem["loc"][-1]):
                continue
        inside, known = ".".join(place), _keys(models)
        place.append(str(part))
        below = _models_at(models, str(part))
        models = below or models
    key = ".".join(place)
    if problem["type"] == "extra_forbidden":
        where = f" in `{inside}`" if inside else ""
        return f"unknown key {shown(place[-1])}{where}{nearest(place[-1], known)}"
    if problem["type"] == "missing":
        return f"`{key}` is missing"
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    variants = [other for other in problems if other["input"] is problem["input"]]
    wanted = dict.fromkeys(
        _wanted(one, below if one["type"] == "list_type" else models) for one in variants
    )
    return f"`{key}` is {shown(problem['input'])}: it should be {' or '.join(wanted)}"


_WORDS = {
    "string_type": "a text",
    "dict_type": "keys and values",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
}
"""Type of a pydantic error -> what a person writes."""
_PLAIN = re.compile(r"[-+]?[\d._]+(e[-+]?\d+)?|true|false", re.IGNORECASE)
_UNQUOTED = ("a whole number", "a number", "true or false")


def _wanted(problem: Mapping[str, Any], models: Iterable[type[BaseModel]]) -> str:
    """What a value should be, in words."""
    if problem["type"] == "model_type":
        name, given = problem["ctx"]["class_name"], problem["input"]
        model = next(one for one in models if one.__name__ == name)
        return f"keys and values, such as {_example(model, given)}"
    value = problem["input"]
    if problem["type"] == "list_type":
        return "a list" + "".join(f", such as [{_example(one, value)}]" for one in models)
    words = _WORDS.get(problem["type"], str(problem["msg"]).lower())
    scalar = not isinstance(value, (list, dict))
    words += ", in quotes" if problem["type"] == "string_type" and scalar else ""
    if words in _UNQUOTED and isinstance(value, str) and _PLAIN.fullmatch(value):
        words += ", without quotes"
    return words.removeprefix("input should be ")


def _example(model: type[BaseModel], given: object) -> str:
    """What a model's keys and values look like, with what a person gave in their place."""
    keys = [key for key, field in model.model_fields.items() if field.is_required()]
    keys = keys or list(model.model_fields)[:1]
    value = given if isinstance(given, str) and len(given) < SHOWN and len(keys) == 1 else "…"
    return f"{{{', '.join(f'{key}: {value}' for key in keys)}}}"


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
