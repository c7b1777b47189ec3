"""Names of weights: what newer libraries write is found under the names that vLLM knows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from suite.base.files import PACKAGE
from suite.errors import SuiteError
from suite.models.vllm.names import renamed, with_known_names

MICRO = PACKAGE / "families" / "micro"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("vision_tower.embeddings.a", "vision_tower.vision_model.embeddings.a"),
        ("vision_tower.post_layernorm.weight", "vision_tower.vision_model.post_layernorm.weight"),
        ("model.vision_tower.encoder.x", "model.vision_tower.vision_model.encoder.x"),
        ("vision_tower.vision_model.encoder.x", "vision_tower.vision_model.encoder.x"),
        ("language_model.vision_tower.x", "language_model.vision_tower.x"),
    ],
)
def test_a_name(name: str, known: str) -> None:
    assert renamed(name) == known


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))


def test_a_copy_has_the_same_numbers_and_links_to_the_rest() -> None:
    folder = MICRO / "vlm-xs"
    made = with_known_names(folder, {"a": 1})
    old, new = (load_file(place / "model.safetensors") for place in (folder, made))
    assert {renamed(name) for name in old} == set(new) != set(old)
    assert all((old[name] == new[renamed(name)]).all() for name in old)
    assert {path.name for path in made.iterdir()} == {path.name for path in folder.iterdir()}
    assert (made / "config.json").resolve() == (folder / "config.json").resolve()
    assert with_known_names(folder, {"a": 1}) == made != with_known_names(folder, {"a": 2})


def test_parts_and_their_index(tmp_path: Path) -> None:
    folder = shutil.copytree(MICRO / "vlm-xs", tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    eyes = {name for name in weights if name.startswith("vision_tower.")}
    parts = {"a.safetensors": eyes, "b.safetensors": set(weights) - eyes}
    for part, names in parts.items():
        save_file({name: weights[name] for name in names}, folder / part)
    index = {"weight_map": {name: part for part, names in parts.items() for name in names}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    made = with_known_names(folder, {})
    found = json.loads((made / "model.safetensors.index.json").read_text())["weight_map"]
    assert {part: set(load_file(made / part)) for part in parts} == {
        part: {name for name, place in found.items() if place == part} for part in parts
    }
    assert (made / "b.safetensors").is_symlink()  # nothing in it is renamed
    assert not (made / "a.safetensors").is_symlink()


def test_others_are_left_as_they_are(tmp_path: Path) -> None:
    assert with_known_names(MICRO / "text-xs", {}) == MICRO / "text-xs"
    folder = shutil.copytree(MICRO / "vlm-xs", tmp_path / "m")
    weights = load_file(folder / "model.safetensors")
    save_file({renamed(name): w for name, w in weights.items()}, folder / "model.safetensors")
    assert with_known_names(folder, {}) == folder
    (folder / "model.safetensors").write_bytes(b"version https://")
    with pytest.raises(SuiteError, match="is no safetensors file"):
        with_known_names(folder, {})
