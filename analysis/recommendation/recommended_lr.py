"""The learning rate that Tinker's guide recommends for a model, offline.

The rule: `5e-5 * (10 if LoRA else 1) * (2000 / hidden_size) ** P`, with P = 0.781 for the Llama architecture and 0.0775
for Qwen; independent of the LoRA rank. For any other architecture there is no published exponent, so no number is made
up.

Source: Tinker's supervised-learning hyperparameter guide (tinker-cookbook, `supervised-learning/sl-hyperparams.mdx` and
`hyperparam_utils.get_lr`; later versions of that function replace the rule by a table of swept learning rates). The
guide reports a regret below 0.5 % against exhaustive sweeps on Llama and Qwen models.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from analysis.errors import UcurveError
from analysis.recommendation.model_table import KNOWN_MODELS, KnownModel, find_known_model

Family = Literal["llama", "qwen"]

BASE_LR: Final = 5e-5
LORA_FACTOR: Final = 10
REFERENCE_HIDDEN_SIZE: Final = 2000
EXPONENTS: Final[dict[Family, float]] = {"llama": 0.781, "qwen": 0.0775}

_QWEN_TYPES: Final = frozenset({"qwen2", "qwen2_moe", "qwen3", "qwen3_moe"})
_HIDDEN_SIZE_KEYS: Final = ("hidden_size", "n_embd", "d_model")
# Most other decoders are built like Llama (RMSNorm, rotary positions, gated MLP): our choice of the nearest rule.
_NEAREST_FAMILY: Final[Family] = "llama"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendedLr:
    """One recommendation, or the reason why there is none.

    Attributes:
        model: The model as it was asked for.
        hidden_size: Width of the model, or None when it is not known offline.
        model_type: transformers' `model_type`, or None when it is not known.
        family: Whose exponent was used; None when no rule covers the architecture.
        calibrated: Whether the rule was fitted on this very model's generation.
        learning_rate: Peak learning rate, or None where no rule applies.
        formula: The arithmetic that gives `learning_rate`.
        nearest_rule: Where no rule applies: the nearest published one, as a hint and not as a recommendation.
        adapter: What the number is for: a LoRA adapter or all weights.
        warnings: What a careful reader should know before using the number.
    """

    model: str
    hidden_size: int | None
    model_type: str | None
    family: Family | None
    calibrated: bool
    learning_rate: float | None
    formula: str | None
    nearest_rule: str | None
    adapter: Literal["lora", "full"]
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Returns the fields under their documented JSON keys."""
        return {
            "model": self.model,
            "hidden_size": self.hidden_size,
            "model_type": self.model_type,
            "family": self.family,
            "calibrated": self.calibrated,
            "learning_rate": self.learning_rate,
            "formula": self.formula,
            "nearest_rule": self.nearest_rule,
            "adapter": self.adapter,
            "warnings": list(self.warnings),
        }


