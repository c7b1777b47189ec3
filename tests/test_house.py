"""The rules of the house: who imports what, what every file begins with, what the wheel holds.

In: the repository as it stands. Out: a failure that names the file and the rule it breaks.
"""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import click
import pytest

import suite.cli
from suite.cli import cli, command_files, summary_of
from suite.families import load_family
from suite.registry import list_tasks, load_yaml
from suite.study import load_study

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("suite", "tasks", "analyses")
MODEL_LIBRARIES = ("torch", "transformers", "lmms_eval", "datasets")
HEAVY = (*MODEL_LIBRARIES, "pandas", "matplotlib")
TEXT = (
    ".py",
    ".md",
    ".json",
    ".yaml",
    ".toml",
    ".cff",
    ".txt",
    ".jinja",
    ".html",
    ".css",
    ".js",
    ".csv",
)
OF_A_MACHINE = re.compile(
    r"(?<![\w./~-])/(?:work|root|home|Users|workspace)/\w"  # a person's or a machine's folder
    r"|\b(?:10(?:\.\d{1,3}){3}|(?:192\.168|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2})\b"
    r"|\b[\w-]+\.(?:internal|corp|lan|intranet)\b"
)
"""Folders, addresses and hosts that exist on one machine or in one network only."""


@cache
def tracked() -> tuple[Path, ...]:
    """The files under version control that are there."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Top-level packages that a file names in an import, wherever it stands in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_imported_sees_every_form_of_import(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("import a.b as c\ndef f():\n    from d.e import g\n    from . import h\n")
    assert imported(path) == {"a", "d"}


def test_analyses_import_nothing_of_the_runner() -> None:
    guilty = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in python_files("analyses")
        if (found := imported(path) & {"suite", "tasks", "tests"})
    }
    assert guilty == {}


def test_tasks_import_nothing_of_the_runner() -> None:
    guilty = [
        str(path.relative_to(ROOT))
        for path in python_files("tasks")
        if imported(path) & {"suite", "analyses", "tests"}
    ]
    assert guilty == []


LAYERS = (
    "errors plain yaml_files requests folder user_cache image_bytes parsing",
    "registry task_yaml lmms_task items item_cache item_rows item_source families claims store",
    "prompts parse score leaks stages study cells plan",
    "generators decoding",
    "engine",
    "provenance history records asked run_items lmms_samples results comparison comparison_sides "
    "expected status predictions prediction_files report published training",
    "api",
    "cli __main__",
)
"""Modules and folders of suite/, lowest first: CONTRIBUTING.md, what may import what."""


def rows_after(heading: str, text: str) -> list[set[str]]:
    """Names in backticks of each row of the Markdown table under a heading row."""
    body = text.split(heading, 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [set(re.findall(r"`(\w+)`", row.split("|")[2])) for row in body]


def test_contributing_names_every_module_in_its_layer() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert rows_after("| layer | modules |", text) == [set(row.split()) for row in LAYERS]


def test_contributing_names_every_module_of_the_analyses() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set().union(*rows_after("| group | modules of `analyses/` |", text))
    there = {path.stem for path in tracked() if path.parent == ROOT / "analyses"}
    assert named == there - {"__init__", "paper"}


def suite_imports(path: Path) -> set[str]:
    """Modules and folders directly under suite/ that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module == "suite":
            names = [f"suite.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("suite.")}
    return found


def test_every_module_has_its_layer() -> None:
    there = {
        path.relative_to(ROOT / "suite").parts[0].removesuffix(".py")
        for path in python_files("suite")
    }
    assert there - {"__init__", "studies"} == set(" ".join(LAYERS).split())


@pytest.mark.parametrize("number", range(len(LAYERS)))
def test_a_layer_imports_nothing_above_it(number: int) -> None:
    above = set(" ".join(LAYERS[number + 1 :]).split())
    reached = {
        (name, target)
        for name in LAYERS[number].split()
        for path in [ROOT / f"suite/{name}.py", *(ROOT / "suite" / name).rglob("*.py")]
        if path.is_file()
        for target in suite_imports(path) & above
    }
    assert reached == set()


def loaded_after(statement: str) -> list[str]:
    """Heavy packages in sys.modules of a fresh process that ran one statement."""
    code = f"{statement}\nimport sys\nprint(*(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_loaded_after_sees_a_heavy_package() -> None:
    assert loaded_after("import pandas") == ["pandas"]


@pytest.mark.parametrize(
    "module",
    [
        *("suite", "suite.study", "suite.plan", "suite.cells", "suite.store", "suite.registry"),
        *("suite.families", "suite.prompts", "suite.generators", "suite.cli"),
    ],
)
def test_what_starts_fast_imports_nothing_heavy(module: str) -> None:
    assert loaded_after(f"import {module}") == []


def test_planning_loads_no_model_library() -> None:
    loaded = loaded_after("import suite; assert suite.plan('micro').distinct > 0")
    assert [name for name in loaded if name in MODEL_LIBRARIES] == []


def test_help_lists_every_command_and_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from suite.cli import main; main(['--help'])"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    listed = done.stdout.partition("Commands:")[2]
    assert re.findall(r"^  (\S+)", listed, re.MULTILINE) == sorted(command_files())
    code = "import suite.cli\ntry: suite.cli.main(['--help'])\nexcept SystemExit: pass"
    assert [m for m in loaded_after(code) if m in HEAVY] == []


@pytest.mark.parametrize("name", sorted(command_files()))
def test_every_command_explains_itself(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert summary_of(command_files()[name]).endswith("."), "the docstring's first line is its help"
    help_text = command.get_help(click.Context(command, info_name=name))
    assert "--debug" in help_text
    silent = [p.name for p in command.params if isinstance(p, click.Option) and not p.help]
    assert silent == [], "options without a help text"


def test_every_command_imports_light() -> None:
    names = [path.stem for path in command_files().values()]
    assert loaded_after("\n".join(f"import suite.cli.{name}" for name in names)) == []


def test_every_python_file_begins_with_a_docstring() -> None:
    files = [path for path in tracked() if path.suffix == ".py"]
    assert len(files) > 100
    bare = [
        str(path.relative_to(ROOT))
        for path in files
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert bare == []


def test_no_file_names_a_machine_or_a_private_host() -> None:
    found = []
    for path in tracked():
        if path.suffix not in TEXT and path.parent.name != ".ci":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if OF_A_MACHINE.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert found == []


@pytest.mark.parametrize(
    ("text", "names_a_machine"),
    [
        ("see /" + "home/ada/models", True),
        ("see ~/models or ./home/x", False),
        ("pip install -i https://pypi." + "internal/simple", True),
        ("http://10" + ".0.0.7:8000", True),
        ("http://127.0.0.1:8000 and version 10.2", False),
        ("https://huggingface.co/Lin-Chen/MMStar", False),
    ],
)
def test_the_search_for_machines(text: str, names_a_machine: bool) -> None:
    assert bool(OF_A_MACHINE.search(text)) == names_a_machine


@pytest.mark.parametrize(
    "path", sorted((ROOT / "suite/families").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_family_loads(path: Path) -> None:
    family = load_family(path.stem)
    assert family.name == path.stem
    assert [size.params for size in family.sizes] == sorted(size.params for size in family.sizes)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "suite/studies").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_study_loads_and_names_known_things(path: Path) -> None:
    study = load_study(path if path.stem.startswith("_") else path.stem)
    family = load_family(study.family)
    known = {task.name for task in list_tasks()}
    assert [row.task for row in study.tasks if row.task not in known] == []
    for row in study.cells:
        for sizes in (row.perception, row.reasoning):
            for name in [sizes] if isinstance(sizes, str) else sizes or []:
                assert name == "all" or family.size(name)


def test_every_task_is_a_prefixed_lmms_eval_task() -> None:
    tasks = list_tasks()
    assert len(tasks) >= 25
    for task in tasks:
        assert task.lmms_name == f"downscaling_{task.name}", task.path
        assert load_yaml(task.path)["task"] == task.lmms_name


# The wheel ------------------------------------------------------------------------------------


def test_the_wheel_holds_every_tracked_file_of_the_packages(tmp_path: Path) -> None:
    """A YAML, a word list or a weight that is not packed is missed only after installation."""
    pytest.importorskip("setuptools")
    source = tmp_path / "source"
    for path in tracked():
        name = path.relative_to(ROOT)
        if name.parts[0] in PACKAGES or name.name in ("pyproject.toml", "README.md", "LICENSE"):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, source / name)
    command = f"{sys.executable} -m pip wheel -q --no-deps --no-index --no-build-isolation -w"
    done = subprocess.run(
        [*command.split(), str(tmp_path), str(source)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        archive.extractall(tmp_path / "installed")
    expected = {
        str(name) for path in tracked() if (name := path.relative_to(ROOT)).parts[0] in PACKAGES
    }
    assert packed == expected
    code = (
        "import suite, suite.registry, suite.study, suite.families\n"
        "print(suite.__file__, len(suite.registry.list_tasks()), suite.plan('micro').distinct)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    file, tasks, distinct = done.stdout.split()
    assert Path(file).is_relative_to(tmp_path)
    assert int(tasks) == len([t for t in list_tasks() if t.path.is_relative_to(ROOT / "tasks")])
    assert int(distinct) > 0


# The documentation ----------------------------------------------------------------------------


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


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_named_file_exists(document: str) -> None:
    """Links and paths in backticks that begin with a folder of this repository."""
    text = (ROOT / document).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    folders = "|".join((*PACKAGES, "tests", "results", "notebooks", r"\.ci"))
    quoted = re.findall(rf"`((?:{folders})/[\w./-]+)`", text)
    arriving = {"results/"}  # written by the runs that the text describes
    missing = [
        name
        for name in {*links, *quoted}
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
    assert (suite.cli.FOLDER / "run.py").is_file()
