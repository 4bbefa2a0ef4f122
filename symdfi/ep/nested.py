"""A first guess of a periodic orbit from a coarser grid, where a step of Newton's method costs a quarter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.fft import irfft, rfft

from symdfi.ep.frame import Ring
from symdfi.ep.setting import Setting

#: How many steps become one, and the least that must be left of them.
_RATIO, _LEAST = 4, 48


def coarser(setting: Setting) -> Setting | None:
    """The same on a quarter of the steps, of one node each, what is sampled interpolated. None where these are few."""
    rule, steps, count = setting.rule, setting.steps // _RATIO, setting.points
    if rule.spans or rule.degree != 1 or steps < _LEAST or not isinstance(setting.frame, Ring):
        return None
    T, end = setting.boundary.T, slice(count, None)
    own = rule.samples(steps)
    times, sampled = np.unique(setting.times[:count, 0], return_index=True)
    at = rule.times(steps, T)[own]
    columns = [np.interp(at, times, column, period=None if rule.shares_ends else T) for column in
               setting.signals[sampled].T]  # fmt: skip
    return replace(
        setting, steps=steps, frame=Ring(rule.degree, steps),
        signals=np.concatenate([np.stack(columns, axis=1), setting.signals[end]]),
        times=np.concatenate([at[:, None], setting.times[end]]),
        weights=np.concatenate([np.tile(T / steps * rule.weights, steps), setting.weights[end]]),
        sampled=np.concatenate([own, np.full(len(setting.weights) - count, own[-1])]),
    )  # fmt: skip


def finer(path: np.ndarray, steps: int) -> np.ndarray:
    """A closed path of equal steps on so many of them, by the trigonometric polynomial through its nodes."""
    found = irfft(rfft(path[:-1], axis=0), steps, axis=0) * (steps / (len(path) - 1))
    return np.concatenate([found, found[:1]])
