"""Model folders that cannot be loaded, each in one sentence; none of their code runs.

In: folders that are missing, damaged, foreign or wrongly set up. Out: the sentence.
"""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from suite.errors import SuiteError
from suite.models.backends import build_generator
from suite.models.spec import ModelSpec
from tests.suite import tiny_vlms
from tests.suite.tiny_models import text_folder


def test_missing_and_foreign_checkpoints_are_one_sentence(tmp_path: Path) -> None:
    def message(spec: ModelSpec, role: Any = "text") -> str:
        with pytest.raises(SuiteError) as caught:
            build_generator(spec, role, device="cpu")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    absent = tmp_path / "absent"
    assert message(ModelSpec(path=absent)) == (
        f"Checkpoint folder {absent} does not exist; train or fetch the model, correct the path in "
        "the family file, or name a copy with --weights PATH."
    )
    folder = text_folder(tmp_path / "pickled")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    (folder / "model.safetensors").unlink()
    assert "has no .safetensors file" in message(ModelSpec(path=folder))
    text_folder(folder)
    (folder / "config.json").write_text("{}")
    assert "cannot be loaded" in message(ModelSpec(path=folder))
    shutil.rmtree(folder)
    text_folder(folder)
    assert message(ModelSpec(path=folder), "vlm") == (
        f"The vlm model {folder} is of the kind 'qwen3', which is no vision-language model; name "
        "another checkpoint in the family file."
    )
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert "lacks 1 weights of Qwen3ForCausalLM, such as model.layers.1.mlp.up_proj" in message(
        ModelSpec(path=folder)
    )
    with pytest.raises(SuiteError, match="Device cuda:77 cannot be used"):
        build_generator(ModelSpec(path=folder), "text", device="cuda:77")


def test_a_cut_file_of_weights_is_named(tmp_path: Path) -> None:
    folder = text_folder(tmp_path / "text")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(SuiteError) as caught:
        build_generator(ModelSpec(path=folder), "text", device="cpu")
    said = str(caught.value)
    assert said.startswith(
        f"The text model {folder} cannot be loaded: its file {weights} is cut or damaged ("
    )
    assert said.endswith("); copy or fetch it again, and run the same command.")


def test_a_misspelt_setting_of_the_processor_is_named(tmp_path: Path) -> None:
    def message(role: Any, folder: Path, **settings: Any) -> str:
        with pytest.raises(SuiteError) as caught:
            build_generator(
                ModelSpec(path=folder, processor=json.dumps(settings)), role, device="cpu"
            )
        return str(caught.value)

    seeing, reading = tiny_vlms.internvl(tmp_path / "vlm"), text_folder(tmp_path / "text")
    assert message("vlm", seeing, max_patchs=4) == (
        f"The family gives {seeing} the setting `processor: {{max_patchs: ...}}`, which "
        "InternVLProcessor does not have (did you mean 'max_patches'?)."
    )
    assert message("text", reading, max_patches=4) == (
        f"The family gives {reading} the setting `processor: {{max_patches: ...}}`, which a text "
        "model does not have (known: none)."
    )


def test_code_in_a_repository_does_not_run(tmp_path: Path) -> None:
    folder = text_folder(tmp_path / "m")
    settings = json.loads((folder / "config.json").read_text())
    settings["model_type"] = "own_kind"
    settings["auto_map"] = {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.OwnModel"}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(SuiteError, match="cannot be loaded"):
        build_generator(ModelSpec(path=folder), "text", device="cpu")
    assert not (tmp_path / "ran").exists()
