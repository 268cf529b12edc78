"""What the runs of a dry run take that the store does not have yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from analysis.figures.sweep_grid import GridRun
from pages._text import bytes_text, count_text, duration_text, md_escape, tokens_text
from pages._view import View
from runner.spec.plan import FORWARD_SHARE

_COMPLETE: Final = frozenset({"finished", "diverged"})
"""Statuses of runs that a sweep leaves alone, as in runner.sweep, which needs torch."""
_UNSEEN: Final = frozenset({"learning_rate", "model", "dataset", "model_digest", "dataset_digest"})


@dataclass(frozen=True, slots=True)
class Cost:
    """What the runs that are left take; None where it is not known.

    Attributes:
        n_runs: Runs of the sweep.
        n_done: Of these, the store has.
        tokens: Tokens through the model in training, prompts included.
        expected_s: Seconds at the speed that was measured here.
        speed_source: Where that speed was measured.
        memory_bytes: Expected, and
        free_memory_bytes: there just now.
        disk_bytes: Adapters and checkpoints, and
        free_disk_bytes: there.
        device: Where it would train.
        problem: Why it would not fit, in a sentence.
    """

    n_runs: int
    n_done: int
    tokens: int
    expected_s: float | None
    speed_source: str | None
    memory_bytes: int | None
    free_memory_bytes: int | None
    disk_bytes: int | None
    free_disk_bytes: int | None
    device: str | None
    problem: str | None

    @property
    def n_left(self) -> int:
        """Runs that would be trained."""
        return self.n_runs - self.n_done


def planned_runs(plan: Mapping[str, object], done: frozenset[str]) -> list[GridRun]:
    """The runs of a dry run, with what the store has of them by now."""
    return [
        GridRun(
            float(str(run["learning_rate"])),
            {**_settings(run.get("config")), "seed": run.get("seed")},
            bool(run.get("is_done")) or str(run.get("run_id")) in done,
        )
        for run in _rows(plan)
    ]


def done_ids(view: View | None) -> frozenset[str]:
    """The runs that a sweep would leave alone."""
    if view is None:
        return frozenset()
    runs = view.all_runs
    return frozenset(runs.loc[runs["status"].isin(_COMPLETE), "run_id"].astype(str))


def cost_of(plan: Mapping[str, object], done: frozenset[str]) -> Cost:
    """What a dry run's runs take that are not done by now."""
    rows = _rows(plan)
    left = [row for row in rows if not row.get("is_done") and str(row.get("run_id")) not in done]
    speed = plan.get("tokens_per_s")
    work = sum(_number(row, "processed_tokens") + FORWARD_SHARE * _number(row, "evaluated_tokens") for row in left)
    memory, disk = _part(plan, "memory"), _part(plan, "disk")
    return Cost(
        n_runs=len(rows),
        n_done=len(rows) - len(left),
        tokens=round(sum(_number(row, "processed_tokens") for row in left)),
        expected_s=work / speed if isinstance(speed, int | float) and speed > 0 else None,
        speed_source=_text(plan.get("speed_source")),
        memory_bytes=_bytes(memory.get("expected_bytes")),
        free_memory_bytes=_bytes(memory.get("free_bytes")),
        disk_bytes=round(_number(disk, "adapter_bytes") + _number(disk, "checkpoint_bytes")) if disk else None,
        free_disk_bytes=_bytes(disk.get("free_bytes")),
        device=_text(plan.get("device")),
        problem=_text(plan.get("memory_problem")) or _disk_problem(disk),
    )


def show_cost(cost: Cost) -> None:
    """Runs, tokens, time, memory and disk."""
    done = f"{cost.n_done:,} of {cost.n_runs:,} done" if cost.n_done else "all new"
    time_text = "unknown" if cost.expected_s is None else f"≈ {duration_text(cost.expected_s, n_units=1)}"
    source = "not measured yet" if cost.expected_s is None else "as measured here"
    why = cost.speed_source or "No run in the store tells how fast this model trains on this machine."
    cards = [
        ("To train", count_text(cost.n_left, "run"), done, "Without those that the store has already."),
        ("Tokens", tokens_text(cost.tokens), "in training", "Through the model, prompts included; without evaluation."),
        ("Time", time_text, source, why),
        ("Memory", bytes_text(cost.memory_bytes), f"of {bytes_text(cost.free_memory_bytes)} free", cost.device),
        (
            "Disk",
            bytes_text(cost.disk_bytes),
            f"of {bytes_text(cost.free_disk_bytes)} free",
            "Adapters and checkpoints.",
        ),
    ]
    with st.grid("auto", min_column_width=140, gap="small"):
        for name, value, remark, help_text in cards:
            st.metric(
                name,
                value,
                remark,
                delta_color="off",
                delta_arrow="off",
                border=True,
                help=None if help_text is None else md_escape(help_text),
            )


def cost_facts(cost: Cost) -> dict[str, str]:
    """The same in few words, by what it is about."""
    known = "no time known yet" if cost.expected_s is None else f"about {duration_text(cost.expected_s)}"
    return {
        "Will train": f"{count_text(cost.n_left, 'run')}; the store has {cost.n_done:,} already",
        "Takes": f"{known}, {tokens_text(cost.tokens)} tokens",
        "Memory": f"{bytes_text(cost.memory_bytes)} of {bytes_text(cost.free_memory_bytes)} free",
        "Disk": f"{bytes_text(cost.disk_bytes)} of {bytes_text(cost.free_disk_bytes)} free",
    }


def _disk_problem(disk: Mapping[str, object]) -> str | None:
    needed, free = _number(disk, "adapter_bytes") + _number(disk, "checkpoint_bytes"), disk.get("free_bytes")
    if not isinstance(free, int | float) or needed <= free:
        return None
    return f"Adapters and checkpoints take {bytes_text(round(needed))}, and {bytes_text(round(free))} are free."


def _rows(plan: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    runs = plan.get("runs")
    return [run for run in runs if isinstance(run, dict)] if isinstance(runs, list) else []


def _settings(config: object) -> dict[str, object]:
    known = config if isinstance(config, dict) else {}
    return {key: value for key, value in known.items() if key not in _UNSEEN}


def _part(plan: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = plan.get(key)
    return found if isinstance(found, dict) else {}


def _number(row: Mapping[str, object], key: str) -> float:
    value = row.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _bytes(value: object) -> int | None:
    return round(value) if isinstance(value, int | float) else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
