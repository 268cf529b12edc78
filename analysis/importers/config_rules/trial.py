"""Which runs are replicates: those with one configuration, apart from the seed and from what only names one run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from typing import Final

from analysis.importers.config_rules.key_index import normal_key
from analysis.importers.config_rules.rules import SECTIONS
from analysis.importers.config_rules.run_map import RunMap
from analysis.importers.source_run import SourceRun
from analysis.importers.table.table_map import CONFIGURATION_FIELDS
from analysis.store.identity import trial_key

NAMES_ONE_RUN: Final = frozenset(
    {"checkpoint_output_dir", "dataset_local_cache_dir", "default_root_dir", "exp_name", "experiment_id",
     "experiment_name", "hostname", "job_id", "job_name",
     "local_process_index", "local_rank", "log_dir", "log_path", "logdir", "logging_dir", "node_rank", "out_dir",
     "output_dir", "output_path", "pid", "process_index", "push_to_hub", "push_to_hub_model_id",
     "push_to_hub_organization", "push_to_hub_token", "report_to", "resume", "resume_from_checkpoint", "run_id",
     "run_name", "run_uuid", "save_dir", "save_path", "tensorboard_dir", "trial_id", "trial_name", "with_tracking",
     "work_dir", "workdir"}
)  # fmt: skip
"""Last parts of keys that name or place one run, wherever they stand."""
NAMES_AT_TOP: Final = frozenset(
    {"created_at", "date", "datetime", "description", "entity", "group", "host", "id", "job_type", "name", "notes",
     "project", "start_time", "tags", "time", "timestamp", "user", "username", "uuid"}
)  # fmt: skip
"""Keys that do so only at the top of a configuration or in its sections: `model.name` is no name of a run."""
TRACKING_SECTIONS: Final = frozenset(
    {"_wandb", "comet", "hydra", "logger", "metric_logger", "mlflow", "neptune", "tracking", "ucurve", "wandb"}
)
"""Whole parts of a configuration that say where and how a run is logged."""
NAMING_PREFIXES: Final = (
    "beaker_", "comet_", "hf_repo_", "hub_", "mlflow_", "neptune_", "slurm_", "swanlab_", "trackio_", "wandb_",
)  # fmt: skip
"""Beginnings of keys that belong to a tracker or a cluster."""
UNORDERED: Final = frozenset({"target_modules", "lora_target_modules", "modules_to_save", "exclude_modules"})
"""Sets, which are logged in another order each time."""
_SEED: Final = re.compile(r"(.*_)?seed|seed_everything|random_state")
_TRIAL_KEY: Final = re.compile("[0-9a-f]{16}")
_Leaf = tuple[str, object]


def trial_key_for(run: SourceRun, columns: Mapping[str, object], run_map: RunMap) -> str:
    """Trial key of a run: equal for replicates, whatever they are called and wherever they lie.

    A run that states no configuration at all is a replicate of none; the copy of a run of Ucurve has that run's key.

    Args:
        run: The run.
        columns: Its typed columns; those that the source knows itself belong to the configuration.
        run_map: `ignore` names more keys that replicates may differ in.
    """
    own_key = _own_key(run)
    if own_key is not None:
        return own_key
    ignored = frozenset(map(normal_key, (*run.no_trial_keys, *run_map.ignore)))
    settings = sorted(_leaves(run.config, ignored), key=lambda leaf: (leaf[0], repr(leaf[1])))
    own = {name: columns[name] for name in CONFIGURATION_FIELDS if name in run.columns and name in columns}
    content: dict[str, object] = {"kind": run.kind, "config": [list(leaf) for leaf in settings], "columns": own}
    if not settings and not own:
        content["run"] = list(run.key)
    return trial_key(content)


def _own_key(run: SourceRun) -> str | None:
    """The trial key that Ucurve noted when it copied its own run to a tracker."""
    noted = run.config.get("ucurve")
    key = noted.get("trial_key") if run.own_run_id is not None and isinstance(noted, Mapping) else None
    return key if isinstance(key, str) and _TRIAL_KEY.fullmatch(key) else None


def _leaves(config: Mapping[str, object], ignored: Set[str]) -> Iterator[_Leaf]:
    """Dotted key -> plain value of every setting that counts; without recursion, for configurations of any depth."""
    todo: list[_Leaf] = [(str(key), value) for key, value in config.items()]
    while todo:
        path, value = todo.pop()
        if not _counts(path, ignored):
            continue
        if isinstance(value, Mapping) and value:
            todo += [(f"{path}.{key}", inner) for key, inner in value.items()]
        elif isinstance(value, list | tuple | set | frozenset) and value:
            items = sorted(value, key=repr) if _last(path) in UNORDERED or isinstance(value, set | frozenset) else value
            todo += [(f"{path}.{index}", item) for index, item in enumerate(items)]
        else:
            yield _encodable(path), _plain(value)


def _counts(path: str, ignored: Set[str]) -> bool:
    """Whether a key says how a run is trained."""
    name, last = normal_key(path), _last(path)
    if name in ignored or last in NAMES_ONE_RUN or _SEED.fullmatch(last):
        return False
    parts = name.split(".")
    while len(parts) > 1 and parts[0] in SECTIONS:
        parts.pop(0)
    if parts[0] in TRACKING_SECTIONS or parts[0].startswith(NAMING_PREFIXES):
        return False
    return len(parts) > 1 or parts[0] not in NAMES_AT_TOP


def _last(path: str) -> str:
    return normal_key(path).rsplit(".", 1)[-1]


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float) else _encodable(str(value))


def _encodable(text: str) -> str:
    """Half characters (lone surrogates), which configurations can hold, have no UTF-8 to be hashed."""
    return text.encode(errors="backslashreplace").decode()
