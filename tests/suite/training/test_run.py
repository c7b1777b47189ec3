"""A family of one size trained end to end in a few steps, exported, and loaded as a user would."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from suite.errors import SuiteError
from suite.models.family import load_family
from suite.training import run as family
from suite.training.export import export, history
from suite.training.micro import data
from suite.training.micro.tokenizer import IMAGE
from suite.training.recipe import Recipe, load_recipe
from suite.training.run import TrainingRun
from tasks.micro import draw
from tasks.micro.lessons import vision_lesson
from tasks.micro.scene import TRAIN

STAGES = ("encoder", "recall", "text", "vit")


@pytest.fixture(scope="module")
def trained(mini: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrainingRun]:
    """All stages done, measured on a few held-out rows."""
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(family, "HELD_OUT_ROWS", 12)
        made = TrainingRun(
            load_recipe(str(mini)), tmp_path_factory.mktemp("family"), 0, said.append
        )
        made.said = said  # type: ignore[attr-defined]
        made.train(["a"], STAGES)
        yield made


@pytest.fixture(scope="module")
def exported(trained: TrainingRun) -> list[Path]:
    """The folders that are shipped."""
    return export(trained, ["a"], trained.out / "export")


def said_at_the_end(made: TrainingRun, stage: str, size: str = "a") -> dict[str, Any]:
    """What a finished stage says of itself."""
    said: dict[str, Any] = json.loads((made.folder(stage, size) / "done.json").read_text())
    return said


def done(made: TrainingRun, stage: str, size: str = "a") -> list[dict[str, Any]]:
    """The attempts of a finished stage."""
    attempts: list[dict[str, Any]] = said_at_the_end(made, stage, size)["attempts"]
    return attempts


def test_stages_say_how_they_went(trained: TrainingRun) -> None:
    said: list[str] = trained.said  # type: ignore[attr-defined]
    assert [line.split(":")[0] for line in said] == [
        "encoder shared", "encoder shared",
        "recall a", "recall a", "recall a", "recall a", "recall a", "recall a",
        "text a", "text a", "vit a", "vit a",
    ]  # fmt: skip
    assert said[0].startswith("encoder shared: step 2/4  loss ")
    assert said[4] == "recall a: gate 0.98 not reached, trying again"


def test_a_gate_that_is_not_reached_is_tried_again_and_reported(trained: TrainingRun) -> None:
    attempts = done(trained, "recall")
    assert [(a["seed"], a["scale"], a["passed"], a["steps"]) for a in attempts] == [
        (3, 1.0, False, 4),
        (4003, 0.5, False, 4),
    ]
    reached = [attempt["final"]["recall"] for attempt in attempts]
    assert said_at_the_end(trained, "recall")["kept"] == reached.index(max(reached))
    for stage, size in (("encoder", "shared"), ("text", "a"), ("vit", "a")):
        (attempt,) = done(trained, stage, size)
        assert attempt["passed"] is True
        assert attempt["steps"] == 4


def test_curves_hold_a_point_every_evaluation(trained: TrainingRun) -> None:
    for stage, size, metric in (("encoder", "shared", "readers"), ("recall", "a", "recall"),
                                ("text", "a", "think"), ("vit", "a", "direct")):  # fmt: skip
        curve = trained.folder(stage, size) / "attempt-0" / "curve.jsonl"
        points = [json.loads(line) for line in curve.read_text().splitlines()]
        assert [p["step"] for p in points] == [2, 4]
        assert all(0 <= p[metric] <= 1 for p in points)
        assert math.isfinite(points[-1]["loss"])
        assert points[0]["seconds"] <= points[1]["seconds"]


def test_a_finished_family_trains_nothing_again(trained: TrainingRun) -> None:
    before = {p: p.stat().st_mtime_ns for p in trained.out.rglob("*") if p.is_file()}
    trained.train(["a"], STAGES)
    assert {p: p.stat().st_mtime_ns for p in before} == before


@pytest.mark.parametrize("name", ["recall", "text", "vit"])
def test_a_stage_taken_up_at_its_last_checkpoint_has_its_weights(
    trained: TrainingRun, tmp_path: Path, name: str
) -> None:
    """As after a kill between the last checkpoint and the end of the stage."""
    stage, work = trained.recipe.stage(name), tmp_path / "attempt"
    kept = said_at_the_end(trained, name)["kept"]
    shutil.copytree(trained.folder(name, "a") / f"attempt-{kept}", work)
    model, outcome, _ = trained._attempt(stage, "a", trained.recipe.seed, 1.0, work)
    kind = "LlavaForConditionalGeneration" if name == "vit" else "Qwen3ForCausalLM"
    finished = _model(trained, name, kind).state_dict()
    assert outcome.steps == 4
    for key, weight in model.state_dict().items():
        assert torch.equal(weight, finished[key]), key


def test_the_tower_is_frozen_and_the_rest_learns(trained: TrainingRun) -> None:
    from transformers import LlavaForConditionalGeneration, Qwen3ForCausalLM, SiglipVisionModel

    tower = SiglipVisionModel.from_pretrained(trained.folder("encoder", "shared") / "model")
    llava = LlavaForConditionalGeneration.from_pretrained(trained.folder("vit", "a") / "model")
    text = Qwen3ForCausalLM.from_pretrained(trained.folder("text", "a") / "model")
    kept = llava.model.vision_tower.state_dict()
    for name, weight in tower.state_dict().items():
        assert torch.equal(kept[name], weight), name
    learned = llava.model.language_model.state_dict()
    assert any(not torch.equal(learned[n], w) for n, w in text.model.state_dict().items())


def test_exported_folders_are_standard_and_hold_safetensors_alone(exported: list[Path]) -> None:
    assert [p.name for p in exported] == ["text-a", "vlm-a"]
    for folder in exported:
        files = {p.name for p in folder.rglob("*") if p.is_file()}
        assert {"model.safetensors", "config.json", "generation_config.json", "tokenizer.json",
                "tokenizer_config.json", "README.md", "curve-attempt-0.jsonl"} <= files  # fmt: skip
        assert not {n for n in files if n.endswith((".bin", ".pt", ".pth", ".pkl", ".ckpt"))}
        assert "chat_template.jinja" in files


@torch.no_grad()
def test_exported_text_model_loads_and_answers(trained: TrainingRun, exported: list[Path]) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model: Any = AutoModelForCausalLM.from_pretrained(exported[0])
    load: Any = AutoTokenizer.from_pretrained
    tokenizer = load(exported[0])
    assert type(model).__name__ == "Qwen3ForCausalLM"
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the largest?"}], tokenize=False,
        add_generation_prompt=True, enable_thinking=True,
    )  # fmt: skip
    inputs = tokenizer(text, return_tensors="pt", add_special_tokens=False)
    out = model.generate(**inputs, max_new_tokens=5, do_sample=False)
    assert out.shape[1] > inputs["input_ids"].shape[1]
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id
    trained_weights = dict(_model(trained, "text", "Qwen3ForCausalLM").state_dict().items())
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, trained_weights[name])


def _model(made: TrainingRun, stage: str, kind: str) -> Any:
    import transformers

    return getattr(transformers, kind).from_pretrained(made.folder(stage, "a") / "model")


@torch.no_grad()
def test_exported_vlm_loads_with_its_processor_and_scores_as_in_training(
    trained: TrainingRun, exported: list[Path]
) -> None:
    """Pictures and chat through the processor give the logits of the training row."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model: Any = AutoModelForImageTextToText.from_pretrained(exported[1]).eval()
    load: Any = AutoProcessor.from_pretrained
    processor = load(exported[1])
    assert type(model).__name__ == "LlavaForConditionalGeneration"
    lesson = vision_lesson("vit", 0, 1)
    assert lesson.scenes
    content = [{"type": "image"}] * len(lesson.scenes)
    user = [*content, {"type": "text", "text": lesson.turns[0].user}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": user}], add_generation_prompt=True, enable_thinking=False
    )
    pictures = [Image.fromarray(draw.draw(s)) for s in lesson.scenes]
    given = processor(text=text, images=pictures, return_tensors="pt")
    row = data.lesson_row(lesson, trained.encode, trained.patches**2)
    prompt = row.spans[0][2]
    assert given["input_ids"][0].tolist() == row.ids[:prompt]
    assert (given["input_ids"] == trained.encode.ids[IMAGE]).sum() == 9 * len(pictures)
    batch = data.TokenCollator(0)([row])
    ours = (
        _model(trained, "vit", "LlavaForConditionalGeneration")
        .eval()(input_ids=batch["input_ids"], pixel_values=batch["pixel_values"])
        .logits[:, :prompt]
    )
    theirs = model(**given).logits
    assert torch.allclose(ours, theirs, atol=1e-5)
    out = model.generate(**given, max_new_tokens=3, do_sample=False)
    assert out.shape[1] > prompt


