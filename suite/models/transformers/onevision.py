"""LLaVA-OneVision as the suite makes it: configuration, processor and chat template of a SigLIP
tower, a two-layer connector, a Qwen3 and any-resolution tiles.

In: configurations of tower and language model, a tokenizer. Out: what a folder of
LlavaOnevisionForConditionalGeneration holds beside its weights. Nothing heavy until called.
"""

from __future__ import annotations

from typing import Any

from suite.errors import SuiteError

MARK, VIDEO = "<image>", "<video>"
"""Where an image or a video stands in a text."""
START, END = "<|im_start|>", "<|im_end|>"
SYSTEM = "You are a helpful assistant."

TEMPLATE = (
    "{%- if messages[0].role != 'system' -%}"
    f"{{{{ '{START}system\\n{SYSTEM}{END}\\n' }}}}"
    "{%- endif -%}"
    "{%- for message in messages -%}"
    f"{{{{ '{START}' + message.role + '\\n' }}}}"
    "{%- if message.content is string -%}{{ message.content }}"
    "{%- else -%}"
    "{%- for part in message.content if part.type == 'image' -%}"
    f"{{{{ '{MARK}' + ('\\n' if loop.last else ' ') }}}}"
    "{%- endfor -%}"
    "{%- for part in message.content if part.type == 'text' -%}{{ part.text }}{%- endfor -%}"
    "{%- endif -%}"
    f"{{{{ '{END}\\n' }}}}"
    "{%- endfor -%}"
    f"{{%- if add_generation_prompt -%}}{{{{ '{START}assistant\\n' }}}}{{%- endif -%}}"
)
"""ChatML with the images of a turn before its text, a blank between several, a line break after."""


def config_of(vision: Any, text: Any, pinpoints: list[list[int]], most_tiles: int) -> Any:
    """Gives the whole model's configuration, LLaVA-NeXT's computation.

    vision: a tower without the layers that are not used. pinpoints: (height, width) of images cut
    into tiles. most_tiles: tiles whose tokens an image may have before they are made fewer.
    """
    from transformers import LlavaOnevisionConfig

    vision.vision_use_head = False
    return LlavaOnevisionConfig(
        vision_config=vision,
        text_config=text,
        image_grid_pinpoints=pinpoints,
        vision_aspect_ratio=f"anyres_max_{most_tiles}",
        vision_feature_layer=-1,  # the last of the kept layers, before the norm after it
        vision_feature_select_strategy="full",
        projector_hidden_act="gelu",
        tie_word_embeddings=text.tie_word_embeddings,
    )


def processor_of(config: Any, tokenizer: Any, name: str) -> Any:
    """Makes the processor of a model, adds the image's and the video's token to its tokenizer, and
    writes their ids into its configuration. `name` is whose tokenizer it is, for messages.

    Read back from a folder it would resize images with torchvision. SuiteError for a tokenizer
    that knows no ChatML, or whose tokens do not fit into the model.
    """
    import transformers as tf

    for mark in (START, END):
        if mark not in tokenizer.get_vocab():
            raise SuiteError(
                f"The tokenizer of {name} has no {mark}, and the model reads ChatML; name a "
                "language model that knows it, such as Qwen3."
            )
    marks = [tf.AddedToken(mark, special=True, normalized=False) for mark in (MARK, VIDEO)]
    tokenizer.add_tokens(marks, special_tokens=True)
    tokenizer.chat_template = TEMPLATE  # its own may fail on lists of parts
    if len(tokenizer) > (room := config.text_config.vocab_size):
        raise SuiteError(
            f"{name} has room for {room:,} tokens, and its tokenizer with {MARK} and {VIDEO} has "
            f"{len(tokenizer):,}; make its embeddings larger first (`resize_token_embeddings`)."
        )
    side = config.vision_config.image_size
    usual: dict[str, Any] = {
        "size": {"height": side, "width": side},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    make: Any = tf.LlavaOnevisionProcessor
    processor = make(
        # Pillow's resizing is what the encoder was trained with; torchvision's differs a little.
        image_processor=tf.LlavaOnevisionImageProcessorPil(
            **usual, image_grid_pinpoints=config.image_grid_pinpoints
        ),
        video_processor=tf.LlavaOnevisionVideoProcessor(**usual),
        tokenizer=tokenizer,
        num_image_tokens=(side // config.vision_config.patch_size) ** 2,
        vision_feature_select_strategy="full",
        vision_aspect_ratio=config.vision_aspect_ratio,
        chat_template=TEMPLATE,
        image_token=MARK,
        video_token=VIDEO,
    )
    config.image_token_index = config.image_token_id = processor.image_token_id
    config.video_token_index = config.video_token_id = processor.video_token_id
    return processor
