"""Result files of lm-evaluation-harness: what one evaluation says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.importers.logged_rows import number_of
from analysis.importers.run_files import UnreadableFileError, read_json_object

_FILE: Final = re.compile(r"(results|.+)_\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(\.\d+)?\.json|results\.json")
_MODEL_KEYS: Final = ("peft", "delta", "pretrained", "model", "path", "engine")
"""Source: lm_eval 0.4.13, `GeneralConfigTracker._get_model_name`: an adapter goes before its base model."""
_BASE_KEYS: Final = ("pretrained", "model", "path", "engine")
_HOW_IT_RAN: Final = frozenset(
    {"batch_size", "max_batch_size", "device", "device_map_option", "parallelize", "gpu_memory_utilization",
     "tensor_parallel_size", "data_parallel_size", "num_concurrent", "max_retries", "trust_remote_code", "cache_dir"}
)  # fmt: skip
"""Arguments of a model that say on what it ran, not what it is."""


@dataclass(frozen=True, slots=True)
class Report:
    """One result file.

    Attributes:
        path: The file.
        content: Everything in it.
        model_args: Arguments of the evaluated model.
        date: Seconds since 1970 at which the evaluation began; 0 where an old version does not say.
    """

    path: Path
    content: Mapping[str, object]
    model_args: Mapping[str, object]
    date: float

    @property
    def source(self) -> str:
        """How the model was run, such as `hf` or `vllm`."""
        return str(self.config.get("model"))

    @property
    def config(self) -> Mapping[str, object]:
        """The settings of the evaluation."""
        return self.section("config")

    @property
    def model(self) -> str | None:
        """What was evaluated: an adapter where there is one, else the model."""
        return _first_text(self.model_args, _MODEL_KEYS)

    @property
    def base_model(self) -> str | None:
        """The model below the adapter."""
        return _first_text(self.model_args, _BASE_KEYS)

    @property
    def identity(self) -> Mapping[str, object]:
        """What makes two evaluations ones of the same model."""
        args = {name: value for name, value in self.model_args.items() if name not in _HOW_IT_RAN}
        return {"source": self.source, "args": args, "sha": self.config.get("model_sha") or None}

    def section(self, name: str) -> Mapping[str, object]:
        """An object in the file; an empty one where it is none."""
        return _object(self.content.get(name))

    def of_task(self, name: str, task: str) -> Mapping[str, object]:
        """What a section says about a task."""
        return _object(self.section(name).get(task))


def looks_like_report(name: str) -> bool:
    """Whether a file is called as the harness calls its result files."""
    return _FILE.fullmatch(name) is not None


def read_report(path: Path) -> Report | None:
    """The report in a file; None where the JSON in it is of something else.

    Raises:
        UnreadableFileError: it cannot be read.
    """
    content = read_json_object(path)
    if not isinstance(content.get("results"), dict) or not isinstance(content.get("config"), dict):
        return None
    if not isinstance(content.get("versions"), dict):
        return None
    stated = _object(content["config"]).get("model_args")
    args = dict(_pairs(stated)) if isinstance(stated, str) else _object(stated)
    return Report(path, content, args, number_of(content.get("date")) or 0.0)


def _pairs(text: str) -> Iterator[tuple[str, object]]:
    """`pretrained=gpt2,dtype=float32`, as older versions write it."""
    for part in text.split(","):
        name, found, value = part.partition("=")
        if found:
            yield name.strip(), value.strip()


def _first_text(args: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    return next((value for name in names if isinstance(value := args.get(name), str) and value), None)


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


__all__ = ["Report", "UnreadableFileError", "looks_like_report", "read_report"]
