"""Writes the database beside it with Trackio itself, compressed, and the Parquet files that it exports from it.

cd /srv/sweep && python make_logs.py      (with trackio 0.43 installed)
"""

import gzip
import math
import os
import shutil
from pathlib import Path

FOLDER = Path.cwd() / "trackio-logs"
os.environ["TRACKIO_DIR"] = str(FOLDER)

import trackio  # noqa: E402 - it reads its folder from the environment
from trackio.sqlite_storage import SQLiteStorage  # noqa: E402


def start(name, **config):
    return trackio.init(project="sft", name=name, group="lr", config=config, auto_log_gpu=False, auto_log_cpu=False)


def sweep():
    # The first name says another learning rate than the config.
    for name, rate, seed in [("lr-1e-5", 1e-4, 0), ("lr-1e-4-again", 1e-4, 1), ("lr-1e-3", 1e-3, 0)]:
        start(name, learning_rate=rate, seed=seed, model_name_or_path="meta-llama/Llama-3.2-1B", lora={"r": 16})
        for step in range(12):
            trackio.log({"train/loss": 3.0 * math.exp(-500 * rate * step), "train/grad_norm": 1.0 / (1 + step)})
            if step % 4 == 3:
                trackio.log({"eval/loss": 3.1 * math.exp(-500 * rate * step)}, step=step)
        trackio.finish()


def rich():
    run = start("rich", learning_rate=0.5, seed=2, nan=math.nan, note="ü😀")
    trackio.log({"loss": math.nan, "up": math.inf, "down": -math.inf, "none": None, "flag": True, "text": "hello"})
    trackio.log({"large": 2**62 + 1, "nested": {"a": {"b": 1.5}}, "list": [1, 2], "ü😀": 1})
    trackio.log({"table": trackio.Table(columns=["a", "b"], data=[[1, "x"], [2, "y"]])})
    trackio.log({"histogram": trackio.Histogram([1.0, 2.0, 2.5], num_bins=2)}, step=10)
    run.log_system({"cpu": 12.5})
    run.log_system({"cpu": 13.5})
    trackio.finish()


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    sweep()
    rich()
    here = Path(__file__).parent
    with gzip.GzipFile(here / "sft.db.gz", "wb", mtime=0) as file:
        file.write((FOLDER / "sft.db").read_bytes())
    SQLiteStorage.export_for_static_space("sft", here / "export")
    for path in (here / "export").rglob("*"):
        if path.is_file() and path.name not in ("metrics.parquet", "configs.parquet"):
            path.unlink()


if __name__ == "__main__":
    main()
