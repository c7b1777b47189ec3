"""Recorded texts, and fingerprints that know a model without loading it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from suite.base.machine import resolve_device, resolve_dtype, torch_build
from suite.errors import SuiteError
from suite.models.backends import build_generator, fingerprint
from suite.models.fingerprint import commit
from suite.models.recorded import RecordedGenerator
from suite.models.spec import ModelSpec
from suite.requests import Decoding, Generator, Message, Request
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
        ('{"0": ["a"]}', "row 1: its `text` is ['a'] and not a text"),
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
