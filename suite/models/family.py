"""Model families: which checkpoints exist at which size, and what each is used for.

In: a family's name (a YAML file in this folder) or the path of a YAML file.
Out: a frozen Family with its sizes sorted by the parameters of the language model. Checkpoints are
named here, never opened: no torch, no network.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from suite.base import yaml_files
from suite.base.files import PACKAGE, checked_name, on_any_disk, user_path
from suite.base.json_values import canonical_json
from suite.errors import SuiteError, nearest, shown
from suite.models.backends import BACKENDS, backend_of
from suite.models.spec import INSTRUCT, ModelSpec, Role, checked_url, checkpoint

FOLDER = PACKAGE / "families"

CHOICES = {
    "dtype": ("auto", "float32", "bfloat16", "float16"),
    "generator": tuple(BACKENDS),
    "device_map": ("auto", "balanced", "balanced_low_0", "sequential"),
    "quantization": ("4bit", "8bit"),
}
"""Key of a checkpoint -> what it may be."""
SHARED = ("thinking", "chat_template")
"""Keys of a checkpoint that a family may give for all of its own."""


@dataclass(frozen=True)
class Size:
    """One scale of a family."""

    name: str
    params: float
    """Parameters of the language model (not of the vision encoder)."""
    text: ModelSpec | None = None
    """Reasoning module: a text model, or a vision-language model, which is then shown no image."""
    vlms: Mapping[str, ModelSpec] = field(default_factory=dict, hash=False)
    """Perceiver -> perception and end-to-end module, a vision-language model: INSTRUCT, or one that
    was trained to describe, such as caption, extract or extract_scratch."""
    samples: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Perceiver -> rows that it saw in training, where the family says so."""
    vision_params: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Perceiver -> parameters of its vision encoder, where the family says so."""
    kinds: Mapping[Role, str] = field(default_factory=dict, hash=False)
    """Role -> what transformers calls the kind of its models (`model_type`), for what is to be made
    without their files."""

    @property
    def vlm(self) -> ModelSpec | None:
        """The perceiver that was trained to answer."""
        return self.vlms.get(INSTRUCT)

    @property
    def checkpoints(self) -> Iterator[tuple[str, Role, ModelSpec]]:
        """Name (`suite.models.spec.checkpoint`), role and spec of each."""
        if self.text is not None:
            yield "text", "text", self.text
        for name, spec in self.vlms.items():
            yield checkpoint("vlm", name), "vlm", spec

    def with_checkpoints(self, found: Mapping[str, ModelSpec]) -> Size:
        """Gives the size with other checkpoints: one for each name of `checkpoints`."""
        vlms = {own: found[checkpoint("vlm", own)] for own in self.vlms}
        return replace(self, text=found.get("text"), vlms=vlms)


@dataclass(frozen=True)
class Family:
    """A series of models that differ in the size of their language model."""

    name: str
    title: str
    prompts: str
    """Prompt set: a name in suite/prompts.yaml or the path of a YAML file."""
    instruct: str | None
    """Size whose text model writes the contents to observe; None where no size has one."""
    sizes: tuple[Size, ...]
    """Smallest language model first."""
    llm_only: bool = True
    """Whether the sizes differ in their language model alone. Else figures say that they do not."""

    def size(self, name: str) -> Size:
        """Gives the size called `name`; SuiteError names the nearest one otherwise."""
        for size in self.sizes:
            if size.name == name:
                return size
        known = [size.name for size in self.sizes]
        raise SuiteError(
            f"Family {shown(self.name)} has no size {shown(name)}{nearest(name, known)}."
        )


def list_families() -> tuple[str, ...]:
    """Names of the families that come with the suite, sorted."""
    return yaml_files.names(FOLDER)


def load_family(name_or_path: str | Path) -> Family:
    """Reads a family by built-in name or YAML path.

    Relative checkpoint paths are read from the YAML file's own folder. Raises SuiteError that
    names the file, the key and the nearest known key.
    """
    path = yaml_files.find(name_or_path, FOLDER, "family", "`downscale models` lists them")
    return _family(yaml_files.read(path, "family"), path)


def with_backend(family: Family, name: str) -> Family:
    """Gives the family with its checkpoints answered by another backend (the command line's
    `--backend`): those that are named as that one names them.

    SuiteError for an unknown backend, one for which no checkpoint is named, and a checkpoint with
    settings that it does not know.
    """
    if name not in BACKENDS:
        raise SuiteError(f"--backend {name}: there is no such backend{nearest(name, BACKENDS)}.")
    backend, changed = BACKENDS[name], 0

    def one(spec: ModelSpec) -> ModelSpec:
        nonlocal changed
        if backend_of(spec).named_by != backend.named_by:
            return spec
        changed += 1
        for key in set(backend_of(spec).settings) - set(backend.settings):
            if getattr(spec, key) != getattr(ModelSpec, key):
                raise SuiteError(
                    f"--backend {name}: checkpoint {shown(spec.source)} of family "
                    f"{shown(family.name)} has `{key}`, which {name} does not know; use its own "
                    "backend, or another checkpoint."
                )
        return replace(spec, generator=name)

    sizes = tuple(
        size.with_checkpoints({own: one(spec) for own, _, spec in size.checkpoints})
        for size in family.sizes
    )
    if not changed:
        ways = " or ".join(f"`{key}` ({words})" for key, words in backend.named_by.items())
        raise SuiteError(
            f"--backend {name}: no checkpoint of family {shown(family.name)} is named by {ways}; "
            "give checkpoints that are in a family file."
        )
    return replace(family, sizes=sizes)


def _family(data: object, path: Path) -> Family:
    where = f"family file {path}"
    keys = ("family", "title", "prompts", "instruct", "sizes", "kinds", "llm_only", *SHARED)
    data = _given(data, where, keys)
    kinds = _kinds(data, where)
    name = _name(data, "family", where)
    shared = {key: data[key] for key in SHARED if key in data}
    shared["thinking"] = _thinking(data.get("thinking"), where)
    rows = data.get("sizes")
    if not isinstance(rows, list):
        raise SuiteError(
            f"In {where}: `sizes` is {shown(rows)}: it should be a list with a row per size, such "
            "as [{name: 7b, params: 7e9, vlm: owner/name}]."
        )
    made = (_size(row, path, where, shared, kinds) for row in rows)
    sizes = sorted(made, key=lambda size: size.params)
    names = [size.name for size in sizes]
    if not names or len({on_any_disk(name) for name in names}) < len(names):
        raise SuiteError(
            f"In {where}: `sizes` needs at least one entry, each with its own name (of which some "
            "disks see no capitals)."
        )
    instruct = data.get("instruct")
    instruct = instruct if instruct is None else str(instruct)
    if instruct is not None and instruct not in names:
        raise SuiteError(f"In {where}: `instruct` is {shown(instruct)}{nearest(instruct, names)}.")
    if instruct is None:
        instruct = next((size.name for size in reversed(sizes) if size.text), None)
    prompts = data.get("prompts", "default")
    beside = path.parent / prompts.partition("#")[0]
    if prompts.partition("#")[0].endswith(yaml_files.SUFFIXES) and beside.is_file():
        prompts = str(path.parent / prompts)
    alone = data.get("llm_only", True)
    return Family(name, data.get("title", name), prompts, instruct, tuple(sizes), alone)


def _size(
    row: object, path: Path, where: str, shared: Mapping[str, str], kinds: Mapping[Role, str]
) -> Size:
    keys = ("name", "params", "vision_params", "text", "vlm", "vlms", "samples", "kinds")
    row = _given(row, where, keys)
    name = _name(row, "name", where)
    where = f"{where}, size {shown(name)}"
    params = _positive(row.get("params", ""), "params", where)
    text = _spec(row.get("text"), path, f"{where}, text", shared)
    vlms = _perceivers(row, path, where, shared)
    if text is None and not vlms:
        raise SuiteError(f"In {where}: give `text`, `vlm` or both.")
    given = _mapping(row, "samples", where, vlms)
    samples = {own: _positive(value, f"samples.{own}", where) for own, value in given.items()}
    vision = row.get("vision_params")
    # The family names no checkpoint of a perceiver whose descriptions the study has.
    perceivers = dict.fromkeys((INSTRUCT, *vlms), vision)
    if vision is not None and not isinstance(vision, dict):
        vision = dict.fromkeys(perceivers, _positive(vision, "vision_params", where))
    given = _mapping({"vision_params": vision}, "vision_params", where, perceivers)
    vision = {own: _positive(value, f"vision_params.{own}", where) for own, value in given.items()}
    return Size(name, params, text, vlms, samples, vision, {**kinds, **_kinds(row, where)})


def _kinds(row: Mapping[str, Any], where: str) -> dict[Role, str]:
    given = _mapping(row, "kinds", where, get_args(Role))
    for role, kind in given.items():
        if not isinstance(kind, str):
            raise SuiteError(
                f"In {where}, kinds: `{role}` is {shown(kind)}: it should be what transformers "
                "calls the kind of its models, such as qwen3_vl."
            )
    return {role: str(given[role]) for role in get_args(Role) if role in given}


def _positive(given: object, key: str, where: str) -> float:
    try:  # YAML 1.1 reads 6e8 as text
        value = 0.0 if isinstance(given, bool) else float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        value = 0.0
    if not 0 < value < math.inf:
        raise SuiteError(
            f"In {where}: `{key}` must be a positive number such as 0.6e9, not {shown(given)}."
        )
    return value


def _perceivers(
    row: Mapping[str, Any], path: Path, where: str, shared: Mapping[str, str]
) -> dict[str, ModelSpec]:
    """The vision-language models of a size: `vlm` is the one called INSTRUCT."""
    given = _mapping(row, "vlms", where, None)
    vlm = _spec(row.get("vlm"), path, f"{where}, vlm", shared)
    if vlm is not None and INSTRUCT in given:
        raise SuiteError(
            f"In {where}: `vlm` and `{INSTRUCT}` of `vlms` are one perceiver; give it once."
        )
    found = {} if vlm is None else {INSTRUCT: vlm}
    for name, value in given.items():
        if not isinstance(name, str):
            raise SuiteError(f"In {where}: `vlms` has the key {shown(name)}: put it in quotes.")
        _name({"name": name}, "name", f"{where}, vlms")
        if name in get_args(Role):
            raise SuiteError(f"In {where}, vlms: no perceiver may be called {shown(name)}.")
        spec = _spec(value, path, f"{where}, vlms.{name}", shared)
        if spec is None:
            raise SuiteError(
                f"In {where}: `{name}` of `vlms` is empty; give a checkpoint or remove the key."
            )
        found[name] = spec
    return found


def _mapping(
    row: Mapping[str, Any], key: str, where: str, allowed: Iterable[str] | None
) -> Mapping[str, Any]:
    value = row.get(key)
    return yaml_files.mapping({} if value is None else value, f"{where}, {key}", allowed)


def _spec(value: object, path: Path, where: str, shared: Mapping[str, str]) -> ModelSpec | None:
    if value is None:
        return None
    if isinstance(value, str):
        local = path.parent / value
        if value.startswith(("./", "../", "/", "~")) or local.exists() or _sibling(value, path):
            value = {"path": value}
        else:
            value = {"repo": value}
    data = _given(value, where, tuple(ModelSpec.__dataclass_fields__))
    generator = data.get("generator", ModelSpec.generator)
    backend = BACKENDS[generator]
    known = (*backend.named_by, *backend.settings, "generator")
    for key in data.keys() - known:
        raise SuiteError(
            f"In {where}: `{key}` is no key of a checkpoint of the generator "
            f"{generator}{nearest(key, known)}."
        )
    if len(data.keys() & backend.named_by) != 1:
        ways = " or ".join(f"`{key}` ({words})" for key, words in backend.named_by.items())
        either = "either " if len(backend.named_by) > 1 else ""
        raise SuiteError(f"In {where}: give {either}{ways}.")
    if "model" in data and not data["model"].strip():
        raise SuiteError(f"In {where}: `model` is empty; give {backend.named_by['model']}.")
    if "url" in data:
        data["url"] = checked_url(data["url"], f"In {where}: `url`")
    if "thinking" in data:
        data["thinking"] = _thinking(data["thinking"], where)
    data = {key: value for key, value in shared.items() if key in backend.settings} | data
    for key in ("path", "chat_template"):
        if key in data:
            data[key] = path.parent / user_path(data[key])
    for key in ("arguments", "engine"):
        given = data.get(key, {})
        data[key] = {name: _placed(value, path) for name, value in given.items()}
    for key in ("processor", "arguments", "engine"):
        data[key] = _settings(data.get(key, {}), key, where)
    unread = json.loads(data.get("thinking", "{}")).keys() - {"on", "off"}
    if unread and not backend.on_device and "thinking" in backend.settings:
        raise SuiteError(
            f"In {where}: `thinking` says `{min(unread)}`, which a server's own reasoning parser "
            "decides; give `on` and `off` alone."
        )
    return ModelSpec(**data)


def _thinking(given: object, where: str) -> str:
    """Canonical JSON of how a model is told to think; SuiteError for what is none."""
    where = f"{where}, thinking"
    if given is None or given == "always":
        return canonical_json({"always": True} if given else {})
    if isinstance(given, dict):  # YAML reads on and off as true and false
        given = {{True: "on", False: "off"}.get(key, key): value for key, value in given.items()}
    data = yaml_files.mapping(given, where, ("on", "off", "open", "close"))
    marks = [data.get(key) for key in ("open", "close")]
    if marks != [None, None] and not all(isinstance(m, str) and m.strip() for m in marks):
        raise SuiteError(f"In {where}: give `open` and `close`, the marks around the thinking.")
    for key in ("on", "off"):
        for name, value in _mapping(data, key, where, None).items():
            if not isinstance(name, str) or not isinstance(value, (str, int, float, bool)):
                raise SuiteError(
                    f"In {where}: `{key}` gives {shown(name)} the value {shown(value)}; a variable "
                    "of a chat template has a name, and here a text, a number, true or false."
                )
    if "on" in data and data["on"] == data.get("off"):
        raise SuiteError(
            f"In {where}: `on` and `off` are the same, so that nothing would be switched; give two "
            "values, or `thinking: always` for a model that cannot be told."
        )
    return canonical_json(dict(data))


def _placed(value: Any, path: Path) -> Any:
    """An argument; one that begins as a path leads from the file's folder."""
    if not isinstance(value, str) or not value.startswith(("./", "../", "~/")):
        return value
    return str((path.parent / user_path(value)).absolute())


