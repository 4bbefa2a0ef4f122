"""What changes the energy of a motion: the work that dissipation, forces and drives have done."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdfi.archive import Missing
from symdfi.archive.values import missing_in
from symdfi.dynamics.model import Inputs, Model
from symdfi.dynamics.states import read_ensemble
from symdfi.symbolic.coordinates import t

#: The degree of the splines through the saved states.
_DEGREE = 5

#: A ``Trajectory``.
Trajectory = Any


def work(motion: Trajectory, inputs: Inputs) -> np.ndarray | None:
    """W(t) at the saved times, ``(..., s)``: ∫ q̇·(Q − ∂R/∂q̇) − ∂L/∂t dt − ∫ ∂L/∂a·da, a the inputs, by splines of
    degree 5 through the saved states. E − W is what an exact motion keeps.

    None where it is not known: of constraints that may do work, nonholonomic ones or such that move, and of inputs that
    a file could not keep.
    """
    system = motion.system
    if isinstance(system, Missing) or missing_in(inputs) or (system.inputs and inputs is None):
        return None
    if any(not c.is_holonomic or c.expr.has(t) for c in system.constraints) or not len(motion.t):
        return None
    kernels = system.compile()
    lead, n = motion.batch, motion.q.shape[-1]
    q, v = (x.reshape(-1, len(motion.t), n) for x in (motion.q, motion.v))
    ensemble = read_ensemble(kernels, motion.q[..., 0, :], motion.v[..., 0, :], motion.params)
    model = Model(kernels, ensemble, inputs, float(motion.t[0]))
    rates = model.evaluate(kernels.power_kernel, q, v, motion.t, 1 + model.n_inputs)
    signals = np.array([model.signal(time) for time in motion.t]) if model.is_driven else None
    known, found = np.isfinite(rates).all(axis=-1), np.full(q.shape[:2], np.nan)
    for own, rate, rows in zip(found, rates, known, strict=True):
        own[rows] = _integral(motion.t[rows], rate[rows], None if signals is None else signals[rows])
    return found.reshape(*lead, len(motion.t))


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def _integral(times: np.ndarray, rates: np.ndarray, signals: np.ndarray | None) -> np.ndarray:
    """∫ P dt + ∫ g·da over the times up to each, of P and g (s, 1 + inputs) and a (s, inputs)."""
    from scipy.interpolate import make_interp_spline  # slow to import

    if len(times) < 2:
        return np.zeros(len(times))
    order = slice(None) if times[-1] > times[0] else slice(None, None, -1)
    x, rates = times[order], rates[order]
    degree = min(_DEGREE, (len(x) - 2) // 2 * 2 + 1)
    spline = make_interp_spline(x, rates, k=degree)
    total = spline.antiderivative()(x)[:, 0]
    if signals is not None:
        drive = make_interp_spline(x, signals[order], k=degree)
        nodes, weights = np.polynomial.legendre.leggauss(_DEGREE)
        h = np.diff(x)
        at = x[:-1, None] + h[:, None] * (nodes + 1) / 2
        power = (spline(at)[..., 1:] * drive.derivative()(at)).sum(axis=-1)
        total = total + np.append(0.0, np.cumsum(power @ weights * h / 2))
    total = total[order]
    return total - total[0]
