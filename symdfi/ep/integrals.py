"""Costs that are functions of integrals z = ∫ g dt, Φ(z): what there is to know of them at a trajectory.

The derivative of Φ by anything is W·dz with W = ∂Φ/∂z, that is, of the running cost W·g with W held fast, and what Φ
itself holds, with z held fast. So both are kept beside the inputs, and the kernels of a cost c + W·g and of a terminal
cost Φ do the rest.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from symdfi.ep.discrete import COST, DiscreteSystem
from symdfi.ep.setting import Setting
from symdfi.errors import DivergenceError


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def with_integrals(system: DiscreteSystem, setting: Setting, path: np.ndarray) -> Setting:
    """The setting with the integrals of a path and W there. ``DivergenceError`` where they are not finite."""
    count = system.integral_count(setting)
    if not count:
        return setting
    at, widths = system.points(setting, path), system.impulse_widths(setting)
    share, own = (slice(-3 - k * count, -3 - (k - 1) * count) for k in (2, 1))
    blank = setting.signals.copy()
    blank[:, share], blank[:, own] = 0.0, 0.0
    # c + W·g and Φ(z) are linear in W and have the slope W in z: so the derivatives by W and z are g and W.
    _, by_signal, _ = system.run(system.kernels.impulse, replace(setting, signals=blank), at, COST, widths)
    inner = setting.points
    z = setting.weights[:inner] @ by_signal[:inner, -2 * count : -count]
    blank[:, own] = z
    _, by_signal, _ = system.run(system.kernels.impulse, replace(setting, signals=blank), at, COST, widths)
    weights = by_signal[-1, -count:]
    for values, what in ((z, "integrals"), (weights, "derivatives by the integrals")):
        if not np.isfinite(values).all():
            raise DivergenceError(f"the {what} of the cost are not finite on the path: {values}", partial=path)
    blank[:, share] = weights
    return replace(setting, signals=blank)


def cost_of(system: DiscreteSystem, setting: Setting, path: np.ndarray) -> float:
    """C. ``DivergenceError`` where it is not finite."""
    count = system.integral_count(setting)
    if count:
        setting = with_integrals(system, setting, path)
        signals = setting.signals.copy()
        signals[:, -3 - 2 * count : -3 - count] = 0.0  # what they weigh is not itself in C
        setting = replace(setting, signals=signals)
    return system.value(setting, path, COST)


def integrals_of(system: DiscreteSystem, setting: Setting, path: np.ndarray) -> dict[str, np.ndarray]:
    """The integrals of a path by name, in their shapes."""
    count, found = system.integral_count(setting), {}
    values = with_integrals(system, setting, path).signals[0, -3 - count : -3]
    for name, z in zip(system.kernels.integral_names, system.kernels.integrals, strict=True):
        shape = system.kernels.compiled.shape(z, setting.extents)
        size = int(np.prod(shape, dtype=int))
        found[name], values = values[:size].reshape(shape), values[size:]
    return found
