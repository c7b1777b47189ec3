"""Built-in and own YAML files: found by name or path, and what is said when they are not there or
hold a mistake.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

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


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Point(Strict):
    height: int = 0
    width: int = 0


class Circle(Strict):
    radius: float


class Named(Strict):
    """Rows under names of the file's own."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Point] = Field(init=False)

    origin: Point = Point()


class Drawing(Strict):
    title: str
    points: list[Point] = []
    shape: Circle | Point | list[int] | None = None
    by_name: dict[str, Circle] = {}
    named: Named = Named()
    place: str | None = Field(default=None, exclude=True)


def test_validated_gives_the_model() -> None:
    given = {"title": "t", "shape": {"radius": 1}, "named": {"mine": {"width": 2}}}
    drawing = yaml_files.validated(Drawing, given, "the file")
    assert drawing.shape == Circle(radius=1.0)
    assert drawing.named.mine == Point(width=2)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([1], "expected keys and values, found [1]."),
        ({"titel": "t"}, "unknown key 'titel' (did you mean 'title'?)."),
        ({}, "`title` is missing."),
        ({"title": 1}, "`title` is 1: it should be a text, in quotes."),
        ({"place": "x"}, "unknown key 'place' (known: title, points, shape, by_name, named)."),
        (
            {"points": [{}, {"hight": 1}]},
            "unknown key 'hight' in `points.1` (did you mean 'height'?).",
        ),
        ({"shape": {"radios": 1}}, "unknown key 'radios' in `shape` (did you mean 'radius'?)."),
        (
            {"shape": ["one"]},
            "`shape.0` is 'one': it should be a whole number.",
        ),
        ({"by_name": {"Circle": {}}}, "`by_name.Circle.radius` is missing."),
        (
            {"by_name": {8: {"radius": 1}}},
            "`by_name` has the key 8: it should be a text, in quotes.",
        ),
        (
            {"named": {"my own": {"widht": 1}}},
            "unknown key 'widht' in `named.my own` (did you mean 'width'?).",
        ),
    ],
)
def test_the_first_mistake_is_one_sentence(given: Any, said: str) -> None:
    if isinstance(given, dict) and given and not {"title", "titel"} & given.keys():
        given = {"title": "t", **given}
    with pytest.raises(SuiteError) as caught:
        yaml_files.validated(Drawing, given, "drawing d")
    assert str(caught.value) == f"In drawing d: {said}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "\nday: 2001-13-45",
            "line 2: '2001-13-45' cannot be read as timestamp (month must be in 1..12)",
        ),
        (
            "a: !!int x",
            "line 1: 'x' cannot be read as int (invalid literal for int() with base 10: 'x')",
        ),
        ("a: !!timestamp [x]", "line 1: expected a scalar node, but found sequence"),
        ("seed: " + "9" * 400, "line 1: a number of 400 digits"),
        ("seed: 0x" + "f" * 5000, "line 1: a number of 5,002 digits"),
        ("a: " + "{b: " * 60, "line 1: brackets or keys nest deeper than 50 levels"),
        ("a: &a [*a]", "line 1: its aliases (*name) stand for more than 100,000 values"),
        (
            "a: &a {b: 1}\nc: {<<: [" + "*a, " * 50_000 + "*a]}",
            "line 2: its aliases (*name) stand for more than 100,000 values",
        ),
        ('study: "a\\0b"', "line 1: 'a\\x00b' cannot be read as str (it holds a NUL)"),
        (
            'a: ["\\ud83d"]',
            "line 1: '\\ud83d' cannot be read as str ('utf-8' codec can't encode character "
            "'\\ud83d' in position 0: surrogates not allowed)",
        ),
        (
            "a: !!python/name:os.system x",
            "line 1: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/name:os.system'",
        ),
    ],
    ids=lambda value: value[:20],
)
def test_what_no_file_should_hold_is_named_with_its_line(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(text)
    with pytest.raises(SuiteError) as caught:
        yaml_files.read(path, "study")
    assert str(caught.value) == f"Study file {path} cannot be read: {said}."


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_file_of_another_editor_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "other.yaml"
    mark = "\ufeff" if encoding.endswith("le") else ""
    path.write_bytes((mark + "study: Größe\r\n").encode(encoding))
    assert yaml_files.read(path, "study") == {"study": "Größe"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cells: [1]\ntasks: []\ncells: [2]\n", "the key 'cells' stands twice, on lines 1 and 3"),
        ("a: {b: 1, b: 1}\n", "the key 'b' stands twice, on line 1"),
        ("a:\n- {c: 1}\n- d: 1\n  'd': 2\n", "the key 'd' stands twice, on lines 3 and 4"),
        ("1: a\n0x1: b\n", "the key 1 stands twice, on lines 1 and 2"),
    ],
)
def test_a_key_that_stands_twice_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "twice.yaml"
    path.write_text(text)
    with pytest.raises(SuiteError) as caught:
        yaml_files.read(path, "study")
    assert str(caught.value) == (f"Study file {path} cannot be read: {said}; keep one of them.")


def test_a_merged_key_may_be_given_anew(tmp_path: Path) -> None:
    path = tmp_path / "merged.yaml"
    path.write_text("base: &base {a: 1, b: 2}\nown: {<<: *base, a: 3}\n")
    assert yaml_files.read(path, "study")["own"] == {"a": 3, "b": 2}


def test_a_merge_of_a_merge_is_no_key_that_stands_twice(tmp_path: Path) -> None:
    path = tmp_path / "merged.yaml"
    path.write_text("a: &a {x: 1, y: 1}\nb: &b {<<: *a, x: 2}\n<<: *b\nx: 3\n")
    found = yaml_files.read(path, "study")
    assert (found["b"], found["x"], found["y"]) == ({"x": 2, "y": 1}, 3, 1)
