"""How far a step strays from the equation.

A step from θ to θ⁺ is made a path: the cubic θ(t) through both, with the velocities at the ends. Along it
û(t) = Φ(θ(t)) obeys the equation up to the residual R(t) = J θ̇ − f, and any such path bounds the error
(theory of DFI, "The error bound"): ‖e(t + h)‖ ≤ e^{ℓh} ‖e(t)‖ + ∫ e^{ℓ(t+h−s)} ‖R(s)‖ ds. So R holds at once what the
ansatz cannot follow and what the time scheme gets wrong, whatever its order.

Integrals over such a step are two-point Gauss rules: exact for cubics, and at the very points where the residual of a
cubic is largest, so that ∫‖R‖ is over- rather than underestimated. Of a scheme of order 4 this sees O(h³) a unit of
time: the cubic's own residual, and the resolution of the measurement.

A step that is straight in θ, as Euler's are, is measured for less. Its path is one of functions: û(t) of second order
in t through û and û⁺, with the rate J⁺ v where it arrives. Then f at û, known from where the last step arrived, and one
sweep at θ⁺ say what R is at both ends, (2 (û⁺ − û)/h − J⁺ v) − f and J⁺ v − f⁺. Between them it is linear to first
order in h, so that the trapezoidal rule over- rather than underestimates ∫‖R‖.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdfi.dfi.problem import Problem
from symdfi.dfi.schemes import Motion

GAUSS = 0.5 + np.array([-0.5, 0.5]) / np.sqrt(3)
#: The cubic there by θ⁺ − θ and h times the velocities at both ends, (2, 3), and its rate by the same over h.
VALUES = np.stack([3 * GAUSS**2 - 2 * GAUSS**3, GAUSS - 2 * GAUSS**2 + GAUSS**3, GAUSS**3 - GAUSS**2], axis=1)
RATES = np.stack([6 * (GAUSS - GAUSS**2), 1 - 4 * GAUSS + 3 * GAUSS**2, 3 * GAUSS**2 - 2 * GAUSS], axis=1)
#: A step fails if it strays by this part of ‖û‖; healthy steps stray by 1e-10 to 3e-2 (V1, V6, the models).
_LARGEST = 0.5
#: ... and by this many times ∫‖f‖. A healthy step, even one whose ansatz cannot follow at all, strays by at most one.
_EXCESS = 4.0


@dataclass(frozen=True)
class StepError:
    """Norms in L² over one step, on points independent of those solved on.

    ``residual`` ∫‖J θ̇ − f‖ dt along the path; ``defect`` ‖û⁺ − û − ∫f dt‖; ``unresolved`` ‖û⁺ − û − ∫J θ̇ dt‖, zero
    but for the Gauss rule, of a straight step ‖û⁺ − û − h J⁺ v‖; ``moved`` ‖û⁺ − û‖; ``rate`` ∫‖f‖ dt; ``size`` the
    larger of ‖û‖ and ‖û⁺‖.
    """

    residual: float
    defect: float
    unresolved: float
    moved: float
    rate: float
    size: float

    @property
    def fault(self) -> str | None:
        """What shows that the step does not follow the equation, None if nothing does.

        Either the points in time do not see what happens between them: û⁺ − û differs from the integral of its own
        rate by half of û. Or they do, and the step strays by half of û, and by several times all that f can move.
        """
        if sound(self.residual, self.defect, self.unresolved, self.rate, self.size):
            return None
        if not np.isfinite([self.residual, self.defect, self.unresolved]).all():
            return "the residual along the step is not finite"
        return (
            f"the step does not follow the equation: it moves û by {self.moved:.3g} and strays from the equation by "
            f"{max(self.residual, self.defect):.3g}, where f accounts for {self.rate:.3g} and ‖û‖ is {self.size:.3g}; "
            "regularise more (larger gamma or epsilon)"
        )


def sound(residual: Any, defect: Any, unresolved: Any, rate: Any, size: Any) -> Any:
    """Whether a step, or each of several, has no fault; what is not finite is one."""
    strayed, largest = np.maximum(residual, defect), _LARGEST * size
    finite = np.isfinite(strayed) & np.isfinite(unresolved)
    return finite & (unresolved <= largest) & (strayed <= np.maximum(largest, _EXCESS * rate))


class StepMeter:
    """Measures step after step; keeps û, and of straight steps f and the time, of where the last one ended."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._value: np.ndarray | None = None
        self._end: tuple[float, np.ndarray, np.ndarray] | None = None

    def measure(
        self, motion: Motion, velocity: np.ndarray, moved: Motion, time: float, h: float, end: float | None = None
    ) -> StepError:
        """The step of length h from ``motion`` at ``time``, where the velocity is ``velocity``, to ``moved`` at
        ``end``, time + h unless given: another step that begins at this very time need not compute what is known."""
        straight = np.array_equal(velocity, moved.velocity)
        if straight and np.array_equal(moved.theta, motion.theta + h * velocity):
            return self._straight(motion, velocity, moved, time, h, time + h if end is None else end)
        return self._cubic(motion, velocity, moved, time, h)

    def _straight(
        self, motion: Motion, velocity: np.ndarray, moved: Motion, time: float, h: float, end: float
    ) -> StepError:
        if self._end is None or self._end[0] != time:
            value, _, side = self._problem.arrival(motion.theta, velocity, time)
        else:
            _, value, side = self._end
        after, rate, driven = self._problem.arrival(moved.theta, velocity, end)
        self._value, self._end = None, (end, after, driven)
        step = after - value
        return StepError(
            residual=0.5 * h * (_norm(2 / h * step - rate - side) + _norm(rate - driven)),
            defect=_norm(step - 0.5 * h * (side + driven)),
            unresolved=_norm(step - h * rate),
            moved=_norm(step),
            rate=0.5 * h * (_norm(side) + _norm(driven)),
            size=max(_norm(value), _norm(after)),
        )

    def _cubic(self, motion: Motion, velocity: np.ndarray, moved: Motion, time: float, h: float) -> StepError:
        before = self._problem.weighted(motion.theta) if self._value is None else self._value
        parts = np.array([moved.theta - motion.theta, h * velocity, h * moved.velocity])
        path, along = motion.theta + VALUES @ parts, RATES @ parts / h
        pairs = [self._problem.tangents(*state) for state in zip(path, along, time + h * GAUSS, strict=True)]
        rates, sides = zip(*pairs, strict=True)
        self._value, self._end = self._problem.weighted(moved.theta), None
        step = self._value - before
        norms = lambda parts: 0.5 * h * sum(_norm(part) for part in parts)  # noqa: E731
        return StepError(
            residual=norms([rate - side for rate, side in zip(rates, sides, strict=True)]),
            defect=_norm(step - 0.5 * h * (sides[0] + sides[1])),
            unresolved=_norm(step - 0.5 * h * (rates[0] + rates[1])),
            moved=_norm(step),
            rate=norms(sides),
            size=max(_norm(before), _norm(self._value)),
        )


def _norm(x: np.ndarray) -> float:
    return math.sqrt(x @ x)
