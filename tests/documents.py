"""The pages of the repository, block by block, and a way to follow one from top to bottom.

In: the tracked Markdown. Out: its blocks of code, and how each ended.

A block is run where a person who reads the page would type it: in a copy of the repository, in the
shell of the blocks before it. After a paragraph that ends with a colon and names a file in
backticks it is that file's content; a `diff` is applied. Comments, which no reader sees, say the
rest:

    <!-- not run: REASON -->      the block below needs a GPU, a network, ...
    <!-- run first: COMMAND -->   stands for an earlier step that takes long
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.house import ROOT, tracked

RUN = {"bash": "source {}", "python": "python {}", "diff": "git apply -C1 {}"}
"""Language -> how a block of it is run where it is no file's content."""
FILE = re.compile(r"`([\w./-]+\.(?:py|yaml|jsonl?|jinja|sh))`")
MARK = re.compile(r"\n<!-- (not run|run first): ((?:(?!-->).)+) -->$", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of code of a page."""

    page: str
    line: int
    language: str
    text: str
    file: str | None
    """Whose content it is."""
    skip: str | None
    """Why it is not run."""
    first: str | None
    """Command to be run before it."""
    changed: bool
    """Whether the page has changed the code before: without running it nobody can tell."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def runs(self) -> bool:
        return self.file is not None or self.language in RUN


def pages() -> tuple[str, ...]:
    """Every page of the repository that speaks to people, but for model cards and the log."""
    named = [str(path.relative_to(ROOT)) for path in tracked() if path.suffix == ".md"]
    apart = re.compile(r"suite/families/.+/|CHANGELOG\.md|results/LOG\.md")
    return tuple(name for name in named if not apart.match(name))


def blocks_of(page: str, text: str) -> tuple[Block, ...]:
    """The blocks of a page's text, in order."""
    found: list[Block] = []
    fences = re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for fence in fences:
        before = text[: fence.start()].rstrip("\n")
        marks = dict[str, str]()
        while comment := MARK.search(before):
            marks[comment[1]] = comment[2]
            before = before[: comment.start()].rstrip("\n")
        paragraph = before.rpartition("\n\n")[2]
        named = FILE.findall(paragraph) if before.endswith(":") and fence[1] != "diff" else []
        names = [name for name in named if name.endswith(".sh") == (fence[1] == "bash")]
        found.append(
            Block(
                page,
                text[: fence.start()].count("\n") + 1,
                fence[1],
                fence[2],
                names[-1] if names else None,
                marks.get("not run"),
                marks.get("run first"),
                any(block.language == "diff" for block in found),
            )
        )
    return tuple(found)


def blocks(page: str) -> tuple[Block, ...]:
    return blocks_of(page, (ROOT / page).read_text(encoding="utf-8"))


def follow(shown: tuple[Block, ...], folder: Path) -> dict[Block, str | None]:
    """Runs blocks in order, up to the first that fails, in one shell and a copy of the repository.

    Gives None for each that went well, and what the failed one printed; the rest were not reached.
    """
    copy, told = folder / "copy", folder / "told"
    for path in tracked():
        name = path.relative_to(ROOT)
        if name.parts[0] != "tests":
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy / name)
    told.mkdir()
    commands = folder / "bin"
    commands.mkdir()
    for name, module in (("downscale", " -m suite"), ("python", "")):
        (commands / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{module} "$@"\n')
        (commands / name).chmod(0o755)
    script = ["set -eo pipefail"]
    for number, block in enumerate(shown):
        content = told / f"{number}.block"
        content.write_text(block.text, encoding="utf-8")
        script += [f"exec >{told}/{number}.txt 2>&1", block.first or ":"]
        if block.file:
            name = shlex.quote(block.file)
            script += [f'mkdir -p "$(dirname {name})"', f"cp {content} {name}"]
        else:
            script.append(RUN[block.language].format(content))
        script.append(f"touch {told}/{number}.done")
    environment = {name: value for name, value in os.environ.items() if name != "DOWNSCALE_TASKS"}
    environment |= {
        "PATH": f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{copy}:{os.environ.get('PYTHONPATH', '')}",
        "HF_HUB_OFFLINE": "1",
        "DOWNSCALE_CACHE": str(folder / "cache"),
    }
    subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=copy,
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    ended = dict[Block, str | None]()
    for number, block in enumerate(shown):
        if not (told / f"{number}.txt").exists():
            break
        done = (told / f"{number}.done").exists()
        ended[block] = None if done else (told / f"{number}.txt").read_text(errors="replace")
    return ended
