"""Which rows lmms-eval reads for a task: the hub's, a local copy, or a generated task's recipe.

In: a TaskInfo, a local copy or none, a limit or none. Out: the keys of the task's YAML to replace.
Rows of CSV and JSON are read here, as they are written, and handed on as Parquet: the library that
lmms-eval reads with would guess their types (an id «001» would be 1, an option «1.10» 1.1).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

from suite.base.json_values import changed
from suite.base.row_files import Number, Row, check_parquet, decoded, read_rows
from suite.errors import DataError, nearest, reason_of, shown
from suite.items.cache import DATA, IMAGES, data_files
from suite.items.lmms_task import data_folder, fetch_hint, on_hub
from suite.items.tasks import LMMS_EVAL, TaskInfo

TABLES = ("csv", "json")
"""Builders of `datasets` whose rows are read here."""
SETTINGS = ("data_files", "sep", "delimiter", "cache_dir", "token")
"""What `dataset_kwargs` may say of them; the last two change no row."""
SPLITS = ("train", "training", "test", "testing", "validation", "valid", "val", "dev")
"""As which files of data sets are named."""
BUILDERS = {
    **{".parquet": "parquet", ".arrow": "arrow", ".jsonl": "json", ".json": "json"},
    **{".csv": "csv", ".tsv": "csv"},
}
"""Which builder of `datasets` reads a file, by its ending. The first that a copy has counts: Arrow
before JSON, in which `Dataset.save_to_disk` describes the files beside it."""
SHARD = re.compile(r"-(\d{5})-of-(\d{5})(-\w+)?$")
"""The end of a file's name on the Hub, where a split lies in parts."""
NUMBER = re.compile(r"(?<![^\W_])(?<!\.)(\d+)\W*$")
"""A number at the end of a name that may count: «test-0», and not «test-v2» or «test-1.0»."""
KINDS = {str: "a text", list: "a list", dict: "an object", bool: "true or false"}


def overrides_for(
    info: TaskInfo, location: Path | None, limit: int | None, scratch: Path
) -> dict[str, Any]:
    """Gives the keys of the YAML to replace so that lmms-eval reads the right rows.

    DataError for rows that are not there, or cannot be read as they are written.
    """
    kwargs = dict(info.config.get("dataset_kwargs") or {})
    kwargs.pop("token", None)  # a public data set needs none, and asking for one fails without it
    if location is not None:
        if location == data_folder(info):
            _check_settings(info, (*SETTINGS, "data_dir", "load_from_disk"))
        builder, found = _local_files(info, location)
        if builder == "csv" and info.name.startswith(LMMS_EVAL):
            raise DataError(
                f"{found[0]} holds texts alone, and {info.name} may need numbers: give its data as "
                "Parquet or JSONL."
            )
        kept = ("sep", "delimiter") if builder == "csv" else ()
        kwargs = {key: value for key, value in kwargs.items() if key in kept}
        kwargs |= {"drop_labels": False} if builder == "imagefolder" else {}
        return _overrides(info, builder, {info.split: found}, kwargs, scratch)
    if on_hub(info):
        return {"dataset_kwargs": kwargs}
    files = _beside(info)
    if info.metadata.get("recipe") and limit is not None:
        files[info.split] = _capped_recipe(info, limit, scratch)
    missing = [file for file in files.values() if not file.is_file()]
    if missing and "fetch" in info.metadata:
        raise DataError(f"Task {info.name} needs the data set {info.source}: {fetch_hint(info)}")
    if missing:
        what = "is a folder and not a file" if missing[0].is_dir() else "does not exist"
        raise DataError(f"The file {missing[0]}, which {info.path} names as its data, {what}.")
    _check_builder(info)
    builder = str(info.config["dataset_path"])
    by_split = {split: [file] for split, file in files.items()}
    return _overrides(info, builder, by_split, kwargs, scratch)


