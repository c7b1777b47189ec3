"""LLaVA-NeXT folders as transformers folders, held against the computation written out by hand.

In: a toy with the names, shapes and settings of the released folders. Out: its conversion.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from suite.errors import SuiteError
from suite.models.fingerprint import identity
from suite.models.spec import ModelSpec
from suite.models.transformers import convert as module
from suite.models.transformers.convert import TOWERS, convert
from tests.house import ROOT
from tests.suite.cli_study import call, error
from tests.suite.study_files import SHORT_DECODING, environment
from tests.suite.tiny_models import qwen3_config, text_folder
from tests.suite.training.vlm.toys import tokenizer

NAME = "siglip-so400m-patch14-384"
SIDE, PATCH, HEADS, WIDE = 28, 14, 16, 32
TOY = {
    "hidden_size": WIDE, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": HEADS, "image_size": SIDE, "patch_size": PATCH,
}  # fmt: skip
TOWER = "model.vision_tower.vision_tower.vision_model."
SETTINGS: dict[str, Any] = {
    "model_type": "llava_qwen_3",
    "architectures": ["LlavaQwen3ForCausalLM"],
    "mm_vision_tower": f"google/{NAME}",
    "mm_projector_type": "mlp2x_gelu",
    "mm_vision_select_layer": -2,
    "mm_vision_select_feature": "patch",
    "mm_patch_merge_type": "spatial_unpad",
    "mm_use_im_start_end": False,
    "mm_use_im_patch_token": False,
    "mm_resampler_type": None,
    "mm_vision_tower_lr": 2e-6,
    "image_aspect_ratio": "anyres_max_4",
    "image_grid_pinpoints": "(1x1),...,(3x3)",
    "tokenizer_padding_side": "right",
    "rope_scaling": None,
    "use_mm_proj": True,
}


@pytest.fixture(autouse=True)
def toy_tower(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOWERS, NAME, TOY)


def tower_shapes(layers: int = 2) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the tower's weights, as SigLIP's checkpoints have them."""
    square, inner = (WIDE, WIDE), 48
    found: dict[str, tuple[int, ...]] = {
        "embeddings.patch_embedding.weight": (WIDE, 3, PATCH, PATCH),
        "embeddings.patch_embedding.bias": (WIDE,),
        "embeddings.position_embedding.weight": ((SIDE // PATCH) ** 2, WIDE),
        "post_layernorm.weight": (WIDE,),
        "post_layernorm.bias": (WIDE,),
    }
    for layer in range(layers):
        own: dict[str, tuple[int, ...]] = {
            "mlp.fc1.weight": (inner, WIDE), "mlp.fc1.bias": (inner,),
            "mlp.fc2.weight": (WIDE, inner), "mlp.fc2.bias": (WIDE,),
        }  # fmt: skip
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            own |= {f"self_attn.{part}.weight": square, f"self_attn.{part}.bias": (WIDE,)}
        for part in ("layer_norm1", "layer_norm2"):
            own |= {f"{part}.weight": (WIDE,), f"{part}.bias": (WIDE,)}
        found |= {f"encoder.layers.{layer}.{name}": shape for name, shape in own.items()}
    return {f"{TOWER}{name}": shape for name, shape in found.items()}


def weights_of(tied: bool = True) -> tuple[dict[str, torch.Tensor], Any]:
    """The toy's weights by LLaVA-NeXT's names, and the language model that they were taken from."""
    from transformers import Qwen3ForCausalLM

    words = tokenizer()
    torch.manual_seed(0)
    text = Qwen3ForCausalLM(
        qwen3_config(len(words) + 6, tie_word_embeddings=tied, initializer_range=0.2)
    ).eval()
    hidden = text.config.hidden_size
    shapes = tower_shapes() | {
        "model.mm_projector.0.weight": (hidden, WIDE), "model.mm_projector.0.bias": (hidden,),
        "model.mm_projector.2.weight": (hidden, hidden), "model.mm_projector.2.bias": (hidden,),
        "model.image_newline": (hidden,),
    }  # fmt: skip
    found = {name: torch.randn(shape) * 0.3 for name, shape in shapes.items()}
    found |= {name: weight.clone() for name, weight in text.state_dict().items()}
    if tied:
        del found["lm_head.weight"]
    return found, text


def settings_of(text: Any) -> dict[str, Any]:
    own = text.config.to_dict()
    own["rope_theta"] = own.pop("rope_parameters")["rope_theta"]
    return own | SETTINGS


def save(folder: Path, weights: dict[str, torch.Tensor], form: str = "one") -> None:
    """Writes weights: `one` file of safetensors, `parts`, or parts of `bin`."""
    if form == "one":
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        return
    stem, end = ("model", "safetensors") if form == "parts" else ("pytorch_model", "bin")
    names = sorted(weights)
    where = {}
    for part in range(3):
        file = f"{stem}-{part + 1:05}-of-00003.{end}"
        own = {name: weights[name] for name in names[part::3]}
        where |= dict.fromkeys(own, file)
        if form == "parts":
            save_file(own, folder / file, metadata={"format": "pt"})
        else:
            torch.save(own, folder / file)
    index = {"metadata": {}, "weight_map": where}
    (folder / f"{stem}.{end}.index.json").write_text(json.dumps(index))


def released(folder: Path, form: str = "one", tied: bool = True, **changes: Any) -> Any:
    """Writes the toy as LLaVA-NeXT's code writes it; returns weights and language model."""
    folder.mkdir()
    weights, text = weights_of(tied)
    (folder / "config.json").write_text(json.dumps(settings_of(text) | changes))
    save(folder, weights, form)
    tokenizer().save_pretrained(folder)
    return weights, text


def loaded(folder: Path) -> tuple[Any, Any]:
    """The converted model in evaluation and its processor, images resized by Pillow."""
    import transformers as tf

    reader: Any = tf.AutoProcessor
    kind: Any = tf.AutoModelForImageTextToText
    model, report = kind.from_pretrained(folder, output_loading_info=True)
    assert {name: len(list(found)) for name, found in report.items() if found} == {}
    processor = reader.from_pretrained(folder)
    images = tf.LlavaOnevisionImageProcessorPil.from_pretrained(folder)
    processor.image_processor = images
    return model.eval(), processor


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


# The computation of LLaVA-NeXT's code, written out: pictures -> crops -> features -> logits.


def crops_of(picture: Image.Image) -> tuple[torch.Tensor, int, int]:
    """The whole and its tiles (1 + n, 3, side, side), and rows and columns of tiles."""
    width, height = picture.size
    best: tuple[int, int, int, int] | None = None
    for wide in (1, 2, 3):
        for high in (1, 2, 3):
            scale = min(wide * SIDE / width, high * SIDE / height)
            kept = min(int(width * scale) * int(height * scale), width * height)
            found = (kept, kept - wide * SIDE * high * SIDE, wide, high)
            if best is None or found[:2] > best[:2]:
                best = found
    assert best is not None
    wide, high = best[2:]
    target = (wide * SIDE, high * SIDE)
    if target[0] / width < target[1] / height:
        size = (target[0], min(math.ceil(height * target[0] / width), target[1]))
    else:
        size = (min(math.ceil(width * target[1] / height), target[0]), target[1])
    page = Image.new("RGB", target)
    place = ((target[0] - size[0]) // 2, (target[1] - size[1]) // 2)
    page.paste(picture.resize(size, Image.Resampling.BICUBIC), place)
    tiles = [picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)]
    for y in range(0, target[1], SIDE):
        tiles += [page.crop((x, y, x + SIDE, y + SIDE)) for x in range(0, target[0], SIDE)]
    return torch.stack([pixels(tile) for tile in tiles]), high, wide


def squared(picture: Image.Image) -> torch.Tensor:
    """One of several pictures (1, 3, side, side): on a grey square."""
    edge = max(picture.size)
    page = Image.new("RGB", (edge, edge), (127, 127, 127))
    page.paste(picture, ((edge - picture.width) // 2, (edge - picture.height) // 2))
    return pixels(page.resize((SIDE, SIDE), Image.Resampling.BICUBIC))[None]


def pixels(tile: Image.Image) -> torch.Tensor:
    values = torch.from_numpy(np.asarray(tile, dtype=np.float32)).permute(2, 0, 1)
    return (values / 255 - 0.5) / 0.5


def tower(weights: dict[str, torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    """SigLIP's last layer, before the norm after it: (n, patches, width)."""

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, weights[f"{TOWER}{name}.weight"], weights[f"{TOWER}{name}.bias"])

    def norm(name: str, x: torch.Tensor) -> torch.Tensor:
        own = (weights[f"{TOWER}{name}.weight"], weights[f"{TOWER}{name}.bias"])
        return F.layer_norm(x, (WIDE,), *own, eps=1e-6)

    at = f"{TOWER}embeddings."
    patch = (weights[f"{at}patch_embedding.weight"], weights[f"{at}patch_embedding.bias"])
    x = F.conv2d(images, *patch, stride=PATCH).flatten(2).transpose(1, 2)
    x = x + weights[f"{at}position_embedding.weight"]
    for layer in range(2):
        name = f"encoder.layers.{layer}"
        y = norm(f"{name}.layer_norm1", x)
        q, k, v = (
            linear(f"{name}.self_attn.{part}_proj", y).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in "qkv"
        )
        share = (q @ k.transpose(-1, -2) / math.sqrt(WIDE // HEADS)).softmax(-1)
        x = x + linear(f"{name}.self_attn.out_proj", (share @ v).transpose(1, 2).flatten(2))
        y = F.gelu(linear(f"{name}.mlp.fc1", norm(f"{name}.layer_norm2", x)), approximate="tanh")
        x = x + linear(f"{name}.mlp.fc2", y)
    return x


def features_of(
    weights: dict[str, torch.Tensor], images: torch.Tensor, high: int, wide: int, size: Any
) -> torch.Tensor:
    """What the language model reads of a picture: (tokens, hidden)."""
    at, newline = "model.mm_projector.", weights["model.image_newline"]
    x = F.linear(tower(weights, images), weights[f"{at}0.weight"], weights[f"{at}0.bias"])
    x = F.linear(F.gelu(x), weights[f"{at}2.weight"], weights[f"{at}2.bias"])
    if len(x) == 1:
        return torch.cat((x[0], newline[None]))
    side = SIDE // PATCH
    rows = [
        torch.cat(
            [x[1 + row * wide + column].unflatten(0, (side, side)) for column in range(wide)], 1
        )
        for row in range(high)
    ]
    grid = torch.cat(rows)  # (rows, columns, hidden) of patches
    width, height = size
    if width / height > grid.shape[1] / grid.shape[0]:
        cut = (grid.shape[0] - int(height * (grid.shape[1] / width))) // 2
        grid = grid[cut : grid.shape[0] - cut]
    else:
        cut = (grid.shape[1] - int(width * (grid.shape[0] / height))) // 2
        grid = grid[:, cut : grid.shape[1] - cut]
    times = math.sqrt(grid.shape[0] * grid.shape[1] / (4 * side**2))
    if times > 1.1:
        fewer = (int(grid.shape[0] // times), int(grid.shape[1] // times))
        small = F.interpolate(grid.permute(2, 0, 1)[None], fewer, mode="bilinear")
        grid = small[0].permute(1, 2, 0)
    lines = torch.cat((grid, newline.expand(len(grid), 1, -1)), 1)
    return torch.cat((x[0], lines.flatten(0, 1)))


def reference(
    weights: dict[str, torch.Tensor], text: Any, pictures: Sequence[Image.Image], asked: str
) -> torch.Tensor:
    """Logits (tokens, vocabulary) of a turn with pictures."""
    words = tokenizer()
    embedded = text.get_input_embeddings()
    marks = " ".join(["<image>"] * len(pictures))
    prompt = (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        f"<|im_start|>user\n{marks}\n{asked}<|im_end|>\n<|im_start|>assistant\n"
    )
    parts = prompt.split("<image>")
    whole: list[torch.Tensor] = []
    for number, part in enumerate(parts):
        if number:
            picture = pictures[number - 1]
            if len(pictures) == 1:
                whole.append(features_of(weights, *crops_of(picture), picture.size))
            else:
                whole.append(features_of(weights, squared(picture), 1, 1, picture.size))
        whole.append(embedded(torch.tensor(words(part, add_special_tokens=False)["input_ids"])))
    result: torch.Tensor = text(inputs_embeds=torch.cat(whole)[None]).logits[0]
    return result


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.Tensor], Any]:
    """A released toy and, beside it, its conversion `out`."""
    folder = tmp_path_factory.mktemp("llava")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TOWERS, NAME, TOY)
        weights, text = released(folder / "in")
        convert(folder / "in", folder / "out")
    return folder, weights, text


@pytest.mark.parametrize(
    "sizes",
    [
        [(60, 30)],  # two tiles
        [(30, 75)],  # rows of which a part is empty
        [(84, 84)],  # nine tiles, whose tokens are made fewer
        [(20, 20)],  # smaller than a tile
        [(60, 30), (28, 50)],  # several: a crop each
    ],
)
@torch.no_grad()
def test_logits_are_those_of_the_other_code(toy: Any, sizes: list[tuple[int, int]]) -> None:
    folder, weights, text = toy
    model, processor = loaded(folder / "out")
    pictures = [noise(*size, seed) for seed, size in enumerate(sizes)]
    asked = "What colour is the circle?"
    content = [*({"type": "image"} for _ in pictures), {"type": "text", "text": asked}]
    messages = [{"role": "user", "content": content}]
    prompt = processor.apply_chat_template(messages, add_generation_prompt=True)
    inputs = processor(images=[pictures], text=[prompt], return_tensors="pt")
    expected = reference(weights, text, pictures, asked)
    logits = model(**inputs).logits[0]
    assert logits.shape[0] == len(expected), "tokens"
    torch.testing.assert_close(logits[:, : expected.shape[1]], expected, atol=1e-4, rtol=1e-4)
    other = reference(weights, text, [noise(*size, 9) for size in sizes], asked)
    assert (other[-1] - expected[-1]).abs().max() > 1e-2, "the pictures matter"


ON_DISK = {
    f"{TOWER}post_layernorm.bias": "vision_tower.vision_model.post_layernorm.bias",
    "model.mm_projector.0.weight": "multi_modal_projector.linear_1.weight",
    "model.mm_projector.2.bias": "multi_modal_projector.linear_2.bias",
    "model.image_newline": "image_newline",
    "model.embed_tokens.weight": "language_model.model.embed_tokens.weight",
    "model.layers.1.mlp.up_proj.weight": "language_model.model.layers.1.mlp.up_proj.weight",
    "lm_head.weight": "language_model.lm_head.weight",
}


@pytest.mark.parametrize("form", ["one", "parts", "bin"])
def test_every_weight_arrives_as_it_was(tmp_path: Path, form: str) -> None:
    released(tmp_path / "in", form, tied=False)
    weights, _ = weights_of(tied=False)
    half = {name: weight.bfloat16() for name, weight in weights.items()}
    half["model.norm.weight"] = weights["model.norm.weight"]  # of another format
    save(tmp_path / "in", half, form)
    made = convert(tmp_path / "in", tmp_path / "out")
    written = load_file(tmp_path / "out" / "model.safetensors")
    assert len(written) == len(weights) == made.tensors
    for old, new in ON_DISK.items():
        assert torch.equal(written[new], half[old])
        assert written[new].dtype == half[old].dtype
    assert made.bytes == sum(weight.nbytes for weight in half.values())
    assert made.dtype == "bfloat16"
    assert sum(made.parameters.values()) == sum(weight.numel() for weight in weights.values())
    assert made.parameters["newline"] == 32
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["dtype"] == "bfloat16"
    loaded(tmp_path / "out")


def test_what_stands_beside_the_weights(toy: Any) -> None:
    from transformers import AutoConfig, AutoTokenizer, GenerationConfig

    out = toy[0] / "out"
    config = AutoConfig.from_pretrained(out)
    assert config.vision_aspect_ratio == "anyres_max_4"
    assert config.image_grid_pinpoints == [[28 * h, 28 * w] for w in (1, 2, 3) for h in (1, 2, 3)]
    assert (config.vision_feature_layer, config.vision_feature_select_strategy) == (-1, "full")
    assert config.text_config.rope_parameters["rope_theta"] == 10000.0
    assert config.tie_word_embeddings
    processor = json.loads((out / "processor_config.json").read_text())
    assert processor["image_processor"]["image_mean"] == [0.5] * 3
    assert processor["num_image_tokens"] == 4
    words = AutoTokenizer.from_pretrained(out)
    assert config.image_token_id == words.convert_tokens_to_ids("<image>") == len(tokenizer())
    generation = GenerationConfig.from_pretrained(out)
    ends = words.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    assert generation.eos_token_id == ends
    assert generation.pad_token_id == ends[1]
    assert '`{"mm_vision_tower_lr": 2e-06}`' in (out / "README.md").read_text()


def test_weights_that_the_model_does_not_use_are_left_out_and_named(tmp_path: Path) -> None:
    weights, _ = released(tmp_path / "in")
    more = {
        f"{TOWER}encoder.layers.2.mlp.fc1.bias": torch.zeros(48),
        f"{TOWER}head.probe": torch.zeros(1, 1, WIDE),
        "model.layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(8),
        "lm_head.weight": weights["model.embed_tokens.weight"].clone(),
    }
    save(tmp_path / "in", weights | more)
    assert set(convert(tmp_path / "in", tmp_path / "out").dropped) == set(more)
    loaded(tmp_path / "out")


LAYER = f"{TOWER}encoder.layers.1.mlp.fc1.weight"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({LAYER: None}, f"lacks 1 weights of a LlavaOnevisionForConditionalGeneration: {LAYER};"),
        (
            {"model.image_newline": None, "model.mm_projector.2.bias": None},
            "lacks 2 weights of a LlavaOnevisionForConditionalGeneration: model.image_newline, "
            "model.mm_projector.2.bias;",
        ),
        (
            {"model.faster_token": torch.zeros(32), "model.vision_resampler.x": torch.zeros(1)},
            "has 2 weights that are not known, and would be lost: model.faster_token, "
            "model.vision_resampler.x;",
        ),
        ({f"{TOWER}encoder.layers.3.mlp.fc1.bias": torch.zeros(48)}, "has 1 weights that are not"),
        ({LAYER: torch.zeros(0)}, f"{LAYER} is 0, and config.json makes it 48 x 32;"),
        ({LAYER: torch.zeros(48, 32).char()}, f"{LAYER} is of the number format I8;"),
        (
            {"lm_head.weight": torch.zeros(1)},
            "lm_head.weight differs from model.embed_tokens.weight",
        ),
    ],
)
def test_weights_that_are_not_those_of_the_model_are_refused(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    weights, _ = released(tmp_path / "in")
    changed = {n: w for n, w in (weights | change).items() if w is not None}
    save(tmp_path / "in", changed)
    with pytest.raises(SuiteError) as caught:
        convert(tmp_path / "in", tmp_path / "out")
    assert says in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"model_type": "llava_onevision"},
            "in is a transformers folder already: use it as it is.",
        ),
        ({"model_type": "llava_qwen"}, "`model_type` is 'llava_qwen'; only 'llava_qwen_3' is"),
        ({"model_type": None}, "`model_type` is None; only 'llava_qwen_3' is"),
        ({"mm_projector_type": "linear"}, "`mm_projector_type` is 'linear', and only 'mlp2x_gelu'"),
        ({"mm_patch_merge_type": "flat"}, "`mm_patch_merge_type` is 'flat', and only"),
        ({"mm_use_im_start_end": True}, "`mm_use_im_start_end` is True, and only False can"),
        ({"mm_resampler_type": "spatial_pool"}, "`mm_resampler_type` is 'spatial_pool'"),
        ({"mm_vision_tower": "google/siglip-base-patch16-224"}, f"known: {NAME}."),
        ({"image_aspect_ratio": "pad"}, "`image_aspect_ratio` is 'pad', and only 'anyres_max_N'"),
        ({"image_grid_pinpoints": None}, "`image_grid_pinpoints` is None; it must list"),
        ({"image_grid_pinpoints": [[28, 30]]}, "in tiles of 28 pixels."),
        ({"rope_theta": None}, "has no `rope_theta`;"),
        ({"vocab_size": 300}, "has room for 300 tokens"),
    ],
)
def test_settings_that_mean_another_computation_are_refused(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    released(tmp_path / "in", **change)
    with pytest.raises(SuiteError) as caught:
        convert(tmp_path / "in", tmp_path / "out")
    assert says in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        ("(1x1),...,(2x2)", [[28, 28], [56, 28], [28, 56], [56, 56]]),
        ("[(28, 56), (56, 56)]", [[56, 28], [56, 56]]),
        ([[28, 56], [84, 28]], [[56, 28], [28, 84]]),
    ],
)
def test_resolutions_are_turned_to_height_and_width(value: Any, pairs: list[list[int]]) -> None:
    assert module._pinpoints(Path("config.json"), value, 28) == pairs


