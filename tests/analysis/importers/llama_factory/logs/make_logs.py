"""Makes the output folders beside this file: the Trainer with the arguments, the log and the files of LLaMA-Factory.

`python make_logs.py /srv/sweep/llama TINY_MODEL`, with `llamafactory` installed. Its command line does not start with
the newest transformers and TRL, so its own pieces are put around their Trainer in the order of its `run_sft`.
"""
# mypy: ignore-errors
# The tools that it runs are not installed where the code is checked.

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

KEPT = ("trainer_state.json", "training_args.bin", "adapter_config.json", "trainer_log.jsonl", "training_args.yaml")
RESULTS = ("all_results.json", "train_results.json", "eval_results.json", "README.md")


def train(root: Path, model: str, name: str, kill_at: int) -> None:
    from datasets import Dataset
    from llamafactory.hparams.training_args import TrainingArguments
    from llamafactory.train.callbacks import LogCallback
    from peft import LoraConfig, get_peft_model
    from transformers import (
        AutoModelForCausalLM,
        AutoTokenizer,
        DataCollatorForLanguageModeling,
        Trainer,
        TrainerCallback,
    )
    from yaml import safe_dump

    class Kill(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == kill_at:
                import time

                time.sleep(1)  # its log is written by a thread
                os._exit(9)

    settings = {
        "stage": "sft", "do_train": True, "model_name_or_path": model, "dataset": "tiny_words", "template": "default",
        "finetuning_type": "lora", "lora_rank": 4, "lora_alpha": 8, "cutoff_len": 32, "learning_rate": 3e-3,
        "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "max_steps": 12, "logging_steps": 1,
        "save_steps": 4, "lr_scheduler_type": "cosine", "warmup_steps": 2, "output_dir": str(root / name), "seed": 7,
    }  # fmt: skip
    own = (
        "stage",
        "model_name_or_path",
        "dataset",
        "template",
        "finetuning_type",
        "lora_rank",
        "lora_alpha",
        "cutoff_len",
    )
    args = TrainingArguments(
        **{key: value for key, value in settings.items() if key not in own}, report_to="none", use_cpu=True,
        remove_unused_columns=False,
    )  # fmt: skip
    Path(args.output_dir).mkdir(parents=True, exist_ok=True)
    (Path(args.output_dir) / "training_args.yaml").write_text(safe_dump(settings))  # its `webui.common.save_cmd`
    tokenizer = AutoTokenizer.from_pretrained(model)
    words = [word for word in tokenizer.get_vocab() if not word.startswith("<")]
    texts = [" ".join(words[(i * j) % len(words)] for j in range(1, 9)) for i in range(48)]
    rows = [dict(tokenizer(text)) for text in texts]
    lora = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    trainer = Trainer(
        model=get_peft_model(AutoModelForCausalLM.from_pretrained(model), lora), args=args,
        train_dataset=Dataset.from_list(rows[:40]), eval_dataset=Dataset.from_list(rows[40:]),
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
        callbacks=[LogCallback(), *([Kill()] if kill_at else [])],
    )  # fmt: skip
    result = trainer.train()
    trainer.save_model()
    trainer.save_metrics("train", result.metrics)
    trainer.save_state()
    trainer.save_metrics("eval", trainer.evaluate())
    trainer.create_model_card(
        license="other", finetuned_from=model, tags=["llama-factory", "lora"], dataset="tiny_words"
    )


def main() -> None:
    root, model = Path(sys.argv[1]), sys.argv[2]
    if len(sys.argv) > 3:
        train(root, model, sys.argv[3], int(sys.argv[4]))
        return
    target = Path(__file__).parent
    for name, kill_at in (("whole", 0), ("killed", 7)):
        subprocess.run([sys.executable, __file__, str(root), model, name, str(kill_at)], check=False)
        shutil.rmtree(target / name, ignore_errors=True)
        for place in ("checkpoint-4", "") if kill_at else ("",):
            (target / name / place).mkdir(parents=True, exist_ok=True)
            for file in (*KEPT, *RESULTS):
                if (root / name / place / file).is_file() and not (place and file == "README.md"):
                    shutil.copyfile(root / name / place / file, target / name / place / file)


if __name__ == "__main__":
    main()