def test_cards_tell_stages_steps_and_figures(trained: TrainingRun, exported: list[Path]) -> None:
    for folder, stages in zip(exported, (("recall", "text"), STAGES), strict=True):
        card = (folder / "README.md").read_text()
        assert card.startswith("---\nlicense: mit\nlibrary_name: transformers\n---\n")
        rows = [line.split("|")[1:-1] for line in card.splitlines() if line.startswith("| ")]
        told = [[c.strip() for c in r] for r in rows]
        named = [r[0] for r in told if len(r) == 6 and r[0] != "stage"]
        assert list(dict.fromkeys(named)) == list(stages)
        for row in (r for r in told if r[0] in stages and len(r) == 6):
            recipe = trained.recipe.stage(row[0])
            assert row[2:4] == [str(recipe.batch), "4"]
            assert ("gate not reached" in row[5]) == (row[0] == "recall")
        attempt = done(trained, stages[-1])[0]
        figures = {r[0]: r[1] for r in told if len(r) == 2 and r[0] != "kind"}
        assert figures == {k: f"{v:.3f}" for k, v in attempt["final"].items() if k != "loss"}
    vlm = (exported[1] / "README.md").read_text()
    model = _model(trained, "vit", "LlavaForConditionalGeneration")
    assert f"{sum(p.numel() for p in model.parameters()):,} parameters" in vlm


