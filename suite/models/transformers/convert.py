"""LLaVA-NeXT's own folders -> transformers folders of LlavaOnevisionForConditionalGeneration.

In: a folder that LLaVA-NeXT's code wrote: SigLIP, two-layer connector, Qwen3, any-resolution tiles.
Out: a folder with weights, configuration, tokenizer, processor and chat template, whole or absent.
Weights are read and written one by one, as they are. Whatever the other code would compute in
another way, or is not known to be the same, is refused.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from suite.base.files import whole
from suite.base.json_values import read_json
from suite.errors import SuiteError, reason_of, shown
from suite.models.fingerprint import LLAVA_NEXT
from suite.models.transformers import onevision

TOWERS: dict[str, dict[str, Any]] = {
    "siglip-so400m-patch14-384": {
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 26,  # of 27: LLaVA-NeXT takes the features before the last
        "num_attention_heads": 16,
        "image_size": 384,
        "patch_size": 14,
    },
}
"""Last part of a tower's name -> its SiglipVisionConfig, which the folders do not hold."""
TEXT = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "head_dim", "vocab_size", "max_position_embeddings", "rms_norm_eps",
    "rope_theta", "hidden_act", "attention_bias", "tie_word_embeddings",
)  # fmt: skip
"""What decides the language model's computation: must be there."""
TEXT_TOO = (
    "attention_dropout", "initializer_range", "bos_token_id", "eos_token_id", "pad_token_id",
    "use_sliding_window", "sliding_window", "max_window_layers", "layer_types",
)  # fmt: skip
EXPECTED: dict[str, tuple[Any, ...]] = {
    "mm_projector_type": ("mlp2x_gelu",),
    "mm_patch_merge_type": ("spatial_unpad",),
    "mm_vision_select_feature": ("patch", None),
    "mm_resampler_type": (None,),
    "mm_use_im_start_end": (False, None),
    "mm_use_im_patch_token": (False, None),
}
"""Settings -> the values that mean the computation of the class; None: absent or null."""
VISION = "model.vision_tower.vision_tower.vision_model."
RENAMED = (
    (VISION, r"model\.vision_tower\.(vision_model\.)?", "vision_tower.vision_model."),
    ("model.mm_projector.0.", r"model\.multi_modal_projector\.linear_1\.",
     "multi_modal_projector.linear_1."),
    ("model.mm_projector.2.", r"model\.multi_modal_projector\.linear_2\.",
     "multi_modal_projector.linear_2."),
    ("model.image_newline", r"model\.image_newline", "image_newline"),
    ("model.", r"model\.language_model\.", "language_model.model."),
    ("lm_head.", r"lm_head\.", "language_model.lm_head."),
)  # fmt: skip
"""Start of a weight's name in LLaVA-NeXT's code, in the class (a pattern: versions of the library
differ), and in the files of the class's first checkpoints, which every version reads."""
PARTS = {"vision_tower": "vision", "multi_modal_projector": "connector", "image_newline": "newline"}
"""First word of a weight's name -> its part; all others are `language`."""
HEAD, EMBEDDINGS = "lm_head.weight", "model.embed_tokens.weight"
TABLES = re.compile(r"(^|\.)(inv_freq|position_ids)$")
"""Weights that are none: the model computes them, and older versions wrote them."""
FORMATS = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
"""Number formats of safetensors that are copied."""
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Files of weights, the first preferred; in parts beside an index of the name with INDEX."""
INDEX = ".index.json"
PIECE = 1 << 26
"""Bytes that are written at a time."""
NAMED = 8
"""Weights that a message names."""


@dataclass(frozen=True)
class Stored:
    """One weight of a file, not yet read."""

    shape: tuple[int, ...]
    kind: str
    """A row of FORMATS, or what else the file says."""
    read: Callable[[], torch.Tensor]


@dataclass(frozen=True)
class Converted:
    """What was written."""

    folder: Path
    tensors: int
    bytes: int
    """Of weights."""
    dtype: str
    """Number format of the embeddings, which config.json names."""
    parameters: dict[str, int]
    """language, vision, connector, newline -> weights."""
    dropped: tuple[str, ...]
    """Weights of the input that the model does not use."""


def convert(
    source: Path, out: Path, begin: Callable[[int], Callable[[int], None]] | None = None
) -> Converted:
    """Converts a folder of LLaVA-NeXT's code to `out`, which must not be there.

    begin: told how many bytes of weights will be written, gives what is told how many are.
    SuiteError for a folder that is none or lacks something, Unfinished where the disk is full;
    then, or when interrupted, `out` is not there.
    """
    if out.exists():
        raise SuiteError(f"{out} is there already; name a folder that is not, or remove it.")
    settings = _settings(source)
    config = _config(source, settings)
    processor = onevision.processor_of(config, _tokenizer(source, config), str(source))
    with ExitStack() as opened:
        there = _stored(source, opened)
        names, dropped = _names(source, config, there)
        config.dtype = FORMATS[there[EMBEDDINGS].kind]
        with whole(out, str(out.absolute())) as folder:
            folder.mkdir()
            written = {new: there[old] for old, new in names.items()}
            size = sum(_bytes(tensor) for tensor in written.values())
            _write(folder / WEIGHTS[0], written, begin(size) if begin else lambda _: None)
            _describe(folder, source, config, settings, processor)
    parameters = dict.fromkeys(("language", *PARTS.values()), 0)
    for name, tensor in written.items():
        parameters[PARTS.get(name.partition(".")[0], "language")] += _count(tensor)
    kind = str(config.dtype).removeprefix("torch.")
    return Converted(out, len(written), size, kind, parameters, tuple(dropped))


def _settings(source: Path) -> dict[str, Any]:
    """config.json, checked to be of LLaVA-NeXT's code and of the computation that the class has."""
    path = source / "config.json"
    if not path.is_file():
        raise SuiteError(f"{source} has no config.json; name the folder of a LLaVA-NeXT model.")
    try:
        settings = read_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SuiteError(f"{path} cannot be read ({error}); fetch it again.") from error
    kind = settings.get("model_type") if isinstance(settings, dict) else None
    if kind == "llava_onevision":
        raise SuiteError(f"{source} is a transformers folder already: use it as it is.")
    if kind != LLAVA_NEXT:
        raise SuiteError(
            f"{path}: `model_type` is {shown(kind)}; only {LLAVA_NEXT!r} is converted, which "
            "LLaVA-NeXT's code writes with a Qwen3."
        )
    for key, values in EXPECTED.items():
        if (value := settings.get(key)) not in values:
            raise SuiteError(
                f"{path}: `{key}` is {shown(value)}, and only {shown(values[0])} can be converted."
            )
    return dict(settings)


