"""Models that are Lagrangian systems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from symdfi.dynamics import Lagrangian, Trajectory, integrate
from symdfi.errors import ConvergenceError, DivergenceError, Interrupted
from symdfi.running.equations import latex as in_latex
from symdfi.running.equations import pretty, tidy
from symdfi.running.pictures import Picture, before_explosion, coordinates
from symdfi.running.report import RunResult
from symdfi.running.settings import Settings, positive


@dataclass(frozen=True)
class MechanicsModel:
    """A Lagrangian system with an initial state and, where there is one, a reference to measure against.

    ``build(settings)`` gives the system, ``initial(settings)`` the state and parameters ``(q0, v0, params)``,
    ``reference(settings, trajectory)`` the measured errors by name, ``picture(trajectory)`` the figure. Every model has
    the settings ``t_end``, ``dt``, ``method`` and ``save_every``.
    """

    name: str
    title: str
    description: str
    defaults: Settings
    build: Callable[[Settings], Lagrangian]
    initial: Callable[[Settings], tuple[Any, Any, dict]]
    reference: Callable[[Settings, Trajectory], dict[str, float]] | None = None
    picture: Picture = coordinates
    _systems: dict = field(default_factory=dict, repr=False, compare=False)

    @property
    def settings(self) -> Settings:
        return self.defaults

    def system(self, settings: Settings | None = None) -> Lagrangian:
        """The system for the settings; one and the same, with its kernels, for the same Lagrangian."""
        chosen = {**self.defaults, **(settings or {})}
        system = self.build(chosen)
        return self._systems.setdefault((system.L, system.constraints), system)

    def show(self, latex: bool = False, source: bool = False) -> str:
        system = self.system()
        if source:
            return system.compile().source
        parts = {
            "Lagrangian": [sp.Eq(sp.Symbol("L"), system.lagrangian, evaluate=False)],
            "Equations of motion": [tidy(equation) for equation in system.euler_lagrange],
        }
        if system.constraints:
            parts["Constraints"] = list(system.constraint_equations)
        return in_latex(parts) if latex else "\n\n".join([self.title, self.description, pretty(parts)])

    def run(self, settings: Settings, initial: Path | None = None) -> RunResult:
        """Integrate. A numerical failure, or Ctrl-C, keeps the ``RunResult`` of what was computed as ``partial``."""
        if initial is not None:
            raise ValueError(f"{self.name} is a mechanical system: it takes no initial profile, set its settings")
        s = {**self.defaults, **settings}
        positive(s, "t_end", "dt", "save_every")
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what is not finite is refused below
                q0, v0, params = self.initial(s)
        except ArithmeticError as error:
            raise ValueError(f"no initial state of {self.name} follows from these settings: {error}") from error
        try:
            trajectory = integrate(
                self.system(s), q0, v0, (0.0, float(s["t_end"])), float(s["dt"]), params,
                method=str(s["method"]), save_every=int(s["save_every"]),
            )  # fmt: skip
        except (ConvergenceError, DivergenceError, Interrupted) as error:
            if error.partial is not None and error.partial.t.size > 1:
                error.partial = self._result(error.partial, None)
            else:
                error.partial = None
            raise
        try:
            errors = self._measured(s, trajectory)
        except KeyboardInterrupt as error:
            raise Interrupted("interrupted while measuring", partial=self._result(trajectory, None)) from error
        return self._result(trajectory, errors)

    def _measured(self, settings: Settings, trajectory: Trajectory) -> dict[str, float] | None:
        """The errors by name; None without a reference, no errors where the reference overflows."""
        if self.reference is None:
            return None
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                errors = self.reference(settings, trajectory)
        except ArithmeticError:
            return {}
        return errors if np.isfinite(list(errors.values())).all() else {}

    def _result(self, trajectory: Trajectory, errors: dict[str, float] | None) -> RunResult:
        rows = [
            ("degrees of freedom", str(trajectory.q.shape[1])),
            ("time", f"{trajectory.t[0]:g} to {trajectory.t[-1]:g}, {trajectory.t.size} states saved"),
            ("method", trajectory.method),
            ("energy drift", f"{trajectory.energy_drift:.3e}"),
            *((name, f"{value:.6g}") for name, value in (errors or {}).items()),
        ]
        if errors == {}:
            rows.append(("reference", "none: it is no finite number with these settings"))
        dataset = trajectory.dataset.assign_attrs(model=self.name, title=self.title, **(errors or {}))
        shown = before_explosion(trajectory)
        return RunResult(rows, dataset, lambda: self.picture(shown))
