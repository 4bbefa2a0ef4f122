"""Models that are Lagrangian systems."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from symdfi.archive import Missing, alike
from symdfi.dynamics import Lagrangian, Trajectory, integrate
from symdfi.errors import CheckpointError, ConvergenceError, DivergenceError, Interrupted
from symdfi.loading import load
from symdfi.progress import phase
from symdfi.running.equations import latex as in_latex
from symdfi.running.equations import pretty, tidy
from symdfi.running.keeping import Kept
from symdfi.running.model import at, expected
from symdfi.running.pictures import Picture, before_explosion, coordinates
from symdfi.running.report import RunResult, reported
from symdfi.running.settings import Settings, completed, positive

#: Settings of every model, with the values they have where a model gives no other.
MECHANICS: dict[str, float | int | str] = {"t_end": 10.0, "dt": 0.01, "method": "verlet", "save_every": 1}
#: Settings that adaptive methods have besides, where a model gives them.
_TOLERANCES = ("rtol", "atol", "max_step")


#: The name of what is kept of a run.
_PART = "motion"


@dataclass(frozen=True, kw_only=True)
class MechanicsModel:
    """A Lagrangian system with an initial state and, where there is one, a reference to measure against.

    ``build(settings)`` gives the system, ``initial(settings)`` the state and parameters ``(q0, v0, params)``,
    ``inputs(settings)`` constants or functions of time by name, ``reference(settings, trajectory)`` the measured errors
    by name, ``picture(trajectory)`` the figure. What depends on no setting may be given itself in place of a function.
    ``defaults`` are the settings; every model has ``t_end``, ``dt``, ``method`` and ``save_every`` among them, and
    those of adaptive methods, ``rtol``, ``atol`` and ``max_step``, where they are given. A whole file, for
    `symdfi run ./oscillator.py --set k=9`:

        \"\"\"A mass on a spring, against cos ωt.\"\"\"

        import numpy as np
        import sympy as sp
        import symdfi as sd

        m, k = sp.symbols("m k", positive=True)
        x, v = sd.coordinates("x")

        def initial(s):
            return s["x0"], 0.0, {m: s["m"], k: s["k"]}

        def reference(s, trajectory):
            exact = s["x0"] * np.cos(np.sqrt(s["k"] / s["m"]) * trajectory.t)
            return {"largest error of x": np.abs(trajectory[x] - exact).max()}

        MODEL = sd.MechanicsModel(
            build=sd.Lagrangian(m * v**2 / 2 - k * x**2 / 2, x, v),
            initial=initial,
            reference=reference,
            defaults={"m": 1.0, "k": 4.0, "x0": 1.0, "t_end": 20.0, "dt": 0.01},
        )
    """

    name: str = ""
    title: str = ""
    description: str = ""
    defaults: Settings = field(default_factory=dict)
    build: Callable[[Settings], Lagrangian] | Lagrangian
    initial: Callable[[Settings], tuple[Any, Any, dict]] | tuple
    inputs: Callable[[Settings], Any] | Mapping[Any, Any] | None = None
    reference: Callable[[Settings, Trajectory], dict[str, float]] | None = None
    picture: Picture = coordinates
    _systems: dict = field(default_factory=dict, repr=False, compare=False)

    @property
    def settings(self) -> Settings:
        return completed(self.defaults, MECHANICS)

    def system(self, settings: Settings | None = None) -> Lagrangian:
        """The system for the settings; one and the same, with its kernels, for the same Lagrangian."""
        system = expected(
            self.name, "build", at(self.build, {**self.settings, **(settings or {})}), Lagrangian, "a Lagrangian"
        )
        forces = tuple(system.external_forces)
        return self._systems.setdefault((system.L, system.dissipation, forces, system.constraints), system)

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

    def run(self, settings: Settings, initial: Path | None = None, kept: Kept | None = None) -> RunResult:
        """Integrate. A numerical failure, or Ctrl-C, keeps the ``RunResult`` of what was computed as ``partial``.
        What is ``kept`` of the run is gone on with."""
        if initial is not None:
            raise ValueError(f"{self.name} is a mechanical system: it takes no initial profile, set its settings")
        s = {**self.settings, **settings}
        positive(s, "t_end", "dt", "save_every")
        phase("deriving")
        system, (q0, v0, params) = self.system(s), self._state(s)
        inputs = at(self.inputs, s)
        phase("compiling")
        system.compile()
        file = None if kept is None else kept.checkpoint(_PART)
        phase("integrating")
        try:
            if kept is not None and file is not None and kept.has(_PART):
                trajectory = _of(system, load(file), file).resume(inputs=inputs, checkpoint=file)
            else:
                trajectory = integrate(
                    system, q0, v0, (0.0, float(s["t_end"])), float(s["dt"]), params, inputs=inputs,
                    method=str(s["method"]), save_every=int(s["save_every"]), checkpoint=file,
                    **{n: s[n] for n in _TOLERANCES if n in s},
                )  # fmt: skip
        except (ConvergenceError, DivergenceError, Interrupted) as error:
            if error.partial is not None and error.partial.t.size > 1:
                error.partial = self._result(s, error.partial, None)
            else:
                error.partial = None
            raise
        phase("measuring")
        try:
            errors = self._measured(s, trajectory)
        except KeyboardInterrupt as error:
            raise Interrupted("interrupted while measuring", partial=self._result(s, trajectory, None)) from error
        return self._result(s, trajectory, errors)

    def _state(self, settings: Settings) -> tuple[Any, Any, dict]:
        """Initial state and parameters."""
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # what is not finite is refused later
                found = at(self.initial, settings)
        except ArithmeticError as error:
            raise ValueError(f"no initial state of {self.name} follows from these settings: {error}") from error
        if not isinstance(found, tuple) or len(found) not in (2, 3):
            expected(
                self.name, "initial", None, tuple, f"(q0, v0, params), or a function that returns it; {found!r:.60}"
            )
        q0, v0, params = (*found, {})[:3]
        return q0, v0, params

    def _measured(self, settings: Settings, trajectory: Trajectory) -> dict[str, float] | None:
        """The errors by name; None without a reference, no errors where the reference overflows."""
        if self.reference is None:
            return None
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                errors = self.reference(settings, trajectory)
        except ArithmeticError:
            return {}
        errors = expected(self.name, "what reference returns", errors, Mapping, "numbers by name")
        for name, value in errors.items():
            expected(self.name, f"{name} in what reference returns", value, (int, float, np.number), "a number")
        return dict(errors) if np.isfinite(list(errors.values())).all() else {}

    def _result(self, s: Settings, trajectory: Trajectory, errors: dict[str, float] | None) -> RunResult:
        members = [("members", " × ".join(map(str, trajectory.batch)))] if trajectory.batch else []
        rows = [
            *members,
            ("degrees of freedom", str(trajectory.q.shape[-1])),
            ("time", f"{trajectory.t[0]:g} to {trajectory.t[-1]:g}, {trajectory.t.size} states saved"),
            ("method", trajectory.method),
            *_energy(trajectory),
            *((name, f"{value:.6g}") for name, value in (errors or {}).items()),
        ]
        if errors == {}:
            rows.append(("reference", "none: it is no finite number with these settings"))
        shown = before_explosion(trajectory)
        film = getattr(self.picture, "film", coordinates.film)
        return reported(
            self, s, rows, trajectory.dataset.assign_attrs(errors or {}), lambda: self.picture(shown),
            lambda: film(shown), trajectory,
        )  # fmt: skip


def _energy(trajectory: Trajectory) -> list[tuple[str, str]]:
    """How far the energy is off: from what it was, or from what the work done makes of it, where that is known."""
    if trajectory.system.conserves_energy:
        return [("energy drift", f"{np.max(trajectory.energy_drift):.3e}")]
    if trajectory.work is None:
        return []
    return [("error of the energy balance", f"{np.max(trajectory.energy_balance):.3e}")]


def _of(system: Lagrangian, found: Trajectory, file: Path) -> Trajectory:
    """A motion that was kept, of this system. ``CheckpointError`` where it is of another one."""
    if not isinstance(found.system, Missing) and not alike(found.system, system):
        raise CheckpointError(f"{file} is of another system: L = {found.system.lagrangian}, not {system.lagrangian}")
    return replace(found, system=system)
