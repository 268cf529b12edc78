"""What this machine can do: device, precision, memory, and an allocator that keeps its memory."""

import ctypes
import errno
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import psutil
import torch

from runner.errors import EnvironmentProblem

Precision = Literal["auto", "float32", "bfloat16"]

_ALLOCATION_FAILED = ("not enough memory", os.strerror(errno.ENOMEM))
"""What torch's CPU allocator says on Windows, and on Linux (torch 2.13, c10/core/impl/alloc_cpu.cpp)."""
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # from glibc's malloc.h


def pick_device() -> torch.device:
    """The first CUDA device, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def resolve_precision(wanted: Precision, device: torch.device) -> torch.dtype:
    """The compute type; `auto` is bfloat16 where the hardware multiplies it faster than float32.

    On a CPU that is AMX or AVX512-BF16 (about four times float32's matmul speed on Zen 5); emulated bfloat16 is slower.
    """
    if wanted != "auto":
        return getattr(torch, wanted)  # type: ignore[no-any-return]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    capabilities = torch.cpu.get_capabilities()
    fast = capabilities.get("amx_bf16") or capabilities.get("avx512_bf16")
    return torch.bfloat16 if fast else torch.float32


def free_memory_bytes(device: torch.device) -> int:
    """Memory that can still be had: of the GPU, or of this machine within its container's limit."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = int(psutil.virtual_memory().available)
    limit = Path("/sys/fs/cgroup/memory.max")
    used = Path("/sys/fs/cgroup/memory.current")
    if limit.is_file() and used.is_file() and limit.read_text().strip().isdigit():
        free = min(free, int(limit.read_text()) - int(used.read_text()))
    return free


def is_out_of_memory(error: Exception) -> bool:
    """Whether torch or Python ran out of memory; torch's CPU allocator raises a plain RuntimeError."""
    is_named = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return is_named or any(words in str(error) for words in _ALLOCATION_FAILED)


@contextmanager
def explained_out_of_memory() -> Iterator[None]:
    """Turns running out of memory into a sentence.

    Raises:
        EnvironmentProblem: memory ran out inside.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        where = "the GPU's" if isinstance(error, torch.OutOfMemoryError) else "this machine's"
        raise EnvironmentProblem(
            f"{where} memory ran out; lower pack, training.max_length or lora_rank in the sweep file, end what else "
            "runs here, or take a smaller model. The same command then goes on from what is stored"
        ) from error


def peak_memory_bytes(device: torch.device) -> int:
    """Most memory in use so far: of the GPU by torch, or of this process."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if platform.system() == "Linux":
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return int(psutil.Process().memory_info().rss)


def accelerator_load() -> tuple[int | None, float | None]:
    """Bytes in use on the CUDA device and the share of the time that it computes; None for what it does not tell."""
    if not torch.cuda.is_available():
        return None, None
    free, total = torch.cuda.mem_get_info()
    try:
        return total - free, torch.cuda.utilization() / 100
    except (ModuleNotFoundError, RuntimeError):  # no NVML bindings, or a driver that does not answer
        return total - free, None


def keep_freed_memory() -> bool:
    """Makes glibc keep freed memory for the next step instead of returning it; False where there is no glibc.

    Every step frees and asks for the same large tensors; each return to the kernel costs page faults again.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(_M_MMAP_MAX, 0)) and bool(libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))


def training_environment(device: torch.device, dtype: torch.dtype, n_workers: int) -> dict[str, str]:
    """What the bits of a training's result depend on besides the sweep: two that are equal here give equal ones."""
    return {name: version(name) for name in ("ucurve", "torch", "transformers", "numpy")} | {
        "kind of device": device.type,
        "device": describe_device(device),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "precision": str(dtype).removeprefix("torch."),
        "workers": str(n_workers),
    }


def describe_device(device: torch.device) -> str:
    """A short name for the runs table."""
    if device.type == "cuda":
        return f"cuda:{torch.cuda.get_device_name(device)}"
    name = torch.cpu.get_capabilities().get("cpu_name") or platform.machine()
    return f"cpu:{name}"
