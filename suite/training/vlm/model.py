"""The model of real sizes: a SigLIP tower, a two-layer connector and a language model as one
LLaVA-OneVision, its processor, and which of its parts are trained.

In: folders (or repositories) of a SigLIP and a language model. Out: model and processor.
"""

from __future__ import annotations

from typing import Any

import torch

from suite.errors import SuiteError, reason_of, shown
from suite.models.transformers import onevision
from suite.training.vlm.recipe import PARTS, RealRecipe, Stage
from suite.training.vlm.tiles import Scheme

NAMES = {"multi_modal_projector": "connector", "vision_tower": "vision"}
"""What a weight's name holds -> its part; all others are `language`."""


def part_of(name: str) -> str:
    """Gives the part that a weight belongs to, by its name."""
    return next((part for word, part in NAMES.items() if word in name), PARTS[-1])


def config_of(recipe: RealRecipe, size: str, *, fetch: bool = True) -> Any:
    """Gives the whole model's configuration, as its parts have it on disk or on the Hub.

    fetch: False takes what the recipe says of a part that is not on disk, which counts weights and
    is otherwise not whole. SuiteError for a part that is none, or other than the recipe says.
    """
    vision = _part_config(
        recipe, recipe.vision.model, recipe.vision.config, "siglip_vision_model", fetch
    )
    if recipe.vision.layers is not None:
        if recipe.vision.layers > vision.num_hidden_layers:
            raise SuiteError(
                f"Recipe {recipe.recipe!r} keeps {recipe.vision.layers} layers of an encoder that "
                f"has {vision.num_hidden_layers}; lower `vision.layers`."
            )
        vision.num_hidden_layers = recipe.vision.layers
    spec = recipe.sizes[size]
    text = _part_config(recipe, spec.text, spec.config, "qwen3", fetch)
    scheme = scheme_of(recipe, vision)
    return onevision.config_of(vision, text, scheme.pinpoints, recipe.most_tiles)


def scheme_of(recipe: RealRecipe, vision: Any) -> Scheme:
    """Gives how the recipe makes tokens of images."""
    patches = vision.image_size // vision.patch_size
    return Scheme(vision.image_size, patches, recipe.tiles, recipe.most_tiles)


def _part_config(
    recipe: RealRecipe, name: str, given: dict[str, Any] | None, kind: str, fetch: bool
) -> Any:
    from transformers import AutoConfig

    place = recipe.place(name)
    where = f"Recipe {recipe.recipe!r}: the model {name}"
    if place is not None and not (place / "config.json").is_file():
        raise SuiteError(f"{where} is no folder with a config.json; check the path {place}.")
    if place is None and given is not None and not fetch:
        return AutoConfig.for_model(kind, **given)
    try:
        found = AutoConfig.from_pretrained(str(place or name))
    except Exception as error:  # whatever a file or the network makes of the library
        raise SuiteError(f"{where} cannot be read: {reason_of(error)}.") from error
    if kind == "siglip_vision_model":
        found = getattr(found, "vision_config", found)
    if found.model_type != kind:
        raise SuiteError(f"{where} is of the kind {found.model_type!r}; a {kind!r} is needed.")
    for key, value in (given or {}).items():
        if (has := getattr(found, key, None)) != value:
            raise SuiteError(
                f"{where} has {key} {shown(has)}, and the recipe says {shown(value)}; name the "
                "checkpoint that the recipe is for, or change its `config`."
            )
    return found


