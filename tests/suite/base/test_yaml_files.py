"""Built-in and own YAML files: found by name or path, and what is said when they are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.base import yaml_files
from suite.errors import SuiteError


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder of built-in files."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in ("beta", "alpha", "_base"):
        (folder / f"{name}.yaml").write_text(f"name: {name}\n")
    return folder


def test_names_and_paths(shelf: Path, tmp_path: Path) -> None:
    assert yaml_files.names(shelf) == ("alpha", "beta")
    assert yaml_files.find("alpha", shelf, "shelf", "look") == shelf / "alpha.yaml"
    own = tmp_path / "own.yml"
    own.write_text("a: [1]")
    assert yaml_files.find(own, shelf, "shelf", "look") == own
    assert yaml_files.read(own, "shelf") == {"a": [1]}


def test_what_is_not_there(shelf: Path, tmp_path: Path) -> None:
    def error(name: str | Path) -> str:
        with pytest.raises(SuiteError) as caught:
            yaml_files.find(name, shelf, "shelf", "look again")
        return str(caught.value)

    assert error("alpa") == "No shelf is called 'alpa' (did you mean 'alpha'?); look again."
    assert error("xyz") == "No shelf is called 'xyz' (known: alpha, beta); look again."
    assert error("alpha.yaml") == "Shelf file alpha.yaml does not exist; check the path."
    assert error(tmp_path) == f"Shelf file {tmp_path} does not exist; check the path."


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\x00", b"a: b: c"])
def test_what_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(SuiteError) as caught:
        yaml_files.read(path, "shelf")
    text = str(caught.value)
    assert text.startswith(f"Shelf file {path} cannot be read: ")
    assert "\n" not in text


def test_a_part_of_a_file_has_known_keys() -> None:
    assert yaml_files.mapping({"size": 1}, "family f", ("size",)) == {"size": 1}
    assert yaml_files.mapping({"any": 1}, "family f", None) == {"any": 1}
    for value, words in (
        ([1], "In family f: expected keys and values, found [1]."),
        ({"sise": 1}, "In family f: unknown key 'sise' (did you mean 'size'?)."),
    ):
        with pytest.raises(SuiteError) as caught:
            yaml_files.mapping(value, "family f", ("size",))
        assert str(caught.value) == words
