"""Recipes: what is read, and each mistake in one sentence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from suite.errors import SuiteError
from suite.models.family import load_family
from suite.planning.cells import expand
from suite.planning.study import load_study
from suite.training.export import add_checkpoint, write_family
from suite.training.recipe import load_recipe
from suite.training.run import TrainingRun
from tests.house import ROOT


def broken(mini: Path, folder: Path, change: dict[str, Any], stage: int | None = None) -> Path:
    """The mini recipe with a change at the top or in one stage; None takes a key away."""
    recipe = yaml.safe_load(mini.read_text())
    target = recipe if stage is None else recipe["stages"][stage]
    target.update(change)
    for key in [k for k, v in target.items() if v is None]:
        del target[key]
    path = folder / "broken.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


def test_the_built_in_recipe_reads_and_its_stages_build_on_each_other() -> None:
    recipe = load_recipe("micro")
    assert list(recipe.sizes) == ["xs", "s", "m", "l"]
    widths = [s.width for s in recipe.sizes.values()]
    assert widths == sorted(widths)
    kinds = [s.kind for s in recipe.stages]
    assert kinds.index("encoder") < kinds.index("vision")
    exported = [s.export for s in recipe.stages if s.export]
    assert exported == ["text", "vlm", "caption", "extract", "extract_scratch"]
    for stage in recipe.stages:
        assert stage.init is None or recipe.stage(stage.init).steps > 0
        assert stage.shared or {recipe.peak(stage, n) > 0 for n in recipe.sizes} == {True}


def test_the_mini_recipe_reads(mini: Path) -> None:
    recipe = load_recipe(str(mini))
    names = ["encoder", "recall", "text", "vit", "connector", "caption", "extract"]
    assert [s.name for s in recipe.stages] == names
    assert recipe.peak(recipe.stage("recall"), "a") == 0.001
    assert recipe.stage("vit").connector == 2.0
    assert recipe.stage("recall").retries[0].seed == 4


@pytest.mark.parametrize(
    ("change", "stage", "message"),
    [
        ({"seeds": 3}, None, "unknown key 'seeds' (did you mean 'seed'?)."),
        ({"seed": None}, None, "`seed` is missing."),
        (
            {"describbing": 0.5},
            3,
            "unknown key 'describbing' in `stages.3` (did you mean 'describing'?).",
        ),
        ({"rate": None}, 2, "`stages.2.rate` is missing."),
        (
            {"rate": {}},
            1,
            "stage 'recall' needs one rate for each of the sizes.",
        ),
        (
            {"name": "../up"},
            0,
            "`stages.name` is '../up': a name is made of letters, digits, dots, dashes and "
            "underscores, begins with no dot and has 100 bytes at most.",
        ),
        (
            {"init": "vit"},
            2,
            "stage 'text' starts from 'vit', not before it.",
        ),
        (
            {"kind": "text", "init": "vit"},
            4,
            "stage 'connector' is of kind text and cannot start from 'vit', which is of kind "
            "vision.",
        ),
        (
            {"init": "encoder"},
            4,
            "stage 'connector' is of kind vision and cannot start from 'encoder', which is of kind "
            "encoder.",
        ),
        (
            {"kind": "recall", "shared": False, "rate": {"a": 0.001}},
            0,
            "stage 'vit' needs a stage of kind encoder before it.",
        ),
        (
            {"shared": True, "rate": 0.001},
            1,
            "stage 'recall' is of kind recall: `shared: true` belongs to encoders, which all sizes "
            "have in common, and to nothing else.",
        ),
        (
            {"export": "caption"},
            2,
            "stage 'text' is of kind text and cannot be exported as 'caption'.",
        ),
        (
            {"export": "text"},
            5,
            "stage 'caption' is of kind vision and cannot be exported as 'text'.",
        ),
        (
            {"export": "vlm"},
            0,
            "stage 'encoder' is of kind encoder and cannot be exported as 'vlm'.",
        ),
        (
            {"export": "vlm"},
            5,
            "two stages are exported as 'vlm', and one would replace the other.",
        ),
        (
            {"export": "../up"},
            5,
            "`stages.export` is '../up': a name is made of letters, digits, dots, dashes and "
            "underscores, begins with no dot and has 100 bytes at most.",
        ),
        (
            {"tower": {"width": 4, "layers": 1}},
            3,
            "stage 'vit' trains no tower; `tower` belongs to encoders.",
        ),
        (
            {"tower": {"width": 6, "layers": 1}},
            0,
            "`stages.0.tower.width` is 6: it should be a multiple of 4.",
        ),
        (
            {"encoder": "encoder"},
            5,
            "stage 'caption' takes no encoder; `encoder` belongs to vision stages that start from "
            "text.",
        ),
        (
            {"encoder": "recall"},
            3,
            "stage 'vit' takes the tower of 'recall', which is no stage of kind encoder before it.",
        ),
        (
            {"formats": 2},
            5,
            "stage 'caption' teaches no forms of answers; `formats` belongs to vision stages with "
            "`data: instruct`.",
        ),
        ({"formats": 9}, 3, "`stages.3.formats` is 9: it should be less than or equal to 8."),
        (
            {"steps": "many"},
            0,
            "`stages.0.steps` is 'many': it should be a whole number.",
        ),
        ({"evaluate": 0}, 0, "`stages.0.evaluate` is 0: it should be greater than 0."),
        (
            {"describing": 35},
            3,
            "`stages.3.describing` is 35: it should be less than or equal to 1.",
        ),
        (
            {"kind": "sound"},
            0,
            "`stages.0.kind` is 'sound': it should be 'encoder', 'recall', 'text' or 'vision'.",
        ),
    ],
    ids=["misspelt", "missing", "misspelt in stage", "no rate", "no rate of a size",
         "a path", "order", "text from pictures", "from the encoder", "no encoder", "shared",
         "pictures of text", "text of pictures", "an encoder", "exported twice",
         "exported out", "a tower of no encoder", "uneven heads", "an encoder again",
         "no encoder of that name", "formats of descriptions", "too many formats",
         "no number", "never measured", "in percent", "no kind"],
)  # fmt: skip
def test_a_mistake_is_one_sentence(
    mini: Path, tmp_path: Path, change: dict[str, Any], stage: int | None, message: str
) -> None:
    path = broken(mini, tmp_path, change, stage)
    with pytest.raises(SuiteError) as error:
        load_recipe(str(path))
    assert str(error.value) == f"In recipe file {path}: {message}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "micra",
            "No recipe is called 'micra' (did you mean 'micro'?); name one of them or a YAML file.",
        ),
        ("absent.yaml", "Recipe file absent.yaml does not exist; check the path."),
    ],
)
def test_an_unknown_recipe_is_named_with_the_known_ones(name: str, expected: str) -> None:
    with pytest.raises(SuiteError, match=f"^{re.escape(expected)}$"):
        load_recipe(name)


@pytest.mark.parametrize(
    ("sizes", "stages"),
    [(("a", "b-a"), ("x-b", "x")), (("s", "S"), ("x", "y")), (("a", "b"), ("x", "X"))],
)
def test_no_two_trainings_share_a_folder(
    mini: Path, tmp_path: Path, sizes: tuple[str, str], stages: tuple[str, str]
) -> None:
    """A stage of a size is kept in STAGE-SIZE; some disks do not tell capitals from small ones."""
    recipe = yaml.safe_load(mini.read_text())
    recipe["sizes"] = dict.fromkeys(sizes, next(iter(recipe["sizes"].values())))
    first = next(stage for stage in recipe["stages"] if stage["kind"] == "text")
    first = {key: value for key, value in first.items() if key not in ("init", "export")}
    recipe["stages"] = [{**first, "name": name, "rate": 0.001} for name in stages]
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    with pytest.raises(SuiteError) as caught:
        load_recipe(str(path))
    assert "share a folder" in str(caught.value)


def test_a_stage_sees_with_the_encoder_that_it_names(mini: Path, tmp_path: Path) -> None:
    """And what starts from it does too; the others see with the first."""
    data = yaml.safe_load(mini.read_text())
    small = data["stages"][0] | {"name": "narrow", "tower": {"width": 4, "layers": 2}}
    data["stages"].insert(1, small)
    named = {s["name"]: s for s in data["stages"]}
    named["connector"]["encoder"] = "narrow"
    path = tmp_path / "two.yaml"
    path.write_text(yaml.safe_dump(data))
    recipe = load_recipe(str(path))
    chains = {s.name: [p.name for p in recipe.chain(s)] for s in recipe.stages}
    assert chains["extract"] == ["narrow", "recall", "text", "connector", "extract"]
    assert chains["caption"] == ["encoder", "recall", "text", "vit", "caption"]
    assert chains["text"] == ["recall", "text"]
    assert chains["narrow"] == ["narrow"]
    wide, narrow = (recipe.shape(recipe.stage(name), "shared") for name in ("encoder", "narrow"))
    assert narrow.model_dump() == wide.model_dump() | {"width": 4, "layers": 2}


def test_a_recipe_adds_sizes_and_stages_to_its_base(mini: Path, tmp_path: Path) -> None:
    path = tmp_path / "more.yaml"
    own = {
        "recipe": "more",
        "base": str(mini),
        "sizes": {"b": {"width": 32, "layers": 1, "heads": 2, "head_dim": 8, "like": "a"}},
        "stages": [
            {"name": "again", "kind": "text", "init": "text", "steps": 2, "batch": 2,
             "rate": {"a": 0.5}, "evaluate": 2},
        ],
    }  # fmt: skip
    path.write_text(yaml.safe_dump(own))
    more, base = load_recipe(str(path)), load_recipe(str(mini))
    assert (more.recipe, more.base, more.seed) == ("more", "mini", 3)
    assert list(more.sizes) == ["a", "b"]
    assert more.stages[:-1] == base.stages
    assert more.stages[-1].name == "again"
    assert [more.peak(more.stages[-1], size) for size in ("a", "b")] == [0.5, 0.5]

    own["sizes"]["b"]["like"] = "c"  # type: ignore[index]
    path.write_text(yaml.safe_dump(own))
    with pytest.raises(SuiteError, match=r"stage 'recall' needs one rate for each of the sizes"):
        load_recipe(str(path))
    path.write_text(yaml.safe_dump(own | {"stages": 3}))
    with pytest.raises(SuiteError, match=r"`stages` is 3: it should be a list"):
        load_recipe(str(path))
    other = tmp_path / "again.yaml"
    other.write_text(yaml.safe_dump({"recipe": "again", "base": str(path)}))
    with pytest.raises(SuiteError, match=r"`base` is .*more\.yaml, which has a base itself"):
        load_recipe(str(other))


QUESTIONS = ROOT / "results" / "questions"
STUDIES = sorted(QUESTIONS.glob("*/*.yaml"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The family files of `micro` and of the questions' recipe, by name."""
    folder, found = tmp_path_factory.mktemp("families"), {}
    for name in ("micro", str(QUESTIONS / "recipe.yaml")):
        recipe = load_recipe(name)
        rows: dict[str, dict[str, Any]] = {}
        made = TrainingRun(recipe, folder, 0, print)
        for stage in (stage for stage in recipe.stages if stage.export):
            for size in recipe.sizes:
                add_checkpoint(
                    rows.setdefault(size, {}), made, stage, size, f"{stage.export}-{size}"
                )
        write_family(made, rows, folder)
        found[recipe.recipe] = folder / f"{recipe.recipe}.yaml"
    return found


