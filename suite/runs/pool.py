"""Puts runs of one study with different seeds together, so that analyses resample both items and
seeds: `downscale pool` and `suite.pool`.

In: directories of finished runs, such as those of families that `downscale train --seed` made. Out:
a directory with all their records as one table, and a provenance.json that names them. The cells
and tasks that every run has are taken, the others are said. A cell that was asked in another way, a
prompt set or an item that differs is refused: its seeds would not tell what they seem to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.base.files import file_hash, make_folder, whole
from suite.errors import SuiteError
from suite.runs import freshness, history, provenance
from suite.runs.results import NAME, ROWS, SHA256, load_results

if TYPE_CHECKING:
    import pandas as pd

ROW = ("cell", "perception_params", "reasoning_params", "task", "item_id", "sample")
"""What the rows of every seed have in common."""

Facts = dict[str, Any]


def pool(
    runs: Sequence[str | Path], out: str | Path, *, say: Callable[[str], None] | None = None
) -> Path:
    """Writes the records of all runs into `out` as those of one, and returns it.

    say: is told what not every run has, and where no run has other weights than another.
    Raises SuiteError for fewer than two runs, for one that has not ended, for two of the same seed,
    and where one was asked otherwise than another.
    """
    tell = say or (lambda _: None)
    folders, target = [Path(run) for run in runs], Path(out)
    if len(folders) < 2:
        raise SuiteError("Name at least two runs, whose studies differ in their seed.")
    facts = {str(folder): _finished(folder) for folder in folders}
    _check_target(target, folders)
    _check_seeds({name: own["seed"] for name, own in facts.items()})
    _common(
        "prompt set", {n: {"of all": own["prompts"]["digest"]} for n, own in facts.items()}, tell
    )
    cells = _common("cell", {name: _chains(own) for name, own in facts.items()}, tell)
    tasks = _common("task", {name: _asked(own) for name, own in facts.items()}, tell)
    if len({str(sorted(map(_weights, own["models"]))) for own in facts.values()}) == 1:
        tell(
            "All runs have the same weights: their seeds tell what sampling changes, and nothing "
            "of what training anew would."
        )
    records = _put_together(folders, cells, tasks)
    make_folder(target, "--out")
    with whole(target / NAME) as temporary:
        records.to_parquet(temporary, index=False, row_group_size=ROWS)
    provenance.write(target, _provenance(facts, tasks) | {SHA256: file_hash(target / NAME)})
    return target


def _finished(folder: Path) -> Facts:
    facts = provenance.read(folder)
    if provenance.POOLED in facts:
        raise SuiteError(f"{folder} holds runs that were put together: name these one by one.")
    provenance.finished(folder)
    if not facts.get("steps"):
        raise SuiteError(
            f"{folder} is of an older version of the suite, which did not note how each cell was "
            f"asked; run its study again with `--out {folder}`: what was generated is kept."
        )
    return facts


def _check_target(target: Path, folders: Sequence[Path]) -> None:
    """A run that lies there is not replaced; runs that were put together there are."""
    there = provenance.read(target)
    if (there and provenance.POOLED not in there) or target.resolve() in map(Path.resolve, folders):
        raise SuiteError(f"{target} holds a run, which would be replaced: give another `--out`.")
    provenance.check_own(target, (NAME, *freshness.DRAWN))


def _check_seeds(seeds: Mapping[str, int]) -> None:
    first: dict[int, str] = {}
    for name, seed in seeds.items():
        if seed in first:
            raise SuiteError(
                f"{first[seed]} and {name} have the same seed, {seed}: run one of them with "
                f"`--set seed={max(seeds.values()) + 1}`, into a folder of its own."
            )
        first[seed] = name


def _common(
    kind: str, told: Mapping[str, Mapping[str, Any]], tell: Callable[[str], None]
) -> list[str]:
    """Names that every run tells, in the first one's order. SuiteError where there are none, or
    what is told of one differs."""
    (first, known), *others = told.items()
    shared = [name for name in known if all(name in own for _, own in others)]
    for name, own in others:
        for this in shared:
            if own[this] != known[this]:
                raise SuiteError(
                    f"The {kind} {this} is not the same in {first} and {name}: it was asked "
                    "otherwise. Run both with the same study and data."
                )
    if not shared:
        raise SuiteError(f"No {kind} is in all of {', '.join(told)}.")
    if left := len({name for own in told.values() for name in own} - set(shared)):
        tell(f"Left out: {left:,} {kind}{'s' * (left > 1)} that not every run has.")
    return shared


def _chains(facts: Facts) -> dict[str, list[Facts]]:
    """Each cell's stages, the last first: how it was asked, whatever its checkpoints are called.
    Its sizes are in its id, but for the one whose contents to observe every cell reads."""
    by_default = facts["study"].get("instruct") is None
    found = {}
    for cell, at in facts["cells"].items():
        chain: list[Facts] = []
        while at is not None:
            step = dict(facts["steps"][at])
            at = step.pop("upstream")
            model = step.pop("model")
            chain.append(
                step | ({"by": model} if step["stage"] == "instruct" and by_default else {})
            )
        found[cell] = chain
    return found


def _asked(facts: Facts) -> dict[str, tuple[int, str]]:
    return {task: (own["n"], own["digest"]) for task, own in facts["items"].items()}


def _weights(model: Facts) -> str:
    return str(model["fingerprint"])


def _put_together(
    folders: Sequence[Path], cells: Sequence[str], tasks: Sequence[str]
) -> pd.DataFrame:
    import pandas as pd

    frames: list[pd.DataFrame] = []
    first: pd.DataFrame | None = None
    for folder in folders:
        frame = load_results(folder)
        frame = frame[frame["cell"].isin(cells) & frame["task"].isin(tasks)]
        rows = frame[list(ROW)].sort_values([*ROW], ignore_index=True)
        first = rows if first is None else first
        if not rows.equals(first):
            raise SuiteError(
                f"{folders[0]} and {folder} do not hold the same rows, though their studies ask "
                "the same: a size has other parameters, or one run is not whole."
            )
        frames.append(frame)
    return pd.concat(frames, ignore_index=True).assign(study=frames[0]["study"].iloc[0])


def _provenance(facts: Mapping[str, Facts], tasks: Sequence[str]) -> Facts:
    first, spans = next(iter(facts.values())), [history.span(own) for own in facts.values()]
    kept = ("seed", SHA256, "models", "commit", "machine")
    return {
        "study": {**first["study"], "seed": None},
        "family": first["family"],
        **({"limit": first["limit"]} if provenance.is_look(first) else {}),
        "items": {task: first["items"][task] for task in tasks},
        "started": min(span["started"] for span in spans),
        "ended": max(span["ended"] for span in spans),
        provenance.POOLED: [
            {"dir": name, "versions": history.versions(own)}
            | {fact: own[fact] for fact in kept if fact in own}
            for name, own in facts.items()
        ],
    }
