"""Trains the stages of a recipe of real sizes, on one card or several, each from its checkpoint.

In: a RealRecipe and a working folder. Out: `STAGE-SIZE/model`, a LLaVA-OneVision folder with its
processor and a card, beside the stage's curve. Run it as `downscale train RECIPE`, on several cards
as `torchrun --nproc-per-node N -m suite train RECIPE`: the weights are then sharded over them.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments
from transformers.modeling_layers import GradientCheckpointingLayer

from suite.base.files import file_hash, write_whole
from suite.errors import SuiteError
from suite.models.transformers.onevision import processor_of
from suite.training import loop
from suite.training.recipe import DONE, MADE_OF, check_made_of
from suite.training.vlm import data, model
from suite.training.vlm.chat import Collator
from suite.training.vlm.data import Conversation
from suite.training.vlm.recipe import PARTS, RealRecipe, Stage

SHARDS = {"version": 2, "state_dict_type": "SHARDED_STATE_DICT"}
"""FSDP of torch's second make."""
FREE = {"source", "evaluate", "per_device", "checkpointing"}
"""Keys of a stage that may change while it is trained: they do not say what is learned."""


class Rows(Dataset[Conversation]):
    """The rows of all steps, one after another."""

    def __init__(self, rows: Sequence[Conversation], order: Sequence[int]) -> None:
        self.rows, self.order = rows, order

    def __len__(self) -> int:
        """Rows of all steps."""
        return len(self.order)

    def __getitem__(self, index: int) -> Conversation:
        """The row, the same every time."""
        return self.rows[self.order[index]]


