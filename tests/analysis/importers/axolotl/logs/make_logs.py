"""Makes the output folder beside this file: the Trainer, with what axolotl's own code writes into the folder.

`python make_logs.py /srv/sweep/axolotl TINY_MODEL AXOLOTL`, where AXOLOTL is the unpacked wheel. Axolotl itself does
not start without a GPU's libraries, so two of its functions are taken out of its source and run: the log of the
configuration (the statements at the end of `load_cfg`, its log format) and `setup_model_card`.
"""
# mypy: ignore-errors
# The tools that it runs are not installed where the code is checked.

from __future__ import annotations

import ast
import json
import logging
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import transformers
import transformers.modelcard

CONFIG = """base_model: {model}
datasets:
  - path: tiny/words
    type: completion
sequence_len: 32
adapter: lora
lora_r: 4
lora_alpha: 8
lora_target_linear: true
micro_batch_size: 2
gradient_accumulation_steps: 2
max_steps: 12
learning_rate: 4e-3
lr_scheduler: cosine
optimizer: adamw_torch
seed: 5
output_dir: {output}
"""
KEPT = ("trainer_state.json", "training_args.bin", "adapter_config.json", "debug.log", "README.md")


def own_function(source: Path, name: str, **names: object) -> object:
    """A function of axolotl without the imports of its module."""
    tree = ast.parse(source.read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    tree.body[0].args.args[0].annotation = None
    exec(compile(tree, str(source), "exec"), names)  # noqa: S102
    return names[name]


def log_config(output: Path, settings: dict[str, object]) -> None:
    """As at the end of `load_cfg`, in the format of `axolotl.logging_config`."""
    handler = logging.FileHandler(output / "debug.log")
    handler.setFormatter(logging.Formatter("[%(asctime)s] [%(levelname)s] [%(name)s] %(message)s"))
    logger = logging.getLogger("axolotl.cli.config")
    logger.addHandler(handler)
    logger.setLevel("INFO")
    logger.info("config:\n%s", json.dumps(settings, indent=2, default=str, sort_keys=True))
    logger.info("Loading tiny data...")


def main() -> None:
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, DataCollatorForLanguageModeling, Trainer
    from yaml import safe_load

    root, model, axolotl = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    output = root / "out"
    output.mkdir(parents=True)
    text = CONFIG.format(model=model, output=output)
    (root / "config.yaml").write_text(text)
    settings = safe_load(text) | {
        "learning_rate": 4e-3,
        "axolotl_config_path": str(root / "config.yaml"),
        "world_size": 1,
    }
    log_config(output, settings)
    versions = SimpleNamespace(metadata=SimpleNamespace(version=lambda name: "0.19.0"))
    setup = own_function(
        axolotl / "axolotl" / "train.py", "setup_model_card", Path=Path, importlib=versions, transformers=transformers
    )
    setup(SimpleNamespace(axolotl_config_path=str(root / "config.yaml")))
    tokenizer = AutoTokenizer.from_pretrained(model)
    words = [word for word in tokenizer.get_vocab() if not word.startswith("<")]
    texts = [" ".join(words[(i * j) % len(words)] for j in range(1, 9)) for i in range(40)]
    lora = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM")
    args = transformers.TrainingArguments(
        output_dir=str(output), learning_rate=4e-3, seed=5, max_steps=12, per_device_train_batch_size=2,
        gradient_accumulation_steps=2, logging_steps=1, save_steps=6, lr_scheduler_type="cosine", optim="adamw_torch",
        report_to="none", use_cpu=True,
    )  # fmt: skip
    trainer = Trainer(
        model=get_peft_model(AutoModelForCausalLM.from_pretrained(model), lora), args=args,
        train_dataset=Dataset.from_list([dict(tokenizer(text)) for text in texts]),
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
    )  # fmt: skip
    trainer.train()
    trainer.save_state()
    trainer.save_model()
    trainer.create_model_card(model_name="out", dataset_tags=["tiny/words"])
    target = Path(__file__).parent / "out"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for name in KEPT:
        shutil.copyfile(output / name, target / name)


if __name__ == "__main__":
    main()