def _settings(given: dict[Any, Any], key: str, where: str) -> str:
    """Canonical JSON of a checkpoint's settings; SuiteError where a name is no text."""
    with suppress(TypeError):  # a date, or names of several kinds
        written = canonical_json(given)
        if json.loads(written) == given:  # JSON makes a text of a name that is a number
            return written
    raise SuiteError(
        f"In {where}: `{key}` must map names of settings to numbers, texts, lists or further "
        f"settings, not {shown(given)}."
    )


def _sibling(value: str, path: Path) -> bool:
    """Whether `value` starts with the family's own folder, as micro/text-xs does in micro.yaml:
    then it is a path even while the folder is not there yet."""
    return value.split("/")[0] == path.stem and "/" in value


_TEXT: tuple[tuple[type, ...], str] = ((str,), "a text, in quotes")
_NAME: tuple[tuple[type, ...], str] = ((str, int, float), "a text, in quotes")
"""A size may be called 8."""
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    **dict.fromkeys(("family", "title", "prompts", "repo", "path", "revision", "gguf_file"), _TEXT),
    **dict.fromkeys(("model", "url", "api_key_env", "chat_template"), _TEXT),
    **dict.fromkeys(("name", "instruct"), _NAME),
    **dict.fromkeys(("batch_size", "concurrency"), ((int,), "a positive whole number")),
    **dict.fromkeys(("trust_remote_code", "llm_only"), ((bool,), "true or false")),
    **dict.fromkeys(("processor", "arguments", "engine"), ((dict,), "keys and values")),
}
"""Key at any level -> its types, and what a person writes."""


def _given(value: object, where: str, allowed: tuple[str, ...]) -> dict[str, Any]:
    """The keys that are given, an empty one is not; SuiteError for one that may not be there, or
    whose value is of another type."""
    known = yaml_files.mapping(value, where, allowed)
    data = {key: entry for key, entry in known.items() if entry is not None}
    for key, (kinds, words) in _TYPES.items():
        entry = data.get(key)
        wrong = not isinstance(entry, kinds) or (isinstance(entry, bool) and bool not in kinds)
        low = isinstance(entry, int) and kinds == (int,) and entry < 1
        if key in data and (wrong or low):
            raise SuiteError(f"In {where}: `{key}` is {shown(entry)}: it should be {words}.")
    for key, allowed in CHOICES.items():
        if key in data and data[key] not in allowed:
            hint = nearest(str(data[key]), allowed)
            raise SuiteError(f"In {where}: `{key}` is {shown(data[key])}{hint}.")
    return data


def _name(data: Mapping[str, Any], key: str, where: str) -> str:
    if key not in data:
        raise SuiteError(f"In {where}: `{key}` is missing.")
    try:
        return checked_name(str(data[key]), key)
    except ValueError as error:
        raise SuiteError(f"In {where}: {error}.") from error
