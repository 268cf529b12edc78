"""What was configured: the attributes of the `TrainingArguments` that a Trainer saves beside its model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from analysis.importers.run_files import UnreadableFileError
from analysis.importers.trainer.output_folder import ARGS_FILE
from analysis.importers.trainer.plain_pickle import Made, plain_values, read_torch_file

_RUNTIME: Final = frozenset({"distributed_state", "deepspeed_plugin", "fsdp_plugin_args", "hf_deepspeed_config"})
"""Attributes that say on what it ran; they are no settings."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """What `training_args.bin` says.

    Attributes:
        class_name: Class of the arguments, such as `trl.trainer.sft_config.SFTConfig`; None without a file.
        settings: Settings by name, as they were configured.
        n_processes: Processes that trained on data of their own, where the file says so.
        device: What they trained on, such as `cuda`.
    """

    class_name: str | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    n_processes: int | None = None
    device: str | None = None


def read_arguments(places: Iterable[Path], problems: list[str]) -> Arguments:
    """The arguments in the first of the folders that has them, whole. Nothing in a file is run.

    Args:
        places: Folders, the best first.
        problems: Gets half a sentence for each file that could not be read.
    """
    for path in (place / ARGS_FILE for place in places if (place / ARGS_FILE).is_file()):
        try:
            return _arguments(path)
        except UnreadableFileError as problem:
            problems.append(f"{ARGS_FILE} {problem}")
    return Arguments()


def _arguments(path: Path) -> Arguments:
    made = read_torch_file(path)
    if not isinstance(made, Made) or not isinstance(made.state.get("output_dir"), str):
        raise UnreadableFileError("holds no arguments of a Trainer")
    settings = plain_values({key: value for key, value in made.state.items() if _is_setting(key)})
    n_processes, device = _runtime(made.state.get("distributed_state"))
    is_split = made.state.get("parallelism_config") is not None or made.state.get("tp_size") not in (None, 0, 1)
    return Arguments(made.name, settings, None if is_split else n_processes, device)


def _is_setting(name: object) -> bool:
    return isinstance(name, str) and not name.startswith("_") and name not in _RUNTIME


def _runtime(state: object) -> tuple[int | None, str | None]:
    """Number of processes and kind of device, as accelerate's state has them."""
    values = state.state if isinstance(state, Made) else {}
    count, device = values.get("num_processes"), values.get("device")
    args = device.args if isinstance(device, Made) and isinstance(device.args, tuple) else ()
    kind = args[0] if args and isinstance(args[0], str) else None
    return (count if isinstance(count, int) and count > 0 else None), kind
