"""Say what this machine can run and what is missing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click

from suite.base.files import cache_folder
from suite.base.machine import cores
from suite.cli.options import json_option
from suite.cli.output import print_json, print_table, talk
from suite.items.tasks import task_folders

State = Literal["ok", "missing", "note"]

NEEDED = (
    "torch", "transformers", "accelerate", "pandas", "pyarrow", "scipy", "statsmodels",
    "matplotlib", "seaborn", "pydantic", "pillow",
)  # fmt: skip
REMEDY = "pip install -U downscaling-suite"
EXTRAS = {
    "bitsandbytes": ("bitsandbytes", "keeps a checkpoint's weights in 4 or 8 bits"),
    "gguf": ("gguf", "reads GGUF text models, as study smollm2_mmstar needs"),
    "num2words": ("num2words", "writes the prompts of SmolVLM's videos and images"),
    "flash-linear-attention": ("linear", "makes linear attention (Qwen3.5, hybrids) fast on CUDA"),
    "causal-conv1d": ("linear", "makes the convolutions of such models and LFM2's fast on CUDA"),
    "ray": ("ray", "spreads a run over machines"),
    "openai": ("endpoint", "asks an OpenAI-compatible server"),
    "vllm": ("vllm", "runs models in vLLM"),
    "starlette": ("view", "shows the items of a run in a browser"),
}
"""Package -> (extra of the distribution, what it brings)."""
BESIDE = {"timm": "has the vision encoders of Gemma 3n, FastVLM and PerceptionLM"}
"""Package that some checkpoints want and no extra brings -> what it brings."""


PATIENCE = 300.0
"""Seconds for lmms-eval to evaluate an item; a cold disk has taken 40."""
EVALUATE = """
import sys
from pathlib import Path
sys.path.append(str(Path(sys.argv[1]).parent))
from lmms_eval.evaluator import simple_evaluate
from lmms_eval.tasks import TaskManager
tasks = TaskManager(include_path=sys.argv[1], include_defaults=False)
name = "downscaling_micro_ocr"
simple_evaluate("dummy", tasks=[name], task_manager=tasks, limit=1, bootstrap_iters=0)
"""
"""One item through lmms-eval. To import it is not enough: it imports more when it evaluates."""


@dataclass(frozen=True)
class Check:
    """One line of the report."""

    name: str
    state: State
    """`ok`, `missing` (a study fails without it) or `note` (something optional is not here)."""
    found: str
    remedy: str = ""
    """What to do about it; empty where nothing is to be done."""


@click.command()
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Check Python, packages, device, memory, disk, cache and shipped weights, and whether
    lmms-eval starts. Exit code 1 if something that every study needs is missing. The network is not
    asked."""
    checks = [python(), version(), *packages(), lmms_eval(), device(), memory()]
    checks += [disk(Path.cwd()), cache(), shipped(), *extras()]
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        print_table(
            ["check", "state", "found", "what to do"],
            [[check.name, check.state, check.found, check.remedy] for check in checks],
        )
    missing = [check.name for check in checks if check.state == "missing"]
    if missing:
        talk(f"Missing: {', '.join(missing)}.")
        ctx.exit(1)
    talk("Everything that `downscale run micro` needs is here.")


def python() -> Check:
    """The interpreter. An older one than the suite asks for cannot install it."""
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Check("python", "ok", found)


def version() -> Check:
    """The suite itself."""
    return _package("downscaling-suite", "note", "not installed: pip install -e . in its folder")


def packages() -> list[Check]:
    """The distribution's own requirements, by installed version; nothing is imported."""
    return [_package(name, "missing", REMEDY) for name in NEEDED]


def lmms_eval() -> Check:
    """Whether lmms-eval evaluates, in a process and a cache of its own; takes seconds."""
    installed = _package("lmms-eval", "missing", REMEDY)
    if installed.state != "ok":
        return installed
    try:
        with tempfile.TemporaryDirectory() as scratch:
            done = subprocess.run(
                [sys.executable, "-P", "-c", EVALUATE, str(task_folders()[0])],
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, "HF_HOME": scratch, "HF_HUB_OFFLINE": "1"},
                timeout=PATIENCE,
            )
    except OSError as error:
        found = f"{installed.found}, which cannot be tried: {error}"
        return Check("lmms-eval", "missing", found, "free some space, or set TMPDIR")
    except subprocess.TimeoutExpired:
        found = f"{installed.found}, which has not started after {PATIENCE:g} s"
        return Check("lmms-eval", "missing", found, "pip install --force-reinstall lmms-eval")
    if done.returncode == 0:
        return installed
    cause = (done.stderr.strip() or f"exit code {done.returncode}").rpartition("\n")[2]
    found = f"{installed.found}, which does not start: {cause}"
    unmet = " ".join(f'"{requirement}"' for requirement in _unmet())
    remedy = f"pip install {unmet}" if unmet else "pip install --force-reinstall lmms-eval"
    return Check("lmms-eval", "missing", found, remedy)