def _check_builder(info: TaskInfo) -> None:
    """DataError for what neither reads files nor is a data set of the Hub: the library would ask
    the network for it. Tasks of lmms-eval name old data sets of the Hub without an owner."""
    named = info.config.get("dataset_path")
    builder = str(named)
    known = builder.isidentifier() and find_spec(f"datasets.packaged_modules.{builder}")
    if not known and (info.path.parent / builder).is_dir():
        raise DataError(
            f"In the task file {info.path}: `dataset_path` is {shown(named)}: write './{builder}' "
            "for the folder."
        )
    if not known and not info.name.startswith(LMMS_EVAL):
        raise DataError(
            f"In the task file {info.path}: `dataset_path` is {shown(named)}, which is no reader "
            f"of files{nearest(builder, (*TABLES, 'parquet'))}, no folder, and no data set of the "
            "Hub (owner/name)."
        )


def _overrides(
    info: TaskInfo,
    builder: str,
    files: Mapping[str, Sequence[Path]],
    kwargs: dict[str, Any],
    scratch: Path,
) -> dict[str, Any]:
    """Keys of the YAML with which lmms-eval reads files by split."""
    if builder in TABLES:
        separator = kwargs.get("sep", kwargs.get("delimiter"))
        kwargs = {}
        for split, found in files.items():
            target = scratch / f"{split}.parquet"
            _write(info, found, separator, target)
            files = {**files, split: [target]}
        builder = "parquet"
    elif builder == "parquet":
        for file in chain(*files.values()):
            with _said_of(info, file):
                check_parquet(file)
    if files:
        kwargs["data_files"] = {split: list(map(str, found)) for split, found in files.items()}
    return {
        "dataset_path": builder,
        "dataset_name": None,
        "dataset_kwargs": {**kwargs, "cache_dir": str(scratch)},
    }


def _write(info: TaskInfo, files: Sequence[Path], separator: str | None, target: Path) -> None:
    """Writes the rows of files as Parquet, a column per name that one of them has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: list[tuple[Path, Row]] = []
    for file in files:
        with _said_of(info, file):
            found = read_rows(file, separator=separator)
            if not any(row.cells for row in found):
                raise ValueError("it holds no rows")
            rows += [(file, row) for row in found]
    names = dict.fromkeys(name for _, row in rows for name in row.cells)
    columns = {name: _column(info, name, rows) for name in names}
    pq.write_table(pa.table(columns), target)


@contextmanager
def _said_of(info: TaskInfo, file: Path) -> Iterator[None]:
    """Inside, what is wrong with a file becomes a DataError that names it."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise DataError(
            f"The rows of {info.name} in {file} cannot be read: {reason_of(error)}."
        ) from error


def _column(info: TaskInfo, name: str, rows: Sequence[tuple[Path, Row]]) -> Any:
    """The values of a column. Those that an item is made of are texts, as they are written; numbers
    of JSON in other columns are numbers, for the functions that calculate with them."""
    import pyarrow as pa

    convert = _text if name in _text_columns(info) else _number
    values = []
    kinds: dict[str, str] = {}
    for file, row in rows:
        try:
            values.append(changed(row.cells.get(name), convert))
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"The column {name!r} of {info.name} in {row.place} of {file} cannot be read: "
                f"{reason_of(error)}."
            ) from error
        if values[-1] is not None:
            kind = KINDS.get(type(values[-1]), "a number")
            kinds.setdefault(kind, f"{kind} in {row.place} of {file}")
    try:
        return pa.array(values)
    except (pa.ArrowException, TypeError) as error:
        raise DataError(
            f"The column {name!r} of {info.name} is not of one kind ({', '.join(kinds.values())}): "
            "give every row the same."
        ) from error


def _text_columns(info: TaskInfo) -> set[str]:
    """Columns that `metadata.item` maps to what is shown, or held against what was said."""
    columns: Mapping[str, Any] = info.metadata.get("item") or {}
    mapped = {key: value for key, value in columns.items() if key not in ("images", "fillers")}
    return {name for value in mapped.values() for name in _listed(value)}


def _listed(value: Any) -> Iterable[str]:
    return value if isinstance(value, list) else [value]