def _config(source: Path, settings: Mapping[str, Any]) -> Any:
    from transformers import Qwen3Config, SiglipVisionConfig

    path = source / "config.json"
    tower = str(settings.get("mm_vision_tower")).rstrip("/").rpartition("/")[2]
    if tower not in TOWERS:
        raise SuiteError(
            f"{path}: `mm_vision_tower` is {shown(settings.get('mm_vision_tower'))}; known: "
            f"{', '.join(TOWERS)}."
        )
    if lacks := [key for key in TEXT if settings.get(key) is None]:
        raise SuiteError(f"{path} has no `{lacks[0]}`; fetch it again from where it comes from.")
    ratio = re.fullmatch(r"anyres_max_(\d+)", str(settings.get("image_aspect_ratio")))
    if ratio is None:
        raise SuiteError(
            f"{path}: `image_aspect_ratio` is {shown(settings.get('image_aspect_ratio'))}, and "
            "only 'anyres_max_N' can be converted."
        )
    own = TOWERS[tower]
    vision = SiglipVisionConfig(
        **own, hidden_act="gelu_pytorch_tanh", layer_norm_eps=1e-6, num_channels=3
    )
    pinpoints = _pinpoints(path, settings.get("image_grid_pinpoints"), own["image_size"])
    given = {key: settings[key] for key in (*TEXT, *TEXT_TOO) if key in settings}
    # LLaVA-NeXT's code takes any scaling of positions away when it loads a model.
    given["rope_scaling"] = None
    try:
        text = Qwen3Config(**given)
    except Exception as error:  # each version of the library checks in its own way
        raise SuiteError(f"{path}: {reason_of(error)}; fetch it again.") from error
    return onevision.config_of(vision, text, pinpoints, int(ratio[1]))


