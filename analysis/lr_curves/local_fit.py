"""Results of the local fit of a U-curve, and of the tests whether it is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from analysis.lr_curves.fit import ValleyFit
from analysis.lr_curves.forms import FormName

_LEVEL: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class UTest:
    """Tests of a U among the runs around the best learning rate; small p-values speak for a U.

    Attributes:
        p_value: Of the slopes of a parabola at both ends of the window (Sasabuchi; Lind and Mehlum).
        two_lines_p: Of a falling line below the optimum and a rising one above (Simonsohn); None where a side has fewer
            than two learning rates.
    """

    p_value: float
    two_lines_p: float | None

    @property
    def is_confirmed(self) -> bool:
        """Whether both tests find a U at 5 %; a parabola's slopes alone also find one in curves that only flatten."""
        return self.two_lines_p is not None and max(self.p_value, self.two_lines_p) < _LEVEL

    def to_json(self) -> dict[str, object]:
        """Returns the p-values under their documented JSON keys."""
        return {"p_value": self.p_value, "two_lines_p": self.two_lines_p}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFit:
    """The form fitted around the minimum.

    Attributes:
        form: `parabola`, `cubic`, `linex` or `quartic`, in ln(learning_rate).
        lr_range: Lowest and highest learning rate of the window.
        optimum_lr: Its lowest point (highest, where higher is better).
        optimum_value: Value there.
        optimum_se: Standard error of that value; None without degrees of freedom.
        residual_sd: Standard deviation of single runs around it; None without degrees of freedom.
        prediction_error: Root mean square error at inner learning rates left out; None where too few are left.
        dof: Degrees of freedom, of residuals and replicates.
        n_points: Learning rates in the window.
        valley: The fit itself, of losses in ln(learning_rate).
        sign: -1 where the metric's higher values are better, else 1.
    """

    form: FormName
    lr_range: tuple[float, float]
    optimum_lr: float
    optimum_value: float
    optimum_se: float | None
    residual_sd: float | None
    prediction_error: float | None
    dof: int
    n_points: int
    valley: ValleyFit
    sign: float

    def values_at(self, learning_rates: Sequence[float]) -> list[float]:
        """Returns the fitted metric; meant for learning rates inside `lr_range`."""
        return [float(value) for value in self.sign * self.valley.values_at(np.log(learning_rates))]

    def half_widths_at(self, learning_rates: Sequence[float]) -> list[float] | None:
        """Returns half the width of the 95 % band of the fitted mean, or None without degrees of freedom."""
        if not self.dof:
            return None
        t = float(special.stdtrit(self.dof, 0.975))
        return [float(width) for width in t * self.valley.errors_at(np.log(learning_rates))]

    def to_json(self) -> dict[str, object]:
        """Returns what was fitted under its documented JSON keys."""
        return {
            "form": self.form,
            "lr_range": list(self.lr_range),
            "n_points": self.n_points,
            "optimum_value": self.optimum_value,
            "optimum_se": self.optimum_se,
            "residual_sd": self.residual_sd,
            "prediction_error": self.prediction_error,
        }
