"""Writes the logs beside it with the calls that open-instruct's scripts make; the tool itself does not install here.

`finetune.py` logs through Accelerate's TensorBoard tracker (`init_trackers` with its arguments, `log` with a step), as
the published recipes of Tulu 2 do with `--report_to tensorboard`. `ppo2.py` and its relatives write a table of their
arguments and their scalars with a SummaryWriter. The trackers are the real ones, names and defaults of the arguments
are those of the scripts' source code, the numbers are made up.

    cd /srv/sweep && python make_logs.py      (with torch, tensorboard and accelerate installed)
"""

import shutil
import socket
import time
from pathlib import Path

socket.gethostname = lambda: "node"

from accelerate import Accelerator  # noqa: E402 - it notes the name of the host
from torch.utils.tensorboard import SummaryWriter  # noqa: E402

HERE = Path(__file__).parent
FINETUNE = {
    "model_name_or_path": "allenai/OLMo-2-0425-1B", "config_name": None, "use_flash_attn": False,
    "dataset_name": "allenai/tulu-3-sft-mixture", "max_seq_length": 2048, "gradient_accumulation_steps": 4,
    "lora_alpha": 16, "lora_dropout": 0.1, "lora_rank": 64, "lr_scheduler_type": "linear", "num_train_epochs": 2,
    "per_device_train_batch_size": 2, "use_lora": True, "use_qlora": False, "warmup_ratio": 0.03,
    "weight_decay": 0.0, "clip_grad_norm": -1.0, "with_tracking": True, "report_to": "tensorboard",
    "logging_steps": 1, "max_train_steps": None, "reduce_loss": "mean", "push_to_hub": False,
}  # fmt: skip
PPO = {
    "dataset_mixer_list": ["ai2-adapt-dev/rlvr_gsm8k_zs", "1.0"], "exp_name": "ppo_1e-6", "lr_scheduler_type": "linear",
    "per_device_train_batch_size": 1, "gradient_accumulation_steps": 64, "world_size": 2, "total_episodes": 640,
    "num_training_steps": 5, "mini_batch_size": 128, "with_tracking": False, "hf_repo_revision": None,
    "push_to_hub": False, "stop_strings": None, "beta": 0.05, "async_mode": True, "kl_estimator": "kl1|kl2",
}  # fmt: skip


def finetune(name, rate, seed, n_steps, *, saved):
    """As `finetune.py`: arguments first, then a row each step, the model last."""
    output = HERE / "output" / name
    # The script's own name of a run is `exp_name__seed__time`; the output folder may say anything.
    arguments = FINETUNE | {
        "learning_rate": rate, "seed": seed, "exp_name": "tulu_lr_1e-5", "run_name": f"tulu_lr_1e-5__{seed}__17000000",
        "output_dir": f"output/{name}",
    }  # fmt: skip
    accelerator = Accelerator(log_with="tensorboard", project_dir=str(output), cpu=True)
    accelerator.init_trackers("open_instruct", arguments)
    for step in range(1, n_steps + 1):
        loss = 2.0 - 1e4 * rate * step / n_steps + 0.01 * seed
        row = {"learning_rate": rate * (1 - step / n_steps), "train_loss": loss, "total_tokens": 512 * step}
        accelerator.log(row, step=step)
    accelerator.end_training()
    if saved:
        (output / "adapter_config.json").write_text("{}")
        (output / "adapter_model.safetensors").write_bytes(b"")


def reinforce(seed, n_steps):
    """As `ppo2.py`: scalars at the number of episodes."""
    name = f"ppo_1e-6__{seed}__17000000"
    arguments = PPO | {"learning_rate": 3e-7, "seed": seed, "run_name": name}
    writer = SummaryWriter(str(HERE / "runs" / name))
    writer.add_text(
        "hyperparameters",
        "|param|value|\n|-|-|\n" + "\n".join(f"|{key}|{value}|" for key, value in arguments.items()),
    )
    for training_step in range(1, n_steps + 1):
        row = {
            "training_step": training_step,
            "lr": 3e-7,
            "objective/scores": 0.1 * training_step,
            "loss/policy_avg": 0.5,
        }
        for key, value in row.items():
            writer.add_scalar(key, value, 128 * training_step)
    writer.close()


def main():
    for folder in ("output", "runs"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
    finetune("lr_1e-5", 2e-5, 0, 8, saved=True)
    finetune("lr_1e-5_seed_1", 2e-5, 1, 8, saved=True)
    time.sleep(1)
    finetune("stopped", 5e-5, 0, 5, saved=False)
    reinforce(1, 5)
    reinforce(2, 3)
    (HERE / "output" / "elsewhere" / "step_100").mkdir(parents=True)
    (HERE / "output" / "elsewhere" / "step_100" / "COMPLETED").write_text("COMPLETED")


if __name__ == "__main__":
    main()
