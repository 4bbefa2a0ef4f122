"""Extremal trajectories."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from symdfi.archive.result import Result
from symdfi.compile.kernels.groups import shape_of
from symdfi.ep.discrete import DiscreteSystem
from symdfi.ep.floquet import interpolated_monodromy, monodromy
from symdfi.ep.frame import Linear
from symdfi.ep.integrals import cost_of, integrals_of
from symdfi.ep.readout import finite_derivatives
from symdfi.ep.reversibility import reversibility_error
from symdfi.ep.rules import Fourier
from symdfi.ep.setting import Setting
from symdfi.ep.softness import grid_error
from symdfi.errors import SymbolicError
from symdfi.plotting import plot_orbit
from symdfi.results import Families, distinct, labelled, provenance, shown
from symdfi.showing import shortened
from symdfi.symbolic.families import families
from symdfi.symbolic.given import name_of
from symdfi.symbolic.indexed import Variable

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Orbit(Result):
    """A trajectory that meets the discrete equations of motion: nodes ``q`` (nodes, d) at the times ``t``.

    Nudged by ``beta`` it is an extremum of S_β. ``residual`` is max |∂S_β/∂q|, ``iterations`` counts Newton (nudged:
    chord) steps, of which explicit trajectories have none, and ``linear`` holds the factors of the equations of S_0 at
    the free orbit.
    """

    system: DiscreteSystem
    setting: Setting
    q: np.ndarray
    beta: complex
    residual: float
    iterations: int
    # Which follows from the rest.
    linear: Linear = field(compare=False, repr=False)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    made: Mapping[str, str] = field(default_factory=provenance, compare=False, repr=False)

    def __repr__(self) -> str:
        size = f"{len(self.q)} nodes of {self.q.shape[1]} degrees of freedom"
        return f"Orbit({size}, T = {self.setting.boundary.T:g}, beta = {self.beta:g}, residual = {self.residual:.1e})"

    def _rows(self) -> list[tuple[str, Any]]:
        setting = self.setting
        found: list[tuple[str, Any]] = [("lagrangian", shortened(str(self.system.system.lagrangian), 400))]
        found += [("boundary", setting.boundary), ("rule", setting.rule), ("steps", setting.steps)]
        return [*found, ("iterations", self.iterations), ("solved by", self.solved_by)]

    @property
    def t(self) -> np.ndarray:
        return self.setting.rule.node_times(self.setting.steps, self.setting.boundary.T)

    @property
    def rcond(self) -> float:
        """The reciprocal condition number of the linearised equations, in the 1-norm; it falls as N⁻² far from
        conjugate points. ``nan`` of a trajectory that follows from its beginning."""
        return getattr(self.linear, "rcond", np.nan)

    @property
    def solved_by(self) -> str:
        """What solved the linearised equations: factors, or for periodic orbits of large graphs and lattices, whose
        factors would fill up, an iteration; a march of a trajectory that follows from its beginning."""
        return repr(getattr(self.linear, "factor", "a march")).strip("'")

    @functools.cached_property
    def grid_error(self) -> float:
        """The path's relative error by the grid in its softest direction, an estimate (see ``symdfi.ep.softness``)."""
        return grid_error(self.system, self.setting, self.q, self.linear)

    @functools.cached_property
    def value(self) -> float:
        """The action S_β."""
        return self.system.value(self.setting, self.q, (1.0, self.beta))

    @functools.cached_property
    def cost(self) -> float:
        """C, or C/T of an orbit of given action."""
        return self.setting.share * cost_of(self.system, self.setting, self.q)

    @functools.cached_property
    def integrals(self) -> dict[str, np.ndarray]:
        """The integrals z that the cost is a function of, by name: what a classifier decides by, say."""
        return integrals_of(self.system, self.setting, self.q)

    @functools.cached_property
    def monodromy(self) -> np.ndarray:
        """(2d, 2d): the derivative of (q, p) at T by (q, p) at 0, of the discrete flow; symplectic where there is an
        action. Of the rule ``Fourier`` it is that of the linearised motion about its trigonometric polynomial, to about
        rounding. ``SingularMatrixError`` for a coordinate without a mass, ``SymbolicError`` for an equilibrium,
        ``ConvergenceError`` where that motion is too fast to be followed."""
        if self.setting.rule.degree == 0:
            raise SymbolicError("an equilibrium has no monodromy matrix: nothing goes on in time")
        if isinstance(self.setting.rule, Fourier):
            return interpolated_monodromy(self.system, self.setting, self.setting.rule, self.q, (1.0, self.beta))
        return monodromy(self.system.blocks(self.setting, self.q, (1.0, self.beta)))

    @functools.cached_property
    def symplectic_error(self) -> float:
        """max |MᵀJM − J| of the monodromy matrix M, in units of max |M|², with J = (0, 1; −1, 0): a multiple of
        rounding where there is an action, whatever the step. Errors as of ``monodromy``."""
        M, d = self.monodromy, self.q.shape[1]
        J = np.block([[np.zeros((d, d)), np.eye(d)], [-np.eye(d), np.zeros((d, d))]])
        return float(np.max(np.abs(M.T @ J @ M - J)) / max(1.0, np.max(np.abs(M)) ** 2))

    @functools.cached_property
    def reversibility_error(self) -> float:
        """How far the motion is from its beginning, run backward by the machine itself: from q(T) with the momentum
        −p(T), the drives replayed backward, relative to the largest |q| and |p|. Rounding, times what a deviation grows
        by, where L is even in the velocities, there is no dissipation and the rule is symmetric in time, as all are.

        ``SymbolicError`` for an equilibrium, for a nudged orbit and of the rule ``Fourier``; ``ConvergenceError`` where
        the way back is lost."""
        if self.setting.rule.degree == 0 or self.setting.rule.spans or self.beta:
            raise SymbolicError(
                "run backward by the machine is a free motion, step by step: no equilibrium, no nudged orbit, and none "
                "of the rule Fourier"
            )
        slope = self.system.slope(self.setting, self.q)
        # A march knows its momenta to more digits.
        ends = getattr(self.linear, "p0", -slope[0]), getattr(self.linear, "pN", slope[-1])
        return reversibility_error(self.system, self.setting, self.q, ends)

    @functools.cached_property
    def multipliers(self) -> np.ndarray:
        """Floquet's multipliers of a periodic orbit, the largest first: what a deviation grows by in a period, 2d
        numbers. Stable is an orbit with none outside the unit circle, the one or two of a free phase apart.

        ``SymbolicError`` for an orbit that is not periodic, and as of ``monodromy``."""
        if not self.setting.boundary.periodic:
            raise SymbolicError("Floquet's multipliers are of periodic orbits: this trajectory does not come back")
        found = np.linalg.eigvals(self.monodromy)
        return found[np.argsort(-np.abs(found), kind="stable")]

    def gradient(self) -> dict[str, np.ndarray]:
        """∂_θS_β at fixed path: the impulse of the momentum conjugate to each parameter, by name; of an orbit of given
        action its mean, ∂_θS_β/T. ``DivergenceError`` naming the first parameter by which it is not finite."""
        system, setting = self.system, self.setting
        shapes = system.shapes(setting)
        counts = [int(np.prod(shape, dtype=int)) for shape in shapes.values()]
        widths, at = system.impulse_widths(setting), system.points(setting, self.q)
        by_theta, *_ = system.run(system.kernels.impulse, setting, at, (1.0, self.beta), widths)
        with np.errstate(over="ignore", invalid="ignore"):
            parts = np.split(setting.share * (setting.weights @ by_theta), np.cumsum(counts)[:-1])
        found = {name: part.reshape(own) for (name, own), part in zip(shapes.items(), parts, strict=False)}
        return finite_derivatives(found, self.q)

    def __getitem__(self, coordinate: Variable | str) -> np.ndarray:
        """A coordinate at the nodes, ``(nodes, *shape)``, by symbol, function of time or name."""
        for name, own, shape in self.setting.places:
            if name == name_of(coordinate):
                return self.q[:, own].reshape((-1, *shape))
        names = ", ".join(name for name, _, _ in self.setting.places)
        raise KeyError(f"{coordinate} is no coordinate of this system: {names}")

    @functools.cached_property
    def dataset(self) -> xr.Dataset:
        """The nodes as an ``xarray.Dataset``: a variable a coordinate, and in the attributes the parameters, the
        boundary condition, action and cost."""
        import xarray as xr  # slow to import

        setting, system = self.setting, self.system
        shapes = system.shapes(setting)
        names = [name for name, _, _ in setting.places]
        labels = distinct([*names, *shapes], ["time"])
        axes = Families(["time", *labels], families(system.system))
        extents = {name_of(x): shape_of(x) for x in (*system.system.coordinates, *system.kernels.differentiable)}
        data: dict[str, Any] = {}
        for name, label in zip(names, labels, strict=False):
            own = {"role": "coordinate", "symbol": name, "long_name": name}
            data[label] = (("time", *axes.of(name, extents[name])), self[name], own)
        start = 0
        for (name, shape), label in zip(shapes.items(), labels[len(names) :], strict=True):
            stop = start + int(np.prod(shape, dtype=int))
            own = {"role": "parameter", "symbol": name, "long_name": name}
            data[label] = (axes.of(name, extents[name]), setting.params[start:stop].reshape(shape), own)
            start = stop
        attributes: dict[str, Any] = {
            "kind": "Orbit", "boundary": type(setting.boundary).__name__, "T": setting.boundary.T,
            "rule": repr(setting.rule), "steps": setting.steps, "beta": self.beta, "residual": self.residual,
            "iterations": self.iterations, "action": self.value, "cost": self.cost,
            "boundary_settings": shown(setting.boundary), "cost_function": shown(system.cost),
            "lagrangian": str(system.system.lagrangian),
        }  # fmt: skip
        time = ("time", self.t, {"symbol": "t", "long_name": "time"})
        return labelled(xr.Dataset(data, {"time": time}, {**attributes, **self.made}), self.labels)

    def plot(self) -> Figure:
        """A figure of the coordinates against time; of an equilibrium the values."""
        return plot_orbit(self.dataset)
