"""What other methods make of the same problem, from the same start and by the same steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from symdfi.dfi import Solution
from symdfi.dfi.steppers import Stepper
from symdfi.errors import ConvergenceError, DivergenceError, SingularMatrixError
from symdfi.running.measures.base import InitialValue, Measure, Measured
from symdfi.running.settings import Settings
from symdfi.running.stepping import evolved


@dataclass(frozen=True)
class Rivals:
    """What ``measure`` finds, of the solution and of what other ``methods`` make of its start.

    These are steppers by name, each from a γ in units of σ₁² and the name of a scheme. All ``gammas`` are tried, and a
    method is shown with its best, by the error at the end. ``measure`` must give a ``relative_error``.

    Into the dataset go ``rival_error`` (method, gamma_tried, time), NaN where a run breaks off, and of the best
    ``rival_gamma`` (method) and its fields, of u ``rival_u`` (method, time, x).
    """

    measure: Measure
    methods: Mapping[str, Callable[[float, str], Stepper]]
    gammas: Sequence[float]

    def __call__(self, settings: Settings, solution: Solution, u0: InitialValue, /) -> Measured:
        found = self.measure(settings, solution, u0)
        own = {name: values for name, values in solution.dataset.items() if values.attrs.get("role") == "field"}
        errors = np.full((len(self.methods), len(self.gammas), len(solution.t)), np.nan)
        fields = {name: np.full((len(self.methods), *values.shape), np.nan) for name, values in own.items()}
        best, rows = np.full(len(self.methods), np.nan), list(found.rows)
        for m, (name, stepper) in enumerate(self.methods.items()):
            least = np.inf
            for k, gamma in enumerate(self.gammas):
                try:
                    rival, _ = evolved(
                        solution.problem, solution.theta[0], settings, stepper(gamma, str(settings["scheme"]))
                    )
                except (ConvergenceError, DivergenceError, SingularMatrixError):
                    continue
                errors[m, k] = self.measure(settings, rival, u0).data["relative_error"][1]
                if errors[m, k, -1] < least:
                    least, best[m] = errors[m, k, -1], gamma
                    for field in own:
                        fields[field][m] = rival.dataset[field].values
            shown = f"{least:.2e} with γ = {best[m]:g} σ₁²" if np.isfinite(least) else "none comes to the end"
            rows.append((f"{name}, best of {len(self.gammas)}", shown))
        return Measured(rows, {
            **found.data,
            "method": ("method", list(self.methods)),
            "gamma_tried": ("gamma_tried", np.asarray(self.gammas, dtype=float)),
            "rival_error": (("method", "gamma_tried", "time"), errors),
            "rival_gamma": ("method", best),
            **{f"rival_{name}": (("method", *values.dims), fields[name]) for name, values in own.items()},
        })  # fmt: skip