def _pinpoints(path: Path, value: Any, side: int) -> list[list[int]]:
    """Gives resolutions as (height, width) of what LLaVA-NeXT's code reads as (width, height): a
    list, one written as a text, or a range of tiles such as (1x1),...,(6x6)."""
    pairs = value
    if isinstance(value, str):
        ends = [(int(w), int(h)) for w, h in re.findall(r"\((\d+)x(\d+)\)", value)]
        if ends:
            (first_w, first_h), (last_w, last_h) = ends[0], ends[-1]
            pairs = [
                [w * side, h * side]
                for w in range(first_w, last_w + 1)
                for h in range(first_h, last_h + 1)
            ]
        else:
            try:
                pairs = ast.literal_eval(value)
            except (ValueError, SyntaxError):
                pairs = None
    try:
        found = [[int(height), int(width)] for width, height in pairs]
        if not found or any(edge < side or edge % side for pair in found for edge in pair):
            raise ValueError("no tiles")
    except (TypeError, ValueError) as error:
        raise SuiteError(
            f"{path}: `image_grid_pinpoints` is {shown(value)}; it must list widths and heights in "
            f"tiles of {side} pixels."
        ) from error
    return found


def _tokenizer(source: Path, config: Any) -> Any:
    from transformers import AutoTokenizer

    make: Any = AutoTokenizer
    try:  # the configuration, because the library does not know that of the folder
        return make.from_pretrained(str(source), config=config.text_config)
    except Exception as error:  # whatever a folder makes of the library
        raise SuiteError(
            f"The tokenizer of {source} cannot be read: {reason_of(error)}; fetch the whole folder "
            "again."
        ) from error


def _files(source: Path) -> list[Path]:
    """The files of weights."""
    for name in WEIGHTS:
        one, index = source / name, source / f"{name}{INDEX}"
        if one.is_file() and index.is_file():
            raise SuiteError(
                f"{source} holds two models: {name}, and the parts of {index.name}; remove the one "
                "that is not meant."
            )
        if one.is_file():
            return [one]
        if index.is_file():
            try:
                listed = sorted(
                    {str(n) for n in read_json(index.read_bytes())["weight_map"].values()}
                )
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise SuiteError(f"{index} cannot be read; fetch it again.") from error
            if lacks := [part for part in listed if not (source / part).is_file()]:
                raise SuiteError(
                    f"{source} lacks {lacks[0]}, a part of the weights; fetch the whole folder "
                    "again."
                )
            return [source / part for part in listed]
    raise SuiteError(
        f"{source} holds no weights ({' or '.join(WEIGHTS)}, or their parts with an index); fetch "
        "the whole folder again."
    )


def _stored(source: Path, opened: ExitStack) -> dict[str, Stored]:
    """Every weight of the files, by name; the files stay open as long as `opened`."""
    found: dict[str, Stored] = {}
    for path in _files(source):
        try:
            here = dict(_safetensors(path, opened) if path.suffix != ".bin" else _pickled(path))
        except Exception as error:  # whatever damage makes of the libraries
            raise SuiteError(
                f"{path} is cut or damaged ({reason_of(error)}); fetch it again, and run the same "
                "command."
            ) from error
        if twice := sorted(found.keys() & here.keys()):
            raise SuiteError(
                f"{source} holds {twice[0]} twice, the second time in {path.name}; fetch the whole "
                "folder again."
            )
        found |= here
    return found


def _safetensors(path: Path, opened: ExitStack) -> Iterable[tuple[str, Stored]]:
    file = opened.enter_context(safe_open(path, framework="pt"))
    for name in file.keys():  # noqa: SIM118 - it is no mapping
        part = file.get_slice(name)
        yield (
            name,
            Stored(tuple(part.get_shape()), part.get_dtype(), partial(file.get_tensor, name)),
        )


def _pickled(path: Path) -> Iterable[tuple[str, Stored]]:
    """mmap: pages of the file, in memory only while they are read."""
    kinds = {dtype: kind for kind, dtype in FORMATS.items()}
    content = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    for name, tensor in content.items():
        kind = kinds.get(tensor.dtype, str(tensor.dtype))
        yield name, Stored(tuple(tensor.shape), kind, partial(torch.Tensor.contiguous, tensor))