def _unmet() -> list[str]:
    """The suite's requirements that what is installed does not meet, as pip wants them."""
    from packaging.requirements import Requirement

    if version().state != "ok":
        return []
    found = []
    for requirement in map(Requirement, importlib.metadata.requires("downscaling-suite") or ()):
        here = _package(requirement.name, "missing", "")
        met = here.state == "ok" and requirement.specifier.contains(here.found, prereleases=True)
        if requirement.marker is None and not met:  # a marker: an extra's
            found.append(f"{requirement.name}{requirement.specifier}")
    return found


def extras() -> list[Check]:
    """Packages of the extras that this version of the suite declares."""
    try:
        declared = importlib.metadata.metadata("downscaling-suite").get_all("Provides-Extra") or []
    except importlib.metadata.PackageNotFoundError:
        declared = []  # run from a checkout that is not installed
    return [
        _package(package, "note", f'pip install "downscaling-suite[{extra}]": {what}')
        for package, (extra, what) in EXTRAS.items()
        if extra in declared
    ] + [_package(name, "note", f"pip install {name}: {what}") for name, what in BESIDE.items()]


def _package(name: str, absent: State, remedy: str) -> Check:
    try:
        return Check(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, absent, "not installed", remedy)


def device() -> Check:
    """What models will run on."""
    from suite.base.machine import resolve_device, resolve_dtype, torch_build

    if torch_build() == "none":
        return Check("device", "missing", "torch is not installed", "pip install torch")
    name = resolve_device()
    if not name.startswith("cuda"):
        found = f"{name}, {cores()} cores, {resolve_dtype('auto', name)}"
        return Check("device", "note", found, "models above 1B parameters want a GPU")
    import torch

    if not torch.cuda.is_available():
        found = "a CUDA driver that torch cannot use"
        return Check("device", "note", found, "run with --device cpu, or repair the driver")
    cards = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    listed = ", ".join(f"{card.name} {card.total_memory / 2**30:.0f} GiB" for card in cards)
    return Check("device", "ok", f"cuda: {listed}, {resolve_dtype('auto', name)}")


def memory() -> Check:
    """Main memory; the micro study stays under 2 GiB a process."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return Check("memory", "note", "unknown on this system")
    if total < 4:
        return Check("memory", "note", f"{total:.1f} GiB", "run with --workers 1")
    return Check("memory", "ok", f"{total:.1f} GiB")


def disk(folder: Path) -> Check:
    """Room for runs in the working folder."""
    free = shutil.disk_usage(folder).free / 2**30
    if free < 0.5:
        return Check("disk", "missing", f"{free:.2f} GiB free", "free some space or use --out")
    return Check("disk", "ok", f"{free:.0f} GiB free in {folder}")


def cache() -> Check:
    """Where items and unpacked weights are kept."""
    remedy = "set DOWNSCALE_CACHE to a folder that can be written"
    try:
        folder = cache_folder()
        there = next(path for path in (folder, *folder.parents) if path.exists())
    except (OSError, RuntimeError) as error:  # somebody else's home, or none
        return Check("cache", "missing", f"no folder: {error}", remedy)
    if there.is_dir() and os.access(there, os.W_OK):
        return Check("cache", "ok", str(folder))
    return Check("cache", "missing", f"{folder} cannot be written", remedy)


def shipped() -> Check:
    """The micro family's weights, which come with the suite."""
    from suite.models.family import load_family
    from suite.models.weights import weight_files

    specs = [spec for size in load_family("micro").sizes for *_, spec in size.checkpoints]
    here = sum(bool(weight_files(spec)) for spec in specs)
    found = f"{here} of {len(specs)} checkpoints"
    if here < len(specs):
        return Check("micro weights", "missing", found, "downscale train micro, or reinstall")
    return Check("micro weights", "ok", found)
