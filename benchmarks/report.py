"""Results of benchmarks: a JSON file each, with the machine they were made on."""

import json
import platform
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

RESULTS = Path(__file__).parent / "results"


def write_result(name: str, command: str, figures: object) -> None:
    """Writes `results/NAME.json` and prints it."""
    capabilities = torch.cpu.get_capabilities()
    machine = {
        "cpu": capabilities.get("cpu_name", platform.processor()),
        "n_cores": capabilities.get("num_physical_cores"),
        "bf16": [k for k in ("amx_bf16", "avx512_bf16") if capabilities.get(k)],
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "versions": {p: version(p) for p in ("torch", "transformers", "peft")},
    }
    result = {"command": command, "date": datetime.now(UTC).date().isoformat(), "machine": machine, "figures": figures}
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(result, indent=2)
    (RESULTS / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    print(text)


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)
