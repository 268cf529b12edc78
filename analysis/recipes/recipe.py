"""A run's hyperparameters, free of any tool, each with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from analysis.errors import ConfigError

SETTINGS: Final = (
    "model", "dataset", "objective", "adapter", "learning_rate", "schedule", "warmup", "batch_size", "lora_rank",
    "lora_alpha", "lora_dropout", "target_modules", "optimizer", "weight_decay", "adam_beta1", "adam_beta2", "adam_eps",
    "clip_norm", "max_length", "precision", "loss_on", "budget", "seed",
)  # fmt: skip
"""What every format gives an account of: translated, without equivalent, or missing from the run."""

ALL_LINEAR: Final = "all-linear"
"""PEFT's word for every linear layer but the output; it stands alone in `target_modules`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What one run was trained with; None is what the run does not say, never a default.

    Attributes:
        run_id: The run.
        name: Its name, for people.
        trial_key: Hash of its configuration without the seed.
        sweep_id: The sweep it belongs to.
        source: Where the run comes from; `local` was trained by Ucurve.
        model: Base model as the run names it.
        model_revision: Commit or tag of it.
        model_digest: Digest of a local folder's weights: then `model` is only the folder's name.
        dataset: Name of the training data.
        dataset_digest: Digest of the examples.
        objective: `sft`, `dpo` ...
        beta: DPO's beta.
        adapter: `lora`, `qlora`, `full` ...
        learning_rate: Peak learning rate.
        schedule: `constant`, `linear`, `cosine` (both to zero), or another tool's word.
        warmup_steps: Optimizer steps of linear warm-up.
        warmup_ratio: The same as a share of the run, where it was configured so.
        batch_size: Sequences per optimizer step, over all devices and accumulation steps.
        lora_rank: Rank of the low-rank pairs.
        lora_alpha: The update is multiplied by lora_alpha / lora_rank.
        lora_dropout: Dropout on the adapters' input.
        target_modules: Names of layers as in Hugging Face's Llama, sorted, or `all-linear` alone, or one pattern.
        optimizer: `adamw`, or another tool's word.
        weight_decay: Decoupled weight decay.
        adam_beta1: First decay rate.
        adam_beta2: Second decay rate.
        adam_eps: Epsilon.
        clips: Whether the gradient's norm is clipped.
        clip_norm: To what.
        max_length: Tokens after which sequences are cut.
        precision: `float32`, `bfloat16` ... in which it computed; `unmixed`: in the type the model was loaded in.
        model_dtype: In which type the base model was loaded.
        loss_on: `response` or `all`.
        max_steps: Optimizer steps of the run.
        epochs: Configured passes over the data.
        token_budget: Configured trained tokens.
        budget: Which of the three was configured.
        seed: Of data order and initialisation.
        asked: Of a run of Ucurve, its configuration as it was: `precision` may be `auto` there, `warmup_steps` more
            than the run had, and it has settings that concern Ucurve alone.
        kept: Of a run of Ucurve, the sections `model` and `dataset` of its sweep file, where it kept them.
        sources: Field -> where its value comes from.
        notes: What the run had and no field holds, in sentences.
        caveats: What to know before believing the choice, in sentences.
    """

    run_id: str
    name: str | None = None
    trial_key: str | None = None
    sweep_id: str | None = None
    source: str | None = None
    model: str | None = None
    model_revision: str | None = None
    model_digest: str | None = None
    dataset: str | None = None
    dataset_digest: str | None = None
    objective: str | None = None
    beta: float | None = None
    adapter: str | None = None
    learning_rate: float | None = None
    schedule: str | None = None
    warmup_steps: int | None = None
    warmup_ratio: float | None = None
    batch_size: int | None = None
    lora_rank: int | None = None
    lora_alpha: float | None = None
    lora_dropout: float | None = None
    target_modules: tuple[str, ...] | None = None
    optimizer: str | None = None
    weight_decay: float | None = None
    adam_beta1: float | None = None
    adam_beta2: float | None = None
    adam_eps: float | None = None
    clips: bool | None = None
    clip_norm: float | None = None
    max_length: int | None = None
    precision: str | None = None
    model_dtype: str | None = None
    loss_on: Literal["response", "all"] | None = None
    max_steps: int | None = None
    epochs: float | None = None
    token_budget: int | None = None
    budget: Literal["steps", "epochs", "tokens"] | None = None
    seed: int | None = None
    asked: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    kept: Mapping[str, Mapping[str, object]] = field(default_factory=lambda: MappingProxyType({}))
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether Ucurve trained it."""
        return self.source == "local"

    @property
    def model_folder(self) -> str | None:
        """The folder with the base model of a run of Ucurve, where there was one and the run kept its path."""
        place = self.kept.get("model", {}).get("id")
        return place if isinstance(place, str) and self.model_digest is not None else None

    @property
    def data_file(self) -> str | None:
        """The file of examples that a run of Ucurve was trained on, where it kept that."""
        path = self.kept.get("dataset", {}).get("path")
        return path if isinstance(path, str) else None

    @property
    def computed_in(self) -> str | None:
        """`float32`, `bfloat16` ... where that is known: unmixed, it is the type of the base model."""
        return self.model_dtype if self.precision == "unmixed" else self.precision

    @property
    def is_full(self) -> bool:
        """Whether all weights were trained."""
        return self.adapter == "full"


@dataclass(frozen=True, slots=True)
class Layout:
    """How one optimizer step is spread: its sequences are per device x devices x accumulation steps."""

    devices: int = 1
    per_device: int | None = None

    def split(self, batch_size: int) -> tuple[int, int]:
        """Returns sequences per device and forward pass, and accumulation steps.

        Raises:
            ConfigError: the batch size is not such a product.
        """
        each_one = 1 if self.per_device is None else self.per_device
        if self.devices < 1 or each_one < 1 or batch_size % (self.devices * each_one):
            each = f"{self.per_device} per device on " if self.per_device else ""
            raise ConfigError(
                f"A batch of {batch_size} sequences cannot be split evenly into {each}{self.devices} device(s); "
                f"choose numbers whose product divides {batch_size}."
            )
        per_device = self.per_device or batch_size // self.devices
        return per_device, batch_size // (per_device * self.devices)
