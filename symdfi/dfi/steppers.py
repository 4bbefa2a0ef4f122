"""Steppers: which least-squares problem gives the velocity, and which time scheme uses it.

All solve ``min ‖J v − f‖² + γ‖v − μ a‖²`` (THEORY-DFI, §1): Dirac–Frenkel has no anchor a, inertia anchors at
the last velocity.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, field

import numpy as np

from symdfi.dfi.problem import Problem
from symdfi.dfi.schemes import BDF2, RK4, Euler, ExtrapolatedRK4, Motion, Scheme
from symdfi.dfi.source import ProblemRows, Workspace
from symdfi.linalg import AnchoredSolution, AnchoredSolver, Cholesky, TruncatedSVD
from symdfi.numbers import one_real

SCHEMES: dict[str, type[Scheme]] = {
    "euler": Euler,
    "bdf2": BDF2,
    "rk4": RK4,
    "rk4-extrapolated": ExtrapolatedRK4,
}


@dataclass
class Solves:
    """The least-squares solves of a run: the latest rows, a workspace that is used again, and the latest solution."""

    problem: Problem
    rows: ProblemRows | None = None
    last: AnchoredSolution | None = None
    count: int = 0
    workspace: Workspace = field(default_factory=Workspace, repr=False)

    def at(self, theta: np.ndarray, time: float) -> ProblemRows:
        """The rows at θ, for a solver to ask for in the form it needs."""
        self.rows = self.problem.source(theta, time, self.workspace)
        self.count += 1
        return self.rows

    def fault(self) -> str | None:
        """What is not finite (or too large to be squared) in the latest rows, and where; None if nothing is."""
        return None if self.rows is None else self.rows.fault()


class Stepper(abc.ABC):
    """Advances the parameters of an ansatz in time."""

    scheme: str | Scheme

    def __post_init__(self) -> None:
        if isinstance(self.scheme, str) and self.scheme not in SCHEMES:
            raise ValueError(f"unknown scheme {self.scheme!r}: one of {', '.join(SCHEMES)}")

    @abc.abstractmethod
    def velocity(
        self, solves: Solves, theta: np.ndarray, time: float, anchor: np.ndarray, factor: float, h: float
    ) -> np.ndarray:
        """The velocity at θ; ``factor`` scales the weight of the anchor (multistep schemes)."""

    @abc.abstractmethod
    def begin(self, solves: Solves, theta: np.ndarray, time: float, h: float) -> np.ndarray:
        """The velocity to start from."""

    def step(self, solves: Solves, motion: Motion, time: float, h: float) -> tuple[Motion, np.ndarray]:
        """One step of the scheme: the new motion, and the velocity at the step's beginning."""
        scheme = SCHEMES[self.scheme]() if isinstance(self.scheme, str) else self.scheme
        bound = lambda theta, at, anchor, factor: self.velocity(solves, theta, at, anchor, factor, h)  # noqa: E731
        return scheme.step(bound, motion, time, h)


@dataclass(frozen=True)
class DiracFrenkel(Stepper):
    """Dirac–Frenkel: v = argmin ‖J v − f‖² + γ‖v‖² (Tikhonov, ``gamma``), or the minimum-norm solution with
    singular values below ``rtol`` σ₁ cut off (``rtol``). Exactly one of the two is given.

    ``relative`` counts γ in units of σ₁(J)²; γ = 0 is plain Dirac–Frenkel, singular where J loses rank.
    """

    gamma: float | None = None
    rtol: float | None = None
    relative: bool = False
    scheme: str | Scheme = "rk4"
    solver: AnchoredSolver = field(default_factory=Cholesky)

    def __post_init__(self) -> None:
        super().__post_init__()
        _exactly_one(gamma=self.gamma, rtol=self.rtol)

    def velocity(
        self, solves: Solves, theta: np.ndarray, time: float, anchor: np.ndarray, factor: float, h: float
    ) -> np.ndarray:
        rows, zero = solves.at(theta, time), np.zeros(theta.size)
        if self.rtol is not None:
            solves.last = TruncatedSVD(self.rtol).solve(rows, zero, 0.0)
        else:
            assert self.gamma is not None
            solves.last = self.solver.solve(rows, zero, self.gamma, relative=self.relative)
        return solves.last.v

    def begin(self, solves: Solves, theta: np.ndarray, time: float, h: float) -> np.ndarray:
        return self.velocity(solves, theta, time, np.zeros(theta.size), 1.0, h)


