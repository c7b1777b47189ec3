"""The micro family's models, of the true classes at small sizes.

In: a `Shape` (width, depth, heads) and the vocabulary's size. Out: `Qwen3ForCausalLM`,
`SiglipVisionModel` and `LlavaForConditionalGeneration` (SigLIP, two-layer connector, Qwen3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Shape:
    """Size of a text model."""

    width: int
    layers: int
    heads: int
    head_dim: int


def text_model(shape: Shape, vocabulary: int, tokens: dict[str, int], seed: int) -> Any:
    """Makes a Qwen3 language model with random weights; `tokens` holds pad and eos ids."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=shape.width,
        intermediate_size=3 * shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        head_dim=shape.head_dim,
        max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=True,
        initializer_range=0.05,
        pad_token_id=tokens["pad"],
        eos_token_id=tokens["eos"],
        bos_token_id=None,
        use_cache=False,
    )
    return Qwen3ForCausalLM(config)


def vision_model(side: int, patch: int, width: int, layers: int, seed: int) -> Any:
    """Makes a SigLIP vision tower without its pooling head, random weights."""
    from transformers import SiglipVisionConfig, SiglipVisionModel

    torch.manual_seed(seed)
    config = SiglipVisionConfig(
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        image_size=side,
        patch_size=patch,
        vision_use_head=False,
    )
    return SiglipVisionModel(config)


def llava_model(text: Any, vision: Any, image_token: int, statistics: tuple[Tensor, Tensor],
                seed: int) -> Any:  # fmt: skip
    """Makes a LLaVA whose language model and vision tower are copies of those given.

    `statistics` are mean (d,) and covariance (d, d) of the tower's output: the connector's first
    layer starts as a random projection of *whitened* features, since a SigLIP tower's raw output
    has one direction with a thousand times the median variance.
    """
    from transformers import LlavaConfig, LlavaForConditionalGeneration

    torch.manual_seed(seed)
    config = LlavaConfig(
        vision_config=vision.config,
        text_config=text.config,
        image_token_index=image_token,
        projector_hidden_act="gelu",
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        image_seq_length=(vision.config.image_size // vision.config.patch_size) ** 2,
        multimodal_projector_bias=True,
        tie_word_embeddings=True,
    )
    model = LlavaForConditionalGeneration(config)
    model.model.language_model.load_state_dict(text.model.state_dict())
    model.model.vision_tower.load_state_dict(vision.state_dict())
    model.tie_weights()
    mean, covariance = statistics
    values, vectors = torch.linalg.eigh(covariance.double())
    whiten = vectors @ torch.diag((values.clamp_min(0) + 1e-4 * values.max()).rsqrt()) @ vectors.T
    first = model.model.multi_modal_projector.linear_1
    with torch.no_grad():
        project = torch.randn(first.out_features, len(mean), dtype=torch.double)
        weight = project @ whiten / len(mean) ** 0.5
        first.weight.copy_(weight)
        first.bias.copy_(-weight @ mean.double())
    return model


class Probe(nn.Module):
    """A vision tower with linear readers on every patch: how the encoder is pre-trained.

    `labels` (batch, patches, fields) holds class indices, -100 where a field does not apply;
    fields and their class counts are `fields`. `boxes` (batch, patches, 4) are offsets in [0, 1],
    read where the first field says that the patch's cell is taken.
    """

    def __init__(self, tower: Any, fields: dict[str, int]) -> None:
        super().__init__()
        self.tower = tower
        self.fields = fields
        width = tower.config.hidden_size
        self.readers = nn.ModuleDict({k: nn.Linear(width, n) for k, n in fields.items()})
        self.corners = nn.Linear(width, 4)

    def forward(self, pixel_values: Tensor, labels: Tensor, boxes: Tensor) -> dict[str, Tensor]:
        """Gives the summed cross-entropy of all fields and the squared error of the boxes."""
        features = self.tower(pixel_values=pixel_values).last_hidden_state
        loss = features.new_zeros(())
        right = []
        for i, name in enumerate(self.fields):
            logits = self.readers[name](features)
            target = labels[..., i]
            loss = loss + nn.functional.cross_entropy(
                logits.flatten(0, 1), target.flatten(), ignore_index=-100
            )
            seen = (target != -100).sum().clamp_min(1)
            right.append((logits.argmax(-1) == target).sum() / seen)
        taken = labels[..., 0] > 0
        error = (self.corners(features) - boxes)[taken]
        loss = loss + 4 * (error**2).mean()
        return {"loss": loss, "accuracy": torch.stack(right)}
