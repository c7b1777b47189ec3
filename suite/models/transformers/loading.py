"""Loads a checkpoint: model, tokenizer or processor, on a device, in a number format.

In: a ModelSpec. Out: a Loaded. Safetensors or GGUF only; code inside a repository runs only where
the spec says so. Whatever goes wrong is one sentence that names the checkpoint and the remedy.
"""

from __future__ import annotations

import importlib.util
import inspect
import io
import logging
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import AttentionInterface, GenerationConfig
from transformers.integrations import sdpa_attention
from transformers.utils.peft_utils import find_adapter_config_file

from suite.errors import SuiteError, nearest, reason_of
from suite.models.fingerprint import CODE, TEMPLATE, check_code, check_format, holds_adapter
from suite.models.fingerprint import commit as commit_of
from suite.models.spec import ModelSpec


class BadRequest(Exception):
    """One request cannot be asked; the text says why. The others of its batch go on."""


@dataclass(frozen=True)
class Loaded:
    """A model that is ready to answer."""

    model: Any
    tokenizer: Any
    processor: Any
    """None for a text model."""
    device: torch.device
    context: int
    """Most tokens of prompt and answer together."""
    end_ids: tuple[int, ...]
    """Tokens that end an answer."""
    params: int
    """All parameters, vision encoder included."""
    thinks: Mapping[str, Any] = field(default_factory=dict)
    """What the family says of its thinking (`ModelSpec.thinks`)."""


def load(spec: ModelSpec, role: str, device: str, dtype: str, commit: str | None) -> Loaded:
    """Loads the model of `spec` from its path, or from the Hub at `commit`.

    role: `text` or `vlm`. dtype: a torch dtype's name. Raises SuiteError for whatever fails.
    """
    _check_device(device)
    placed = placement(spec, device, dtype)
    if spec.gguf_file is not None:
        _check_gguf(role)
    try:
        with quiet():
            model, tokenizer, processor = _read(spec, role, dtype, commit, placed)
    except SafetensorError as error:
        raise SuiteError(
            f"The {role} model {spec.source} cannot be loaded: its file {_damaged(spec)} is cut or "
            f"damaged ({error}); copy or fetch it again, and run the same command."
        ) from error
    except (SuiteError, MemoryError):
        raise
    except Exception as error:  # whatever a checkpoint's files make of the library
        check_format(spec, commit)  # of a repository that was fetched only now
        remedy = "take all its files from one checkpoint, of a kind that transformers knows"
        if isinstance(error, ImportError):
            remedy = "`downscale doctor` shows what this machine lacks"
        raise SuiteError(
            f"The {role} model {spec.source} cannot be loaded: {reason_of(error)}; {remedy}."
        ) from error
    model = (model if placed else model.to(torch.device(device))).eval()
    if torch.device(device).type == "cuda":
        for_cuda(model)
    known = _known_ids(model, tokenizer)
    pad = tokenizer.pad_token_id
    # Any that the model knows will do, as padding is masked; but NaN times nothing is NaN, and a
    # row would fail beside longer ones alone.
    if pad is None or pad >= known or not _finite(model, pad):
        tokenizer.pad_token = tokenizer.eos_token
    end_ids = _end_ids(model, tokenizer)
    # The study says how to decode. The library would fill what it leaves open from the checkpoint's
    # own settings: a kind of cache or stop strings there are errors of every request.
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        eos_token_id=list(end_ids) or None, pad_token_id=tokenizer.pad_token_id
    )
    return Loaded(
        model=model,
        tokenizer=tokenizer,
        processor=processor,
        device=torch.device(device),
        context=_context(model, tokenizer),
        end_ids=end_ids,
        params=model.num_parameters(),
        thinks=spec.thinks,
    )


def for_cuda(model: Any) -> None:
    """Sets a model up for steps of one token a row, of which a GPU runs hundreds of small kernels.

    cuDNN's attention makes a plan for every new shape (45 ms), and each step is one. The library
    before 5.24 copies keys and values once per query head at each masked step, a third of a GPU's
    time. And its norms are eight kernels where torch has one.
    """
    torch.backends.cuda.enable_cudnn_sdp(False)
    fuse_norms(model)
    if not hasattr(sdpa_attention, "pack_gqa"):
        AttentionInterface.register("sdpa", grouped_attention)


