"""Stages of real classes: what is trained and how, the loss, going on after a stop, the folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import LlavaOnevisionForConditionalGeneration

from suite.base.files import file_hash
from suite.errors import SuiteError
from suite.items.item import Item
from suite.planning.prompts import load_prompts
from suite.training.vlm import data, model, run
from suite.training.vlm.chat import Collator
from suite.training.vlm.recipe import LanguageModel, RealRecipe, load_real
from suite.training.vlm.run import RealRun
from tests.suite.cli_study import call
from tests.suite.training.vlm import toys

STAGES = [str(stage["name"]) for stage in toys.STAGES]


def said(line: str) -> None:
    """Nobody listens."""


def weights(folder: Path) -> dict[str, Tensor]:
    """The weights of a finished stage, under the names that its modules have."""
    net = LlavaOnevisionForConditionalGeneration.from_pretrained(folder / "model")
    return dict(net.state_dict())


def curve(folder: Path) -> list[dict[str, float]]:
    """The points of a stage's curve, without seconds."""
    points = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    return [{k: v for k, v in point.items() if k != "seconds"} for point in points]


def recipe_with(toy: Path, folder: Path, name: str, **changes: Any) -> RealRecipe:
    """The toy's recipe with one stage, from the start, changed; models and rows are the toy's."""
    path = toys.recipe_in(folder, only=(name,), **({"init": None} | changes))
    found = load_real(str(path), toy)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def trained(recipe: RealRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of every stage."""
    out = tmp_path_factory.mktemp("run")
    written = RealRun(recipe, out, 0, said).train(["a"], recipe.stages)
    assert written == [out / f"{stage}-a" / "model" for stage in STAGES]
    return out


def test_the_first_model_holds_its_parts_to_the_bit(recipe: RealRecipe, toy: Path) -> None:
    net, _ = model.initial(recipe, "a", 3)
    text, vision = (load_file(toy / name / "model.safetensors") for name in ("text", "siglip"))
    own = net.state_dict()
    for name, value in text.items():
        assert torch.equal(own[name.replace("model.", "model.language_model.", 1)], value), name
    kept = 0
    for name, value in own.items():
        if "vision_tower" in name:
            kept += 1
            assert torch.equal(value, vision[name.replace("model.vision_tower.", "")]), name
    assert kept == len([n for n in vision if ".2." not in n and not n.startswith("head")])
    assert net.lm_head.weight is net.model.language_model.embed_tokens.weight
    assert not any(value.is_meta for value in (*own.values(), *net.buffers()))
    again, other = (model.initial(recipe, "a", seed)[0].state_dict() for seed in (3, 4))
    assert all(torch.equal(own[name], again[name]) for name in own)
    moved = {name for name in own if not torch.equal(own[name], other[name])}
    assert moved == {n for n in own if "projector" in n or n == "model.image_newline"}


@pytest.mark.parametrize("stage", STAGES)
def test_only_the_parts_of_a_stage_move(
    trained: Path, recipe: RealRecipe, stage: str, toy: Path
) -> None:
    row = recipe.stage(stage)
    if row.init:
        before = weights(trained / f"{row.init}-a")
    else:
        before = model.initial(recipe, "a", recipe.seed)[0].state_dict()
    after = weights(trained / f"{stage}-a")
    assert set(before) == set(after)
    moved = {name for name in after if not torch.equal(before[name], after[name])}
    trained_parts = {name for name in after if model.part_of(name) in row.rates}
    # The features are those before the encoder's last norm, and the bias of attention's keys
    # moves all scores of a query alike.
    unused = {n for n in after if "post_layernorm" in n or ("vision" in n and "k_proj.bias" in n)}
    assert moved - unused == trained_parts - unused
    assert {model.part_of(name) for name in moved} == set(row.rates)


def test_each_part_moves_by_its_rate(toy: Path, tmp_path: Path) -> None:
    """Adam's first step is the rate in every weight whose gradient is not tiny."""
    recipe = recipe_with(toy, tmp_path, "vit", steps=1, warmup=0, schedule="constant", evaluate=1)
    RealRun(recipe, tmp_path / "out", 0, said).train(["a"], recipe.stages)
    before = model.initial(recipe, "a", recipe.seed)[0].state_dict()
    after = weights(tmp_path / "out" / "vit-a")
    for part, rate in recipe.stages[0].rates.items():
        steps = [float((after[n] - before[n]).abs().max())
                 for n in after if model.part_of(n) == part]  # fmt: skip
        assert max(steps) == pytest.approx(rate, rel=1e-3), part


def test_weight_decay_is_not_on_norms_and_biases(toy: Path, tmp_path: Path) -> None:
    recipe = recipe_with(toy, tmp_path, "vit", weight_decay=0.3)
    net, _ = model.initial(recipe, "a", 0)
    model.prepare(net, recipe.stages[0])
    names = {id(weight): name for name, weight in net.named_parameters()}
    for group in run.optimizer(net, recipe.stages[0]).param_groups:
        for weight in group["params"]:
            name = names[id(weight)]
            assert group["lr"] == recipe.stages[0].rates[model.part_of(name)]
            bare = name.endswith("bias") or "norm" in name or name == "model.image_newline"
            assert (group["weight_decay"] == 0.3) == (not bare), name


def first_rows(recipe: RealRecipe) -> list[data.Conversation]:
    """The rows of a stage's first step."""
    stage, seed = recipe.stages[0], recipe.seed
    rows, _ = data.split(data.conversations(recipe, stage), stage, seed)
    return [rows[i] for i in data.order(rows, stage, seed, 1)]


def test_the_loss_of_captions_is_computed_otherwise(toy: Path, tmp_path: Path) -> None:
    """One picture and caption after another, from features that are put in by hand."""
    from PIL import Image

    recipe = recipe_with(toy, tmp_path, "connector", steps=1, evaluate=1)
    RealRun(recipe, tmp_path / "out", 0, said).train(["a"], recipe.stages)
    net, processor = model.initial(recipe, "a", recipe.seed)
    losses: list[Tensor] = []
    for row in first_rows(recipe):
        picture = (
            Image.open(row.images[0]).convert("RGB").resize((28, 28), Image.Resampling.BICUBIC)
        )
        pixels = torch.tensor(np.array(picture)).permute(2, 0, 1)[None].float() / 127.5 - 1
        tower = net.model.vision_tower(pixels, output_hidden_states=True).hidden_states[2]
        image = net.model.multi_modal_projector(tower)[0]
        caption = processor.tokenizer(f"{row.turns[1][1]}\n")["input_ids"]
        words = net.model.language_model.embed_tokens(torch.tensor(caption))
        put = torch.cat((image, words))[None]
        hidden = net.model.language_model(inputs_embeds=put).last_hidden_state
        scores = net.lm_head(hidden)[0].log_softmax(-1)
        losses += [-scores[3 + i, token] for i, token in enumerate(caption)]  # image: 0 to 3
    (point,) = curve(tmp_path / "out" / "connector-a")
    assert point["loss"] == pytest.approx(torch.stack(losses).mean().item(), abs=1e-5)


@pytest.mark.parametrize("accumulated", [False, True])
def test_the_loss_of_a_chat_is_computed_otherwise(
    toy: Path, tmp_path: Path, accumulated: bool
) -> None:
    """The library's template and processor, a row at a time, and a mask that is found by walking
    along the text: from a header of the assistant to the mark that ends its turn."""
    from PIL import Image

    held = {"batch": 8, "per_device": 2 if accumulated else 8, "group": False}
    recipe = recipe_with(toy, tmp_path, "caption", steps=1, evaluate=1,
                         data=[{"file": "talks.json", "images": "pictures"}], **held)  # fmt: skip
    RealRun(recipe, tmp_path / "out", 0, said).train(["a"], recipe.stages)
    net, processor = model.initial(recipe, "a", recipe.seed)
    tokenizer = processor.tokenizer
    header = tokenizer("<|im_start|>assistant\n")["input_ids"]
    total, count = 0.0, 0
    kinds = set()
    for row in first_rows(recipe):
        messages = [{"role": role, "content": text} for role, text in row.turns]
        text = processor.apply_chat_template(messages, tokenize=False)
        opened = [Image.open(place).convert("RGB") for place in row.images]
        given = processor(text=[text], images=[opened] if opened else None, return_tensors="pt")
        ids = given["input_ids"][0].tolist()
        bears = [False] * len(ids)
        for i in range(len(ids)):
            if ids[i : i + len(header)] == header:
                end = ids.index(tokenizer.eos_token_id, i)
                bears[i + len(header) : end + 1] = [True] * (end + 1 - i - len(header))
        labels = torch.where(torch.tensor(bears), given["input_ids"][0], -100)
        logits = net(**given).logits[0]
        total += cross_entropy(logits[:-1], labels[1:], reduction="sum").item()
        count += sum(bears)
        kinds.add(len(row.images))
    (point,) = curve(tmp_path / "out" / "caption-a")
    assert len(kinds) > 1
    assert point["loss"] == pytest.approx(total / count, abs=1e-5)


def test_held_out_loss_and_accuracy_are_those_of_rows_apart(
    trained: Path, recipe: RealRecipe
) -> None:
    stage = recipe.stage("extract")
    net, processor = RealRun(recipe, trained, 0, said)._start(
        recipe.stage("caption").model_copy(update={"init": "extract"}), "a", 0
    )
    rows = data.conversations(recipe, stage)
    taken, held = data.split(rows, stage, recipe.seed)
    assert len(held) == 3
    assert {row.place for row in held} & {row.place for row in taken} == set()
    scheme = model.scheme_of(recipe, net.config.vision_config)
    collate = Collator(processor, stage, scheme)
    loss, right, count = 0.0, 0, 0
    for row in held:
        batch = collate([row])
        labels = batch.pop("labels")[0, 1:]
        if not batch["image_sizes"].any():
            batch = {k: batch[k] for k in ("input_ids", "attention_mask")}
        logits = net(**batch).logits[0, :-1]
        loss += cross_entropy(logits, labels, reduction="sum").item()
        right += int((logits.argmax(-1) == labels).sum())
        count += int((labels != -100).sum())
    last = curve(trained / "extract-a")[-1]
    assert last["step"] == 4
    assert last["held_out_loss"] == pytest.approx(loss / count, abs=1e-4)
    assert last["accuracy"] == pytest.approx(right / count, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["connector", "vit"])
def test_a_stopped_stage_ends_as_an_undisturbed_one(
    toy: Path, tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_with(toy, tmp_path, stage)
    RealRun(recipe, tmp_path / "whole", 0, said).train(["a"], recipe.stages)
    whole, measured = run.held_out_of, iter(range(1, 9))

    def stopping(*given: Any) -> dict[str, float]:
        if next(measured) == 2:
            raise KeyboardInterrupt
        return whole(*given)

    with monkeypatch.context() as patched:
        patched.setattr(run, "held_out_of", stopping)
        with pytest.raises(KeyboardInterrupt):
            RealRun(recipe, tmp_path / "parts", 0, said).train(["a"], recipe.stages)
    assert not (tmp_path / "parts" / f"{stage}-a" / "done.json").exists()
    seen: list[str] = []
    RealRun(recipe, tmp_path / "parts", 0, seen.append).train(["a"], recipe.stages)
    assert [line.split("  ")[0] for line in seen] == [f"{stage} a: step 4/4"]
    first, second = (tmp_path / name / f"{stage}-a" for name in ("whole", "parts"))
    assert curve(first) == curve(second)
    one, two = weights(first), weights(second)
    assert all(torch.equal(one[name], two[name]) for name in one)
    RealRun(recipe, tmp_path / "parts", 0, seen.append).train(["a"], recipe.stages)
    assert len(seen) == 1  # what is finished is not trained again


@pytest.mark.parametrize(
    ("stage", "changes", "told"),
    [
        ("vit", {}, None),
        ("vit", {"per_device": 4, "evaluate": 1, "checkpointing": False, "source": "mine"}, None),
        ("vit", {"steps": 5}, "vit-a was trained with steps: 4, where the recipe has 5"),
        ("vit", {"loss": "assistant"}, "vit-a was trained with loss: marks, where the recipe has "
         "assistant"),
        ("vit", {"rates": toys.ALL | {"vision": 0.1}},
         "vit-a was trained with rates: {'connector': 0.01, 'vision': 0.001, 'language': 0.005}, "
         "where the recipe has {'connector': 0.01, 'vision': 0.1, 'language': 0.005}"),
        ("vit", {"held_out": 4}, "vit-a was trained with held_out: 3, where the recipe has 4"),
        ("connector", {"steps": 5}, "connector-a was trained with steps: 4, where the "
         "recipe has 5"),
    ],
)  # fmt: skip
def test_what_was_made_of_another_recipe_is_refused(
    trained: Path, recipe: RealRecipe, stage: str, changes: dict[str, Any], told: str | None
) -> None:
    """The model of its folder would be taken for what the recipe says now."""
    stages = [s.model_copy(update=changes if s.name == stage else {}) for s in recipe.stages]
    other = recipe.model_copy(update={"stages": tuple(stages)})
    if told is None:
        assert RealRun(other, trained, 0, said).train(["a"], other.stages)
        return
    with pytest.raises(SuiteError) as caught:
        RealRun(other, trained, 0, said).train(["a"], other.stages)
    assert str(caught.value) == f"{trained}/{told}; give another --out, or remove that folder."


def test_what_was_made_of_other_models_data_or_seed_is_refused(
    trained: Path, toy: Path, recipe: RealRecipe, tmp_path: Path
) -> None:
    def told(other: RealRecipe) -> str:
        with pytest.raises(SuiteError) as caught:
            RealRun(other, trained, 0, said).train(["a"], [other.stage("extract")])
        return str(caught.value).partition(" was trained with ")[2].partition(";")[0]

    for name in ("siglip", "text", "pictures", "captions.json"):
        (tmp_path / name).symlink_to(toy / name)
    (tmp_path / "talks.json").write_text((toy / "talks.json").read_text() + "\n")
    moved = recipe.model_copy(update={"folder": tmp_path})
    old, new = (file_hash(folder / "talks.json") for folder in (toy, tmp_path))
    assert told(moved) == f"the SHA-256 of talks.json: {old}, where the recipe has {new}"
    assert told(recipe.model_copy(update={"seed": 6})) == "seed: 5, where the recipe has 6"
    assert told(recipe.model_copy(update={"tiles": 2})) == "tiles: 3, where the recipe has 2"
    text = recipe.sizes["a"].model_copy(update={"text": "./other"})
    assert told(recipe.model_copy(update={"sizes": {"a": text}})) == (
        "text: ./text, where the recipe has ./other"
    )
    stages = [s.model_copy(update={"steps": 9} if s.name == "connector" else {})
              for s in recipe.stages]  # fmt: skip
    other = recipe.model_copy(update={"stages": tuple(stages)})
    assert told(other) == "steps: 4, where the recipe has 9"
    shutil.copytree(trained / "extract-a", tmp_path / "run" / "extract-a")
    with pytest.raises(SuiteError, match="extract-a was trained with steps of connector: 4, where"):
        RealRun(other, tmp_path / "run", 0, said).train(["a"], other.stages)
    (tmp_path / "run" / "extract-a" / "stage.json").unlink()
    with pytest.raises(SuiteError, match=r"extract-a holds a training, and no stage.json that"):
        RealRun(other, tmp_path / "run", 0, said).train(["a"], other.stages)
    # Data that are not there any more say nothing of what was made of them.
    gone = recipe.model_copy(update={"folder": tmp_path / "nowhere"})
    assert RealRun(gone, trained, 0, said).train(["a"], [gone.stage("extract")])


def test_a_family_of_another_seed_has_its_own_folder(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = toys.recipe_in(tmp_path, only=("connector",), steps=1, evaluate=1)
    monkeypatch.chdir(tmp_path)
    for seed, name in (((), "toy"), (("--seed", "5"), "toy"), (("--seed", "6"), "toy-seed6")):
        result = call("train", path, "--folder", toy, *seed)
        assert result.exit_code == 0, result.stderr
        assert result.stdout == f"checkpoints/{name}/connector-a/model\n"
    first, other = (weights(tmp_path / "checkpoints" / n / "connector-a") for n in ("toy", name))
    assert not torch.equal(first["model.image_newline"], other["model.image_newline"])


@pytest.mark.parametrize("embedded", [False, True])
def test_extraction_data_are_what_a_stage_takes(toy: Path, tmp_path: Path, embedded: bool) -> None:
    """train.json as `extract-data` writes it, with the paths of its images or images of its own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from suite.extraction.run import extract_data

    pictures, texts = toy / "pictures", []
    rows = [
        {"id": str(i), "image": f"{i}.png", "conversations": turns}
        for i, turns in enumerate(
            toys.turns("<image>\nWhat colour is it?", colour)
            for colour in ("Red.", "Blue.", "Green.")
        )
    ]
    for number, colour in enumerate(("red", "blue", "green")):
        said_of = {
            "contents": "- colour",
            "statements": f"It is {colour}.",
            "description": f"A {colour} line, number {number}.",
        }
        texts += [{"stage": stage, "id": str(number), "text": t} for stage, t in said_of.items()]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in texts))
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    if embedded:
        path = tmp_path / "rows.parquet"
        held = [
            row | {"image": {"bytes": (pictures / str(row["image"])).read_bytes()}} for row in rows
        ]
        pq.write_table(pa.Table.from_pylist(held), path)
    out = tmp_path / "extracted"
    teacher = f"recorded:{tmp_path / 'texts.jsonl'}"
    report = extract_data(path, teacher=teacher, out=out, images=None if embedded else pictures)
    assert report["kept"] == 3
    source = {"file": str(out / "train.json"), "images": str(out if embedded else pictures)}
    recipe = recipe_with(
        toy,
        tmp_path,
        "extract",
        data=[source],
        steps=1,
        batch=2,
        evaluate=1,
        held_out=1,
        context=500,
    )
    asked = load_prompts("extraction").render(
        "perceive", Item("extract", "0", "", (), "", "", (), ""), "- colour"
    )
    found = data.conversations(recipe, recipe.stages[0])
    assert [row.turns for row in found] == [
        (("user", f"<image>\n{asked[-1].text}"), ("assistant", f"A {colour} line, number {i}."))
        for i, colour in enumerate(("red", "blue", "green"))
    ]
    assert [row.images[0].read_bytes() for row in found] == [
        (pictures / f"{i}.png").read_bytes() for i in range(3)
    ]
    if embedded:
        RealRun(recipe, tmp_path / "out", 0, said).train(["a"], recipe.stages)
        (point,) = curve(tmp_path / "out" / "extract-a")
        assert point["step"] == 1


def test_a_card_tells_every_stage(trained: Path) -> None:
    card = (trained / "extract_scratch-a" / "model" / "README.md").read_text()
    assert "# toy, size a, stage extract_scratch\n" in card
    rows = [line.split(" | ")[:6] for line in card.splitlines() if ".json" in line]
    assert rows == [
        ["| connector", "captions.json", "connector 0.01", "4", "4", "5"],
        ["| extract_scratch", "talks.json", "connector 0.01, language 0.005", "4", "4", "5"],
    ]
    done = json.loads((trained / "extract_scratch-a" / "done.json").read_text())
    # 16 x 32 + 32 and 32 x 32 + 32 of the connector
    assert done["parameters"]["connector"] == 1600
    assert done["cards"] == 1


FAMILY = """\
family: toys
prompts: micro
sizes: [{name: a, params: 28480, text: ./text, vlm: ./extract}]
"""
STUDY = """\
study: toys
family: family.yaml
limit: 2
tasks: [{task: micro_ocr}]
cells: [{method: decoupled, perception: a, reasoning: a}]
decoding:
  instruct: {max_new_tokens: 3}
  perceive: {max_new_tokens: 5}
  reason: {max_new_tokens: 3}
"""


@pytest.mark.slow
def test_a_checkpoint_perceives_in_a_study(
    trained: Path, toy: Path, tmp_path: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas as pd

    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    shutil.copytree(trained / "extract-a" / "model", tmp_path / "extract")
    shutil.copytree(toy / "text", tmp_path / "text")
    (tmp_path / "family.yaml").write_text(FAMILY)
    (tmp_path / "study.yaml").write_text(STUDY)
    result = call("run", tmp_path / "study.yaml", "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["requests"]["failed"] == 0
    records = pd.read_parquet(tmp_path / "out" / "records.parquet")
    assert len(records) == 2
    assert records["description"].str.len().gt(0).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"context": 1000},
            "Stage 'vit' has a context of 1,000 tokens, and the language model of size 'a' reads "
            "512; lower `context`.",
        ),
        (
            {"context": 20},
            "TOY/talks.json, row 1: its 1 images may have 29 tokens, and stage 'vit' has a context "
            "of 20; raise `context` or remove the row.",
        ),
        (
            {"steps": None, "epochs": 1, "batch": 30},
            "Stage 'vit' has 24 rows, too few for 3 held out and a step of 30; lower `held_out` or "
            "`batch`.",
        ),
        (
            {"data": [{"file": "none.json"}]},
            "Stage 'vit' of recipe 'toy' needs TOY/none.json, which does not exist; put it there, "
            "or say with --folder where it is.",
        ),
    ],
)
def test_what_is_wrong_is_said_before_the_first_step(
    toy: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    recipe = recipe_with(toy, tmp_path, "vit", **changes)
    with pytest.raises(SuiteError) as caught:
        RealRun(recipe, tmp_path / "out", 0, said).train(["a"], recipe.stages)
    assert str(caught.value).replace(str(toy), "TOY") == message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("vocab", "bare", "message"),
    [
        (0, True, "The tokenizer of TOY/other has no <|im_start|>, and the model reads ChatML; "
         "name a language model that knows it, such as Qwen3."),
        (-5, False, "TOY/other has room for LESS tokens, and its tokenizer with <image> and "
         "<video> has MORE; make its embeddings larger first (`resize_token_embeddings`)."),
    ],
)  # fmt: skip
def test_a_tokenizer_is_looked_at_before_any_size_is_trained(
    toy: Path, tmp_path: Path, vocab: int, bare: bool, message: str
) -> None:
    shutil.copytree(toy / "text", tmp_path / "other")
    config = json.loads((tmp_path / "other" / "config.json").read_text())
    room = config["vocab_size"] + vocab
    (tmp_path / "other" / "config.json").write_text(json.dumps(config | {"vocab_size": room}))
    if bare:
        path = tmp_path / "other" / "tokenizer.json"
        path.write_text(path.read_text().replace("<|im_start|>", "<|im_begin|>"))
    recipe = recipe_with(toy, tmp_path, "vit")
    second = LanguageModel(text=str(tmp_path / "other"))
    recipe = recipe.model_copy(update={"sizes": recipe.sizes | {"b": second}})
    with pytest.raises(SuiteError) as caught:
        RealRun(recipe, tmp_path / "out", 0, said).train(["a", "b"], recipe.stages)
    said_of = str(caught.value).replace(str(tmp_path), "TOY")
    assert said_of == message.replace("LESS", f"{room}").replace("MORE", f"{room + 1}")
    assert not (tmp_path / "out").exists()


def test_a_stage_whose_start_is_missing_is_said(recipe: RealRecipe, tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as caught:
        RealRun(recipe, tmp_path, 0, said).train(["a"], [recipe.stage("caption")])
    assert str(caught.value) == (
        "Stage 'caption' of size 'a' starts from stage 'vit', which is not finished in "
        f"{tmp_path}; run it first, or leave --stage out."
    )


def test_a_step_must_be_shared_by_the_cards(
    recipe: RealRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(SuiteError) as caught:
        RealRun(recipe, tmp_path, 0, said).train(["a"], recipe.stages)
    assert str(caught.value) == (
        "Stage 'connector': a step of 4 rows is no multiple of 3 cards with 2 rows each; use "
        "another number of cards, or change `per_device`."
    )


def test_models_that_do_not_fit_are_said(toy: Path, tmp_path: Path) -> None:
    def message(**changes: Any) -> str:
        recipe = recipe_with(toy, tmp_path, "vit").model_copy(update=changes)
        with pytest.raises(SuiteError) as caught:
            model.initial(recipe, "a", 0)
        return str(caught.value).replace(str(toy), "TOY")

    vision = load_real(str(toy / "toy.yaml")).vision  # type: ignore[union-attr]
    sizes = load_real(str(toy / "toy.yaml")).sizes  # type: ignore[union-attr]
    assert message(vision=vision.model_copy(update={"layers": 4})) == (
        "Recipe 'toy' keeps 4 layers of an encoder that has 3; lower `vision.layers`."
    )
    assert message(vision=vision.model_copy(update={"model": "./text"})) == (
        "Recipe 'toy': the model ./text is of the kind 'qwen3'; a 'siglip_vision_model' is needed."
    )
    assert message(vision=vision.model_copy(update={"model": "./none"})) == (
        "Recipe 'toy': the model ./none is no folder with a config.json; check the path TOY/none."
    )
    other = sizes["a"].model_copy(update={"config": {"hidden_size": 64}})
    assert message(sizes={"a": other}) == (
        "Recipe 'toy': the model ./text has hidden_size 32, and the recipe says 64; name the "
        "checkpoint that the recipe is for, or change its `config`."
    )


def test_an_encoder_may_be_that_of_a_whole_siglip(toy: Path, tmp_path: Path) -> None:
    """As it is published: eyes and words in one checkpoint, of which the eyes are taken."""
    from transformers import SiglipConfig, SiglipModel, SiglipVisionModel

    eyes = SiglipVisionModel.from_pretrained(toy / "siglip")
    words = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
             "num_attention_heads": 2, "vocab_size": 9, "projection_size": 16}  # fmt: skip
    whole = SiglipModel(SiglipConfig(text_config=words, vision_config=eyes.config.to_dict()))
    own = dict(whole.named_parameters())
    with torch.no_grad():
        for name, value in eyes.named_parameters():
            own[f"vision_model.{name.removeprefix('vision_model.')}"].copy_(value)
    whole.save_pretrained(tmp_path / "whole")
    recipe = recipe_with(toy, tmp_path, "vit")
    other = recipe.vision.model_copy(update={"model": str(tmp_path / "whole")})
    first, second = (
        model.initial(one, "a", 0)[0].state_dict()
        for one in (recipe, recipe.model_copy(update={"vision": other}))
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_model_of_the_hub_is_taken_as_it_is_there(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recipe has only what a plan counts with; the rest, such as the base of the positions,
    comes from the checkpoint."""
    from transformers import AutoConfig

    recipe = recipe_with(toy, tmp_path, "vit")
    said_of = {"hidden_size": 32, "num_hidden_layers": 2}
    hub = recipe.sizes["a"].model_copy(update={"text": "owner/text", "config": said_of})
    recipe = recipe.model_copy(update={"sizes": {"a": hub}})
    there = AutoConfig.from_pretrained(toy / "text")
    there.rope_parameters = {"rope_type": "default", "rope_theta": 1234.0}
    read = AutoConfig.from_pretrained

    def fetched(name: str) -> Any:
        return there if name == "owner/text" else read(name)

    monkeypatch.setattr(AutoConfig, "from_pretrained", fetched)
    assert model.config_of(recipe, "a").text_config.rope_parameters["rope_theta"] == 1234.0
    planned = model.config_of(recipe, "a", fetch=False).text_config
    assert planned.rope_parameters["rope_theta"] != 1234.0
    hub.config["num_hidden_layers"] = 3  # type: ignore[index]
    with pytest.raises(SuiteError) as caught:
        model.config_of(recipe, "a")
    assert "has num_hidden_layers 2, and the recipe says 3" in str(caught.value)


def test_a_checkpoint_of_several_cards_is_not_gone_on_with_on_one(
    toy: Path, tmp_path: Path
) -> None:
    recipe = recipe_with(toy, tmp_path, "connector")
    shards = tmp_path / "out" / "connector-a" / "checkpoints" / "checkpoint-2"
    (shards / "pytorch_model_fsdp_0").mkdir(parents=True)
    (shards / "trainer_state.json").write_text("{}")
    (tmp_path / "out" / "connector-a" / "stage.json").write_text("{}")
    with pytest.raises(SuiteError) as caught:
        RealRun(recipe, tmp_path / "out", 0, said).train(["a"], recipe.stages)
    assert str(caught.value) == (
        "Stage 'connector' of size 'a' was begun on several cards, whose checkpoint cannot go on "
        f"with one; use as many as before, or remove {tmp_path}/out/connector-a."
    )


def test_every_stage_reads_images_with_pillow(trained: Path, recipe: RealRecipe) -> None:
    """Read back from the folder before, the processor would resize with torchvision."""
    from transformers import LlavaOnevisionImageProcessorPil

    first = model.initial(recipe, "a", 0)[1]
    later = RealRun(recipe, trained, 0, said)._start(recipe.stage("vit"), "a", 0)[1]
    for processor in (first, later):
        assert type(processor.image_processor) is LlavaOnevisionImageProcessorPil
    assert later.image_token_id == first.image_token_id
    assert len(later.tokenizer) == len(first.tokenizer)


def test_the_template_of_the_checkpoint_is_that_of_the_training(trained: Path) -> None:
    from suite.models.transformers.onevision import TEMPLATE

    folder = trained / "vit-a" / "model"
    assert (folder / "chat_template.jinja").read_text() == TEMPLATE
    assert json.loads((folder / "tokenizer_config.json").read_text()).get(
        "chat_template", TEMPLATE
    ) == (TEMPLATE)