def _text(value: Any, _: str) -> Any:
    """A number, true or false of JSON as the text that it is written as. Parquet knows no empty
    object: it is nothing."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, Number) else None if value == {} else value


def _number(value: Any, key: str) -> Any:
    """A number of JSON as such; true and false stay what they are."""
    if not isinstance(value, Number):
        return value if isinstance(value, bool) else _text(value, key)
    if not value.lstrip("-").isdigit():
        return float(value)
    if len(value) > 20 or not -(2**63) <= int(value) < 2**63:
        raise ValueError(f"the number {shown(value)} is too large; put it in quotes")
    return int(value)


def _beside(info: TaskInfo) -> dict[str, Path]:
    """Split -> the file that the YAML names, which is relative to it."""
    kwargs, builder = info.config.get("dataset_kwargs") or {}, info.config.get("dataset_path")
    if builder in TABLES:
        _check_settings(info, SETTINGS)
    files = kwargs.get("data_files", {})
    if not isinstance(files, dict):
        files = {info.split: files}
    if not all(isinstance(name, str) and name for name in files.values()):
        raise DataError(
            f"In the task file {info.path}: `dataset_kwargs.data_files` must name a file per split."
        )
    if info.split not in files and (files or builder in TABLES):
        raise DataError(
            f"In the task file {info.path}: the split of the items is {info.split!r}, and "
            f"`dataset_kwargs.data_files` has files of {', '.join(map(str, files)) or 'none'}."
        )
    return {str(split): info.path.parent / name for split, name in files.items()}


def _check_settings(info: TaskInfo, known: Sequence[str]) -> None:
    for key in info.config.get("dataset_kwargs") or {}:
        if key not in known:
            raise DataError(
                f"In the task file {info.path}: `dataset_kwargs` has {key!r}, which rows of "
                f"{info.config['dataset_path']} do not take{nearest(key, known)}."
            )


def rows_place(info: TaskInfo, location: Path | None) -> Path | None:
    """Gives the file or folder that a task's rows stand in; None for the Hub's and a builder's."""
    own = None if location is not None or on_hub(info) else _beside(info).get(info.split)
    return location or own


def rows_folder(info: TaskInfo, location: Path | None) -> Path:
    """Gives the folder that paths of images in a task's rows are relative to: that of the rows."""
    place = rows_place(info, location) or info.path
    return place if place.is_dir() and place == location else place.parent


def rows_read(info: TaskInfo, location: Path | None, limit: int | None) -> list[int] | None:
    """Gives the rows of a task's data that `overrides_for` reads, by place; None where all."""
    capped = info.metadata.get("recipe") and limit is not None
    if location is not None or on_hub(info) or not capped or limit is None:
        return None
    found: list[int] = []
    start = 0
    for part in _recipe(info):
        n = int(part["n"])
        found += range(start, start + min(n, limit))
        start += n
    return found


def _recipe(info: TaskInfo) -> list[dict[str, Any]]:
    """The parts of a generated task: one a line, with `n` items of one category each."""
    lines = _beside(info)[info.split].read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def _capped_recipe(info: TaskInfo, limit: int, scratch: Path) -> Path:
    """The recipe of a generated task with every `n` at most `limit`."""
    capped = [{**part, "n": min(int(part["n"]), limit)} for part in _recipe(info)]
    path = scratch / "recipe.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in capped), encoding="utf-8")
    return path


def _local_files(info: TaskInfo, location: Path) -> tuple[str, list[Path]]:
    """Which `datasets` builder reads a local copy, and its files of the task's split."""
    files = data_files(location)
    if not location.is_file():
        for key, subset in _subsets(info):
            files = _of_subset(info, location, files, key, subset)
    rows = [file for file in files if file.suffix.lower() in BUILDERS]
    if found := rows if location.is_file() else _of_split(info, location, rows):
        return BUILDERS[found[0].suffix.lower()], found
    if pictures := [file for file in files if file.suffix.lower() in IMAGES]:
        return "imagefolder", _pictures_of_split(info, location, pictures)
    kinds = ", ".join(sorted(DATA | IMAGES))
    if location.is_file():
        try:
            decoded(location.read_bytes())
        except ValueError as error:
            raise DataError(f"No data of {info.name} at {location}: {error}.") from error
    raise DataError(
        f"No data of {info.name} at {location}: it holds no file that ends in one of {kinds}."
    )


