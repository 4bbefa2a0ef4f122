"""What a finite nudge can tell of a gradient: where bias and rounding are alike, and what is lost in them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from symdfi.ep.closed import Pinned
from symdfi.ep.discrete import COST, FREE
from symdfi.ep.frame import TwoPoint
from symdfi.ep.orbit import Orbit
from symdfi.ep.sensitivity import shaped
from symdfi.errors import ConvergenceError, DivergenceError, PrecisionWarning

#: The parts of the gradient that are warned of, as rounding and as bias, both estimates.
_ROUNDING, _BIAS = 1e-2, 1e-1


@dataclass(frozen=True)
class Scale:
    """Of a free orbit: ``beta`` at which the response to the nudge is as large as the orbit, infinite where there is no
    response, the part ``rounding`` of the orbit that its own residual moves it by, never below a float's, and the
    ``response`` itself."""

    beta: float
    rounding: float
    response: np.ndarray

    @classmethod
    def of(cls, free: Orbit) -> Scale:
        """``DivergenceError`` where the response is not finite."""
        size, eps = float(np.max(np.abs(free.q))) or 1.0, np.finfo(float).eps
        response, missed = _response(free)
        moved = float(np.max(np.abs(response)))
        if not np.isfinite(moved):
            raise DivergenceError("the response of the orbit to a nudge is not finite", partial=free.q)
        return cls(size / moved if moved else np.inf, max(missed / size, eps) if np.isfinite(missed) else eps, response)

    def best(self, order: int) -> float:
        """The size of a nudge for a bias of this order."""
        found = 0.5 * self.beta * self.rounding ** (1 / (order + 1))
        return found if np.isfinite(found) and found > 0 else 1.0

    def bias(self, nudged: Orbit, free: Orbit, order: int) -> float:
        """An estimate for a scheme of this order, in parts of the gradient: of the first one the nudge itself, of
        others the part of the orbit's change that is not linear in it, to the power of the order."""
        beta = nudged.beta
        if order == 1 or not np.isfinite(self.beta):
            return float(abs(beta) / self.beta)
        bend = np.max(np.abs(nudged.q - free.q - beta * self.response)) / np.max(np.abs(beta * self.response))
        return float(bend) ** order

    def told(
        self, free: Orbit, gradient: dict[str, np.ndarray], beta: float, order: int, weight: float, bias: float
    ) -> dict[str, np.ndarray]:
        """A gradient of nudges of the size ``beta``, whose weights sum up to ``weight``, without what is rounding.

        ``ConvergenceError`` where nothing else is left, ``PrecisionWarning`` as of ``Finite.gradient``."""
        lost: list[str] = []
        total = noise = 0.0
        found: dict[str, np.ndarray] = {}
        for name, sizes in _sizes(free).items():
            own, rounding = gradient[name], weight * self.rounding * sizes
            total, noise = max(total, np.max(np.abs(own), initial=0.0)), max(noise, np.max(rounding, initial=0.0))
            hidden = (np.abs(own) <= rounding) & (own != 0)
            found[name] = np.where(hidden, 0.0, own)
            if hidden.any() and (not found[name].any() or np.max(rounding) > _ROUNDING * np.max(np.abs(own))):
                lost.append(name)
        if total > 0 and not any(np.any(own) for own in found.values()):
            raise ConvergenceError(
                f"the gradient, of at most {total:.3g}, cannot be told from the rounding of what the nudge beta = "
                f"{beta:g} changes, {noise:.3g}: increase beta, or use Infinitesimal()",
                beta=beta,
            )  # fmt: skip
        reasons = []
        if lost:
            reasons.append(f"derivatives by {', '.join(lost)} are below the rounding {noise:.1e}, and returned as 0")
        elif noise > _ROUNDING * total > 0:
            reasons.append(f"rounding is {noise / total:.2g} times its size")
        if bias > _BIAS and total > 0:
            reasons.append(f"its bias is about {bias:.0%}")
        if reasons:
            warnings.warn(
                f"the gradient by nudges of the size beta = {beta:.3g} is not precise: {'; '.join(reasons)}. A size of "
                f"{self.best(order):.2g} would be; beta=None chooses it, Infinitesimal() needs none",
                PrecisionWarning, stacklevel=3,
            )  # fmt: skip
        return found


def _response(free: Orbit) -> tuple[np.ndarray, float]:
    """The response to a nudge at all nodes, and how far the orbit's own residual moves it."""
    system, setting, linear = free.system, free.setting, free.linear
    if isinstance(linear, Pinned):
        moved, _ = Pinned.of(free).multipliers()
        return (-moved if setting.share != 1 else moved), 0.0
    assert isinstance(linear, TwoPoint)
    push, rest = (system.slope(setting, free.q, weights) for weights in (COST, FREE))
    folded = setting.frame.fold(rest, 1.0)
    if not np.isfinite(push).all():
        return np.full(push.shape, np.inf), 0.0
    return linear.response(push), float(np.max(np.abs(linear.factor.solve(folded)), initial=0.0))


@np.errstate(over="ignore", invalid="ignore")
def _sizes(free: Orbit) -> dict[str, np.ndarray]:
    """∫ |∂L/∂θ| dt by name: what rounds when ∂_θS is summed up."""
    system, setting = free.system, free.setting
    widths, at = system.impulse_widths(setting), system.points(setting, free.q)
    by_theta, *_ = system.run(system.kernels.impulse, setting, at, FREE, widths)
    sizes = setting.share * np.abs(setting.weights) @ np.abs(by_theta)
    return shaped(sizes, system.shapes(setting))
