"""The dry run of a sweep, for people: the grid, what is there already, and what the rest takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from analysis.wording.plain import count_text
from runner.cli.output import print_lines, print_table
from runner.cli.progress_view import duration

if TYPE_CHECKING:
    from runner.sweep_forecast import Forecast

_HEADERS = ("learning rate", "!batch size", "!rank", "!seed", "!steps", "!trained tokens", "!processed tokens", "there")


def print_forecast(forecast: Forecast) -> None:
    """Prints one line a run, then the totals in sentences."""
    plan = forecast.plan
    rows = (
        (
            f"{p.trial.learning_rate:g}",
            p.trial.batch_size,
            p.trial.lora_rank,
            p.trial.seed,
            p.n_steps,
            f"{p.trained_tokens:,}",
            f"{p.processed_tokens:,}",
            forecast.statuses.get(p.trial.run_id),
        )
        for p in plan.trials
    )
    title = f"{plan.sweep_id}: {len(plan.trials)} runs, {plan.n_configurations} configurations"
    print_table(_HEADERS, rows, title=title)
    print_lines(["", *_sentences(forecast), *plan.notes])


def _sentences(forecast: Forecast) -> Iterator[str]:
    plan, todo = forecast.plan, forecast.todo
    yield (
        f"Together {plan.processed_tokens:,} tokens in training and {plan.evaluated_tokens:,} in evaluation "
        "(prompts included)."
    )
    if len(todo) < len(plan.trials):
        left = sum(p.processed_tokens for p in todo)
        yield (
            f"{len(plan.trials) - len(todo)} runs are in the store already; "
            f"{len(todo)} are left to train, {left:,} tokens."
        )
    if not todo:
        return
    if forecast.speed is None or forecast.expected_s is None:
        yield f"No run in the store tells how fast this model trains on {forecast.device}, so the time is unknown."
    else:
        speed = f"{forecast.speed.tokens_per_s:,.0f} tokens/s ({forecast.speed.source})"
        yield f"About {duration(forecast.expected_s)} on {forecast.device} at {speed}."
    yield forecast.memory_problem or _memory(forecast)
    yield (
        f"Disk: about {_size(forecast.adapter_bytes)} of adapters, {_size(forecast.checkpoint_bytes)} of checkpoints "
        f"while it trains; {_size(forecast.free_disk_bytes)} are free."
    )


def _memory(forecast: Forecast) -> str:
    estimate = forecast.memory
    if estimate is None:
        return ""
    return (
        f"Memory: about {_size(estimate.n_bytes)} of {_size(estimate.free_bytes)} that are free, "
        f"{count_text(estimate.pack.n_slots, 'trial')} at once."
    )


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:.1f} MiB"
