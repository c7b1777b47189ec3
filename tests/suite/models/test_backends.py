"""Recorded texts, and fingerprints that know a model without loading it."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from safetensors.torch import load_file

from suite.base.machine import resolve_device, resolve_dtype, torch_build
from suite.errors import SuiteError, Unfinished
from suite.models import recorded
from suite.models.backends import build_generator, fingerprint
from suite.models.fingerprint import TEMPLATES, commit
from suite.models.recorded import RecordedGenerator
from suite.models.spec import ModelSpec, Role
from suite.models.transformers.loading import load
from suite.requests import Decoding, Generator, Message, Request
from tests.suite import tiny_vlms
from tests.suite.base.test_row_files import archive
from tests.suite.tiny_models import text_folder

ROWS = [
    {"task": "a", "item_id": "0", "text": "the sky"},
    {"task": "a", "item_id": "1", "text": ""},
    {"task": "b", "item_id": "0", "text": "a cup"},
]


def request(item: str, task: str = "a") -> Request:
    return Request(task, item, (Message("user", "look"),), Decoding())


def no_image(name: str) -> bytes:
    raise KeyError(name)


def texts(generator: Generator, *requests: Request) -> list[str | None]:
    return [answer.error or answer.text for answer in generator.generate(list(requests), no_image)]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_recorded_rows_of_several_tasks(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"texts{suffix}"
    frame = pd.DataFrame(ROWS[::2])  # pandas reads an empty CSV field as missing
    if suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, ROWS)) + "\n\n")
    elif suffix == ".parquet":
        pd.DataFrame(ROWS).to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    generator = RecordedGenerator(ModelSpec(path=path))
    assert texts(generator, request("0"), request("0", "b"), request("7")) == [
        "the sky",
        "a cup",
        f"{path} has no text for item 7.",
    ]
    if suffix != ".csv":
        assert texts(generator, request("1")) == [""]  # a recorded nothing is no failure


def test_recorded_json_by_index_serves_every_task(tmp_path: Path) -> None:
    by_index = tmp_path / "contents.json"
    by_index.write_text(json.dumps({"0": "the sky", "12": "a cup"}))
    assert (
        texts(RecordedGenerator(ModelSpec(path=by_index)), request("12"), request("12", "b"))
        == ["a cup"] * 2
    )
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps(["zero", "one"]))
    assert texts(RecordedGenerator(ModelSpec(path=listed)), request("1")) == ["one"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"text": "x"}]', "it has the columns text, and needs `index` or `item_id`, and `text`"),
        ('[{"index": 1, "text": "x"}, {}]', "row 2 has neither `item_id` nor `index`"),
        ('[{"index": [1], "text": "x"}]', "row 1: its `index` is [1] and not a text or number"),
        ('[{"index": 3, "text": "x"}, {"index": 3.0, "text": "x"}]', "Item 3 stands twice"),
        ('[{"item_id": 1, "text": "x"}, {"index": 1, "text": "y"}]', "Item 1 stands twice"),
        ('{"0": ["a"]}', "its '0' is ['a'] and not a text; give a list of rows"),
        ('{"0": null}', "its `text` is empty in every row"),
        ("{", "cannot be read"),
    ],
)
def test_a_bad_file_of_texts_is_one_sentence(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "texts.json"
    path.write_text(content)
    with pytest.raises(SuiteError) as caught:
        RecordedGenerator(ModelSpec(path=path))
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_recorded_is_built_from_a_spec_and_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "texts.json"
    path.write_text('{"0": "x"}')
    spec = ModelSpec(path=path, generator="recorded")
    first = fingerprint(spec, "text")
    assert build_generator(spec, "text").fingerprint == first
    path.write_text('{"0": "y"}')
    assert fingerprint(spec, "text") != first
    with pytest.raises(SuiteError, match=r"recorded texts .*absent\.json does not exist"):
        fingerprint(replace(spec, path=tmp_path / "absent.json"), "text")


def test_fingerprint_changes_with_all_that_changes_the_output(tmp_path: Path) -> None:
    folder = text_folder(tmp_path / "m")
    spec = ModelSpec(path=folder)
    base = fingerprint(spec, "text", "float32")
    (folder / "README.md").write_text("a model card")
    (folder / "trainer_state.json").write_text("{}")
    assert fingerprint(spec, "text", "float32") == base
    changed = [
        fingerprint(spec, "text", "bfloat16"),
        fingerprint(spec, "vlm", "float32"),
        fingerprint(replace(spec, processor='{"max_pixels":9}'), "text", "float32"),
    ]
    for name in ("chat_template.jinja", "tokenizer.json", "model.safetensors", "config.json"):
        before = (folder / name).read_bytes()
        (folder / name).write_bytes(before + b" ")
        changed.append(fingerprint(spec, "text", "float32"))
        (folder / name).write_bytes(before)
    assert fingerprint(spec, "text", "float32") == base
    marks = [json.dumps(one, sort_keys=True) for one in (base, *changed)]
    assert len(set(marks)) == 8


def changes(spec: ModelSpec, name: str) -> bool:
    """Whether the fingerprint knows a file that is written into the folder, and its content."""
    assert spec.path is not None
    marks = [fingerprint(spec, "text", "float32")]
    for content in ("one", "two"):
        (spec.path / name).parent.mkdir(parents=True, exist_ok=True)
        (spec.path / name).write_text(content)
        marks.append(fingerprint(spec, "text", "float32"))
    (spec.path / name).unlink()
    assert fingerprint(spec, "text", "float32") == marks[0]
    assert marks[0] != marks[1] != marks[2] or marks[0] == marks[1] == marks[2]
    return marks[0] != marks[1]


READ = (
    "tekken.json", "tokenizer.model", "tokenizer.model.v3", "tiktoken.model", "qwen.tiktoken",
    "vocab.txt", "bpe.codes", "dict.txt", "source.spm", "merges.txt", "added_tokens.json",
    "special_tokens_map.json", "chat_template.json", "additional_chat_templates/rag.jinja",
    "preprocessor_config.json", "video_preprocessor_config.json", "processor_config.json",
    "quantize_config.json", "hf_quant_config.json", "model.safetensors.index.json", "modeling.py",
    "adapter_model.safetensors", "a_file_of_next_year.json",
)  # fmt: skip
UNREAD = (
    "README.md", "LICENSE", "NOTICE.txt", ".gitattributes", ".git/config",
    "optimizer.pt", "training_args.bin", "trainer_state.json", "eval_results.json", "train.log",
    "events.out.tfevents.1", "checkpoint-5/config.json", "logo.png",
)  # fmt: skip
OWN_CODE = (
    "models/own.py",
    "vision-lora/adapter_config.json",
    "assets/table.npy",
    "tower.pth",
    "model.bin",
    "classes.csv",
    "prompts.jsonl",
    "memory.parquet",
)
"""What only code that comes with a checkpoint reads."""


@pytest.mark.parametrize("own_code", [False, True])
def test_every_file_that_a_loader_may_read_is_in_the_fingerprint(
    tmp_path: Path, own_code: bool
) -> None:
    spec = ModelSpec(path=text_folder(tmp_path / "m"), trust_remote_code=own_code)
    assert [name for name in READ if not changes(spec, name)] == []
    assert [name for name in UNREAD if changes(spec, name)] == []
    assert [changes(spec, name) for name in OWN_CODE] == [own_code] * len(OWN_CODE)


def test_beside_a_gguf_file_what_belongs_to_tokenizers_is_in_the_fingerprint(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.gguf").write_text("GGUF")
    spec = ModelSpec(path=tmp_path, gguf_file="a.gguf")
    assert list(fingerprint(spec, "text")["files"]) == ["a.gguf"]
    read = ("tokenizer_config.json", "tokenizer.json", "vocab.json", "merges.txt", "spiece.model")
    assert [n for n in (*read, "additional_chat_templates/rag.jinja") if not changes(spec, n)] == []
    others = ("b.gguf", "holiday.json", "notes.txt", "model.safetensors", "config.json")
    assert [name for name in others if changes(spec, name)] == []


def test_no_file_is_opened_that_the_fingerprint_does_not_know(tmp_path: Path) -> None:
    folders = [text_folder(tmp_path / "text")]
    folders += [getattr(tiny_vlms, name)(tmp_path / name) for name in ("llava", "gemma3")]
    opened: list[str] = []
    watching = True

    def watch(event: str, arguments: Any) -> None:
        if watching and event == "open" and isinstance(arguments[0], (str, Path)):
            opened.append(str(arguments[0]))

    sys.addaudithook(watch)  # stays until the process ends
    try:
        for folder in folders:
            spec = ModelSpec(path=folder)
            role: Role = "text" if folder.name == "text" else "vlm"
            for name in ("added_tokens.json", "special_tokens_map.json"):
                (folder / name).write_text("{}")
            opened.clear()
            known = set(build_generator(spec, role, device="cpu").fingerprint["files"])
            names = {str(Path(n).relative_to(folder)) for n in opened if n.startswith(str(folder))}
            assert {"config.json", "tokenizer_config.json"} <= names
            assert names <= known
    finally:
        watching = False


def test_a_moved_checkpoint_is_the_same_checkpoint(tmp_path: Path) -> None:
    first, second = (text_folder(tmp_path / name, seed=3) for name in ("one", "two"))
    assert fingerprint(ModelSpec(path=first), "text") == fingerprint(ModelSpec(path=second), "text")


def test_a_hub_model_is_known_by_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import HfApi, constants

    sha = "0123456789abcdef0123456789abcdef01234567"
    spec = ModelSpec(repo="owner/model")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    refs = tmp_path / "models--owner--model" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text(sha + "\n")
    found = fingerprint(spec, "vlm", device="cpu")
    assert (found["repo"], found["commit"], found["dtype"]) == ("owner/model", sha, "float32")
    assert commit(replace(spec, revision=sha[::-1].replace("-", "a"))) == sha[::-1]

    def offline(*args: object, **kwargs: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr(HfApi, "model_info", offline)
    with pytest.raises(SuiteError) as caught:
        fingerprint(replace(spec, revision="v2"), "vlm")
    assert str(caught.value) == (
        "Model owner/model is not on this machine and the Hugging Face Hub does not give it "
        "(ConnectionError); fetch it with `hf download owner/model`, or name a local copy with "
        "--weights PATH."
    )


def test_large_files_are_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from suite.models import fingerprint as identity

    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(identity, "REMEMBER_FROM", 10)
    folder = text_folder(tmp_path / "m")
    first = fingerprint(ModelSpec(path=folder), "text")
    memory = tmp_path / "cache" / "hashes.json"
    assert first["files"]["model.safetensors"] in json.loads(memory.read_text()).values()
    assert fingerprint(ModelSpec(path=folder), "text") == first
    (folder / "model.safetensors").write_bytes(b"other content than before")
    assert fingerprint(ModelSpec(path=folder), "text") != first
    memory.write_text("not JSON")
    assert fingerprint(ModelSpec(path=folder), "text") != first


@pytest.mark.parametrize("how", ["in place", "renamed"])
def test_a_large_file_that_was_replaced_with_its_size_and_time_is_hashed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 10)
    folder = text_folder(tmp_path / "m")
    weights = folder / "model.safetensors"
    first, status = fingerprint(ModelSpec(path=folder), "text"), weights.stat()
    other = weights.read_bytes()[:-4] + b"\0\0\0\x40"
    if how == "in place":
        weights.write_bytes(other)
    else:
        (tmp_path / "other").write_bytes(other)
        (tmp_path / "other").replace(weights)
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert weights.stat().st_mtime_ns == status.st_mtime_ns
    assert weights.stat().st_size == status.st_size
    assert fingerprint(ModelSpec(path=folder), "text") != first


CHANGED = (
    " has changed since this run began: run the same command again once nothing writes there; all "
    "that was finished before is kept."
)


def test_weights_that_are_replaced_while_a_model_loads_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = text_folder(tmp_path / "m")
    other = (text_folder(tmp_path / "other", seed=1) / "model.safetensors").read_bytes()

    def replaced(*about: Any) -> Any:
        (folder / "model.safetensors").write_bytes(other)
        return load(*about)

    monkeypatch.setattr("suite.models.transformers.generator.load", replaced)
    with pytest.raises(Unfinished) as caught:
        build_generator(ModelSpec(path=folder), "text", device="cpu")
    assert str(caught.value) == f"Checkpoint folder {folder} (model.safetensors){CHANGED}"


def test_weights_that_change_while_a_model_answers_are_refused(tmp_path: Path) -> None:
    folder = text_folder(tmp_path / "m")
    generator = build_generator(ModelSpec(path=folder), "text", device="cpu")
    asked = [request("0")]
    first = list(generator.generate(asked, no_image))
    os.utime(folder / "model.safetensors")  # touched, and the same
    (folder / "README.md").write_text("new")
    assert [one.text for one in generator.generate(asked, no_image)] == [first[0].text]
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"\0\0\0\x40")
    with pytest.raises(Unfinished) as caught:
        list(generator.generate(asked, no_image))
    assert str(caught.value) == f"Checkpoint folder {folder} (model.safetensors){CHANGED}"


def test_a_file_that_comes_while_a_model_loads_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = text_folder(tmp_path / "m")

    def joined(*about: Any) -> Any:
        (folder / "tekken.json").write_text("{}")
        return load(*about)

    monkeypatch.setattr("suite.models.transformers.generator.load", joined)
    with pytest.raises(Unfinished, match=r"\(tekken.json\) has changed"):
        build_generator(ModelSpec(path=folder), "text", device="cpu")


def test_recorded_texts_that_are_replaced_while_they_are_read_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "texts.json"
    path.write_text('{"0": "x"}')

    def replaced(file: Path) -> Any:
        file.write_text('{"0": "y"}')
        return read(file)

    read = recorded._read
    monkeypatch.setattr(recorded, "_read", replaced)
    with pytest.raises(Unfinished) as caught:
        build_generator(ModelSpec(path=path, generator="recorded"), "text")
    assert str(caught.value) == f"The file of recorded texts {path}{CHANGED}"


def test_device_and_dtype_without_torch() -> None:
    import torch

    assert resolve_dtype("auto", "cuda:1") == "bfloat16"
    assert resolve_dtype("auto", "cpu") == "float32"
    assert resolve_dtype("float16", "cuda") == "float16"
    assert resolve_device("cuda:3") == "cuda:3"
    expected = "cuda" if torch.version.cuda else "rocm" if torch.version.hip else "cpu"
    assert torch_build() == expected
    code = (
        "import sys; from suite.base.machine import resolve_device as r; name = r();"
        "assert 'torch' not in sys.modules; import torch;"
        "sys.exit(name != ('cuda' if torch.cuda.is_available() else"
        " 'mps' if torch.backends.mps.is_available() else 'cpu'))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_fingerprints_need_no_torch(tmp_path: Path) -> None:
    folder = text_folder(tmp_path / "m")
    code = (
        "import sys, pathlib; from suite.models.spec import ModelSpec;"
        "from suite.models.backends import fingerprint;"
        f"fingerprint(ModelSpec(path=pathlib.Path({str(folder)!r})), 'text');"
        "sys.exit(bool({'torch', 'transformers', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_recorded_csv_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text("item_id,text\n007,None\n8,\n")
    assert texts(RecordedGenerator(ModelSpec(path=path)), request("007"), request("8")) == [
        "None",
        f"{path} has no text for item 8.",
    ]
    path.write_text("item_id,text\n,x\n")
    with pytest.raises(SuiteError, match="line 2 has neither `item_id` nor `index`"):
        RecordedGenerator(ModelSpec(path=path))
    path.write_text("item_id,text\n1,a text, cut\n")
    with pytest.raises(SuiteError) as caught:
        RecordedGenerator(ModelSpec(path=path))
    assert str(caught.value) == (
        f"The recorded texts in {path} cannot be read: line 2 has 3 values and the header 2; "
        "a text that holds ',' needs quotes."
    )


def test_recorded_texts_with_rare_characters(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    rows = [{"item_id": 0, "text": "one\u2028two\x85"}, {"item_id": 1, "text": "ok \U0001f600"}]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join([*lines, '{"item_id": 2, "text": "cut \\ud83d"}']), encoding="utf-8")
    asked = [request(str(n)) for n in range(3)]
    assert texts(RecordedGenerator(ModelSpec(path=path)), *asked) == [
        rows[0]["text"],
        rows[1]["text"],
        "cut \ufffd",
    ]


def test_a_file_of_recorded_texts_that_was_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    for content, said in (
        ('item_id,text\n1,"a red square\n2,a blue one\n', "line 3: unexpected end of data"),
        ("item_id,text\n1\n", "line 2 has 1 values and the header 2; a text that holds ',' needs "
         "quotes"),
        ("", "it holds no recorded texts, and needs a row per item"),
    ):  # fmt: skip
        path.write_text(content)
        with pytest.raises(SuiteError) as caught:
            RecordedGenerator(ModelSpec(path=path))
        assert str(caught.value) == f"The recorded texts in {path} cannot be read: {said}."


RECORDED: dict[str, tuple[str, str | bytes, object]] = {
    "numbers of R": (
        "a.csv",
        '"index","text"\n99999,"x"\n1e+05,"y"\n',
        {"99999": "x", "100000": "{path} has no text for item 100000."},
    ),
    "floats of Parquet, made of a hole": (
        "a.parquet",
        pd.DataFrame({"index": [0.0, 3.0], "text": ["x", "y"]}).to_parquet(),
        {"0": "x", "3": "y"},
    ),
    "columns by name in JSON, as pandas writes them": (
        "a.json",
        pd.DataFrame({"index": [0, 3], "text": ["x", "y"]}).to_json(),
        ["'index'", "list of rows"],
    ),
    "UTF-16 of Excel": ("a.csv", "index,text\r\n3,färbig\r\n".encode("utf-16"), {"3": "färbig"}),
    "Excel's Unicode text": ("a.tsv", "index\ttext\r\n3\tä\r\n".encode("utf-16"), {"3": "ä"}),
    "a JSON object by numbers with a point": ("a.json", '\ufeff{"3.0": "x"}', {"3": "x"}),
    "spaces around a key": ("a.ndjson", '{"index": " 3 ", "text": " x "}\n', {"3": " x "}),
    "zeros before a key": (
        "a.csv",
        "item_id,text\n003,x\n",
        {"003": "x", "3": "{path} has no text for item 3."},
    ),
    "a task with its prefix": (
        "a.csv",
        "task,index,text\ndownscaling_a,3,x\nb,3,y\n",
        {"3": "x"},
    ),
    "a sheet of Excel": ("a.xlsx", archive(("xl/workbook.xml", "")), ["Excel", "CSV"]),
}


@pytest.mark.parametrize("case", RECORDED)
def test_recorded_texts_as_people_have_them(tmp_path: Path, case: str) -> None:
    name, content, wanted = RECORDED[case]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    if isinstance(wanted, dict):
        generator = RecordedGenerator(ModelSpec(path=path))
        found = texts(generator, *map(request, wanted))
        assert found == [text.format(path=path) for text in wanted.values()]
    else:
        assert isinstance(wanted, list)
        with pytest.raises(SuiteError) as caught:
            RecordedGenerator(ModelSpec(path=path))
        assert all(word in str(caught.value) for word in (str(path), *wanted)), str(caught.value)


def elsewhere(folder: Path, name: str) -> None:
    """Moves a file or folder out and leaves a link."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    out = folder.parent / f"out-{Path(name).name}"
    if (folder / name).exists():
        (folder / name).rename(out)
    else:
        out.mkdir()
    (folder / name).symlink_to(out)


