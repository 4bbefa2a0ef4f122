"""How little regularisation there may be, by how fast parameters move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from symdfi.numbers import one_real
from symdfi.showing import Settings

#: ``speeds(gammas)``: ‖v‖ of v = argmin ‖J v − f‖² + γσ₁²‖v‖² for several γ.
Speeds = Callable[[Sequence[float]], list[float]]


@dataclass(frozen=True)
class Budget(Settings):
    """γ, in units of σ₁(J)², as small as the velocity allows: ‖v_γ‖ ≤ ``factor``·‖v_ref‖, where
    v_γ = argmin ‖J v − f‖² + γσ₁²‖v‖² and v_ref is the one of γ = ``reference``.

    What weak directions of J take off the residual they cost in velocity, ‖v_γ‖ ~ γ^(−1/2) in the worst case. Where
    û can follow f, v_γ hardly changes with γ, and γ goes down to ``least``. Where it cannot, weak directions are driven
    by a residual that they do not take away. Their velocity is sensitive, for with H = Σ r_s ∂²û_s/∂θ² small changes of
    θ grow at the rate of (JᵀJ + γ)⁻¹H, and θ runs to where J is worse still. (The Korteweg–de Vries equation with ten
    Gaussians: from 20 a unit of time at γ = 1e-6 to 200 at 1e-8, for a tenth of the residual.)

    What a residual r drives in weak directions, at most ‖r‖/(2√γ σ₁), shall be no more than the velocity v itself:
    γ ≥ γ* = (‖r‖/(2‖v‖))²/σ₁², with r and v of the last step, up to ``reference``. Where γ* is below ``least``, and û
    follows f but for a small relative residual ρ, γ goes down to ρ²/2 (not below ``floor``): what the residual drives
    is then no more than the velocity of strong directions, ‖f‖/σ₁.

    From step to step γ falls by ``fall`` at most (by ``Trust.fall`` where that is slower), and rises by ``rise``.

    Tried instead, on the cases of tests/validation/cases.py: a γ for all problems (best between 1e-6, Korteweg–de
    Vries, and 1e-12, Burgers), a residual within 10 % to 100 % of the least one (the breather 4e-2 to 2e-1, here 3e-3),
    and the corner of the curve of residual and velocity (the double well 6e-3 to 3e-2, here 6e-4): both take γ too
    large where û is poor already, and make it poorer.
    """

    factor: float = 4.0
    reference: float = 1e-6
    #: A little less than what normal equations serve in the stages of RK4: ``linalg.Auto`` takes QR factors there, with
    #: smaller rounding errors in weak directions (V10's squeezed state: 5e-10, where normal equations give 2e-7).
    least: float = 5e-11
    floor: float = 1e-13
    rise: float = 3.0
    fall: float = 1.2

    def __post_init__(self) -> None:
        for name in ("factor", "rise", "fall"):
            if not 1 < one_real(getattr(self, name), name) < np.inf:
                raise ValueError(f"{name} = {getattr(self, name)} must be larger than 1, and finite")
        # Below, normal equations do not tell how fast parameters move.
        if not 1e-12 <= one_real(self.least, "least") <= one_real(self.reference, "reference") < np.inf:
            raise ValueError(
                f"least = {self.least} must be 1e-12 at least, and at most reference = {self.reference}, "
                "which must be finite"
            )
        if not 1e-15 <= one_real(self.floor, "floor") <= self.least:
            raise ValueError(f"floor = {self.floor} must be 1e-15 at least, and at most least = {self.least}")

    def gamma(self, speeds: Speeds, last: float | None, level: float, residual: float) -> float:
        """γ of a step, after one of γ = ``last``, γ* = ``level`` and ρ = ``residual``; of the first one if ``last`` is
        None."""
        if last is None:
            return self._first(speeds)
        aim = level if level > self.least else min(self.least, max(residual**2 / 2, self.floor))
        lower = max(last / self.fall, min(self.rise * last, aim, self.reference))
        allowed, found = speeds([self.reference, lower])
        allowed *= self.factor
        if found <= allowed:
            return lower
        (found,) = speeds([last])
        if found <= allowed or allowed == 0:
            return max(last, lower)
        return max(lower, min(last * min(self.rise, (found / allowed) ** 2), self.reference))

    def _first(self, speeds: Speeds) -> float:
        """The smallest of a sequence for which it, and all that are larger, are within the budget."""
        count = int(np.ceil(np.log(self.reference / self.least) / np.log(self.rise))) + 1
        tried = np.geomspace(self.reference, self.least, count) if count > 1 else np.array([self.reference])
        found = np.array(speeds(tried.tolist()))
        within = np.cumprod(found <= self.factor * found[0]).sum()
        return float(tried[max(within, 1) - 1])
