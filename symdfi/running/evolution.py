"""Models that are evolution equations, solved by DFI."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from symdfi.dfi import Problem, Solution, fit, fit_error
from symdfi.dfi.steppers import Stepper
from symdfi.dfi.target import Target, at_points
from symdfi.errors import ConvergenceError, DivergenceError, Interrupted, SingularMatrixError
from symdfi.plotting import film_of_fields, plot_field
from symdfi.progress import phase
from symdfi.running.equations import latex as in_latex
from symdfi.running.equations import pretty
from symdfi.running.keeping import Kept
from symdfi.running.measures import InitialValue, Measure, Measured, SpectralReference
from symdfi.running.model import at, expected
from symdfi.running.report import RunResult, reported
from symdfi.running.samples import periodic, read
from symdfi.running.settings import Noted, Settings, completed, not_negative, positive
from symdfi.running.stepping import WORDS, evolved, stepper
from symdfi.symbolic.coordinates import t
from symdfi.symbolic.evolution import EvolutionEquation
from symdfi.symbolic.given import name_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The initial value, as ``fit`` takes it: an expression in the variables, of several fields one each, by field.
Profile = Target

#: Settings of every model. One with ``dt_start`` and ``t_start`` takes steps of ``dt_start`` until ``t_start``, then
#: of ``dt``.
COMMON: dict[str, float | int | str] = {
    "T": 4.0, "dt": 5e-3, "saves": 40, "points": 500, "gamma": 1e-9, "mu": 0.97, "scheme": "rk4", "seed": 0,
    "fit_iterations": 400,
}  # fmt: skip
_DYNAMICS = "dθ/dt = v,   ε dv/dt = Jᵀ (f − J v),   J = ∂û/∂θ at the points, f the right side there"
_DYNAMICS_LATEX = r"\dot\theta = v, \qquad \varepsilon \dot v = J^\top (f - J v)"
_POSITIVE = ("T", "dt", "saves", "points")
#: What the problem and the stepper are made of, not the run.
_MADE_OF = ("points", "gamma", "mu", "epsilon", "scheme")


@dataclass(frozen=True, kw_only=True)
class EvolutionModel:
    """An evolution equation of one or several fields, in any number of space variables, with an ansatz, an initial
    value, and a way of measuring.

    ``build(settings)`` gives the problem: equation, ansatz, domain, quadrature, parameters and boundary conditions;
    ``profile(settings)`` the initial value, as ``fit`` takes it; ``start(problem)`` parameters of it where no fit is
    needed. ``measure`` says how far a solution is off, by a spectral solution unless given (``running.measures``), and
    ``picture`` draws the dataset that a run leaves. ``lipschitz(settings)`` is a one-sided Lipschitz constant of the
    right side in L², where one is known: the error bound is then by it, else by an estimate. ``stepper(settings)`` is
    the stepper, ``DFI`` by the settings ``gamma``, ``mu`` (or ``epsilon`` in place of the two) and ``scheme`` unless
    given. What depends on no setting may be given itself in place of a function. ``defaults`` are the settings; every
    model has those of ``COMMON``. A whole file, for `symdfi run ./front.py --set nu=0.05`:

        \"\"\"A front that viscosity smooths: Burgers' equation on a circle.\"\"\"

        import sympy as sp
        import symdfi as sd

        x, nu = sp.Symbol("x", real=True), sp.Symbol("nu", positive=True)
        u = sp.Function("u")(sd.t, x)
        equation = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), nu * u.diff(x, 2) - u * u.diff(x)))

        def build(s):
            ansatz = sd.mlp([x], s["widths"], period=[2 * sp.pi])
            circle = sd.Box([(-sp.pi, sp.pi)], periodic=True)
            return sd.Problem(equation, ansatz, circle, sd.Grid(s["points"]), {nu: s["nu"]})

        MODEL = sd.EvolutionModel(
            build=build,
            profile=-sp.sin(x),
            defaults={"nu": 0.1, "widths": [8, 8], "T": 2.0, "dt": 0.01, "points": 128},
        )
    """

    name: str = ""
    title: str = ""
    description: str = ""
    defaults: Settings = field(default_factory=dict)
    build: Callable[[Settings], Problem] | Problem
    profile: Callable[[Settings], Profile] | Profile
    start: Callable[[Problem], np.ndarray] | None = None
    stepper: Callable[[Settings], Stepper] | Stepper | None = None
    measure: Measure = field(default_factory=SpectralReference)
    picture: Callable[[Any], Figure] = plot_field
    lipschitz: Callable[[Settings], float] | None = None

    @property
    def settings(self) -> Settings:
        """The settings with their defaults; those that may be a number or a word as text."""
        left = () if "epsilon" not in self.defaults else WORDS
        standard = {name: value for name, value in COMMON.items() if name not in left}
        all_of_them = completed(self.defaults, standard)
        return {**all_of_them, **{name: str(all_of_them[name]) for name in WORDS if name in all_of_them}}

    def problem(self, settings: Settings | None = None) -> Problem:
        """The problem at the given settings. ``ValueError`` for a bad one."""
        return expected(self.name, "build", at(self.build, self._checked(settings or {})), Problem, "a Problem")

    def _checked(self, settings: Settings) -> Settings:
        """All settings; those that note what is read of them are."""
        if isinstance(settings, Noted):
            return settings
        s = {**self.settings, **settings}
        positive(s, *_POSITIVE)
        not_negative(s, "seed", "fit_iterations")
        if ("dt_start" in s) != ("t_start" in s):
            raise ValueError("the settings dt_start and t_start go together: a step until, and the time until when")
        if "dt_start" in s:
            positive(s, "dt_start")
        return s

    def initial(self, settings: Settings | None = None) -> InitialValue:
        """The initial value at points (n,) in one dimension, (n, dim) in more: (n,), or (F, n) of F fields."""
        s = self._checked(settings or {})
        return _at_points(self.problem(s), at(self.profile, s))

    def show(self, latex: bool = False, source: bool = False) -> str:
        s = self._checked({})
        problem, profile = self.problem(s), at(self.profile, s)
        if source:
            return problem.kernels.rows.readable
        equation, outputs = problem.equation, problem.ansatz.exprs
        values = [_shown(one) for one in _by_field(profile, equation)]
        hats = [sp.Symbol(f"{name}hat") for name in equation.names]
        parts = {
            "Evolution equation": _equations([u.diff(t) for u in equation.fields], equation.right_sides),
            "Initial value": _equations([u.func(0, *u.args[1:]) for u in equation.fields], values),
            "Ansatz": _equations(hats, outputs),
        }
        if problem.boundary.conditions:
            parts["Boundary conditions"] = [one.condition for one in problem.boundary.conditions]
        if latex:
            return "\n".join([in_latex(parts), "% Dirac-Frenkel dynamics with inertia", _DYNAMICS_LATEX])
        dynamics = f"Dirac–Frenkel dynamics with inertia\n{_DYNAMICS}"
        sizes = f"{_domain(problem)}\n{problem.ansatz.count} parameters, {len(problem.points)} points"
        return "\n\n".join([self.title, self.description, pretty(parts), dynamics, sizes])

    def run(self, settings: Settings, initial: Path | None = None, kept: Kept | None = None) -> RunResult:
        """Fit the initial profile (or the samples in ``initial``), evolve, and measure.

        A numerical failure, or Ctrl-C, keeps the ``RunResult`` of what was computed as ``partial``. What is ``kept`` of
        the run is gone on with.
        """
        s = Noted(self._checked(settings))
        phase("deriving")
        problem = self.problem(s)
        by = stepper(s) if self.stepper is None else at(self.stepper, s)
        expected(self.name, "stepper", by, Stepper, "a stepper such as DFI()")
        s.refuse_unread(self.name, _MADE_OF, self.settings, self.defaults)
        s.leave_out_unread(_MADE_OF, self.defaults)
        rows = [("parameters", f"{problem.ansatz.count}"), ("points", f"{len(problem.points)}")]
        begun = kept is not None and kept.begun
        u0, theta, found, measure = self._start(problem, s, initial, fitted=not begun)
        rows += found
        began = perf_counter()
        phase("compiling")
        problem.compile()
        rows.append(("compilation", f"{perf_counter() - began:.2f} s"))
        began = perf_counter()
        phase("evolving")
        try:
            solution, steps = evolved(problem, theta, s, by, kept)
        except (ConvergenceError, DivergenceError, SingularMatrixError, Interrupted) as error:
            partial = error.partial
            error.partial = self._result(s, partial, rows, None) if partial is not None and len(partial.t) > 1 else None
            raise
        elapsed = perf_counter() - began
        rows.append(("steps", f"{steps}"))
        rows += [] if begun else [("time per step", f"{1e3 * elapsed / steps:.2f} ms")]
        rows.append(("scheme", str(s["scheme"])) if self.stepper is None else ("stepper", repr(by)))
        phase("measuring")
        try:
            measured = measure(s, solution, u0)
        except KeyboardInterrupt as error:
            raise Interrupted("interrupted while measuring", partial=self._result(s, solution, rows, None)) from error
        return self._result(s, solution, rows, measured)

    def _start(
        self, problem: Problem, s: Settings, initial: Path | None, *, fitted: bool
    ) -> tuple[InitialValue, np.ndarray | None, list[tuple[str, str]], Measure]:
        """The initial value, parameters ``fitted`` to it or None, rows about them, and what to measure by."""
        seed, iterations = int(s["seed"]), int(s["fit_iterations"])
        phase("fitting")
        if initial is not None:
            u0, data = self._samples(problem, Path(initial))
            rows = [("initial data", f"{len(data[0])} samples of {initial}")]
            theta = fit(problem, u0, seed=seed, iterations=iterations) if fitted else None
            if theta is not None:
                rows.append(("fit error at the samples", f"{fit_error(problem, theta, data):.2e}"))
            # Whatever is known of the profile does not hold of the samples.
            return u0, theta, rows, SpectralReference()
        profile, u0 = at(self.profile, s), _at_points(problem, at(self.profile, s))
        if not fitted:
            return u0, None, [], self.measure
        theta = self.start(problem) if self.start else fit(problem, profile, seed=seed, iterations=iterations)
        return u0, theta, [("fit error", f"{fit_error(problem, theta, profile):.2e}")], self.measure

    def _samples(self, problem: Problem, path: Path) -> tuple[InitialValue, tuple[np.ndarray, np.ndarray]]:
        """The periodic function through the samples of a file, and these."""
        equation, domain = problem.equation, problem.domain
        if len(equation.fields) > 1:
            raise ValueError(f"{self.name} has the fields {', '.join(equation.names)}: a file gives one field")
        if domain.periodic != (True,):
            raise ValueError(f"the domain of {self.name} is no circle: a file is of a periodic function of x")
        samples = read(path)
        return periodic(path, samples, *domain.bounds[0]), (samples[:, 0], samples[:, 1])

    def _result(
        self, s: Settings, solution: Solution, rows: list[tuple[str, str]], measured: Measured | None
    ) -> RunResult:
        measured = Measured([]) if measured is None else measured
        rows = [*rows, *measured.rows, ("largest relative residual", f"{solution.relative_residual.max():.2e}")]
        dataset = solution.as_dataset(None if self.lipschitz is None else self.lipschitz(s))
        dataset = dataset.assign(measured.data)
        bound = float(dataset["error_bound"][-1])
        if "error" in dataset and not np.isnan(bound):
            error = float(dataset["error"][-1])
            above = f", {bound / error:.1e} times the error" if error > 0 and np.isfinite(bound) else ""
            rows.append(("error bound at T", (f"{bound:.2e}" if np.isfinite(bound) else "overflows") + above))
        film = film_of_fields(dataset)
        return reported(self, s, rows, dataset, lambda: self.picture(dataset), film, solution)


def _equations(left: Sequence[sp.Expr], right: Sequence[sp.Expr]) -> list[sp.Basic]:
    return [sp.Eq(*sides, evaluate=False) for sides in zip(left, right, strict=True)]


def _by_field(profile: Profile, equation: EvolutionEquation) -> list[Any]:
    """The initial value of every field."""
    if isinstance(profile, Mapping):
        by_name = {name_of(field.func if isinstance(field, AppliedUndef) else field): v for field, v in profile.items()}
        return [by_name[name] for name in equation.names]
    return list(profile) if isinstance(profile, list | tuple) else [profile]


def _shown(value: Any) -> sp.Basic:
    """An initial value for reading: an expression, or that it is a function or data."""
    if isinstance(value, sp.Basic | int | float | complex):
        return sp.sympify(value, strict=True)
    return sp.Symbol("a function of the points" if callable(value) else "data")


def _domain(problem: Problem) -> str:
    """The domain in words, axes that are alike together."""
    axes = zip(problem.ansatz.variables, problem.domain.bounds, problem.domain.periodic, strict=True)
    found: dict[str, list[str]] = {}
    for x, (low, high), around in axes:
        found.setdefault(f"from {low:.4g} to {high:.4g}{', periodic' * around}", []).append(str(x))
    return "\n".join(f"{', '.join(names)} {ends}" for ends, names in found.items())


def _at_points(problem: Problem, profile: Profile) -> InitialValue:
    return lambda points: at_points(problem, profile, points[:, None] if points.ndim == 1 else points)
