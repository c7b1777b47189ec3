"""What a recipe of real sizes would cost: nothing is fetched, no weight is made.

In: a RealRecipe, a card, how many, and the share of its speed that training reaches. Out: a row per
stage and size: parameters, rows, steps, tokens, memory of a card, hours. What a stage reads where
its data are not on this machine is what the recipe says of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any

from suite.errors import SuiteError, nearest
from suite.training.vlm import data, model
from suite.training.vlm.recipe import PARTS, RealRecipe, Stage
from suite.training.vlm.tiles import Scheme

MFU = 0.35
"""Share of a card's peak that the useful operations reach; 0.3 to 0.5 is usual for models of these
sizes, and computing activations again (which is not counted as useful) lowers it."""
FORWARD, ACTIVATIONS, WEIGHTS = 2, 2, 2
"""Operations a weight and token: forward, gradient of activations, gradient of weights. Together
the 6 N D of Kaplan et al. (arXiv:2001.08361); a frozen part has no third, one that nothing trained
lies below no second."""
HELD, FROZEN = 4 + 4 + 8, 4
"""Bytes of a trained weight: itself and its gradient in float32, two moments of AdamW; and of one
that is not trained."""
LOOKED_AT = 256
"""Rows of a file whose lengths a plan looks at, evenly spaced."""
PER_WORD = 4 / 3
"""Tokens a word of English, about."""


@dataclass(frozen=True)
class Card:
    """A GPU: dense bfloat16 operations a second, without sparsity, and memory in bytes."""

    peak: float
    memory: float


CARDS = {  # the makers' data sheets; where they give a number with sparsity, half of it
    "a100": Card(312e12, 80e9),  # NVIDIA A100 80GB: 312 TFLOPS (624 with sparsity)
    "h100": Card(989.4e12, 80e9),  # NVIDIA H100 SXM: 1,979 TFLOPS with sparsity
    "h200": Card(989.4e12, 141e9),  # NVIDIA H200 SXM: 1,979 TFLOPS with sparsity
    "l40s": Card(362.05e12, 48e9),  # NVIDIA L40S: 733 TFLOPS with sparsity
    "rtx4090": Card(165.2e12, 24e9),  # NVIDIA Ada whitepaper: 165.2 TFLOPS, float32 accumulate
    "mi300x": Card(1307.4e12, 192e9),  # AMD Instinct MI300X: 1,307.4 TFLOPS
}


@dataclass(frozen=True)
class Reading:
    """What the rows of a stage hold, on average."""

    images: float
    """Tokens of images."""
    text: float
    """Tokens of text."""
    crops: float
    """Crops that the encoder reads."""

    @property
    def tokens(self) -> float:
        """Tokens that the language model reads."""
        return self.images + self.text


def plan(
    recipe: RealRecipe,
    sizes: Sequence[str],
    stages: Sequence[Stage],
    *,
    card: str = "h100",
    cards: int = 1,
    mfu: float = MFU,
) -> dict[str, Any]:
    """Gives recipe, card, assumptions and a row per stage and size, all of plain values.

    Raises SuiteError for an unknown card, and where neither a file nor the recipe tells how many
    rows a stage has.
    """
    if card not in CARDS:
        raise SuiteError(f"No card is called {card!r}{nearest(card, CARDS)}.")
    counted = {size: parameters(recipe, size) for size in sizes}
    scheme = model.scheme_of(recipe, counted[sizes[0]][1].vision_config)
    read = {stage.name: reading(recipe, stage, scheme) for stage in stages}
    return {
        "recipe": recipe.recipe,
        "card": {"name": card, **asdict(CARDS[card]), "cards": cards},
        "assumed": {"mfu": mfu, "bytes_trained": HELD, "bytes_frozen": FROZEN},
        "stages": [
            _row(recipe, size, stage, counted[size], read[stage.name], (CARDS[card], cards, mfu))
            for size in sizes
            for stage in stages
        ],
    }


def parameters(recipe: RealRecipe, size: str) -> tuple[dict[str, int], Any]:
    """Counts the weights of each part, a tied head once, on the meta device; and gives the whole
    model's configuration."""
    import torch
    from transformers import LlavaOnevisionForConditionalGeneration

    config = model.config_of(recipe, size, fetch=False)
    with torch.device("meta"):
        net = LlavaOnevisionForConditionalGeneration(config)
    counts = dict.fromkeys(PARTS, 0)
    for name, weight in net.named_parameters():
        counts[model.part_of(name)] += weight.numel()
    return counts, config


