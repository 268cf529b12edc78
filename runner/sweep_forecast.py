"""What a sweep will take here before it starts: what is left to do, seconds, memory and disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from analysis.store import Snapshot, Store
from runner.errors import EnvironmentProblem
from runner.spec.plan import FORWARD_SHARE, Plan, TrialPlan
from runner.sweep import COMPLETE, PreparedSweep
from runner.training.estimate import PackEstimate, adapter_sizes, estimate_pack
from runner.training.hardware import describe_device, pick_device
from runner.training.memory import PackLimits
from runner.training.session import group_by_precision

FLOAT32_BYTES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSpeed:
    """How fast an earlier sweep of the same model trained on the same device.

    Attributes:
        tokens_per_s: Processed training tokens of all trials together; an evaluated token counts a third.
        sweep_id: The sweep.
        measured_at: When its last run ended.
    """

    tokens_per_s: float
    sweep_id: str
    measured_at: datetime

    @property
    def source(self) -> str:
        """Where the number comes from, in words."""
        return f"measured in sweep '{self.sweep_id}' on {self.measured_at:%Y-%m-%d}, same model and device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A plan, and what this machine and this store make of it.

    Attributes:
        plan: Every run of the sweep.
        statuses: Of the runs that the store knows, by run id.
        device: Where it would train.
        speed: None where the store has no run of this model on this device that says.
        memory: The larger pack, where there are several precisions; None where nothing is left, or it does not fit.
        memory_problem: Why it does not fit.
        adapter_bytes: Of the adapters that will be kept.
        checkpoint_bytes: Of the checkpoints at most, while it trains.
        free_disk_bytes: Where the store is, or would be.
    """

    plan: Plan
    statuses: Mapping[str, str]
    device: str
    speed: MeasuredSpeed | None
    memory: PackEstimate | None
    memory_problem: str | None
    adapter_bytes: int
    checkpoint_bytes: int
    free_disk_bytes: int

    @property
    def todo(self) -> list[TrialPlan]:
        """Runs that the store does not have, or not to their end."""
        return [p for p in self.plan.trials if self.statuses.get(p.trial.run_id) not in COMPLETE]

    @property
    def expected_s(self) -> float | None:
        """Seconds that training what is left should take; None without a measured speed."""
        work = sum(p.processed_tokens + FORWARD_SHARE * p.evaluated_tokens for p in self.todo)
        return None if self.speed is None else work / self.speed.tokens_per_s

    def to_json(self) -> dict[str, object]:
        """The keys of `ucurve sweep --dry-run --json`."""
        todo = {p.trial.run_id for p in self.todo}
        runs = [
            p.to_json() | {"is_done": p.trial.run_id not in todo, "status": self.statuses.get(p.trial.run_id)}
            for p in self.plan.trials
        ]
        return self.plan.to_json() | {
            "n_done": len(self.plan.trials) - len(todo),
            "n_todo": len(todo),
            "todo_processed_tokens": sum(p.processed_tokens for p in self.todo),
            "todo_evaluated_tokens": sum(p.evaluated_tokens for p in self.todo),
            "device": self.device,
            "tokens_per_s": self.speed and self.speed.tokens_per_s,
            "speed_source": self.speed and self.speed.source,
            "expected_s": self.expected_s,
            "memory": self.memory
            and {
                "expected_bytes": self.memory.n_bytes,
                "free_bytes": self.memory.free_bytes,
                **asdict(self.memory.pack),
            },
            "memory_problem": self.memory_problem,
            "disk": {
                "adapter_bytes": self.adapter_bytes,
                "checkpoint_bytes": self.checkpoint_bytes,
                "free_bytes": self.free_disk_bytes,
            },
            "runs": runs,
        }


def forecast(sweep: PreparedSweep, location: Path) -> Forecast:
    """What training this sweep into the store at a location would take; the store need not be there.

    Raises:
        StoreError: there is something else, or it cannot be read.
    """
    store = Store.open_if_made(location)
    snapshot = store.snapshot() if store else None
    run_ids = [p.trial.run_id for p in sweep.plan.trials]
    rows = snapshot.run_rows(run_ids) if snapshot else {}
    statuses = {run_id: str(row["status"]) for run_id, row in rows.items()}
    todo = [p for p in sweep.plan.trials if statuses.get(p.trial.run_id) not in COMPLETE]
    device = describe_device(pick_device())
    estimates, problem = _estimates(sweep, todo)
    return Forecast(
        plan=sweep.plan,
        statuses=statuses,
        device=device,
        speed=measured_speed(snapshot, model=sweep.spec.model.name, device=device) if snapshot else None,
        memory=max(estimates, key=lambda each: each.n_bytes, default=None),
        memory_problem=problem,
        adapter_bytes=_adapter_bytes(sweep, todo),
        checkpoint_bytes=_checkpoint_bytes(sweep, todo, estimates),
        free_disk_bytes=_free_disk_bytes(location),
    )


def measured_speed(snapshot: Snapshot, *, model: str, device: str) -> MeasuredSpeed | None:
    """The newest speed that a finished run of this model on this device tells."""
    runs = snapshot.runs()
    alike = runs[(runs["model"] == model) & (runs["device"] == device) & (runs["status"] == "finished")]
    for _, run in alike.sort_values("updated_at", ascending=False).iterrows():
        found = json.loads(run["provenance_json"] or "{}").get("tokens_per_s")
        if found:
            return MeasuredSpeed(tokens_per_s=found, sweep_id=run["sweep_id"], measured_at=run["updated_at"])
    return None


def _estimates(sweep: PreparedSweep, todo: Sequence[TrialPlan]) -> tuple[list[PackEstimate], str | None]:
    """The pack of each group that trains over one base model, or why one does not fit."""
    limits = PackLimits(n_slots=sweep.spec.pack, micro_batch_tokens=sweep.spec.micro_batch_tokens)
    try:
        groups = group_by_precision(todo)
        return [estimate_pack(sweep.folder, group, sweep.data_of, limits) for group in groups], None
    except EnvironmentProblem as problem:
        return [], str(problem)


def _adapter_bytes(sweep: PreparedSweep, todo: Sequence[TrialPlan]) -> int:
    """Of the final adapters, and of those that wait to be scored."""
    if not sweep.spec.save_adapters:
        return 0
    evaluate = sweep.spec.evaluate
    sizes = adapter_sizes(sweep.folder, todo)
    n_kept = [1 + (len(evaluate.part_steps(plan.n_steps)) if evaluate else 0) for plan in todo]
    return sum(FLOAT32_BYTES * size * n for size, n in zip(sizes, n_kept, strict=True))


def _checkpoint_bytes(sweep: PreparedSweep, todo: Sequence[TrialPlan], estimates: Sequence[PackEstimate]) -> int:
    """Of as many as are kept and the one being written: parameters and two moments of the largest pack."""
    if sweep.spec.checkpoint is None or not estimates:
        return 0
    n_slots = max(each.pack.n_slots for each in estimates)
    largest = sorted(adapter_sizes(sweep.folder, todo))[-n_slots:]
    return (sweep.spec.checkpoint.keep + 1) * 3 * FLOAT32_BYTES * sum(largest)


def _free_disk_bytes(location: Path) -> int:
    folder = location.absolute()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
