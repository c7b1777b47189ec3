"""Prompt templates: item and upstream text -> messages.

In: the name of a prompt set in suite/prompts.yaml, or a YAML file of the same shape, so that a
study can run with any other wording. Out: a frozen Prompts whose `render` fills a template. Which
templates there are, and what each may show, the stages declare; a set need not hold them all.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from suite.base import yaml_files
from suite.base.files import PACKAGE
from suite.base.json_values import json_hash
from suite.errors import SuiteError, nearest, shown
from suite.items.item import LETTERS, Item
from suite.planning.stages import Form, stage_of, templates
from suite.requests import Message

FILE = PACKAGE / "prompts.yaml"


@dataclass(frozen=True)
class Template:
    """One prompt in its two variants."""

    choice: str
    """Text for items with options."""
    open: str
    """Text for items without."""
    system: str | None = None
    """Text of a system message before it."""


@dataclass(frozen=True)
class Prompts:
    """One named, versioned set of templates."""

    name: str
    version: int
    option: str
    """How one option is drawn, with {letter} and {text}."""
    separator: str
    """What stands between two options."""
    templates: tuple[tuple[str, Template], ...]
    """Name -> template, in the order of the stages. What the set lacks is not there."""

    @property
    def digest(self) -> str:
        """SHA-256 of the set's whole content, for provenance."""
        return json_hash(asdict(self))

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Prompts:
        """Makes a set of what `dataclasses.asdict` gives of it; ValueError or TypeError for another
        shape."""
        named = tuple((str(name), Template(**own)) for name, own in content["templates"])
        return cls(**{**content, "templates": named})

    def require(self, template: str, who: str) -> None:
        """Raises SuiteError where the set lacks a template, or the one that takes its place.

        who: what asks through it, for the message.
        """
        there = dict(self.templates)
        for name in (template, stage_of(template).templates[template].empty):
            if name is not None and name not in there:
                raise SuiteError(
                    f"Prompt set {shown(self.name)} has no template {shown(name)}, which {who} "
                    "needs; add it to the set, or give the set a `base` that has it."
                )

    def options(self, item: Item) -> str:
        """The item's options as the prompt shows them; empty for an open item."""
        return self.separator.join(
            self.option.format(letter=letter, text=text)
            for letter, text in zip(_letters(item), item.options, strict=True)
        )

    def render(
        self, template: str, item: Item, upstream: str | None = None, *, thinking: bool = False
    ) -> tuple[Message, ...]:
        """The messages that ask `item` through `template`, or through the one that takes its place.

        upstream: the text of the stage before, where the template's stage reads one. thinking:
        whether the model is to think. Raises SuiteError for a template that the set lacks and for a
        text that is missing.
        """
        stage = stage_of(template)
        form = stage.templates[template]
        if thinking and form.thinking in dict(self.templates):
            return self.render(str(form.thinking), item, upstream)
        if form.empty and not (upstream or "").strip():
            return self.render(form.empty, item)
        self.require(template, f"{item.task}/{item.item_id}")
        chosen = dict(self.templates)[template]
        values = {"question": item.question.strip()}
        if stage.reads and upstream is not None:
            values[stage.reads] = upstream.strip()
        values["options"] = self.options(item)
        values["letters"] = ", ".join(_letters(item))
        try:
            text = (chosen.choice if item.options else chosen.open).format(**values)
        except KeyError as missing:
            raise SuiteError(
                f"Template {shown(template)} of {item.task}/{item.item_id} "
                f"has no {missing.args[0]}."
            ) from missing
        user = Message("user", text, item.images if form.images else ())
        return (user,) if chosen.system is None else (Message("system", chosen.system), user)


def list_prompts() -> tuple[str, ...]:
    """Names of the prompt sets that come with the suite."""
    return tuple(_sets(FILE))


def load_prompts(name_or_path: str | Path) -> Prompts:
    """Reads a prompt set: a built-in name, `FILE.yaml` (one set) or `FILE.yaml#NAME`.

    Raises SuiteError that names file, set, template and field, and the nearest known word.
    """
    text, _, name = str(name_or_path).partition("#")
    if not yaml_files.is_path(text):
        return _load(FILE, text, ())
    path = yaml_files.existing(text, "prompt")
    names = list(_sets(path))
    if not name and len(names) != 1:
        raise SuiteError(f"Prompt file {path} holds {len(names)} sets; name one as {path}#NAME.")
    return _load(path, name or names[0], ())


