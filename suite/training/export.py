"""Finished stages -> standard Hugging Face folders with a model card each.

In: a training run's folder. Out: `text-SIZE` (Qwen3ForCausalLM and tokenizer), `vlm-SIZE` and
further perceivers such as `extract-SIZE` (LlavaForConditionalGeneration and LlavaProcessor),
safetensors, loadable by the auto classes; and a family file of the recipe's name for a study.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from suite.base.files import write_whole
from suite.models.spec import INSTRUCT
from suite.training.micro.tokenizer import IMAGE
from suite.training.recipe import DONE, Stage
from suite.training.run import TrainingRun

PARTS = ("text_config", "vision_config")
PROMPTS = "micro"
"""The prompt set in the language of the drawn world."""


def export(family: TrainingRun, sizes: Sequence[str], target: Path) -> list[Path]:
    """Writes every exported role of the sizes whose stage is done, and the family's file; returns
    the folders."""
    written = []
    rows: dict[str, dict[str, Any]] = {}
    for stage in family.recipe.stages:
        for size in sizes if stage.export else ():
            source = family.folder(stage.name, size)
            if (source / DONE).exists():
                family.check(stage, size)
                folder = _folder(family, stage, size, source, target)
                add_checkpoint(rows.setdefault(size, {}), family, stage, size, folder.name)
                written.append(folder)
    if written:
        write_family(family, rows, target)
    return written


def write_family(family: TrainingRun, rows: dict[str, dict[str, Any]], target: Path) -> None:
    """Writes the family's file from its sizes' rows, in the order of the recipe."""
    sizes = [{"name": size} | rows[size] for size in family.recipe.sizes if size in rows]
    file = {"family": family.recipe.recipe, "prompts": PROMPTS, "sizes": sizes}
    write_whole(target / f"{family.recipe.recipe}.yaml", yaml.safe_dump(file, sort_keys=False))


def add_checkpoint(
    row: dict[str, Any], family: TrainingRun, stage: Stage, size: str, folder: str
) -> None:
    """Adds a checkpoint to its size's row of the family's file; rows of training are those of all
    stages of pictures and words that made it."""
    row["params"] = family.language_parameters(size)
    if stage.export == "text":
        row["text"] = folder
        return
    name = INSTRUCT if stage.export == "vlm" else str(stage.export)
    seen = [past for past in family.recipe.chain(stage) if past.kind == "vision"]
    row.setdefault("vision_params", {})[name] = family.vision_parameters(stage)
    row.setdefault("vlms", {})[name] = folder
    row.setdefault("samples", {})[name] = sum(
        min(past.steps * past.batch, past.samples or math.inf) for past in seen
    )


def _folder(family: TrainingRun, stage: Stage, size: str, source: Path, target: Path) -> Path:
    out = target / f"{stage.export}-{size}"
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    model = _model(stage, source / "model")
    model.config.use_cache = True
    for part in (model.config, *(getattr(model.config, n, None) for n in PARTS)):
        if part is not None:
            part._name_or_path = ""  # where it was trained concerns nobody
    if stage.export != "text":
        model.config.text_config.use_cache = True
        _processor(family).save_pretrained(out)
    model.generation_config.pad_token_id = family.tokenizer.pad_token_id
    model.generation_config.eos_token_id = family.tokenizer.eos_token_id
    model.save_pretrained(out)
    family.tokenizer.save_pretrained(out)
    (out / "README.md").write_text(card(family, stage, size, model), encoding="utf-8")
    for file in out.iterdir():
        file.chmod(0o644)  # safetensors writes files that only their owner can read
    for curve in source.glob("attempt-*/curve.jsonl"):
        shutil.copy(curve, out / f"curve-{curve.parent.name}.jsonl")
    return out


def _model(stage: Stage, folder: Path) -> Any:
    from transformers import LlavaForConditionalGeneration, Qwen3ForCausalLM

    kind = Qwen3ForCausalLM if stage.export == "text" else LlavaForConditionalGeneration
    return kind.from_pretrained(folder)


def _processor(family: TrainingRun) -> Any:
    from transformers import LlavaProcessor, SiglipImageProcessor

    spec = family.recipe.encoder
    pictures = SiglipImageProcessor(
        size={"height": spec.side, "width": spec.side},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        do_convert_rgb=True,
    )
    make: Any = LlavaProcessor
    return make(
        image_processor=pictures,
        tokenizer=family.tokenizer,
        patch_size=spec.patch,
        vision_feature_select_strategy="full",
        chat_template=family.tokenizer.chat_template,
        image_token=IMAGE,
        num_additional_image_tokens=0,
    )


def history(family: TrainingRun, stage: Stage, size: str) -> list[tuple[Stage, dict[str, Any]]]:
    """Gives the stages that made a model, first to last, with what each one's `done.json` says."""
    return [
        (past, json.loads((family.folder(past.name, size) / DONE).read_text()))
        for past in family.recipe.chain(stage)
    ]


def card(family: TrainingRun, stage: Stage, size: str, model: Any) -> str:
    """Gives the model card: data, seeds, steps, seconds, final held-out figures of every stage."""
    parameters = sum(p.numel() for p in model.parameters())
    language = getattr(model.model, "language_model", model)
    of_language = sum(p.numel() for p in language.parameters())
    role = {"text": "reasoning and instruct module", "vlm": "perception and end-to-end module"}.get(
        str(stage.export), "perception module"
    )
    lines = [
        "---",
        "license: mit",
        "library_name: transformers",
        "---",
        "",
        f"# Micro {stage.export}, size {size}",
        "",
        f"{role.capitalize()} of the micro family: `{type(model).__name__}`, "
        f"{parameters:,} parameters, of which {of_language:,} in the language model.",
        "",
        f"Trained by `downscale train {family.recipe.recipe}` on scenes, descriptions and "
        "questions that the micro world draws (tasks/micro); no outside data but scikit-learn's "
        "handwritten digits. It knows that world's few hundred words and nothing else.",
        "",
        "| stage | seed | rows a step | steps | seconds | reached |",
        "|---|---|---|---|---|---|",
    ]
    kept: dict[str, float] = {}
    for past, done in history(family, stage, size):
        for number, attempt in enumerate(done["attempts"]):
            final = {k: v for k, v in attempt["final"].items() if k != "loss"}
            if number == done.get("kept", len(done["attempts"]) - 1):
                kept = final
            means = ("recall", "readers", "think", "direct")
            reached = ", ".join(f"{k} {final[k]:.3f}" for k in means if k in final)
            note = reached if attempt["passed"] else f"{reached} (gate not reached)"
            lines.append(
                f"| {past.name} | {attempt['seed']} | {past.batch} | {attempt['steps']} "
                f"| {attempt['seconds']:.0f} | {note} |"
            )
    lines += [
        "",
        "Held-out accuracy at the end, strict (every token of the turn, teacher-forced), by kind "
        "of question; `/think` includes the whole trace:",
        "",
        "| kind | accuracy |",
        "|---|---|",
        *(f"| {kind} | {value:.3f} |" for kind, value in kept.items()),
        "",
    ]
    return "\n".join(lines)
