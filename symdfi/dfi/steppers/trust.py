"""Steps are repeated with more regularisation where they do not go where the solves meant them to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from symdfi.dfi.problem import Problem
from symdfi.dfi.schemes import Motion, Stage, Step
from symdfi.errors import ConvergenceError, DivergenceError, SingularMatrixError
from symdfi.numbers import count, one_real
from symdfi.showing import Settings

#: ``attempt(gamma, mu)``: the step with these. Raises where a solve is singular or its rows are not finite.
Attempt = Callable[[float, float], Step]


_TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True)
class Trust(Settings):
    """A step is trusted if its defect is at most ``factor`` times what its residuals allow:

        e = ‖û⁺ − û − h Σ b f‖  ≤  factor (h Σ b ‖r‖ + tolerance h ‖f‖),    r = J v − f

    over the stages of the step. Beyond that û is not linear in θ over a step of this length: weak directions of J are
    driven too fast. The step is then repeated with γ·``raised`` and μ·``faded``, up to ``tries`` times, as long as e
    and the residuals together fall by the share ``gain`` (a bias may hide a defect), or the velocity has not felt it
    yet. Where the velocity changes and they do not fall, twice, the excess is the error of the time scheme: γ stays as
    it was, and so much excess is let pass for a while. γ falls to ``fall``·γ at most over each trusted step that
    follows, a tenth in 32 of them, whoever raised it. Where it falls by halves, weak directions are let loose again
    before the solution has left the place that made them weak.

    Where γ had to be raised until û hardly moves, ‖r‖ > ``still``·‖f‖, for more than ``tries`` steps on end, a run has
    come to rest and not to its solution: ``DivergenceError``.
    """

    factor: float = 1.5
    tolerance: float = 1e-8
    raised: float = 10.0
    faded: float = 0.3
    gain: float = 0.3
    tries: int = 10
    fall: float = 0.93
    still: float = 0.99

    def __post_init__(self) -> None:
        for name, low, high in (("factor", 1, np.inf), ("tolerance", 0, np.inf), ("raised", 1, np.inf)):
            if not low <= one_real(getattr(self, name), name) < high:
                raise ValueError(f"{name} = {getattr(self, name)} must be at least {low}, and finite")
        for name in ("faded", "gain", "fall", "still"):
            if not 0 <= one_real(getattr(self, name), name) <= 1:
                raise ValueError(f"{name} = {getattr(self, name)} must lie between 0 and 1")
        count(self.tries, "tries", 0)

    def step(self, problem: Problem, attempt: Attempt, motion: Motion, h: float, mu: float, least: float) -> Step:
        """The step from ``motion``, with the γ for the next one, ``least`` or higher, among the motion's own."""
        gamma = max(least, motion.own.get("gamma", least))
        # An excess that γ did not take away is the time scheme's: to try again at every step would double the cost.
        usual = max(self.factor, 2 * motion.own.get("excess", 0.0))
        before = problem.weighted(motion.theta, fresh=False)
        best = self._tried(problem, attempt, before, h, gamma, mu)
        found, trial, fade, lift, left, vain = gamma, gamma, mu, self.raised, 0.0, 0
        for _ in range(self.tries):
            if best.defect <= (usual if found == gamma else self.factor) * best.allowed:
                break
            trial, fade = trial * lift, fade * self.faded
            other = self._tried(problem, attempt, before, h, trial, fade)
            if other.astray < (1 - self.gain) * best.astray:
                best, found, lift, vain = other, trial, self.raised, 0
            elif other.like(best):
                lift *= self.raised  # below all singular values of J: nothing has felt it yet
            elif vain < 1:
                vain += 1
            else:
                left = best.defect / max(best.allowed, _TINY)
                break
        if best.step is None:
            assert best.fault is not None
            raise best.fault
        stuck = motion.own.get("stuck", 0) + 1 if found > least and best.residual > self.still else 0
        if stuck > self.tries:
            raise DivergenceError(
                f"{stuck} steps on end cannot be trusted at any gamma that moves û: at {found:.2g} it follows "
                f"{1 - best.residual:.1g} of f"
            )
        own = {
            "gamma": found if found > gamma else max(least, self.fall * gamma),
            "excess": max(left, self.fall * motion.own.get("excess", 0.0)),
            "residual": best.residual,
            "stuck": stuck,
        }
        return replace(best.step, motion=replace(best.step.motion, own={**best.step.motion.own, **own}))

    def _tried(
        self, problem: Problem, attempt: Attempt, before: np.ndarray, h: float, gamma: float, mu: float
    ) -> _Trial:
        try:
            step = attempt(gamma, mu)
            if not np.isfinite(step.motion.theta).all():
                return _Trial(step, np.inf, 0.0)
            aim, allowed, rates, residuals = before, 0.0, [], []
            for stage in step.stages:
                moved, side = problem.tangents(stage.theta, stage.velocity, stage.time, fresh=False)
                aim = aim + h * stage.weight * side
                rates.append(float(np.linalg.norm(side)))
                residuals.append(float(np.linalg.norm(moved - side)))
                allowed += h * abs(stage.weight) * residuals[-1]
            defect = float(np.linalg.norm(problem.weighted(step.motion.theta, fresh=False) - aim))
        except (SingularMatrixError, ConvergenceError, FloatingPointError, ValueError) as fault:
            # Singular, or rows that are not finite: of a mistake in a scheme the second trial says the same again.
            return _Trial(None, np.inf, 0.0, fault=fault)
        allowed += self.tolerance * h * rates[0]
        residual = residuals[0] / max(rates[0], _TINY)
        defect = defect if np.isfinite(defect) else np.inf
        return _Trial(step, defect, allowed, residual)


def residual_of(problem: Problem, stage: Stage) -> float:
    """‖J v − f‖/‖f‖ of a stage."""
    moved, side = problem.tangents(stage.theta, stage.velocity, stage.time, fresh=False)
    return float(np.linalg.norm(moved - side)) / max(float(np.linalg.norm(side)), _TINY)


@dataclass(frozen=True)
class _Trial:
    step: Step | None
    defect: float
    allowed: float
    #: ‖r‖/‖f‖ of the first stage.
    residual: float = 1.0
    fault: Exception | None = None

    @property
    def astray(self) -> float:
        return self.defect + self.allowed

    def like(self, other: _Trial) -> bool:
        """Whether the two move alike."""
        if self.step is None or other.step is None:
            return self.step is other.step
        own, its = self.step.velocity, other.step.velocity
        return float(np.linalg.norm(own - its)) <= 0.1 * float(np.linalg.norm(its))
