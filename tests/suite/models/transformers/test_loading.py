"""Model folders that cannot be loaded, each in one sentence; none of their code runs.

In: folders that are missing, damaged, foreign or wrongly set up. Out: the sentence.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import sys
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from suite.errors import SuiteError, Unfinished
from suite.models.backends import build_generator, fingerprint
from suite.models.spec import ModelSpec
from suite.models.transformers import loading
from suite.requests import Decoding, Message, Request
from tests.suite import tiny_vlms
from tests.suite.tiny_models import TEXT, text_folder


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


def settings(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def write(weights: dict[str, torch.Tensor], path: Path) -> None:
    save_file(weights, path, metadata={"format": "pt"})


def parts(folder: Path, of: int = 2) -> None:
    """The weights of a folder, in parts with their index."""
    weights, names = weights_of(folder), {}
    for n in range(of):
        part = f"model-{n + 1:05}-of-{of:05}.safetensors"
        held = dict(list(weights.items())[n::of])
        write(held, folder / part)
        names |= dict.fromkeys(held, part)
    index = {"metadata": {"total_size": 1}, "weight_map": names}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()


def others(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"\x80other")


def hub_download(folder: Path) -> None:
    """All that a repository has, as `git clone` and `hf download` bring it."""
    half = {name: weight.half() + 1 for name, weight in weights_of(folder).items()}
    write(half, folder / "model.fp16.safetensors")
    write({"layers.0.attention.wq.weight": torch.ones(2)}, folder / "consolidated.safetensors")
    others(folder, "pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "onnx/model.onnx")
    others(folder, "original/consolidated.00.pth", "m.Q4_K_M.gguf", ".git/lfs/objects/aa/bb")
    others(folder, ".cache/huggingface/download/model.safetensors.metadata", "rust_model.ot")


def one_file_with_an_index(folder: Path) -> None:
    names = dict.fromkeys(weights_of(folder), "model.safetensors")
    index = {"metadata": {}, "weight_map": names}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def parts_of_an_earlier_save(folder: Path) -> None:
    other = {name: weight + 1 for name, weight in weights_of(folder).items()}
    parts(folder)
    write(other, folder / "model-00003-of-00003.safetensors")


def parts_without_index(folder: Path) -> None:
    parts(folder)
    (folder / "model.safetensors.index.json").unlink()


def training_output(folder: Path) -> None:
    others(folder, "optimizer.pt", "scheduler.pt", "rng_state_0.pth", "training_args.bin", "latest")
    others(folder, "global_step500/mp_rank_00_model_states.pt", "zero_to_fp32.py")
    (folder / "last").symlink_to("checkpoint-250")  # which is rotated out
    text_folder(folder / "checkpoint-500", seed=1)
    adapter(folder / "checkpoint-500")


def prompt_tuning(folder: Path) -> None:
    kind = {"peft_type": "PROMPT_TUNING", "task_type": "CAUSAL_LM", "num_virtual_tokens": 4}
    (folder / "adapter_config.json").write_text(json.dumps(kind))


def linked_snapshot(folder: Path) -> None:
    (blobs := folder.parent / "blobs").mkdir()
    for n, file in enumerate(sorted(folder.iterdir())):
        file.rename(blobs / str(n))
        file.symlink_to(Path("../blobs") / str(n))


def links_without_blobs(folder: Path) -> None:
    linked_snapshot(folder)
    (folder / "model.safetensors").resolve().unlink()


def second_download_interrupted(folder: Path) -> None:
    before = (folder / "model.safetensors").read_bytes()
    parts(folder)
    (folder / "model-00002-of-00002.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(before)


def lfs_pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4d' * 32}\nsize 269060552\n"
    )


@pytest.mark.parametrize(
    ("arrange", "words"),
    [
        (hub_download, None),
        (one_file_with_an_index, None),
        (parts_of_an_earlier_save, None),
        (parts_without_index, ("model.safetensors.index.json",)),
        (training_output, None),
        (prompt_tuning, ("adapter",)),
        (linked_snapshot, None),
        (links_without_blobs, ("a link model.safetensors",)),
        (second_download_interrupted, ("two models", "model-00001-of-00002")),
        (lfs_pointer, ("model.safetensors", "git lfs pull")),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_folder_as_people_have_it_is_one_model(tmp_path: Path, arrange: Any, words: Any) -> None:
    folder = text_folder(tmp_path / "m")
    want = weights_of(folder)
    arrange(folder)
    if words:
        said = message(folder)
        assert [word for word in (str(folder), *words) if word not in said] == []
    else:
        assert_holds(folder, want)


def assert_holds(folder: Path, want: dict[str, torch.Tensor], role: Any = "text") -> Any:
    """The model of a folder has these weights, by its own names."""
    generator: Any = build_generator(ModelSpec(path=folder), role, device="cpu")
    state = generator.loaded.model.state_dict()
    assert [name for name in want if not torch.equal(state[name], want[name])] == []
    return generator


def compiled(folder: Path) -> None:
    """Saved from inside torch.compile by a script of one's own."""
    write(
        {f"_orig_mod.{n}": w for n, w in weights_of(folder).items()}, folder / "model.safetensors"
    )


