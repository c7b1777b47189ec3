"""The YAML files that a person names: built-in ones by name, their own by path.

In: a name or a path. Out: the file, what it holds, or a pydantic model of that. Studies, families,
prompt sets and recipes are found and read here, so that they fail in the same words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin
from unicodedata import normalize

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
        for last, (key_node, value_node) in pairwise([(None, None), *node.value]):
            if not isinstance(key_node, yaml.ScalarNode):
                continue
            if written := _parted(last[1], key_node):
                raise _marked(
                    f"in braces {written} is two entries, as a comma parts them: a decimal has a "
                    "dot (0.7), and thousands have nothing between them",
                    key_node,
                )
            merge = key_node.tag == MERGE
            key = key_node.value if merge else self.construct_object(key_node)
            line = key_node.start_mark.line + 1
            name = normalize("NFC", str(key))  # 8 and "8", two ways to write é
            if merge and (twice := _merged_twice(value_node, node)):
                raise _marked(
                    f"`<<` merges two mappings that have the key {twice!r}, of which the first "
                    "would count; give it anew beside `<<`, or keep one",
                    key_node,
                )
            if before := seen.get(key, seen.get(name)):
                lines = f"on lines {before} and {line}" if line != before else f"on line {line}"
                raise yaml.YAMLError(f"the key {key!r} stands twice, {lines}; keep one of them")
            seen |= {key: line, name: line}
        return node


def _merged_twice(merged: yaml.Node, node: yaml.MappingNode) -> str | None:
    """A key of two of the mappings that are merged, with two values, and not given anew."""
    several = merged.value if isinstance(merged, yaml.SequenceNode) else []
    maps = {id(one): one for one in several if isinstance(one, yaml.MappingNode)}
    given, first = dict(_scalars(node)), dict[str, yaml.Node]()
    entries = (entry for one in maps.values() for entry in dict(_scalars(one)).items())
    differ = (key for key, value in entries if first.setdefault(key, value) is not value)
    return next((key for key in differ if key not in given), None)


def _scalars(node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node]]:
    return ((k.value, v) for k, v in node.value if isinstance(k, yaml.ScalarNode))


def _parted(value: yaml.Node | None, key: yaml.ScalarNode) -> str | None:
    """The number with a comma that braces have made a value and a key of; None where none is."""
    if not isinstance(value, yaml.ScalarNode):
        return None
    if value.end_mark.index + 1 != key.start_mark.index:
        return None
    parts = (value.value, key.value)
    return ",".join(parts) if all(re.fullmatch(r"[-+]?\d+", part) for part in parts) else None


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
        problems.sort(key=lambda problem: problem["type"] not in _KEYS)
        raise SuiteError(f"In {where}: {_sentence(model, given, problems)}.") from error


def _sentence(model: type[BaseModel], data: Any, problems: Sequence[Mapping[str, Any]]) -> str:
    """The first problem in words, where it lies deepest: pydantic tells each variant of a union.

    What should stand there is said from the types at its place, not in the library's words.
    """
    told = [(_place(data, problem), problem) for problem in problems]
    # A variant that lacks a key which another has was not meant.
    other = [p["loc"][:-1] for at, p in told if p["type"] in _KEYS and at[-1] in _known(model, at)]
    meant = [one for one in told if not any(one[1]["loc"][: len(loc)] == loc for loc in other)]
    first, *others = meant or told
    below = (one for one in others if one[0][: len(first[0])] == first[0])
    place, problem = first if first[1]["type"] in _KEYS else max([first, *below], key=_depth)
    kinds = _kinds(model, place)
    inside, key, value = _dotted(place[:-1]), _dotted(place), problem["input"]
    if problem["type"] in _KEYS:
        name, known, where = place[-1], _known(model, place), f" in `{inside}`" if inside else ""
        if name in known:  # of another variant
            return f"`{name}`{where} may not stand beside the keys that are there; keep one of them"
        return f"unknown key {shown(name)}{where}{nearest(str(name), known)}"
    if problem["type"] == "missing":
        return f"`{key}` is missing"
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])
    if problem["loc"][-1] == "[key]":
        return f"`{inside}` has the key {_told(value)}: it should be {_form(str, value)}"
    if not kinds or any(
        _is(kind, value) for kind in kinds
    ):  # of the right kind, and out of its bounds
        bounds = problem["msg"].partition(" should")[2].partition(" after")[0]
        return f"`{key}` is {_told(value)}: it should{bounds}"
    *forms, last = dict.fromkeys(form for kind in kinds for form in _forms(kind, value))
    between = " or " if "," in "".join(forms) else ", "
    wanted = " or ".join(filter(None, (between.join(forms), last)))
    return f"`{key}` is {_told(value)}: it should be {wanted}"


_KEYS = ("extra_forbidden", "invalid_key")


def _place(data: Any, problem: Mapping[str, Any]) -> list[Any]:
    """The keys that lead to a problem: without the variants of unions, which are no keys."""
    place = []
    for part in problem["loc"]:
        try:
            data = data[part]
        except (LookupError, TypeError):
            if problem["type"] != "missing" or part != problem["loc"][-1]:
                continue
        place.append(part)
    if problem["type"] == "invalid_key" and place[-1:] != [problem["input"]]:
        place.append(problem["input"])  # a number with a fraction is no part of pydantic's place
    return place


def _depth(told: tuple[list[Any], Mapping[str, Any]]) -> int:
    return len(told[0])


def _dotted(place: Iterable[Any]) -> str:
    return ".".join(map(str, place))


_FORMS: dict[Any, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "keys and values",
}
"""Type of a field -> what a person writes."""


def _told(value: object) -> str:
    """A value as a person would have written it, nothing and dates in words of YAML's."""
    return "empty" if value is None else str(value) if isinstance(value, date) else shown(value)


