"""A job whose process may not have the memory that it asks for: it fails in a sentence, and the next one runs."""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import psutil

from tests.faults import warm
from tests.faults.bench import Bench, work
from tests.faults.oracles import check_sentence
from tests.faults.warm import Warm
from tests.tiny_model import save_tiny_model

_SPARE_BYTES: Final = 544 * 1024**2
"""What a job may have beyond what it begins with: enough for the tiny model and its threads."""
_WIDE: Final = {"num_hidden_layers": 1, "intermediate_size": 49_152}
"""An adapter of rank 1024 for three matrices of 32 x 49,152 has 576 MiB of parameters, which is one allocation."""


def work_with_little_memory(store: Path) -> None:
    """A worker whose jobs may not grow.

    The address space (RLIMIT_AS) says too little: each of some thirty threads reserves 128 MiB of it and uses none.
    """
    run_program = warm.run_program

    def limited(arguments: Sequence[str]) -> None:
        most = psutil.Process(os.getpid()).memory_info().data + _SPARE_BYTES
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        run_program(arguments)

    setattr(warm, "run_program", limited)  # noqa: B010 - a function, to mypy
    work(store, once=True)


def test_a_job_without_memory_fails_in_a_sentence_and_the_next_one_runs(bench: Bench, tiny_model_folder: Path) -> None:
    fitting = bench.spec.read_text()
    model = save_tiny_model(bench.folder / "wide-llama", **_WIDE)
    wide = fitting.replace("name: tiny", "name: wide").replace(str(tiny_model_folder), str(model))
    bench.spec.write_text(wide.replace("lora_rank: 2", "lora_rank: 1024"))
    too_large = bench.submit()
    bench.spec.write_text(fitting)
    fits = bench.submit()
    for job_id in (too_large, fits):
        worker = Warm(partial(work_with_little_memory, bench.store), bench.output(), bench.environment)
        worker.wait()
        check_sentence(worker.said(), job_id)
    job = bench.job(too_large)
    assert [each.outcome for each in job.attempts] == ["failed"]
    assert "this machine's memory ran out; lower pack, training.max_length or lora_rank" in str(job.reason)
    check_sentence((bench.queue.job_folder(too_large, 1) / "log.txt").read_text(), "memory ran out")
    runs = bench.opened().snapshot().runs()
    assert set(runs.loc[runs["sweep_id"] == "wide", "status"]) <= {"failed", "stopped"}
    assert bench.job(fits).state == "finished", worker.said()
    assert set(runs.loc[runs["sweep_id"] == "tiny", "status"]) == {"finished"}
