"""Learning rate of each step."""

import math
from dataclasses import dataclass
from typing import Literal

ScheduleKind = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Linear warm-up to the peak, then held, or decayed to zero after the last step.

    Unlike transformers' schedulers the first warm-up step is not zero: no step is wasted.
    """

    kind: ScheduleKind
    peak: float
    n_warmup_steps: int
    n_steps: int

    def at(self, step: int) -> float:
        """Learning rate of the 0-based `step`."""
        if step < self.n_warmup_steps:
            return self.peak * (step + 1) / self.n_warmup_steps
        if self.kind == "constant":
            return self.peak
        progress = (step - self.n_warmup_steps) / max(1, self.n_steps - self.n_warmup_steps)
        if self.kind == "linear":
            return self.peak * (1 - progress)
        return self.peak * 0.5 * (1 + math.cos(math.pi * progress))