def _names(
    source: Path, config: Any, there: Mapping[str, Stored]
) -> tuple[dict[str, str], list[str]]:
    """Gives name in the input -> name in the output, of all weights of the class, and the names
    that it does not use. SuiteError where one is missing, of another shape, or not known."""
    from transformers import LlavaOnevisionForConditionalGeneration

    with torch.device("meta"):
        model = LlavaOnevisionForConditionalGeneration(config)
    names, shapes = {}, {}
    for own, weight in model.state_dict().items():
        old, new = _renamed(own)
        names[old], shapes[old] = new, tuple(weight.shape)
    if config.tie_word_embeddings:
        del names[HEAD]
    if lacks := [name for name in names if name not in there]:
        raise SuiteError(
            f"{source} lacks {len(lacks):,} weights of a {type(model).__name__}: {_listed(lacks)}; "
            "fetch the whole folder again."
        )
    for name in names:
        if (has := there[name].shape) != shapes[name]:
            raise SuiteError(
                f"{source}: {name} is {_shape(has)}, and config.json makes it "
                f"{_shape(shapes[name])}; take config.json and weights from one model."
            )
        if there[name].kind not in FORMATS:
            raise SuiteError(
                f"{source}: {name} is of the number format {there[name].kind}; only "
                f"{', '.join(FORMATS)} can be converted."
            )
    unused = rf"encoder\.layers\.{config.vision_config.num_hidden_layers}\.|head\."
    rest = sorted(there.keys() - names.keys())
    dropped = [
        n for n in rest if TABLES.search(n) or re.match(re.escape(VISION) + f"({unused})", n)
    ]
    if HEAD in rest and config.tie_word_embeddings:
        if not torch.equal(there[HEAD].read(), there[EMBEDDINGS].read()):
            raise SuiteError(
                f"{source}: {HEAD} differs from {EMBEDDINGS}, and config.json says that they are "
                "one (`tie_word_embeddings`); take config.json and weights from one model."
            )
        dropped.append(HEAD)
    if unknown := sorted(set(rest) - set(dropped)):
        raise SuiteError(
            f"{source} has {len(unknown):,} weights that are not known, and would be lost: "
            f"{_listed(unknown)}; such a model is not converted."
        )
    return names, sorted(dropped)


def _renamed(own: str) -> tuple[str, str]:
    """Name of a weight in the class -> in LLaVA-NeXT's code, and in the file that is written."""
    for old, pattern, new in RENAMED:
        if found := re.match(pattern, own):
            return old + own[found.end() :], new + own[found.end() :]
    raise AssertionError(own)  # a version of the library with other parts


def _listed(names: list[str]) -> str:
    rest = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + rest


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _count(tensor: Stored) -> int:
    return torch.Size(tensor.shape).numel()


def _bytes(tensor: Stored) -> int:
    return _count(tensor) * FORMATS[tensor.kind].itemsize


def _write(path: Path, tensors: Mapping[str, Stored], tell: Callable[[int], None]) -> None:
    """Writes a safetensors file a weight at a time: the length of its head, its head, its data."""
    order = sorted(tensors, key=lambda name: -FORMATS[tensors[name].kind].itemsize)  # aligned
    head: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name in order:
        start, end = end, end + _bytes(tensors[name])
        tensor = tensors[name]
        head[name] = {"dtype": tensor.kind, "shape": tensor.shape, "data_offsets": [start, end]}
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    done = 0
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            data = memoryview(_flat(tensors[name].read()))
            for start in range(0, len(data), PIECE):
                file.write(data[start : start + PIECE])
                tell(done + min(start + PIECE, len(data)))
            done += len(data)


def _flat(tensor: torch.Tensor) -> Any:
    """The bytes of a weight, row by row; of bfloat16, too, which NumPy does not know."""
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy()


def _describe(
    folder: Path, source: Path, config: Any, settings: Mapping[str, Any], processor: Any
) -> None:
    """Writes all that stands beside the weights."""
    from transformers import GenerationConfig

    config.architectures = ["LlavaOnevisionForConditionalGeneration"]
    config.save_pretrained(folder)
    processor.save_pretrained(folder)
    words = processor.tokenizer.get_vocab()
    ends = [words[mark] for mark in (onevision.END, "<|endoftext|>") if mark in words]
    make: Any = GenerationConfig
    make(eos_token_id=ends, pad_token_id=ends[-1]).save_pretrained(folder)
    rates = {key: settings[key] for key in sorted(settings) if re.fullmatch(r"mm_\w*lr", key)}
    told = f" Rates of its training there: `{json.dumps(rates)}`." if rates else ""
    (folder / "README.md").write_text(
        f"# {source.absolute().name}\n\nConverted from LLaVA-NeXT's format (SigLIP, two-layer "
        f"connector, Qwen3) by `downscale convert-llava`; weights as they were.{told} The licence "
        "is that of the original: see its model card.\n",
        encoding="utf-8",
    )