def _letters(item: Item) -> list[str]:
    if len(item.options) > len(LETTERS):
        raise SuiteError(
            f"{item.task}/{item.item_id} has {len(item.options)} options; letters go up to "
            f"{len(LETTERS)}."
        )
    return list(LETTERS[: len(item.options)])


def _sets(path: Path) -> dict[str, Any]:
    data = yaml_files.mapping(yaml_files.read(path, "prompt"), f"prompt file {path}", ("sets",))
    return dict(yaml_files.mapping(data.get("sets"), f"`sets` of prompt file {path}", None))


def _load(path: Path, name: str, seen: tuple[str, ...]) -> Prompts:
    sets = _sets(path)
    if name not in sets:
        if path != FILE and name in _sets(FILE):
            return _load(FILE, name, seen)  # a user's set may build on a built-in one
        raise SuiteError(f"No prompt set is called {shown(name)} in {path}{nearest(name, sets)}.")
    if name in seen:
        raise SuiteError(f"Prompt set {shown(name)} in {path} is its own base; name another.")
    where = f"prompt set {shown(name)} of {path}"
    data = yaml_files.mapping(sets[name], where, ("version", "base", "options", "templates"))
    version = data.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise SuiteError(f"In {where}: `version` must be a whole number.")
    base = (
        _load(path, _text(data["base"], "base", where), (*seen, name)) if "base" in data else None
    )
    options = yaml_files.mapping(
        data.get("options", {}), f"`options` of {where}", ("each", "separator")
    )
    option = options.get("each", base.option if base else "{letter}. {text}")
    _fields(option, ("letter", "text"), ("letter", "text"), f"`options.each` of {where}")
    separator = options.get("separator", base.separator if base else "\n")
    _text(separator, "separator", f"`options` of {where}")
    return Prompts(name, version, option, separator, _templates(data, base, where))


def _templates(
    data: Mapping[str, Any], base: Prompts | None, where: str
) -> tuple[tuple[str, Template], ...]:
    found = dict(base.templates) if base else {}
    known = templates()
    own = yaml_files.mapping(data.get("templates", {}), f"`templates` of {where}", known)
    for name, value in own.items():
        found[name] = _template(value, known[name], f"template {shown(name)} of {where}")
    for name, form in known.items():
        if form.like in found and name not in own:
            found[name] = found[form.like]
        if name in own and form.thinking not in own:  # one wording for both, and not the base's
            found.pop(str(form.thinking), None)
    return tuple((name, found[name]) for name in known if name in found)


def _template(value: object, form: Form, where: str) -> Template:
    if isinstance(value, str):
        value = {"choice": value, "open": value}
    data = yaml_files.mapping(value, where, ("choice", "open", "system"))
    needed = (form.needs,) if form.needs else ()
    for variant in ("choice", "open"):
        allowed = form.fields
        if variant == "open":
            allowed = tuple(field for field in allowed if field not in ("options", "letters"))
        _fields(data.get(variant), allowed, needed, f"`{variant}` of {where}")
    system = data.get("system")
    system = system if system is None else _text(system, "system", where)
    return Template(data["choice"], data["open"], system)


def _text(value: object, key: str, where: str) -> str:
    if not isinstance(value, str):
        raise SuiteError(f"In {where}: `{key}` is {shown(value)}: it should be a text, in quotes.")
    return value


def _fields(text: object, allowed: Iterable[str], needed: Iterable[str], where: str) -> None:
    if not isinstance(text, str):
        raise SuiteError(f"In {where}: expected a text, found {shown(text)}.")
    try:
        parts = [part for part in string.Formatter().parse(text) if part[1] is not None]
    except ValueError as error:
        raise SuiteError(f"In {where}: {error}; write a literal brace twice.") from error
    used = [str(part[1]) for part in parts]
    for field in used:
        if field not in allowed:
            raise SuiteError(
                f"In {where}: field {{{field}}} may not stand here{nearest(field, allowed)}."
            )
    for field in needed:
        if field not in used:
            raise SuiteError(f"In {where}: field {{{field}}} is missing.")
