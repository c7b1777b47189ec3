"""Fingerprints: what a generator's answers depend on, as JSON, without loading the model.

In: a ModelSpec. Out: content hashes of the files of a local folder, or repository and resolved
commit of one on the Hub; with the role, the dtype and the processor's settings. No torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

from suite.base.files import cache_folder, file_hash, write_whole
from suite.base.json_values import json_mapping
from suite.base.machine import resolve_dtype
from suite.errors import SuiteError, Unfinished
from suite.models.spec import ModelSpec

UNREAD = (
    ".*", "*.md", "LICENSE*", "NOTICE*", "*.pdf", "*.png", "*.jpg", "*.jpeg", "*.gif", "*.webp",
    "*.svg", "*.mp4", "*.pyc", "*.log", "*.out", "*.err", "*.tfevents*", "trainer_state.json",
    "*_results.json", "checkpoint-*", "optimizer.*", "scheduler.pt", "rng_state*",
    "training_args.bin",
)  # fmt: skip
"""Names, of files and folders, that no loader reads: words and pictures for people, what training
leaves. All else may change what a model says."""
OF_OWN_CODE = (
    "*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt", "*.h5", "*.msgpack", "*.onnx", "*.gguf",
    "*.jsonl", "*.csv", "*.parquet",
)  # fmt: skip
"""Weights and rows in formats that only a checkpoint's own code opens."""
TEMPLATE, TEMPLATES = "chat_template.jinja", "additional_chat_templates"
FOLDERS = (TEMPLATES, "*tokenizer*")
"""The folders of a checkpoint that are read, the second for each tokenizer of a processor beside
its first. Its own code, where that may run, reads any."""
BESIDE_GGUF = (
    "tokenizer*", "vocab*", "merges*", "added_tokens.json", "special_tokens_map.json", "*.model*",
    "*.spm", "*.tiktoken", f"{TEMPLATES}/*", "*.py", TEMPLATE,
)  # fmt: skip
"""What is read beside a GGUF file, whose folder may be anybody's downloads."""
CODE = (
    "config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json",
    "video_preprocessor_config.json",
)  # fmt: skip
"""Files of settings that may name the code of a checkpoint."""
ADAPTER = "adapter_config.json"
LLAVA_NEXT = "llava_qwen_3"
"""Model type of LLaVA-NeXT's own code with a Qwen3, which transformers does not know."""

_HASH = r"[0-9a-f]{40}|[0-9a-f]{64}"

REMEMBER_FROM = 32 << 20
"""Files from this size have their hash remembered by what tells that they are the same: path, size,
times of change, inode, and SAMPLES of their content, as images of containers and mounted buckets
give other files the times and numbers of the old."""
SAMPLES, SAMPLE = 64, 4096
POINTER = 1024
"""Bytes that a pointer of Git LFS has at most, by its specification."""


def identity(
    spec: ModelSpec, role: str, dtype: str = "auto", device: str = "auto"
) -> dict[str, Any]:
    """Gives the fingerprint of a transformers model. SuiteError for a checkpoint that is not
    there."""
    if dtype == "auto":
        dtype = spec.dtype
    found: dict[str, Any] = {
        "generator": "transformers",
        "role": role,
        "dtype": resolve_dtype(dtype, device),
    }
    if spec.random_weights:  # no key of theirs is one of a checkpoint
        found["random_weights"] = True
    if spec.settings:
        found["processor"] = spec.settings
    if spec.thinks:
        found["thinking"] = spec.thinks
    if spec.trust_remote_code:  # other code may read the same files otherwise
        found["trust_remote_code"] = True
    for name in ("device_map", "quantization"):
        if getattr(spec, name) is not None:
            found[name] = getattr(spec, name)
    if spec.chat_template is not None:
        found["chat_template"] = _template_hash(spec.chat_template)
    if spec.path is not None:
        return found | {"files": {name: content_hash(path) for name, path in files(spec).items()}}
    found |= {"repo": spec.repo, "commit": commit(spec)}
    check_format(spec, found["commit"])
    _check_snapshot(spec, found["commit"])
    return found if spec.gguf_file is None else found | {"gguf_file": spec.gguf_file}


def _template_hash(path: Path) -> str:
    if not path.is_file():
        raise SuiteError(
            f"Chat template {path} does not exist; correct `chat_template` in the family file."
        )
    return content_hash(path)


