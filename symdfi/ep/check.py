"""A gradient three ways, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from symdfi.ep.discrete import FREE
from symdfi.ep.frame import TwoPoint
from symdfi.ep.integrals import cost_of
from symdfi.ep.orbit import Orbit
from symdfi.ep.readout import finite_derivatives
from symdfi.ep.search import size
from symdfi.ep.setting import Setting

#: Chord steps to a shifted orbit, each to be so much shorter than the one before. They end where the next would be at
#: rounding, in parts of the path, or where they no longer contract but are so short: that is rounding, too.
_STEPS, _CONTRACTS, _ROUNDING, _SETTLED = 30, 0.5, 1e-15, 1e-11
#: The cost of a setting's orbit, sought by all means.
Anew = Callable[[Setting], float]


@dataclass(frozen=True)
class GradientCheck:
    """One gradient three ways, by parameter name."""

    loss: float
    equilibrium_propagation: dict[str, np.ndarray]
    adjoint: dict[str, np.ndarray]
    finite_differences: dict[str, np.ndarray]

    @property
    def error(self) -> float:
        """‖EP − adjoint‖ / ‖adjoint‖ over all parameters."""
        return _distance(self.equilibrium_propagation, self.adjoint)

    @property
    def finite_difference_error(self) -> float:
        """‖finite differences − adjoint‖ / ‖adjoint‖."""
        return _distance(self.finite_differences, self.adjoint)

    def __str__(self) -> str:
        lines = [f"{'parameter':<16}{'EP':>18}{'adjoint':>18}{'finite diff.':>18}"]
        for name, exact in self.adjoint.items():
            columns = (self.equilibrium_propagation[name], exact, self.finite_differences[name])
            for index in np.ndindex(exact.shape):
                label = name + (f"[{', '.join(map(str, index))}]" if index else "")
                lines.append(f"{label:<16}" + "".join(f"{float(c[index]):>18.10g}" for c in columns))
        errors = f"of EP {self.error:.2e}, of finite differences {self.finite_difference_error:.2e}"
        lines.append(f"relative error {errors}")
        return "\n".join(lines)


def differences(free: Orbit, names: Sequence[str], step: float, anew: Anew) -> dict[str, np.ndarray]:
    """Central differences of C by parameters named, by the relative ``step``: between orbits beside the free one, found
    with its factors where they contract, and ``anew`` else, where there are none.

    ``ValueError`` for a step that is lost in rounding or leaves the finite numbers, ``DivergenceError`` for what is not
    finite, and what ``extremize`` raises."""
    system, found, stop = free.system, {}, 0
    for name, shape in system.shapes(free.setting).items():
        start, stop = stop, stop + int(np.prod(shape, dtype=int))
        if name in names:
            slopes = [_slope(free, name, at, step, anew) for at in range(start, stop)]
            found[name] = np.reshape(slopes, shape)
    return finite_derivatives({name: found[name] for name in names}, free.q)


def _slope(free: Orbit, name: str, at: int, step: float, anew: Anew) -> float:
    value = float(free.setting.params[at])
    shift = step * max(1.0, abs(value))
    above, below = value + shift, value - shift
    if not np.isfinite([above, below]).all():
        raise ValueError(f"step = {step} takes {name}, {value}, out of the finite numbers")
    if above == below:
        raise ValueError(f"step = {step} is lost in the rounding of {name}, {value}")
    costs = []
    for moved in (above, below):
        params = free.setting.params.copy()
        params[at] = moved
        costs.append(_cost(free, replace(free.setting, params=params), anew))
    return (costs[0] - costs[1]) / (above - below)


def _cost(free: Orbit, setting: Setting, anew: Anew) -> float:
    free.system.check_period(setting)
    path = _beside(free, setting) if isinstance(free.linear, TwoPoint) else None
    return anew(setting) if path is None else setting.share * cost_of(free.system, setting, path)


@np.errstate(over="ignore", invalid="ignore")
def _beside(free: Orbit, setting: Setting) -> np.ndarray | None:
    """The path of a setting by chord steps with the factors of the free orbit, which is near; None where they do not
    contract, or leave the finite numbers."""
    assert isinstance(free.linear, TwoPoint)
    path, last = free.q, np.inf
    for number in range(_STEPS):
        slope = setting.frame.fold(free.system.slope(setting, path, FREE), FREE[0])
        if not np.isfinite(slope).all():
            return None
        step = -free.linear.factor.solve(slope)
        moved = size(step) / (size(path) or 1.0)
        if not moved <= _CONTRACTS * last:
            return path if moved <= _SETTLED else None
        path, ratio, last = path + setting.frame.unfold(step), moved / last, moved
        if moved * max(ratio, number == 0) <= _ROUNDING:
            return path
    return None


def _distance(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    left, right = (np.concatenate([np.ravel(g[name]) for name in other]) for g in (one, other))
    # In units of the largest: squares of what is very large or small overflow or vanish.
    unit = np.max(np.abs([left, right]), initial=0.0) or 1.0
    return float(np.linalg.norm(left / unit - right / unit) / (np.linalg.norm(right / unit) or 1.0))
