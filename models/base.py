"""What a model of the library is, and what a run of it returns.

The command line works with any object that has the attributes of ``Model``. A module of this package
defines one under the name ``MODEL``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import sympy as sp
from sympy.printing.pretty.pretty_symbology import pretty_symbol

from symdfi.dynamics import Lagrangian, Trajectory, integrate
from symdfi.errors import ConvergenceError, DivergenceError

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

#: The numbers and words that a model's run can be changed with.
Settings = Mapping[str, float | int | str]


def positive(settings: Settings, *names: str) -> None:
    """``ValueError`` unless these settings are finite and above 0."""
    _within(settings, names, lambda value: value > 0, "positive")


def not_negative(settings: Settings, *names: str) -> None:
    """``ValueError`` unless these settings are finite and at least 0."""
    _within(settings, names, lambda value: value >= 0, "0 or more")


def _within(settings: Settings, names: tuple[str, ...], holds: Callable[[float], bool], what: str) -> None:
    for name in names:
        value = float(settings[name])
        if not (np.isfinite(value) and holds(value)):
            raise ValueError(f"the setting {name} = {settings[name]} must be {what}")


@dataclass(frozen=True)
class RunResult:
    """What a run leaves behind: rows of a summary table, the data, and a picture."""

    summary: list[tuple[str, str]]
    dataset: xr.Dataset
    figure: Callable[[], Figure]


class Model(Protocol):
    """A model as the command line sees it."""

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def settings(self) -> Settings:
        """The settings with their defaults."""
        ...

    def show(self, latex: bool = False, source: bool = False) -> str:
        """The equations, for reading, or the source of the compiled kernel."""
        ...

    def run(self, settings: Settings, initial: Path | None = None) -> RunResult:
        """Run with all settings given. ``ValueError`` for a bad one."""
        ...


@dataclass(frozen=True)
class MechanicsModel:
    """A Lagrangian system with an initial state and, where there is one, a reference to measure against.

    ``build(settings)`` gives the system, ``initial(settings)`` the state and parameters ``(q0, v0, params)``,
    ``reference(settings, trajectory)`` the measured errors by name. Every model has the settings ``t_end``,
    ``dt``, ``method`` and ``save_every``. ``plot(trajectory)`` draws another figure than ``plot_trajectory``.
    """

    name: str
    title: str
    description: str
    defaults: Settings
    build: Callable[[Settings], Lagrangian]
    initial: Callable[[Settings], tuple[Any, Any, dict]]
    reference: Callable[[Settings, Trajectory], dict[str, float]] | None = None
    plot: Callable[[Trajectory], Figure] | None = None
    _systems: dict = field(default_factory=dict, repr=False, compare=False)

    @property
    def settings(self) -> Settings:
        return self.defaults

    def system(self, settings: Settings | None = None) -> Lagrangian:
        """The system for the settings; one and the same, with its kernels, for the same Lagrangian."""
        chosen = {**self.defaults, **(settings or {})}
        system = self.build(chosen)
        return self._systems.setdefault(str(system.L), system)

    def show(self, latex: bool = False, source: bool = False) -> str:
        system = self.system()
        if source:
            return system.compile().source
        parts = {"Lagrangian": [sp.Eq(sp.Symbol("L"), system.lagrangian, evaluate=False)]}
        parts["Equations of motion"] = [_tidy(equation) for equation in system.euler_lagrange]
        if latex:
            lines = [f"% {title}\n{sp.latex(equation)}" for title, found in parts.items() for equation in found]
            return "\n".join(lines)
        lines = [self.title, "", self.description]
        for title, found in parts.items():
            lines += [
                "",
                title,
                *(sp.pretty(_accented(equation), use_unicode=True, wrap_line=False) for equation in found),
            ]
        return "\n".join(lines)

    def run(self, settings: Settings, initial: Path | None = None) -> RunResult:
        """Integrate. A numerical failure keeps the ``RunResult`` of what was computed as ``partial``."""
        if initial is not None:
            raise ValueError(f"{self.name} is a mechanical system: it takes no initial profile, set its settings")
        s = {**self.defaults, **settings}
        positive(s, "t_end", "dt", "save_every")
        q0, v0, params = self.initial(s)
        try:
            trajectory = integrate(
                self.system(s), q0, v0, (0.0, float(s["t_end"])), float(s["dt"]), params,
                method=str(s["method"]), save_every=int(s["save_every"]),
            )  # fmt: skip
        except (ConvergenceError, DivergenceError) as error:
            if error.partial is not None and error.partial.t.size > 1:
                error.partial = self._result(error.partial, {})
            else:
                error.partial = None
            raise
        errors = self.reference(s, trajectory) if self.reference else {}
        return self._result(trajectory, errors)

    def _result(self, trajectory: Trajectory, errors: dict[str, float]) -> RunResult:
        from symdfi.plotting import plot_trajectory

        rows = [
            ("degrees of freedom", str(trajectory.q.shape[1])),
            ("time", f"{trajectory.t[0]:g} to {trajectory.t[-1]:g}, {trajectory.t.size} states saved"),
            ("method", trajectory.method),
            ("energy drift", f"{trajectory.energy_drift:.3e}"),
            *((name, f"{value:.6g}") for name, value in errors.items()),
        ]
        dataset = trajectory.dataset.assign_attrs(model=self.name, title=self.title, **errors)
        shown, draw = _before_explosion(trajectory), self.plot
        figure = (lambda: plot_trajectory(shown.dataset)) if draw is None else (lambda: draw(shown))
        return RunResult(rows, dataset, figure)


def _tidy(equation: sp.Expr) -> sp.Expr:
    """sin² + cos² as 1, for reading; equations with sums stay as they are."""
    plain = not equation.has(sp.Indexed) and equation.has(sp.sin, sp.cos)
    return sp.trigsimp(equation) if plain else equation


def _accented(expr: sp.Basic) -> sp.Basic:
    """Indexed velocities with their dots, which SymPy's pretty printer sets on plain symbols only."""
    put = {}
    for reference in expr.atoms(sp.Indexed):
        label = str(reference.base.label)
        if (accented := pretty_symbol(label)) != label:
            put[reference] = sp.IndexedBase(accented, shape=reference.base.shape)[reference.indices]
    return expr.xreplace(put)


def _before_explosion(trajectory: Trajectory) -> Trajectory:
    """The part of a trajectory worth drawing: before its states grow by three orders of magnitude."""
    size = np.maximum(np.abs(trajectory.q).max(axis=1), np.abs(trajectory.v).max(axis=1))
    wild = np.append(size > 1e3 * (1 + size[0]), True)
    rows = slice(max(2, int(np.argmax(wild))))
    return replace(
        trajectory,
        t=trajectory.t[rows],
        q=trajectory.q[rows],
        v=trajectory.v[rows],
        energy=trajectory.energy[rows],
    )


def lattice_modes(particles: int) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and orthonormal modes (in columns) of a harmonic chain between two walls."""
    k = np.arange(1, particles + 1)
    modes = np.sqrt(2 / (particles + 1)) * np.sin(np.pi * np.outer(k, k) / (particles + 1))
    return 2 * np.sin(np.pi * k / (2 * (particles + 1))), modes