def commit(spec: ModelSpec) -> str:
    """The commit that a Hub spec's revision stands for.

    Read from the local Hub cache where the repository has been downloaded, else asked of the Hub.
    """
    revision = spec.revision or "main"
    if re.fullmatch(r"[0-9a-f]{40}", revision):
        return revision
    reference = _cached(spec) / "refs" / revision
    if reference.is_file():
        return reference.read_text(encoding="utf-8").strip()
    try:
        from huggingface_hub import HfApi

        sha = HfApi().model_info(str(spec.repo), revision=revision, timeout=10).sha
    except Exception as error:  # the client raises many kinds; all mean that it is out of reach
        raise SuiteError(_missing(spec, error)) from error
    if sha is None:
        raise SuiteError(_missing(spec, None))
    return sha


def check_format(spec: ModelSpec, commit: str | None = None) -> None:
    """Raises SuiteError for a checkpoint on this machine that must be converted before it can be
    opened. commit: that of a repository; without one it is not looked for."""
    folder = spec.path
    if folder is None and commit is not None:
        folder = _cached(spec) / "snapshots" / commit
    own = spec.trust_remote_code or spec.gguf_file is not None
    if folder is None or own:
        return
    if json_mapping(folder / "config.json").get("model_type") == LLAVA_NEXT:
        raise SuiteError(
            f"{spec.source} is in the format of LLaVA-NeXT's code: write it as a transformers "
            f"folder with `downscale convert-llava {shlex.quote(str(folder))} OUT`, and name OUT "
            "with `path:` in the family file or with --weights."
        )


def snapshot(spec: ModelSpec) -> Path | None:
    """Gives the folder of a checkpoint's files on this machine; None where there is none."""
    if spec.repo is None:
        return spec.path
    reference = _cached(spec) / "refs" / (spec.revision or "main")
    held = reference.read_text(encoding="utf-8").strip() if reference.is_file() else spec.revision
    folder = _cached(spec) / "snapshots" / str(held)
    return folder if folder.is_dir() else None


