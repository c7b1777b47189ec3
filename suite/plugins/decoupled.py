"""The decoupled pipeline as a model that lmms-eval's own command runs.

    lmms-eval --model downscale_decoupled --model_args perception=micro:l,reasoning=micro:l \\
        --include_path tasks --tasks downscaling_micro_ocr

In: lmms-eval's instances. Out: their answers, through a plan, the engine and a store as in a study,
so a run that was stopped goes on. Of the suite's own tasks an answer is what the suite's parser has
read, so that lmms-eval's table shows the suite's score; of any other it is what the reasoner states
in the end, or its text where it states nothing, for the task's own scorer. An answer that failed is
an error: lmms-eval would score it as a wrong one.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lmms_eval.api.model import lmms

from suite.answers.parse import parse
from suite.answers.score import lmms_score
from suite.base.images import Unreadable, encoded
from suite.base.machine import check_device
from suite.engine.processes import generate
from suite.engine.progress import progress_for_terminal
from suite.engine.walk import Walk, fingerprints
from suite.errors import SuiteError
from suite.items.item import Item, ItemSet, cluster_id, image_hash
from suite.items.source import read_rows
from suite.items.tasks import PREFIX, TaskInfo, get_task
from suite.models.backends import backend_of
from suite.models.family import Family, Size, load_family
from suite.models.spec import INSTRUCT, ModelSpec
from suite.planning.cells import expand
from suite.planning.plan import Plan, PlannedTask
from suite.planning.prompts import load_prompts
from suite.planning.study import parse_study
from suite.requests import Generation
from suite.runs.records import Reader
from suite.store import Store

NAME = "downscale_decoupled"
STORE = Path("runs") / NAME / "store"


@dataclass(frozen=True)
class Named:
    """A size of a family, as `FAMILY:SIZE` names it."""

    family: Family
    size: Size

    @property
    def name(self) -> str:
        """Its name in a family that is made of several."""
        return f"{self.family.name}-{self.size.name}"


def named(given: Any, key: str) -> Named:
    """Reads `FAMILY:SIZE`; SuiteError names the argument."""
    family, colon, size = str(given).rpartition(":")
    if not colon or not family or not size:
        raise SuiteError(
            f"--model_args: {key}={given}: write it as FAMILY:SIZE, such as {key}=micro:l."
        )
    found = load_family(family)
    return Named(found, found.size(size))


class Decoupled(lmms):  # type: ignore[misc]
    """Perceives with one model and reasons with another."""

    is_simple = True

    def __init__(
        self,
        perception: str,
        reasoning: str,
        perceiver: str = INSTRUCT,
        instruct: str | None = None,
        thinking: bool = False,
        prompts: str | None = None,
        decoding: str | dict[str, Any] | None = None,
        seed: int = 0,
        store: str | None = None,
        batch_size: int | str = 1,
        device: str | None = None,
    ) -> None:
        """Plans the cell; nothing is loaded yet.

        perception, reasoning, instruct: FAMILY:SIZE, a family by name or YAML file; instruct writes
        the contents to observe, by default the size that the reasoner's family says. perceiver:
        which of the perception size's `vlms`. thinking: whether the reasoner thinks. prompts: set
        or file; the reasoner's family's by default. decoding: as in a study, in JSON. store: of
        the answers, runs/downscale_decoupled/store by default. batch_size: rows per batch; 1,
        lmms-eval's default, is as the suite decides. SuiteError for what is wrong with any.
        """
        super().__init__()
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise SuiteError(
                f"{NAME} uses every GPU by itself: start lmms-eval without accelerate or torchrun."
            )
        self._device = device or "auto"
        check_device(self._device)
        sees, reasons = named(perception, "perception"), named(reasoning, "reasoning")
        instruct = instruct or f"{reasoning.rpartition(':')[0]}:{reasons.family.instruct}"
        writes = named(instruct, "instruct")
        rows = None if str(batch_size) in ("1", "auto") else int(batch_size)
        sizes = {one.name: _sized(one, rows) for one in (sees, reasons, writes)}
        self._family = Family(
            NAME, NAME, reasons.family.prompts, writes.name, tuple(sizes.values())
        )
        cell = {"perception": sees.name, "reasoning": reasons.name, "thinking": thinking}
        self._study = parse_study(
            {
                "study": NAME,
                "family": NAME,
                "tasks": [{"task": NAME}],
                "cells": [{"method": "decoupled", "perceiver": perceiver, **cell}],
                "decoding": _json(decoding),
                "seed": seed,
            }
        )
        (self._cell,) = expand(self._study, self._family)
        self._prompts = load_prompts(prompts or self._family.prompts)
        self._store = store or str(STORE)
        self._told = False

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """Answers instances in order; SuiteError where one has failed, or asks for repeats."""
        if any(int(request.repeats or 1) > 1 for request in requests):
            raise SuiteError(f"{NAME} answers once: leave --repeats out, or use a study's samples.")
        if not self._told:
            _say("decodes as `decoding` says; generation_kwargs of tasks do not reach the models.")
            self._told = True
        by_task: dict[str, list[Any]] = {}
        for request in requests:
            by_task.setdefault(request.task_name, []).append(request)
        found = {task: self._of_task(task, asked) for task, asked in by_task.items()}
        return [found[request.task_name][request.doc_id] for request in requests]

    def loglikelihood(self, requests: Sequence[Any]) -> Any:
        """SuiteError: a pipeline gives texts."""
        raise SuiteError(f"{NAME} gives texts and no likelihoods; choose tasks that ask for texts.")

    def generate_until_multi_round(self, requests: Sequence[Any]) -> Any:
        """SuiteError: it answers one question at a time."""
        raise SuiteError(f"{NAME} answers one round; choose tasks of a single question.")

    def _of_task(self, task: str, requests: Sequence[Any]) -> dict[int, str]:
        """Row -> the answer that lmms-eval gets."""
        info = get_task(task) if task.startswith(PREFIX) else None
        items = self._suite_items(info, requests) if info else self._foreign(task, requests)
        answers = self._ask(items)
        failed = [answer.error for answer in answers if answer.error is not None]
        if failed:
            raise SuiteError(
                f"{len(failed):,} of {len(answers):,} answers to {items.task} failed: {failed[0]} "
                "Run the same command again: what was answered is stored."
            )
        if info is None:
            return {item.row: _stated(item, answer) for item, answer in zip(items.items, answers)}
        return _read(items, answers)

    def _suite_items(self, info: TaskInfo, requests: Sequence[Any]) -> ItemSet:
        """Items of one of the suite's tasks: question and options apart."""
        *_, split = requests[0].args
        rows = sorted({request.doc_id for request in requests})
        docs = self.task_dict[info.lmms_name][split].select(rows)
        return read_rows(info, docs, rows, requests[0].args[2])

    def _foreign(self, task: str, requests: Sequence[Any]) -> ItemSet:
        """Items of any other task: its prompt is the question."""
        items, pictures, unreadable = [], dict[str, bytes](), dict[str, str]()
        for request in requests:
            text, _, doc_to_visual, row, _, split = request.args
            names = []
            for image in doc_to_visual(self.task_dict[task][split][row]) or ():
                try:
                    data = encoded(image)
                except Unreadable as error:
                    data = str(error).encode()
                    unreadable[image_hash(data)] = f"an image of row {row} cannot be read: {error}."
                names.append(image_hash(data))
                pictures[names[-1]] = data
            shown_ones = tuple(names)
            items.append(
                Item(
                    *(task, str(row), text, (), "", "", shown_ones),
                    image_id=cluster_id(task, str(row), shown_ones),
                    metric="exact",
                    row=row,
                )
            )
        return ItemSet(task, tuple(items), pictures, unreadable)

    def _ask(self, items: ItemSet) -> list[Generation]:
        """What the cell answers to each item, or why it has not."""
        name, n = items.task, len(items.items)
        task = PlannedTask(name, "in_domain", n, (self._cell,), None, None)
        plan = Plan(self._study, self._family, (self._cell,), (task,), self._prompts)
        for step in self._cell.step.chain:
            self._prompts.require(step.template, self._cell.id)
        known = fingerprints(plan, self._device)
        progress = progress_for_terminal()
        walk = Walk(plan, {name: items}, self._prompts, known, Store(self._store, say=progress.say))
        generate(walk, self._prompts, self._device, None, progress, _nothing, _nothing)
        places = walk.places(self._cell.step, name)
        found = walk.generations(self._cell.step, name)
        return [
            answer or Generation(error=place.reason or "It was not generated.")
            for answer, place in zip(found, places)
        ]


