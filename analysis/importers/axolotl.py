"""Output folders of axolotl: those of a Trainer, with axolotl's own configuration in its log and its model card."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from analysis.importers.trainer.args import read_arguments
from analysis.importers.trainer.output_folder import CARD_FILE, OutputFolder
from analysis.importers.trainer.plain_yaml import read_plain_yaml
from analysis.importers.trainer.read import Extras
from analysis.importers.trainer.source import OutputFolderSource
from analysis.importers.wandb_log.json_text import replace_lone_surrogates

_KIND: Final = "axolotl"
_LOG_FILE: Final = "debug.log"
_MAX_BYTES: Final = 16 * 1024 * 1024
_LOGGED: Final = re.compile(r"\[axolotl\.[^\n]*config:\s*\n(?=\{)")
"""Source: axolotl 0.19.0, `axolotl.cli.config.load_cfg`: the whole configuration as JSON, once a start."""
_CARD: Final = re.compile(
    r"<summary>See axolotl config</summary>\s*axolotl version: `([^`\n]*)`\s*```yaml\n(.*?)\n```", re.DOTALL
)
"""Source: axolotl 0.19.0, `axolotl.train.setup_model_card`: the file as the user wrote it."""
_NO_TRIAL_KEYS: Final = tuple(
    f"axolotl.{name}"
    for name in (
        "axolotl_config_path", "dataset_prepared_path", "logging_steps", "save_steps", "saves_per_epoch", "strict",
        "dataset_processes", "dataloader_num_workers", "save_total_limit", "local_rank", "auto_resume_from_checkpoints",
    )
)  # fmt: skip


def is_mine(folder: OutputFolder) -> bool:
    """Whether axolotl wrote a folder."""
    class_name = read_arguments(folder.places, []).class_name or ""
    return class_name.startswith("axolotl.") or any(_stated(folder))


def extras_of(folder: OutputFolder) -> Extras:
    """What it says beside the Trainer's own files."""
    config, version = _stated(folder)
    return Extras(
        kind=_KIND,
        config={_KIND: config} if config else {},
        environment={"axolotl_version": version} if version else {},
        notes=[] if config else [f"neither {_LOG_FILE} nor {CARD_FILE} has axolotl's configuration"],
        no_trial_keys=_NO_TRIAL_KEYS,
    )


def _stated(folder: OutputFolder) -> tuple[dict[str, object], str | None]:
    """The configuration, and the version that the model card names.

    The log has it from the first minute on, so it goes first: what a run is must not change when its card appears.
    """
    card = _CARD.search(_text(folder.path / CARD_FILE))
    config = _logged_config(_text(folder.path / _LOG_FILE)) or (read_plain_yaml(card[2]) if card else {})
    return config, card[1] if card else None


def _logged_config(log: str) -> dict[str, object]:
    """The configuration of the last start; earlier ones stand before it when a training was resumed."""
    log = replace_lone_surrogates(log)[0]
    starts = [match.end() for match in _LOGGED.finditer(log)]
    for start in reversed(starts):
        try:
            config, _ = json.JSONDecoder().raw_decode(log, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(config, dict):
            return config
    return {}


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES).decode(errors="replace")
    except OSError:
        return ""


SOURCE: Final = OutputFolderSource(_KIND, is_mine, extras_of)
