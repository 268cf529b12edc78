"""What a job's process gets of the worker's environment: what training needs, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import runner
from analysis.importers.redaction import Redactor
from runner.worker.family import JOB_MARK, WORKER_MARK

_NAMES: Final = frozenset(
    {
        "HOME", "HTTPS_PROXY", "HTTP_PROXY", "LANG", "LD_LIBRARY_PATH", "LD_PRELOAD", "LOGNAME", "NETRC", "NO_PROXY",
        "PATH", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV",
        "http_proxy", "https_proxy", "no_proxy",
    }
)  # fmt: skip
_BEGINNINGS: Final = (
    "CUBLAS", "CUDA", "CUDNN", "GOMP", "HF_", "HIP_", "HSA_", "KMP_", "LC_", "MALLOC_", "MKL_", "NCCL_", "NVIDIA_",
    "OMP_", "OPENBLAS_", "PYTHON", "PYTORCH_", "ROCR_", "TOKENIZERS_", "TORCH", "TRANSFORMERS_", "TRITON_", "UCURVE_",
    "WANDB_", "XDG_",
)  # fmt: skip
_SHELL: Final = frozenset({"PWD", "OLDPWD"})
"""The shell's folders, whose names sound like passwords: else paths would be taken out of every log."""


def job_environment(inherited: Mapping[str, str], *, job: str, worker: str, device: int | None) -> dict[str, str]:
    """The environment of a job's process.

    Keys of other services that the worker was started with stay with it; those of the Hugging Face Hub and of W&B are
    what a sweep may need.

    Args:
        inherited: The worker's own.
        job: The mark of the job, `<job_id>/<attempt>`.
        worker: The mark of the worker.
        device: The only CUDA device that the job sees; None: as the worker was told.
    """
    kept = {name: value for name, value in inherited.items() if name in _NAMES or name.startswith(_BEGINNINGS)}
    code = str(Path(runner.__file__).parents[1])
    path = os.pathsep.join(filter(None, (code, kept.get("PYTHONPATH"))))
    marks = {JOB_MARK: job, WORKER_MARK: worker}
    chosen = {} if device is None else {"CUDA_VISIBLE_DEVICES": str(device)}
    return {**kept, **chosen, **marks, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def redactor_of(inherited: Mapping[str, str]) -> Redactor:
    """Takes the secrets of the worker's environment out of what its jobs say."""
    return Redactor.from_environment({name: value for name, value in inherited.items() if name not in _SHELL})
