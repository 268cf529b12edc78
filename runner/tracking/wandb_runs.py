"""The W&B side of the mirror: one W&B run for each run of the sweep, many at once. Only here is wandb imported."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from runner.errors import EnvironmentProblem
from runner.spec.tracking import TrackSection
from runner.tracking.messages import Begin, End, Message, Values

if TYPE_CHECKING:
    from wandb import Run

_EXIT_CODES: Final = {"finished": 0, "stopped": 255}
"""255 is what W&B notes for Ctrl-C; everything else that is not finished counts as failed there."""
_INIT_TIMEOUT_S: Final = 20.0


class WandbRuns:
    """The open W&B runs. Used by one thread only.

    Args:
        track: What the sweep file says.
        group: Group of the runs.
        folder: Where offline files go, in a folder `wandb`; `WANDB_DIR` goes before it.
        finish_timeout_s: How long a run's end may wait for uploads.
    """

    def __init__(self, track: TrackSection, group: str, folder: Path, finish_timeout_s: float) -> None:
        self._track, self._group, self._folder = track, group, folder
        self._finish_timeout_s = finish_timeout_s
        self._runs: dict[str, Run] = {}
        # As everywhere with W&B, the environment can switch it off or to offline.
        self._mode = os.environ.get("WANDB_MODE") or track.wandb

    def take(self, message: Message) -> None:
        """Hands one message to W&B; values of a run that never began are dropped."""
        if isinstance(message, Begin):
            self._runs[message.run_id] = self._begin(message)
        elif message.run_id in self._runs:
            if isinstance(message, Values):
                self._runs[message.run_id].log(dict(message.values), step=message.step)
            else:
                self._end(self._runs.pop(message.run_id), message)

    def drop(self, run_id: str) -> None:
        """Goes on without a run."""
        self._runs.pop(run_id, None)

    def _begin(self, message: Begin) -> Run:
        import wandb

        if self._mode == "online":
            _require_key()
        again = f"-a{message.attempt}" if message.attempt > 1 else ""
        return wandb.init(
            project=self._track.project,
            entity=self._track.entity,
            id=message.run_id + again,  # in W&B an attempt of its own would overwrite the one before
            name=message.name,
            group=self._group,
            job_type="train",
            tags=list(self._track.tags),
            config=dict(message.config),
            dir=None if os.environ.get("WANDB_DIR") else self._folder,
            mode=self._mode,  # type: ignore[arg-type]
            reinit="create_new",
            resume="never" if self._mode == "online" else None,
            settings=wandb.Settings(
                silent=True,
                console="off",
                disable_code=True,
                x_disable_stats=True,  # one process trains them all: each would log the machine again
                init_timeout=_INIT_TIMEOUT_S,
                finish_timeout=self._finish_timeout_s,
            ),
        )

    def _end(self, run: Run, message: End) -> None:
        for name, value in message.summary.items():
            run.summary[name] = value
        if message.status != "finished":
            run.tags = (*(run.tags or ()), message.status)
        run.finish(exit_code=_EXIT_CODES.get(message.status, 1))


def _require_key() -> None:
    """Nobody can answer a question about an API key while a sweep trains.

    Raises:
        EnvironmentProblem: There is none.
    """
    import wandb
    from wandb.sdk.lib import wbauth

    server = wandb.setup().settings.base_url
    if wbauth.authenticate_session(host=server, source="ucurve", prompt=False) is None:
        raise EnvironmentProblem(f"there is no API key for {server}; set WANDB_API_KEY or run `wandb login`")