def fuse_norms(model: Any) -> int:
    """Puts torch's RMS norm in the place of each of a model's own that gives the same, within the
    rounding of its number format; gives how many they were."""
    fused = 0
    for module in model.modules():
        weight = getattr(module, "weight", None)
        eps = getattr(module, "variance_epsilon", getattr(module, "eps", None))
        if not type(module).__name__.endswith("RMSNorm") or weight is None or eps is None:
            continue
        if hasattr(module, "_hf_hook"):  # accelerate's, which may have its weights elsewhere
            continue
        own = partial(_norm, module, eps)
        given = torch.linspace(-3, 2, 4 * weight.numel(), device=weight.device).to(weight.dtype)
        with torch.inference_mode():
            want, got = (f(given.view(4, *weight.shape)).float() for f in (module.forward, own))
        if torch.allclose(got, want, rtol=2 * torch.finfo(weight.dtype).eps, atol=1e-6):
            module.forward, fused = own, fused + 1
    return fused


def _norm(module: Any, eps: float, hidden: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.rms_norm(hidden, module.weight.shape, module.weight, eps)


def grouped_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Gives what the library's `sdpa_attention_forward` gives, and takes what it takes.

    For one new token a row the query heads that share keys go together as if they were tokens, so
    that no key is copied.
    """
    rows, heads, tokens, size = query.shape
    shared = attention_mask is None or attention_mask.shape[1] == 1
    special = any(kwargs.get(name) is not None for name in ("softcap", "position_bias"))
    if tokens > 1 or not shared or special or heads == key.shape[1]:
        found: tuple[torch.Tensor, None] = sdpa_attention.sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **kwargs
        )
        return found
    groups = query.reshape(rows, key.shape[1], -1, size)
    out = torch.nn.functional.scaled_dot_product_attention(
        groups, key, value, attn_mask=attention_mask, scale=scaling
    )
    return out.reshape(rows, 1, heads, value.shape[-1]), None


def placement(spec: ModelSpec, device: str, dtype: str) -> dict[str, Any]:
    """Gives what the library is told of where the weights go and in which numbers they are kept;
    nothing where the whole model goes to one device as it is.

    Numbers of 4 bits are NF4, computed with in `dtype`. SuiteError where that cannot be done here.
    """
    given: dict[str, Any] = {}
    if spec.device_map is not None:
        key = f"`device_map: {spec.device_map}` of {spec.source}"
        _check_package(key, "accelerate", "accelerate")
        if device not in ("cuda", "cuda:0"):
            raise SuiteError(
                f"{key} spreads its layers over all CUDA cards that are here, and --device "
                f"{device} is not these; leave `device_map` out, or run with --device cuda (which "
                "cards, CUDA_VISIBLE_DEVICES says)."
            )
        given["device_map"] = spec.device_map
    if spec.quantization is not None:
        from transformers import BitsAndBytesConfig

        key = f"`quantization: {spec.quantization}` of {spec.source}"
        if spec.gguf_file is not None:
            raise SuiteError(f"{key}: a GGUF file says its own numbers; leave `quantization` out.")
        _check_package(key, "bitsandbytes", '"downscaling-suite[bitsandbytes]"')
        _check_quantization(key, torch.device(device).type)
        bits = {"load_in_8bit": True}
        if spec.quantization == "4bit":
            kind = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": getattr(torch, dtype)}
            bits = {"load_in_4bit": True, **kind}
        given["quantization_config"] = BitsAndBytesConfig(**bits)  # type: ignore[no-untyped-call]
        given.setdefault("device_map", {"": device})
    return given


def _check_package(key: str, package: str, asked: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise SuiteError(
            f"{key} needs the package {package}; install it with `pip install {asked}`."
        )


def _check_quantization(key: str, device: str) -> None:
    """SuiteError where bitsandbytes does not run on this kind of device."""
    import bitsandbytes

    known = sorted(getattr(bitsandbytes, "supported_torch_devices", {"cuda"}))
    if device not in known:
        raise SuiteError(
            f"{key} is computed by bitsandbytes {bitsandbytes.__version__}, which knows "
            f"{', '.join(known)} and not {device}; choose another device with --device, or leave "
            "`quantization` out."
        )


def _read(
    spec: ModelSpec, role: str, dtype: str, commit: str | None, placed: Mapping[str, Any]
) -> tuple[Any, Any, Any]:
    """(model, tokenizer, processor or None), from safetensors or GGUF only."""
    from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer

    source = str(spec.path) if spec.path is not None else str(spec.repo)
    common: dict[str, Any] = {"trust_remote_code": spec.trust_remote_code}
    if spec.path is None:
        common["revision"] = commit
        if find_adapter_config_file(source, revision=commit):
            raise SuiteError(holds_adapter(f"Model {source}"))
        if spec.trust_remote_code:
            found = {name: _fetched(source, name, commit) for name in CODE}
            check_code(f"Model {source}", {n: Path(path) for n, path in found.items() if path})
    weights: dict[str, Any] = {"use_safetensors": True, "ignore_mismatched_sizes": True}
    if spec.gguf_file is not None:
        common["gguf_file"], weights = spec.gguf_file, {}
    kind, sees, config = _kind(source, role, common)
    processor: Any = None
    if sees:
        reader: Any = AutoProcessor
        backend = {k: v for k, v in spec.settings.items() if k == "backend"}
        settings = {k: v for k, v in spec.settings.items() if k != "backend"}
        processor = reader.from_pretrained(source, **common, **settings)
        if backend and hasattr(processor, "image_processor"):  # not of videos, which have but one
            images: Any = AutoImageProcessor
            given = {**common, **settings, **backend}
            processor.image_processor = images.from_pretrained(source, **given)
        if not hasattr(processor, "image_processor"):
            raise ValueError("it has no image processor, so it is a text model")
        tokenizer = processor.tokenizer
    else:
        tokenizer = AutoTokenizer.from_pretrained(source, **common)
    _check_settings(spec, processor)
    if (template := _template_beside(spec)) is not None:
        for owner in (tokenizer, processor):
            if owner is not None:
                owner.chat_template = template
    weights |= {"dtype": getattr(torch, dtype), "output_loading_info": True, **placed}
    model, report = kind.from_pretrained(source, **common, **weights)
    # The library fills what a checkpoint lacks with random numbers, drops what it has no place for,
    # and goes on.
    sizes = [
        f"{name} ({' x '.join(map(str, has))} for {' x '.join(map(str, needs))})"
        for name, has, needs in sorted(report["mismatched_keys"])
    ]
    rest = _left_over(model, config, report["unexpected_keys"])
    for names, what in (
        (sorted(report["missing_keys"]), "lacks {} weights of"),
        (sizes, "has {} weights of other sizes than"),
        (rest, "has {} weights more than"),
    ):
        if names:
            raise SuiteError(
                f"The {role} model {source} cannot be loaded: its file {what.format(len(names))} "
                f"{type(model).__name__}, such as {names[0]}; take config.json and weights from "
                "one checkpoint."
            )
    return model, tokenizer, processor


def _template_beside(spec: ModelSpec) -> str | None:
    """The chat template that the family names, else the one beside a GGUF file, which the library
    does not look for."""
    path = spec.chat_template
    if path is None and spec.gguf_file is not None and spec.path is not None:
        path = spec.path / TEMPLATE
        path = path if path.is_file() else None
    return None if path is None else path.read_text(encoding="utf-8")


def _left_over(model: Any, config: Any, unexpected: Iterable[str]) -> list[str]:
    """Weights of a file that the model should have taken, sorted.

    Not those that its class declares (`_keys_to_ignore_on_load_unexpected`, which the library has
    left out), nor tables that a model computes and older files hold, nor the eyes of a checkpoint
    that sees, of which a text model was made.
    """
    computed = {name for name, _ in model.named_buffers()} - set(model.state_dict())
    tables = {name.rpartition(".")[2] for name in computed}
    rest = {name for name in unexpected if name.rpartition(".")[2] not in tables}
    if type(model.config) is not type(config):
        parts = (name.split(".") for name, _ in model.named_modules())
        own = {names[-1] for names in parts if len(names) < 3}
        wrappers = r"^((model|language_model|text_model)\.)*"
        rest = {name for name in rest if re.sub(wrappers, "", name).partition(".")[0] in own}
    return sorted(rest)


def _fetched(repo: str, name: str, commit: str | None) -> str | None:
    """Where a file of a repository lies on this machine, None where it has none."""
    from transformers.utils.hub import cached_file

    lenient = dict.fromkeys(("missing_entries", "gated_repo", "connection_errors"), False)
    lenient = {f"_raise_exceptions_for_{what}": no for what, no in lenient.items()}
    found: str | None = cached_file(repo, name, revision=commit, **lenient)
    return found


def _kind(source: str, role: str, common: dict[str, Any]) -> tuple[Any, bool, Any]:
    """The auto class of a checkpoint, whether it is asked as one that sees, and its configuration.

    A vision-language checkpoint as a reasoner is asked through its own processor, whose chat
    template may know no other form of a message, and is shown no image.
    """
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
        MODEL_FOR_MULTIMODAL_LM_MAPPING,
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForImageTextToText,
        AutoModelForMultimodalLM,
    )

    config = AutoConfig.from_pretrained(source, **common)
    own_code = bool(getattr(config, "auto_map", None))  # it names its classes itself
    eyes: Any = AutoModelForImageTextToText
    sees = type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    if not sees and type(config) in MODEL_FOR_MULTIMODAL_LM_MAPPING:  # it hears, and may see
        eyes, sees = AutoModelForMultimodalLM, True
    speaks = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING
    if not (sees or own_code or (speaks and role == "text")):
        what = "text model" if role == "text" else "vision-language model"
        raise SuiteError(
            f"The {role} model {source} is of the kind {config.model_type!r}, which is no {what}; "
            "name another checkpoint in the family file."
        )
    if role == "vlm" or (sees and not speaks):
        return eyes, True, config
    return AutoModelForCausalLM, False, config


def tokenizer_of(spec: ModelSpec) -> Any:
    """Gives the tokenizer of a checkpoint alone. SuiteError for one that is not there."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    settings: dict[str, Any] = {"trust_remote_code": spec.trust_remote_code}
    if spec.gguf_file is not None:
        settings["gguf_file"] = spec.gguf_file
    if spec.path is None:
        settings["revision"] = commit_of(spec)
    try:
        with quiet():
            # A tokenizer alone says nothing of the model that it is for.
            if spec.path is not None and not (spec.path / "config.json").is_file():
                return PreTrainedTokenizerFast.from_pretrained(str(spec.path))
            return AutoTokenizer.from_pretrained(str(spec.path or spec.repo), **settings)
    except Exception as error:  # whatever a checkpoint's files make of the library
        raise SuiteError(
            f"The tokenizer of {spec.source} cannot be loaded: {reason_of(error)}."
        ) from error


def _check_settings(spec: ModelSpec, processor: Any) -> None:
    """A setting that no part of the processor has would be dropped without a word."""
    name = type(processor).__name__ if processor is not None else "a text model"
    known = _settings(processor)
    for key in spec.settings:
        if key not in known:
            raise SuiteError(
                f"The family gives {spec.source} the setting `processor: {{{key}: ...}}`, which "
                f"{name} does not have{nearest(key, sorted(known))}."
            )
    # It chooses the class, and the library takes another where it has none of that name.
    wanted = spec.settings.get("backend")
    if wanted is not None and (found := processor.image_processor.backend) != wanted:
        raise SuiteError(
            f"The family gives {spec.source} the setting `processor: {{backend: {wanted}}}`, and "
            f"{name} has its images resized by {found}; say that, pil or torchvision, or install "
            "what it needs."
        )


def _settings(processor: Any) -> set[str]:
    """Names that a processor and its image processor take."""
    if processor is None:
        return set()
    images = processor.image_processor
    names = {"chat_template", *vars(images), *vars(processor)}
    names |= {"backend"} if hasattr(images, "backend") else set()
    for owner in (type(images), type(processor)):
        names |= set(inspect.signature(owner.__init__).parameters)
    for kind in getattr(type(images), "valid_kwargs", object).__mro__:
        names |= set(getattr(kind, "__annotations__", {}))
    parts = {"self", "args", "kwargs", "tokenizer", "image_processor", "video_processor"}
    return {name for name in names - parts if not name.startswith("_")}


def _damaged(spec: ModelSpec) -> str:
    """The first safetensors file of a local folder that cannot be opened, for a sentence."""
    for path in sorted(spec.path.glob("*.safetensors")) if spec.path is not None else ():
        try:
            with safe_open(path, framework="pt"):
                pass
        except (SafetensorError, OSError):
            return str(path)
    return "of weights"


def _check_device(device: str) -> None:
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = reason_of(error)
        raise SuiteError(
            f"Device {device} cannot be used ({reason}); choose another with --device, such as cpu."
        ) from error


def _check_gguf(role: str) -> None:
    if role == "vlm":
        raise SuiteError("A GGUF file can be read for text models only; give a safetensors folder.")
    try:
        import gguf  # noqa: F401
    except ImportError as error:
        raise SuiteError(
            "Reading a GGUF file needs the package gguf; install it with "
            '`pip install "downscaling-suite[gguf]"`.'
        ) from error


def _known_ids(model: Any, tokenizer: Any) -> int:
    """How many tokens the model knows. From here on a prompt with any other is a BadRequest, before
    the look-up itself, which names nothing on a CPU and ends all work on a GPU.

    It looks at what a model looks up: many put another id, or an image, in an image token's place.
    """
    embedding = model.get_input_embeddings()
    if not isinstance(embedding, torch.nn.Embedding):  # code that comes with a checkpoint
        return len(tokenizer)

    def check(_: Any, given: tuple[torch.Tensor, ...]) -> None:
        # Prompts alone, which have several tokens: on a GPU a look at every step would wait for it.
        if given and given[0].shape[-1] > 1 and (top := int(given[0].max())) >= known:
            raise BadRequest(
                f"The prompt holds token {top} ({tokenizer.convert_ids_to_tokens(top)!r}), and the "
                f"model {model.name_or_path} knows {known} tokens, 0 to {known - 1}; give it the "
                "tokenizer and processor that it was trained with."
            )

    known = int(embedding.num_embeddings)
    embedding.register_forward_pre_hook(check)
    return known


def _finite(model: Any, token: int) -> bool:
    """Whether the model knows a token by numbers."""
    weight = getattr(model.get_input_embeddings(), "weight", None)
    return weight is None or weight.is_meta or bool(torch.isfinite(weight[token]).all())


def _context(model: Any, tokenizer: Any) -> int:
    text = model.config.get_text_config(decoder=True)
    limit = getattr(text, "max_position_embeddings", None) or tokenizer.model_max_length
    return int(min(limit, 1 << 20))


def _end_ids(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """What the checkpoint's generation settings and its tokenizer call the end, together."""
    settings = getattr(model, "generation_config", None)
    ids = getattr(settings, "eos_token_id", None)
    listed = ids if isinstance(ids, (list, tuple)) else [ids]
    return tuple(sorted({int(n) for n in (*listed, tokenizer.eos_token_id) if n is not None}))


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps the library's own bars and advice off stderr while a model loads."""
    from transformers.utils import logging as library

    bars = library.is_progress_bar_enabled()
    level = library.get_verbosity()
    library.disable_progress_bar()  # type: ignore[no-untyped-call]
    library.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        library.set_verbosity(level)
        if bars:
            library.enable_progress_bar()  # type: ignore[no-untyped-call]
