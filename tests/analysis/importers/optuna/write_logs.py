"""Writes the storages of these tests with Optuna itself: `fill` a storage of any kind."""

from __future__ import annotations

import datetime
from pathlib import Path

import optuna
from optuna.distributions import FloatDistribution
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState, create_trial


def write(folder: Path) -> None:
    """Writes `sweep.db` and `journal.log`, with the same studies in each."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = RDBStorage(f"sqlite:///{folder / 'sweep.db'}")
    fill(storage)
    close(storage)
    path = str(folder / "journal.log")
    fill(JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path))))


def close(storage: RDBStorage) -> None:
    """Ends the connections."""
    storage.scoped_session.remove()
    storage.engine.dispose()


def fill(storage: BaseStorage) -> None:
    """Two studies: one value with pruning, every state and NaN; and two values with one direction each."""
    study = optuna.create_study(
        storage=storage, study_name="lr für lora", sampler=optuna.samplers.RandomSampler(seed=0)
    )
    study.set_user_attr("model", "tiny")
    study.optimize(_objective, n_trials=6, catch=(ZeroDivisionError,))
    study.add_trial(
        create_trial(
            state=TrialState.COMPLETE,
            value=float("inf"),
            params={"lr": 0.5},
            distributions={"lr": FloatDistribution(1e-5, 1.0, log=True)},
            intermediate_values={-1: 9.0, 0: float("nan"), 7: float("-inf")},
            user_attrs={"test_acc": 0.25, "big": 2**62, "why": "diverged", "nan": float("nan")},
        )
    )
    running = study.ask({"lr": FloatDistribution(1e-5, 1.0, log=True)})
    running.report(1.5, 0)
    study.enqueue_trial({"lr": 0.1})

    pareto = optuna.create_study(storage=storage, study_name="pareto", directions=["minimize", "maximize"])
    pareto.set_metric_names(["eval_loss", "tokens_per_s"])
    pareto.optimize(lambda trial: (trial.suggest_float("x", 0, 1), float(trial.suggest_int("r", 4, 64))), n_trials=2)


def _objective(trial: optuna.Trial) -> float:
    lr = trial.suggest_float("lr", 1e-5, 1.0, log=True)
    trial.suggest_categorical("schedule", ["cosine", "linear", None])
    if trial.number == 3:
        raise ZeroDivisionError(f"trial 3 fails at {datetime.date(2026, 11, 1)}")
    for step in range(5):
        trial.report(3.0 - lr * step, step)
        if trial.number == 4 and step == 2:
            raise optuna.TrialPruned
    return 3.0 - lr * 4