def in_parts(folder: Path, where: str) -> None:
    """An index whose one part lies elsewhere."""
    (folder / where).parent.mkdir(exist_ok=True)
    (folder / "model.safetensors").rename(folder / where)
    index = {"metadata": {}, "weight_map": {"model.embed_tokens.weight": where}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("name", "arrange", "settings"),
    [
        ("weights/part.safetensors", lambda f: in_parts(f, "weights/part.safetensors"), {}),
        ("../base/part.safetensors", lambda f: in_parts(f, "../base/part.safetensors"), {}),
        ("tokenizer.json", lambda f: elsewhere(f, "tokenizer.json"), {}),
        (f"{TEMPLATES}/a.jinja", lambda f: elsewhere(f, TEMPLATES), {}),
        ("models/own.py", lambda f: elsewhere(f, "models"), {"trust_remote_code": True}),
        ("qformer_tokenizer/tokenizer.json", lambda f: None, {}),
        ("generation_config.json", lambda f: None, {}),
        ("q4/a.gguf", lambda f: elsewhere(f, "q4"), {"gguf_file": "q4/a.gguf"}),
    ],
)  # fmt: skip
def test_what_a_loader_reads_elsewhere_is_in_the_fingerprint(
    tmp_path: Path, name: str, arrange: Any, settings: Any
) -> None:
    folder = text_folder(tmp_path / "m")
    spec = ModelSpec(path=folder, **settings)
    arrange(folder)
    marks = []
    for content in ("one", "two"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
        marks.append(fingerprint(spec, "vlm", "float32"))
    assert marks[0] != marks[1]


def test_what_tools_leave_in_a_folder_is_not_in_the_fingerprint(tmp_path: Path) -> None:
    spec = ModelSpec(path=text_folder(tmp_path / "m"))
    left = (
        ".cache/huggingface/download/config.json.metadata", ".ipynb_checkpoints/config.json",
        "__pycache__/modeling.cpython-313.pyc", ".DS_Store", ".gitignore", "wandb/debug.log",
        "all_results.json", "train_results.json", "trainer_log.jsonl", "training_loss.png",
        "optimizer.bin", "rng_state_0.pth", "global_step500/zero_states.pt", "pytorch_model.bin",
        "checkpoint-500/tokenizer.json", "runs/Nov26/events.out.tfevents.2", "onnx/model.onnx",
        "original/params.json",
    )  # fmt: skip
    assert [name for name in left if changes(spec, name)] == []


def test_a_file_that_is_written_anew_with_the_same_content_changes_nothing(tmp_path: Path) -> None:
    folder = text_folder(tmp_path / "m")
    first = fingerprint(ModelSpec(path=folder), "text")
    for file in folder.iterdir():
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)
        file.chmod(0o444)
        os.utime(file, (1, 1))
    assert fingerprint(ModelSpec(path=folder), "text") == first


