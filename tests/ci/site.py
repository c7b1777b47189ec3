"""Builds the documentation site of the repository's own Markdown, docstrings and commands.

In: the pages that docs/zensical.toml names. Out: build/docs/site; a warning is an error.
Every page lies there as in the repository, with the files that it links to, so that one link holds
in both. Needs `pip install -e ".[docs]"`.

    python -m tests.ci.site && python -m http.server --bind 127.0.0.1 --directory build/docs/site
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.house import ROOT

BUILD = ROOT / "build/docs"


def commands() -> str:
    """Every command's own help."""
    import click

    from suite.cli import cli

    context = click.Context(cli, info_name="downscale")
    helps = [
        (name, command.get_help(click.Context(command, context, info_name=name)))
        for name in cli.list_commands(context)
        if (command := cli.get_command(context, name))
    ]
    return "# Commands\n" + "".join(
        f"\n## {name}\n\n```text\n{text}\n```\n" for name, text in helps
    )


def analyses() -> str:
    """The docstring of every analysis and of its module, which says what is computed."""
    from analyses.registry import ANALYSES

    shown = "    options: {{show_root_heading: false, show_root_toc_entry: false, members: [{0}]}}"
    return "# Analyses\n" + "".join(
        f"\n## {name}\n\n::: analyses.{name}\n{shown.format(name)}\n" for name in ANALYSES
    )


def columns() -> str:
    """The declared columns of records.parquet."""
    from analyses.columns import COLUMNS

    head = ("column", "type", "unit", "meaning")
    rows = [
        (f"`{c.name}`", c.dtype + ", may be missing" * c.null, c.unit, c.meaning) for c in COLUMNS
    ]
    return f"# The table of answers\n\nA row per cell, item and sample.\n\n{table(head, rows)}"


def tasks() -> str:
    """What each task's YAML declares."""
    from suite.items.tasks import list_tasks

    head = ("task", "asks", "items", "categories", "data")
    rows = [
        (f"`{t.name}`", t.description, f"{t.n or ''}", ", ".join(t.categories), t.source)
        for t in list_tasks()
    ]
    return f"# Tasks\n\nIn `tasks/`, a YAML each in lmms-eval's own format.\n\n{table(head, rows)}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


MADE = {
    "docs/commands.md": commands,
    "docs/reference_analyses.md": analyses,
    "docs/columns.md": columns,
    "docs/tasks.md": tasks,
}
"""Page that no file holds -> what writes it."""


def pages() -> list[str]:
    """The pages of the site as paths from the root, in its order."""

    def leaves(entry: object) -> Iterator[str]:
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, dict | list):
            for part in entry.values() if isinstance(entry, dict) else entry:
                yield from leaves(part)

    return list(leaves(tomllib.loads((ROOT / "docs/zensical.toml").read_text())["project"]["nav"]))


def linked(page: str, text: str) -> set[str]:
    """Files of the repository to which a page links, but for other pages."""
    links = re.findall(r"\]\(([^)#\s]+)", text)
    found = {(ROOT / page).parent / link for link in links if "://" not in link}
    return {str(path.resolve().relative_to(ROOT)) for path in found} - set(pages())


def copy(into: Path) -> None:
    """Puts all pages, and what they link to, into a folder."""
    for page in pages():
        made = MADE.get(page)
        text = made() if made else (ROOT / page).read_text(encoding="utf-8")
        (into / page).parent.mkdir(parents=True, exist_ok=True)
        (into / page).write_text(text, encoding="utf-8")
        for name in sorted(linked(page, text)):
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, into / name)


def main() -> int:
    """Builds the site anew; gives the builder's exit code."""
    shutil.rmtree(BUILD, ignore_errors=True)
    copy(BUILD / "pages")
    shutil.copy(ROOT / "docs/zensical.toml", BUILD)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    return subprocess.run(command, cwd=BUILD, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
