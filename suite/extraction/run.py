"""Makes extraction data: reads conversations, asks the teacher, checks, and writes what is left.

In: conversations, images, a teacher, settings. Out: in a folder train.json, the same rows as a
Hugging Face data set, report.json and report.html. The same command goes on where it was stopped,
and gives the same files.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from suite.base.files import make_folder, user_path
from suite.base.images import Unreadable
from suite.base.machine import check_device
from suite.engine.progress import Progress, Silent
from suite.errors import SuiteError
from suite.extraction import asking, checks, dataset, facts, report
from suite.extraction.checks import Problem
from suite.extraction.conversations import Source, read_conversations
from suite.extraction.pictures import Pictures, Place
from suite.extraction.rounds import Engine
from suite.extraction.rows import Made, Row, Settings
from suite.extraction.teacher import (
    GOLD,
    JUDGE,
    STAGES,
    Teacher,
    recorded_file,
    teacher_of,
    written,
)
from suite.models.backends import fingerprint
from suite.planning.prompts import list_prompts, load_prompts
from suite.planning.stages import EXTRACTION
from suite.store import Store

MICRO = "micro"
"""Name that stands for conversations about the drawn world, where no file is called so."""
PROMPTS = "extraction"


def extract_data(
    conversations: str | Path,
    *,
    teacher: str,
    out: str | Path,
    images: str | Path | None = None,
    judge: str | None = None,
    settings: Settings | None = None,
    prompts: str | None = None,
    store: str | Path | None = None,
    limit: int | None = None,
    device: str = "auto",
    workers: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Makes extraction data of conversations, and gives the report with `dir` and `seconds`.

    teacher: `FAMILY:SIZE`, `recorded:FILE`, or `gold` for the drawn world. images: folder of the
    images; that of the conversations by default. store: of generations, OUT/store by default.
    limit: the first conversations with an image. SuiteError for what no row could survive.
    """
    progress, settings, clock = progress or Silent(), settings or Settings(), time.monotonic()
    for kind in settings.drop:
        if kind not in checks.KINDS:
            raise SuiteError(f"No kind of problem is called {kind!r}.")
    folder = user_path(out)
    check_device(device)
    drawn = str(conversations) == MICRO and not Path(MICRO).exists()
    files = [recorded_file(who) for who in (teacher, judge or "")]
    read = [None if drawn else user_path(conversations), *files]
    dataset.check_folder(folder, *filter(None, read))
    make_folder(folder, "--out")
    source, photos, master = _read(conversations, images, teacher, folder, limit, drawn)
    judging = None if judge is None else teacher_of(judge, JUDGE, folder, "--judge")
    about: dict[str, Any] = {"teacher": _about(master, device), "judge": None}
    wording = load_prompts(prompts or _prompt_set(MICRO if drawn else master.prompts))
    for template in (
        "instruct",
        "perceive",
        *(t for s in EXTRACTION.values() for t in s.templates),
    ):
        wording.require(template, "extract-data")
    opened = Store(store or folder / "store", run=uuid.uuid4().hex, say=progress.say)
    engine = Engine(wording, opened, device, workers, progress)
    pictures = Pictures(settings.size)
    rows = _rows(source, photos, folder, pictures, progress, master)
    asking.ask(rows, engine, master, settings, pictures)
    if judging is not None:
        about["judge"] = _about(judging, device) | asking.judge(rows, engine, judging, settings)
    opened.check()
    if master.texts is not None:
        ids = {row.id for row in rows}
        about["teacher"]["unused"] = sum(id not in ids for _, id in master.texts)
    made = _checked(rows, Made((), {}, wording, source, photos, folder, settings, about))
    content = report.write(made)
    dataset.write(made)
    return {**content, "dir": str(folder), "seconds": round(time.monotonic() - clock, 3)}