def test_history_follows_the_chain_back(trained: TrainingRun) -> None:
    chain = history(trained, trained.recipe.stage("vit"), "a")
    assert [stage.name for stage, _ in chain] == list(STAGES)


def test_a_stage_without_its_predecessor_says_which(mini: Path, tmp_path: Path) -> None:
    made = TrainingRun(load_recipe(str(mini)), tmp_path, 0, print)
    with pytest.raises(SuiteError) as error:
        made.train(["a"], ["text"])
    assert str(error.value) == (
        f"Stage 'recall' of size 'a' is not finished in {tmp_path}; run it first."
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 9}, "encoder-shared was trained with seed: 3, where the recipe has 9"),
        (
            {"stages": {"recall": {"optimizer": "muon"}}},
            "recall-a was trained with optimizer: adamw, where the recipe has muon",
        ),
        (
            {"sizes": {"a": {"layers": 2}}},
            "recall-a was trained with shape: {'width': 16, 'layers': 1, 'heads': 2, "
            "'head_dim': 8}, where the recipe has {'width': 16, 'layers': 2, 'heads': 2, "
            "'head_dim': 8}",
        ),
    ],
    ids=["seed", "stage", "shape"],
)
def test_a_folder_of_another_recipe_is_refused(
    trained: TrainingRun, change: dict[str, Any], told: str
) -> None:
    """Its weights would be taken for what the recipe says now."""
    other = TrainingRun(changed(trained.recipe, change), trained.out, 0, print)
    with pytest.raises(SuiteError) as error:
        other.train(["a"], STAGES)
    expected = f"{trained.out}/{told}; give another --out, or remove that folder."
    assert str(error.value) == expected
    first = "connector" if "seed" in change else "text"
    for act in (lambda: other.train(["a"], [first]), lambda: export(other, ["a"], trained.out)):
        with pytest.raises(SuiteError, match=told.partition(" ")[2].partition(":")[0]):
            act()  # what starts from it has it inside
    assert not (trained.out / "connector-a").exists()
    assert not (trained.out / "text-a" / "config.json").exists()


