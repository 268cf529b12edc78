"""A copy of every run of a sweep in W&B, written beside the training and never in its way."""

from __future__ import annotations

import json
import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from analysis.store import RunRow
from runner.tracking.messages import Begin, End, Message, Values

if TYPE_CHECKING:
    from runner.training.trainer import Evaluation
    from runner.training.trial_state import StepResult, TrialState

_LOGGER = logging.getLogger(__name__)

FINISH_TIMEOUT_S: Final = 30.0
"""How long the end of a sweep waits while W&B takes nothing; our choice: the store has everything."""
_MOST_WAITS: Final = 20
"""As many such times at most, while it takes something in each."""
_MOST_WAITING: Final = 100_000
"""Messages that may wait for W&B before they are dropped; some 50 MB."""
_MOST_FAILED: Final = 2
"""So many runs that could not begin end the copy: each of them can wait for a dead server."""
_COLUMNS: Final = ("tokenizer_id", "eval_set_id", "warmup_steps", "batch_tokens", "grad_accum_steps", "max_steps")
"""Columns of the planned row that the configuration does not hold; they make an import of the copy comparable."""


class Runs(Protocol):
    """What takes the messages, on a thread of its own."""

    def take(self, message: Message) -> None:
        """Handles one message; may take long, may fail."""

    def drop(self, run_id: str) -> None:
        """Goes on without a run."""


class WandbMirror:
    """Hears of every step, as `runner.training.trainer.Observer`, and hands it to a thread that talks to W&B.

    Whatever happens there, training goes on: the first problem is said once, and the run that had it is dropped from
    the copy. `close` waits a bounded time.

    Args:
        runs: Talks to W&B.
        rows: The planned row of each run.
        attempts: Which try of each run this is.
        say: Tells the reader one sentence.
        finish_timeout_s: How long `close` waits.
    """

    def __init__(
        self,
        runs: Runs,
        *,
        rows: Mapping[str, RunRow],
        attempts: Mapping[str, int],
        say: Callable[[str], None],
        finish_timeout_s: float = FINISH_TIMEOUT_S,
    ) -> None:
        self._runs, self._rows, self._attempts, self._say = runs, rows, attempts, say
        self._finish_timeout_s = finish_timeout_s
        self._best: dict[str, tuple[float, int]] = {}
        self._open: set[str] = set()
        self._earlier: dict[str, Sequence[tuple[int, Mapping[str, float]]]] = {}
        self._waiting: queue.Queue[Message | None] = queue.Queue(_MOST_WAITING)
        self._problem: str | None = None
        self._has_said = False
        self._n_failed = 0
        self._thread = threading.Thread(target=self._work, name="wandb-mirror", daemon=True)
        self._thread.start()

    def logged_before(self, run_id: str, steps: Sequence[tuple[int, Mapping[str, float]]]) -> None:
        """What a run that goes on from a checkpoint had logged by then: its copy, too, is to be whole.

        Args:
            run_id: The run, before it starts here.
            steps: Step and values, in the order in which they were logged.
        """
        self._earlier[run_id] = steps

    def started(self, state: TrialState) -> None:
        """The run begins in W&B with all its settings."""
        row, attempt = self._rows[state.run_id], self._attempts[state.run_id]
        self._open.add(state.run_id)
        self._put(Begin(state.run_id, str(row["name"]), attempt, mirrored_config(row, attempt)))
        for step, values in self._earlier.pop(state.run_id, ()):
            self._note_best(state.run_id, step, values.get("eval_loss", math.nan))
            self._put(Values(state.run_id, step, {**values, **_now()}))

    def stepped(self, state: TrialState, step: int, result: StepResult) -> None:
        """The step's numbers, under the names that the store has."""
        values = {"train_loss": result.train_loss, "lr_now": result.lr_now, "grad_norm": result.grad_norm}
        self._put(Values(state.run_id, step, values | {"tokens_seen": state.tokens_seen} | _now()))

    def evaluated(self, state: TrialState, evaluation: Evaluation) -> None:
        """The held-out loss; the best one goes to the summary."""
        self._note_best(state.run_id, state.step, evaluation.eval_loss)
        values = {"eval_loss": evaluation.eval_loss, "eval_bpb": evaluation.eval_bpb}
        self._put(Values(state.run_id, state.step, values | _now()))

    def ended(self, state: TrialState, status: str, reason: str | None) -> None:
        """The run ends in W&B as it did here."""
        self._end(state.run_id, status, reason, {"wall_s": state.wall_s})

    def failed(self, reason: str) -> None:
        """Every run that is still going failed."""
        for run_id in sorted(self._open):
            self._end(run_id, "failed", reason, {})

    def micro_batch_halved(self, states: Sequence[TrialState], n_tokens: int) -> None:
        """Says nothing to W&B: no setting of a run changed."""

    def close(self) -> None:
        """Waits for W&B, but not for long."""
        try:
            self._waiting.put(None, timeout=self._finish_timeout_s)
        except queue.Full:
            self._problem = self._problem or "it took nothing any more"
        for _ in range(_MOST_WAITS):
            before = self._waiting.qsize()
            self._thread.join(self._finish_timeout_s)
            if self._waiting.qsize() == before:
                break
        if self._thread.is_alive():
            self._problem = self._problem or "it had not taken everything when the sweep ended"
        self._tell()

    def _note_best(self, run_id: str, step: int, loss: float) -> None:
        best = self._best.get(run_id)
        if math.isfinite(loss) and (best is None or loss < best[0]):
            self._best[run_id] = (loss, step)

    def _end(self, run_id: str, status: str, reason: str | None, measured: Mapping[str, object]) -> None:
        self._open.discard(run_id)
        loss, step = self._best.pop(run_id, (None, None))
        summary = {"status": status, "status_reason": reason, "best_eval_loss": loss, "best_eval_step": step}
        stated = {name: value for name, value in (summary | dict(measured)).items() if value is not None}
        self._put(End(run_id, status, stated))

    def _put(self, message: Message) -> None:
        self._tell()
        try:
            self._waiting.put_nowait(message)
        except queue.Full:
            self._problem = self._problem or "it is too slow, so that values are left out"

    def _tell(self) -> None:
        """On the training's thread: progress views are not made for several."""
        if self._problem is not None and not self._has_said:
            self._has_said = True
            self._say(f"W&B: {self._problem}; training goes on, and the store has everything")

    def _work(self) -> None:
        while (message := self._waiting.get()) is not None:
            if self._n_failed >= _MOST_FAILED:
                continue
            try:
                self._runs.take(message)
            except Exception as error:  # the client can raise anything, and none of it may end a training
                _LOGGER.info("W&B: %s is not copied any more", message.run_id, exc_info=error)
                self._runs.drop(message.run_id)
                self._n_failed += isinstance(message, Begin)
                self._problem = self._problem or f"{type(error).__name__}: {' '.join(str(error).split())}"


def _now() -> dict[str, float]:
    """When it happened, for W&B's axis of wall time: it is handed over later."""
    return {"_timestamp": time.time()}


def mirrored_config(row: RunRow, attempt: int) -> dict[str, object]:
    """All settings of a run, and which run of Ucurve it is: an import of the copy finds that run, not a second one."""
    config: dict[str, object] = json.loads(str(row["config_json"]))
    more = {name: row[name] for name in _COLUMNS if row.get(name) is not None and config.get(name) is None}
    own = {name: row[name] for name in ("run_id", "sweep_id", "trial_key")} | {"attempt": attempt}
    return config | more | {"ucurve": own}
