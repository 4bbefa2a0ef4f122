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


def with_integrals(system: DiscreteSystem, setting: Setting, path: np.ndarray) -> Setting:
    """The setting with the integrals of a path and W there. ``DivergenceError`` where they are not finite."""
    if not system.integral_count(setting):
        return setting
    z = collected(system, setting, path)
    return with_values(setting, z, weights_of(system, setting, path, z))


def with_values(setting: Setting, z: np.ndarray, weights: np.ndarray) -> Setting:
    """The setting with these integrals and W."""
    if not (count := z.size):
        return setting
    signals = setting.signals.copy()
    signals[:, -3 - 2 * count : -3 - count], signals[:, -3 - count : -3] = weights, z
    return replace(setting, signals=signals)


# c + W·g and Φ(z) are linear in W and have the slope W in z: so the derivatives by W and z are g and W.


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def collected(system: DiscreteSystem, setting: Setting, path: np.ndarray) -> np.ndarray:
    """z, the integrals over the setting. ``DivergenceError`` where they are not finite."""
    count, inner, nothing = system.integral_count(setting), setting.points, np.zeros(system.integral_count(setting))
    if not count:
        return nothing
    rows = _by_signals(system, with_values(setting, nothing, nothing), path)
    return _finite(setting.weights[:inner] @ rows[:inner, -2 * count : -count], "integrals", path)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def weights_of(system: DiscreteSystem, setting: Setting, path: np.ndarray, z: np.ndarray) -> np.ndarray:
    """W, at the end of the setting. ``DivergenceError`` where they are not finite."""
    if not z.size:
        return z
    rows = _by_signals(system, with_values(setting, z, np.zeros_like(z)), path)
    return _finite(rows[-1, -z.size :], "derivatives by the integrals", path)


def _by_signals(system: DiscreteSystem, setting: Setting, path: np.ndarray) -> np.ndarray:
    """The derivatives of the costs by the signals, at the points."""
    at, widths = system.points(setting, path), system.impulse_widths(setting)
    return system.run(system.kernels.impulse, setting, at, COST, widths)[1]


def _finite(values: np.ndarray, what: str, path: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all():
        raise DivergenceError(f"the {what} of the cost are not finite on the path: {values}", partial=path)
    return values


def cost_of(system: DiscreteSystem, setting: Setting, path: np.ndarray) -> float:
    """C. ``DivergenceError`` where it is not finite."""
    return cost_with(system, setting, path, collected(system, setting, path))


def cost_with(system: DiscreteSystem, setting: Setting, path: np.ndarray, z: np.ndarray) -> float:
    """The costs of a setting, where the integrals are z. ``DivergenceError`` where they are not finite."""
    # What the integrals weigh is not itself in C.
    return system.value(with_values(setting, z, np.zeros_like(z)), path, COST)


def integrals_of(system: DiscreteSystem, setting: Setting, path: np.ndarray) -> dict[str, np.ndarray]:
    """The integrals of a path by name, in their shapes."""
    values, found = collected(system, setting, path), {}
    for name, z in zip(system.kernels.integral_names, system.kernels.integrals, strict=True):
        shape = system.kernels.compiled.shape(z, setting.extents)
        size = int(np.prod(shape, dtype=int))
        found[name], values = values[:size].reshape(shape), values[size:]
    return found
