"""A run's row and configuration as a recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from analysis.importers.redaction import MARKER
from analysis.recipes.config_keys import LOSS_ON, NOT_TRANSLATED, SPEC_KEY, SWITCHES
from analysis.recipes.recipe import Recipe
from analysis.recipes.run_reader import RunReader, to_number, to_text

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
_OFF: Final[tuple[object, ...]] = (None, False, 0, "", "none", "None", {}, [])
_NUMBERS: Final = ("adam_beta1", "adam_beta2", "adam_eps", "warmup_ratio", "beta")


def recipe_of_run(row: Mapping[str, object], caveats: Sequence[str] = ()) -> Recipe:
    """Returns the recipe of a run: its typed columns first, then its configuration; what neither says stays None.

    Args:
        row: Columns of the runs table, as `Snapshot.run_rows` gives them: nulls left out, or None.
        caveats: What to know before believing that this run is the one to take.
    """
    return _read(RunReader(row), tuple(caveats))


def _read(run: RunReader, caveats: tuple[str, ...]) -> Recipe:
    """Reads everything that a recipe holds."""
    # The store's schema gives these columns their types.
    columns: dict[str, Any] = {name: value for name in _COLUMNS if (value := run.column(name)) is not None}
    numbers: dict[str, Any] = {name: value for name in _NUMBERS if (value := run.number(name)) is not None}
    return Recipe(
        **columns,
        **numbers,
        run_id=str(run.row["run_id"]),
        name=to_text(run.row.get("name")),
        trial_key=to_text(run.row.get("trial_key")),
        sweep_id=to_text(run.row.get("sweep_id")),
        source=to_text(run.row.get("source")),
        model_revision=to_text(run.first("model_revision")),
        model_digest=to_text(run.config.get("model_digest")),
        dataset_digest=to_text(run.config.get("dataset_digest")),
        schedule=run.word("schedule", "lr_schedule", _SCHEDULES),
        target_modules=_target_modules(run),
        optimizer=run.word("optimizer", "optimizer", dict.fromkeys(_ADAMW, "adamw")),
        clips=_clips(run),
        clip_norm=_clip_norm(run),
        max_length=_max_length(run),
        precision=_precision(run),
        model_dtype=_model_dtype(run),
        loss_on=_loss_on(run),
        budget=_budget(run, columns),
        asked=run.asked if run.is_local else {},
        kept=_kept(run) if run.is_local else {},
        sources=run.sources,
        notes=tuple(_notes(run)),
        caveats=caveats,
    )


def _target_modules(run: RunReader) -> tuple[str, ...] | None:
    names = run.column("target_modules")
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        return None
    return tuple(str(name) for name in names)


def _clips(run: RunReader) -> bool | None:
    """Ucurve writes null where nothing is clipped; elsewhere null says nothing."""
    kind = run.column("clip_kind", "clips")
    if kind is None and run.is_local and "clip_kind" in run.config:
        run.sources["clips"] = "config.clip_kind"
        return False
    return {"norm": True, "none": False}.get(str(kind))


def _clip_norm(run: RunReader) -> float | None:
    return to_number(run.column("clip_value", "clip_norm")) if run.row.get("clip_kind") == "norm" else None


def _max_length(run: RunReader) -> int | None:
    number = run.number("max_length")
    return int(number) if number is not None and number > 0 and number.is_integer() else None


def _precision(run: RunReader) -> str | None:
    """What was computed in, as the trainer noted, else what was configured."""
    used = run.provenance.get("precision")
    if isinstance(used, str):
        run.sources["precision"] = "provenance.precision"
        return used
    switches = {key: run.config.get(key) for key, _ in SWITCHES}
    for key, meant in SWITCHES:
        if switches[key] is True:
            run.sources["precision"] = f"config.{key}"
            return meant
    if all(value is False for value in switches.values()):
        run.sources["precision"] = f"config.{SWITCHES[0][0]}"
        return "unmixed"
    return _type_word(run, "precision")


def _model_dtype(run: RunReader) -> str | None:
    """Ucurve loads the base model in the type that it computes in."""
    return _precision(run) if run.is_local else _type_word(run, "model_dtype")


def _type_word(run: RunReader, field: str) -> str | None:
    """A number type in torch's spelling; `auto` says nothing."""
    word = str(run.first(field) or "").rsplit(".", 1)[-1].lower().replace("-", "_")
    return _PRECISIONS.get(word)


def _loss_on(run: RunReader) -> Literal["response", "all"] | None:
    stated = run.config.get("loss_on")
    if stated in ("response", "all"):
        run.sources["loss_on"] = "config.loss_on"
        return "response" if stated == "response" else "all"
    for key, meanings in LOSS_ON:
        value = run.config.get(key)
        if isinstance(value, bool) and value in meanings:
            run.sources["loss_on"] = f"config.{key}"
            return "response" if meanings[value] == "response" else "all"
    return None


def _kept(run: RunReader) -> dict[str, Mapping[str, object]]:
    """Sections of the run's sweep file; one of which something was redacted says nothing that could be used."""
    file = run.provenance.get(SPEC_KEY)
    sections = {name: file.get(name) for name in ("model", "dataset")} if isinstance(file, Mapping) else {}
    return {
        name: section
        for name, section in sections.items()
        if isinstance(section, Mapping) and not any(MARKER in str(value) for value in section.values())
    }


def _budget(run: RunReader, columns: Mapping[str, object]) -> Literal["steps", "epochs", "tokens"] | None:
    """Which budget was configured: Ucurve stores the steps of every run, whatever was asked for."""
    if run.is_local and "max_steps" in run.config:
        columns = {name: run.config.get(name) for name in ("max_steps", "epochs", "token_budget")}
    if columns.get("max_steps") is not None:
        return "steps"
    if columns.get("epochs") is not None:
        return "epochs"
    return "tokens" if columns.get("token_budget") is not None else None


def _notes(run: RunReader) -> Iterator[str]:
    status = run.row.get("status")
    if status not in ("finished", "unconfirmed", None):
        reason = to_text(run.row.get("status_reason"))
        yield f"The run is {status}{f': {reason}' if reason else ''}."
    found = [f"{key} = {value!r}" for key in NOT_TRANSLATED if (value := run.anywhere(key)) not in _OFF]
    if run.row.get("clip_kind") not in (None, "norm", "none"):
        found.append(f"gradients clipped by {run.row['clip_kind']}")
    if found:
        yield f"The run's configuration also has {', '.join(found)}, which is not translated."