def over(file: Path, content: bytes) -> None:
    """As an editor, rsync or a download puts a file in the place of another."""
    (file.parent / ".new").write_bytes(content)
    (file.parent / ".new").replace(file)


def put_back(folder: Path, other: Path) -> Any:
    """Other weights while the model loads, and the old ones when it is done."""
    before = (folder / "model.safetensors").read_bytes()
    over(folder / "model.safetensors", (other / "model.safetensors").read_bytes())
    return lambda: over(folder / "model.safetensors", before)


def happens_while_loading(monkeypatch: pytest.MonkeyPatch, event: Callable[[], Any]) -> None:
    """Lets the event happen before the first load reads anything; what it gives is called once
    that load has ended."""
    events = [event]

    def happening(*about: Any) -> Any:
        after = events.pop()() if events else None
        loaded = load(*about)
        if after:
            after()
        return loaded

    monkeypatch.setattr("suite.models.transformers.generator.load", happening)


def assert_holds(built: Any, weights: Mapping[str, Any]) -> None:
    """Asserts that a generator's model has these weights, to the bit."""
    state = built.loaded.model.state_dict()
    assert all(state[name].equal(weight) for name, weight in weights.items())


def link_to_another(folder: Path, other: Path) -> None:
    folder.rename(folder.parent / "old")
    folder.symlink_to(other)


