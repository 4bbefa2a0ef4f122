"""How little regularisation there may be, by how fast parameters move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from symdfi.numbers import one_real
from symdfi.showing import Settings

#: ``curve(gamma)``: ‖v‖ and ‖J v − f‖/‖f‖ of v = argmin ‖J v − f‖² + γσ₁²‖v‖², None where γ is too small for them to
#: be told.
Curve = Callable[[float], tuple[float, float] | None]


@dataclass(frozen=True)
class Budget(Settings):
    """γ, in units of σ₁(J)², as small as what it takes off the residual is worth in velocity.

    v_γ = argmin ‖J v − f‖² + γσ₁²‖v‖² leaves the relative residual ρ_γ = ‖J v_γ − f‖/‖f‖. What weak directions of J
    take off it they cost in velocity, and their velocity is sensitive: with H = Σ r_s ∂²û_s/∂θ² small changes of θ grow
    at the rate of (JᵀJ + γ)⁻¹H, and θ runs to where J is worse still. (Over the cases of tests/validation/cases.py the
    best γ of Tikhonov's method, 1e-12 to 1e-6, is just above the one at which that rate begins to rise with 1/γ.) From
    γ = 100·``reference`` downwards a smaller one is worth its velocity as long as

        ρ_γ^w ‖v_γ‖  ≤  ``factor`` · min over larger γ' of ρ_γ'^w ‖v_γ'‖,    w = 1/2,

    and what the residual may drive in weak directions, at most ‖r‖/(2√γ σ₁), is no more than ``driven`` times ‖f‖/σ₁,
    or γ is ``safe``.
    The aim is the smallest such γ, between ``reference`` and ``least``. γ goes to it by the share ``pace`` of the way,
    of log γ, a step: the velocities of a moment (a wave at its turning point) are none to judge by.

    At the start w = 1, and instead of the second bound γ ≥ ``first``·ρ_γ, a lower one where ρ is large: a fit leaves
    parameters where velocities have to be large at first, and what is not followed then is lost.

    Tried instead: one γ for all problems (best between 1e-6, Korteweg–de Vries, and 1e-12, Burgers); a bound on ‖v_γ‖
    alone, in units of the one of γ = 1e-6 (does not hold Korteweg–de Vries) or 1e-4 (Burgers' front 7e-4, here 4e-5);
    the velocities of θ in units of what each moves û (Korteweg–de Vries 7e-2, here 5e-3); γ ≥ (‖r‖/(2‖v‖σ₁))², which
    runs away, for a larger γ makes a larger r (a soliton of the modified Korteweg–de Vries equation 5e-3, here 8e-6).
    """

    factor: float = 1.9
    reference: float = 1e-6
    least: float = 1e-12
    driven: float = 70.0
    first: float = 1e-7
    safe: float = 5e-10
    pace: float = 0.1

    def __post_init__(self) -> None:
        if not 1 < one_real(self.factor, "factor") < np.inf:
            raise ValueError(f"factor = {self.factor} must be larger than 1, and finite")
        for name in ("driven", "first", "safe"):
            if not one_real(getattr(self, name), name) > 0:
                raise ValueError(f"{name} = {getattr(self, name)} must be positive")
        if not 0 < one_real(self.pace, "pace") <= 1:
            raise ValueError(f"pace = {self.pace} must be positive, and at most 1")
        # Below, normal equations do not tell how fast parameters move.
        if not 1e-12 <= one_real(self.least, "least") <= one_real(self.reference, "reference") < np.inf:
            raise ValueError(
                f"least = {self.least} must be 1e-12 at least, and at most reference = {self.reference}, "
                "which must be finite"
            )

    def gamma(self, curve: Curve, last: float | None, *, linear: bool = False) -> float:
        """γ of a step after one of γ = ``last``, of the first one if that is None; of an ansatz ``linear`` in θ as
        small as its residual allows, for there H = 0."""
        if last is None:
            return self._aim(curve, self.reference, linear, 1.0, lambda residual: min(self.first * residual, self.safe))
        aim = self._aim(curve, last, linear, 0.5, lambda residual: min((residual / (2 * self.driven)) ** 2, self.safe))
        return float(np.clip(last ** (1 - self.pace) * aim**self.pace, self.least, self.reference))

    def _aim(self, curve: Curve, still: float, linear: bool, worth: float, enough: Callable[[float], float]) -> float:
        """The smallest γ that is worth its velocity and ``enough`` for its residual; ``still`` if nothing moves."""
        cheapest, above = np.inf, None
        for gamma in self._tried():
            point = curve(gamma)
            if point is None:
                break
            speed, residual = point
            if not speed > 0:
                return still
            cost = worth * np.log(residual) + (0.0 if linear else np.log(speed))
            cheapest = min(cheapest, cost)
            if gamma > self.reference:
                continue
            rooms = np.log(self.factor) + cheapest - cost, np.log(gamma / enough(residual))
            if min(rooms) < 0:
                if above is None:
                    return self.reference
                # Linear in log γ in between.
                share = min(was / (was - room) for was, room in zip(above[1], rooms, strict=True) if room < 0)
                return above[0] * (gamma / above[0]) ** share
            above = gamma, rooms
        return above[0] if above else self.reference

    def _tried(self) -> Iterator[float]:
        """Powers of ten times ``reference``, from 100·``reference`` on, and ``least``."""
        power = 2
        while (gamma := self.reference * 10.0**power) > 1.5 * self.least:
            yield gamma
            power -= 1
        yield self.least
