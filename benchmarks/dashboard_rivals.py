"""The same runs in other trackers, each written by its own API and served by its own server.

`python benchmarks/dashboard_rivals.py TOOL FOLDER N_RUNS N_STEPS` in an environment that has the tool; needs nothing of
Ucurve. Each run has a configuration of five settings and two losses a step.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

EXPERIMENT = "team"


def runs(n_runs: int, n_steps: int) -> Iterator[tuple[str, dict[str, float], list[tuple[float, float]]]]:
    """Name, configuration and (train_loss, eval_loss) by step."""
    for number in range(n_runs):
        rate = 10 ** (-5 + 0.3 * (number % 10))
        final = 2 + 0.04 * math.log(rate / 2e-4) ** 2
        losses = [(final + 1.5 * math.exp(-5 * step / n_steps), final + math.exp(-5 * step / n_steps))
                  for step in range(n_steps)]  # fmt: skip
        config = {"learning_rate": rate, "batch_size": 8 * (1 + number % 4), "lora_rank": 16, "lora_alpha": 32,
                  "seed": number % 5}  # fmt: skip
        yield f"run-{number:05d}", config, losses


def fill_mlflow(folder: Path, n_runs: int, n_steps: int) -> None:
    """A database, by `log_batch`."""
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.create_experiment(EXPERIMENT, artifact_location=(folder / "artifacts").as_uri())
    for name, config, losses in runs(n_runs, n_steps):
        run_id = client.create_run(experiment, run_name=name).info.run_id
        metrics = [Metric(metric, value, 0, step) for step, pair in enumerate(losses)
                   for metric, value in zip(("train_loss", "eval_loss"), pair, strict=True)]  # fmt: skip
        client.log_batch(run_id, metrics=metrics, params=[Param(key, str(value)) for key, value in config.items()])
        client.set_terminated(run_id)


def fill_tensorboard(folder: Path, n_runs: int, n_steps: int) -> None:
    """A folder of events per run."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    for name, _, losses in runs(n_runs, n_steps):
        writer = EventFileWriter(str(folder / "logs" / name))
        for step, pair in enumerate(losses):
            values = [Summary.Value(tag=tag, simple_value=value)
                      for tag, value in zip(("train_loss", "eval_loss"), pair, strict=True)]  # fmt: skip
            writer.add_event(Event(step=step, wall_time=1.8e9 + step, summary=Summary(value=values)))
        writer.close()


def fill_aim(folder: Path, n_runs: int, n_steps: int) -> None:
    """A repository."""
    from aim import Repo, Run

    repo = Repo.from_path(str(folder), init=True)
    for name, config, losses in runs(n_runs, n_steps):
        run = Run(repo=repo, experiment=EXPERIMENT, system_tracking_interval=None, log_system_params=False)
        run.name = name
        run["config"] = config
        for step, pair in enumerate(losses):
            for metric, value in zip(("train_loss", "eval_loss"), pair, strict=True):
                run.track(value, name=metric, step=step)
        run.close()


def fill_trackio(folder: Path, n_runs: int, n_steps: int) -> None:
    """A database per project."""
    os.environ["TRACKIO_DIR"] = str(folder)
    import trackio

    for name, config, losses in runs(n_runs, n_steps):
        trackio.init(project=EXPERIMENT, name=name, config=config, embed=False)
        for step, (train, evaluated) in enumerate(losses):
            trackio.log({"train_loss": train, "eval_loss": evaluated}, step=step)
        trackio.finish()


def fill_optuna(folder: Path, n_runs: int, n_steps: int) -> None:
    """A study of finished trials with intermediate values."""
    import optuna
    from optuna.distributions import FloatDistribution, IntDistribution

    study = optuna.create_study(study_name=EXPERIMENT, storage=f"sqlite:///{folder / 'optuna.db'}")
    kinds = {"learning_rate": FloatDistribution(1e-6, 1, log=True), "batch_size": IntDistribution(1, 64),
             "lora_rank": IntDistribution(1, 64), "lora_alpha": IntDistribution(1, 64),
             "seed": IntDistribution(0, 9)}  # fmt: skip
    study.add_trials(
        optuna.trial.create_trial(
            params=config, distributions=kinds, value=losses[-1][1],
            intermediate_values={step: evaluated for step, (_, evaluated) in enumerate(losses)},
        )
        for _, config, losses in runs(n_runs, n_steps)
    )  # fmt: skip


TOOLS: dict[str, Callable[[Path, int, int], None]] = {
    "mlflow": fill_mlflow,
    "tensorboard": fill_tensorboard,
    "aim": fill_aim,
    "trackio": fill_trackio,
    "optuna-dashboard": fill_optuna,
}

if __name__ == "__main__":
    place = Path(sys.argv[2])
    place.mkdir(parents=True, exist_ok=True)
    TOOLS[sys.argv[1]](place, int(sys.argv[3]), int(sys.argv[4]))
