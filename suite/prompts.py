"""Prompt templates: item and upstream text -> messages.

In: the name of a prompt set in suite/prompts.yaml, or a YAML file of the same shape, so that a
study can run with any other wording. Out: a frozen Prompts whose `render` fills a template.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from suite import yaml_files
from suite.errors import SuiteError, nearest
from suite.items import Item
from suite.requests import Message, canonical_json

FILE = Path(__file__).parent / "prompts.yaml"

FIELDS: dict[str, tuple[str, ...]] = {
    "answer": ("question", "options", "letters"),
    "blind": ("question", "options", "letters"),
    "text_only": ("question", "options", "letters"),
    "instruct": ("question",),
    "perceive": ("contents",),
    "describe": (),
    "reason": ("description", "question", "options", "letters"),
}
"""Template -> the fields it may use. What a field list leaves out is a leak: `instruct` and
`perceive` never see the options, and a perceiver never sees the question."""

NEEDED: dict[str, str] = {"instruct": "question", "perceive": "contents", "reason": "description"}
"""Fields without which a template would silently ask something else."""


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
    """Name -> template, in the order of FIELDS."""

    @property
    def digest(self) -> str:
        """SHA-256 of the set's whole content, for provenance."""
        return hashlib.sha256(canonical_json(asdict(self)).encode()).hexdigest()

    def options(self, item: Item) -> str:
        """The item's options as the prompt shows them; empty for an open item."""
        return self.separator.join(
            self.option.format(letter=letter, text=text)
            for letter, text in zip(_letters(item), item.options, strict=True)
        )

    def render(
        self,
        template: str,
        item: Item,
        *,
        description: str | None = None,
        contents: str | None = None,
        with_images: bool,
    ) -> tuple[Message, ...]:
        """The messages that ask `item` through `template`.

        `perceive` without contents falls back to `describe`. Raises SuiteError for an unknown
        template and for a missing upstream text.
        """
        if template == "perceive" and not (contents or "").strip():
            template = "describe"
        chosen = dict(self.templates).get(template)
        if chosen is None:
            raise SuiteError(
                f"No prompt template is called {template!r}{nearest(template, FIELDS)}."
            )
        if template == "reason" and description is None:
            raise SuiteError(f"Template 'reason' of {item.task}/{item.item_id} has no description.")
        text = (chosen.choice if item.options else chosen.open).format(
            question=item.question.strip(),
            options=self.options(item),
            letters=", ".join(_letters(item)),
            description=(description or "").strip(),
            contents=(contents or "").strip(),
        )
        user = Message("user", text, item.images if with_images else ())
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
    if len(item.options) > len(string.ascii_uppercase):
        raise SuiteError(
            f"{item.task}/{item.item_id} has {len(item.options)} options; letters go up to 26."
        )
    return list(string.ascii_uppercase[: len(item.options)])


def _sets(path: Path) -> dict[str, Any]:
    data = _mapping(yaml_files.read(path, "prompt"), f"prompt file {path}", ("sets",))
    return dict(_mapping(data.get("sets"), f"`sets` of prompt file {path}", None))


def _load(path: Path, name: str, seen: tuple[str, ...]) -> Prompts:
    sets = _sets(path)
    if name not in sets:
        if path != FILE and name in _sets(FILE):
            return _load(FILE, name, seen)  # a user's set may build on a built-in one
        raise SuiteError(f"No prompt set is called {name!r} in {path}{nearest(name, sets)}.")
    if name in seen:
        raise SuiteError(f"Prompt set {name!r} in {path} is its own base; name another.")
    where = f"prompt set {name!r} of {path}"
    data = _mapping(sets[name], where, ("version", "base", "options", "templates"))
    version = data.get("version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise SuiteError(f"In {where}: `version` must be a whole number.")
    base = _load(path, str(data["base"]), (*seen, name)) if "base" in data else None
    options = _mapping(data.get("options", {}), f"`options` of {where}", ("each", "separator"))
    option = options.get("each", base.option if base else "{letter}. {text}")
    _fields(option, ("letter", "text"), ("letter", "text"), f"`options.each` of {where}")
    separator = str(options.get("separator", base.separator if base else "\n"))
    return Prompts(name, version, option, separator, _templates(data, base, where))


def _templates(
    data: Mapping[str, Any], base: Prompts | None, where: str
) -> tuple[tuple[str, Template], ...]:
    found = dict(base.templates) if base else {}
    own = _mapping(data.get("templates", {}), f"`templates` of {where}", FIELDS)
    for name, value in own.items():
        found[name] = _template(value, name, f"template {name!r} of {where}")
    if "answer" in found and "blind" not in own:
        found["blind"] = found["answer"]
    missing = [name for name in FIELDS if name not in found]
    if missing:
        raise SuiteError(f"In {where}: no template for {', '.join(missing)}; add it or a `base`.")
    return tuple((name, found[name]) for name in FIELDS)


def _template(value: object, name: str, where: str) -> Template:
    if isinstance(value, str):
        value = {"choice": value, "open": value}
    data = _mapping(value, where, ("choice", "open", "system"))
    needed = (NEEDED[name],) if name in NEEDED else ()
    for variant in ("choice", "open"):
        allowed = FIELDS[name]
        if variant == "open":
            allowed = tuple(field for field in allowed if field not in ("options", "letters"))
        _fields(data.get(variant), allowed, needed, f"`{variant}` of {where}")
    system = data.get("system")
    return Template(data["choice"], data["open"], None if system is None else str(system))


def _fields(text: object, allowed: Iterable[str], needed: Iterable[str], where: str) -> None:
    if not isinstance(text, str):
        raise SuiteError(f"In {where}: expected a text, found {text!r}.")
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


def _mapping(value: object, where: str, allowed: Iterable[str] | None) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SuiteError(f"In {where}: expected keys and values, found {value!r}.")
    for key in value:
        if allowed is not None and key not in allowed:
            raise SuiteError(f"In {where}: unknown key {key!r}{nearest(str(key), allowed)}.")
    return value
