"""What `downscale view` says before it serves, and where others name it.

In: words of the command line. Out: a sentence, and no server.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from suite.cli import cli
from suite.cli.output import talk_view
from suite.view import serve


def told(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["view", *map(str, words), "--no-browser"])
    return result.exit_code, result.stderr


def test_without_its_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serve, "NEEDED", ("starlette", "no_such_package"))
    assert told(tmp_path) == (
        2,
        "Error: `downscale view` needs the packages starlette and uvicorn: `pip install "
        "'downscaling-suite[view]'`.\n",
    )
    talk_view("runs/micro")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(serve, "NEEDED", ())
    talk_view("runs/micro")
    assert capsys.readouterr().err == "`downscale view runs/micro` shows them in a browser.\n"


def test_mistakes_are_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "NEEDED", ())
    assert told(tmp_path / "none") == (
        2,
        f"Error: There is no run in {tmp_path / 'none'}; `downscale run STUDY --out "
        f"{tmp_path / 'none'}` makes one.\n",
    )
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "provenance.json").write_text("{}")
    assert told(tmp_path, tmp_path / "run") == (
        2,
        f"Error: {tmp_path} is a folder of runs: give one of them to hold {tmp_path / 'run'} to.\n",
    )
    with serve.bound(0) as taken:
        port = taken.getsockname()[1]
        code, said = told(tmp_path, "--port", port)
        assert code == 2
        assert said.startswith(f"Error: Port {port} cannot be used (")


def test_the_socket_is_of_this_machine_alone() -> None:
    with serve.bound(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
