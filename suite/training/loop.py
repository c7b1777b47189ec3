"""One stage of training with the transformers Trainer: resumable, measured as it goes.

In: a `Job` (model, rows, rates, a folder). Out: the trained model in the job's folder, with
`curve.jsonl` (step, seconds, loss, held-out accuracies) and checkpoints from which a killed run
continues. Nothing is shuffled: row i of the stream belongs to step i // batch.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model as load_weights
from safetensors.torch import save_model as save_weights
from torch.utils.data import Dataset, SequentialSampler
from transformers import Trainer, TrainerCallback, TrainingArguments

from suite.base.files import write_whole
from suite.training.recipe import Stage

WEIGHTS = "model.safetensors"
LAST_WRITTEN = "trainer_state.json"
"""The file that the Trainer writes last into a checkpoint: one without it is not whole."""


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
    compiled: bool = False
    """Whether torch.compile makes the kernels of the model's layers: the same numbers but for
    rounding."""
    pieces: int = 1
    """Parts of a step that a CPU takes one after another, each padded to its own longest row. Only
    for models whose loss is a mean over the targets of the whole step."""


@dataclass(frozen=True)
class Outcome:
    """How a stage ended."""

    steps: int
    seconds: float
    final: dict[str, float]
    passed: bool
    """False when a gate was not reached."""


class _Sequential(Trainer):
    """A Trainer that reads its rows in order, and whose checkpoints hold weights by module name.

    `save_pretrained` renames the weights of a LLaVA, and the Trainer's own loading then finds none
    of them and goes on with the initial ones without a word.
    """

    make_optimizer: Callable[[], torch.optim.Optimizer]

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Makes the job's optimizer, of weights that are not sharded yet."""
        if self.optimizer is None:
            self.optimizer = self.make_optimizer()
        return self.optimizer

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Writes the weights under the names that the modules have; shards write themselves."""
        if self.is_fsdp_enabled or not self.args.should_save:
            return
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        module: Any = self.model
        save_weights(module, str(folder / WEIGHTS))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        module: Any = model if model is not None else self.model
        load_weights(module, str(Path(resume_from_checkpoint) / WEIGHTS))

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        rows: Any = train_dataset or self.train_dataset
        return SequentialSampler(rows)


class _Measure(TrainerCallback):
    """Measures on held-out rows, writes the curve, stops at the gate."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.curve = job.folder / "curve.jsonl"
        self.before = 0.0
        self.started = time.monotonic()
        self.passed = False
        self.last: dict[str, float] = {}
        """The newest point of the curve."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Drops points of the curve that come after the checkpoint to resume from."""
        kept = [p for p in _points(self.curve) if p["step"] <= state.global_step]
        self.before = kept[-1]["seconds"] if kept else 0.0
        if state.is_world_process_zero:
            write_whole(self.curve, "".join(json.dumps(p) + "\n" for p in kept))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Has the last step measured, whatever its number."""
        control.should_log |= state.global_step >= state.max_steps
        return control

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Any = None, model: Any = None, **_: Any
    ) -> Any:
        """Adds a point to the curve every `evaluate` steps; ends the stage at its gate."""
        job = self.job
        if "loss" not in (logs or {}):  # the summary at the very end
            return control
        measured = {k: round(v, 4) for k, v in job.measure(model).items()}
        seconds = round(self.before + time.monotonic() - self.started, 1)
        point = {"step": state.global_step, "seconds": seconds, "loss": logs["loss"]}
        self.last = point | measured
        if state.is_world_process_zero:
            with self.curve.open("a") as file:
                file.write(json.dumps(self.last) + "\n")
        shown = measured.get(job.metric, float("nan"))
        job.say(
            f"step {state.global_step}/{job.stage.steps}  loss {logs['loss']:.3f}  "
            f"{job.metric} {shown:.3f}  {seconds:.0f} s"
        )
        if reached(job, self.last):
            self.passed = True
            control.should_training_stop = True
        return control


def reached(job: Job, point: dict[str, float]) -> bool:
    """Says whether a point of the curve passes the stage's gate."""
    gate = job.stage.gate
    return gate is not None and point.get(job.metric, float("-inf")) >= gate


def last_checkpoint(folder: Path) -> Path | None:
    """Gives the newest checkpoint that is whole; a kill may have cut the newest of all short."""
    whole = [p.parent for p in folder.glob(f"checkpoint-*/{LAST_WRITTEN}")]
    return max(whole, key=lambda p: int(p.name.rpartition("-")[2]), default=None)


def _points(curve: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in curve.read_text().splitlines()] if curve.exists() else []