def _cached(spec: ModelSpec) -> Path:
    """Where the Hub's client keeps a repository on this machine."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{str(spec.repo).replace('/', '--')}"


def _check_snapshot(spec: ModelSpec, sha: str, *, large: bool = False) -> None:
    """Raises SuiteError where a file of a downloaded snapshot was edited, so that the commit does
    not name it: the Hub's client gives links to files that are called by the hash of their content.
    large: whether weights are read for this, too, as loading does."""
    snapshot = _cached(spec) / "snapshots" / sha
    held = [path for path in sorted(snapshot.rglob("*")) if path.is_file()]
    if not any(path.is_symlink() for path in held):  # a system without links
        return
    for path in held:
        if any(_like(part, UNREAD) for part in path.relative_to(snapshot).parts):
            continue
        name, size = path.resolve().name, path.stat().st_size
        if path.is_symlink() and not re.fullmatch(_HASH, name):
            continue
        if path.is_symlink() and size >= REMEMBER_FROM:
            edited = large and len(name) == 64 and content_hash(path) != name
        else:
            content = path.read_bytes() if path.is_symlink() else b""
            git = hashlib.sha1(b"blob %d\0" % size + content, usedforsecurity=False).hexdigest()
            edited = name not in (git, hashlib.sha256(content).hexdigest())
        if edited:
            raise SuiteError(
                f"{path} was edited, and {spec.repo} is known by its commit: copy the folder "
                "(`cp -rL`) and name the copy with `path:` in the family file, or remove the file "
                f"with what its link leads to and run `hf download {spec.repo}`."
            )


def _missing(spec: ModelSpec, error: Exception | None) -> str:
    reason = f" ({type(error).__name__})" if error is not None else ""
    return (
        f"Model {spec.repo} is not on this machine and the Hugging Face Hub does not give it"
        f"{reason}; fetch it with `hf download {spec.repo}`, or name a local copy with "
        "--weights PATH."
    )


def files(spec: ModelSpec) -> dict[str, Path]:
    """Finds the files of a local checkpoint that its loader may read, by name.

    SuiteError for a folder that is not one model: nothing, two, or one with an adapter.
    """
    folder = Path(spec.source)
    if not folder.is_dir():
        raise SuiteError(
            f"Checkpoint folder {folder} does not exist; train or fetch the model, correct the "
            "path in the family file, or name a copy with --weights PATH."
        )
    own_code = spec.trust_remote_code
    check_format(spec)
    folders, unread = (("*",), UNREAD) if own_code else (FOLDERS, (*UNREAD, *OF_OWN_CODE))
    found = {path.relative_to(folder): path for path in _within(folder, folders)}
    named = {
        name.as_posix(): found[name]
        for name in sorted(found)
        if _file(found[name]) and not any(_like(part, unread) for part in name.parts)
    }
    if own_code:
        check_code(f"Checkpoint folder {folder}", {n: folder / n for n in CODE if n in named})
    if ADAPTER in named:
        raise SuiteError(holds_adapter(f"Checkpoint folder {folder}"))
    if spec.gguf_file is not None:
        if not (folder / spec.gguf_file).is_file():
            raise SuiteError(
                f"Checkpoint folder {folder} has no file {spec.gguf_file}; check its name."
            )
        beside = {name: path for name, path in named.items() if _like(name, BESIDE_GGUF)}
        named = {spec.gguf_file: folder / spec.gguf_file} | beside
    else:
        chosen = str(json_mapping(folder / "config.json").get("transformers_weights", ""))
        if (folder / chosen).is_file():
            named[chosen] = folder / chosen
        named |= _parts(folder, named, chosen)
        for needed, what in (("config.json",) * 2, ("*.safetensors", ".safetensors file")):
            if not any(fnmatch(name, needed) for name in named):
                raise SuiteError(
                    f"Checkpoint folder {folder} has no {what}; it must be a Hugging Face folder "
                    "with safetensors weights."
                )
    for name, path in named.items():
        if not path.exists():
            raise SuiteError(
                f"Checkpoint folder {folder} has a link {name} to a file that is not there; copy "
                "the folder with what its links lead to (`cp -rL`, `rsync -L`), or fetch it again."
            )
    return named


def folder_hashes(folder: Path) -> dict[str, str]:
    """Gives the hash of every file of a folder that a loader may read, by name."""
    found = {path.relative_to(folder): path for path in _within(folder)}
    read = {n.as_posix(): p for n, p in found.items() if not any(_like(x, UNREAD) for x in n.parts)}
    return {name: content_hash(read[name]) for name in sorted(read)}


def _file(path: Path) -> bool:
    """Whether a path is a file, or a link to one that is not there. Without a suffix such a link is
    to a folder: the last checkpoint, say, which was removed since."""
    return path.is_file() or (bool(path.suffix) and path.is_symlink() and not path.exists())


def _within(
    folder: Path, folders: tuple[str, ...] = ("*",), around: frozenset[Path] = frozenset()
) -> Iterator[Path]:
    """All files of a folder and of those of its folders that are named so, through links too; one
    to a folder around it leads nowhere."""
    around |= {folder.resolve()}
    for path in folder.iterdir():
        if not path.is_dir():
            yield path
        elif _like(path.name, folders) and path.resolve() not in around:
            yield from _within(path, around=around)


def _like(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def _parts(folder: Path, named: Mapping[str, Path], chosen: str) -> dict[str, Path]:
    """Finds the files, by name, in which an index says that the weights lie, in other folders too;
    none where they lie in one file. chosen: the index or the file that config.json names itself.

    SuiteError where they lie in both, as the loader would take the one without a word, and where a
    part or the index is not there.
    """
    whole, index = "model.safetensors", "model.safetensors.index.json"
    if chosen in named:
        if not chosen.endswith(".index.json"):
            return {}
        whole, index = "", chosen
    listed = json_mapping(folder / index).get("weight_map") if index in named else None
    parts = {str(n): folder / str(n) for n in listed.values()} if isinstance(listed, dict) else {}
    there = sorted(name for name, path in parts.items() if path.is_file())
    if whole in named:
        if others := [name for name in there if name != whole]:
            raise SuiteError(
                f"Checkpoint folder {folder} holds two models: {whole}, and the parts of {index}, "
                f"such as {others[0]}; remove the one that is not meant."
            )
        return {}
    loose = [] if index in named else [n for n in named if fnmatch(n, "*-of-*.safetensors")]
    if lacks := [index] if loose else sorted(parts.keys() - there):
        raise SuiteError(
            f"Checkpoint folder {folder} has a part of the weights and lacks {lacks[0]}; copy or "
            "fetch the whole folder again."
        )
    return parts


def check_code(where: str, settings: Mapping[str, Path]) -> None:
    """Raises SuiteError where files of settings (CODE) name code of another repository, which is
    at no commit."""
    for name, path in settings.items():
        named = re.findall(r'"([^"\s]+)--[^"\s]+"', json.dumps(json_mapping(path).get("auto_map")))
        if named:
            raise SuiteError(
                f"{where} runs code of another repository, {named[0]} (`auto_map` in {name}), and "
                "nothing says which version: copy its Python files into a copy of the folder, "
                f"remove `{named[0]}--` from {name}, and name the copy with `path:`."
            )


def holds_adapter(where: str) -> str:
    """What a person reads of a checkpoint with an adapter.

    Whether it is in the weights already cannot be told, and what it belongs to is named by its own
    file, at no commit.
    """
    return (
        f"{where} holds an adapter ({ADAPTER}), which may be in its weights already: if it is, "
        f"remove {ADAPTER} and adapter_model.safetensors from the folder or a copy; if not, merge "
        "it into its base (peft's merge_and_unload) and name the folder of the merged model."
    )


class Origin:
    """What a model is loaded from: its fingerprint from before, held against its files after.

    Weights on a CPU are pages of their file, so that a model changes with it while it answers.
    """

    def __init__(self, spec: ModelSpec, role: str, dtype: str, device: str) -> None:
        """Takes the fingerprint, as `identity` does."""
        self._spec = spec
        self._identify = partial(identity, spec, role, dtype, device)
        if spec.path is None:  # where a commit lies is known with it
            self.fingerprint = self._identify()
        self._marks = self._seen()
        self._whole = False
        """Whether a commit's files were held against it, weights too."""
        if spec.path is not None:
            self.fingerprint = self._identify()

    def check(self) -> bool:
        """Raises Unfinished where the files are others than those of the fingerprint, SuiteError
        where those of a commit on the Hub were edited.

        Returns whether one was written since the last look, with the same content in the end.
        """
        template = self._spec.chat_template
        if template is not None and _template_hash(template) != self.fingerprint["chat_template"]:
            raise Unfinished(has_changed(f"Chat template {template}"))
        if self._spec.path is None:
            return self._check_commit()
        try:
            marks = self._seen()
            now = self.fingerprint if marks == self._marks else self._identify()
        except OSError:  # removed while we looked
            marks, now = {}, {}
        if now != self.fingerprint:
            before, after = self.fingerprint["files"], now.get("files", {})
            names = sorted(n for n in {*before, *after} if before.get(n) != after.get(n))
            what = f"Checkpoint folder {self._spec.path}"
            raise Unfinished(has_changed(f"{what} ({', '.join(names)})"))
        written, self._marks = marks != self._marks, marks
        return written

    def _check_commit(self) -> bool:
        marks = self._seen()
        written = any(marks.get(name) != seen for name, seen in self._marks.items())
        if marks != self._marks or not self._whole:  # files of it may be fetched only now
            _check_snapshot(self._spec, self.fingerprint["commit"], large=True)
        self._marks, self._whole = marks, True
        return written

    def _seen(self) -> dict[str, str]:
        """Marks of the files, and of what leads to them: all may be moved away and put back."""
        folder = self._spec.path
        if folder is None:
            snapshot = _cached(self._spec) / "snapshots" / self.fingerprint["commit"]
            return {str(path): mark(path) for path in snapshot.rglob("*") if path.is_file()}
        found = {name: mark(path) for name, path in files(self._spec).items()}
        folder = folder.absolute()
        ways = [folder, *(path for path in folder.parents if path.is_symlink())]
        return found | {str(path): mark(path) for path in ways}


