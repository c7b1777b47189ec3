"""What the pages and the commands' own help say is there, and what they show works.

In: the pages and the commands. Out: a failure that names what is shown and is not so.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path

import click
import pytest

import suite.cli
from suite.cli import cli, command_files, summary_of
from suite.items.task_yaml import check, load_yaml
from suite.models.family import load_family
from suite.planning.study import RecordedFile, load_study
from suite.report.glossary import TERMS
from suite.training.recipe import load_recipe
from suite.training.vlm.recipe import load_real
from tests.documents import RUN, Block, blocks, blocks_of, follow, pages
from tests.house import PACKAGES, ROOT
from tests.suite.own_tasks import documented

DOCUMENTS = pages()
BLOCKS = tuple(block for page in DOCUMENTS for block in blocks(page))
"""Every block of code that a page shows."""


def shown_commands(block: Block) -> list[str]:
    """Every `downscale ...` of a block of the shell, continuation lines joined, $NAME as 1."""
    found = []
    for line in block.text.replace("\\\n", " ").splitlines() if block.language == "bash" else ():
        words = shlex.split(re.sub(r"\$\w+", "1", line), comments=True)
        while words:
            cut = next((i for i, w in enumerate(words) if w in ("&&", "||", "|", ";", ">")), None)
            part, words = words[:cut], words[cut + 1 :] if cut is not None else []
            while part and (part[0] in ("!", "if") or re.fullmatch(r"[A-Z_]+=.*", part[0])):
                part = part[1:]
            if part[:1] == ["downscale"]:
                found.append(shlex.join(part))
    return found


def test_blocks_are_found_with_what_a_test_must_know_of_them() -> None:
    page = (
        "A file `a/b.yaml`, as it is:\n\n```yaml\nx: 1\n```\n\n"
        "Then see `c.yaml`:\n\n<!-- run first: true -->\n<!-- not run: it is\nlate -->\n"
        "```bash\npip install x && A=1 downscale run micro \\\n  --out 'a b'  # why\n```\n"
    )
    one, two = blocks_of("p.md", page)
    assert one == Block("p.md", 3, "yaml", "x: 1\n", "a/b.yaml", None, None, False)
    assert (two.line, two.file, two.skip, two.first) == (12, None, "it is\nlate", "true")
    assert shown_commands(two) == ["downscale run micro --out 'a b'"]


def test_a_page_is_followed_to_its_first_fault(tmp_path: Path) -> None:
    page = (
        "```bash\nexport A=1; cd suite\n```\n\n`b.json`:\n\n```json\n{}\n```\n\n"
        "```diff\n--- a/b.json\n+++ b/b.json\n@@ -1 +1 @@\n-{}\n+[1]\n```\n\n"
        "<!-- run first: ls __main__.py -->\n```bash\ntest $A = 1; cat b.json; false; true\n```\n\n"
        "```bash\ntrue\n```\n"
    )
    shown = blocks_of("p.md", page)
    ended = follow(shown, tmp_path)
    assert list(ended) == list(shown[:4])
    assert list(ended.values()) == [None, None, None, "__main__.py\n[1]\n"]


@pytest.fixture(scope="session")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[Block, str | None]]:
    """Page -> how its blocks ended; each page is followed once."""

    @cache
    def follow_page(page: str) -> dict[Block, str | None]:
        shown = tuple(block for block in blocks(page) if block.runs and not block.skip)
        return follow(shown, tmp_path_factory.mktemp("page"))

    return follow_page


@pytest.mark.slow
@pytest.mark.parametrize("block", [block for block in BLOCKS if block.runs], ids=str)
def test_every_block_runs(block: Block, followed: Callable[[str], dict[Block, str | None]]) -> None:
    if block.skip:
        pytest.skip(block.skip)
    ended = followed(block.page)
    if block not in ended:
        pytest.skip("a block before it failed")
    assert ended[block] is None, ended[block]


def test_every_block_has_a_language_that_is_tried() -> None:
    """`text` shows what a program prints; YAML and JSON are read where they are no file."""
    for page in DOCUMENTS:
        fences = re.findall("^ *```", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len(blocks(page)), page
    assert {block.language for block in BLOCKS} <= {*RUN, "yaml", "json", "text"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_shown_command_parses(document: str) -> None:
    unchanged = (block for block in blocks(document) if not block.changed)
    for line in (line for block in unchanged for line in shown_commands(block)):
        name, *arguments = shlex.split(line)[1:]
        if name.startswith("-"):
            continue
        assert name in command_files(), line
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        try:
            command.make_context(name, arguments)
        except click.exceptions.Exit:
            pass  # --help
        except click.ClickException as error:
            pytest.fail(f"{document}: `{line}`: {error.format_message()}")


def _task(path: Path) -> None:
    check(load_yaml(path), path)


def _recipe(path: Path) -> None:
    assert load_real(str(path)) or load_recipe(str(path))


READERS: dict[str, Callable[[Path], object]] = {
    "family": load_family, "study": load_study, "task": _task, "recipe": _recipe,
    "on": load_yaml,
}  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_shown_yaml_is_read(document: str, tmp_path: Path) -> None:
    for block in blocks(document):
        if block.language == "yaml" and not block.changed:
            path = tmp_path / "shown.yaml"
            path.write_text(block.text, encoding="utf-8")
            READERS[block.text.partition(":")[0]](path)
        elif block.language == "json":
            assert json.loads(block.text)


def test_every_setting_shown_within_a_line_is_read(tmp_path: Path) -> None:
    keys = (ROOT / "docs" / "families.md").read_text(encoding="utf-8")
    spec = (ROOT / "suite" / "models" / "spec.py").read_text(encoding="utf-8")
    processors = re.findall(r"`processor` \|.*`(\{.*\})`", keys)
    processors += [f"{{{shown}}}" for shown in re.findall(r"`(size: \{.*?\})`", spec)]
    assert len(processors) == 2
    path = tmp_path / "shown.yaml"
    for setting in processors:
        vlm = f"{{path: x, processor: {setting}}}"
        path.write_text(f"family: f\nsizes: [{{name: s, params: 1, vlm: {vlm}}}]\n")
        (size,) = load_family(path).sizes
        assert hash(size.vlm), "a plan looks models up by their specs"
    (instruct,) = re.findall(r"`(instruct: \{.*?\})`", keys)
    path.write_text(documented("study: shapes") + instruct)
    assert load_study(path).instruct == RecordedFile(file=str(tmp_path / "contents.json"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_named_file_exists(document: str) -> None:
    """Links and paths in backticks that begin with a folder of this repository."""
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    folders = "|".join((*PACKAGES, "tests", "results", "notebooks", "docs", r"\.ci"))
    quoted = re.findall(rf"`((?:{folders})/[\w./-]+)`", text)
    arriving = {block.file for block in blocks(document)}
    named = {(ROOT / document).parent / link for link in links}
    named |= {ROOT / name for name in {*quoted} - arriving if "NAME" not in name}  # to be added
    assert [path for path in named if not path.exists()] == []


def test_the_python_shown_uses_what_there_is() -> None:
    """Imports resolve and `suite.NAME` exists; the slow tests run it."""
    shown = [block.text for block in BLOCKS if block.language == "python" and not block.changed]
    for node in (node for text in shown for node in ast.walk(ast.parse(text))):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            assert [a.name for a in node.names if not hasattr(module, a.name)] == []
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "suite":
            assert hasattr(suite, node.attr), node.attr


def test_a_reader_is_told_the_words_of_the_report() -> None:
    text = (ROOT / "docs" / "tutorial_reader.md").read_text(encoding="utf-8")
    assert "".join(f"| {term.word} | {term.meaning} |\n" for term in TERMS) in text


def test_the_readme_opens_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    start = text.partition("\n## What you see")[0]
    assert "results/micro/figures/overview.png" in start
    assert "pip install -e . && downscale run micro" in start
    assert 'pip install -e ".[dev]" && pytest' in start


def test_version_is_told_once() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert f"version: {version[1]}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {version[1]}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(command_files()))
def test_every_command_explains_itself(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert summary_of(command_files()[name]).endswith("."), "the docstring's first line is its help"
    help_text = command.get_help(click.Context(command, info_name=name))
    assert "--debug" in help_text
    silent = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
    assert silent == [], "options without a help text"