def adapter_comes(folder: Path, other: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")


def training_goes_on(folder: Path, other: Path) -> None:
    os.utime(folder / "model.safetensors")
    (folder / "trainer_state.json").write_text("{}")
    text_folder(folder / "checkpoint-1000", seed=2)


@pytest.mark.parametrize(
    ("event", "refused"),
    [
        (
            lambda f, o: over(f / "model.safetensors", (o / "model.safetensors").read_bytes()),
            CHANGED,
        ),
        (
            lambda f, o: over(f / "tokenizer.json", (o / "tokenizer.json").read_bytes() + b" "),
            CHANGED,
        ),
        (lambda f, o: (f / "chat_template.jinja").unlink(), CHANGED),
        (lambda f, o: over(f / "generation_config.json", b'{"eos_token_id": 7}'), CHANGED),
        (link_to_another, CHANGED),
        (put_back, None),
        (adapter_comes, "holds an adapter"),
        (training_goes_on, None),
    ],
    ids=["weights", "tokenizer", "template", "ends", "link", "put back", "adapter", "training"],
)
def test_what_happens_to_a_folder_while_it_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: Any, refused: str | None
) -> None:
    folder, other = text_folder(tmp_path / "m"), text_folder(tmp_path / "other", seed=1)

    happens_while_loading(monkeypatch, lambda: event(folder, other))
    known = fingerprint(ModelSpec(path=folder), "text", device="cpu")
    kept = load_file(folder / "model.safetensors")
    if refused:
        with pytest.raises(Unfinished if refused == CHANGED else SuiteError, match=refused):
            build_generator(ModelSpec(path=folder), "text", device="cpu")
    else:
        built: Any = build_generator(ModelSpec(path=folder), "text", device="cpu")
        assert built.fingerprint == known
        assert_holds(built, kept)


def test_a_folder_that_is_swept_away_while_it_answers_is_told(tmp_path: Path) -> None:
    """As `save_total_limit` removes the checkpoint of an earlier step."""
    folder = text_folder(tmp_path / "checkpoint-500")
    generator = build_generator(ModelSpec(path=folder), "text", device="cpu")
    shutil.rmtree(folder)
    with pytest.raises(SuiteError) as caught:
        list(generator.generate([request("0")], no_image))
    assert str(folder) in str(caught.value)