def has_changed(what: str) -> str:
    """What a person reads of files that are others than those that a run began with."""
    return (
        f"{what} has changed since this run began: run the same command again once nothing writes "
        "there; all that was finished before is kept."
    )


def content_hash(path: Path) -> str:
    """Gives the SHA-256 of a file's content; large files are read once as long as they do not
    change. SuiteError for what Git LFS puts in a file's place."""
    if (size := path.stat().st_size) < REMEMBER_FROM:
        if size < POINTER and path.read_bytes().startswith(b"version https://git-lfs"):
            raise SuiteError(
                f"{path} is a pointer of Git LFS in place of the file: run `git lfs pull` in its "
                "folder, or fetch the file again."
            )
        return file_hash(path)
    memory = cache_folder() / "hashes.json"
    where = path.resolve()
    this = f"{where}|{mark(where)}|{_sample(where, size)}"
    known = str(json_mapping(memory).get(this))
    if not re.fullmatch("[0-9a-f]{64}", known):
        known = file_hash(path)
        # A memory that cannot be kept costs time, nothing else.
        with contextlib.suppress(OSError, Unfinished):
            write_whole(memory, json.dumps({**json_mapping(memory), this: known}))
    return known


def _sample(path: Path, size: int) -> str:
    """SHA-256 of SAMPLES pieces of a file, from its first bytes to its last."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        for place in range(SAMPLES):
            file.seek(max(0, size - SAMPLE) * place // (SAMPLES - 1))
            found.update(file.read(SAMPLE))
    return found.hexdigest()


def mark(path: Path) -> str:
    """Gives what is another text for a file that was written anew, or a link that was. Its time of
    change can be set back, as `cp -p` does; its inode's cannot."""
    seen = [path.stat(), path.lstat()] if path.is_symlink() else [path.stat()]
    return "|".join(f"{s.st_size}|{s.st_mtime_ns}|{s.st_ctime_ns}|{s.st_ino}" for s in seen)
