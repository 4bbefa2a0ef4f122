"""Models that are evolution equations in one periodic space dimension, solved by DFI."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import sympy as sp

from symdfi.compile.kernels.function import compile as compile_function
from symdfi.dfi import DFI, Box, Grid, Problem, Solution, evolve, fit, fit_error
from symdfi.dfi.schemes import Motion
from symdfi.errors import ConvergenceError, DivergenceError, Interrupted, SingularMatrixError
from symdfi.plotting import plot_field
from symdfi.running.equations import latex as in_latex
from symdfi.running.equations import pretty
from symdfi.running.report import RunResult
from symdfi.running.samples import periodic, read
from symdfi.running.settings import Settings, not_negative, positive
from symdfi.running.spectral import Reference, SpectralProblem, reference
from symdfi.symbolic.ansatz import Ansatz
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.evolution import EvolutionEquation

#: Settings of every model: the step is ``dt_start`` until ``t_start``, then ``dt``.
COMMON: dict[str, float | int | str] = {
    "T": 4.0, "dt": 5e-3, "dt_start": 2.5e-3, "t_start": 0.5, "saves": 40,
    "points": 500, "gamma": 1e-9, "mu": 0.97, "scheme": "rk4", "seed": 0,
}  # fmt: skip
_DYNAMICS = "dθ/dt = v,   ε dv/dt = Jᵀ (f − J v),   J = ∂û/∂θ at the points, f the right side there"
_DYNAMICS_LATEX = r"\dot\theta = v, \qquad \varepsilon \dot v = J^\top (f - J v)"
_POSITIVE = ("T", "dt", "dt_start", "saves", "points")


@dataclass(frozen=True)
class EvolutionModel:
    """An evolution equation with an ansatz, an initial profile, and a reference to measure against.

    ``build(settings)`` gives the ansatz, ``params(settings)`` the equation's parameters, ``spectral(settings)`` the
    same equation for the spectral reference, ``start(problem)`` parameters of the initial profile where no fit is
    needed, ``exact(settings, x, t)`` the solution where it is known.
    """

    name: str
    title: str
    description: str
    defaults: Settings
    equation: EvolutionEquation
    bounds: tuple[float, float]
    profile: sp.Expr
    build: Callable[[Settings], Ansatz]
    params: Callable[[Settings], dict[str, float]]
    spectral: Callable[[Settings], SpectralProblem]
    start: Callable[[Problem], np.ndarray] | None = None
    exact: Callable[[Settings, np.ndarray, float], np.ndarray] | None = None

    @property
    def settings(self) -> Settings:
        return self.defaults

    def problem(self, settings: Settings | None = None) -> Problem:
        """The problem at the given settings. ``ValueError`` for a bad one."""
        s = {**self.defaults, **(settings or {})}
        positive(s, *_POSITIVE)
        not_negative(s, "seed")
        box = Box([self.bounds], periodic=True)
        return Problem(self.equation, self.build(s), box, Grid(int(s["points"])), self.params(s))

    def show(self, latex: bool = False, source: bool = False) -> str:
        problem = self.problem()
        if source:
            return problem.kernels.rows.readable
        u, (x,) = self.equation.field, self.equation.variables
        parts = {
            "Evolution equation": [sp.Eq(u.diff(t), self.equation.rhs, evaluate=False)],
            "Initial value": [sp.Eq(u.func(0, x), self.profile, evaluate=False)],
            "Ansatz": [sp.Eq(sp.Symbol("û"), problem.ansatz.expr, evaluate=False)],
        }
        if latex:
            return "\n".join([in_latex(parts), "% Dirac-Frenkel dynamics with inertia", _DYNAMICS_LATEX])
        dynamics = f"Dirac–Frenkel dynamics with inertia\n{_DYNAMICS}"
        sizes = f"{problem.ansatz.count} parameters, {len(problem.points)} points"
        return "\n\n".join([self.title, self.description, pretty(parts), dynamics, sizes])

    def _initial(self, x: np.ndarray) -> np.ndarray:
        """The initial profile at places."""
        function = compile_function({"u": self.profile}, self.equation.variables)
        return function({self.equation.variables[0]: x})["u"]

    def run(self, settings: Settings, initial: Path | None = None) -> RunResult:
        """Fit the initial profile (or the samples in ``initial``), evolve, and measure against the reference.

        A numerical failure, or Ctrl-C, keeps the ``RunResult`` of what was computed as ``partial``.
        """
        s = {**self.defaults, **settings}
        problem = self.problem(s)
        stepper = DFI(gamma=float(s["gamma"]), mu=float(s["mu"]), scheme=str(s["scheme"]))
        rows = [("parameters", f"{problem.ansatz.count}"), ("points", f"{len(problem.points)}")]
        if initial is not None:
            data = read(Path(initial))
            u0 = periodic(Path(initial), data, *self.bounds)
            theta = fit(problem, u0, seed=int(s["seed"]))
            error = fit_error(problem, theta, (data[:, 0], data[:, 1]))
            rows += [
                ("initial data", f"{len(data)} samples of {initial}"),
                ("fit error at the samples", f"{error:.2e}"),
            ]
        else:
            u0 = self._initial
            theta = self.start(problem) if self.start else fit(problem, self.profile, seed=int(s["seed"]))
            rows.append(("fit error", f"{fit_error(problem, theta, self.profile):.2e}"))
        began = perf_counter()
        problem.compile()
        rows.append(("compilation", f"{perf_counter() - began:.2f} s"))
        began = perf_counter()
        try:
            solution, steps = _evolve(problem, theta, s, stepper)
        except (ConvergenceError, DivergenceError, SingularMatrixError, Interrupted) as error:
            partial = error.partial
            error.partial = self._result(partial, rows, {}) if partial is not None and len(partial.t) > 1 else None
            raise
        elapsed = perf_counter() - began
        rows += [
            ("steps", f"{steps}"),
            ("time per step", f"{1e3 * elapsed / steps:.2f} ms"),
            ("scheme", str(s["scheme"])),
        ]
        known = None if initial is not None or self.exact is None else self.exact
        try:
            errors = self._errors(s, solution, u0, known, rows)
        except KeyboardInterrupt as error:
            raise Interrupted("interrupted while measuring", partial=self._result(solution, rows, {})) from error
        return self._result(solution, rows, errors)

    def _errors(
        self,
        s: Settings,
        solution: Solution,
        u0: Callable,
        exact: Callable | None,
        rows: list[tuple[str, str]],
    ) -> dict[str, np.ndarray]:
        """Relative L² errors at the saved times, noted in ``rows`` too."""
        low, high = self.bounds
        if exact is not None:
            x = low + (high - low) * np.arange(2048) / 2048
            truth = Reference(x, solution.t, np.stack([exact(s, x, time) for time in solution.t]), 0.0)
            rows.append(("reference", "exact solution"))
        else:
            try:
                truth = reference(self.spectral(s), u0, solution.t, tolerance=2e-5, largest=4096)
            except (ConvergenceError, DivergenceError) as error:
                rows.append(("reference", f"none: {error}"))
                return {}
            rows.append(("reference", f"spectral, {len(truth.x)} points (half as many: {truth.change:.1e} away)"))
        errors = np.array(
            [truth.relative_error(time, lambda x, t=time: solution.evaluate(x, t)) for time in solution.t]
        )
        for k in np.unique(np.linspace(0, len(errors) - 1, 6).astype(int)):
            rows.append((f"relative L² error at t = {solution.t[k]:.4g}", f"{errors[k]:.2e}"))
        rows.append(("largest relative L² error", f"{errors.max():.2e}"))
        return {"relative_error": errors}

    def _result(self, solution: Solution, rows: list[tuple[str, str]], errors: dict[str, np.ndarray]) -> RunResult:
        rows = [*rows, ("largest relative residual", f"{solution.relative_residual.max():.2e}")]
        dataset = solution.dataset.assign({name: ("time", values) for name, values in errors.items()})
        dataset = dataset.assign_attrs(model=self.name, title=self.title)
        return RunResult(rows, dataset, lambda: plot_field(dataset))


def _evolve(problem: Problem, theta: np.ndarray, s: Settings, stepper: DFI) -> tuple[Solution, int]:
    """The solution, saved at equal intervals, and how many steps it took."""
    saves, end = int(s["saves"]), float(s["T"])
    interval = end / saves
    early = min(saves, max(0, int(np.ceil(float(s["t_start"]) / interval - 1e-9))))
    motion: np.ndarray | Motion = theta
    solution, steps = None, 0
    for first, last, dt in ((0, early, float(s["dt_start"])), (early, saves, float(s["dt"]))):
        if first == last:
            continue
        each = max(1, int(np.ceil(interval / dt - 1e-9)))
        span = (first * interval, last * interval)
        try:
            part = evolve(problem, motion, span, interval / each, stepper, save_every=each)
        except (ConvergenceError, DivergenceError, SingularMatrixError, Interrupted) as error:
            if solution is not None:
                error.partial = solution if error.partial is None else solution.then(error.partial)
            raise
        solution = part if solution is None else solution.then(part)
        motion, steps = part.last, steps + (last - first) * each
    assert solution is not None
    return solution, steps