class RealRun:
    """The state of one training of real sizes on disk."""

    def __init__(
        self, recipe: RealRecipe, out: Path, workers: int, say: Callable[[str], None]
    ) -> None:
        self.recipe, self.out, self.workers = recipe, out, workers
        self.first = int(os.environ.get("RANK", "0")) == 0
        self._hashes: dict[str, str] = {}
        self.say = say if self.first else lambda line: None

    def train(self, sizes: Sequence[str], stages: Sequence[Stage]) -> list[Path]:
        """Runs the stages for the sizes, skipping what is finished; returns the model folders.

        What can be wrong with recipe, data and models is looked for before the first step of any.
        """
        waiting = [(stage, size) for size in sizes for stage in stages]
        for stage, size in waiting:
            for past in self.recipe.chain(stage):
                check_made_of(self.folder(past, size), self._made_of(past, size))
        todo = [pair for pair in waiting if not (self.folder(*pair) / DONE).exists()]
        for stage, size in todo:
            self._check(stage, size, todo)
        for stage in {stage.name: stage for stage, _ in todo}.values():
            self._check_rows(stage, todo[0][1], data.conversations(self.recipe, stage))
        for stage, size in todo:  # rows are read again: those of all stages may fill the memory
            self._stage(stage, size, data.conversations(self.recipe, stage))
        return [self.folder(*pair) / "model" for pair in waiting]

    def folder(self, stage: Stage, size: str) -> Path:
        """Says where a stage of a size lives."""
        return self.out / f"{stage.name}-{size}"

    def _made_of(self, stage: Stage, size: str) -> dict[str, Any]:
        """What determines a stage's weights: models by name, the rows of it and of all that it
        starts from, and the content of their data, as far as they are still there."""
        recipe = self.recipe
        made: dict[str, Any] = {
            "text": recipe.sizes[size].text,
            "vision": recipe.vision.model_dump(exclude={"config"}),
            "tiles": recipe.tiles,
            "most_tiles": recipe.most_tiles,
        }
        for past in recipe.chain(stage):
            row = past.model_dump(mode="json", exclude=FREE) | {"seed": recipe.seed_of(past)}
            row["data"] = [{"file": source.file, "take": source.take} for source in past.data]
            of = "" if past is stage else f" of {past.name}"
            made |= {f"{key}{of}": value for key, value in row.items()}
            for file in (source.file for source in past.data):
                if file not in self._hashes and (recipe.folder / file).is_file():
                    self._hashes[file] = file_hash(recipe.folder / file)
                if file in self._hashes:
                    made[f"the SHA-256 of {file}"] = self._hashes[file]
        return made

    def _check(self, stage: Stage, size: str, todo: Sequence[tuple[Stage, str]]) -> None:
        start = self.recipe.stage(stage.init) if stage.init else None
        if start and (start, size) not in todo and not (self.folder(start, size) / DONE).exists():
            raise SuiteError(
                f"Stage {stage.name!r} of size {size!r} starts from stage {start.name!r}, which is "
                f"not finished in {self.out}; run it first, or leave --stage out."
            )
        if start is None:
            model.check_tokenizer(self.recipe, size)
        reads = model.config_of(self.recipe, size).text_config.max_position_embeddings
        if stage.context > reads:
            raise SuiteError(
                f"Stage {stage.name!r} has a context of {stage.context:,} tokens, and the language "
                f"model of size {size!r} reads {reads:,}; lower `context`."
            )
        if stage.batch % (stage.per_device * cards()):
            raise SuiteError(
                f"Stage {stage.name!r}: a step of {stage.batch} rows is no multiple of "
                f"{cards()} cards with {stage.per_device} rows each; use another number of cards, "
                "or change `per_device`."
            )

    def _check_rows(self, stage: Stage, size: str, rows: Sequence[Conversation]) -> None:
        scheme = model.scheme_of(self.recipe, model.config_of(self.recipe, size).vision_config)
        for row in rows:
            most = scheme.at_most(len(row.images), stage.images == "anyres")
            if most >= stage.context:
                raise SuiteError(
                    f"{row.place}: its {len(row.images)} images may have {most:,} tokens, and "
                    f"stage {stage.name!r} has a context of {stage.context:,}; raise `context` or "
                    "remove the row."
                )
        data.steps_of(stage, len(rows))

    def _stage(self, stage: Stage, size: str, rows: Sequence[Conversation]) -> None:
        seed, folder = self.recipe.seed_of(stage), self.folder(stage, size)
        last = loop.last_checkpoint(folder / "checkpoints")
        if last and (last / loop.WEIGHTS).exists() == sharded():
            begun, now = ("one card", "several") if sharded() else ("several cards", "one")
            raise SuiteError(
                f"Stage {stage.name!r} of size {size!r} was begun on {begun}, whose checkpoint "
                f"cannot go on with {now}; use as many as before, or remove {folder}."
            )
        if self.first:
            made = json.dumps(self._made_of(stage, size), indent=1)
            write_whole(folder / MADE_OF, f"{made}\n")
        net, processor = self._start(stage, size, seed)
        model.prepare(net, stage)
        if stage.checkpointing:
            name = "activation" if hasattr(net, "activation_checkpointing_enable") else "gradient"
            getattr(net, f"{name}_checkpointing_enable")({"use_reentrant": False})
        scheme = model.scheme_of(self.recipe, net.config.vision_config)
        collate = Collator(processor, stage, scheme)
        trained, held_out = data.split(rows, stage, seed)
        steps = data.steps_of(stage, len(rows))
        job = loop.Job(
            stage=_Gateless(steps),  # type: ignore[arg-type]
            model=net,
            rows=Rows(trained, data.order(trained, stage, seed, steps)),
            collate=collate,
            measure=lambda now: held_out_of(now, held_out, collate, stage.per_device),
            metric="accuracy",
            rate=max(stage.rates.values()),
            seed=seed,
            folder=folder,
            workers=self.workers,
            say=lambda line: self.say(f"{stage.name} {size}: {line}"),
        )  # fmt: skip
        trainer = loop.trainer_of(job, arguments(job, stage), lambda: optimizer(net, stage))
        outcome = loop.go_on(job, trainer)
        self._keep(trainer, processor, stage, size, outcome)

    def _start(self, stage: Stage, size: str, seed: int) -> tuple[Any, Any]:
        if stage.init is None:
            return model.initial(self.recipe, size, seed)
        from transformers import AutoTokenizer, LlavaOnevisionForConditionalGeneration

        before = self.folder(self.recipe.stage(stage.init), size) / "model"
        net = LlavaOnevisionForConditionalGeneration.from_pretrained(before, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(before)
        return net, processor_of(net.config, tokenizer, str(before))

    def _keep(
        self, trainer: Trainer, processor: Any, stage: Stage, size: str, outcome: loop.Outcome
    ) -> None:
        """Writes model, processor, card and `done.json`, the last of all."""
        net: Any = trainer.accelerator.unwrap_model(trainer.model)
        folder = self.folder(stage, size)
        if sharded():
            net = _gathered(net, keep=self.first)
        if self.first:
            net.save_pretrained(folder / "model")
            processor.save_pretrained(folder / "model")
            counts = {
                part: sum(p.numel() for name, p in net.named_parameters()
                          if model.part_of(name) == part)
                for part in PARTS
            }  # fmt: skip
            done = {"seed": self.recipe.seed_of(stage), "parameters": counts, "cards": cards()}
            write_whole(folder / DONE, json.dumps(done | asdict(outcome), indent=1) + "\n")
            write_whole(folder / "model" / "README.md", self._card(stage, size))
        trainer.accelerator.wait_for_everyone()

    def _card(self, stage: Stage, size: str) -> str:
        """The model card: where it comes from, and settings and end of every stage before it."""
        chain = self.recipe.chain(stage)
        done = [json.loads((self.folder(s, size) / DONE).read_text()) for s in chain]
        counts = ", ".join(f"{part} {n:,}" for part, n in done[-1]["parameters"].items())
        rows = [
            f"| {s.name} | {', '.join(x.file for x in s.data)} | "
            f"{', '.join(f'{part} {rate:g}' for part, rate in s.rates.items())} | {s.batch} | "
            f"{d['steps']:,} | {d['seed']} | {d['cards']} | {d['seconds']:.0f} | "
            f"{d['final']['held_out_loss']:.4f} | {d['final']['accuracy']:.4f} |"
            for s, d in zip(chain, done)
        ]
        return "\n".join([
            "---", "library_name: transformers", "pipeline_tag: image-text-to-text", "---", "",
            f"# {self.recipe.title or self.recipe.recipe}, size {size}, stage {stage.name}", "",
            f"`LlavaOnevisionForConditionalGeneration` of {self.recipe.sizes[size].text} and "
            f"{self.recipe.vision.model}; parameters: {counts}. Trained by "
            f"`downscale train {self.recipe.recipe} --size {size}`.", "",
            "| stage | data | rates | rows a step | steps | seed | cards | seconds "
            "| held-out loss | accuracy |",
            "|" + "---|" * 10, *rows, "",
            "Loss and accuracy (share of the tokens that bear loss, teacher-forced) are of rows "
            "that the stage was not trained on.", "",
        ])  # fmt: skip


def _gathered(net: Any, keep: bool) -> Any:
    """A model of whole weights in the first process's memory, from shards; all must call it."""
    whole = {}
    for name, weight in net.state_dict().items():
        full = weight.full_tensor() if hasattr(weight, "full_tensor") else weight
        if keep:
            whole[name] = full.cpu()
    if not keep:
        return None
    with torch.device("meta"):
        plain = type(net)(net.config)
    plain.load_state_dict(whole, assign=True)
    plain.tie_weights()
    plain.generation_config = net.generation_config
    return plain


class _Gateless:
    """What the loop asks of a stage."""

    gate = None

    def __init__(self, steps: int) -> None:
        self.steps = steps


def cards() -> int:
    """Gives the number of processes that train together, one a card."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def sharded() -> bool:
    """Says whether weights, gradients and optimizer are shared out: accelerate does it on GPUs."""
    return cards() > 1 and torch.cuda.is_available()


def arguments(job: loop.Job, stage: Stage) -> TrainingArguments:
    """Gives the Trainer's settings of a stage: bfloat16 on CUDA, full shards over several cards."""
    cuda = torch.cuda.is_available()
    # Each is a unit of the shards. Left to itself the library looks for SigLIP's pooling head too.
    kinds = {
        type(m).__name__ for m in job.model.modules() if isinstance(m, GradientCheckpointingLayer)
    }
    layers = sorted(kinds)
    return TrainingArguments(
        **loop.common(job, stage.evaluate),
        per_device_train_batch_size=stage.per_device,
        gradient_accumulation_steps=stage.batch // (stage.per_device * cards()),
        learning_rate=job.rate,
        lr_scheduler_type=stage.schedule
        if stage.schedule != "constant"
        else "constant_with_warmup",
        warmup_steps=math.ceil(stage.warmup * job.stage.steps),
        weight_decay=stage.weight_decay,
        bf16=cuda,
        ddp_find_unused_parameters=True if cards() > 1 and not sharded() else None,
        fsdp="" if not sharded() else True,  # type: ignore[arg-type]
        fsdp_config=SHARDS | {"transformer_layer_cls_to_wrap": layers} if sharded() else None,
    )


def optimizer(net: Any, stage: Stage) -> torch.optim.Optimizer:
    """Makes AdamW with a rate for each part; norms and biases have no weight decay."""
    groups: dict[tuple[str, bool], list[Any]] = {}
    for name, weight in net.named_parameters():
        if weight.requires_grad:
            groups.setdefault((model.part_of(name), weight.ndim > 1), []).append(weight)
    return torch.optim.AdamW(
        [
            {"params": weights, "lr": stage.rates[part],
             "weight_decay": stage.weight_decay if matrix else 0.0}
            for (part, matrix), weights in groups.items()
        ],
        betas=(0.9, 0.999),
        eps=1e-8,
        fused=True,
    )  # fmt: skip


@torch.no_grad()
def held_out_of(
    net: Any, rows: Sequence[Conversation], collate: Collator, batch: int
) -> dict[str, float]:
    """Measures mean loss and share of right tokens, teacher-forced, over all that bear loss."""
    device = next(net.parameters()).device
    training = net.training
    net.eval()
    loss, right, count = 0.0, 0, 0
    for start in range(0, len(rows), batch):
        given = {k: v.to(device) for k, v in collate(rows[start : start + batch]).items()}
        labels = given.pop("labels")[:, 1:]
        logits = net(**given).logits[:, :-1].float()
        bears = labels != -100
        loss += float(
            torch.nn.functional.cross_entropy(logits[bears], labels[bears], reduction="sum")
        )
        right += int((logits[bears].argmax(-1) == labels[bears]).sum())
        count += int(bears.sum())
    net.train(training)
    return {"held_out_loss": loss / count, "accuracy": right / count}
