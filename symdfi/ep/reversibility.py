"""How well a motion runs backward: the velocities turned round at its end, and the machine run again."""

from __future__ import annotations

import numpy as np

from symdfi.ep.course import Course, run
from symdfi.ep.discrete import FREE, DiscreteSystem
from symdfi.ep.setting import Setting


def reversibility_error(
    system: DiscreteSystem, setting: Setting, path: np.ndarray, ends: tuple[np.ndarray, np.ndarray]
) -> float:
    """From the last node with minus its momentum, the drives replayed backward, back to the first: the larger of
    max |q − q(0)| and max |p + p(0)|, in units of the largest |q| and |p| on the way; ``ends`` are p(0) and p(T).
    Errors as of ``run``."""
    (p0, pN), count = ends, setting.rule.degree + 1
    back, p = np.zeros_like(path), -pN
    back[:count] = path[::-1][:count]
    run(system, Course.forward(setting).replayed(np.empty((0, 2 * path.shape[1]))), back, p)
    d, at = p.size, system.points(setting, path)
    (slopes,) = system.run(system.kernels.slope, setting, at, FREE, [2 * d])
    missed = (back[-1] - path[0], path), (p + p0, slopes[: setting.points, d:])
    return float(max(np.max(np.abs(miss)) / (np.max(np.abs(way)) or 1.0) for miss, way in missed))
