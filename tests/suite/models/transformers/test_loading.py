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
import torch
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
    assert message(ModelSpec(path=folder)) == (
        f"The text model {folder} cannot be loaded: its file lacks 1 weights of Qwen3ForCausalLM, "
        "such as model.layers.1.mlp.up_proj.weight; take config.json and weights from one "
        "checkpoint."
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


def message(folder: Path, role: Any = "text", **settings: Any) -> str:
    with pytest.raises(SuiteError) as caught:
        build_generator(ModelSpec(path=folder, **settings), role, device="cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def adapter(folder: Path) -> None:
    """What peft saves: it may be laid over the weights of the folder."""
    config = {"peft_type": "LORA", "base_model_name_or_path": "owner/base", "lora_alpha": 8}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    save_file({"a": torch.zeros(1)}, folder / "adapter_model.safetensors")


@pytest.mark.parametrize("kind", ["merged", "alone", "gguf"])
def test_an_adapter_in_a_folder_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / kind
    if kind == "merged":
        text_folder(folder)
    else:
        folder.mkdir()
        (folder / "a.gguf").write_text("GGUF")
    adapter(folder)
    said = message(folder, gguf_file="a.gguf" if kind == "gguf" else None)
    assert said == (
        f"Checkpoint folder {folder} holds an adapter (adapter_config.json), which may be in its "
        "weights already: if it is, remove adapter_config.json and adapter_model.safetensors from "
        "the folder or a copy; if not, merge it into its base (peft's merge_and_unload) and name "
        "the folder of the merged model."
    )
    if kind == "merged":
        (folder / "adapter_config.json").unlink()  # the weights alone are no second reading
        build_generator(ModelSpec(path=folder), "text", device="cpu")


def test_an_adapter_in_a_repository_of_the_hub_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = tmp_path / "models--owner--model" / "snapshots" / commit
    text_folder(snapshot)
    adapter(snapshot)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(SuiteError, match=r"^Model owner/model holds an adapter"):
        build_generator(ModelSpec(repo="owner/model", revision=commit), "text", device="cpu")


def test_a_whole_file_beside_the_parts_of_another_is_refused(tmp_path: Path) -> None:
    folder = text_folder(tmp_path)
    weights = load_file(folder / "model.safetensors")
    part, index = "model-00001-of-00001.safetensors", folder / "model.safetensors.index.json"
    save_file(weights, folder / part, metadata={"format": "pt"})
    index.write_text(json.dumps({"metadata": {}, "weight_map": dict.fromkeys(weights, part)}))
    assert message(folder) == (
        f"Checkpoint folder {folder} holds two models: model.safetensors, and the parts of "
        f"model.safetensors.index.json, such as {part}; remove the one that is not meant."
    )
    (folder / "model.safetensors").rename(tmp_path / "old")
    build_generator(ModelSpec(path=folder), "text", device="cpu")  # the parts alone
    (tmp_path / "old").rename(folder / "model.safetensors")
    (folder / part).unlink()
    build_generator(ModelSpec(path=folder), "text", device="cpu")  # an index of nothing


def test_weights_left_over_are_refused(tmp_path: Path) -> None:
    folder = text_folder(tmp_path / "text")
    config = folder / "config.json"
    written = config.read_text()
    cut = json.loads(written) | {"num_hidden_layers": 1, "layer_types": ["full_attention"]}
    config.write_text(json.dumps(cut))
    assert message(folder) == (
        f"The text model {folder} cannot be loaded: its file has 11 weights more than "
        "Qwen3ForCausalLM, such as model.layers.1.input_layernorm.weight; take config.json and "
        "weights from one checkpoint."
    )
    config.write_text(written)
    weights = load_file(folder / "model.safetensors")
    more = weights | {"model.layers.0.self_attn.q_proj.bias": torch.ones(32)}
    save_file(more, folder / "model.safetensors", metadata={"format": "pt"})
    assert "has 1 weights more than Qwen3ForCausalLM, such as model.layers.0.self_attn" in message(
        folder
    )
    # What a model computes by itself, and older files hold, is no weight.
    computed = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8)}
    save_file(weights | computed, folder / "model.safetensors", metadata={"format": "pt"})
    build_generator(ModelSpec(path=folder), "text", device="cpu")


@pytest.mark.parametrize("role", ["text", "vlm"])
def test_weights_left_over_of_a_checkpoint_that_sees_are_refused(tmp_path: Path, role: Any) -> None:
    folder = tiny_vlms.llava(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["num_hidden_layers"] = 1
    (folder / "config.json").write_text(json.dumps(config))
    assert "weights more than LlavaForConditionalGeneration, such as " in message(folder, role)


def test_a_text_model_is_made_of_a_checkpoint_that_sees_and_lacks_nothing_of_it(
    tmp_path: Path,
) -> None:
    folder = tiny_vlms.llama4(tmp_path)
    generator: Any = build_generator(ModelSpec(path=folder), "text", device="cpu")
    assert type(generator.loaded.model).__name__ == "Llama4ForCausalLM"
    config = json.loads((folder / "config.json").read_text())
    text = {"num_hidden_layers": 1, "layer_types": ["full_attention"], "no_rope_layers": [1]}
    config["text_config"] |= text
    (folder / "config.json").write_text(json.dumps(config))
    assert "has 9 weights more than Llama4ForCausalLM, such as language_model.model.layers.1" in (
        message(folder)
    )
