"""What a recipe would cost: totals of the true configurations, and every number by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from suite.errors import SuiteError
from suite.training.vlm import plan
from suite.training.vlm.plan import Reading
from suite.training.vlm.recipe import RealRecipe, load_real
from suite.training.vlm.tiles import Scheme
from tests.suite.cli_study import call, error
from tests.suite.training.vlm import toys

TOWER = 397_747_744
PUBLISHED = {  # all, language model, projector, newline: summed from the checkpoints' tensors
    "0.6b": (996_028_960, 596_049_920, 2_230_272, 1_024),
    "1.7b": (2_124_882_464, 1_720_574_976, 6_557_696, 2_048),
    "4b": (4_429_726_240, 4_022_468_096, 9_507_840, 2_560),
    "8b": (8_609_991_200, 8_190_735_360, 21_504_000, 4_096),
}


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> RealRecipe:
    """The built-in recipe, with no data beside it."""
    found = load_real("paper_family", tmp_path_factory.mktemp("empty"))
    assert found is not None
    return found


@pytest.mark.parametrize("size", PUBLISHED)
def test_the_papers_sizes_have_their_parameters(paper: RealRecipe, size: str) -> None:
    total, language, projector, newline = PUBLISHED[size]
    counts, config = plan.parameters(paper, size)
    assert counts == {"connector": projector, "vision": TOWER, "language": language + newline}
    assert sum(counts.values()) == total
    # by hand: embeddings, per layer attention (q, k, v, o, two norms of 128), MLP and two norms
    text = config.text_config
    h, m, d = text.hidden_size, text.intermediate_size, text.head_dim
    q, kv = text.num_attention_heads * d, text.num_key_value_heads * d
    layer = 2 * h * q + 2 * h * kv + 2 * d + 3 * h * m + 2 * h
    heads = 1 if text.tie_word_embeddings else 2
    assert language == heads * 151_936 * h + text.num_hidden_layers * layer + h
    assert projector == 1152 * h + h + h * h + h


def test_rows_and_steps_of_the_paper_by_hand(paper: RealRecipe) -> None:
    rows = plan.plan(paper, ["0.6b"], paper.stages)["stages"]
    assert {row["stage"]: (row["rows"], row["steps"]) for row in rows} == {
        "connector": (558_000, 2_179),  # (558,000 - 64 held out) / 256 = 2,179.4
        "vit_single": (573_600, 2_240),
        "vit_multi": (459_200, 1_793),  # 309,200 and 150,000
        "caption": (950_000, 3_710),
        "extract": (382_000, 1_491),
        "extract_scratch": (382_000, 1_491),
    }
    connector, single = rows[:2]
    assert connector["trainable"] == 2_230_272
    assert single["trainable"] == single["parameters"] == 996_028_960
    assert connector["tokens_per_row"] == 729 + 20
    assert connector["tokens"] == 2_179 * 256 * 749
    # 640 x 480 has 2,929 tokens (test_tiles). 500 x 375 fits into 2 x 1 tiles: 54 x 27 tokens, of
    # which 54 - 18 // 2 * 2 = 36 x 27 are filled. 1024 x 768 fits into 3 x 2: 81 x 54 tokens, of
    # which 81 - 9 // 2 * 2 = 73 x 54 are filled.
    scheme = Scheme(384, 27)
    small, large = 729 + 36 * 27 + 27, 729 + 73 * 54 + 54
    assert (scheme.tokens(500, 375), scheme.tokens(1024, 768)) == (small, large)
    middle = 573_600 - 34_600 - 130_000 - 72_100
    images = middle * 2929 + (130_000 + 72_100) * small + 34_600 * large
    text = sum(s.text * (s.rows or 0) for s in paper.stages[1].data)
    assert single["tokens_per_row"] == pytest.approx((images + text) / 573_600)
    assert {row["read_from"] for row in rows} == {"recipe"}


def test_operations_by_hand(paper: RealRecipe) -> None:
    """A row of one crop and 100 tokens of text at 0.6B."""
    counts, config = plan.parameters(paper, "0.6b")
    held = Reading(images=729, text=100, crops=1)
    stage = {stage.name: stage for stage in paper.stages}

    def of(name: str) -> float:
        return plan.operations_of_row(stage[name], counts, config, held)

    tower, bridge, words = TOWER * 729, 2_230_272 * 729, 596_050_944 * 829
    eyes = 4 * 26 * 1152 * 729**2
    attention = 2 * 28 * 16 * 128 * 829**2
    assert of("caption") == pytest.approx(6 * (tower + bridge + words) + 3 * (eyes + attention))
    # the tower only looks, the connector learns, the language model hands gradients through
    assert of("connector") == pytest.approx(
        2 * tower + eyes + 6 * bridge + 4 * words + 3 * attention
    )


def test_embeddings_that_are_only_looked_up_cost_nothing(paper: RealRecipe) -> None:
    counts, config = plan.parameters(paper, "8b")
    held = Reading(images=0, text=1, crops=0)
    words = counts["language"] - 151_936 * 4096
    stage = paper.stage("caption")
    attention = 2 * 36 * 32 * 128
    assert plan.operations_of_row(stage, counts, config, held) == pytest.approx(
        6 * words + 3 * attention
    )


def test_memory_by_hand(paper: RealRecipe) -> None:
    """One row of 1,000 tokens of text at 0.6B; every number in bytes."""
    counts, config = plan.parameters(paper, "0.6b")
    held = Reading(images=0, text=1000, crops=0)
    alone, eight = (
        plan.memory_of(paper.stage("caption"), counts, config, held, cards) for cards in (1, 8)
    )
    everything, embeddings = 996_028_960, 151_936 * 1024
    assert alone == {
        "weights": 4 * everything,
        "gradients": 4 * everything,
        "optimizer": 8 * everything,
        "working": 2 * everything,
        "activations": 34 * 1000 * 1024 + 4 * 1000 * 1024 * 28 + 10 * 1000 * 151_936,
    }
    assert eight["weights"] == alone["weights"] / 8
    assert eight["optimizer"] == alone["optimizer"] / 8
    assert eight["activations"] == alone["activations"]
    layer = (counts["language"] - embeddings) / 28
    assert eight["working"] == 2 * (embeddings + layer)
    frozen = plan.memory_of(paper.stage("connector"), counts, config, held, 1)
    assert frozen["gradients"] == 4 * 2_230_272
    assert frozen["optimizer"] == 8 * 2_230_272


def test_hours_follow_from_card_and_share(paper: RealRecipe) -> None:
    stages = [paper.stage("extract")]
    one = plan.plan(paper, ["0.6b"], stages, card="a100", mfu=0.4)["stages"][0]
    many = plan.plan(paper, ["0.6b"], stages, card="h100", cards=8, mfu=0.2)["stages"][0]
    assert one["hours"] == pytest.approx(one["flops"] / (312e12 * 0.4) / 3600)
    assert many["hours"] == pytest.approx(one["flops"] / (989.4e12 * 0.2 * 8) / 3600)
    assert many["card_hours"] == pytest.approx(8 * many["hours"])
    with pytest.raises(SuiteError) as caught:
        plan.plan(paper, ["0.6b"], stages, card="h10")
    assert str(caught.value).startswith("No card is called 'h10' (did you mean 'h100'?)")


def test_data_that_are_here_are_counted(toy: Path, recipe: RealRecipe) -> None:
    row = plan.plan(recipe, ["a"], [recipe.stage("vit")])["stages"][0]
    assert (row["rows"], row["steps"], row["read_from"]) == (24, 4, "data")
    scheme = Scheme(28, 2, 3, 4)
    images = scheme.tokens(60, 30) + 2 * 5 + 0 + scheme.tokens(84, 84)
    words = sum(len(t["value"].split()) for r in toys.talks(4) for t in r["conversations"])
    assert row["tokens_per_row"] == pytest.approx((images + words * 4 / 3) / 4)


def test_rows_that_nothing_tells_are_asked_for(toy: Path, tmp_path: Path) -> None:
    found = load_real(str(toys.recipe_in(tmp_path, only=("connector",))), toy)
    assert found is not None
    missing = found.model_copy(update={"folder": tmp_path})
    with pytest.raises(SuiteError) as caught:
        plan.reading(missing, missing.stages[0], Scheme(28, 2))
    assert str(caught.value) == (
        f"Stage 'connector' of recipe 'toy': {tmp_path}/captions.json is not there to be counted; "
        "say with --folder where it is, or give its `rows`."
    )


def test_the_command(toy: Path) -> None:
    result = call("plan", toy / "toy.yaml", "--stage", "vit", "--json")
    assert result.exit_code == 0, result.stderr
    content: dict[str, Any] = json.loads(result.stdout)
    assert [row["stage"] for row in content["stages"]] == ["vit"]
    assert content["card"]["name"] == "h100"
    shown = call("plan", toy / "toy.yaml", "--cards", 2, "--mfu", 0.4)
    assert shown.exit_code == 0, shown.stderr
    assert "extract_scratch" in shown.stdout
    assert "2 x h100, 989 TFLOPS each (bfloat16), of which 40% are reached" in shown.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("micro", "--card", "h100"), "micro is a study, which has no --card; leave it out."),
        (("micro", "--stage", "vit"), "micro is a study, which has no --stage; leave it out."),
        (
            ("paper_family", "--only", "x"),
            "paper_family is a recipe, which has no --only; leave it out.",
        ),
        (
            ("paper_family", "--size", "8"),
            "Recipe 'paper_family' has no '8' (did you mean '8b'?).",
        ),
        (
            ("paper_famili",),
            "No study is called 'paper_famili' (did you mean 'paper_vit'?); name one of them or a "
            "YAML file, which `downscale init` writes.",
        ),
    ],
)
def test_what_a_plan_is_of_is_said(words: tuple[str, ...], message: str) -> None:
    assert error("plan", *words) == message


def test_a_micro_recipe_is_not_planned(tmp_path: Path) -> None:
    from suite.training.recipe import FOLDER

    path = tmp_path / "own.yaml"
    path.write_text((FOLDER / "micro.yaml").read_text())
    assert error("plan", path) == (
        f"Recipe {path} makes a micro family, whose stages say their own steps; recipes of real "
        "sizes are planned."
    )
