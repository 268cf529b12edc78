"""A run's row and configuration as a recipe."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from analysis.importers.config_rules.rules import SECTIONS
from analysis.recipes.config_keys import ADAPTER_SECTIONS, KEYS, LOSS_ON, NOT_TRANSLATED, SWITCHES
from analysis.recipes.recipe import Recipe

_SCHEDULES: Final = {
    "constant": "constant", "constant_with_warmup": "constant", "linear": "linear", "linear_with_warmup": "linear",
    "linear_schedule_with_warmup": "linear", "cosine": "cosine", "cosine_with_warmup": "cosine",
    "cosine_schedule_with_warmup": "cosine",
}  # fmt: skip
_ADAMW: Final = frozenset({"adamw", "adamw_torch", "adamw_torch_fused", "adamw_hf", "adamw_torch_xla"})
_PRECISIONS: Final = {
    "bf16": "bfloat16", "bfloat16": "bfloat16", "bf16_mixed": "bfloat16", "fp16": "float16", "float16": "float16",
    "half": "float16", "fp32": "float32", "float32": "float32", "float": "float32",
}  # fmt: skip
_COLUMNS: Final = (
    "model", "dataset", "objective", "adapter", "learning_rate", "warmup_steps", "batch_size", "lora_rank",
    "lora_alpha", "lora_dropout", "weight_decay", "max_steps", "epochs", "token_budget", "seed",
)  # fmt: skip
_NUMBERS: Final = ("adam_beta1", "adam_beta2", "adam_eps", "warmup_ratio", "beta")


def recipe_of_run(row: Mapping[str, object], caveats: Sequence[str] = ()) -> Recipe:
    """Returns the recipe of a run: its typed columns first, then its configuration; what neither says stays None.

    Args:
        row: Columns of the runs table, as `Snapshot.run_rows` gives them: nulls left out, or None.
        caveats: What to know before believing that this run is the one to take.
    """
    return _Reader(row).recipe(tuple(caveats))


class _Reader:
    """One run, and where each of its values was found."""

    def __init__(self, row: Mapping[str, object]) -> None:
        self.row = row
        self.asked = _object(row.get("config_json"))
        self.config = _without_sections(self.asked)
        self.provenance = _object(row.get("provenance_json"))
        self.sources: dict[str, str] = {}

    def recipe(self, caveats: tuple[str, ...]) -> Recipe:
        """Reads everything; `budget` last, since it looks at three values."""
        # The store's schema gives these columns their types.
        columns: dict[str, Any] = {name: value for name in _COLUMNS if (value := self.column(name)) is not None}
        numbers: dict[str, Any] = {name: value for name in _NUMBERS if (value := self.number(name)) is not None}
        return Recipe(
            **columns,
            **numbers,
            run_id=str(self.row["run_id"]),
            name=_text(self.row.get("name")),
            trial_key=_text(self.row.get("trial_key")),
            sweep_id=_text(self.row.get("sweep_id")),
            source=_text(self.row.get("source")),
            model_revision=_text(self.first("model_revision")),
            model_digest=_text(self.config.get("model_digest")),
            dataset_digest=_text(self.config.get("dataset_digest")),
            schedule=self.word("schedule", "lr_schedule", _SCHEDULES),
            target_modules=self.target_modules(),
            optimizer=self.word("optimizer", "optimizer", dict.fromkeys(_ADAMW, "adamw")),
            clips=self.clips(),
            clip_norm=self.clip_norm(),
            max_length=self.max_length(),
            precision=self.precision(),
            model_dtype=self.model_dtype(),
            loss_on=self.loss_on(),
            budget=self.budget(columns),
            asked=self.asked if self.is_local else {},
            sources=self.sources,
            notes=tuple(self.notes()),
            caveats=caveats,
        )

    @property
    def is_local(self) -> bool:
        return self.row.get("source") == "local"

    def column(self, name: str, field: str | None = None) -> object:
        """A column of the runs table, with its provenance; NaN and missing are None."""
        value = self.row.get(name)
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return None
        self.sources[field or name] = f"runs.{name}"
        return value

    def first(self, field: str) -> object:
        """The configuration's value under the best key that has one."""
        for key in KEYS[field]:
            value = _at(self.config, key)
            if value is not None:
                self.sources[field] = f"config.{key}"
                return value
        return None

    def number(self, field: str) -> float | None:
        value = self.first(field)
        number = _number(value)
        if number is None:
            self.sources.pop(field, None)
        return number

    def word(self, field: str, column: str, known: Mapping[str, str]) -> str | None:
        """A word in our spelling where it is known, else as the tool wrote it."""
        value = self.column(column, field)
        if value is None:
            return None
        word = re.sub(r"^get_", "", str(value).strip().lower())
        return known.get(word, str(value))

    def target_modules(self) -> tuple[str, ...] | None:
        names = self.column("target_modules")
        if isinstance(names, str) or not isinstance(names, Sequence) or not names:
            return None
        return tuple(str(name) for name in names)

    def clips(self) -> bool | None:
        """Ucurve writes null where nothing is clipped; elsewhere null says nothing."""
        kind = self.column("clip_kind", "clips")
        if kind is None and self.is_local and "clip_kind" in self.config:
            self.sources["clips"] = "config.clip_kind"
            return False
        return {"norm": True, "none": False}.get(str(kind))

    def clip_norm(self) -> float | None:
        return _number(self.column("clip_value", "clip_norm")) if self.row.get("clip_kind") == "norm" else None

    def max_length(self) -> int | None:
        number = self.number("max_length")
        return int(number) if number is not None and number > 0 and number.is_integer() else None

    def precision(self) -> str | None:
        """What was computed in, as the trainer noted, else what was configured."""
        used = self.provenance.get("precision")
        if isinstance(used, str):
            self.sources["precision"] = "provenance.precision"
            return used
        switches = {key: self.config.get(key) for key, _ in SWITCHES}
        for key, meant in SWITCHES:
            if switches[key] is True:
                self.sources["precision"] = f"config.{key}"
                return meant
        if all(value is False for value in switches.values()):
            self.sources["precision"] = f"config.{SWITCHES[0][0]}"
            return "unmixed"
        return self.type_word("precision")

    def model_dtype(self) -> str | None:
        """Ucurve loads the base model in the type that it computes in."""
        return self.precision() if self.is_local else self.type_word("model_dtype")

    def type_word(self, field: str) -> str | None:
        """A number type in torch's spelling; `auto` says nothing."""
        word = str(self.first(field) or "").rsplit(".", 1)[-1].lower().replace("-", "_")
        return _PRECISIONS.get(word)

    def loss_on(self) -> Literal["response", "all"] | None:
        stated = self.config.get("loss_on")
        if stated in ("response", "all"):
            self.sources["loss_on"] = "config.loss_on"
            return "response" if stated == "response" else "all"
        for key, meanings in LOSS_ON:
            value = self.config.get(key)
            if isinstance(value, bool):
                self.sources["loss_on"] = f"config.{key}"
                return "response" if meanings[value] == "response" else "all"
        return None

    def budget(self, columns: Mapping[str, object]) -> Literal["steps", "epochs", "tokens"] | None:
        """Which budget was configured: Ucurve stores the steps of every run, whatever was asked for."""
        if self.is_local and "max_steps" in self.config:
            columns = {name: self.config.get(name) for name in ("max_steps", "epochs", "token_budget")}
        if columns.get("max_steps") is not None:
            return "steps"
        if columns.get("epochs") is not None:
            return "epochs"
        return "tokens" if columns.get("token_budget") is not None else None

    def anywhere(self, key: str) -> object:
        """A setting's value, also where it stands among the adapter's."""
        paths = (key, *(f"{section}.{key}" for section in ADAPTER_SECTIONS))
        return next((value for path in paths if (value := _at(self.config, path)) is not None), None)

    def notes(self) -> Iterator[str]:
        status = self.row.get("status")
        if status not in ("finished", "unconfirmed", None):
            reason = _text(self.row.get("status_reason"))
            yield f"The run is {status}{f': {reason}' if reason else ''}."
        found = [f"{key} = {value!r}" for key in NOT_TRANSLATED if (value := self.anywhere(key)) not in _OFF]
        if self.row.get("clip_kind") not in (None, "norm", "none"):
            found.append(f"gradients clipped by {self.row['clip_kind']}")
        if found:
            yield f"The run's configuration also has {', '.join(found)}, which is not translated."


_OFF: Final[tuple[object, ...]] = (None, False, 0, "", "none", "None", {}, [])


def _object(text: object) -> dict[str, object]:
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _without_sections(config: Mapping[str, object]) -> dict[str, object]:
    """The configuration with the settings of its sections beside its own, which go first."""
    sections = [section for name in sorted(SECTIONS) if isinstance(section := config.get(name), Mapping)]
    return {**{key: value for section in sections for key, value in section.items()}, **config}


def _at(config: Mapping[str, object], path: str) -> object:
    """The value at a dotted path; a key that itself has dots goes first, and a number is a place in a list."""
    if path in config:
        return config[path]
    value: object = config
    for part in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _number(value: object) -> float | None:
    """A finite number, also where a tool logged it as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
