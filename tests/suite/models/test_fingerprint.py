"""The key names all of a checkpoint that its loader reads, wherever it lies, and nothing else.

In: folders, links and snapshots of the Hub. Out: fingerprints, without loading a model.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from suite.base.machine import resolve_device, resolve_dtype, torch_build
from suite.errors import SuiteError
from suite.models.backends import build_generator, fingerprint
from suite.models.fingerprint import TEMPLATES, commit
from suite.models.spec import ModelSpec, Role
from tests.suite import tiny_vlms
from tests.suite.models.checkpoints import alike, over, snapshot_of
from tests.suite.tiny_models import text_folder


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
    snapshot = snapshot_of(tmp_path / "models--owner--model", sha)
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
