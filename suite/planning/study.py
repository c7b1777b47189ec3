"""Study files: what to run, in YAML, read strictly.

In: the name of a built-in study (a file in suite/studies) or the path of a YAML file.
Out: a frozen Study. An unknown key, a wrong type or an unknown name is a SuiteError that says which
file, which key, and the nearest known one. No torch, no network; nothing is opened but the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from suite.base import yaml_files
from suite.base.files import PACKAGE, checked_name, user_path
from suite.errors import SuiteError, nearest, shown
from suite.items.tasks import PREFIX, task_name
from suite.models.nowait import read_list
from suite.planning.methods import METHODS
from suite.planning.stages import STAGES
from suite.requests import Decoding

FOLDER = PACKAGE / "studies"

Sizes = Literal["all"] | str | list[str]
"""`all`, one size, or a list of sizes."""
LARGEST = 2**31 - 1
Count = Annotated[int, Field(gt=0, le=LARGEST)]


class Strict(BaseModel):
    """Base of every part: no unknown keys, no silent conversions, no changes afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class TaskRow(Strict):
    """A task of the study."""

    task: Annotated[str, AfterValidator(task_name)]
    domain: Literal["in_domain", "out_of_domain"] | None = None
    """What it counts as in the means over tasks; None is what the task's own YAML declares."""
    methods: list[str] | None = None
    """Methods that run on it; None is all of the study's."""
    limit: Count | None = None
    """Items of the task or of each of its categories; None is the study's limit."""


class CellRow(Strict):
    """A row of `cells`: expands to a cell per perceiver x perception x reasoning x thinking."""

    method: str
    perception: Sizes | None = None
    reasoning: Sizes | None = None
    thinking: bool | list[bool] | None = None
    """None is the method's own, else without."""
    perceiver: str | list[str] | None = None
    """Which of a size's `vlms` looks; None is the method's own, else INSTRUCT."""
    samples: Count | None = None
    """Answers per item; None is the study's `samples`."""