def recommend_lr(
    model_id: str,
    *,
    hidden_size: int | None = None,
    model_type: str | None = None,
    full: bool = False,
    read_local: bool = True,
) -> RecommendedLr:
    """Returns the recommended peak learning rate of a model.

    Args:
        model_id: Hub id, bundled name, local model folder or its `config.json`.
        hidden_size: Width of the model, where it is known better than by the table (a positive integer).
        model_type: transformers' `model_type`, likewise.
        full: For full fine-tuning instead of LoRA (without the factor of 10).
        read_local: Whether `model_id` may name a folder on this machine; not for names that come out of a store.

    Raises:
        UcurveError: `hidden_size` is not positive, or a local configuration cannot be read.

    >>> recommend_lr("meta-llama/Llama-3.1-8B").learning_rate
    0.0002856415043086949
    """
    if hidden_size is not None and hidden_size <= 0:
        raise UcurveError(f"hidden_size must be a positive integer, got {hidden_size} for model '{model_id}'.")
    known = find_known_model(model_id) or (_read_local_config(model_id) if read_local else None)
    width = hidden_size if hidden_size is not None else known.hidden_size if known else None
    architecture = model_type if model_type is not None else known.model_type if known else None
    family = family_of(architecture)
    # An explicit width or type that contradicts the table means that this is another model.
    calibrated = known is not None and known.fitted and (width, architecture) == (known.hidden_size, known.model_type)
    adapter: Literal["lora", "full"] = "full" if full else "lora"
    if family is None or width is None:
        return RecommendedLr(
            model=model_id,
            hidden_size=width,
            model_type=architecture,
            family=family,
            calibrated=False,
            learning_rate=None,
            formula=None,
            nearest_rule=_formula(family or _NEAREST_FAMILY, width, full=full),
            adapter=adapter,
            warnings=(_no_rule_reason(model_id, width, architecture),),
        )
    return RecommendedLr(
        model=model_id,
        hidden_size=width,
        model_type=architecture,
        family=family,
        calibrated=calibrated,
        learning_rate=rule_lr(family, width, full=full),
        formula=_formula(family, width, full=full),
        nearest_rule=None,
        adapter=adapter,
        warnings=() if calibrated else (_uncalibrated_reason(model_id, family),),
    )


def rule_lr(family: Family, hidden_size: int, *, full: bool = False) -> float:
    """Returns the rule's learning rate for a width; the order of operations is the guide's, so every digit agrees."""
    shrinkage: float = (REFERENCE_HIDDEN_SIZE / hidden_size) ** EXPONENTS[family]
    return BASE_LR * (1 if full else LORA_FACTOR) * shrinkage


def family_of(model_type: str | None) -> Family | None:
    """Returns whose exponent covers a transformers `model_type`, or None."""
    if model_type == "llama":
        return "llama"
    return "qwen" if model_type in _QWEN_TYPES else None


def _formula(family: Family, hidden_size: int | None, *, full: bool) -> str:
    factor = "" if full else f" * {LORA_FACTOR}"
    width = "hidden_size" if hidden_size is None else str(hidden_size)
    return f"5e-5{factor} * ({REFERENCE_HIDDEN_SIZE} / {width}) ** {EXPONENTS[family]}"


def _uncalibrated_reason(model_id: str, family: Family) -> str:
    return (
        f"The rule was fitted on {'Llama 3' if family == 'llama' else 'Qwen3'} models, not on '{model_id}': "
        "take the number as a starting point and sweep around it."
    )


def _no_rule_reason(model_id: str, hidden_size: int | None, model_type: str | None) -> str:
    if hidden_size is None:
        similar = difflib.get_close_matches(model_id, KNOWN_MODELS, n=3)
        hint = f" (did you mean {' or '.join(similar)}?)" if similar else ""
        return (
            f"The configuration of '{model_id}' is not known offline{hint}: give a local model folder, or the hidden "
            "size and the model type."
        )
    return (
        f"No rule was published for the architecture '{model_type or 'unknown'}' of '{model_id}', so none is invented; "
        f"the nearest one is the Llama rule. Sweep with explicit bounds instead."
    )


def _read_local_config(model_id: str) -> KnownModel | None:
    """Returns width and type from a model folder (or its config.json) on this machine, or None when there is none."""
    path = Path(model_id).expanduser()
    path = path / "config.json" if path.is_dir() else path
    if path.name != "config.json" or not path.is_file():
        return None
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UcurveError(f"The model configuration '{path}' cannot be read as JSON: {error}.") from error
    return _parse_config(config, path)


def _parse_config(config: object, path: Path) -> KnownModel:
    parts = [config, config.get("text_config")] if isinstance(config, dict) else []
    for part in parts:
        if not isinstance(part, dict):
            continue
        width = next((part[key] for key in _HIDDEN_SIZE_KEYS if isinstance(part.get(key), int)), None)
        if width is not None and width > 0:
            return KnownModel(width, str(part.get("model_type", "unknown")))
    raise UcurveError(f"The model configuration '{path}' names no positive hidden_size; is it a language model's?")