def test_a_branch_of_the_hub_that_moves_on_is_not_loaded_under_the_old_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = "1" * 40, "2" * 40
    cached = tmp_path / "models--owner--model"
    for seed, sha in enumerate((old, new)):
        text_folder(cached / "snapshots" / sha, seed=seed)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(old)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path))

    def moved(*about: Any) -> Any:
        (cached / "refs" / "main").write_text(new)
        return load(*about)

    monkeypatch.setattr("suite.models.transformers.generator.load", moved)
    try:
        generator: Any = build_generator(ModelSpec(repo="owner/model"), "text", device="cpu")
    except Unfinished:
        return
    kept = load_file(cached / "snapshots" / generator.fingerprint["commit"] / "model.safetensors")
    state = generator.loaded.model.state_dict()
    assert all(state[name].equal(weight) for name, weight in kept.items())


ALIKE = 1_700_000_000_000_000_000


def alike(file: Path, content: bytes) -> Path:
    """A file with the time of change of all others."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    os.utime(file, ns=(ALIKE, ALIKE))
    return file


def swapped(folder: Path, cache: Path) -> None:
    weights, spare = folder / "model.safetensors", folder.parent / "spare"
    weights.rename(folder.parent / "t")
    spare.rename(weights)
    (folder.parent / "t").rename(spare)


def linked(folder: Path, cache: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(folder.parent / "spare")


def hard_linked(folder: Path, cache: Path) -> None:
    (folder / "model.safetensors").unlink()
    os.link(folder.parent / "spare", folder / "model.safetensors")


def copied_with_its_times(folder: Path, cache: Path) -> None:
    shutil.copy2(folder.parent / "spare", folder / "model.safetensors")


def another_folder_of_its_name(folder: Path, cache: Path) -> None:
    folder.rename(folder.parent / "old")
    shutil.copytree(folder.parent / "old", folder)
    shutil.copy2(folder.parent / "spare", folder / "model.safetensors")


def written_through_a_map(folder: Path, cache: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[:] = (folder.parent / "spare").read_bytes()
    os.utime(folder / "model.safetensors", ns=(ALIKE, ALIKE))


@pytest.mark.parametrize(
    "replace_weights",
    [swapped, linked, hard_linked, copied_with_its_times, another_folder_of_its_name,
     written_through_a_map],
    ids=lambda one: one.__name__,
)  # fmt: skip
def test_weights_in_place_of_others_with_their_size_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replace_weights: Any
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 10)
    folder = text_folder(tmp_path / "m")
    alike(folder / "model.safetensors", b"a" * 100)
    alike(tmp_path / "spare", b"b" * 100)
    marks = [fingerprint(ModelSpec(path=folder), "text") for _ in range(2)]
    replace_weights(folder, tmp_path / "cache")
    marks.append(fingerprint(ModelSpec(path=folder), "text"))
    assert marks[0] == marks[1] != marks[2]


def test_weights_that_are_overwritten_at_once_are_hashed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within one tick of the file system's clock, which is several milliseconds long."""
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 10)
    (tmp_path / "m").mkdir()
    spec = ModelSpec(path=tmp_path / "m", gguf_file="a.gguf")
    marks = []
    for n in range(30):
        alike(tmp_path / "m" / "a.gguf", b"%02d" % n * 50)
        marks.append(fingerprint(spec, "text")["files"]["a.gguf"])
    assert len(set(marks)) == 30


def test_weights_that_change_while_they_are_hashed_are_not_remembered_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 10)
    folder = text_folder(tmp_path / "m")
    weights = alike(folder / "model.safetensors", b"a" * 100)
    true = hashlib.file_digest

    def late(file: Any, *more: Any) -> Any:
        found = true(file, *more)
        if Path(file.name) == weights:
            alike(weights, b"b" * 100)
        return found

    with monkeypatch.context() as patch:
        patch.setattr("hashlib.file_digest", late)
        fingerprint(ModelSpec(path=folder), "text")
    assert fingerprint(ModelSpec(path=folder), "text")["files"]["model.safetensors"] == (
        hashlib.sha256(b"b" * 100).hexdigest()
    )


@pytest.mark.parametrize(
    "memory", ["null", "[]", '{"KEY": 5}', '{"KEY": "short"}', "\x00" * 50, "folder"]
)
def test_a_memory_of_hashes_that_is_none_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: str
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 10)
    folder = text_folder(tmp_path / "m")
    first = fingerprint(ModelSpec(path=folder), "text")
    hashes = tmp_path / "cache" / "hashes.json"
    if memory == "folder":
        hashes.unlink()
        hashes.mkdir()
    else:
        key = next(k for k in json.loads(hashes.read_text()) if "model.safetensors" in k)
        hashes.write_text(memory.replace('"KEY"', json.dumps(key)))
    assert fingerprint(ModelSpec(path=folder), "text") == first


def test_two_checkpoints_at_one_relative_path_are_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 10)
    marks = []
    for project in ("one", "two"):
        text_folder(tmp_path / project / "m")
        alike(tmp_path / project / "m" / "model.safetensors", project.encode() * 9)
        monkeypatch.chdir(tmp_path / project)
        marks.append(fingerprint(ModelSpec(path=Path("m")), "text"))
    assert marks[0] != marks[1]


# --- what a loader reads in places that its folder's names do not show ------------------------


def in_json(name: str, **changes: Any) -> Any:
    """Adds to a JSON file of the folder."""

    def arrange(folder: Path) -> None:
        path = folder / name
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(known | changes))

    return arrange


def written(name: str) -> Any:
    """Writes a file of the folder, in two contents one after the other."""

    def state(folder: Path, content: str) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)

    return state


def tokenizer_linked(folder: Path) -> None:
    """A tokenizer that several checkpoints share lies once, and a link leads to its folder."""
    (folder.parent / "shared").mkdir()
    (folder / "qformer_tokenizer").symlink_to(folder.parent / "shared")


@pytest.mark.parametrize(
    ("name", "arrange", "settings"),
    [
        ("main.weights", in_json("config.json", transformers_weights="main.weights"), {}),
        ("w/a.safetensors", in_json("config.json", transformers_weights="w/a.safetensors"), {}),
        ("qformer_tokenizer/vocab.txt", tokenizer_linked, {}),
        ("quant_config.json", lambda f: None, {}),
        ("sentencepiece.bpe.model", lambda f: None, {}),
        ("vocab.bpe", lambda f: None, {}),
        ("prophetnet.tokenizer", lambda f: None, {}),
    ],
)
def test_what_a_loader_reads_under_another_name_is_in_the_fingerprint(
    tmp_path: Path, name: str, arrange: Any, settings: Any
) -> None:
    folder = text_folder(tmp_path / "m")
    (folder / "a.gguf").write_text("GGUF")
    arrange(folder)
    spec, marks = ModelSpec(path=folder, **settings), []
    for content in ('{"a": 1}', '{"a": 2}'):
        written(name)(folder, content)
        try:
            marks.append(json.dumps(fingerprint(spec, "vlm", "float32")))
        except SuiteError as error:
            assert name in str(error)  # noqa: PT017
            return
    assert marks[0] != marks[1]


