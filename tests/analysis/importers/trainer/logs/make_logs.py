"""Makes the output folders beside this file with the real tools: TRL's SFTTrainer with LoRA, and the plain Trainer.

Runs on a CPU without any download: `python make_logs.py /srv/sweep`, in an environment with `trl`, then copies what the
importer reads (no weights, no optimizer states, few checkpoints) beside this file.
"""
# mypy: ignore-errors
# The tools that it runs are not installed where the code is checked.

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

WORDS = ["the", "a", "red", "blue", "cat", "dog", "runs", "sleeps", "eats", "fast", "slow", "house", "tree", "and"]
KEPT = {
    "trainer_state.json", "training_args.bin", "adapter_config.json", "config.json", "README.md", "all_results.json",
    "train_results.json", "eval_results.json",
}  # fmt: skip
KEPT_CHECKPOINTS = {
    "sft-low": ("checkpoint-4",), "sft-no-state": ("checkpoint-12",), "sft-killed": ("checkpoint-4",),
    "sft-resumed": ("checkpoint-4",), "plain-early": ("checkpoint-15",),
}  # fmt: skip


def make_model(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = {f"{name}_token": f"<{name}>" for name in ("pad", "eos", "unk")}
    vocabulary = {word: index for index, word in enumerate([*special.values(), *WORDS])}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token=special["unk_token"]))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, **special)
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, pad_token_id=0, eos_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)


def texts(n: int, offset: int) -> list[str]:
    return [" ".join(WORDS[(offset + i * j) % len(WORDS)] for j in range(1, 9)) for i in range(n)]


def train(root: Path, name: str, rate: float, seed: int, kill_at: int, resume: bool) -> None:
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    class Kill(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == kill_at:
                os._exit(9)

    args = SFTConfig(
        output_dir=str(root / name), learning_rate=rate, seed=seed, max_steps=12, per_device_train_batch_size=2,
        gradient_accumulation_steps=2, logging_steps=2, eval_strategy="steps", eval_steps=4, save_steps=4,
        lr_scheduler_type="cosine", warmup_steps=2, weight_decay=0.01, report_to="none", use_cpu=True, bf16=False,
        max_length=32,
    )  # fmt: skip
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(root / "tiny-model"), args=args,
        processing_class=AutoTokenizer.from_pretrained(root / "tiny-model"),
        train_dataset=Dataset.from_dict({"text": texts(40, 0)}), eval_dataset=Dataset.from_dict({"text": texts(8, 3)}),
        peft_config=LoraConfig(r=4, lora_alpha=8, lora_dropout=0.05, target_modules=["q_proj", "v_proj"]),
        callbacks=[Kill()] if kill_at else [],
    )  # fmt: skip
    result = trainer.train(resume_from_checkpoint=resume or None)
    trainer.save_model()
    if name != "sft-no-state":
        trainer.save_state()
        trainer.save_metrics("train", result.metrics)
        trainer.save_metrics("eval", trainer.evaluate())


def train_plainly(root: Path, name: str, rate: float) -> None:
    """All weights, a constant learning rate, stopped early; a rate of 1e30 gives NaN losses."""
    from datasets import Dataset
    from transformers import (
        AutoModelForCausalLM,
        AutoTokenizer,
        DataCollatorForLanguageModeling,
        EarlyStoppingCallback,
        Trainer,
        TrainingArguments,
    )  # fmt: skip

    tokenizer = AutoTokenizer.from_pretrained(root / "tiny-model")
    args = TrainingArguments(
        output_dir=str(root / name), learning_rate=rate, max_steps=100, per_device_train_batch_size=4, logging_steps=5,
        eval_strategy="steps", eval_steps=5, save_steps=5, save_total_limit=2, lr_scheduler_type="constant",
        metric_for_best_model="eval_loss", load_best_model_at_end=True, report_to="none", use_cpu=True,
        logging_nan_inf_filter=False,
    )  # fmt: skip
    split = [Dataset.from_dict(dict(tokenizer(texts(n, start)))) for n, start in ((40, 0), (8, 3))]
    trainer = Trainer(
        model=AutoModelForCausalLM.from_pretrained(root / "tiny-model"), args=args, train_dataset=split[0],
        eval_dataset=split[1], data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
        callbacks=[EarlyStoppingCallback(early_stopping_patience=2)],
    )  # fmt: skip
    trainer.train()
    trainer.save_state()
    trainer.save_model()
    trainer.create_model_card()


def keep(root: Path, target: Path) -> None:
    for folder in sorted(root.iterdir()):
        if not folder.name.startswith(("sft-", "plain-")):
            continue
        shutil.rmtree(target / folder.name, ignore_errors=True)
        for name in (".", *KEPT_CHECKPOINTS.get(folder.name, ())):
            place = target / folder.name / name
            place.mkdir(parents=True, exist_ok=True)
            for file in (folder / name).iterdir():
                if file.name in KEPT and (name == "." or file.name != "README.md"):
                    shutil.copyfile(file, place / file.name)


def main() -> None:
    root = Path(sys.argv[1])
    if len(sys.argv) > 2:
        name, rate, seed, kill_at, resume = sys.argv[2:]
        if name.startswith("plain"):
            train_plainly(root, name, float(rate))
        else:
            train(root, name, float(rate), int(seed), int(kill_at), bool(int(resume)))
        return
    root.mkdir(parents=True, exist_ok=True)
    make_model(root / "tiny-model")
    for arguments in (
        ("sft-low", 2e-4, 0, 0, 0),
        ("sft-high", 2e-2, 0, 0, 0),
        ("sft-seed-1", 2e-4, 1, 0, 0),
        ("sft-no-state", 1e-3, 0, 0, 0),
        ("sft-killed", 5e-3, 0, 7, 0),
        ("sft-resumed", 5e-3, 3, 7, 0),
        ("sft-resumed", 5e-3, 3, 0, 1),
        ("plain-early", 1e-2, 0, 0, 0),
        ("plain-nan", 1e30, 0, 0, 0),
    ):
        subprocess.run([sys.executable, __file__, str(root), *map(str, arguments)], check=False)
    keep(root, Path(__file__).parent)


if __name__ == "__main__":
    main()
