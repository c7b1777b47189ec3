"""VMCBench, NIGHTS, RefCOCO, ImageNet and the multi-image sets, on files of their true schema."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.answers.parse import parse
from suite.answers.score import iou, lmms_score, score
from suite.errors import DataError, SuiteError
from suite.items.item import image_hash
from suite.items.load import get_task, list_tasks, load_items
from tests.tasks.files import SHARED, jpeg, mmstar_row, png, vmcbench_row, write_parquet

IN_DOMAIN = {
    "ocrvqa": "OCRVQA",
    "textvqa": "TextVQA",
    "scienceqa": "ScienceQA",
    "vqav2": "VQAv2",
    "gqa": "GQA",
    "vizwiz": "VizWiz",
}
SAMPLE = SHARED / "imagenet_sample"


@pytest.mark.parametrize(("task", "category"), IN_DOMAIN.items())
def test_vmcbench_keeps_its_own_set(task: str, category: str, tmp_path: Path) -> None:
    names = [*IN_DOMAIN.values(), "MMStar"]
    rows = [vmcbench_row(index, names[index % 7]) for index in range(14)]
    path = write_parquet(tmp_path / "data" / "dev-00000-of-00001.parquet", rows, "image")
    items = load_items(task, data=str(path.parent.parent), cache_dir=tmp_path / "cache")
    start = names.index(category)
    assert [item.item_id for item in items.items] == [str(start), str(start + 7)]
    first = items.items[0]
    assert first.options == ("red", "green", "blue", "white")
    assert first.answer == "ABCD"[start % 4]
    assert first.chance == 0.25
    assert first.images == (image_hash(jpeg((0, start, 0))),)
    assert lmms_score(first, f"({first.answer})") == 1.0


def test_vmcbench_without_the_set_names_what_there_is(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "dev.parquet", [vmcbench_row(0, "MMMU")], "image")
    with pytest.raises(DataError) as caught:
        load_items("gqa", data=str(path), cache_dir=tmp_path / "cache")
    assert str(caught.value) == (
        f"The data of gqa at {path} cannot be read as suyc21/VMCBench: "
        "no row has the category 'GQA'; there are MMMU."
    )


def test_vmcbench_shifts_no_letter_over_an_empty_option(tmp_path: Path) -> None:
    rows = [{**vmcbench_row(2, "GQA"), "B": ""}]
    path = write_parquet(tmp_path / "dev.parquet", rows, "image")
    with pytest.raises(DataError, match="row 2: option 2 is empty before another"):
        load_items("gqa", data=str(path), cache_dir=tmp_path / "cache")


def test_the_test_split_is_not_mixed_in(tmp_path: Path) -> None:
    write_parquet(tmp_path / "data" / "dev-0.parquet", [vmcbench_row(0, "GQA")], "image")
    write_parquet(tmp_path / "data" / "test-0.parquet", [vmcbench_row(1, "GQA")], "image")
    items = load_items("gqa", data=str(tmp_path), cache_dir=tmp_path / "cache")
    assert [item.item_id for item in items.items] == ["0"]


def test_nights_reads_three_images_from_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "nights"
    for name, colour in (("ref", (1, 0, 0)), ("left", (2, 0, 0)), ("right", (3, 0, 0))):
        (folder / name).mkdir(parents=True)
        (folder / name / "0.png").write_bytes(png(colour))
    header = "id,left_vote,right_vote,split,ref_path,left_path,right_path,prompt,is_imagenet,votes"
    paths = "ref/0.png,left/0.png,right/0.png,a dog,True"
    rows = [f"7,1,0,test,{paths},8", f"8,0,1,test,{paths},6", f"9,1,0,test,{paths},5"]
    rows.append(f"10,1,0,train,{paths},9")
    (folder / "data.csv").write_text("\n".join([header, *rows]) + "\n")
    (folder / "jnd_votes.csv").write_text("id,vote\n7,1\n")  # of another experiment
    items = load_items("nights", data=str(folder), cache_dir=tmp_path / "cache")
    assert [(item.item_id, item.answer) for item in items.items] == [("7", "A"), ("8", "B")]
    assert items.items[0].images == tuple(image_hash(png((red, 0, 0))) for red in (1, 2, 3))
    assert items.items[0].image_id == items.items[1].image_id  # the same images, one cluster
    assert items.items[0].chance == 0.5
    assert lmms_score(items.items[1], "B") == 1.0


def test_nights_without_data_says_how_to_fetch_it(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_items("nights", cache_dir=tmp_path)
    assert str(caught.value) == (
        "Task nights needs the data set NIGHTS (dreamsim-nights.github.io): where there is "
        "network, `wget https://data.csail.mit.edu/nights/nights.zip && unzip nights.zip` fetches "
        "it; then pass --data nights=FOLDER."
    )


@pytest.mark.parametrize("task", ["refcoco", "refcoco_plus", "refcocog"])
def test_refcoco_has_an_item_per_phrase_and_boxes_in_shares(task: str, tmp_path: Path) -> None:
    row = {
        "question_id": "469306",
        "image": {"bytes": png((9, 9, 9), size=(200, 100)), "path": None},
        "question": "Please carefully observe the area circled in the image ...",
        "answer": ["the guy on the left", "man in blue"],
        "segmentation": [1.0, 2.0],
        "bbox": [20.0, 10.0, 100.0, 50.0],  # x, y, width, height in pixels
        "iscrowd": 0,
        "file_name": "COCO_train2014_000000000001.jpg",
    }
    again = {**row, "answer": ["the left guy"]}  # the same object in another row
    path = write_parquet(tmp_path / "val-00000-of-00004.parquet", [row, again], "image")
    items = load_items(task, data=str(path), cache_dir=tmp_path / "cache").items
    assert [item.item_id for item in items] == ["469306/0", "469306/1", "469306/2"]
    assert items[0].answer == "[0.1, 0.1, 0.6, 0.6]"
    assert "'the guy on the left'" in items[0].question
    assert items[0].image_id == items[1].image_id
    assert (items[0].chance, items[0].metric) == (0.0, "iou")
    answer = "The box is [0.1, 0.1, 0.6, 0.5]."  # 0.5 x 0.4 of 0.5 x 0.5
    parsed = parse(answer, items[0])
    assert iou(parsed.prediction, items[0]) == pytest.approx(0.8)
    assert score(parsed, items[0]) == 1.0
    assert lmms_score(items[0], answer) == 1.0
    assert score(parse("[0.5, 0.5, 1, 1]", items[0]), items[0]) == 0.0


def test_imagenet_takes_any_of_the_names_of_a_class(tmp_path: Path) -> None:
    rows = [{"image": {"bytes": jpeg((5, 5, 5)), "path": None}, "name": "tench, Tinca tinca"}]
    path = write_parquet(tmp_path / "validation-0.parquet", rows, "image")
    item = load_items("imagenet", data=str(path), cache_dir=tmp_path / "cache").items[0]
    assert item.options == ()
    for answer, expected in (("A tench.", 1.0), ("Tinca tinca", 1.0), ("a shark", 0.0)):
        assert score(parse(answer, item), item) == expected
    assert lmms_score(item, "Tench.") == 1.0


@pytest.mark.skipif(not SAMPLE.exists(), reason=f"no ImageNet sample at {SAMPLE}")
def test_imagenet_reads_a_folder_of_real_photographs(tmp_path: Path) -> None:
    items = load_items("imagenet", data=str(SAMPLE), cache_dir=tmp_path)
    assert len(items.items) == 200
    robin = next(item for item in items.items if item.item_id == "n01558993_robin.jpg")
    assert robin.answer == "robin"
    assert items.image_bytes[robin.images[0]] == (SAMPLE / robin.item_id).read_bytes()


def test_imagenet_asks_for_names_where_folders_are_wordnet_ids(tmp_path: Path) -> None:
    for n, name in enumerate(("n01440764", "n01443537")):
        (tmp_path / "copy" / name).mkdir(parents=True)
        (tmp_path / "copy" / name / "0.JPEG").write_bytes(jpeg((n, 5, 5)))
    with pytest.raises(DataError, match="classes are WordNet ids like n01440764: give the folder"):
        load_items("imagenet", data=str(tmp_path / "copy"), cache_dir=tmp_path / "cache")
    for name, words in (("n01440764", "tench, Tinca tinca"), ("n01443537", "goldfish")):
        (tmp_path / "copy" / name).rename(tmp_path / "copy" / words)
    items = load_items("imagenet", data=str(tmp_path / "copy"), cache_dir=tmp_path / "cache")
    assert {item.answer: item.images for item in items.items} == {
        "tench, Tinca tinca": (image_hash(jpeg((0, 5, 5))),),
        "goldfish": (image_hash(jpeg((1, 5, 5))),),
    }


def test_multi_image_sets_keep_their_sub_tasks(tmp_path: Path) -> None:
    def row(index: int, sub_task: str, kind: str, answer: str) -> dict[str, object]:
        return {
            "sample_id": index,
            "sub_task": sub_task,
            "question_type": kind,
            "question": "<image><image> What differs?",
            "answer": answer,
            "image_0": {"bytes": png((index, 1, 1)), "path": None},
            "image_1": {"bytes": png((index, 2, 2)), "path": None},
        }

    rows = [
        row(0, "Spot-the-Diff", "open-ended", "the red car is gone"),
        row(1, "RAVEN", "multi-choice", "C"),
        row(2, "VIST", "open-ended", "they went home"),
        row(3, "VISION", "multi-choice", "Yes"),
    ]
    path = write_parquet(tmp_path / "test-0.parquet", rows, "image_0", "image_1")
    differences = load_items("spot_the_difference", data=str(path), cache_dir=tmp_path).items
    assert [item.item_id for item in differences] == ["Spot-the-Diff/0"]
    assert len(differences[0].images) == 2
    assert differences[0].question == "[image 1][image 2] What differs?"
    # longest common subsequence «the car is gone»: 4 words of 4 and of 5
    assert score(parse("the car is gone", differences[0]), differences[0]) == pytest.approx(8 / 9)
    puzzle = load_items("raven", data=str(path), cache_dir=tmp_path).items[0]
    assert score(parse("(C)", puzzle), puzzle) == 1.0
    assert score(parse("(D)", puzzle), puzzle) == 0.0
    word = load_items("multi_image_vqa", data=str(path), cache_dir=tmp_path).items[0]
    assert [score(parse(text, word), word) for text in ("yes.", "No.")] == [1.0, 0.0]


def test_every_task_declares_what_a_reader_wants_to_know() -> None:
    tasks = {task.name: task for task in list_tasks()}
    assert {*IN_DOMAIN, "mmstar", "nights", "refcoco", "refcoco_plus", "refcocog"} <= set(tasks)
    for task in tasks.values():
        assert task.lmms_name == f"downscaling_{task.name}"
        assert task.description
        assert task.domain in {"in_domain", "out_of_domain"}
        assert task.function("doc_to_item") is not None
        assert task.function("process_results") is not None
    left_out = {name for name, task in tasks.items() if not task.decoupled}
    assert {"refcoco", "imagenet"} <= left_out  # as the paper: purely perceptual
    assert get_task("gqa").n == 50


def test_a_task_of_lmms_eval_itself_is_asked_and_scored_as_it_does(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "val.parquet", [mmstar_row(7, "math", "B")], "image")
    info = get_task("lmms_eval/mmstar")
    assert get_task("lmms:mmstar") is info
    assert (info.lmms_name, info.metric, info.source) == ("mmstar", "lmms", "Lin-Chen/MMStar")
    item = load_items("lmms_eval/mmstar", data=str(path), cache_dir=tmp_path / "c").items[0]
    assert item.task == "lmms_eval/mmstar"
    assert item.question.startswith("What is 7?\nOptions: A: one")
    assert item.images == (image_hash(png((7, 0, 0))),)
    assert score(parse("The answer is B.", item), item) == 1.0
    assert score(parse("A", item), item) == 0.0


def test_rows_of_lmms_eval_that_share_an_id_are_told_apart(tmp_path: Path) -> None:
    rows = [
        {"question_id": name, "question": q, "answer": a, "category": "OCR", "image": image}
        for name, image in (("1.png", png((1, 0, 0))), ("2.png", png((2, 0, 0))))
        for q, a in (("Is it red?", "Yes"), ("Is it blue?", "No"))
    ]
    rows = [{**row, "image": {"bytes": row["image"], "path": None}} for row in rows]
    path = write_parquet(tmp_path / "test.parquet", rows, "image")
    items = load_items("lmms_eval/mme", data=str(path), cache_dir=tmp_path / "c").items
    assert [(item.item_id, item.answer) for item in items] == [
        *[("0", "Yes"), ("1", "No"), ("2", "Yes"), ("3", "No")]
    ]
    path = write_parquet(tmp_path / "two" / "test.parquet", rows[::2], "image")
    items = load_items("lmms_eval/mme", data=str(path), cache_dir=tmp_path / "c").items
    assert [item.item_id for item in items] == ["1.png", "2.png"]


def test_lmms_evals_tasks_for_the_instruction_tuning_sets_are_found_by_name() -> None:
    for name in ("vqav2_val", "textvqa_val", "gqa", "vizwiz_vqa_val", "scienceqa_img"):
        assert get_task(f"lmms_eval/{name}").source.startswith("lmms-lab")
    assert get_task("lmms_eval/naturalbench").source  # a comment stands behind its name
    with pytest.raises(SuiteError, match=r"'arc_easy' of lmms-eval compares likelihoods of its"):
        get_task("lmms_eval/arc_easy")
    # A key in quotes, one with a blank behind it, and one in the file that the task's includes.
    for name in ("mmlu_prehistory_generative", "flickr30k_test", "vstar_bench"):
        assert get_task(f"lmms:{name}").lmms_name == name
    with pytest.raises(SuiteError, match="'slake' of lmms-eval is a group of tasks: name those"):
        get_task("lmms:slake")
    for name in ("lmms_eval/nothing", "lmms:nothing", "lmms:"):
        with pytest.raises(SuiteError, match=r"lmms-eval has no task '\w*' with a file of its own"):
            get_task(name)