@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer_config.json", "preprocessor_config.json"]
)
def test_code_of_another_repository_is_in_the_key_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """`auto_map` of a fine-tuned model leads to the repository of its base."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    refs = tmp_path / "hub" / "models--owner--base" / "refs"
    refs.mkdir(parents=True)
    folder = text_folder(tmp_path / "m")
    in_json(name, auto_map={"AutoConfig": "owner/base--own.Own"})(folder)
    spec, marks = ModelSpec(path=folder, trust_remote_code=True), []
    for sha in ("1" * 40, "2" * 40):
        (refs / "main").write_text(sha)
        try:
            marks.append(json.dumps(fingerprint(spec, "text", device="cpu")))
        except SuiteError as error:
            assert "owner/base" in str(error)  # noqa: PT017
            return
    assert marks[0] != marks[1]
    # Where code of a repository does not run, nothing of it is read.
    fingerprint(replace(spec, trust_remote_code=False), "text", device="cpu")


def test_a_snapshot_of_the_hub_that_was_edited_is_not_known_by_its_commit_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People mend a chat template where it lies; links to blobs have become files then."""
    sha = "3" * 40
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    cached = tmp_path / "models--owner--model"
    snapshot = text_folder(cached / "snapshots" / sha)
    (cached / "blobs").mkdir()
    for file in sorted(snapshot.iterdir()):
        content = file.read_bytes()
        header = b"blob %d\0" % len(content)
        blob = hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
        if file.suffix == ".safetensors":
            blob = hashlib.sha256(content).hexdigest()
        file.rename(cached / "blobs" / blob)
        file.symlink_to(Path("../../blobs") / blob)
    spec = ModelSpec(repo="owner/model", revision=sha)
    marks = [json.dumps(fingerprint(spec, "text", device="cpu"))]
    template = snapshot / "chat_template.jinja"
    over(template, template.read_bytes() + b"Think.")
    try:
        marks.append(json.dumps(fingerprint(spec, "text", device="cpu")))
        build_generator(spec, "text", device="cpu")
    except SuiteError as error:
        assert "chat_template.jinja" in str(error)  # noqa: PT017
        return
    assert marks[0] != marks[1]


def test_a_link_to_the_latest_step_that_moves_on_is_another_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 10)
    latest, marks = tmp_path / "latest", []
    for step, content in (("step-500", b"a"), ("step-1000", b"b")):
        text_folder(tmp_path / step)
        alike(tmp_path / step / "model.safetensors", content * 100)
    for step in ("step-500", "step-1000", "step-500"):
        latest.unlink(missing_ok=True)
        latest.symlink_to(step)
        marks.append(fingerprint(ModelSpec(path=latest), "text"))
    assert marks[0] == marks[2] != marks[1]


def test_weights_that_come_back_are_the_old_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 10)
    folder = text_folder(tmp_path / "m")
    weights, marks = folder / "model.safetensors", []
    alike(weights, b"a" * 100)
    marks.append(fingerprint(ModelSpec(path=folder), "text"))
    weights.rename(tmp_path / "away")
    alike(weights, b"b" * 100)
    marks.append(fingerprint(ModelSpec(path=folder), "text"))
    weights.unlink()
    (tmp_path / "away").rename(weights)
    marks.append(fingerprint(ModelSpec(path=folder), "text"))
    assert marks[0] == marks[2] != marks[1]


# --- the key names what was loaded: settings, indices, texts, and what happens in use ---------


def other_rotation(folder: Path) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    over(path, json.dumps(config | {"rope_theta": 7.0}).encode())


def other_index(folder: Path) -> None:
    """The index names other parts of the same names of weights."""
    weights = load_file(folder / "model.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(weights, "other.safetensors")}
    over(folder / "model.safetensors.index.json", json.dumps(index).encode())


def folder_swapped(folder: Path) -> None:
    folder.rename(folder.parent / "old")
    text_folder(folder, seed=4)


def tokenizer_gone(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def backed_up(folder: Path) -> None:
    """As `cp -al` and rsnapshot do: another link, the time of change is new."""
    for file in [*folder.iterdir()]:
        (folder.parent / f"backup-{file.name}").unlink(missing_ok=True)
        os.link(file, folder.parent / f"backup-{file.name}")
        file.chmod(0o400)


def synced_again(folder: Path) -> None:
    for file in [*folder.iterdir()]:
        over(file, file.read_bytes())


@pytest.mark.parametrize("when", ["load", "answer"])
@pytest.mark.parametrize(
    ("event", "refused"),
    [
        (other_rotation, True),
        (other_index, True),
        (folder_swapped, True),
        (tokenizer_gone, True),
        (adapter_comes, True),
        (backed_up, False),
        (synced_again, False),
    ],
)
def test_what_happens_to_a_folder_while_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: Any, refused: bool, when: str
) -> None:
    folder = text_folder(tmp_path / "m")
    if event is adapter_comes:
        event = lambda f: (f / "adapter_config.json").write_text("{}")  # noqa: E731

    def happening(*about: Any) -> Any:
        loaded = load(*about)
        if when == "load":
            event(folder)
        return loaded

    monkeypatch.setattr("suite.models.transformers.generator.load", happening)
    known = fingerprint(ModelSpec(path=folder), "text", device="cpu")

    def use() -> Any:
        generator = build_generator(ModelSpec(path=folder), "text", device="cpu")
        if when == "answer":
            event(folder)
        assert all(one.error is None for one in generator.generate([request("0")], no_image))
        return generator

    if refused:
        with pytest.raises(SuiteError) as caught:
            use()
        assert str(folder) in str(caught.value)
    else:
        assert use().fingerprint == known


@pytest.mark.parametrize("how", ["put back", "link", "gone"])
def test_what_happens_to_recorded_texts_while_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    for name, text in (("a", "x"), ("b", "y")):
        (tmp_path / f"{name}.json").write_text(json.dumps({"0": text}))
    path = tmp_path / "texts.json"
    path.symlink_to(tmp_path / "a.json")
    known = fingerprint(ModelSpec(path=path, generator="recorded"), "text")

    def point(to: str) -> None:
        path.unlink()
        path.symlink_to(tmp_path / f"{to}.json")

    def happening(file: Path) -> Any:
        point("b")
        found = read(file)
        if how == "put back":
            point("a")
        elif how == "gone":
            path.unlink()
        return found

    read = recorded._read
    monkeypatch.setattr(recorded, "_read", happening)
    try:
        generator = build_generator(ModelSpec(path=path, generator="recorded"), "text")
    except SuiteError as error:
        assert str(path) in str(error)  # noqa: PT017
        return
    answers = texts(generator, request("0"))
    assert (generator.fingerprint == known) == (answers == ["x"])


def test_a_link_that_leads_elsewhere_for_a_while_is_loaded_as_it_stands_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = load_file(text_folder(tmp_path / "a") / "model.safetensors")
    text_folder(tmp_path / "b", seed=1)
    latest = tmp_path / "latest"
    loads: list[Any] = []

    def point(to: str) -> None:
        latest.unlink(missing_ok=True)
        latest.symlink_to(tmp_path / to)

    def happening(*about: Any) -> Any:
        point("a" if loads else "b")
        loads.append(load(*about))
        point("a")
        return loads[-1]

    point("a")
    monkeypatch.setattr("suite.models.transformers.generator.load", happening)
    built: Any = build_generator(ModelSpec(path=latest), "text", device="cpu")
    assert_holds(built, kept)


def test_code_of_another_repository_is_refused_in_one_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = "4" * 40
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path))
    folder = text_folder(tmp_path / "models--owner--model" / "snapshots" / sha)
    spec = ModelSpec(repo="owner/model", revision=sha, trust_remote_code=True)
    build_generator(spec, "text", device="cpu")
    in_json("tokenizer_config.json", auto_map={"AutoTokenizer": ["owner/base--t.T", None]})(folder)
    with pytest.raises(SuiteError) as caught:
        build_generator(spec, "text", device="cpu")
    assert str(caught.value) == (
        "Model owner/model runs code of another repository, owner/base (`auto_map` in "
        "tokenizer_config.json), and nothing says which version: copy its Python files into a copy "
        "of the folder, remove `owner/base--` from tokenizer_config.json, and name the copy with "
        "`path:`."
    )


