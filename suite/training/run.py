"""Trains a family by its recipe: every stage of every size, resumable, and exports the folders.

In: a Recipe and a working folder. Out: standard Hugging Face folders `text-SIZE` and `vlm-SIZE`
with a model card each. Run it as `downscale train micro --out checkpoints/micro`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from suite.base.files import write_whole
from suite.errors import SuiteError
from suite.training import loop
from suite.training.micro import data, measure, models
from suite.training.micro.tokenizer import END, IMAGE, PAD, Encoder, build_tokenizer
from suite.training.recipe import DONE, MADE_OF, SHARED, Recipe, Stage, check_made_of
from tasks.micro import lessons
from tasks.micro.scene import HELD_OUT, TRAIN, Domain

HELD_OUT_ROWS = 256
PIECES = 4
"""Of a step on a CPU. A step of extraction at size m takes .67 of the time that it takes whole, one
of instruction tuning .86, one of text .86 (results/training/time.csv)."""
WORDS = Path(lessons.__file__).parent / "words.txt"


class TrainingRun:
    """The state of one training run on disk."""

    def __init__(
        self,
        recipe: Recipe,
        out: Path,
        workers: int,
        say: Callable[[str], None],
        compiled: bool = False,
    ) -> None:
        self.recipe, self.out, self.workers, self.say = recipe, out, workers, say
        self.compiled = compiled
        self.tokenizer = build_tokenizer(vocabulary())
        # By id: the tokenizer lists its words in another order in every process.
        vocab: dict[str, int] = self.tokenizer.get_vocab()
        self.encode = Encoder(dict(sorted(vocab.items(), key=lambda pair: pair[1])))
        self.patches = recipe.encoder.side // recipe.encoder.patch
        torch.set_float32_matmul_precision("high" if torch.cuda.is_available() else "highest")

    def train(self, sizes: Sequence[str], stages: Sequence[str]) -> None:
        """Runs the named stages for the named sizes, skipping what is finished."""
        for stage in self.recipe.stages:
            if stage.name not in stages:
                continue
            for size in [SHARED] if stage.shared else sizes:
                self.check(stage, size)
                folder = self.folder(stage.name, size)
                if not (folder / DONE).exists():
                    made = json.dumps(self._made_of(stage, size), indent=1)
                    write_whole(folder / MADE_OF, made + "\n")
                    self._stage(stage, size)

    def folder(self, stage: str, size: str) -> Path:
        """Says where a stage of a size lives; one that is shared has no size."""
        return self.out / f"{stage}-{SHARED if self.recipe.stage(stage).shared else size}"

    def check(self, stage: Stage, size: str) -> None:
        """Raises SuiteError where the folder of a stage, or of one that it starts from, was made of
        other things than the recipe says now."""
        for past in self.recipe.chain(stage):
            check_made_of(self.folder(past.name, size), self._made_of(past, size))

    def _made_of(self, stage: Stage, size: str) -> dict[str, Any]:
        """What determines a stage's weights: the seed, and row and shape of it and of all that it
        starts from, which may be trained anew after it."""
        made: dict[str, Any] = {"seed": self.recipe.seed}
        for past in self.recipe.chain(stage):
            shape = self.recipe.shape(past, size)
            row = past.model_dump(mode="json", exclude={"export"})
            row["rate"] = self.recipe.peak(past, size)
            row["shape"] = shape.model_dump(exclude={"like"})
            of = "" if past is stage else f" of {past.name}"
            made |= {f"{key}{of}": value for key, value in row.items()}
        return made

    def _stage(self, stage: Stage, size: str) -> None:
        """Trains a stage, again where its gate was not reached, and keeps the best model."""
        first, folder = self.recipe.seed, self.folder(stage.name, size)
        attempts = [(first, 1.0), *((first + 1000 * r.seed, r.scale) for r in stage.retries)]
        found, tried = [], []
        for number, (seed, scale) in enumerate(attempts):
            work = folder / f"attempt-{number}"
            model, outcome, metric = self._attempt(stage, size, seed, scale, work)
            found.append((outcome.final.get(metric, 0.0), model))
            how = {"seed": seed, "scale": scale, "compiled": self.compiled}
            tried.append(how | asdict(outcome))
            if outcome.passed:
                break
            self.say(f"{stage.name} {size}: gate {stage.gate} not reached, trying again")
        best = max(range(len(found)), key=lambda number: found[number][0])
        kept = found[best][1]
        if stage.kind == "encoder":
            kept = kept.tower
        kept.cpu().save_pretrained(folder / "model", safe_serialization=True)
        write_whole(folder / DONE, json.dumps({"kept": best, "attempts": tried}, indent=1) + "\n")

    def _attempt(
        self, stage: Stage, size: str, seed: int, scale: float, work: Path
    ) -> tuple[Any, loop.Outcome, str]:
        def say(line: str) -> None:
            self.say(f"{stage.name} {size}: {line}")

        builder = {
            "encoder": self._encoder_job, "recall": self._recall_job,
            "text": self._text_job, "vision": self._vision_job,
        }[stage.kind]  # fmt: skip
        model, rows, collate, measured, metric = builder(stage, size, seed)
        rate = scale * self.recipe.peak(stage, size)
        job = loop.Job(
            stage, model, rows, collate, measured, metric, rate, seed, work, self.workers, say,
            self.compiled, PIECES if isinstance(rows, data.ByLength) else 1,
        )  # fmt: skip
        return model, loop.run(job), metric

    def _encoder_job(self, stage: Stage, size: str, seed: int) -> tuple[Any, ...]:
        model = models.Probe(self._new_tower(stage, seed), data.FIELDS)
        collate = data.ProbeCollator(self.patches)
        rows = data.Scenes(stage.name, seed, stage.steps * stage.batch)
        fresh = data.Scenes("held out", seed, HELD_OUT_ROWS, HELD_OUT)
        scenes = [fresh[i] for i in range(HELD_OUT_ROWS)]
        return (
            model, rows, collate,
            partial(measure.probe_accuracy, scenes=scenes, collate=collate), "readers",
        )  # fmt: skip

    def _token_job(
        self, model: Any, stage: Stage, make: Callable[[int], data.Row],
        fresh: Callable[[int], data.Row], metric: str,
    ) -> tuple[Any, ...]:  # fmt: skip
        pad = self.encode.ids[PAD]
        held_out = [fresh(i) for i in range(HELD_OUT_ROWS)]
        rows = data.ByLength(data.Rows(make, stage.steps * stage.batch, stage.samples), stage.batch)
        return (
            model, rows, data.TokenCollator(pad),
            partial(measure.turn_accuracy, rows=held_out, pad=pad), metric,
        )  # fmt: skip

    def _recall_job(self, stage: Stage, size: str, seed: int) -> tuple[Any, ...]:
        model = self._load_text(stage.init, size) if stage.init else self._new_text(size, seed)
        make = partial(_recall, self.encode, stage.name, seed)
        fresh = partial(_recall, self.encode, "held out", seed)
        return self._token_job(model, stage, make, fresh, "recall")

    def _new_tower(self, stage: Stage, seed: int) -> Any:
        spec = self.recipe.tower(stage)
        return models.vision_model(spec.side, spec.patch, spec.width, spec.layers, seed)

    def _new_text(self, size: str, seed: int) -> Any:
        spec = self.recipe.sizes[size]
        shape = models.Shape(spec.width, spec.layers, spec.heads, spec.head_dim)
        ids = {"pad": self.encode.ids[PAD], "eos": self.encode.ids[END]}
        return models.text_model(shape, self.encode.size, ids, seed)

    def language_parameters(self, size: str) -> int:
        """Counts the weights of a size's language model."""
        return sum(p.numel() for p in self._new_text(size, 0).parameters())

    def vision_parameters(self, stage: Stage) -> int:
        """Counts the weights of the vision tower that a stage's model sees with."""
        tower = self._new_tower(self.recipe.chain(stage)[0], 0)
        return sum(p.numel() for p in tower.parameters())

    def _text_job(self, stage: Stage, size: str, seed: int) -> tuple[Any, ...]:
        model = self._load_text(stage.init, size)
        make = partial(_text, self.encode, stage.name, seed, TRAIN, stage.thinking)
        fresh = partial(_text, self.encode, "held out", seed, HELD_OUT, stage.thinking)
        return self._token_job(model, stage, make, fresh, "think")

    def _vision_job(self, stage: Stage, size: str, seed: int) -> tuple[Any, ...]:
        model = self._load_vlm(stage, size, seed)
        learns = {
            "connector": model.model.multi_modal_projector,
            "language": model.model.language_model,
            "vision": model.model.vision_tower,
        }
        for part, module in learns.items():
            module.requires_grad_(part in stage.trainable)
        lesson = partial(
            _vision, self.encode, self.patches**2, stage.data, stage.describing, stage.formats
        )
        make = partial(lesson, stage.name, seed, TRAIN)
        fresh = partial(lesson, "held out", seed, HELD_OUT)
        return self._token_job(model, stage, make, fresh, "direct")

    def _load_vlm(self, stage: Stage, size: str, seed: int) -> Any:
        """Gives the model that a vision stage starts from: an earlier one's, or a text model to
        which encoder and connector are put."""
        from transformers import LlavaForConditionalGeneration, SiglipVisionModel

        if stage.init and self.recipe.stage(stage.init).kind == "vision":
            folder = self._finished(stage.init, size)
            return LlavaForConditionalGeneration.from_pretrained(folder)
        encoder = self.recipe.chain(stage)[0].name
        tower = SiglipVisionModel.from_pretrained(self._finished(encoder, size))
        text = self._load_text(stage.init, size)
        statistics = self._feature_statistics(tower)
        return models.llava_model(text, tower, self.encode.ids[IMAGE], statistics, seed)

    def _load_text(self, stage: str | None, size: str) -> Any:
        from transformers import Qwen3ForCausalLM

        return Qwen3ForCausalLM.from_pretrained(self._finished(stage, size))

    def _finished(self, stage: str | None, size: str) -> Path:
        folder = self.folder(stage, size) if stage else None
        if folder is None or not (folder / DONE).exists():
            raise SuiteError(
                f"Stage {stage!r} of size {size!r} is not finished in {self.out}; run it first."
            )
        return folder / "model"

    @torch.no_grad()
    def _feature_statistics(self, tower: Any) -> tuple[torch.Tensor, torch.Tensor]:
        stream = data.Scenes("statistics", 0, 512)
        pictures = data.pixels([stream[i] for i in range(len(stream))])
        features = tower(pixel_values=pictures).last_hidden_state.flatten(0, 1)
        return features.mean(0), torch.cov(features.T)


def _recall(encode: Encoder, stage: str, seed: int, index: int) -> data.Row:
    return data.recall_row(stage, seed, index, encode)


def _text(
    encode: Encoder, stage: str, seed: int, domain: Domain, thinking: float, index: int
) -> data.Row:
    return data.lesson_row(lessons.text_lesson(stage, seed, index, domain, thinking), encode, 0)


def _vision(
    encode: Encoder,
    tokens: int,
    taught: str,
    describing: float,
    formats: int | None,
    stage: str,
    seed: int,
    domain: Domain,
    index: int,
) -> data.Row:
    lesson = lessons.vision_lesson(stage, seed, index, domain, taught, describing, formats)
    return data.lesson_row(lesson, encode, tokens)


def vocabulary() -> list[str]:
    """Gives the closed vocabulary of the world: one word a line in tasks/micro/words.txt.

    It is a file, not a computation, so that shipped weights keep their token ids when lessons
    change; a test proves that no lesson or evaluation item leaves it.
    """
    return WORDS.read_text(encoding="utf-8").split()
