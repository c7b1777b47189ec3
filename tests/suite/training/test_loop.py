"""One stage of training: order of rows, rates, gates, curves, and going on after a kill."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import TrainingArguments

from suite.training import loop
from suite.training.micro import data, models
from suite.training.micro.tokenizer import IMAGE, PAD, Encoder
from suite.training.recipe import Stage
from suite.training.run import _text, _vision
from tasks.micro.scene import TRAIN


class Line(nn.Module):
    """Predicts a number from a number; remembers the order in which it saw them."""

    def __init__(self) -> None:
        super().__init__()
        self.multi_modal_projector = nn.Linear(1, 1)
        self.rest = nn.Linear(1, 1)
        self.seen: list[int] = []
        with torch.no_grad():
            for p in self.parameters():
                p.fill_(0.5)

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Squared error."""
        self.seen += x.flatten().int().tolist()
        out = self.rest(self.multi_modal_projector(x / 100))
        return {"loss": ((out - labels) ** 2).mean(), "logits": out}


def collate(rows: list[int]) -> dict[str, Tensor]:
    """Numbers as a batch."""
    x = torch.tensor(rows, dtype=torch.float32)[:, None]
    return {"x": x, "labels": x / 50}


def job(folder: Path, measure: Callable[[Any], float] = lambda model: 0.0, **changes: Any) -> Any:
    """A job of 12 steps of 2 rows, with a checkpoint every 4."""
    fields = {"name": "line", "kind": "text", "steps": 12, "batch": 2, "rate": 0.1, "evaluate": 4}
    return loop.Job(
        stage=Stage.model_validate({**fields, **changes}),
        model=Line(),
        rows=data.Rows(lambda i: i, 24),  # type: ignore[arg-type, return-value]
        collate=collate,
        measure=lambda model: {"score": measure(model)},
        metric="score",
        rate=0.1,
        seed=0,
        folder=folder,
        workers=0,
        say=lambda line: None,
    )


def curve(folder: Path) -> list[dict[str, float]]:
    """The points of the curve."""
    return [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]


def values(model: nn.Module) -> list[float]:
    """All weights."""
    return [v for p in model.parameters() for v in p.detach().flatten().tolist()]


def test_row_i_belongs_to_step_i_over_batch(tmp_path: Path) -> None:
    made = job(tmp_path)
    outcome = loop.run(made)
    assert made.model.seen == list(range(24))
    assert (outcome.steps, outcome.passed) == (12, True)
    assert outcome.final["score"] == 0.0
    assert [p["step"] for p in curve(tmp_path)] == [4, 8, 12]


def test_optimizer_groups_by_hand(tmp_path: Path) -> None:
    made = job(tmp_path, connector=2.0, weight_decay=0.3)
    made.model.rest.bias.requires_grad_(False)
    groups = loop._optimizer(made).param_groups
    told = {(g["lr"], g["weight_decay"]): len(g["params"]) for g in groups}
    assert told == {(0.2, 0.3): 1, (0.2, 0.0): 1, (0.1, 0.3): 1}
    assert groups[0]["betas"] == (0.9, 0.98)


def test_muon_takes_the_matrices_between_embeddings_and_head(tmp_path: Path) -> None:
    made = replace(job(tmp_path, connector=2.0, weight_decay=0.3, optimizer="muon"), model=Words())
    optimizer = loop._optimizer(made)
    muon, adamw = optimizer.parts  # type: ignore[attr-defined]
    assert (type(muon).__name__, type(adamw).__name__) == ("Muon", "AdamW")
    assert [(g["lr"], g["weight_decay"]) for g in muon.param_groups] == [(0.1, 0.3)]
    assert [p.shape for g in muon.param_groups for p in g["params"]] == [(3, 2)]
    assert sorted(p.shape for g in adamw.param_groups for p in g["params"]) == [
        (3,), (5, 2), (5, 3),
    ]  # fmt: skip
    assert optimizer.param_groups == [*muon.param_groups, *adamw.param_groups]
    for group in optimizer.param_groups:  # as a scheduler does
        group["lr"] = 0.7
    assert muon.param_groups[0]["lr"] == adamw.param_groups[0]["lr"] == 0.7
    optimizer.load_state_dict(optimizer.state_dict())
    for group in optimizer.param_groups:
        group["lr"] = 0.6
    assert muon.param_groups[0]["lr"] == adamw.param_groups[-1]["lr"] == 0.6


class Words(nn.Module):
    """Embedding, one matrix with a bias, head."""

    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(5, 2)
        self.up = nn.Linear(2, 3)
        self.lm_head = nn.Linear(3, 5, bias=False)


def test_a_process_drives_one_card(tmp_path: Path) -> None:
    """With two in sight the library would give each the rows of a step."""
    made = job(tmp_path)
    arguments = TrainingArguments(
        **loop.common(made, 4), per_device_train_batch_size=2, learning_rate=0.1
    )
    arguments._n_gpu = 2
    trainer = loop.trainer_of(made, arguments, lambda: loop._optimizer(made))
    assert trainer.args.train_batch_size == 2


def test_the_gate_ends_the_stage(tmp_path: Path) -> None:
    scores = iter([0.5, 0.99, 1.0])
    outcome = loop.run(job(tmp_path, lambda model: next(scores), gate=0.9))
    assert (outcome.steps, outcome.passed) == (8, True)
    assert outcome.final["score"] == 0.99


def test_a_gate_that_is_not_reached_is_told(tmp_path: Path) -> None:
    outcome = loop.run(job(tmp_path, lambda model: 0.5, gate=0.9))
    assert (outcome.steps, outcome.passed) == (12, False)


