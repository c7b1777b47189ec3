"""The verbs of the command line as a Python API: load_study, plan, run, load_results.

In: a study and where its results go. Out: a Result whose `summary` is what `downscale run --json`
prints. Everything heavy is imported when it is needed; a finished study never needs torch.
"""

from __future__ import annotations

import contextlib
import html
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.base.files import make_folder
from suite.base.machine import check_device
from suite.engine.processes import generate
from suite.engine.progress import Progress, progress_for_python
from suite.engine.walk import Walk, fingerprints
from suite.errors import SuiteError, Unfinished
from suite.items.item import ItemSet
from suite.planning.plan import Plan, per_image, plan
from suite.planning.study import Study, load_study
from suite.report import outputs
from suite.runs import history, provenance, results
from suite.runs.freshness import records_digest
from suite.runs.results import load_results
from suite.runs.status import AskedKeys, Doing
from suite.runs.words import asked
from suite.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from suite.engine.cluster import Cluster

__all__ = ["Result", "load_results", "load_study", "plan", "run"]


@dataclass(frozen=True)
class Result:
    """What a run came to."""

    dir: Path
    summary: dict[str, Any]
    """study, dir, seconds, requests, cells, findings, grid: the JSON of `downscale run --json`."""
    failures: dict[str, int]
    """Reason -> number of rows that failed for it."""

    @property
    def records(self) -> pd.DataFrame:
        """The tidy table."""
        return load_results(self.dir)

    @property
    def table(self) -> pd.DataFrame:
        """The accuracies in short: the grid of pairings where there is one, else a row per cell and
        a column per task."""
        import pandas as pd

        grid = self.summary.get("grid")
        if grid:
            sizes = pd.Index([row["perception"] for row in grid["rows"]], name="perception")
            values = [row["values"] for row in grid["rows"]]
            return pd.DataFrame(values, sizes, grid["reasoning"], dtype=float)
        cells: dict[str, dict[str, float | None]] = {}
        for row in self.summary["cells"]:
            if row["group"] is None:
                cells.setdefault(row["cell"], {})[row["task"]] = row["accuracy"]
        return pd.DataFrame.from_dict(cells, orient="index", dtype=float)

    @property
    def _head(self) -> str:
        """What was run, and what its table shows."""
        grid = self.summary.get("grid")
        failed = sum(self.failures.values())
        said = f"{self.summary['study']} in {self.dir}: {asked(self.summary['requests'])}"
        said += f", {failed:,} rows failed" if failed else ""
        return f"{said}\n{grid['title'] if grid else 'Accuracy'}"

    def __repr__(self) -> str:
        table = self.table.to_string(float_format="{:.3f}".format, na_rep="–", max_rows=20)
        return f"{self._head}\n{table}"

    def _repr_html_(self) -> str:
        head = html.escape(self._head).replace("\n", "<br>")
        return f"<p>{head}</p>" + self.table.to_html(
            float_format="{:.3f}".format, na_rep="–", max_rows=20
        )


def run(
    study: Study | str | Path,
    *,
    out: str | Path | None = None,
    store: str | Path | None = None,
    limit: int | None = None,
    only: Sequence[str] = (),
    data: Mapping[str, str] | None = None,
    changes: Mapping[str, Any] | None = None,
    weights: str | Path | None = None,
    backend: str | None = None,
    random_weights: bool = False,
    device: str = "auto",
    workers: int | None = None,
    ray: Cluster | None = None,
    progress: Progress | None = None,
) -> Result:
    """Runs what a study still lacks, then writes records, tables, figures, report and provenance.

    out: run directory, runs/STUDY by default. store: a shared store in place of the study's or of
    out/store. device: auto, cpu, mps, cuda, cuda:0. workers: processes; None decides by device and
    model. ray: the Ray cluster that generates, in place of this machine. progress: who is told of
    it; None shows it in a notebook and nowhere else. The other arguments are those of `suite.plan`.
    A failed request is a row of the records, not an exception; SuiteError is raised for what no
    request could survive.
    """
    progress = progress or progress_for_python()
    started, clock = provenance.now(), time.monotonic()
    planned = plan(
        study,
        limit=limit,
        only=only,
        data=data,
        changes=changes,
        weights=weights,
        backend=backend,
        random_weights=random_weights,
    )
    if random_weights:
        progress.say(
            "Random weights: every checkpoint is replaced by a tiny random model of its class. "
            "What this run finds says nothing of the checkpoints."
        )
    folder = Path(out) if out is not None else Path("runs") / planned.study.study
    provenance.check_own(folder, outputs.WRITTEN)
    doing = Doing(folder, progress)
    with _engine(device, workers, ray) as (device, engine), contextlib.closing(doing):
        return _run(planned, folder, store, device, engine, doing, started, clock, limit)


Engine = Callable[..., None]
"""Generates what a walk lacks; takes walk, prompts, progress, note and begun."""


@contextmanager
def _engine(device: str, workers: int | None, ray: Cluster | None) -> Iterator[tuple[str, Engine]]:
    """Gives the device on which a run generates, and what does it."""
    if ray is None:
        check_device(device)
        yield device, partial(generate, device=device, workers=workers)
        return
    if workers is not None:
        raise SuiteError(
            "--workers counts processes of this machine alone; with --ray give --actors."
        )
    from suite.engine.cluster import connect

    pool = connect(ray, device)
    try:
        yield pool.device, pool.generate
    finally:
        pool.close()