# --- the third look at what is in the key ------------------------------------------------------


def snapshot_of(cached: Path, sha: str) -> Path:
    """A repository as the Hub's client keeps it: links to files that their hashes name."""
    snapshot = text_folder(cached / "snapshots" / sha)
    (cached / "blobs").mkdir()
    for file in sorted(snapshot.iterdir()):
        content = file.read_bytes()
        header = b"blob %d\0" % len(content)
        blob = hashlib.sha1(header + content, usedforsecurity=False).hexdigest()
        if file.suffix == ".safetensors":
            blob = hashlib.sha256(content).hexdigest()
        file.rename(cached / "blobs" / blob)
        file.symlink_to(Path("../../blobs") / blob)
    return snapshot


def weights_saved_over(snapshot: Path) -> None:
    """As `save_file` writes through the link."""
    with (snapshot / "model.safetensors").open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"\0\0\0\x40")


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        (weights_saved_over, "model.safetensors"),
        (lambda s: (s / "generation_config.json").write_text('{"eos_token_id": 7}'),
         "generation_config.json"),
        (lambda s: (s / "additional_chat_templates").mkdir()
         or (s / "additional_chat_templates" / "rag.jinja").write_text("x"), "rag.jinja"),
        (lambda s: (s / "tokenizer.model").write_text("x"), "tokenizer.model"),
        (lambda s: (s / "README.md").write_text("x"), None),
    ],
    ids=["weights", "through its link", "a template more", "a tokenizer more", "a card"],
)  # fmt: skip
@pytest.mark.parametrize("large", [4096, 32 << 20])
def test_a_snapshot_that_was_edited_is_not_answered_as_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: Any, named: str | None, large: int
) -> None:
    sha = "5" * 40
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", large)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = snapshot_of(tmp_path / "models--owner--model", sha)
    edit(snapshot)
    spec = ModelSpec(repo="owner/model", revision=sha)
    if named is None:
        build_generator(spec, "text", device="cpu")
        return
    with pytest.raises(SuiteError) as caught:
        build_generator(spec, "text", device="cpu")
    assert f"{named} was edited" in str(caught.value)


def test_what_answers_by_its_own_code_has_another_key(tmp_path: Path) -> None:
    """Folder and commit are the same, the class that reads them is not."""
    for spec in (
        ModelSpec(path=text_folder(tmp_path / "m")),
        ModelSpec(repo="o/m", revision="6" * 40),
    ):
        marks = [
            fingerprint(replace(spec, trust_remote_code=own), "text", device="cpu")
            for own in (False, True)
        ]
        assert marks[0] != marks[1]


@pytest.mark.parametrize("place", [0, 7777, 99_999])
def test_large_weights_of_a_mounted_image_that_was_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """In images made to be reproducible all times, sizes and inodes are those of the last one."""
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 10)
    monkeypatch.setattr("suite.models.fingerprint.mark", lambda path: "1980-01-01")
    (tmp_path / "a.gguf").write_bytes(bytes(100_000))
    spec, marks = ModelSpec(path=tmp_path, gguf_file="a.gguf"), []
    marks.append(fingerprint(spec, "text"))
    content = bytearray(100_000)
    content[place] = 1
    (tmp_path / "a.gguf").write_bytes(content)
    marks.append(fingerprint(spec, "text"))
    assert marks[0] != marks[1]


def test_every_file_of_words_that_the_library_knows_is_in_the_key(tmp_path: Path) -> None:
    import transformers

    models = Path(transformers.__file__).parent / "models"
    found = set()
    for source in (*models.glob("*/tokenization*.py"), *models.glob("*/processing*.py")):
        block = re.search(r"VOCAB_FILES_NAMES = \{(.*?)\}", source.read_text(), re.S)
        found |= set(re.findall(r':\s*"([^"]+\.[^"]+)"', block[1])) if block else set()
    assert len(found) > 20
    spec = ModelSpec(path=text_folder(tmp_path / "m"))
    assert [name for name in sorted(found - {"tokenizer_config.json", "tokenizer.json"})
            if not changes(spec, name)] == []  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arrange"),
    [
        ("qformer_tokenizer/additional_chat_templates/a.jinja", lambda f: None),
        ("audio_tokenizer/config.json", lambda f: None),
        ("processor_config.json", lambda f: None),
        ("tokenizer/tokenizer.json", lambda f: None),
        ("config.5.0.0.json", lambda f: None),
        ("tokenizer.5.0.0.json", lambda f: None),
        ("model.safetensors.index.json", lambda f: None),
        ("chat_template.jinja", lambda f: elsewhere(f, "chat_template.jinja")),
    ],
)
def test_what_lies_deeper_or_by_version_is_in_the_key(
    tmp_path: Path, name: str, arrange: Any
) -> None:
    folder = text_folder(tmp_path / "m")
    arrange(folder)
    marks = []
    for content in ('{"a": 1}', '{"a": 2}'):
        written(name)(folder, content)
        marks.append(fingerprint(ModelSpec(path=folder), "vlm", "float32"))
    assert marks[0] != marks[1]


