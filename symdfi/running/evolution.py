"""Models that are evolution equations in one periodic space dimension, solved by DFI."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.compile.kernels.function import compile as compile_function
from symdfi.dfi import DFI, Box, Grid, Problem, Solution, evolve, fit, fit_error
from symdfi.dfi.schemes import Motion
from symdfi.errors import ConvergenceError, DivergenceError, Interrupted, SingularMatrixError
from symdfi.plotting import plot_field
from symdfi.running.equations import latex as in_latex
from symdfi.running.equations import pretty
from symdfi.running.pseudospectral import SpectralEquation
from symdfi.running.report import RunResult
from symdfi.running.samples import periodic, read
from symdfi.running.settings import Settings, not_negative, positive
from symdfi.running.spectral import Reference, reference
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
    """An evolution equation of one or several fields with an ansatz, an initial profile, and a reference to measure
    against: a spectral solution of the equation, or the exact one.

    ``profile`` is the initial value, of several fields by field. ``build(settings)`` gives the ansatz, or one a field,
    ``params(settings)`` the equation's parameters by name, ``start(problem)`` parameters of the initial profile where
    no fit is needed, ``exact(settings, x, t)`` the solution where it is known, (n,), or (F, n) of F fields.
    """

    name: str
    title: str
    description: str
    defaults: Settings
    equation: EvolutionEquation
    bounds: tuple[float, float]
    profile: sp.Expr | Mapping[AppliedUndef, sp.Expr]
    build: Callable[[Settings], Ansatz | Mapping[AppliedUndef, Ansatz]]
    params: Callable[[Settings], dict[str, float]]
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
        (x,) = self.equation.variables
        fields = list(zip(self.equation.fields, self.equation.right_sides, self._profiles, strict=True))
        hats = [sp.Symbol(f"{name}hat") for name in self.equation.names]
        parts = {
            "Evolution equation": [sp.Eq(u.diff(t), side, evaluate=False) for u, side, _ in fields],
            "Initial value": [sp.Eq(u.func(0, x), profile, evaluate=False) for u, _, profile in fields],
            "Ansatz": [sp.Eq(*pair, evaluate=False) for pair in zip(hats, problem.ansatz.exprs, strict=True)],
        }
        if latex:
            return "\n".join([in_latex(parts), "% Dirac-Frenkel dynamics with inertia", _DYNAMICS_LATEX])
        dynamics = f"Dirac–Frenkel dynamics with inertia\n{_DYNAMICS}"
        sizes = f"{problem.ansatz.count} parameters, {len(problem.points)} points"
        return "\n\n".join([self.title, self.description, pretty(parts), dynamics, sizes])

    @property
    def _profiles(self) -> tuple[sp.Expr, ...]:
        """The initial value of every field."""
        given = self.profile
        return tuple(given[u] for u in self.equation.fields) if isinstance(given, Mapping) else (given,)

    def initial(self, x: np.ndarray) -> np.ndarray:
        """The initial profile at places: (n,), or (F, n) of F fields."""
        function = compile_function({str(k): one for k, one in enumerate(self._profiles)}, self.equation.variables)
        found = function({self.equation.variables[0]: x})
        values = np.stack([np.broadcast_to(found[str(k)], x.shape) for k in range(len(self._profiles))])
        return values if len(values) > 1 else values[0]

    def run(self, settings: Settings, initial: Path | None = None) -> RunResult:
        """Fit the initial profile (or the samples in ``initial``), evolve, and measure against the reference.

        A numerical failure, or Ctrl-C, keeps the ``RunResult`` of what was computed as ``partial``.
        """
        s = {**self.defaults, **settings}
        problem = self.problem(s)
        stepper = _stepper(s)
        rows = [("parameters", f"{problem.ansatz.count}"), ("points", f"{len(problem.points)}")]
        if initial is not None:
            if len(self.equation.fields) > 1:
                raise ValueError(f"{self.name} has the fields {', '.join(self.equation.names)}: a file gives one field")
            data = read(Path(initial))
            u0 = periodic(Path(initial), data, *self.bounds)
            theta = fit(problem, u0, seed=int(s["seed"]))
            error = fit_error(problem, theta, (data[:, 0], data[:, 1]))
            rows += [
                ("initial data", f"{len(data)} samples of {initial}"),
                ("fit error at the samples", f"{error:.2e}"),
            ]
        else:
            u0 = self.initial
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
                spectral = SpectralEquation(self.equation, low, high, self.params(s))
                truth = reference(spectral, u0, solution.t, tolerance=2e-5, largest=4096)
            except (ConvergenceError, DivergenceError) as error:
                rows.append(("reference", f"none: {error}"))
                return {}
            rows.append(("reference", f"spectral, {len(truth.x)} points (half as many: {truth.change:.1e} away)"))
        errors = np.array(
            [truth.relative_error(time, lambda x, t=time: solution.evaluate(x, t)) for time in solution.t]
        )
        for k in np.unique(np.linspace(0, len(errors) - 1, 6).astype(int)):
            rows.append((f"relative L² error at t = {solution.t[k]:.4g}", f"{errors[k]:.2e}"))
        rows += [
            ("largest relative L² error", f"{errors.max():.2e}"),
            ("its mean over time", f"{errors.mean():.2e}"),
        ]
        return {"relative_error": errors}

    def _result(self, solution: Solution, rows: list[tuple[str, str]], errors: dict[str, np.ndarray]) -> RunResult:
        rows = [*rows, ("largest relative residual", f"{solution.relative_residual.max():.2e}")]
        dataset = solution.dataset.assign({name: ("time", values) for name, values in errors.items()})
        dataset = dataset.assign_attrs(model=self.name, title=self.title)
        return RunResult(rows, dataset, lambda: plot_field(dataset))


def _stepper(s: Settings) -> DFI:
    """The stepper of the settings; ``mu`` is a number, or "memory". ``ValueError`` for another word."""
    if s["mu"] == "memory":
        return DFI(gamma=float(s["gamma"]), scheme=str(s["scheme"]))
    try:
        mu = float(s["mu"])
    except ValueError:
        raise ValueError(f"the setting mu = {s['mu']} must be a number from 0 to 1, or memory") from None
    return DFI(gamma=float(s["gamma"]), mu=mu, scheme=str(s["scheme"]))


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
