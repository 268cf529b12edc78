"""Writes real offline logs with the real client; the tests import the same rows to know what must come back.

Run as `python write_logs.py JOB FOLDER`. Jobs `raise`, `silent` and `killed` end as their names say, `growing`
logs as many rows again for each line that it gets and ends with its input, `normal` ends normally.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wandb import Run

LONG_ROWS = 1_000
PART_ROWS = (7, 4)
PROJECT_ROWS = {"one": 3, "two": 5}


def rich_rows() -> Iterator[dict[str, Any]]:
    """Every kind of value that the client takes, one dict a row."""
    for i in range(20):
        nested = {"a": i, "b": {"c": 1.5}}
        yield {"loss": 1 / (i + 1), "Loss": i, "val/acc": 20 - i, "epoch": i // 5, "n": nested, "n.a": -i, "flag": True}
    yield {"nan": float("nan"), "pinf": float("inf"), "ninf": float("-inf"), "none": None, "text": "NaN"}
    yield {"big": 2**62, "negative_big": -(2**62), "odd": 2**53 + 1, "huge": 2**70, "small": 5e-324}
    yield {"unicode": "héllo ☃ 🜚 \x00", "half": "a\ud800b", "schlüssel/🜚": 1}
    yield {}


def long_row(i: int) -> dict[str, float]:
    """Row `i` of the long log."""
    return {"i": i, "x": i / 7, "noise": float(hash((i, 0.5)) % 10**9)}


def _write(folder: Path) -> None:
    import wandb

    config = {
        "learning_rate": 1e-3,
        "optimizer": {"name": "adam", "betas": [0.9, 0.95]},
        "dot.ted": 1,
        "infinite": float("inf"),
        "huge": 2**70,
        "half": "x\ud800y",
        "none": None,
        "": 3,
    }
    run: Any = wandb.init(
        entity="team", project="rich", id="rich", name="näme", group="g", job_type="sft", notes="first",
        tags=["a", "b"], config=config, dir=folder,
    )  # fmt: skip
    run.define_metric("val/acc", summary="min")
    run.define_metric("train/*", step_metric="epoch")
    run.define_metric("n.a", summary="max,mean")
    run.define_metric("loss", hidden=True, summary="last")
    for row in rich_rows():
        run.log(row)
    run.log({"table": wandb.Table(columns=["q", "s"], data=[["x", 1.0], ["y", float("nan")]])})
    run.log({"merged": 1}, commit=False)
    run.log({"also": 2})
    run.log({"same": 1}, step=50)
    run.log({"step": 2}, step=50)
    run.log({"dropped": 3}, step=40)
    run.summary["nest"] = {"u": {"v": 1}, "w": 2}
    run.summary["gone"] = 1
    del run.summary["gone"]
    run.summary["nest"]["w"] = 3
    run.summary["half"] = "\udc00"
    run.config.update({"optimizer": {"name": "sgd"}, "later": [1, 2]}, allow_val_change=True)
    run.tags = (*run.tags, "c")
    run.notes = "second"
    run.finish()

    run = wandb.init(project="long", id="long", dir=folder)
    for i in range(LONG_ROWS):
        run.log(long_row(i))
    run.finish(exit_code=3)

    for part, n_rows in enumerate(PART_ROWS):
        run = wandb.init(project="parts", id="parts", config={"part": part}, resume="allow", dir=folder)
        for i in range(n_rows):
            run.log({"i": i, "part": part})
        run.finish()
    for project, n_rows in PROJECT_ROWS.items():
        run = wandb.init(project=project, id="same", dir=folder)
        for i in range(n_rows):
            run.log({"i": i})
        run.finish()


def _write_rows(folder: Path, job: str) -> None:
    import wandb

    run = wandb.init(project=job, id=job, dir=folder)
    n_rows = 3 if job in ("raise", "silent") else LONG_ROWS
    for i in range(n_rows):
        run.log(long_row(i))
    if job == "growing":
        _grow(run)
    if job == "raise":
        raise RuntimeError("on purpose")
    if job == "killed":
        _say(n_rows)
        time.sleep(600)


def _grow(run: Run) -> None:
    """Says how many rows were logged, and logs as many again for each line."""
    n_rows = LONG_ROWS
    _say(n_rows)
    for _ in sys.stdin:
        for i in range(n_rows, n_rows + LONG_ROWS):
            run.log(long_row(i))
        n_rows += LONG_ROWS
        _say(n_rows)
    run.finish()


def _say(n_rows: int) -> None:
    sys.stdout.write(f"{n_rows}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "normal":
        _write(Path(sys.argv[2]))
    else:
        _write_rows(Path(sys.argv[2]), sys.argv[1])