def run(job: Job) -> Outcome:
    """Trains the job's model in place, from its last checkpoint where there is one."""
    stage = job.stage
    decay = int(stage.decay * stage.steps)
    if job.compiled:
        compile_layers(job.model)
    # A GPU computes padding for nothing, and would wait for the calls of every piece.
    pieces = 1 if torch.cuda.is_available() else math.gcd(stage.batch, job.pieces)
    arguments = TrainingArguments(
        **common(job, stage.evaluate),
        per_device_train_batch_size=stage.batch // pieces,
        gradient_accumulation_steps=pieces,
        learning_rate=job.rate,
        lr_scheduler_type="warmup_stable_decay",
        warmup_steps=min(100, stage.steps // 10),
        lr_scheduler_kwargs={"num_decay_steps": decay, "decay_type": "linear"},
        adam_beta1=0.9,
        adam_beta2=0.98,
        weight_decay=stage.weight_decay,
        bf16=stage.precision == "bfloat16",
    )
    return go_on(job, trainer_of(job, arguments, lambda: _optimizer(job)))


def compile_layers(model: torch.nn.Module) -> None:
    """Compiles each layer by itself, since equal ones share their kernels; lengths vary by step."""
    for layers in model.modules():
        if isinstance(layers, torch.nn.ModuleList):
            for layer in layers:
                layer.compile(dynamic=True)


def common(job: Job, evaluate: int) -> dict[str, Any]:
    """Gives the Trainer's settings that all stages share; `evaluate` is in steps."""
    cuda = torch.cuda.is_available()
    return {
        "output_dir": str(job.folder / "checkpoints"),
        "max_steps": job.stage.steps,
        "max_grad_norm": 1.0,
        "tf32": True if cuda else None,
        "use_cpu": not cuda,
        "seed": job.seed,
        "data_seed": job.seed,
        "logging_steps": evaluate,
        "save_steps": evaluate,
        "save_total_limit": 1,
        "dataloader_num_workers": job.workers,
        "dataloader_persistent_workers": job.workers > 0,
        "dataloader_prefetch_factor": 8 if job.workers else None,
        "remove_unused_columns": False,
        "report_to": "none",
        "disable_tqdm": True,
        "label_names": ["labels"],
    }


def trainer_of(
    job: Job, arguments: TrainingArguments, optimizer: Callable[[], torch.optim.Optimizer]
) -> Trainer:
    """Makes the Trainer of a job, which measures as it goes."""
    from transformers.trainer_callback import PrinterCallback

    job.folder.mkdir(parents=True, exist_ok=True)
    # Left to itself one process takes all cards that it sees, and a step has the rows of all.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    trainer = _Sequential(
        model=job.model,
        args=arguments,
        train_dataset=job.rows,
        data_collator=job.collate,
        callbacks=[_Measure(job)],
    )
    trainer.make_optimizer = optimizer
    trainer.remove_callback(PrinterCallback)
    return trainer


def go_on(job: Job, trainer: Trainer) -> Outcome:
    """Trains from the job's last checkpoint, where there is one."""
    callback = next(c for c in trainer.callback_handler.callbacks if isinstance(c, _Measure))
    last = last_checkpoint(job.folder / "checkpoints")
    step = int(last.name.rpartition("-")[2]) if last else 0
    stopped = [p for p in _points(callback.curve) if p["step"] == step and reached(job, p)]
    if last and stopped:  # killed after the gate was reached: nothing is left to train
        load_weights(job.model, str(last / WEIGHTS))
        return _outcome(job, stopped[-1], passed=True)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    point = callback.last or _points(callback.curve)[-1]
    return _outcome(job, point, passed=callback.passed or job.stage.gate is None)


def _outcome(job: Job, point: dict[str, float], *, passed: bool) -> Outcome:
    final = {k: v for k, v in point.items() if k not in ("step", "seconds")}
    return Outcome(int(point["step"]), float(point["seconds"]), final, passed)


def _optimizer(job: Job) -> torch.optim.Optimizer:
    """Makes the stage's optimizer: the connector has a rate of its own, norms and biases no weight
    decay, and Muon takes the matrices between embeddings and head where the stage asks for it."""
    groups: dict[tuple[bool, bool, bool], list[Any]] = {}
    for name, weight in job.model.named_parameters():
        if weight.requires_grad:
            matrix = weight.ndim > 1
            hidden = weight.ndim == 2 and "embed" not in name and "lm_head" not in name
            muon = job.stage.optimizer == "muon" and hidden
            groups.setdefault((muon, "multi_modal_projector" in name, matrix), []).append(weight)
    rows: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for (muon, connector, matrix), weights in groups.items():
        rate = job.rate * (job.stage.connector if connector else 1.0)
        decay = job.stage.weight_decay if matrix else 0.0
        rows[muon].append({"params": weights, "lr": rate, "weight_decay": decay})
    adamw = torch.optim.AdamW(rows[False], betas=(0.9, 0.98), fused=True)
    if not rows[True]:
        return adamw
    # The rate of AdamW serves both: updates are scaled to AdamW's usual size (arXiv:2502.16982).
    muon = torch.optim.Muon(rows[True], momentum=0.95, adjust_lr_fn="match_rms_adamw")
    return Together([muon, adamw])


class Together(torch.optim.Optimizer):
    """Several optimizers that step as one; schedulers and checkpoints see one."""

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self.parts = list(parts)
        super().__init__([g for part in parts for g in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        # A scheduler writes rates into these groups, and each part must see them.
        self.param_groups = [g for part in self.parts for g in part.param_groups]

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Lets every part take its step."""
        for part in self.parts:
            part.step(closure)

    def state_dict(self) -> dict[str, Any]:
        """Gives the state of every part."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes back what `state_dict` gave."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share()