@pytest.mark.parametrize(
    ("hidden", "inner", "newline", "total"),
    [(1024, 3072, 1024, 996_028_960), (2048, 6144, 2048, 2_124_882_464)],
)
def test_released_sizes_have_the_weights_that_are_known_of_them(
    hidden: int, inner: int, newline: int, total: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Qwen3-0.6B and 1.7B; totals are those of tower, connector, newline and tied head."""
    from transformers import LlavaOnevisionForConditionalGeneration

    monkeypatch.undo()
    own = SETTINGS | {
        "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": 28,
        "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
        "vocab_size": 151936, "max_position_embeddings": 40960, "rms_norm_eps": 1e-6,
        "rope_theta": 1000000, "hidden_act": "silu", "attention_bias": False,
        "tie_word_embeddings": True, "image_aspect_ratio": "anyres_max_9",
        "image_grid_pinpoints": "(1x1),...,(6x6)",
    }  # fmt: skip
    config = module._config(Path("released"), own)
    with torch.device("meta"):
        model = LlavaOnevisionForConditionalGeneration(config)
    parts = {name: sum(w.numel() for w in part.parameters()) for name, part in
             model.model.named_children()}  # fmt: skip
    assert parts["vision_tower"] == 397_747_744
    assert sum(parts.values()) + newline == total
    assert len(config.image_grid_pinpoints) == 36


def test_nothing_is_overwritten(toy: Any, tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="out is there already; name a folder that is not"):
        convert(toy[0] / "in", toy[0] / "out")
    with pytest.raises(SuiteError, match="is there already"):
        convert(toy[0] / "in", toy[0] / "in")
    with pytest.raises(SuiteError, match="out is a transformers folder already"):
        convert(toy[0] / "out", tmp_path / "again")


def _cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _two(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text("{}")


DAMAGE: list[tuple[str, Any, str]] = [
    ("one", _cut, "model.safetensors is cut or damaged ("),
    ("one", _two, "holds two models: model.safetensors, and the parts of"),
    ("one", lambda folder: (folder / "model.safetensors").unlink(), "holds no weights ("),
    ("one", lambda folder: (folder / "config.json").unlink(), "has no config.json;"),
    ("one", lambda folder: (folder / "config.json").write_text("{"), "config.json cannot be read"),
    ("one", lambda folder: (folder / "tokenizer.json").unlink(), "The tokenizer of "),
    (
        "parts",
        lambda folder: (folder / "model-00002-of-00003.safetensors").unlink(),
        "lacks model-00002-of-00003.safetensors, a part of the weights",
    ),
    (
        "parts",
        lambda folder: (folder / "model-00002-of-00003.safetensors").write_bytes(
            (folder / "model-00001-of-00003.safetensors").read_bytes()
        ),
        "twice, the second time in model-00002-of-00003.safetensors;",
    ),
    (
        "bin",
        lambda folder: (folder / "pytorch_model-00003-of-00003.bin").write_bytes(b"none"),
        "pytorch_model-00003-of-00003.bin is cut or damaged (",
    ),
]


@pytest.mark.parametrize(("form", "damage", "says"), DAMAGE, ids=range(len(DAMAGE)))
def test_damaged_folders_are_told(tmp_path: Path, form: str, damage: Any, says: str) -> None:
    released(tmp_path / "in", form)
    damage(tmp_path / "in")
    with pytest.raises(SuiteError) as caught:
        convert(tmp_path / "in", tmp_path / "out")
    assert says in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_an_interrupted_conversion_leaves_nothing(toy: Any, tmp_path: Path) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(toy[0] / "in", tmp_path / "out", lambda _: stop)
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from suite.models.transformers import convert as module
from tests.suite.models.transformers.test_convert import NAME, TOY
module.TOWERS[NAME] = TOY
kill = lambda done: done > 20000 and os.kill(os.getpid(), signal.SIGKILL)
module.convert(Path(sys.argv[1]), Path(sys.argv[2]), lambda _: kill)
"""


@pytest.mark.slow
def test_a_killed_conversion_leaves_nothing_that_looks_whole(toy: Any, tmp_path: Path) -> None:
    words = [sys.executable, "-c", KILLED, str(toy[0] / "in"), str(tmp_path / "out")]
    variables = environment(tmp_path) | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=ROOT, env=variables, check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".writing-")
    assert [path.name for path in left.iterdir()] == ["model.safetensors"]
    convert(toy[0] / "in", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    loaded(tmp_path / "out")


def test_a_folder_that_is_not_converted_names_the_command(toy: Any, tmp_path: Path) -> None:
    folder = toy[0] / "in"
    says = f"`downscale convert-llava {folder} OUT`, and name OUT with `path:` in the family file"
    with pytest.raises(SuiteError) as caught:
        identity(ModelSpec(path=folder), "vlm")
    assert says in str(caught.value)
    (tmp_path / "mine.yaml").write_text(
        f"family: mine\nsizes: [{{name: s, params: 1, vlm: {folder}}}]\n"
    )
    (tmp_path / "study.yaml").write_text(
        "study: mine\nfamily: mine.yaml\ntasks: [{task: micro_ocr}]\n"
        "cells: [{method: end_to_end, perception: s}]\n"
    )
    for command in ("plan", "run"):
        assert says in error(command, tmp_path / "study.yaml")
    assert says in call("models", tmp_path / "mine.yaml").stderr
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "extract-0.6b").symlink_to(folder)
    said = error("plan", "paper", "--weights", tmp_path / "weights")
    assert f"`downscale convert-llava {tmp_path / 'weights' / 'extract-0.6b'} OUT`" in said


