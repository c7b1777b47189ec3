"""Recipes of real sizes: what is read, which is the study's, and each mistake in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from suite.errors import SuiteError
from suite.training.vlm.recipe import load_real, names_recipe
from tests.suite.cli_study import error
from tests.suite.training.vlm import toys


def test_the_papers_recipe_says_what_is_known_of_it(tmp_path: Path) -> None:
    paper = load_real("paper_family", tmp_path)
    assert paper is not None
    assert list(paper.sizes) == ["0.6b", "1.7b", "4b", "8b"]
    assert (paper.vision.layers, paper.tiles, paper.most_tiles) == (26, 6, 9)
    chain = {stage.name: stage.init for stage in paper.stages}
    assert chain == {
        "connector": None,
        "vit_single": "connector",
        "vit_multi": "vit_single",
        "caption": "vit_multi",
        "extract": "caption",
        "extract_scratch": "connector",
    }
    connector, *others = paper.stages
    assert connector.rates == {"connector": 1e-3}
    assert (connector.loss, connector.images, connector.context) == ("caption", "square", 8192)
    for stage in others:
        assert stage.rates == {"connector": 1e-5, "vision": 2e-6, "language": 1e-5}
        assert (stage.loss, stage.images, stage.context) == ("marks", "anyres", 32768)
    for stage in paper.stages:
        assert (stage.epochs, stage.batch, stage.schedule) == (1, 256, "cosine")
        assert (stage.warmup, stage.weight_decay) == (0.03, 0)
    # 574K: the sum of the paper's counts; 309K: of those of several images
    assert sum(source.rows or 0 for source in others[0].data) == 573_600
    assert sum(source.rows or 0 for source in others[1].data if not source.take) == 309_200
    assert [source.take for source in others[1].data if source.take] == [150_000]
    assert [s.name for s in paper.stages if "not published" in s.source] == [
        "connector", "vit_multi", "caption", "extract", "extract_scratch",
    ]  # fmt: skip


def test_a_recipe_of_the_micro_family_is_no_real_one() -> None:
    assert load_real("micro") is None


def test_a_name_of_both_is_the_study_and_a_file_is_what_it_says(tmp_path: Path) -> None:
    assert [names_recipe(word) for word in ("micro", "paper_family", "paper", "none")] == [
        False, True, False, False,
    ]  # fmt: skip
    recipe = toys.recipe_in(tmp_path)
    study = tmp_path / "study.yaml"
    study.write_text("study: mine\nfamily: micro\n")
    assert names_recipe(str(recipe))
    assert not names_recipe(str(study))


def test_paths_lead_from_the_file_or_the_folder(tmp_path: Path) -> None:
    found = load_real(str(toys.recipe_in(tmp_path)))
    assert found is not None
    assert found.place("./text") == tmp_path / "text"
    assert found.place("Qwen/Qwen3-0.6B") is None
    (tmp_path / "Qwen" / "Qwen3-0.6B").mkdir(parents=True)
    assert found.place("Qwen/Qwen3-0.6B") == tmp_path / "Qwen" / "Qwen3-0.6B"
    other = load_real(str(tmp_path / "toy.yaml"), tmp_path / "else")
    assert other is not None
    assert other.place("./text") == tmp_path / "else" / "text"


@pytest.mark.parametrize(
    ("stage", "change", "message"),
    [
        (1, {"rates": {"tower": 1e-3}},
         "stage 'vit' trains 'tower', which is no part of a model (known: connector, vision, "
         "language)"),
        (1, {"rates": {}}, "stage 'vit' trains no part: give `rates`"),
        (1, {"lr": 1e-3}, "unknown key 'lr' in `stages.1` (known: name, init, data, rates, epochs, "
         "steps, batch, per_device, warmup, schedule, weight_decay, context, images, loss, group, "
         "held_out, evaluate, seed, checkpointing, source)"),
        (1, {"data": []}, "stage 'vit' has no `data`"),
        (1, {"init": "extract"}, "stage 'vit' starts from 'extract', not before it"),
        (1, {"epochs": 1}, "stage 'vit' needs either `epochs` or `steps`"),
        (1, {"steps": None}, "stage 'vit' needs either `epochs` or `steps`"),
        (1, {"per_device": 3}, "stage 'vit': batch (4) must be a multiple of per_device (3)"),
        (4, {"name": "connector"}, "two trainings would share the folder 'connector-a'"),
        (1, {"loss": "all"},
         "`stages.1.loss` is 'all': it should be 'caption', 'assistant' or 'marks'"),
        (1, {"context": None}, "`stages.1.context` is missing"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(
    tmp_path: Path, stage: int, change: dict[str, Any], message: str
) -> None:
    path = toys.recipe_in(tmp_path)
    content = yaml.safe_load(path.read_text())
    row = content["stages"][stage] | change
    content["stages"][stage] = {key: value for key, value in row.items() if value is not None}
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(SuiteError) as caught:
        load_real(str(path))
    assert str(caught.value) == f"In recipe file {path}: {message}."


def test_the_command_says_what_does_not_go_together(tmp_path: Path) -> None:
    path = toys.recipe_in(tmp_path)
    assert error("train", path, "--jobs", 2) == (
        "Recipe 'toy' trains one stage at a time, on all cards: leave --jobs out, and start it "
        "with `torchrun --nproc-per-node CARDS -m suite train ...`."
    )
    assert error("train", path, "--stage", "vet") == (
        "Recipe 'toy' has no 'vet' (did you mean 'vit'?)."
    )
    assert error("train", "micro", "--folder", tmp_path) == (
        "Recipe micro draws its own data; leave --folder out."
    )