def _run(
    planned: Plan,
    folder: Path,
    store: str | Path | None,
    device: str,
    engine: Engine,
    progress: Progress,
    started: str,
    clock: float,
    limit: int | None,
) -> Result:
    identities = fingerprints(planned, device)  # a missing checkpoint is told before data are read
    items = load_all_items(planned, progress)
    planned = with_counts(planned, items)
    prompts = planned.prompts
    told = {"name": prompts.name, "digest": prompts.digest, "set": asdict(prompts)}
    shared = store or planned.study.store
    opened = Store(shared or folder / "store", run=uuid.uuid4().hex, say=progress.say)
    if opened.address.startswith("memory://"):
        progress.say(f"The store {opened.folder.name} ends with this process: nothing can resume.")
    walk = Walk(planned, items, prompts, identities, opened)
    make_folder(folder, "--out", "run directory")
    before = provenance.earlier(folder, progress.say)
    facts: dict[str, Any] = {
        **provenance.describe(walk, told),
        "store": opened.folder.name if shared else None,
        "started": started,
        "ended": None,
        **({"limit": limit} if limit is not None else {}),  # a look: nothing can be concluded
    }
    counts = {"planned": planned.planned, "distinct": planned.distinct}
    progress.say(f"{planned.study.study}: {len(planned.cells)} cells, {asked(counts)}")
    facts |= {name: before[name] for name in ("records", results.SHA256) if name in before}
    finished = provenance.unchanged(facts, before)
    runs = history.earlier(before)
    dtypes = {str(known["dtype"]) for known in identities.values() if "dtype" in known}
    this = history.entry(facts, device, dtypes)

    noted = finished

    def note(more: dict[str, Any]) -> None:
        nonlocal noted, finished
        if noted:
            _check_there(folder)
        _check_writable(folder)
        provenance.write(folder, {**facts, **more})
        noted, finished = True, False

    def begun(where: dict[str, Any]) -> None:
        this.update(where | {"versions": this["versions"] | where.get("versions", {})})
        note({"runs": [*runs, this]})

    if not finished:
        begun({})  # a killed run leaves its entry
    with _there(folder):
        engine(
            walk=walk, prompts=prompts, progress=progress,
            note=AskedKeys(folder, walk).note, begun=begun,
        )  # fmt: skip
        opened.check()
        _check_there(folder)  # records without their provenance would be somebody else's
        requests, made_of = results.request_counts(walk), records_digest(walk)
        current = finished and results.is_current(folder, made_of, before)
        cells = outputs.drawn(folder, made_of, planned) if current else None
        if cells is None:
            facts |= {"ended": provenance.now(), "requests": requests}
            facts["runs"] = history.closed(this, runs, facts["ended"], requests)
            facts |= results.write_records(walk, folder, made_of, before, progress)
            note({})  # the report shows it
            cells = outputs.draw(folder, made_of, planned, progress)
            note({"seconds": round(time.monotonic() - clock, 3)})
        found = outputs.found(folder)
    summary = {
        "study": planned.study.study,
        "dir": str(folder),
        "seconds": round(time.monotonic() - clock, 3),
        "requests": requests,
        "cells": cells,
        **found,
    }
    return Result(folder, summary, outputs.failures(folder, summary))


def load_all_items(planned: Plan, progress: Progress) -> dict[str, ItemSet]:
    """Gives the items of every planned task; SuiteError when one has none or lacks what a cell
    reads."""
    from suite.items.load import load_items

    found = {}
    for task in planned.tasks:
        if task.n is None:
            progress.say(f"Reading the data of {task.task}")
        items = load_items(task.task, data=task.data, limit=task.limit)
        if not items.items:
            raise SuiteError(f"Task {task.task!r} has no items; check its data.")
        gold = [cell for cell in task.cells if cell.step.chain[0].gold]
        if gold and all(item.gold_description is None for item in items.items):
            raise SuiteError(
                f"Task {task.task!r} has no gold descriptions for {gold[0].id}; give the task "
                "`methods` without oracle in the study."
            )
        found[task.task] = items
    return found


def with_counts(planned: Plan, items: Mapping[str, ItemSet]) -> Plan:
    """The plan with the number of items and images that there really are."""
    found = {name: own.items for name, own in items.items()}
    tasks = (
        replace(task, n=len(found[task.task]), images=per_image(found[task.task]))
        for task in planned.tasks
    )
    return replace(planned, tasks=tuple(tasks))


def _check_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK):
        raise SuiteError(
            f"The run directory {folder} cannot be written; change its rights or "
            "choose another --out."
        )


def _check_there(folder: Path, cause: Exception | None = None) -> None:
    if not (folder / provenance.NAME).is_file():
        raise Unfinished(
            f"The run directory {folder}, or its {provenance.NAME}, was removed while the run "
            "worked in it. Run the same command again; what its store still has is not generated "
            "anew."
        ) from cause


@contextmanager
def _there(folder: Path) -> Iterator[None]:
    """Inside, Unfinished is raised where a run directory that was begun is there no more."""
    try:
        yield
    except Exception as error:
        _check_there(folder, error)
        raise
    _check_there(folder)
