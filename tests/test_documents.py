"""What README, CONTRIBUTING and the commands' own help say is there.

In: the documents and the commands. Out: a failure that names what is shown and is not so.
"""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import click
import pytest

import suite.cli
from suite.cli import cli, command_files, summary_of
from suite.items.task_yaml import check, load_yaml
from suite.models.family import load_family
from suite.planning.study import RecordedFile, load_study
from suite.training.recipe import load_recipe
from suite.training.vlm.recipe import load_real
from tests.house import PACKAGES, ROOT
from tests.suite.own_tasks import documented


def shown_commands(text: str) -> list[str]:
    """Every `downscale ...` in the shell blocks of a Markdown text, continuation lines joined."""
    found = []
    for block in re.findall(r"^```(?:bash|sh|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            while words:
                cut = next((i for i, w in enumerate(words) if w in ("&&", "|", ";", ">")), None)
                part, words = words[:cut], words[cut + 1 :] if cut is not None else []
                if part[:1] == ["downscale"]:
                    found.append(shlex.join(part))
    return found


def test_shown_commands_are_found() -> None:
    text = "```bash\npip install x && downscale run micro \\\n  --out 'a b'  # why\n```\n"
    assert shown_commands(text) == ["downscale run micro --out 'a b'"]


DOCUMENTS = ("README.md", "CONTRIBUTING.md")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_shown_command_parses(document: str) -> None:
    shown = shown_commands((ROOT / document).read_text(encoding="utf-8"))
    assert shown
    for line in shown:
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
}  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_shown_yaml_is_read(document: str, tmp_path: Path) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        path = tmp_path / "shown.yaml"
        path.write_text(block, encoding="utf-8")
        READERS[block.partition(":")[0]](path)


def test_every_setting_shown_within_a_line_is_read(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    spec = (ROOT / "suite" / "models" / "spec.py").read_text(encoding="utf-8")
    processors = re.findall(r"`processor` \|.*`(\{.*\})`", readme)
    processors += [f"{{{shown}}}" for shown in re.findall(r"`(size: \{.*?\})`", spec)]
    assert len(processors) == 2
    path = tmp_path / "shown.yaml"
    for setting in processors:
        vlm = f"{{path: x, processor: {setting}}}"
        path.write_text(f"family: f\nsizes: [{{name: s, params: 1, vlm: {vlm}}}]\n")
        (size,) = load_family(path).sizes
        assert hash(size.vlm), "a plan looks models up by their specs"
    (instruct,) = re.findall(r"`(instruct: \{.*?\})`", readme)
    path.write_text(documented("study: shapes") + instruct)
    assert load_study(path).instruct == RecordedFile(file=str(tmp_path / "contents.json"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_named_file_exists(document: str) -> None:
    """Links and paths in backticks that begin with a folder of this repository."""
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    folders = "|".join((*PACKAGES, "tests", "results", "notebooks", r"\.ci"))
    quoted = re.findall(rf"`((?:{folders})/[\w./-]+)`", text)
    arriving = {"results/"}  # written by the runs that the text describes
    named = {*links, *quoted}
    assert named
    missing = [
        name
        for name in named
        if "NAME" not in name  # a file to be added
        and not (ROOT / name).exists()
        and not name.startswith(tuple(arriving))
    ]
    assert missing == []


def test_the_python_shown_in_the_readme_uses_what_there_is() -> None:
    """Imports resolve and `suite.NAME` exists; running it is what the study's own tests do."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks
    for node in (node for block in blocks for node in ast.walk(ast.parse(block))):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            assert [a.name for a in node.names if not hasattr(module, a.name)] == []
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "suite":
            assert hasattr(suite, node.attr), node.attr


def test_the_readme_opens_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    start = text.partition("\n## ")[0]
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
