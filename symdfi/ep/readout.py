"""Derivatives of action and cost at a fixed path by everything that they hold: what an experiment reads off a run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdfi.ep.discrete import FREE, DiscreteSystem, Weights
from symdfi.ep.setting import Setting
from symdfi.errors import DivergenceError


@dataclass(frozen=True)
class Readout:
    """∂(αS + βC) at fixed nodes: by parameters (flat, as ``symdfi.ep.sensitivity.shaped`` reads them), by signals, a
    row for each time at which the rule samples, and by the end time T at fixed samples.

    ``by_theta`` is the impulse ∫ ∂L/∂θ dt of the momenta conjugate to the parameters; by the step h = T/N, slopes going
    as 1/h, ∂S/∂h = Σ b (L − v·∂L/∂v + t ∂L/∂t).
    """

    by_theta: np.ndarray
    by_signal: np.ndarray
    by_end: float

    def plus(self, other: Readout, share: float) -> Readout:
        """This and ``share`` times another."""
        return Readout(
            self.by_theta + share * other.by_theta, self.by_signal + share * other.by_signal,
            self.by_end + share * other.by_end,
        )  # fmt: skip


@np.errstate(over="ignore", invalid="ignore")
def readout(system: DiscreteSystem, setting: Setting, path: np.ndarray, weights: Weights) -> Readout:
    """The derivatives at a path."""
    kernels, d, count = system.kernels, path.shape[1], setting.points
    at, widths = system.points(setting, path), system.impulse_widths(setting)
    by_theta, by_signal, by_time = system.run(kernels.impulse, setting, at, weights, widths)
    (values,) = system.run(kernels.value, setting, at, weights, [1])
    (slopes,) = system.run(kernels.slope, setting, at, weights, [2 * d])
    each = values[:, 0] - np.einsum("ri,ri->r", at[1], slopes[:, d:]) + setting.times[:, 0] * by_time[:, 0]
    by_end = setting.weights[:count] @ each[:count] / setting.boundary.T + by_time[count:].sum()
    return Readout(setting.weights @ by_theta, sampled(setting, by_signal), float(by_end))


@np.errstate(over="ignore", invalid="ignore")
def rounding(
    system: DiscreteSystem, setting: Setting, one: np.ndarray, other: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What rounding has in the difference of ∂_θS between two paths, and what that is, by parameter: with m the size of
    ∂L/∂θ at a point and δ how far apart the paths are there, in units of the path's size, Σ εm and Σ δm.

    Where L grows by e^{γt} the end, where the paths are together, drowns the beginning."""
    counts = [int(np.prod(shape, dtype=int)) for shape in system.shapes(setting).values()]
    widths = [sum(counts), setting.signals.shape[1] - 3, 1]
    at, beside = system.points(setting, one), system.points(setting, other)
    by_theta, *_ = system.run(system.kernels.impulse, setting, at, FREE, widths)
    apart = np.zeros(len(at[0]))
    for x, y in zip(at, beside, strict=True):
        apart += np.max(np.abs(x - y), axis=1) / (2 * np.max(np.abs(x)) or 1.0)
    sizes = np.abs(setting.weights[:, None] * by_theta)
    return np.finfo(float).eps * sizes.sum(axis=0), apart @ sizes


def sampled(setting: Setting, by_signal: np.ndarray) -> np.ndarray:
    """What stands at the points, ``(rows, width)``, summed with their weights at the times of the rule."""
    rows = len(setting.rule.times(setting.steps, 1.0))
    signals = np.zeros((rows, by_signal.shape[1]))
    np.add.at(signals, np.minimum(setting.sampled, rows - 1), setting.weights[:, None] * by_signal)
    return signals


def finite_derivatives(by_name: dict[str, np.ndarray], path: np.ndarray) -> dict[str, np.ndarray]:
    """Derivatives by parameters, if they are finite; ``DivergenceError`` naming the first that is not."""
    for name, values in by_name.items():
        if not np.isfinite(values).all():
            raise DivergenceError(f"the derivative by the parameter {name} is not finite on the path", partial=path)
    return by_name