def _subsets(info: TaskInfo) -> Iterator[tuple[str, str]]:
    """The keys of a YAML that name a part of a data set, with what they name."""
    kwargs = info.config.get("dataset_kwargs") or {}
    for key, named in (("data_dir", kwargs.get("data_dir")), *info.config.items()):
        if key in ("data_dir", "dataset_name") and named not in (None, "", "default"):
            yield key, str(named).strip("./").lower()


def _of_subset(
    info: TaskInfo, location: Path, files: list[Path], key: str, subset: str
) -> list[Path]:
    """The files of a subset, by a folder, else by words of a name: `en/test.parquet`,
    `en-test.parquet`, `test_en.jsonl`; all where a copy has no subsets."""
    inside = {file: file.relative_to(location).as_posix().lower() for file in files}
    for before, after in (("(.*/)?", "/.*"), ("(.*[-_. /])?", "[-_. ].*")):
        wanted = re.compile(f"{before}{re.escape(subset)}{after}")
        if found := [file for file, path in inside.items() if wanted.fullmatch(path)]:
            return found
    folders = sorted({str(file.relative_to(location).parent) for file in files})
    own = location == data_folder(info)
    if files and location.name.lower() != subset and (own or len(folders) > 1):
        raise DataError(
            f"No data of {info.name} at {location}: it has no folder of its subset {subset!r} "
            f"(`{key}`), and files in {', '.join(folders)}; name the folder to read."
        )
    return files


def _of_split(info: TaskInfo, location: Path, files: Sequence[Path]) -> list[Path]:
    """Those of a folder's files, of one ending, that hold the task's split: that the YAML names,
    else of which a name, the file's or a folder's, is the split, else has it as a word. All where
    no name tells a split.

    DataError where names tell others alone, and where the files are several sets.
    """
    split = info.split.lower()
    names = {file: _names(location, file) for file in files}
    found, tells = _named(info, location, files), None
    # What the YAML names is meant, and what lies in a split's folder that a person names.
    meant = bool(found)
    for tells in () if meant else (split.__eq__, lambda name: split in _words([name])):
        if found := [file for file in files if any(map(tells, names[file]))]:
            break
    if not found and not (meant := location.name.lower() in (split, *SPLITS)):
        _check_others(info, location, told_splits(location, files))
    by_ending = [[f for f in found or files if f.suffix.lower() == end] for end in BUILDERS]
    read = next(filter(None, by_ending), [])
    if not meant:
        _check_one(info, location, _sets({file: names[file] for file in read}, tells))
    _check_whole(info, read)
    return read


def _check_one(info: TaskInfo, location: Path, files: Sequence[Path]) -> None:
    if len(files) > 1:
        several = ", ".join(sorted(str(file.relative_to(location)) for file in files))
        raise DataError(
            f"No data of {info.name} at {location}: it holds {several}, and nothing tells which of "
            f"them are its split {info.split!r}; name a file of these, or a folder."
        )


def _sets(files: Mapping[Path, Sequence[str]], tells: Callable[[str], bool] | None) -> list[Path]:
    """A file of each set that the names of files make. In one set they are alike until the one that
    tells the split, or differ there by a number that counts them from 0 or 1."""
    sets: dict[tuple[object, ...], dict[int, Path]] = {}
    for file, names in files.items():
        place = next((n for n, name in enumerate(names) if tells and tells(name)), len(names) - 1)
        number = NUMBER.search(names[place])
        alike = (*names[:place], NUMBER.sub("", names[place]), place < len(names) - 1)
        sets.setdefault(alike, {})[int(number[1]) if number else -1] = file
    found: list[Path] = []
    for parts in sets.values():
        counted = any(sorted(parts) == [*range(start, start + len(parts))] for start in (0, 1))
        found += list(parts.values())[: 1 if counted else None]
    return found