class Stop(Exception):
    """Stands for a kill."""


def stopped_at(step: int) -> Callable[[Any], float]:
    """A measure that kills the run at that step's measurement."""
    calls = iter(range(4, 100, 4))

    def measure(model: Any) -> float:
        if next(calls) == step:
            raise Stop
        return 0.0

    return measure


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("step", [8, 12])
def test_a_stopped_stage_goes_on_from_its_checkpoint(
    tmp_path: Path, step: int, optimizer: str
) -> None:
    whole = job(tmp_path / "whole", optimizer=optimizer)
    loop.run(whole)
    with pytest.raises(Stop):
        loop.run(job(tmp_path / "parts", stopped_at(step), optimizer=optimizer))
    again = job(tmp_path / "parts", optimizer=optimizer)
    outcome = loop.run(again)
    assert again.model.seen == list(range(2 * (step - 4), 24))  # the rows after the checkpoint
    assert values(again.model) == values(whole.model)
    assert outcome.steps == 12
    kept = [(p["step"], p["score"]) for p in curve(tmp_path / "parts")]
    assert kept == [(4, 0.0), (8, 0.0), (12, 0.0)]


def test_a_finished_stage_run_again_trains_nothing(tmp_path: Path) -> None:
    whole = job(tmp_path)
    first = loop.run(whole)
    again = job(tmp_path)
    second = loop.run(again)
    assert again.model.seen == []
    assert values(again.model) == values(whole.model)
    assert replace(second, seconds=0.0).steps == first.steps


def test_a_checkpoint_that_was_cut_short_is_passed_over(tmp_path: Path) -> None:
    """The trainer writes a checkpoint file by file, its state last; a kill may fall in between."""
    whole = job(tmp_path / "whole")
    loop.run(whole)
    with pytest.raises(Stop):
        loop.run(job(tmp_path / "parts", stopped_at(12)))
    (tmp_path / "parts" / "checkpoints" / "checkpoint-12").mkdir()
    again = job(tmp_path / "parts")
    loop.run(again)
    assert values(again.model) == values(whole.model)


def test_a_kill_after_the_gate_was_reached_changes_nothing(tmp_path: Path) -> None:
    """The last checkpoint is there and what comes after it, `done.json`, is not."""
    scores = iter([0.5, 0.99])
    whole = job(tmp_path, lambda model: next(scores), gate=0.9)
    first = loop.run(whole)
    again = job(tmp_path, lambda model: 1.0, gate=0.9)
    second = loop.run(again)
    assert second.steps == first.steps == 8
    assert second.passed
    assert values(again.model) == values(whole.model)


def test_every_point_of_the_curve_has_a_loss(tmp_path: Path) -> None:
    """NaN is no JSON, and the last point's loss is the last but one's."""
    loop.run(job(tmp_path))
    assert all(math.isfinite(p["loss"]) for p in curve(tmp_path))


def downhill(job: loop.Job) -> torch.optim.Optimizer:
    """Goes down the plain gradient, so that equal weights mean equal gradients."""
    return torch.optim.SGD(job.model.parameters(), lr=1.0)


def seen_in_pieces(
    kind: str, pieces: int, encode: Encoder, folder: Path, compiled: bool = False
) -> tuple[list[float], list[dict[str, float]]]:
    """Weights and curve after three steps of 8 rows down the plain gradient."""
    text = models.text_model(models.Shape(16, 1, 2, 8), encode.size, {"pad": 0, "eos": 1}, 0)
    make = partial(_text, encode, "language", 0, TRAIN, 0.5)
    net = text
    if kind == "vision":
        tower = models.vision_model(72, 24, 8, 1, 0)
        statistics = torch.zeros(8), torch.eye(8)
        net = models.llava_model(text, tower, encode.ids[IMAGE], statistics, 0)
        make = partial(_vision, encode, 9, "extract", 0.35, None, "extract", 0, TRAIN)
    made = replace(
        job(folder, batch=8, steps=3, evaluate=1),
        model=net,
        rows=data.ByLength(data.Rows(make, 24), 8),
        collate=data.TokenCollator(encode.ids[PAD]),
        pieces=pieces,
        compiled=compiled,
    )
    loop.run(made)
    return values(net), [{**p, "seconds": 0.0} for p in curve(folder)]


def assert_alike(
    one: tuple[list[float], list[dict[str, float]]],
    other: tuple[list[float], list[dict[str, float]]],
) -> None:
    """Two trainings end with the same weights, and every step has the same loss."""
    (weights, points), (known, expected) = one, other
    torch.testing.assert_close(torch.tensor(weights), torch.tensor(known), rtol=1e-4, atol=1e-6)
    assert [p["loss"] for p in points] == pytest.approx([p["loss"] for p in expected], rel=1e-5)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU takes a step whole")
@pytest.mark.parametrize("kind", ["text", "vision"])
def test_a_step_in_pieces_is_the_step_in_one(
    kind: str, encode: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_optimizer", downhill)
    whole = seen_in_pieces(kind, 1, encode, tmp_path / "whole")
    parts = seen_in_pieces(kind, 4, encode, tmp_path / "parts")
    assert_alike(parts, whole)
    assert len({p["loss"] for p in parts[1]}) == 3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler looks at gradients that are not there
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("kind", ["text", "vision"])
def test_compiled_layers_take_the_same_steps(
    kind: str, encode: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_optimizer", downhill)
    eager = seen_in_pieces(kind, 4, encode, tmp_path / "eager")
    kernels = seen_in_pieces(kind, 4, encode, tmp_path / "compiled", compiled=True)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    assert_alike(kernels, eager)