def _is(kind: Any, value: object) -> bool:
    """Whether a value is of a kind, as far as YAML tells kinds."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    own = dict if hasattr(kind, "model_fields") else get_origin(kind) or kind
    wanted = (int, float) if own is float else (list, tuple) if own is tuple else own
    return isinstance(value, wanted) and (own is bool or not isinstance(value, bool))


def _forms(kind: Any, value: object) -> list[str]:
    """What a person may write in the place of a value that should be of a kind."""
    origin = get_origin(kind)
    if origin is Literal:
        return list(map(repr, get_args(kind)))
    if origin in (list, tuple):
        return [f"a list, such as [{_example(get_args(kind)[0], value)}]"]
    if hasattr(kind, "model_fields"):
        return [f"keys and values, such as {_example(kind, value)}"]
    return [_form(origin or kind, value)]


def _form(kind: type, value: object) -> str:
    form = _FORMS[kind]
    if kind is str:
        return (
            form if value is None or isinstance(value, (str, list, dict)) else f"{form}, in quotes"
        )
    plain = _plain(kind, value) if isinstance(value, str) else None
    return f"{form}: {plain} without quotes" if plain else form


def _plain(kind: Any, text: str) -> str | None:
    """The number, or the truth, that a text was to be; None where it is none. A decimal has a dot,
    thousands have nothing between them."""
    text = text.strip().replace(",", "" if kind is int else ".")
    if kind is bool:
        return text.lower() if text.lower() in ("true", "false") else None
    try:
        number = float(text)
    except ValueError:
        return None
    if kind is int:
        return f"{number:.0f}" if number.is_integer() else None
    return text if math.isfinite(number) else None


def _example(kind: Any, value: object) -> str:
    """What an entry looks like, with what a person gave in its place where it could be that."""
    one = isinstance(value, str) and len(value) < SHOWN and "," not in value
    given = str(value) if one else "…"
    if hasattr(kind, "model_fields"):
        keys = [key for key, field in kind.model_fields.items() if field.is_required()]
        keys = keys or list(kind.model_fields)[:1]
        given = given if len(keys) == 1 else "…"
        return f"{{{', '.join(f'{key}: {given}' for key in keys)}}}"
    return "true, false" if kind is bool else given


def _keys(kinds: Iterable[Any]) -> list[str]:
    models = [one.model_fields for one in kinds if hasattr(one, "model_fields")]
    return [name for fields in models for name, field in fields.items() if not field.exclude]


def _known(model: type[BaseModel], place: Sequence[Any]) -> list[str]:
    """The keys that may stand where the last one of a place does."""
    return _keys(_kinds(model, place[:-1]))


def _kinds(model: type[BaseModel], place: Iterable[Any]) -> list[Any]:
    kinds: list[Any] = [model]
    for key in place:
        kinds = _inside(kinds, key)
    return kinds


def _inside(kinds: Iterable[Any], key: object) -> list[Any]:
    """The types of what lies under a key of one of these types. Where a file gives names of its own
    to rows beside those that a model has, they are of the same kind."""
    found: list[Any] = []
    for one in kinds:
        if hasattr(one, "model_fields"):
            own = one.model_fields.get(key)
            free = one.model_fields.values() if one.model_config.get("extra") == "allow" else ()
            found += [field.annotation for field in ([own] if own else free)]
        else:
            at = {dict: 1, list: 0, tuple: 0}.get(get_origin(one))
            found += [] if at is None else [get_args(one)[at]]
    return [kind for annotation in found for kind in _variants(annotation)]


def _variants(annotation: Any) -> list[Any]:
    """The types that a field may have, without None."""
    if get_origin(annotation) in (Union, UnionType):
        return [kind for one in get_args(annotation) for kind in _variants(one)]
    if get_origin(annotation) is Annotated:
        return _variants(get_args(annotation)[0])
    return [] if annotation is type(None) else [annotation]