class DecodingRow(Strict):
    """How one stage decodes; see suite.requests.Decoding for the fields."""

    max_new_tokens: Count = 1024
    temperature: Annotated[float, Field(ge=0)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    top_k: Annotated[int, Field(ge=0, le=LARGEST)] = 0
    thinking_budget: Count | None = None
    nowait: bool | str = False
    """Whether tokens of self-reflection are left out; a file: those of its words and ids."""

    def decoding(self, thinking: bool = False) -> Decoding:
        """Gives the row as the Decoding of a request. SuiteError for a list that is none."""
        values = self.model_dump()
        if isinstance(self.nowait, str):
            values["nowait"] = read_list(user_path(self.nowait))
        return Decoding(
            **{**values, "temperature": float(values["temperature"])}, thinking=thinking
        )


class DecodingTable(Strict):
    """Decoding by stage: a row of each stage's name, by default what the stage declares.

    `reason` is reasoning without thinking, text_only too; `answer` is end to end and blind.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, DecodingRow] = Field(init=False)

    think: DecodingRow = DecodingRow(temperature=0.6, top_p=0.95, thinking_budget=4096)
    """Any answer with thinking."""

    @model_validator(mode="before")
    @classmethod
    def _with_stages(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        rows = {name: _row(stage.decoding) for name, stage in STAGES.items()}
        for name in given:
            if name not in rows and name not in cls.model_fields:
                known = [*rows, *cls.model_fields]
                raise ValueError(
                    f"unknown key {shown(name)} in `decoding`{nearest(str(name), known)}"
                )
        return {**rows, **given}


def _row(decoding: Decoding) -> DecodingRow:
    return DecodingRow(**{name: getattr(decoding, name) for name in DecodingRow.model_fields})


class RecordedFile(Strict):
    """Texts that somebody else's model wrote, in place of a model."""

    file: str
    """JSON (index -> text), or Parquet or JSONL with item_id and text."""


class InstructSize(Strict):
    """The size whose text model writes the contents to observe."""

    size: str


class Study(Strict):
    """A study: a family's sizes, the tasks they answer, and the cells to compare."""

    study: Annotated[str, AfterValidator(partial(checked_name, key="study"))]
    """Name; also the default run directory, runs/NAME."""
    title: str = ""
    family: str
    """Built-in family or path of a YAML file, relative to the study's file."""
    prompts: str | None = None
    """Prompt set or file; None is the family's."""
    seed: Annotated[int, Field(ge=0, le=LARGEST)] = 0
    limit: Count | None = None
    """Items of each task, or of each category where a task has categories; None is all."""
    samples: Count = 1
    """Answers per item where decoding is sampled."""
    tasks: Annotated[list[TaskRow], Field(min_length=1)]
    cells: Annotated[list[CellRow], Field(min_length=1)]
    decoding: DecodingTable = Field(default_factory=DecodingTable)
    instruct: InstructSize | RecordedFile | None = None
    """Who writes the contents to observe; None is the family's instruct size."""
    perceive: dict[str, RecordedFile] = {}
    """Recorded descriptions by perception size, in place of that size's model."""
    data: dict[Annotated[str, AfterValidator(task_name)], str] = {}
    """Local copies of tasks' data: task -> Parquet, JSONL or folder."""
    params: Literal["language", "total"] = "language"
    """What counts as the size of a perception module, on axes and in regressions: the parameters of
    its language model, or with those of its vision encoder."""
    store: str | None = None
    """Folder or fsspec address of a shared store; None is in the run's directory."""
    path: str | None = Field(default=None, exclude=True, repr=False)
    """File it was read from."""

    @model_validator(mode="after")
    def _names(self) -> Study:
        rows = [(f"cells.{i}.method", row.method) for i, row in enumerate(self.cells)]
        for i, task in enumerate(self.tasks):
            rows += [(f"tasks.{i}.methods", method) for method in task.methods or ()]
        for key, name in rows:
            if name not in METHODS:
                raise ValueError(f"`{key}` is {shown(name)}{nearest(name, METHODS)}")
        names = [task.task for task in self.tasks]
        for name in {name.removeprefix(PREFIX): name for name in names}:
            if sum(own.removeprefix(PREFIX) == name for own in names) > 1:
                raise ValueError(f"`tasks` names {shown(name)} twice")
        for name in self.data:
            if name not in names:
                raise ValueError(
                    f"`data` names {shown(name)}, which is no task{nearest(name, names)}"
                )
        return self


def list_studies() -> tuple[str, ...]:
    """Names of the studies that come with the suite, sorted."""
    return yaml_files.names(FOLDER)


def load_study(name_or_path: str | Path) -> Study:
    """Reads a study by built-in name or YAML path.

    Relative paths in it (family, prompts, data, recorded files, store) are read from its folder.
    Raises SuiteError that names the file, the key and the nearest known key.
    """
    path = find_study(name_or_path)
    data = yaml_files.read(path, "study")
    if not isinstance(data, dict):
        raise SuiteError(f"Study file {path} holds no keys; `downscale init` writes one to start.")
    return parse_study(data, path)


def parse_study(data: dict[str, Any], path: Path | None = None) -> Study:
    """A Study from the mapping that its YAML file holds; errors as in `load_study`."""
    where = f"study file {path}" if path else "the study"
    study = yaml_files.validated(Study, data, where)
    return _resolved(study, path) if path else study


def changed(study: Study, changes: Mapping[str, Any]) -> Study:
    """Gives the study with other values at dotted keys, such as `decoding.think.thinking_budget`
    or `tasks.0.limit`; paths among them are read from the working directory.

    Raises SuiteError for a key that leads nowhere, and as `load_study` for a value.
    """
    data: dict[str, Any] = study.model_dump(mode="json", exclude_unset=True)
    for key, value in changes.items():
        _put(data, key.split("."), value, key)
    told = yaml_files.validated(Study, data, "the study with " + ", ".join(changes))
    return told.model_copy(update={"path": study.path})


def _put(place: Any, way: Sequence[str], value: Any, key: str) -> None:
    """Puts the value where the way leads from here; `key` is all of it, for the error."""
    name: Any
    name, *rest = way
    if isinstance(place, list) and name.isdigit() and int(name) < len(place):
        name = int(name)
    elif not isinstance(place, dict):
        raise SuiteError(f"The study has nothing at {shown(key)}; its YAML file shows its keys.")
    if not rest:
        place[name] = value
        return
    if isinstance(place, dict):
        place.setdefault(name, {})
    _put(place[name], rest, value, key)


def find_study(name_or_path: str | Path) -> Path:
    """Gives the YAML file of a built-in study or a path; SuiteError when there is none."""
    advice = "name one of them or a YAML file, which `downscale init` writes"
    return yaml_files.find(name_or_path, FOLDER, "study", advice)


def _resolved(study: Study, path: Path) -> Study:
    def beside(value: str) -> str:
        local = path.parent / user_path(value)
        return str(local) if "://" not in value else value

    def named(value: str | None) -> str | None:
        file = value is not None and value.partition("#")[0].endswith(yaml_files.SUFFIXES)
        return beside(value) if file and value is not None else value

    changes: dict[str, Any] = {
        "path": str(path),
        "family": named(study.family),
        "prompts": named(study.prompts),
        "data": {task: beside(value) for task, value in study.data.items()},
        "perceive": {
            size: RecordedFile(file=beside(row.file)) for size, row in study.perceive.items()
        },
        "store": None if study.store is None else beside(study.store),
    }
    rows = {name: getattr(study.decoding, name) for name in (*STAGES, *DecodingTable.model_fields)}
    lists = {
        name: row.model_copy(update={"nowait": beside(row.nowait)})
        for name, row in rows.items()
        if isinstance(row.nowait, str)
    }
    if lists:
        changes["decoding"] = study.decoding.model_copy(update=lists)
    if isinstance(study.instruct, RecordedFile):
        changes["instruct"] = RecordedFile(file=beside(study.instruct.file))
    return study.model_copy(update=changes)
