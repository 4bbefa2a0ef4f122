"""Dirac–Frenkel dynamics with inertia."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from symdfi.dfi.schemes import Euler, Motion, Scheme, Step
from symdfi.dfi.steppers.base import Stepper, at_most_one, scheme_of
from symdfi.dfi.steppers.budget import Budget
from symdfi.dfi.steppers.field import AnchoredField
from symdfi.dfi.steppers.memory import Memory
from symdfi.dfi.steppers.solves import Solves
from symdfi.dfi.steppers.trust import Trust, residual_of
from symdfi.linalg import AnchoredSolver, Auto, TruncatedSVD
from symdfi.numbers import one_real


@dataclass(frozen=True)
class DFI(Stepper):
    """Dirac–Frenkel dynamics with inertia: ``θ̇ = v, ε v̇ = Jᵀ(f − J v)``, v implicit (theory of DFI, "Inertia").

    Each solve is ``min ‖J v − f‖² + γ‖v − μ a‖²``, a the last velocity. Three ways of use:

    ``DFI()``, or ``DFI(gamma=...)``: γ relative to σ₁(J)², in a step of length h what ε/h is (converges to
    Dirac–Frenkel in the directions kept); as small as is worth it in velocity unless given (``Budget()``); μ by
    ``Memory()``, and steps that are not to be trusted repeated with a higher γ (``Trust()``). Needs no tuning.
    ``DFI(epsilon=...)``: γ = ε/h, μ = 1, no trust: converges to the equation above as h → 0.
    ``DFI(gamma=..., mu=0.99, trust=False)``: SPRING; ``mu=0`` Tikhonov.

    ``gamma`` is a number or a ``Budget``, ``mu`` a number or a ``Memory``, ``trust`` a ``Trust``, True or False.
    ``scheme``: a ``Scheme``, or the name of one, "euler" (order 1), "bdf2" (2), "rk4" (stages anchored at one another),
    "rk43" (with an estimate of its error), and for stiff right sides "implicit-euler" (1), "tr-bdf2" (2), "esdirk4"
    (4); ε and μ mean the same in each. ``solver``: ``Auto`` chooses by shape and conditioning. ``initial``: the
    velocity at the start from an iterated "tikhonov" solve, a "truncated-svd" one, or "zero", which costs an initial
    layer.
    """

    epsilon: float | None = None
    gamma: float | Budget | None = None
    mu: float | Memory | None = None
    trust: Trust | bool | None = None
    scheme: str | Scheme = "rk4"
    solver: AnchoredSolver = field(default_factory=Auto)
    initial: str = "tikhonov"

    def __post_init__(self) -> None:
        scheme_of(self.scheme)
        if isinstance(self.gamma, Budget):
            at_most_one(epsilon=self.epsilon, gamma=1.0)
        else:
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

    @property
    def _adapts(self) -> bool:
        """Whether γ changes from step to step."""
        return self.epsilon is None and not isinstance(self.gamma, int | float)

    def _gamma(self, solves: Solves, motion: Motion, time: float, h: float) -> float:
        """γ of a step, in units of σ₁(J)² unless ε is given."""
        if self.epsilon is not None:
            return self._of_epsilon(self.epsilon, h)
        if isinstance(self.gamma, int | float):
            return self.gamma
        budget = self.gamma or Budget()
        curve = solves.curve(self.solver, motion.theta, time)
        return budget.gamma(curve, motion.own.get("budget"), linear=solves.problem.ansatz.affine)

    @staticmethod
    def _of_epsilon(epsilon: float, h: float) -> float:
        if not np.isfinite(epsilon / h):
            raise ValueError(f"epsilon = {epsilon} in steps of {h:.3g} makes epsilon/h infinite")
        return epsilon / h

    def plain(self, h: float) -> tuple[float, float] | None:
        """γ and μ where every step is one of Euler's scheme with these and nothing else, None where it is not."""
        mu = self._memory
        if self.epsilon is None or self._trust is not None or isinstance(mu, Memory):
            return None
        return (self._of_epsilon(self.epsilon, h), mu) if type(scheme_of(self.scheme)) is Euler else None

    def step(self, solves: Solves, motion: Motion, time: float, h: float) -> Step:
        least, scheme = self._gamma(solves, motion, time, h), scheme_of(self.scheme)
        memory, trust = self._memory, self._trust
        mu = memory.mu(motion) if isinstance(memory, Memory) else memory

        def attempt(gamma: float, mu: float) -> Step:
            step = scheme.step(self._field(solves, gamma, mu), motion, time, h)
            return replace(step, motion=replace(step.motion, own={"weight": self._relative(solves, gamma)}))

        step = attempt(least, mu) if trust is None else trust.step(solves.problem, attempt, motion, h, mu, least)
        own = dict(step.motion.own)
        weight, left = own.pop("weight"), own.pop("residual", None)
        if self._adapts:
            own["budget"] = least
        if isinstance(memory, Memory):
            left = residual_of(solves.problem, step.stages[0]) if left is None else left
            own["driven"] = left / (2 * weight**0.5) if weight > 0 else np.inf if left > 0 else 0.0
        return replace(step, motion=replace(step.motion, own=own))

    def _relative(self, solves: Solves, gamma: float) -> float:
        """γ in units of σ₁(J)² of the last solve, where memory asks for it."""
        if self.epsilon is None or not isinstance(self._memory, Memory):
            return gamma
        assert solves.last is not None
        return gamma / solves.last.sigma_max**2

    def velocity(self, solves: Solves, motion: Motion, time: float, h: float) -> np.ndarray:
        last = motion.own.get("budget") if self._adapts else None
        gamma = max(last or self._gamma(solves, motion, time, h), motion.own.get("gamma", 0.0))
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
        own = {"budget": self._gamma(solves, Motion(theta, zero), time, h)}
        for _ in range(4):
            velocity = self.velocity(solves, Motion(theta, velocity, own=own), time, h)
        return velocity

    def _field(self, solves: Solves, gamma: float, mu: float) -> AnchoredField:
        # A steady v is the same in every scheme: the parts of a step leave the weight γ(1 − μ) on it, as a whole one.
        faded = np.log(mu) if mu > 0 else -np.inf

        def weights(span: float, fade: float) -> tuple[float, float]:
            share = fade * np.expm1(faded) / np.expm1(fade * faded) if faded < 0 < fade else 1.0
            return gamma * share / span, mu**fade

        return AnchoredField(solves, self.solver, weights, relative=self.epsilon is None)
