"""Between the trainer and the store: writes every step and every change of state."""

import time
from collections.abc import Container, Mapping, Sequence

from analysis.number_format import format_tried_lr
from analysis.store import Store, StoreWriter
from runner.run_rows import provenance_json
from runner.spec.plan import FORWARD_SHARE, TrialPlan
from runner.sweep_progress import ProgressView, RunProgress, SweepProgress
from runner.training.adapter_files import adapter_folder, save_adapter
from runner.training.hardware import peak_memory_bytes
from runner.training.trainer import STOPPED, Evaluation
from runner.training.trial_state import StepResult, TrialState


class SweepObserver:
    """Writes what the trainer reports, and keeps the progress view fed.

    Args:
        writer: Where metrics and states go.
        attempts: Which try of each run this is, by run id.
        provenance: Facts about this process that each run's record keeps: precision, pack.
        adapters_in: Store whose artifact folders get the adapters of finished trials; None keeps none.
        halved_to: Most tokens in a micro-batch, where memory had run out before.
        kept_steps: After how many steps a trial's adapter is kept as well, by run id.
    """

    def __init__(
        self,
        writer: StoreWriter,
        *,
        attempts: Mapping[str, int],
        provenance: Mapping[str, object],
        device: str,
        adapters_in: Store | None,
        kept_steps: Mapping[str, Container[int]],
        base_model: str,
        halved_to: int | None = None,
        progress: SweepProgress,
        view: ProgressView,
    ) -> None:
        self._writer, self._attempts, self._provenance = writer, attempts, provenance
        self._device, self._adapters_in, self._base_model = device, adapters_in, base_model
        self._kept_steps, self._halved_to = kept_steps, halved_to
        self._progress, self._view = progress, view
        self._started, self._work_tokens = time.monotonic(), 0.0

    def started(self, state: TrialState) -> None:
        """The run's status becomes `running`."""
        self._writer.update_run(
            {
                "run_id": state.run_id,
                "status": "running",
                "attempt": self._attempts[state.run_id],
                "status_reason": self._halved_to and _halved(self._halved_to),
                "device": self._device,
                "provenance_json": provenance_json(**self._provenance),
            }
        )
        trial = state.trial
        rate = format_tried_lr(trial.learning_rate)
        name = f"lr {rate}  batch {trial.batch_size}  rank {trial.lora_rank}  seed {trial.seed}"
        self._progress.begun.add(state.run_id)
        self._progress.running[state.run_id] = RunProgress(
            state.run_id,
            name,
            n_steps=state.plan.n_steps,
            tokens_per_step=state.plan.processed_tokens / state.plan.n_steps,
            started=state.started,
            step=state.step,
        )

    def stepped(self, state: TrialState, step: int, result: StepResult) -> None:
        """Logs the step's numbers, non-finite ones included."""
        self._log(
            state, step, {"train_loss": result.train_loss, "lr_now": result.lr_now, "grad_norm": result.grad_norm}
        )
        run = self._progress.running[state.run_id]
        run.step, run.train_loss, run.lr_now = step + 1, result.train_loss, result.lr_now
        self._progress.done_tokens += round(run.tokens_per_step)
        self._work_tokens += run.tokens_per_step
        self._view.changed(self._progress)
        if result.problem is None and state.step in self._kept_steps.get(state.run_id, ()):
            self._keep(state, state.step)

    def evaluated(self, state: TrialState, evaluation: Evaluation) -> None:
        """Logs the held-out loss at the number of steps done."""
        self._log(state, state.step, {"eval_loss": evaluation.eval_loss, "eval_bpb": evaluation.eval_bpb})
        self._progress.running[state.run_id].eval_loss = evaluation.eval_loss
        self._work_tokens += FORWARD_SHARE * state.plan.evaluated_tokens / state.plan.n_evaluations
        self._view.changed(self._progress)

    def ended(self, state: TrialState, status: str, reason: str | None) -> None:
        """Keeps the adapter of a finished trial, then says how the run ended."""
        if status == "finished":
            self._keep(state)
        self._write_end(state, status, reason)

    def failed(self, reason: str) -> None:
        """Every trial still in the pack becomes `failed`: the pack broke, not the trials one by one."""
        for run_id in list(self._progress.running):
            self._close(run_id, "failed", reason, {})

    def withdrawn(self, plan: TrialPlan) -> None:
        """The run becomes `stopped` without having begun."""
        run_id = plan.trial.run_id
        self._writer.update_run({"run_id": run_id, "status": "stopped", "status_reason": STOPPED})
        self._progress.begun.add(run_id)
        self._progress.ended.append("stopped")
        self._progress.total_tokens -= plan.processed_tokens

    def micro_batch_halved(self, states: Sequence[TrialState], n_tokens: int) -> None:
        """Notes in each running trial's record that memory ran out."""
        self._halved_to, reason = n_tokens, _halved(n_tokens)
        for state in states:
            self._writer.update_run({"run_id": state.run_id, "status_reason": reason})
        self._view.say(reason)

    def _keep(self, state: TrialState, step: int | None = None) -> None:
        if self._adapters_in is not None:
            folder = adapter_folder(self._adapters_in, state.run_id, step)
            save_adapter(state.adapter, folder, base_model=self._base_model)

    def _log(self, state: TrialState, step: int, values: Mapping[str, float]) -> None:
        self._writer.log(
            state.run_id,
            self._attempts[state.run_id],
            step,
            tokens_seen=state.tokens_seen,
            wall_time=state.wall_s,
            values=values,
        )

    def _write_end(self, state: TrialState, status: str, reason: str | None) -> None:
        measured: dict[str, object] = {
            "tokens_seen": state.tokens_seen,
            "wall_s": state.wall_s,
            "peak_memory_bytes": peak_memory_bytes(state.adapter.parameter.device),
            "provenance_json": provenance_json(**self._provenance, tokens_per_s=self._tokens_per_s()),
        }
        self._close(state.run_id, status, reason, measured)

    def _tokens_per_s(self) -> float | None:
        """Of all trials together since training began: what a forecast of another sweep needs."""
        elapsed = time.monotonic() - self._started
        return self._work_tokens / elapsed if elapsed > 0 and self._work_tokens else None

    def _close(self, run_id: str, status: str, reason: str | None, columns: Mapping[str, object]) -> None:
        row: dict[str, object] = {"run_id": run_id, "status": status, **columns}
        if reason is not None:  # else an out-of-memory note stays
            row["status_reason"] = reason
        self._writer.update_run(row)
        run = self._progress.running.pop(run_id)
        self._progress.ended.append(status)
        self._progress.total_tokens -= round((run.n_steps - run.step) * run.tokens_per_step)
        self._view.run_ended(run, status, reason)


def _halved(n_tokens: int) -> str:
    return f"out of memory: micro-batches of at most {n_tokens} tokens, batch size unchanged"