def head_of_its_own(folder: Path) -> None:
    """The file has a head, and config.json says that the embedding is the head."""
    weights = weights_of(folder)
    head = weights["model.embed_tokens.weight"] + 1
    write(weights | {"lm_head.weight": head}, folder / "model.safetensors")


def head_twice(folder: Path) -> None:
    weights = weights_of(folder)
    head = weights["model.embed_tokens.weight"].clone()
    write(weights | {"lm_head.weight": head}, folder / "model.safetensors")


def head_lost(folder: Path) -> None:
    settings(folder, tie_word_embeddings=False)


def resized(folder: Path) -> None:
    """The embedding grew by the tokens that fine-tuning added, config.json is the base's."""
    weights = weights_of(folder)
    name = "model.embed_tokens.weight"
    weights[name] = torch.cat([weights[name], torch.ones(2, 32)])
    write(weights, folder / "model.safetensors")


def scales(folder: Path) -> None:
    """Weights in 8 bits whose config.json lost its `quantization_config`."""
    weights = weights_of(folder)
    name = "model.layers.0.mlp.up_proj.weight"
    weights[name] = weights[name].to(torch.float8_e4m3fn)
    weights[f"{name}_scale_inv"] = torch.full((1, 1), 7.0)
    write(weights, folder / "model.safetensors")


def experts(folder: Path) -> None:
    """The same tokenizer, and four experts a layer."""
    import transformers as tf

    torch.manual_seed(0)
    sizes = TEXT | {"vocab_size": json.loads((folder / "config.json").read_text())["vocab_size"]}
    config = tf.Qwen3MoeConfig(
        **sizes, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16
    )
    tf.Qwen3MoeForCausalLM(config).save_pretrained(folder)


def fewer_experts(folder: Path) -> None:
    experts(folder)
    settings(folder, num_local_experts=2)