def test_what_started_from_a_stage_before_that_was_trained_anew_is_refused(
    trained: TrainingRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(family, "HELD_OUT_ROWS", 4)
    shutil.copytree(trained.out, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "recall-a")
    recipe = changed(trained.recipe, {"stages": {"recall": {"batch": 2}}})
    with pytest.raises(SuiteError) as error:
        TrainingRun(recipe, tmp_path / "run", 0, lambda line: None).train(["a"], STAGES)
    assert str(error.value) == (
        f"{tmp_path / 'run'}/text-a was trained with batch of recall: 4, where the recipe has 2; "
        "give another --out, or remove that folder."
    )


@pytest.mark.parametrize("left", ["done.json", "attempt-0"])
def test_a_training_that_does_not_say_of_what_recipe_is_refused(
    trained: TrainingRun, tmp_path: Path, left: str
) -> None:
    (tmp_path / "recall-a" / left).mkdir(parents=True)
    with pytest.raises(SuiteError) as error:
        TrainingRun(trained.recipe, tmp_path, 0, print).train(["a"], ["recall"])
    assert str(error.value) == (
        f"{tmp_path}/recall-a holds a training, and no stage.json that says of what recipe; "
        "give another --out, or remove that folder."
    )


def test_a_setting_that_an_older_version_did_not_know_is_as_it_was(
    trained: TrainingRun, tmp_path: Path
) -> None:
    shutil.copytree(trained.out, tmp_path / "run")
    path = tmp_path / "run" / "vit-a" / "stage.json"
    made = json.loads(path.read_text())
    path.write_text(
        json.dumps({k: v for k, v in made.items() if k != "trainable" and " " not in k})
    )
    TrainingRun(trained.recipe, tmp_path / "run", 0, print).check(trained.recipe.stage("vit"), "a")


def test_another_sizes_rate_changes_nothing_for_a_size(
    trained: TrainingRun, tmp_path: Path
) -> None:
    """So a recipe of more sizes goes on in the same folder."""
    sizes = {**trained.recipe.sizes, "b": trained.recipe.sizes["a"]}
    rates = {s.name: {"a": trained.recipe.peak(s, "a"), "b": 0.5} for s in trained.recipe.stages}
    stages = [
        s if s.shared else s.model_copy(update={"rate": rates[s.name]})
        for s in trained.recipe.stages
    ]
    more = trained.recipe.model_copy(update={"sizes": sizes, "stages": tuple(stages)})
    TrainingRun(more, trained.out, 0, print).train(["a"], STAGES)
    shutil.copytree(trained.out / "recall-a", tmp_path / "recall-b")
    with pytest.raises(SuiteError, match=r"trained with rate: 0\.001, where the recipe has 0\.5"):
        TrainingRun(more, tmp_path, 0, print).train(["b"], ["recall"])


def changed(recipe: Recipe, change: dict[str, Any]) -> Recipe:
    sizes = {k: v.model_copy(update=change.get("sizes", {}).get(k, {}))
             for k, v in recipe.sizes.items()}  # fmt: skip
    stages = [s.model_copy(update=change.get("stages", {}).get(s.name, {})) for s in recipe.stages]
    seed = change.get("seed", recipe.seed)
    return recipe.model_copy(update={"sizes": sizes, "stages": tuple(stages), "seed": seed})


@pytest.fixture(scope="module")
def perceivers(trained: TrainingRun, tmp_path_factory: pytest.TempPathFactory) -> TrainingRun:
    """The same family with connector, caption and extract trained too."""
    out = tmp_path_factory.mktemp("perceivers") / "run"
    shutil.copytree(trained.out, out)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(family, "HELD_OUT_ROWS", 12)
        made = TrainingRun(trained.recipe, out, 0, lambda line: None)
        made.train(["a"], ["connector", "caption", "extract"])
    return made


@pytest.mark.parametrize(
    ("stage", "init", "learns"),
    [
        ("connector", "text", {"multi_modal_projector"}),
        ("caption", "vit", {"multi_modal_projector", "language_model"}),
        ("extract", "connector", {"multi_modal_projector", "language_model", "vision_tower"}),
    ],
)
def test_the_trainable_parts_learn_and_no_others(
    perceivers: TrainingRun, stage: str, init: str, learns: set[str]
) -> None:
    """Against the weights that the stage started from, to the bit."""
    made = _model(perceivers, stage, "LlavaForConditionalGeneration").model
    moved = set()
    for part in ("multi_modal_projector", "language_model", "vision_tower"):
        if init == "text" and part != "language_model":  # a connector starts from random weights
            continue
        kind = "Qwen3ForCausalLM" if init == "text" else "LlavaForConditionalGeneration"
        before = _model(perceivers, init, kind).model
        before = before if init == "text" else getattr(before, part)
        now = getattr(made, part).state_dict()
        if any(not torch.equal(now[n], w) for n, w in before.state_dict().items()):
            moved.add(part)
    assert moved == learns - ({"multi_modal_projector"} if init == "text" else set())


def test_perceivers_of_their_own_are_exported_beside_the_first(perceivers: TrainingRun) -> None:
    folders = export(perceivers, ["a"], perceivers.out / "export")
    assert [p.name for p in folders] == ["text-a", "vlm-a", "caption-a", "extract-a"]
    card = (folders[-1] / "README.md").read_text()
    told = [line.split("|")[1].strip() for line in card.splitlines() if line.startswith("| ")]
    assert [t for t in told if t in ("recall", "text", "vit", "connector", "extract")] == [
        "recall", "recall", "text", "connector", "extract", "extract",
    ]  # fmt: skip
    assert "| extract | 0." in card  # the last of them: accuracy by kind of turn


def test_the_familys_file_names_what_was_exported(perceivers: TrainingRun) -> None:
    """Rows of training by hand: 4 or 2 steps of 2 rows a stage of pictures."""
    export(perceivers, ["a"], perceivers.out / "export")
    made = load_family(perceivers.out / "export" / "mini.yaml")
    (size,) = made.sizes
    text = _model(perceivers, "text", "Qwen3ForCausalLM")
    assert (made.name, made.prompts, made.instruct) == ("mini", "micro", "a")
    assert size.params == sum(p.numel() for p in text.parameters())
    assert size.samples == {"instruct": 8, "caption": 12, "extract": 8}
    found = {name: spec.path.name for name, _, spec in size.checkpoints if spec.path}
    assert found == {"text": "text-a", "vlm": "vlm-a", "caption": "caption-a",
                     "extract": "extract-a"}  # fmt: skip


@pytest.mark.parametrize(
    ("taught", "prompt"),
    [("caption", "Describe the picture."), ("extract", "Describe the picture. Note ")],
)
def test_a_perceivers_rows_are_one_description(
    perceivers: TrainingRun, taught: str, prompt: str
) -> None:
    for i in range(20):
        lesson = vision_lesson("caption", 3, i, taught=taught)
        (turn,) = lesson.turns
        assert turn.user.startswith(prompt)
        row = family._vision(perceivers.encode, 9, taught, 0.0, None, "caption", 3, TRAIN, i)
        learned = [t for t, wanted in zip(row.ids, row.targets, strict=True) if wanted]
        assert learned == perceivers.encode(f"{turn.answer} <|im_end|>")
