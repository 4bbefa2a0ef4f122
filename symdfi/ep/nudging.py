"""Nudging schemes: the gradient dC/dθ from what a nudge does to ∂_θS (signs: see ``symdfi.ep``)."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np

from symdfi.ep.closed import Pinned, closed_parameters, closed_sensitivity, nudge_closed
from symdfi.ep.discrete import COST, DiscreteSystem
from symdfi.ep.frame import TwoPoint
from symdfi.ep.leaps import explicit_gradient
from symdfi.ep.newton import nudge
from symdfi.ep.orbit import Orbit
from symdfi.ep.precision import Scale
from symdfi.ep.readout import finite_derivatives
from symdfi.ep.sensitivity import Sensitivity, by_parameters, sensitivity, shaped
from symdfi.ep.setting import Setting
from symdfi.errors import DivergenceError, SymbolicError
from symdfi.numbers import count, one_real
from symdfi.showing import Settings


class Nudging(Settings, abc.ABC):
    """A way to nudge a free orbit and to read the gradient off."""

    @abc.abstractmethod
    def gradient(self, free: Orbit) -> dict[str, np.ndarray]:
        """dC/dθ by name."""


class Complete(Nudging):
    """A scheme that reads off the derivatives by all that was given, of which dC/dθ is a part."""

    @abc.abstractmethod
    def sensitivity(self, free: Orbit) -> Sensitivity:
        """dC by parameters, signals, initial state and T."""

    def gradient(self, free: Orbit) -> dict[str, np.ndarray]:
        return self.sensitivity(free).params


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
        if free.setting.boundary.is_marched:
            found = explicit_gradient(free.system, free.setting, free.q)
            if found is not None:
                return shaped(found, free.system.shapes(free.setting))
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
    """Nudges of finite size, as an experiment makes them: dC/dθ ≈ Re Σ_m w_m ∂_θS(β_m), of a bias O(β^order).

    ``beta`` = None chooses it: with β₁ for which the response is as large as the orbit, and rounding a part ε of the
    orbit, bias (β/β₁)^order and rounding ε β₁/β are alike at β = β₁ ε^{1/(order + 1)}; half of that is taken.
    """

    beta: float | None

    def __post_init__(self) -> None:
        if self.beta is not None:
            finite_nudge(self.beta)

    @property
    @abc.abstractmethod
    def order(self) -> int:
        """The power of β that the bias falls with."""

    @abc.abstractmethod
    def points(self, beta: float) -> tuple[tuple[complex, complex], ...]:
        """Pairs ``(β_m, w_m)``; β = 0 stands for the free phase."""

    def gradient(self, free: Orbit) -> dict[str, np.ndarray]:
        """Raises ``SymbolicError`` where the estimate would be wrong, ``ConvergenceError`` for a nudge that is too
        large or too small and for a gradient that is all rounding, ``DivergenceError`` for what is not finite.

        Warns, as ``PrecisionWarning``, where an estimated tenth of the gradient is bias, or a hundredth rounding; what
        cannot be told from rounding is returned as 0."""
        refuse_naive(free, type(self).__name__)
        scale = Scale.of(free)
        beta = scale.best(self.order) if self.beta is None else self.beta
        points = self.points(beta)
        phases = [(weight, nudged(free, at) if at else free) for at, weight in points]
        terms = [(weight, phase.gradient()) for weight, phase in phases]
        with np.errstate(over="ignore", invalid="ignore"):
            found = {name: np.asarray(np.real(sum(w * term[name] for w, term in terms))) for name in terms[0][1]}
        found = finite_derivatives(found, free.q)
        weight, bias = sum(abs(weight) for _, weight in points), scale.bias(phases[0][1], free, self.order)
        return scale.told(free, found, abs(beta), self.order, weight, bias)


@dataclass(frozen=True)
class OneSided(Finite):
    """(∂_θS(β) − ∂_θS(0))/β: bias O(β)."""

    beta: float | None = None

    @property
    def order(self) -> int:
        return 1

    def points(self, beta: float) -> tuple[tuple[complex, complex], ...]:
        return ((beta, 1 / beta), (0.0, -1 / beta))


@dataclass(frozen=True)
class Centered(Finite):
    """(∂_θS(β) − ∂_θS(−β))/2β: bias O(β²).

    None at any β for L quadratic and c linear in the path (a quadratic cost frozen at its error e, c = e·q):
    then the path is linear in β, and ∂_θS quadratic.
    """

    beta: float | None = None

    @property
    def order(self) -> int:
        return 2

    def points(self, beta: float) -> tuple[tuple[complex, complex], ...]:
        return ((beta, 0.5 / beta), (-beta, -0.5 / beta))


@dataclass(frozen=True)
class Holomorphic(Finite):
    """(1/Nβ) Σ_m e^{−2πim/N} ∂_θS(β e^{2πim/N}) over N ``number`` points of a circle in the complex plane: bias O(β^N).

    The nudged orbits are complex, by the same program in complex arithmetic: of an experiment, what an amplitude and a
    phase of an oscillating nudge read. Points that are conjugate give conjugate orbits, of which one is computed.

    ``ValueError`` for fewer than two points; ``CompileError`` for a function without a complex form (erf, Γ). Across
    kinks (|q|, Piecewise) orbits are continued branch by branch, and a bias remains where a branch changes within the
    circle.
    """

    number: int = 8
    beta: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        count(self.number, "the number of points", 2)

    @property
    def order(self) -> int:
        return self.number

    def points(self, beta: float) -> tuple[tuple[complex, complex], ...]:
        n, found = self.number, []
        for m in range(n // 2 + 1):
            turn = np.exp(2j * np.pi * m / n).item()
            share = (1 if m in (0, n / 2) else 2) / (n * beta)
            real = m in (0, n / 2)
            found.append((beta * (turn.real if real else turn), share / (turn.real if real else turn)))
        return tuple(found)


def nudged(free: Orbit, beta: complex) -> Orbit:
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
    """``pushes_at`` a free orbit."""
    return pushes_at(free.system, free.setting, free.q)


def pushes_at(system: DiscreteSystem, setting: Setting, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The derivatives of the running cost by q and v at the points, (points, 2d), and that of the terminal cost by
    q(T). ``DivergenceError`` where they are not finite."""
    d, at = path.shape[1], system.points(setting, path)
    (rows,) = system.run(system.kernels.slope, setting, at, COST, [2 * d])
    if not np.isfinite(rows).all():
        raise DivergenceError("the derivative of the cost by the path is not finite", partial=path)
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
