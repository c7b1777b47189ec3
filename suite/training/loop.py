"""One stage of training with the transformers Trainer: resumable, measured as it goes.

In: a `Job` (model, rows, rates, a folder). Out: the trained model in the job's folder, with
`curve.jsonl` (step, seconds, loss, held-out accuracies) and checkpoints from which a killed run
continues. Nothing is shuffled: row i of the stream belongs to step i // batch.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset, SequentialSampler
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from suite.training.recipe import Stage


@dataclass(frozen=True)
class Job:
    """All that one stage of one size needs."""

    stage: Stage
    model: Any
    rows: Dataset[Any]
    collate: Callable[[Any], dict[str, Any]]
    measure: Callable[[Any], dict[str, float]]
    metric: str
    """Name of the measure that the gate reads."""
    rate: float
    seed: int
    folder: Path
    workers: int
    say: Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """How a stage ended."""

    steps: int
    seconds: float
    final: dict[str, float]
    passed: bool
    """False when a gate was not reached."""


class _Sequential(Trainer):
    """A Trainer that reads its rows in order."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        rows: Any = train_dataset or self.train_dataset
        return SequentialSampler(rows)


class _Measure(TrainerCallback):
    """Measures on held-out rows, writes the curve, stops at the gate."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.curve = job.folder / "curve.jsonl"
        self.before = _spent(self.curve)
        self.started = time.monotonic()
        self.passed = False
        self.loss = float("nan")

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Drops points of the curve that come after the checkpoint to resume from."""
        kept = [p for p in _points(self.curve) if p["step"] <= state.global_step]
        self.before = kept[-1]["seconds"] if kept else 0.0
        self.curve.write_text("".join(json.dumps(p) + "\n" for p in kept))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Remembers the training loss for the next point."""
        self.loss = (logs or {}).get("loss", self.loss)

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> Any:
        """Every `evaluate` steps: one point of the curve; ends the stage at its gate."""
        job = self.job
        if state.global_step % job.stage.evaluate and state.global_step != job.stage.steps:
            return control
        measured = job.measure(model)
        seconds = self.before + time.monotonic() - self.started
        point = {"step": state.global_step, "seconds": round(seconds, 1), "loss": self.loss}
        with self.curve.open("a") as file:
            file.write(
                json.dumps({**point, **{k: round(v, 4) for k, v in measured.items()}}) + "\n"
            )
        shown = measured.get(job.metric, float("nan"))
        job.say(
            f"step {state.global_step}/{job.stage.steps}  loss {self.loss:.3f}  "
            f"{job.metric} {shown:.3f}  {seconds:.0f} s"
        )
        if job.stage.gate is not None and shown >= job.stage.gate:
            self.passed = True
            control.should_training_stop = True
        return control


def _points(curve: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in curve.read_text().splitlines()] if curve.exists() else []


def _spent(curve: Path) -> float:
    points = _points(curve)
    return points[-1]["seconds"] if points else 0.0


def run(job: Job) -> Outcome:
    """Trains the job's model in place, from its last checkpoint where there is one."""
    job.folder.mkdir(parents=True, exist_ok=True)
    stage = job.stage
    cuda = torch.cuda.is_available()
    decay = int(stage.decay * stage.steps)
    warmup = min(100, stage.steps // 10)
    arguments = TrainingArguments(
        output_dir=str(job.folder / "checkpoints"),
        per_device_train_batch_size=stage.batch,
        max_steps=stage.steps,
        learning_rate=job.rate,
        lr_scheduler_type="warmup_stable_decay",
        warmup_steps=warmup,
        lr_scheduler_kwargs={"num_decay_steps": decay, "decay_type": "linear"},
        adam_beta1=0.9,
        adam_beta2=0.98,
        weight_decay=stage.weight_decay,
        max_grad_norm=1.0,
        tf32=True if cuda else None,
        use_cpu=not cuda,
        seed=job.seed,
        data_seed=job.seed,
        logging_steps=max(1, min(100, stage.evaluate)),
        save_steps=stage.evaluate,
        save_total_limit=1,
        dataloader_num_workers=job.workers,
        dataloader_persistent_workers=job.workers > 0,
        dataloader_prefetch_factor=8 if job.workers else None,
        remove_unused_columns=False,
        report_to="none",
        disable_tqdm=True,
        label_names=["labels"],
    )
    callback = _Measure(job)
    trainer = _Sequential(
        model=job.model,
        args=arguments,
        train_dataset=job.rows,
        data_collator=job.collate,
        callbacks=[callback],
        optimizers=(_optimizer(job), None),
    )
    from transformers.trainer_callback import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    checkpoints = job.folder / "checkpoints"
    find: Any = get_last_checkpoint
    last = find(str(checkpoints)) if checkpoints.exists() else None
    trainer.train(resume_from_checkpoint=last)
    points = _points(callback.curve)
    final = points[-1] if points else {}
    return Outcome(
        steps=int(trainer.state.global_step),
        seconds=float(final.get("seconds", 0.0)),
        final={k: v for k, v in final.items() if k not in ("step", "seconds")},
        passed=callback.passed or stage.gate is None,
    )


def _optimizer(job: Job) -> torch.optim.Optimizer:
    """AdamW; the connector has a rate of its own, norms and biases no weight decay."""
    groups: dict[tuple[bool, bool], list[Any]] = {}
    for name, weight in job.model.named_parameters():
        if weight.requires_grad:
            key = ("multi_modal_projector" in name, weight.ndim > 1)
            groups.setdefault(key, []).append(weight)
    return torch.optim.AdamW(
        [
            {
                "params": weights,
                "lr": job.rate * (job.stage.connector if connector else 1.0),
                "weight_decay": job.stage.weight_decay if matrix else 0.0,
            }
            for (connector, matrix), weights in groups.items()
        ],
        betas=(0.9, 0.98),
        fused=True,
    )