def initial(recipe: RealRecipe, size: str, seed: int) -> tuple[Any, Any]:
    """Makes the model of a size from its encoder and language model, with a random connector, and
    its processor. The parts are taken, not copied: there is one of each in memory."""
    from transformers import LlavaOnevisionForConditionalGeneration

    config = config_of(recipe, size)
    text, tokenizer = _language(recipe, recipe.sizes[size].text)
    vision = _vision(recipe, config.vision_config)
    processor = onevision.processor_of(config, tokenizer, recipe.sizes[size].text)
    torch.manual_seed(seed)
    with torch.device("meta"):
        model = LlavaOnevisionForConditionalGeneration(config)
    width = config.text_config.hidden_size
    inner = model.model
    inner.language_model, inner.vision_tower, model.lm_head = text.model, vision, text.lm_head
    inner.multi_modal_projector.to_empty(device="cpu")
    for linear in (inner.multi_modal_projector.linear_1, inner.multi_modal_projector.linear_2):
        linear.reset_parameters()  # torch's own, as LLaVA-NeXT's connector starts
    inner.image_newline = torch.nn.Parameter(torch.randn(width) / width**0.5)
    model.generation_config = text.generation_config
    return model, processor


def _language(recipe: RealRecipe, name: str) -> tuple[Any, Any]:
    from suite.models.spec import ModelSpec
    from suite.models.transformers import loading

    place = recipe.place(name)
    spec = ModelSpec(path=place) if place is not None else ModelSpec(repo=name)
    loaded = loading.load(spec, "text", "cpu", "float32", None)
    loaded.model.get_input_embeddings()._forward_pre_hooks.clear()  # a look at prompts
    return loaded.model, loaded.tokenizer


def check_tokenizer(recipe: RealRecipe, size: str) -> None:
    """Raises SuiteError for a language model whose tokenizer cannot be trained with."""
    from transformers import AutoTokenizer

    name = recipe.sizes[size].text
    try:
        make: Any = AutoTokenizer
        tokenizer = make.from_pretrained(str(recipe.place(name) or name))
    except Exception as error:  # whatever a file or the network makes of the library
        raise SuiteError(
            f"Recipe {recipe.recipe!r}: the tokenizer of {name} cannot be read: {reason_of(error)}."
        ) from error
    onevision.processor_of(config_of(recipe, size), tokenizer, name)


def _vision(recipe: RealRecipe, config: Any) -> Any:
    from transformers import SiglipVisionModel

    from suite.models.transformers.loading import quiet

    source = str(recipe.place(recipe.vision.model) or recipe.vision.model)
    try:
        with quiet():  # it lists the layers that are left out
            make: Any = SiglipVisionModel
            model, report = make.from_pretrained(
                source, config=config, dtype=torch.float32, output_loading_info=True,
                use_safetensors=True,
            )  # fmt: skip
    except Exception as error:
        raise SuiteError(f"The encoder {source} cannot be loaded: {reason_of(error)}.") from error
    if missing := sorted(report["missing_keys"]):
        raise SuiteError(
            f"The encoder {source} lacks {len(missing)} weights of SiglipVisionModel, such as "
            f"{missing[0]}; take config.json and weights from one checkpoint."
        )
    return model


def prepare(model: Any, stage: Stage) -> None:
    """Freezes what a stage does not train, and sets how it makes tokens of images."""
    inner = model.model
    tiled = stage.images == "anyres"
    # Features are those before the encoder's last norm, and only tiles have ends of rows. What no
    # gradient reaches has no state in the optimizer, and a sharded checkpoint of it is not read.
    idle = ("post_layernorm",) if tiled else ("post_layernorm", "image_newline")
    for name, weight in model.named_parameters():
        trained = part_of(name) in stage.rates and not any(word in name for word in idle)
        weight.requires_grad_(trained)
    of_class = type(inner).get_image_features.__get__(inner)

    def get_image_features(pixel_values: Any, image_sizes: Any, **settings: Any) -> Any:
        none = not image_sizes.any()
        if tiled and not none:
            return of_class(pixel_values, image_sizes, **settings)
        seen = inner.vision_tower(pixel_values, output_hidden_states=True, return_dict=True)
        features = inner.multi_modal_projector(seen.hidden_states[-1])
        # Of an empty image no token is left, but a gradient (of 0) for every part of its way.
        end = inner.image_newline[None, None].expand(len(features), -1, -1)
        seen.pooler_output = [*torch.cat((features, end), 1)[:, :0]] if none else [*features]
        return seen

    inner.get_image_features = get_image_features