def _read(
    conversations: str | Path,
    images: str | Path | None,
    teacher: str,
    folder: Path,
    limit: int | None,
    drawn: bool,
) -> tuple[Source, Path, Teacher]:
    """The conversations, the folder of their images, and who writes."""
    if limit is not None and limit < 1:
        raise SuiteError(f"--limit {limit}: give a positive number of conversations.")
    if drawn:
        from suite.extraction.micro import draw

        file, gold = draw(folder, limit)
        master = written(GOLD, gold, STAGES, folder) if teacher == GOLD else None
        master = master or teacher_of(teacher, STAGES, folder, "--teacher")
        return read_conversations(file, folder), folder, master
    if teacher == GOLD:
        raise SuiteError(
            f"--teacher {GOLD}: only the drawn world knows what its pictures show; use it as "
            f"`downscale extract-data {MICRO} --teacher {GOLD} --out DIR`, or name FAMILY:SIZE."
        )
    path = user_path(conversations)
    photos = user_path(images) if images is not None else path if path.is_dir() else path.parent
    if images is not None and not photos.is_dir():
        raise SuiteError(f"--images {photos} is no folder: give the one that the images lie in.")
    master = teacher_of(teacher, STAGES, folder, "--teacher")
    return read_conversations(path, folder, limit), photos, master


def _about(who: Teacher, device: str) -> dict[str, Any]:
    """Name and fingerprints of a teacher, without the folder in which its texts lie."""
    models = dict.fromkeys(who.models.values())
    prints = [fingerprint(m.spec, m.role, m.spec.dtype, device=device) for m in models]
    return {"name": who.name, "models": prints}


def _prompt_set(family: str | None) -> str:
    own = f"{PROMPTS}_{family}"
    return own if own in list_prompts() else PROMPTS


def _rows(
    source: Source,
    photos: Path,
    folder: Path,
    pictures: Pictures,
    progress: Progress,
    teacher: Teacher,
) -> list[Row]:
    """The conversations with what is wrong with them and their images."""
    rows = [Row(one) for one in source.conversations]
    places: dict[str, Place] = {
        one.id: (folder if one.embedded else photos, one.image)
        for one in source.conversations
        if not one.fault
    }
    found = pictures.add(list(places.values()), progress)
    firsts: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}
    for row in rows:
        row.before += checks.of_conversation(row.conversation)
        if row.conversation.fault:
            continue
        name = found[places[row.id]]
        if isinstance(name, Unreadable):
            row.before.append(Problem(row.id, "unreadable_image", str(name)))
            continue
        row.image = name
        pairs = tuple((facts.plain(q), facts.plain(a)) for q, a in row.conversation.pairs)
        first = firsts.setdefault((name, pairs), row.id)
        if first != row.id:
            detail = f"image and conversation are those of {first}"
            row.before.append(Problem(row.id, "duplicate", detail))
        elif row.conversation.repeats is not None and teacher.texts is not None:
            detail = f"the id {row.conversation.repeats} is another row's, and texts go by id"
            row.before.append(Problem(row.id, "duplicate", detail))
    return rows


def _checked(rows: Sequence[Row], made: Made) -> Made:
    """Looks for descriptions that stand twice, and decides which rows are kept."""
    drop = {*made.settings.drop, *checks.ALWAYS}
    firsts: dict[str, Row] = {}
    problems: dict[str, list[Problem]] = {}
    for row in rows:
        text = facts.plain(row.text("description"))
        first = firsts.setdefault(text, row) if text else row
        # One image may be described in the same words with an eye to other contents.
        other = row.image == first.image and row.text("contents") != first.text("contents")
        if first is not row and not other:
            detail = f"the description is that of {first.id}"
            row.after.append(Problem(row.id, "duplicate", detail))
        if found := row.problems(made.settings.longest):
            problems[row.id] = found
        row.kept = "description" in row.texts and not any(p.kind in drop for p in found)
    return replace(made, rows=tuple(rows), problems=problems)
