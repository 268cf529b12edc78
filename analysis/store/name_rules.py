"""Which logged metric names mean the same, as data. The page `docs/importing/names.md` is made from this.

Only names that mean the same wherever they are logged, or wherever a source of the kinds given logs them. What tools
log was read in their sources: HF Trainer and TRL write `loss`, `eval_loss`, `learning_rate`, `grad_norm`; their
callbacks for W&B, TensorBoard and Trackio put `train/` or `eval/` in front instead. tinker-cookbook logs
`train_mean_nll` and `test/nll` (its `num_tokens` is that of one batch, so it is no rule), open-instruct `train_loss`
and `total_tokens`, torchtune `loss`, `val_loss`, `lr`, LLaMA-Factory and axolotl what HF Trainer logs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_TRAINER: Final = ("trainer", "axolotl", "llama-factory")
"""Kinds of sources whose logs HF Trainer has written."""
_LOGS: Final = (*_TRAINER, "mlflow", "neptune", "open-instruct", "tensorboard", "trackio", "wandb")
"""Kinds of sources that are logs of training; in a table or a study, `loss` may be anything."""


@dataclass(frozen=True, slots=True)
class NameRule:
    """One name that counts as another.

    Attributes:
        logged: The name as it was logged.
        counts_as: The name that it is found under.
        sources: Only in runs of these sources; empty means all.
        goes_first: Whether it goes before `counts_as` itself in a run that logged both.
    """

    logged: str
    counts_as: str
    sources: tuple[str, ...] = ()
    goes_first: bool = False


def _rules(counts_as: str, *logged: str, sources: tuple[str, ...] = ()) -> tuple[NameRule, ...]:
    return tuple(NameRule(name, counts_as, sources) for name in logged)


NAME_RULES: Final[tuple[NameRule, ...]] = (
    *_rules("eval_loss", "eval/loss", "val_loss", "val/loss", "valid_loss", "valid/loss", "validation_loss",
            "validation/loss", "dev_loss", "dev/loss", "heldout_loss", "heldout/loss", "test_loss", "test/loss",
            "eval_nll", "eval/nll", "val_nll", "val/nll", "validation_nll", "validation/nll", "test_nll", "test/nll"),
    # HF Trainer ends a run with the mean loss of all its steps, named `train_loss`: not the loss of the last ones.
    NameRule("loss", "train_loss", sources=_LOGS, goes_first=True),
    *_rules("train_loss", "train/loss", "training_loss", "training/loss", "train_nll", "train/nll", "train_mean_nll"),
    *_rules("lr_now", "learning_rate", "train/learning_rate", "train_learning_rate", "lr", "train/lr", "train_lr"),
    *_rules("grad_norm", "train/grad_norm", "train_grad_norm", "gradient_norm", "train/gradient_norm"),
    *_rules("eval_accuracy", "eval/accuracy", "eval_acc", "eval/acc", "val_accuracy", "val/accuracy", "val_acc",
            "val/acc", "validation_accuracy", "validation/accuracy"),
    *_rules("train_accuracy", "train/accuracy", "train_acc", "train/acc"),
    *_rules("eval_token_accuracy", "eval_mean_token_accuracy", "eval/mean_token_accuracy"),
    *_rules("train_token_accuracy", "train/mean_token_accuracy", "mean_token_accuracy"),
    *_rules("total_tokens", "train/num_tokens"),
    *_rules("total_tokens", "num_tokens", sources=_TRAINER),
    *_rules("input_tokens_seen", "num_input_tokens_seen", "train/num_input_tokens_seen"),
)  # fmt: skip
"""Of several names that a run logged, `counts_as` itself counts, then the rule that stands first here."""
