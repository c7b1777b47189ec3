"""What a model is trained on, token by token: by hand, and as the saved template asks it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from suite.errors import SuiteError
from suite.training.vlm import data, model
from suite.training.vlm.chat import Collator
from suite.training.vlm.recipe import RealRecipe, Stage

SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"


@pytest.fixture(scope="module")
def processor(recipe: RealRecipe) -> Any:
    """The processor of the toy."""
    return model.initial(recipe, "a", 0)[1]


def collator(recipe: RealRecipe, processor: Any, name: str, **changes: Any) -> Collator:
    """The collator of a stage, which may be changed."""
    stage = Stage.model_validate(recipe.stage(name).model_dump() | changes)
    scheme = model.scheme_of(recipe, model.config_of(recipe, "a").vision_config)
    return Collator(processor, stage, scheme)


def rows_of(recipe: RealRecipe, name: str) -> list[data.Conversation]:
    """The rows of a stage; of `vit`: one picture, two, none, one in turn."""
    return data.conversations(recipe, recipe.stage(name))


def told(processor: Any, batch: dict[str, Any], row: int) -> tuple[str, str]:
    """A row's whole text without padding, and the text of the tokens that bear loss."""
    ids, labels = batch["input_ids"][row], batch["labels"][row]
    assert torch.equal(labels[labels != -100], ids[labels != -100])
    kept = ids[batch["attention_mask"][row].bool()]
    decode = processor.tokenizer.decode
    return decode(kept).replace("<image>" * 4, "[4]"), decode(labels[labels != -100])


@pytest.mark.parametrize(
    ("loss", "bears"),
    [
        ("assistant", "It is red.<|im_end|>Blue.<|im_end|>"),
        (
            "marks",
            # of the system's turn its marks but the first token, then the user's marks and line
            # breaks, of which one stands behind the image, then the assistant's turn
            "\n<|im_end|>\n<|im_start|>\n\n<|im_end|>\n"
            "<|im_start|>assistant\nIt is red.<|im_end|>\n"
            "<|im_start|>\n<|im_end|>\n<|im_start|>assistant\nBlue.<|im_end|>\n",
        ),
    ],
)
def test_which_tokens_of_a_chat_bear_loss(
    recipe: RealRecipe, processor: Any, loss: str, bears: str
) -> None:
    batch = collator(recipe, processor, "vit", loss=loss)(rows_of(recipe, "vit")[:3])
    text, learned = told(processor, batch, 0)
    # 60 x 30 fits into tiles of 28, 3 wide and 2 high: 6 x 4 tokens, of which no row is empty. They
    # are 1.5 times the 16 of 4 tiles, so each side is divided by 1.22: 4 x 3, and 3 ends of rows.
    # With the 4 of the whole image 19.
    assert text == (
        f"{SYSTEM}<|im_start|>user\n[4][4][4][4]<image><image><image>\nWhat colour?<|im_end|>\n"
        "<|im_start|>assistant\nIt is red.<|im_end|>\n<|im_start|>user\nAnd B?<|im_end|>\n"
        "<|im_start|>assistant\nBlue.<|im_end|>\n"
    )
    assert learned == bears
    assert told(processor, batch, 1)[0].startswith(
        f"{SYSTEM}<|im_start|>user\n[4]<image> [4]<image>\nWhich is red?"  # two: a line end each
    )
    assert "<image>" not in told(processor, batch, 2)[0]


def test_a_caption_has_no_chat_and_bears_loss_alone(recipe: RealRecipe, processor: Any) -> None:
    batch = collator(recipe, processor, "connector")(rows_of(recipe, "connector")[:4])
    for row in range(4):
        text, learned = told(processor, batch, row)
        assert text == f"[4]A red circle, line {row}.\n"  # one crop, whatever the picture's shape
        assert learned == f"A red circle, line {row}.\n"
    assert batch["pixel_values"].shape == (4, 3, 28, 28)


def test_a_model_is_asked_as_it_was_trained(recipe: RealRecipe, processor: Any) -> None:
    """The template of the checkpoint, through the library's processor, gives the same tokens."""
    from PIL import Image

    rows = rows_of(recipe, "vit")[:4]
    collate = collator(recipe, processor, "vit", loss="assistant")
    for row in rows:
        opened = [Image.open(place).convert("RGB") for place in row.images]
        ids, bears = collate.encode(row, [image.size for image in opened])
        question = row.turns[0][1].replace("<image>", "").strip()
        parts = [{"type": "image"} for _ in opened] + [{"type": "text", "text": question}]
        prompt = processor.apply_chat_template(
            [{"role": "user", "content": parts}], tokenize=False, add_generation_prompt=True
        )
        asked = processor(text=[prompt], images=[opened] if opened else None,
                          add_special_tokens=False)["input_ids"][0]  # fmt: skip
        assert list(ids[: len(asked)]) == list(asked)
        assert bears.index(True) == len(asked)


def test_pixels_are_the_librarys(recipe: RealRecipe, processor: Any) -> None:
    from PIL import Image

    row = rows_of(recipe, "vit")[0]
    batch = collator(recipe, processor, "vit")([row])
    picture = Image.open(row.images[0]).convert("RGB")
    own = processor.image_processor(images=[[picture]], return_tensors="pt")
    assert torch.equal(batch["pixel_values"], own["pixel_values"])
    assert batch["image_sizes"].tolist() == [[30, 60]]
    # an image of one row is not taken for one with three channels first
    thin = Image.new("RGB", (9, 1), (255, 0, 0))
    made = collator(recipe, processor, "vit")._pixels([[thin]])["pixel_values"]
    assert made.shape[2] == 3


def test_rows_without_images_still_pass_the_encoder(recipe: RealRecipe, processor: Any) -> None:
    batch = collator(recipe, processor, "vit")([rows_of(recipe, "vit")[2]])
    assert batch["image_sizes"].tolist() == [[0, 0]]
    assert batch["pixel_values"].shape == (1, 3, 28, 28)


def test_a_row_is_cut_at_the_context_and_one_without_loss_is_refused(
    recipe: RealRecipe, processor: Any
) -> None:
    row = rows_of(recipe, "vit")[2]
    whole, bears = collator(recipe, processor, "vit", loss="assistant").encode(row, [])
    start = bears.index(True)
    cut = collator(recipe, processor, "vit", loss="assistant", context=start + 2)
    assert cut.encode(row, []) == (whole[: start + 2], bears[: start + 2])
    none = collator(recipe, processor, "vit", loss="assistant", context=start)
    with pytest.raises(SuiteError) as caught:
        none.encode(row, [])
    assert str(caught.value) == (
        f"{row.place}: a context of {start} tokens ends before the first one that bears loss; "
        "raise `context` or remove the row."
    )


def test_an_image_that_cannot_be_read_is_named(
    recipe: RealRecipe, processor: Any, tmp_path: Path
) -> None:
    broken = tmp_path / "x.png"
    broken.write_bytes(b"\x89PNG but no more")
    row = data.Conversation((("user", "<image>"), ("assistant", "A")), (broken,), "FILE, row 3")
    with pytest.raises(SuiteError, match=rf"^FILE, row 3: its image {broken} cannot be read \("):
        collator(recipe, processor, "connector")([row])
