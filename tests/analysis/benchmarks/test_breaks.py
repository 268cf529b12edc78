from __future__ import annotations

import numpy as np

from analysis.benchmarks.matrix import compute_benchmark_matrix
from tests.analysis.benchmarks.tables import Cell, make_evals, make_runs


def _breaks(*benchmarks: np.ndarray, steps: list[int]) -> list[str]:
    """The breaks found in benchmarks with scores of shape (n_runs, n_steps) each."""
    cells: list[Cell] = [
        {"run_id": f"r{run}", "benchmark": f"b{which:03d}", "step": step, "score": curves[run, at]}
        for which, curves in enumerate(benchmarks)
        for run in range(len(curves))
        for at, step in enumerate(steps)
        if not np.isnan(curves[run, at])
    ]
    runs = make_runs([f"r{run}" for run in range(max(len(curves) for curves in benchmarks))])
    matrix = compute_benchmark_matrix(make_evals(cells), runs)
    return [flag.text for flag in matrix.flags if flag.kind == "break"]


def _learning(n_runs: int, n_steps: int, seed: int, noise: float = 0.01) -> np.ndarray:
    """Scores that rise fast at first and then ever more slowly."""
    generator = np.random.default_rng(seed)
    rise = 0.3 + 0.3 * (1 - np.exp(-np.arange(n_steps) / 3))
    return rise + generator.normal(0, 0.02, (n_runs, 1)) + generator.normal(0, noise, (n_runs, n_steps))


STEPS = list(range(100, 1100, 100))


def test_a_jump_of_all_runs_at_once_is_found_with_its_steps_and_size() -> None:
    curves = _learning(8, 10, seed=0)
    curves[:, 6:] += 0.15
    (text,) = _breaks(curves, steps=STEPS)
    assert "between the steps 600 and 700" in text
    assert "+0.1" in text


def test_a_fall_of_all_runs_is_found_too() -> None:
    curves = _learning(8, 10, seed=1)
    curves[:, 5:] -= 0.2
    assert len(_breaks(curves, steps=STEPS)) == 1


def test_learning_alone_is_no_break() -> None:
    assert len(_breaks(*(_learning(8, 10, seed) for seed in range(200)), steps=STEPS)) <= 2


def test_jumps_of_fifteen_times_the_noise_are_nearly_always_found() -> None:
    benchmarks = [_learning(8, 10, seed) for seed in range(200)]
    for at, curves in enumerate(benchmarks):
        curves[:, 3 + at % 7 :] += 0.15
    assert len(_breaks(*benchmarks, steps=STEPS)) >= 180


def test_a_jump_of_half_of_the_runs_is_none() -> None:
    curves = _learning(8, 10, seed=2)
    curves[:4, 6:] += 0.2
    assert not _breaks(curves, steps=STEPS)


def test_a_longer_stretch_of_training_is_no_break() -> None:
    steps = [100, 200, 300, 400, 500, 3000]
    curves = np.array([[0.3 + 0.0001 * step + 0.01 * run for step in steps] for run in range(5)])
    assert not _breaks(curves, steps=steps)


def test_few_runs_or_few_steps_are_no_history() -> None:
    curves = _learning(8, 10, seed=3)
    curves[:, 6:] += 0.2
    assert not _breaks(curves[:2], steps=STEPS)
    assert not _breaks(curves[:, 4:8], steps=STEPS[4:8])


def test_runs_that_lack_some_evaluations_still_show_it() -> None:
    curves = _learning(8, 10, seed=4)
    curves[:, 6:] += 0.2
    curves[0, 3], curves[1, 8] = np.nan, np.nan
    assert len(_breaks(curves, steps=STEPS)) == 1
