"""Say what this machine can run and what is missing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click

from suite.base.machine import cores
from suite.cli.options import json_option
from suite.cli.output import print_json, print_table, talk

State = Literal["ok", "missing", "note"]

NEEDED = (
    "torch", "transformers", "accelerate", "lmms-eval", "pandas", "pyarrow", "scipy", "statsmodels",
    "matplotlib", "seaborn", "pydantic", "pillow",
)  # fmt: skip
EXTRAS = {
    "gguf": ("gguf", "reads GGUF text models, as study smollm2_mmstar needs"),
    "ray": ("ray", "spreads a run over machines"),
    "endpoint": ("openai", "asks an OpenAI-compatible server"),
}
"""Extra of the distribution -> (package, what it brings)."""


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
    """Check Python, packages, device, memory, disk and shipped weights. Exit code 1 if something
    that every study needs is missing. The network is not asked."""
    checks = [python(), *packages(), device(), memory(), disk(Path.cwd()), shipped(), *extras()]
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


def packages() -> list[Check]:
    """The distribution's own requirements, by installed version; nothing is imported."""
    return [_package(name, "missing", "pip install -U downscaling-suite") for name in NEEDED]


def extras() -> list[Check]:
    """Packages of the extras that this version of the suite declares."""
    try:
        declared = importlib.metadata.metadata("downscaling-suite").get_all("Provides-Extra") or []
    except importlib.metadata.PackageNotFoundError:
        declared = []  # run from a checkout that is not installed
    return [
        _package(package, "note", f'pip install "downscaling-suite[{extra}]": {what}')
        for extra, (package, what) in EXTRAS.items()
        if extra in declared
    ]


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


def shipped() -> Check:
    """The micro family's weights, which come with the suite."""
    from suite.models.family import load_family
    from suite.models.weights import present

    specs = [
        spec
        for size in load_family("micro").sizes
        for spec in (size.text, size.vlm)
        if spec is not None
    ]
    here = sum(present(spec.path, spec.repo) for spec in specs)
    found = f"{here} of {len(specs)} checkpoints"
    if here < len(specs):
        return Check("micro weights", "missing", found, "downscale train micro, or reinstall")
    return Check("micro weights", "ok", found)