def test_a_link_to_a_link_that_leads_elsewhere_is_another_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 10)
    folder = text_folder(tmp_path / "m")
    marks = []
    for content in (b"a", b"b"):
        alike(tmp_path / content.decode(), content * 100)
        (tmp_path / "latest").unlink(missing_ok=True)
        (tmp_path / "latest").symlink_to(tmp_path / content.decode())
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors").symlink_to(tmp_path / "latest")
        marks.append(fingerprint(ModelSpec(path=folder), "text"))
    assert marks[0] != marks[1]


def test_settings_in_another_order_are_the_same_and_others_are_not(tmp_path: Path) -> None:
    folder = text_folder(tmp_path / "m")
    first, second, third = (
        fingerprint(ModelSpec(path=folder, processor=settings), "vlm", "float32")
        for settings in ('{"a":1,"b":2}', '{"b":2,"a":1}', '{"a":1,"b":"2"}')
    )
    assert first == second != third


# --- moved away and put back, in place, in parts, and from the Hub ------------------------------


def folder_away_and_back(folder: Path, other: Path) -> Any:
    folder.rename(folder.parent / "away")
    other.rename(folder)

    def back() -> None:
        folder.rename(other)
        (folder.parent / "away").rename(folder)

    return back


def file_away_and_back(folder: Path, other: Path) -> Any:
    weights, away = folder / "model.safetensors", folder.parent / "away"
    weights.rename(away)
    shutil.copy2(other / "model.safetensors", weights)
    return lambda: away.replace(weights)


def in_place_and_back(folder: Path, other: Path) -> Any:
    """With its time of change set back."""
    weights = folder / "model.safetensors"
    before, seen = weights.read_bytes(), weights.stat()

    def put(content: bytes) -> None:
        with weights.open("r+b") as file:
            file.write(content)
        os.utime(weights, ns=(seen.st_atime_ns, seen.st_mtime_ns))

    put((other / "model.safetensors").read_bytes())
    return lambda: put(before)


def through_another_name(folder: Path, other: Path) -> None:
    """A hard link of it is written to, as by `rsync --inplace` into a backup."""
    os.link(folder / "model.safetensors", folder.parent / "backup")
    with (folder.parent / "backup").open("r+b") as file:
        file.write((other / "model.safetensors").read_bytes())


def with_the_old_size_and_time(folder: Path, other: Path) -> None:
    seen = (folder / "model.safetensors").stat()
    over(folder / "model.safetensors", (other / "model.safetensors").read_bytes())
    os.utime(folder / "model.safetensors", ns=(seen.st_atime_ns, seen.st_mtime_ns))


def another_template(folder: Path, other: Path) -> None:
    (folder / TEMPLATES).mkdir()
    (folder / TEMPLATES / "tool_use.jinja").write_text("{{ messages }}")


def cut(folder: Path, other: Path) -> None:
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(2000)


def told_people_more(folder: Path, other: Path) -> None:
    (folder / "README.md").write_text("Trained for longer.")
    (folder / "loss.png").write_bytes(b"")


@pytest.mark.parametrize(
    ("event", "refused"),
    [
        (folder_away_and_back, False),
        (file_away_and_back, False),
        (in_place_and_back, False),
        (through_another_name, True),
        (with_the_old_size_and_time, True),
        (another_template, True),
        (cut, True),
        (told_people_more, False),
    ],
)
def test_the_key_names_what_was_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: Any, refused: bool
) -> None:
    monkeypatch.setenv("DOWNSCALE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("suite.models.fingerprint.REMEMBER_FROM", 1000)
    folder, other = text_folder(tmp_path / "m"), text_folder(tmp_path / "other", seed=1)
    kept = load_file(folder / "model.safetensors")
    kept = {name: weight.clone() for name, weight in kept.items()}
    happens_while_loading(monkeypatch, lambda: event(folder, other))
    known = fingerprint(ModelSpec(path=folder), "text", device="cpu")
    if refused:
        with pytest.raises(SuiteError) as caught:
            build_generator(ModelSpec(path=folder), "text", device="cpu")
        assert str(folder) in str(caught.value)
    else:
        built: Any = build_generator(ModelSpec(path=folder), "text", device="cpu")
        assert built.fingerprint == known
        assert_holds(built, kept)


def test_a_link_above_a_folder_that_leads_elsewhere_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = load_file(text_folder(tmp_path / "v1" / "m") / "model.safetensors")
    text_folder(tmp_path / "v2" / "m", seed=1)
    latest, loads = tmp_path / "latest", []

    def point(to: str) -> None:
        latest.unlink(missing_ok=True)
        latest.symlink_to(to)

    def happening(*about: Any) -> Any:
        point("v1" if loads else "v2")
        loads.append(load(*about))
        point("v1")
        return loads[-1]

    point("v1")
    monkeypatch.setattr("suite.models.transformers.generator.load", happening)
    built: Any = build_generator(ModelSpec(path=latest / "m"), "text", device="cpu")
    assert_holds(built, kept)


def test_a_snapshot_of_the_hub_that_is_edited_while_it_loads_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = "5" * 40
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path))
    cached = tmp_path / "models--owner--model"
    snapshot = text_folder(cached / "snapshots" / sha)
    (cached / "blobs").mkdir()
    for file in sorted(snapshot.iterdir()):
        content = file.read_bytes()
        blob = cached / "blobs" / hashlib.sha256(content).hexdigest()
        blob.write_bytes(content)
        file.unlink()
        file.symlink_to(blob)

    def happening(*about: Any) -> Any:
        loaded = load(*about)
        template = snapshot / "chat_template.jinja"
        over(template, template.read_bytes() + b"Think.")
        return loaded

    spec = ModelSpec(repo="owner/model", revision=sha)
    build_generator(spec, "text", device="cpu")
    monkeypatch.setattr("suite.models.transformers.generator.load", happening)
    with pytest.raises(SuiteError, match=r"chat_template\.jinja was edited"):
        build_generator(spec, "text", device="cpu")
