"""Dirac–Frenkel–Onsager dynamics: a momentum that acts in the kernel of J alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from symdfi.dfi.schemes import Motion, Stage, Step
from symdfi.dfi.steppers.base import Stepper
from symdfi.dfi.steppers.solves import Solves
from symdfi.linalg import TruncatedSVD
from symdfi.linalg.anchored.truncated_svd import TruncatedFactor
from symdfi.numbers import one_real


@dataclass(frozen=True)
class DFO(Stepper):
    """Dirac–Frenkel–Onsager (arXiv:2605.00284): ``τ ṁ = η̄ − m, θ̇ = η̄ + λ P m``, η̄ = J⁺f of minimum norm, truncated at
    ``rtol`` σ₁, and P the projector on the kernel that is cut off with it.

    m is kept from step to step by m⁺ = β m + (1 − β) η̄, β = τ/(τ + h); ``tau``, or ``beta`` itself (0.2 unless given).
    ``scheme``: "euler", or "rk4", whose stages of lengths h, h/2, h/2, h hand m on, each in units of its own length.
    ``lam`` is λ; how well it is chosen matters where J loses rank: two equal waves that meet after a time s cross
    exactly with λ = 1/(1 − e^{−s/τ}) (theory of DFI, "Onsager's momentum"). ``DFI`` needs neither λ nor a truncation.
    """

    rtol: float = 1e-4
    beta: float | None = None
    tau: float | None = None
    lam: float = 1.0
    scheme: str = "rk4"

    def __post_init__(self) -> None:
        TruncatedSVD(self.rtol)
        if self.beta is not None and self.tau is not None:
            raise ValueError("give only one of beta and tau")
        if self.beta is not None and not 0 <= one_real(self.beta, "beta") < 1:
            raise ValueError(f"beta = {self.beta} must be at least 0 and less than 1")
        if self.tau is not None and not 0 <= one_real(self.tau, "tau") < np.inf:
            raise ValueError(f"tau = {self.tau} must be finite and not negative")
        if not np.isfinite(one_real(self.lam, "lam")):
            raise ValueError(f"lam = {self.lam} must be finite")
        if self.scheme not in ("euler", "rk4"):
            raise ValueError(f"unknown scheme {self.scheme!r}: one of euler, rk4")

    def velocity(self, solves: Solves, motion: Motion, time: float, h: float) -> np.ndarray:
        rate, outside = self._rate(solves, motion.theta, time)
        return rate + self.lam * outside(motion.own.get("momentum", 0 * rate))

    def step(self, solves: Solves, motion: Motion, time: float, h: float) -> Step:
        beta = self.tau / (self.tau + h) if self.tau is not None else 0.2 if self.beta is None else self.beta
        parts = (
            ((1.0, 0.0, 1.0),)
            if self.scheme == "euler"
            else ((1 / 6, 0.0, 1.0), (1 / 3, 0.5, 0.5), (1 / 3, 0.5, 0.5), (1 / 6, 1.0, 1.0))
        )
        # The momentum is carried as a displacement: that of a stage's own length.
        moving = h * motion.own.get("momentum", np.zeros(motion.theta.size))
        stages: list[Stage] = []
        for weight, ahead, length in parts:
            theta = motion.theta + ahead * h * stages[-1].velocity if stages else motion.theta
            at = time + ahead * h
            rate, outside = self._rate(solves, theta, at)
            moving = beta * moving + (1 - beta) * length * h * rate
            stages.append(Stage(weight, theta, at, rate + self.lam * outside(moving) / (length * h)))
        theta = motion.theta + h * sum(s.weight * s.velocity for s in stages)
        moved = Motion(theta, stages[-1].velocity, motion.velocity, {"momentum": moving / h})
        return Step(moved, stages[0].velocity, tuple(stages))

    def _rate(
        self, solves: Solves, theta: np.ndarray, time: float
    ) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        """η̄ and P at θ."""
        rows, solver = [solves.at(theta, time).whole()], TruncatedSVD(self.rtol)
        factor = solver.init(rows, 0.0)
        assert isinstance(factor, TruncatedFactor)
        solves.last = solver.compute(factor, rows, np.zeros(theta.size))
        kept = factor.directions
        return solves.last.v, lambda m: m - kept.T @ (kept @ m)
