"""Finds and reads the logs of open-instruct."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pyarrow.compute as pc

from analysis.errors import ConfigError
from analysis.importers.logged_rows import step_of
from analysis.importers.open_instruct.arguments import arguments_of, settings_files
from analysis.importers.places import change_digest, files_below
from analysis.importers.source import Item, Progress, Request
from analysis.importers.source_run import Refusal, SourceRun
from analysis.importers.tensorboard import SOURCE as TENSORBOARD
from analysis.importers.tensorboard.folders import find_runs

KIND: Final = "open-instruct"
_COMPLETED: Final = "COMPLETED"
_WEIGHTS: Final = ("*.safetensors", "pytorch_model*.bin", "adapter_model.bin")
_NO_TRIAL_KEYS: Final = (
    "run_name", "exp_name", "output_dir", "checkpoint_output_dir", "dataset_local_cache_dir", "hf_entity",
    "hf_repo_id", "hf_repo_revision", "hf_repo_url", "gs_bucket_path", "gs_checkpoint_state_dir", "push_to_hub",
)  # fmt: skip
"""Arguments that name or place one run; the script puts the seed and the time into some of them."""


class OpenInstructSource:
    """Folders of event files with open-instruct's arguments. An item is one run."""

    kind = KIND

    def find(self, request: Request) -> Iterator[Item | Refusal]:
        """The runs at and below the targets, and output folders whose log is elsewhere.

        Raises:
            ConfigError: there is nothing at a target.
        """
        seen: set[Path] = set()
        for target in request.targets:
            root = Path(target).expanduser()
            if not root.exists():
                raise ConfigError(
                    f"there is no file or folder '{target}'; what open-instruct logged to W&B comes in with "
                    "ucurve import wandb ENTITY/PROJECT"
                )
            yield from _runs(root.resolve(), seen)
            yield from _without_log(root.resolve(), seen)

    def read(self, item: Item, request: Request, progress: Progress) -> Iterator[SourceRun | Refusal]:
        """The run of a folder: its event files as the kind `tensorboard` reads them, with the arguments."""
        folder = Path(item.locator["folder"])
        files = tuple(sorted(path for path in folder.iterdir() if "tfevents" in path.name))
        try:
            arguments = arguments_of(folder, files) or {}
        except OSError as error:
            yield Refusal(kind=KIND, label=item.label, reason=f"it cannot be read: {error.strerror or error}")
            return
        for run in TENSORBOARD.read(item, request, progress):
            if isinstance(run, Refusal):
                yield replace(run, kind=KIND)
            else:
                yield _with_arguments(run, arguments, folder)


SOURCE: Final = OpenInstructSource()


def _runs(root: Path, seen: set[Path]) -> Iterator[Item]:
    event_items = {
        item.label: item for item in TENSORBOARD.find(Request(targets=(str(root),))) if isinstance(item, Item)
    }
    for run in find_runs(root):
        try:
            if run.path in seen or arguments_of(run.path, run.files) is None:
                continue
        except OSError:
            continue
        seen.add(run.path)
        item = event_items.get(str(run.path if root.is_dir() else root))
        if item is not None:
            digest = change_digest([*run.all_files, *settings_files(run.path)], more=_model_in(run.path.parent))
            locator = {**item.locator, "folder": str(run.path)}
            yield Item(kind=KIND, label=str(run.path), digest=digest, locator=locator, folder=run.path)


def _without_log(root: Path, seen: set[Path]) -> Iterator[Refusal]:
    """Output folders with open-instruct's checkpoints and nothing that was logged."""
    marks = files_below(root, lambda name: name == _COMPLETED) if root.is_dir() else iter(())
    folders = sorted({mark.parent.parent for mark in marks if mark.parent.name.startswith(("step_", "epoch_"))})
    for folder in folders:
        if not any(run.is_relative_to(folder) for run in seen):
            reason = "it holds checkpoints but no log; import its W&B run instead (ucurve import wandb ...)"
            yield Refusal(kind=KIND, label=str(folder), reason=reason)


def _with_arguments(run: SourceRun, arguments: Mapping[str, object], folder: Path) -> SourceRun:
    experiment, name = arguments.get("exp_name"), arguments.get("run_name")
    ended = _ended(run, arguments, folder)
    is_whole = run.verdict == "unverified" and ended is not None
    checkpoints = sorted(path.parent.name for path in folder.parent.glob(f"*/{_COMPLETED}"))
    return replace(
        run,
        kind=KIND,
        name=name if isinstance(name, str) else folder.parent.name,
        tags=(experiment,) if isinstance(experiment, str) and experiment else (),
        config=dict(arguments),
        # Accelerate notes "success" at the start, so the event file's own word counts nothing.
        status="finished" if ended else "running" if run.status == "running" else "unconfirmed",
        status_reason=ended or "nothing says that it got to its end",
        verdict="complete" if is_whole else run.verdict,
        reason=None if is_whole else run.reason,
        environment={**run.environment, "tool": KIND} | ({"checkpoints": checkpoints} if checkpoints else {}),
        no_trial_keys=_NO_TRIAL_KEYS,
    )


def _ended(run: SourceRun, arguments: Mapping[str, object], folder: Path) -> str | None:
    """What shows that it got to its end, or None."""
    for argument, name in (("num_training_steps", "training_step"), ("max_train_steps", None)):
        wanted, last = step_of(arguments.get(argument)), _last(run, name)
        if wanted and last is not None and last >= wanted:
            return f"all steps of {argument} were logged"
    if settings_files(folder) and _model_in(folder.parent):
        return "its final model was saved"
    return None


def _last(run: SourceRun, name: str | None) -> float | None:
    """The largest value of a metric, or of the step without a name."""
    rows = run.history if name is None else run.history.filter(pc.equal(run.history["name"].cast("string"), name))
    last: float | None = pc.max(rows["step" if name is None else "value"]).as_py()
    return last


def _model_in(folder: Path) -> str:
    """Name of a file with weights; they are saved beside the log once training is done."""
    names: Sequence[str] = sorted(path.name for pattern in _WEIGHTS for path in folder.glob(pattern))
    return names[0] if names else ""
