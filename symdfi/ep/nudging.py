"""Nudging schemes: the gradient dC/dθ from what a nudge does to ∂_θS (signs: see ``symdfi.ep``)."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np

from symdfi.ep.closed import Pinned, closed_parameters, closed_sensitivity, nudge_closed
from symdfi.ep.discrete import COST
from symdfi.ep.frame import TwoPoint
from symdfi.ep.newton import nudge
from symdfi.ep.orbit import Orbit
from symdfi.ep.sensitivity import Sensitivity, by_parameters, finite_derivatives, sensitivity
from symdfi.errors import DivergenceError, SymbolicError
from symdfi.numbers import one_real


class Nudging(abc.ABC):
    """A way to nudge a free orbit and to read the gradient off."""

    @abc.abstractmethod
    def gradient(self, free: Orbit) -> dict[str, np.ndarray]:
        """dC/dθ by name."""


@dataclass(frozen=True)
class Infinitesimal(Nudging):
    """The limit β → 0 itself, without bias and without cancellation: one solve with the free orbit's factors. The
    default.

    The response of the orbit to the nudge where the system has an action, of the doubled system's where it has not, or
    where the orbit is given by its initial state: there it is the adjoint, in variational form.
    """

    def gradient(self, free: Orbit) -> dict[str, np.ndarray]:
        if isinstance(free.linear, Pinned):
            return closed_parameters(free)
        return by_parameters(free, self._response(free, pushed(free)))

    def sensitivity(self, free: Orbit) -> Sensitivity:
        """dC by everything that was given. ``DivergenceError`` for what is not finite."""
        if isinstance(free.linear, Pinned):
            return closed_sensitivity(free)
        push = pushed(free)
        return sensitivity(free, push, self._response(free, push))

    @staticmethod
    def _response(free: Orbit, push: np.ndarray) -> np.ndarray:
        if isinstance(free.linear, TwoPoint) and free.system.has_action:
            return free.linear.response(push)
        return free.linear.adjoint(push)


class Finite(Nudging):
    """Nudges of finite size, as an experiment makes them: dC/dθ ≈ Σ_m w_m ∂_θS(β_m)."""

    beta: float

    def __post_init__(self) -> None:
        finite_nudge(self.beta)

    @property
    @abc.abstractmethod
    def points(self) -> tuple[tuple[float, float], ...]:
        """Pairs ``(β_m, w_m)``; β = 0 stands for the free phase."""

    def gradient(self, free: Orbit) -> dict[str, np.ndarray]:
        """Raises ``SymbolicError`` where the estimate would be wrong, ``ConvergenceError`` for a nudge that is too
        large or too small, ``DivergenceError`` for what is not finite."""
        refuse_naive(free, type(self).__name__)
        phases = [(weight, nudged(free, beta) if beta else free) for beta, weight in self.points]
        terms = [(weight, phase.gradient()) for weight, phase in phases]
        with np.errstate(over="ignore", invalid="ignore"):
            found = {name: np.asarray(sum(w * term[name] for w, term in terms)) for name in terms[0][1]}
        return finite_derivatives(found, free.q)


@dataclass(frozen=True)
class OneSided(Finite):
    """(∂_θS(β) − ∂_θS(0))/β: bias O(β)."""

    beta: float = 1e-3

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        return ((self.beta, 1 / self.beta), (0.0, -1 / self.beta))


@dataclass(frozen=True)
class Centered(Finite):
    """(∂_θS(β) − ∂_θS(−β))/2β: bias O(β²).

    None at any β for L quadratic and c linear in the path (a quadratic cost frozen at its error e, c = e·q):
    then the path is linear in β, and ∂_θS quadratic.
    """

    beta: float = 1e-3

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        return ((self.beta, 0.5 / self.beta), (-self.beta, -0.5 / self.beta))


def nudged(free: Orbit, beta: float) -> Orbit:
    """The orbit of S_β near a free one. ``ConvergenceError`` if β is too large, or the nudge lost in rounding."""
    return nudge_closed(free, beta) if isinstance(free.linear, Pinned) else nudge(free, beta)


def adjoint(free: Orbit) -> dict[str, np.ndarray]:
    """dC/dθ by name by implicit differentiation, whatever the system: of a closed orbit the same solve as the response
    to a nudge."""
    if isinstance(free.linear, Pinned):
        return closed_parameters(free)
    return by_parameters(free, free.linear.adjoint(pushed(free)))


def finite_nudge(beta: float, what: str = "the nudge beta") -> None:
    """``ValueError`` for what is no size of a nudge."""
    if not 0 < abs(one_real(beta, what)) < np.inf:
        raise ValueError(f"{what} = {beta} must be finite and not zero")
    if abs(beta) < 1 / np.finfo(float).max:
        raise ValueError(f"{what} = {beta} is too small: its inverse is not finite")


def pushed(free: Orbit) -> np.ndarray:
    """∂C/∂x at all nodes. ``DivergenceError`` where it is not finite."""
    push = free.system.slope(free.setting, free.q, COST)
    if not np.isfinite(push).all():
        raise DivergenceError("the derivative of the cost by the path is not finite", partial=free.q)
    return push


def pushes(free: Orbit) -> tuple[np.ndarray, np.ndarray]:
    """The derivatives of the running cost by q and v at the points, (points, 2d), and that of the terminal cost by
    q(T). ``DivergenceError`` where they are not finite."""
    system, setting, d = free.system, free.setting, free.q.shape[1]
    at = system.points(setting, free.q)
    (rows,) = system.run(system.kernels.slope, setting, at, COST, [2 * d])
    if not np.isfinite(rows).all():
        raise DivergenceError("the derivative of the cost by the path is not finite", partial=free.q)
    return rows[: setting.points], rows[setting.points :, :d].sum(axis=0)


def refuse_naive(free: Orbit, scheme: str) -> None:
    """``SymbolicError`` where a nudge of the system itself does not give the gradient."""
    if free.setting.boundary.is_marched:
        raise SymbolicError(
            f"{scheme}: free and nudged from the same initial state, the system does not give the gradient, as the "
            "boundary term ∂_βp·∂_θq at T does not vanish. Use Infinitesimal(), which reads the doubled action, or "
            "without dissipation Echo()"
        )
    if not free.system.has_action:
        raise SymbolicError(
            f"{scheme}: a system with dissipation or generalized forces is no extremum of an action, and nudged it "
            "does not give the gradient. Use Infinitesimal(), which reads the doubled action"
        )
