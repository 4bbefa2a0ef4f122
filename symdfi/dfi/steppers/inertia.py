"""Dirac–Frenkel dynamics with inertia."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from symdfi.dfi.schemes import Euler, Motion, Scheme, Step
from symdfi.dfi.steppers.base import Stepper, at_most_one, scheme_of
from symdfi.dfi.steppers.field import AnchoredField
from symdfi.dfi.steppers.memory import Memory
from symdfi.dfi.steppers.solves import Solves
from symdfi.dfi.steppers.trust import Trust
from symdfi.linalg import AnchoredSolver, Auto, TruncatedSVD
from symdfi.numbers import one_real

#: γ in units of σ₁(J)² where none is given: 1e-8 at every stage of "rk4".
_GAMMA = 2.5e-9


@dataclass(frozen=True)
class DFI(Stepper):
    """Dirac–Frenkel dynamics with inertia: ``θ̇ = v, ε v̇ = Jᵀ(f − J v)``, v implicit (THEORY-DFI, §1).

    Each solve is ``min ‖J v − f‖² + γ‖v − μ a‖²``, a the last velocity. Three ways of use:

    ``DFI()``, or ``DFI(gamma=...)``: γ relative to σ₁(J)², in a step of length h what ε/h is (converges to
    Dirac–Frenkel in the directions kept); μ by ``Memory()``, and steps that are not to be trusted repeated with a
    higher γ (``Trust()``). Needs no tuning.
    ``DFI(epsilon=...)``: γ = ε/h, μ = 1, no trust: converges to the equation above as h → 0.
    ``DFI(gamma=..., mu=0.99, trust=False)``: SPRING; ``mu=0`` Tikhonov.

    ``mu`` is a number or a ``Memory``, ``trust`` a ``Trust``, True or False. ``scheme``: a ``Scheme``, or the name of
    one, "euler" (order 1), "bdf2" (2), "rk4" (stages anchored at one another), "rk43" (with an estimate of its
    error), and for stiff right sides "implicit-euler" (1), "tr-bdf2" (2), "esdirk4" (4); ε and μ mean the same in each.
    ``solver``: ``Auto`` chooses by shape and conditioning. ``initial``: the velocity at the start from an iterated
    "tikhonov" solve, a "truncated-svd" one, or "zero", which costs an initial layer.
    """

    epsilon: float | None = None
    gamma: float | None = None
    mu: float | Memory | None = None
    trust: Trust | bool | None = None
    scheme: str | Scheme = "rk4"
    solver: AnchoredSolver = field(default_factory=Auto)
    initial: str = "tikhonov"

    def __post_init__(self) -> None:
        scheme_of(self.scheme)
        at_most_one(epsilon=self.epsilon, gamma=self.gamma)
        if isinstance(self.mu, int | float) and not 0 <= one_real(self.mu, "mu") <= 1:
            raise ValueError(f"mu = {self.mu} must lie between 0 (no inertia) and 1")
        if not isinstance(self.mu, int | float | Memory | None):
            raise TypeError(f"mu = {self.mu!r} is no number and no Memory")
        if not isinstance(self.trust, Trust | bool | None):
            raise TypeError(f"trust = {self.trust!r} is no Trust, True or False")
        if self.initial not in ("tikhonov", "truncated-svd", "zero"):
            raise ValueError(f"initial = {self.initial!r}: one of tikhonov, truncated-svd, zero")

    @property
    def _memory(self) -> float | Memory:
        if self.mu is not None:
            return self.mu
        return 1.0 if self.epsilon is not None else Memory()

    @property
    def _trust(self) -> Trust | None:
        wanted = self.epsilon is None if self.trust is None else self.trust
        return wanted if isinstance(wanted, Trust) else Trust() if wanted else None

    def _least(self, h: float) -> float:
        """γ of a step, in units of σ₁(J)² unless ε is given."""
        if self.epsilon is None:
            return _GAMMA if self.gamma is None else self.gamma
        gamma = self.epsilon / h
        if not np.isfinite(gamma):
            raise ValueError(f"epsilon = {self.epsilon} in steps of {h:.3g} makes epsilon/h infinite")
        return gamma

    def plain(self, h: float) -> tuple[float, float] | None:
        """γ and μ where every step is one of Euler's scheme with these and nothing else, None where it is not."""
        mu = self._memory
        if self.epsilon is None or self._trust is not None or isinstance(mu, Memory):
            return None
        return (self._least(h), mu) if type(scheme_of(self.scheme)) is Euler else None

    def step(self, solves: Solves, motion: Motion, time: float, h: float) -> Step:
        least, scheme, memory, trust = self._least(h), scheme_of(self.scheme), self._memory, self._trust
        mu = memory.mu(motion) if isinstance(memory, Memory) else memory

        def attempt(gamma: float, mu: float) -> Step:
            return scheme.step(self._field(solves, gamma, mu), motion, time, h)

        if trust is None:
            return attempt(least, mu)
        return trust.step(solves.problem, attempt, motion, h, mu, least)

    def velocity(self, solves: Solves, motion: Motion, time: float, h: float) -> np.ndarray:
        gamma = max(self._least(h), motion.own.get("gamma", 0.0))
        return self._field(solves, gamma, 1.0)(motion.theta, time, motion.velocity)

    def begin(self, solves: Solves, theta: np.ndarray, time: float, h: float) -> np.ndarray:
        zero = np.zeros(theta.size)
        if self.initial == "zero":
            return zero
        if self.initial == "truncated-svd":
            return solves.solve(TruncatedSVD(1e-8), theta, time, zero, 0.0)
        # Iterated, each solve anchored at the last: one alone leaves the share γ/(σ² + γ) of the velocity out in
        # every direction, and that would spoil the order of the schemes (V1: 3.9e-6 instead of 5.6e-8).
        velocity = zero
        for _ in range(4):
            velocity = self.velocity(solves, Motion(theta, velocity), time, h)
        return velocity

    def _field(self, solves: Solves, gamma: float, mu: float) -> AnchoredField:
        return AnchoredField(
            solves, self.solver, lambda span, fade: (gamma / span, mu**fade), relative=self.epsilon is None
        )