def _row(
    recipe: RealRecipe,
    size: str,
    stage: Stage,
    counted: tuple[dict[str, int], Any],
    read: tuple[int, Reading],
    machine: tuple[Card, int, float],
) -> dict[str, Any]:
    (counts, config), (rows, held), (card, cards, mfu) = counted, read, machine
    steps = data.steps_of(stage, rows)
    memory = memory_of(stage, counts, config, held, cards)
    operations = steps * stage.batch * operations_of_row(stage, counts, config, held)
    hours = operations / (card.peak * mfu) / 3600
    return {
        "stage": stage.name,
        "size": size,
        "parameters": sum(counts.values()),
        "parts": counts,
        "trainable": sum(n for part, n in counts.items() if part in stage.rates),
        "rows": rows,
        "steps": steps,
        "batch": stage.batch,
        "tokens": round(steps * stage.batch * held.tokens),
        "tokens_per_row": held.tokens,
        "read_from": "data" if data.all_here(recipe, stage) else "recipe",
        "memory": memory,
        "memory_total": sum(memory.values()),
        "fits": sum(memory.values()) <= card.memory,
        "flops": operations,
        "card_hours": hours,
        "hours": hours / cards,
        "source": stage.source,
    }


def reading(recipe: RealRecipe, stage: Stage, scheme: Scheme) -> tuple[int, Reading]:
    """Gives the rows of a stage and what they hold: of a file that is here its number of rows and
    LOOKED_AT of them, else what the recipe says."""
    total, images, text, crops = 0, 0.0, 0.0, 0.0
    tiled = stage.images == "anyres"
    for source in stage.data:
        if (recipe.folder / source.file).is_file():
            rows = data.rows_of(recipe, stage, source)
            count, step = len(rows), ceil(len(rows) / LOOKED_AT)
            looked = [(data.sizes_of(row), row.words * PER_WORD) for row in rows[::step]]
        elif source.rows is not None:
            count, looked = source.rows, [([source.picture] * source.pictures, source.text)]
        else:
            raise SuiteError(
                f"Stage {stage.name!r} of recipe {recipe.recipe!r}: {recipe.folder / source.file} "
                "is not there to be counted; say with --folder where it is, or give its `rows`."
            )
        count = source.take or count
        each = count / len(looked)
        total += count
        images += each * sum(sum(scheme.of(sizes, tiled)) for sizes, _ in looked)
        crops += each * sum(scheme.crops(sizes, tiled) for sizes, _ in looked)
        text += each * sum(words for _, words in looked)
    return total, Reading(images / total, text / total, crops / total)


def operations_of_row(stage: Stage, counts: dict[str, int], config: Any, held: Reading) -> float:
    """Counts the useful floating-point operations that a row costs, forward and backward.

    A weight and token cost 2 forward, 2 more where gradients pass and 2 more where the weight is
    trained. Attention's two products cost 4 l^2 d a layer forward (half in a causal language
    model), and twice that where gradients pass.
    """
    text, vision = config.text_config, config.vision_config
    patches = (vision.image_size // vision.patch_size) ** 2
    looked_up = 0 if text.tie_word_embeddings else text.vocab_size * text.hidden_size
    way = {  # of the data: weights times tokens, and attention's operations forward
        "vision": (
            counts["vision"] * held.crops * patches,
            4 * vision.num_hidden_layers * vision.hidden_size * patches**2 * held.crops,
        ),
        "connector": (counts["connector"] * held.crops * patches, 0),
        "language": (
            (counts["language"] - looked_up) * held.tokens,
            2 * text.num_hidden_layers * text.num_attention_heads * text.head_dim * held.tokens**2,
        ),
    }
    total, passes = 0.0, False
    for part, (products, attention) in way.items():
        passes = passes or part in stage.rates
        total += products * (FORWARD + ACTIVATIONS * passes + WEIGHTS * (part in stage.rates))
        total += attention * (1 + 2 * passes)
    return total


def memory_of(
    stage: Stage, counts: dict[str, int], config: Any, held: Reading, cards: int
) -> dict[str, float]:
    """Estimates the bytes of a card for rows of average length: its shards of weights, gradients
    and optimizer, the bfloat16 weights that it computes with, activations.

    Activations of a layer: 34 bytes a token and unit of width (Korthikanti et al.,
    arXiv:2205.05198, where attention's scores are not held); with checkpointing those of one layer,
    and of every layer its input in float32. Then the scores over the vocabulary, in bfloat16, in
    float32 and as a gradient.
    """
    text, vision = config.text_config, config.vision_config
    everything = sum(counts.values())
    trained = sum(n for part, n in counts.items() if part in stage.rates)
    ends = text.vocab_size * text.hidden_size * (1 if text.tie_word_embeddings else 2)
    layer = (counts["language"] - ends) / text.num_hidden_layers
    rows = stage.per_device
    patches = (vision.image_size // vision.patch_size) ** 2

    def activations(tokens: float, width: int, layers: int) -> float:
        one = 34 * tokens * width
        return one + 4 * tokens * width * layers if stage.checkpointing else one * layers

    tokens = rows * min(held.tokens, stage.context)
    seen = rows * held.crops * patches * ("vision" in stage.rates)
    return {
        "weights": FROZEN * everything / cards,
        "gradients": 4 * trained / cards,
        "optimizer": 8 * trained / cards,
        "working": 2 * (everything if cards == 1 else ends + layer),
        "activations": activations(tokens, text.hidden_size, text.num_hidden_layers)
        + activations(seen, vision.hidden_size, vision.num_hidden_layers)
        + tokens * text.vocab_size * (2 + 4 + 4),
    }
