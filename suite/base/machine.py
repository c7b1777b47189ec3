"""The machine: its cores, and which device and number format a model gets, without importing torch.

In: what a person asked for. Out: a device name, a dtype name, a number of cores; what tells one
process from another. A finished study
must know its fingerprints, which hold the dtype, in a fraction of the time that torch takes to
import. A container with two of sixty-four cores has two: more processes or threads than that wait
for each other, and small models then take many times as long.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import platform
import re
import socket
import sys
from functools import cache
from pathlib import Path

from suite.errors import SuiteError, reason_of


def resolve_device(device: str = "auto") -> str:
    """Resolves a device: `auto` becomes `cuda`, `mps` or `cpu`; any other name is kept."""
    return _detect() if device == "auto" else device


def check_device(device: str) -> None:
    """Raises SuiteError for a device that is not here. Torch is imported for names other than
    these:
    auto, cpu, cuda, cuda:1, mps."""
    kind, _, number = device.partition(":")
    if device in ("auto", "cpu"):
        return
    if kind == "cuda" and (number.isdecimal() or device == "cuda"):
        count = _count_cuda()
        if not count:
            raise SuiteError(
                f"--device {device}: no CUDA device is here; `downscale doctor` says why."
            )
        if int(number or 0) >= count:
            raise SuiteError(
                f"--device {device}: no such device is here, the last one is cuda:{count - 1}."
            )
        return
    import torch

    try:
        torch.empty(1, device=device)
    except RuntimeError as error:
        known = "use auto, cpu, mps, cuda or cuda:0"
        raise SuiteError(f"--device {device}: no such device is here; {known}.") from error
    except Exception as error:  # an accelerator that torch knows and was not built for
        reason = reason_of(error)
        raise SuiteError(f"--device {device} cannot be used here: {reason}.") from error


def processor() -> str:
    """Gives the processor's name as its maker calls it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def resolve_dtype(dtype: str, device: str) -> str:
    """Resolves a dtype: `auto` becomes bfloat16 on CUDA and float32 elsewhere; any other name is
    kept."""
    if dtype != "auto":
        return dtype
    return "bfloat16" if resolve_device(device).startswith("cuda") else "float32"


@cache
def _detect() -> str:
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda"):
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "mps"
    build = torch_build()
    if (build == "cuda" and _cuda_devices() > 0) or (build == "rocm" and Path("/dev/kfd").exists()):
        return "cuda"
    return "cpu"


def torch_build() -> str:
    """Reads `cuda`, `rocm`, `cpu`, or `none` without torch, from the version file of torch."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return "none"
    version = Path(spec.origin).with_name("version.py")
    text = version.read_text(encoding="utf-8") if version.is_file() else ""
    for name, build in (("cuda", "cuda"), ("hip", "rocm")):
        if re.search(rf"^{name}\b[^=\n]*=\s*['\"]", text, flags=re.MULTILINE):
            return build
    return "cpu"


def _count_cuda() -> int:
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda"):
        return int(torch.cuda.device_count())
    build = torch_build()
    if build == "rocm":  # no driver to ask without torch
        return int(importlib.import_module("torch").cuda.device_count())
    return _cuda_devices() if build == "cuda" else 0


def _cuda_devices() -> int:
    """Devices that the driver shows within CUDA_VISIBLE_DEVICES; 0 without a driver."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
        count = ctypes.c_int(0)
        if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
            return 0
    except (OSError, AttributeError):
        return 0
    return count.value


def cores() -> int:
    """Counts the cores left by affinity and a container's quota; LOKY_MAX_CPU_COUNT lowers it."""
    from joblib import cpu_count

    return int(cpu_count())


def process_space() -> str:
    """Names where a process number means something: host, its boot, and the process namespace."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return "/".join(parts)


def process_started(pid: int) -> str:
    """Tells when a process of this machine started, in the kernel's ticks; empty where there is
    none, and where the system does not tell. A process number is used again after a while; this
    tells the two apart."""
    state, started = _process(pid)
    return "" if state in "ZX" else started


def process_stopped(pid: int) -> bool:
    """Says whether a process was stopped (by Ctrl-Z, a debugger) and would go on if told to."""
    return _process(pid)[0] in "Tt"


def _process(pid: int) -> tuple[str, str]:
    """State and start of a process; `X`, which is dead, and nothing where there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return "X", ""
    return fields[0], fields[19]
