"""The wheel holds every tracked file of the packages, and works where it is installed.

In: the tracked files. Out: a wheel built of them, unpacked and imported.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from suite.items.tasks import list_tasks
from tests.house import PACKAGES, ROOT, tracked


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
        "import suite, suite.items.tasks, suite.planning.study, suite.models.family\n"
        "print(suite.__file__, len(suite.items.tasks.list_tasks()), suite.plan('micro').distinct)"
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