def expert_lost(folder: Path) -> None:
    experts(folder)
    weights = weights_of(folder)
    of_one = [name for name in weights if ".1.mlp.experts.2." in name]
    assert len(of_one) == 3
    for name in of_one:
        del weights[name]
    write(weights, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("arrange", "words"),
    [
        (compiled, ("lacks 25 weights of Qwen3ForCausalLM",)),
        (head_twice, None),
        (head_lost, ("lacks", "lm_head.weight")),
        (resized, ("of other sizes than", "model.embed_tokens.weight (")),
        (scales, ("more than", "up_proj.weight_scale_inv")),
        (experts, None),
        (fewer_experts, ("experts",)),
        (expert_lost, ("experts",)),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_file_and_a_config_of_two_models_are_refused(
    tmp_path: Path, arrange: Any, words: Any
) -> None:
    folder = text_folder(tmp_path / "m")
    arrange(folder)
    if words:
        said = message(folder)
        assert [word for word in (str(folder), *words) if word not in said] == []
    else:
        build_generator(ModelSpec(path=folder), "text", device="cpu")


def test_a_head_that_differs_from_the_embedding_is_no_less_than_what_was_trained(
    tmp_path: Path,
) -> None:
    folder = text_folder(tmp_path / "m")
    head_of_its_own(folder)
    assert_holds(folder, weights_of(folder))


def test_the_names_of_older_files_are_read(tmp_path: Path) -> None:
    import transformers as tf

    seeing = tiny_vlms.llava(tmp_path / "vlm")
    new: Any = build_generator(ModelSpec(path=seeing), "vlm", device="cpu")
    state = {name: weight.clone() for name, weight in new.loaded.model.state_dict().items()}
    older = {}
    for name, weight in state.items():
        name = name.replace("model.language_model.", "language_model.model.")
        name = name.replace("model.vision_tower.", "vision_tower.vision_model.")
        name = name.replace("vision_model.vision_model.", "vision_model.")
        name = name.replace("model.multi_modal_projector.", "multi_modal_projector.")
        older[name.replace("lm_head.", "language_model.lm_head.")] = weight.clone()
    older["vision_tower.vision_model.embeddings.position_ids"] = torch.arange(4)[None]
    write(older, seeing / "model.safetensors")
    assert_holds(seeing, state, "vlm")

    # GPT-2 on the Hub: a bare model without the prefix, and a mask that attention no longer reads.
    torch.manual_seed(0)
    folder = text_folder(tmp_path / "gpt2")
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64, "vocab_size": 80}
    model = tf.GPT2LMHeadModel(tf.GPT2Config(**sizes, bos_token_id=1, eos_token_id=1))
    model.save_pretrained(folder)
    bare = {
        name.removeprefix("transformer."): weight.clone()
        for name, weight in model.state_dict().items()
        if name != "lm_head.weight"
    }
    write(bare | {"h.0.attn.bias": torch.ones(1, 1, 64, 64)}, folder / "model.safetensors")
    assert_holds(folder, model.state_dict())


def refused(spec: ModelSpec, device: str = "cpu") -> str:
    with pytest.raises(SuiteError) as caught:
        loading.placement(spec, device, "float32")
    return str(caught.value)


def test_layers_are_spread_over_cards_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ModelSpec(path=Path("m"), device_map="auto")
    assert loading.placement(spec, "cuda", "bfloat16") == {"device_map": "auto"}
    assert loading.placement(spec, "cuda:0", "bfloat16") == {"device_map": "auto"}
    for device in ("cpu", "mps", "cuda:1"):
        assert refused(spec, device) == (
            "`device_map: auto` of m spreads its layers over all CUDA cards that are here, and "
            f"--device {device} is not these; leave `device_map` out, or run with --device cuda "
            "(which cards, CUDA_VISIBLE_DEVICES says)."
        )
    monkeypatch.setattr(loading.importlib.util, "find_spec", lambda name: None)
    assert refused(spec, "cuda") == (
        "`device_map: auto` of m needs the package accelerate; install it with "
        "`pip install accelerate`."
    )


def test_numbers_of_four_and_eight_bits_are_asked_for_or_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    four, eight = (ModelSpec(path=Path("m"), quantization=bits) for bits in ("4bit", "8bit"))
    monkeypatch.setattr(loading.importlib.util, "find_spec", lambda name: None)
    assert refused(four) == (
        "`quantization: 4bit` of m needs the package bitsandbytes; install it with "
        '`pip install "downscaling-suite[bitsandbytes]"`.'
    )
    monkeypatch.undo()
    library = ModuleType("bitsandbytes")
    vars(library).update(__version__="0.1", supported_torch_devices={"cuda", "xpu"})
    library.__spec__ = ModuleSpec("bitsandbytes", None)
    monkeypatch.setitem(sys.modules, "bitsandbytes", library)
    assert refused(eight) == (
        "`quantization: 8bit` of m is computed by bitsandbytes 0.1, which knows cuda, xpu and not "
        "cpu; choose another device with --device, or leave `quantization` out."
    )
    assert refused(replace(four, gguf_file="m.gguf")) == (
        "`quantization: 4bit` of m: a GGUF file says its own numbers; leave `quantization` out."
    )
    given = loading.placement(four, "cuda:1", "bfloat16")
    asked = given["quantization_config"].to_dict()
    assert (asked["load_in_4bit"], asked["load_in_8bit"]) == (True, False)
    assert (asked["bnb_4bit_quant_type"], asked["bnb_4bit_compute_dtype"]) == ("nf4", "bfloat16")
    assert given["device_map"] == {"": "cuda:1"}
    both = loading.placement(replace(eight, device_map="balanced"), "cuda", "float16")
    asked = both["quantization_config"].to_dict()
    assert (asked["load_in_4bit"], asked["load_in_8bit"]) == (False, True)
    assert both["device_map"] == "balanced"


def test_what_a_checkpoint_is_loaded_as_is_in_its_key(tmp_path: Path) -> None:
    folder = text_folder(tmp_path / "text")
    template = tmp_path / "short.jinja"
    template.write_text("{{ messages[0].content }}")
    plain = ModelSpec(path=folder)
    known = fingerprint(plain, "text")
    assert known.keys() == {"generator", "role", "dtype", "files"}
    template_hash = hashlib.sha256(template.read_bytes()).hexdigest()
    for changes, more in (
        ({"quantization": "8bit"}, {"quantization": "8bit"}),
        ({"device_map": "auto"}, {"device_map": "auto"}),
        ({"chat_template": template}, {"chat_template": template_hash}),
    ):
        assert fingerprint(replace(plain, **changes), "text") == known | more
    with pytest.raises(SuiteError) as caught:
        fingerprint(replace(plain, chat_template=tmp_path / "none.jinja"), "text")
    assert str(caught.value) == (
        f"Chat template {tmp_path}/none.jinja does not exist; correct `chat_template` in the "
        "family file."
    )


QUESTION = Request("t", "0", (Message("user", "red square"),), Decoding(max_new_tokens=8))


def test_a_named_chat_template_stands_for_the_checkpoints_own(tmp_path: Path) -> None:
    folder = text_folder(tmp_path / "text")
    template = tmp_path / "short.jinja"
    template.write_text("{{ messages[0].content }} blue")
    generator: Any = build_generator(
        ModelSpec(path=folder, chat_template=template), "text", device="cpu"
    )
    (answer,) = generator.generate([QUESTION], dict.__getitem__)
    assert (answer.error, answer.prompt_tokens) == (None, 3)
    template.write_text("{{ messages[0].content }} green")
    with pytest.raises(Unfinished, match=r"Chat template .*short\.jinja has changed since"):
        list(generator.generate([QUESTION], dict.__getitem__))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # bitsandbytes'
@pytest.mark.parametrize(("role", "bits"), [("text", "4bit"), ("text", "8bit"), ("vlm", "8bit")])
def test_bitsandbytes_keeps_the_weights_in_fewer_bits(tmp_path: Path, bits: str, role: Any) -> None:
    library = pytest.importorskip("bitsandbytes", reason="the extra bitsandbytes is not installed")
    if role == "text":  # on a CPU 4 bits want widths of whole blocks of 64
        wide = {"hidden_size": 128, "intermediate_size": 128, "head_dim": 64}
        folder = text_folder(tmp_path / "m", **wide)
    else:
        folder = tiny_vlms.llava(tmp_path / "m")
    plain: Any = build_generator(ModelSpec(path=folder), role, device="cpu")
    spec = ModelSpec(path=folder, quantization=bits)
    generator: Any = build_generator(spec, role, device="cpu")
    kind = library.nn.Linear4bit if bits == "4bit" else library.nn.Linear8bitLt
    layers = generator.loaded.model.get_decoder().layers
    assert isinstance(layers[0].mlp.up_proj, kind)
    assert generator.loaded.params == plain.loaded.params
    held = [sum(p.numel() * p.element_size() for p in own.loaded.model.parameters())
            for own in (plain, generator)]  # fmt: skip
    assert held[1] < held[0]
    (answer,) = generator.generate([QUESTION], dict.__getitem__)
    assert answer.error is None
    assert generator.fingerprint == fingerprint(spec, role, device="cpu")