def _names(folder: Path, file: Path) -> list[str]:
    """Names, in small letters, of a file and of the folders around it within one. That of a part is
    the whole's."""
    *folders, _ = file.relative_to(folder).parts
    return [name.lower() for name in (*folders, SHARD.sub("", file.stem))]


def _words(names: Sequence[str]) -> set[str]:
    """The words of names, with the numbers in them and without."""
    return {
        word for name in names for mark in (r"[-_. ]", r"[-_. \d]") for word in re.split(mark, name)
    }


def told_splits(folder: Path, files: Sequence[Path]) -> list[str]:
    """Lists the splits that names of a folder's files tell, or of folders within it."""
    parts = [file for file in files if SHARD.search(file.stem)]
    shards = (re.split(r"[-_. ]", _names(folder, file)[-1])[-1] for file in parts)
    held = {word for file in files for word in _words(_names(folder, file))}
    return [name for name in dict.fromkeys((*SPLITS, *sorted(shards))) if name in held]


def _check_others(info: TaskInfo, location: Path, others: Sequence[str]) -> None:
    if others:
        raise DataError(
            f"No data of {info.name} at {location}: it holds files of {', '.join(others)} and "
            f"none of its split {info.split!r}; name a file of these to read it all the same."
        )


def _named(info: TaskInfo, location: Path, files: Sequence[Path]) -> list[Path]:
    """Those that the YAML names, by path or pattern. Of one that leads into another folder than the
    task's own its end counts, as far as a file has it."""
    named = (info.config.get("dataset_kwargs") or {}).get("data_files")
    named = named.get(info.split) if isinstance(named, dict) else named
    own = location == data_folder(info)
    found: dict[Path, None] = {}
    for pattern in filter(None, map(str, _listed(named or []))):
        parts = Path(pattern).parts
        fit = [f for f in files if f.relative_to(location).match(pattern)]
        fit = [f for f in fit if len(f.relative_to(location).parts) == len(parts)]
        ends = ("/".join(parts[start:]) for start in range(0 if own or fit else len(parts)))
        for end in ends:
            if re.fullmatch(r"\*+(\.\w+)?", end):  # it would be any file
                break
            if fit := [file for file in files if file.relative_to(location).match(end)]:
                _check_one(info, location, fit if "*" not in end else fit[:1])
                break
        if own and not fit:
            raise DataError(
                f"The file {location / pattern}, which {info.path} names as its data, does not "
                "exist."
            )
        found |= dict.fromkeys(fit)
    return list(found)


def _pictures_of_split(info: TaskInfo, location: Path, files: list[Path]) -> list[Path]:
    """Pictures in the folder of the split; all where the folders are no splits but classes."""
    folders = {file: file.relative_to(location).parts[0].lower() for file in files}
    if found := [file for file in files if folders[file] == info.split.lower()]:
        return found
    if set(folders.values()) <= set(SPLITS):
        _check_others(info, location, sorted(set(folders.values())))
    return files


def _check_whole(info: TaskInfo, files: Sequence[Path]) -> None:
    """DataError where one of several files that belong together is not there."""
    parts: dict[tuple[str, str], set[int]] = {}
    for file in files:
        if match := SHARD.search(file.stem):
            name = str(file.with_name(file.stem[: match.start()]))
            parts.setdefault((name, match[2]), set()).add(int(match[1]))
    for name, count in parts:
        if others := [n for other, n in parts if other == name and n != count]:
            raise DataError(
                f"The data of {info.name} are there twice: {name}-...-of-{count} and "
                f"-of-{others[0]}; remove those that are not meant."
            )
    for (name, count), there in parts.items():
        if missing := set(range(int(count))) - there:
            raise DataError(
                f"The data of {info.name} are not whole: {name}-{min(missing):05}-of-{count} is "
                "not there; fetch it, or name one file to read that one alone."
            )