def test_the_open_questions_go_on_from_the_micro_family() -> None:
    recipe, base = load_recipe(str(QUESTIONS / "recipe.yaml")), load_recipe("micro")
    assert (recipe.recipe, recipe.base) == ("questions", "micro")
    assert recipe.stages[: len(base.stages)] == base.stages
    assert len(recipe.sizes) == len(base.sizes) + 2


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_study_of_a_question_asks_what_is_trained(
    path: Path, trained: dict[str, Path]
) -> None:
    study = load_study(path)
    family = Path(study.family)
    cells = expand(study, load_family(trained[family.stem]))
    assert study.family == str(path.parent / f"../../../checkpoints/micro/export/{family.name}")
    assert {cell.perception for cell in cells} >= {"xs", "s", "m"}


def test_a_family_file_counts_the_weights_of_what_each_perceiver_sees_with(
    trained: dict[str, Path],
) -> None:
    size = load_family(trained["questions"]).size("m")
    width, patches = 64, (72 // 12) ** 2
    embedding = 3 * 12**2 * width + width + patches * width
    attention = 4 * (width**2 + width)
    dense = 2 * width * 2 * width + 2 * width + width
    norm = 2 * width
    assert size.vision_params["small_tower"] == (
        embedding + 4 * (attention + dense + 2 * norm) + norm
    )
    assert (
        size.vision_params["eight_forms"]
        == load_family("micro").size("m").vision_params["instruct"]
    )


def test_the_studies_ask_all_that_the_questions_train(trained: dict[str, Path]) -> None:
    recipe, base = load_recipe(str(QUESTIONS / "recipe.yaml")), load_recipe("micro")
    asked: set[str | None] = set()
    sizes: set[str | None] = set()
    for path in STUDIES:
        study = load_study(path)
        cells = expand(study, load_family(trained[Path(study.family).stem]))
        asked |= {cell.perceiver for cell in cells}
        sizes |= {cell.perception for cell in cells}
    assert {s.export for s in recipe.stages[len(base.stages) :]} - {None} <= asked
    assert set(recipe.sizes) <= sizes