def test_a_repository_that_is_not_converted_names_the_command(
    toy: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--owner--name" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_bytes((toy[0] / "in" / "config.json").read_bytes())
    spec = ModelSpec(repo="owner/name", revision="0" * 40)
    with pytest.raises(SuiteError) as caught:
        identity(spec, "vlm")
    assert str(caught.value).startswith("owner/name is in the format of LLaVA-NeXT's code: ")
    assert f"`downscale convert-llava {snapshot} OUT`" in str(caught.value)


def test_the_command_says_what_it_wrote(toy: Any, tmp_path: Path) -> None:
    result = call("convert-llava", toy[0] / "in", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["folder"] == str(tmp_path / "out")
    assert told["tensors"] == len(toy[1])
    assert set(told["parameters"]) == {"language", "vision", "connector", "newline"}
    assert told["bytes"] == sum(weight.nbytes for weight in toy[1].values())
    assert "weights: 1 MB" in result.stderr
    assert "is there already" in error("convert-llava", toy[0] / "in", tmp_path / "out")
    plain = call("convert-llava", toy[0] / "in", tmp_path / "plain")
    assert plain.stdout == f"{tmp_path / 'plain'}\n"
    assert "of float32; parameters: language " in plain.stderr


@pytest.mark.slow
def test_a_converted_folder_perceives(toy: Any, tmp_path: Path) -> None:
    text_folder(tmp_path / "text")
    vlm = toy[0] / "out"
    (tmp_path / "mine.yaml").write_text(
        "family: mine\nprompts: micro\nsizes:\n"
        f"  - {{name: s, params: 1, text: ./text, vlms: {{extract: {vlm}}}}}\n"
    )
    (tmp_path / "study.yaml").write_text(
        "study: mine\nfamily: mine.yaml\nlimit: 1\ntasks: [{task: micro_ocr}]\n"
        "cells: [{method: decoupled, perceiver: extract, perception: s, reasoning: s}]\n"
        + SHORT_DECODING
    )
    command = ["-m", "suite", "run", "study.yaml", "--out", "out", "--json"]
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=environment(tmp_path) | {"PYTHONPATH": os.pathsep.join([str(ROOT)])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["requests"]["failed"] == 0
    assert told["requests"]["generated"] > 0