@dataclass(frozen=True)
class DFI(Stepper):
    """Dirac–Frenkel dynamics with inertia: ``θ̇ = v, ε v̇ = Jᵀ(f − J v)``, v implicit (THEORY-DFI, §1).

    Each solve is ``min ‖J v − f‖² + γ‖v − μ a‖²``, a the last velocity. Give exactly one of ``epsilon``
    (γ = ε/h: converges to the DFI equation as h → 0) and ``gamma`` (relative to σ₁(J)²: converges to
    Dirac–Frenkel in the directions kept). ``mu`` < 1 lets null components fade (SPRING: 0.99).

    ``scheme``: "euler" (order 1), "bdf2" (2), "rk4" (stages anchored at one another), "rk4-extrapolated" (2), or
    a ``Scheme``. ``solver``: Cholesky (fast), QR or SVD (accurate for tiny γ), Dual (fewer points than
    parameters). ``initial``: the velocity at the start from an iterated "tikhonov" solve, a "truncated-svd" one,
    or "zero", which costs an initial layer.
    """

    epsilon: float | None = None
    gamma: float | None = None
    mu: float = 1.0
    scheme: str | Scheme = "euler"
    solver: AnchoredSolver = field(default_factory=Cholesky)
    initial: str = "tikhonov"

    def __post_init__(self) -> None:
        super().__post_init__()
        _exactly_one(epsilon=self.epsilon, gamma=self.gamma)
        if not 0 <= one_real(self.mu, "mu") <= 1:
            raise ValueError(f"mu = {self.mu} must lie between 0 (no inertia) and 1")
        if self.initial not in ("tikhonov", "truncated-svd", "zero"):
            raise ValueError(f"initial = {self.initial!r}: one of tikhonov, truncated-svd, zero")

    def _weight(self, h: float, factor: float) -> tuple[float, bool]:
        if self.epsilon is not None:
            gamma = factor * self.epsilon / h
            if not np.isfinite(gamma):
                raise ValueError(f"epsilon = {self.epsilon} in steps of {h:.3g} makes epsilon/h infinite")
            return gamma, False
        assert self.gamma is not None
        return factor * self.gamma, True

    def velocity(
        self, solves: Solves, theta: np.ndarray, time: float, anchor: np.ndarray, factor: float, h: float
    ) -> np.ndarray:
        gamma, relative = self._weight(h, factor)
        rows = solves.at(theta, time)
        solves.last = self.solver.solve(rows, anchor, gamma, relative=relative, mu=self.mu)
        return solves.last.v

    def begin(self, solves: Solves, theta: np.ndarray, time: float, h: float) -> np.ndarray:
        zero = np.zeros(theta.size)
        if self.initial == "zero":
            return zero
        if self.initial == "truncated-svd":
            return TruncatedSVD(1e-8).solve(solves.at(theta, time), zero, 0.0).v
        # Iterated, each solve anchored at the last: one alone leaves the share γ/(σ² + γ) of the velocity out in
        # every direction, and that would spoil the order of the schemes (V1: 3.9e-6 instead of 5.6e-8).
        velocity = zero
        for _ in range(4):
            velocity = self.velocity(solves, theta, time, velocity, 1.0, h)
        return velocity


def _exactly_one(**values: float | None) -> None:
    given = {name: value for name, value in values.items() if value is not None}
    if len(given) != 1:
        raise ValueError(f"give exactly one of {' and '.join(values)}")
    for name, value in given.items():
        if not 0 <= one_real(value, name) < np.inf:
            raise ValueError(f"{name} = {value} must be finite and not negative")