def _json(decoding: str | dict[str, Any] | None) -> Any:
    """The argument `decoding`, which lmms-eval hands over as a text or read."""
    try:
        return json.loads(decoding) if isinstance(decoding, str) else decoding or {}
    except ValueError as error:
        raise SuiteError(
            f"--model_args: `decoding` is no JSON ({error}); write it as "
            'decoding={"reason":{"temperature":0}}.'
        ) from error


def _nothing(*_: Any, **__: Any) -> None:
    pass


def _say(line: str) -> None:
    print(f"{NAME}: {line}", file=sys.stderr, flush=True)


def _sized(one: Named, rows: int | None) -> Size:
    """The size under its own name, with `rows` per batch where its backend has such a setting."""

    def batched(spec: ModelSpec) -> ModelSpec:
        takes = rows and "batch_size" in backend_of(spec).settings
        return replace(spec, batch_size=rows) if takes else spec

    specs = {own: batched(spec) for own, _, spec in one.size.checkpoints}
    return replace(one.size.with_checkpoints(specs), name=one.name)


def _stated(item: Item, answer: Generation) -> str:
    """What a text states as its answer (a last line «Answer: ...»), else the text."""
    read = parse(answer.text, item, answer.finish_reason == "length")
    return read.prediction if read.parsed and read.prediction is not None else answer.text


def _read(items: ItemSet, answers: Sequence[Generation]) -> dict[int, str]:
    """What the suite has read of each answer; says its score, and where the task's own differs."""
    reader, read, scores, apart = Reader(), dict[int, str](), list[float](), 0
    unread = 0
    for item, answer in zip(items.items, answers):
        reading = reader.read(item, answer.text, answer.finish_reason == "length")
        read[item.row] = reading.prediction or ""
        scores.append(reading.score)
        unread += not reading.parsed
        apart += lmms_score(item, read[item.row]) not in (None, reading.score)
    mean = sum(scores) / len(scores)
    line = f"{items.task}: {mean:.4f} (n = {len(scores):,}, {unread:,} unread)"
    if apart:
        line += f"; lmms-eval's table scores {apart:,} of these answers otherwise"
    _say(f"{line}.")
    return read
