"""The double pendulum over t in (0, 100) by DOP853 and by heyoka's Taylor method, at equal error; and an ensemble."""

from __future__ import annotations

import time

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

(q1, v1), (q2, v2) = sd.coordinates("q1"), sd.coordinates("q2")
g = sp.Symbol("g")
#: Unit lengths and masses.
L = v1**2 + v2**2 / 2 + v1 * v2 * sp.cos(q1 - q2) + 2 * g * sp.cos(q1) + g * sp.cos(q2)
PENDULUM = sd.Lagrangian(L, [q1, q2], [v1, v2])
#: A regular motion, in which errors grow little: that of another start is chaotic, and no error is small for long.
START, END = [0.3, 0.2], 100.0


def by_heyoka(tolerance: float, high_accuracy: bool = False):
    hy = pytest.importorskip("heyoka")
    variables = hy.make_vars("q1", "q2", "v1", "v2")
    lagrangian = hy.from_sympy(L.subs(g, 9.81), dict(zip((q1, q2, v1, v2), variables, strict=True)))
    start = [*START, 0.0, 0.0]
    equations = hy.lagrangian(lagrangian, list(variables[:2]), list(variables[2:]))
    integrator = hy.taylor_adaptive(equations, start, tol=tolerance, high_accuracy=high_accuracy)

    def run() -> np.ndarray:
        integrator.time = 0.0
        integrator.state[:] = start
        integrator.propagate_until(END)
        return integrator.state.copy()

    return run


def ours(tolerance: float):
    method = sd.DOP853(tolerance, tolerance)

    def run() -> np.ndarray:
        found = sd.integrate(PENDULUM, START, [0.0, 0.0], (0, END), t_eval=[END], params={g: 9.81}, method=method)
        return np.concatenate([found.q[-1], found.v[-1]])

    return run


@pytest.mark.parametrize("error", [1e-6, 1e-9, 1e-12])
def test_double_pendulum_at_equal_error(table, error) -> None:
    """Each at the loosest tolerance (of half powers of ten) that keeps the error."""
    exact = by_heyoka(1e-18, high_accuracy=True)()

    def loosest(method):
        for tolerance in 10.0 ** -np.arange(4, 15.5, 0.5):
            run = method(tolerance)
            if np.abs(run() - exact).max() <= error:
                return run, tolerance
        raise AssertionError(f"no tolerance gives an error of {error}")

    (one, here), (other, there) = loosest(ours), loosest(by_heyoka)
    label = f"double pendulum, error {error:.0e}: DOP853 ({here:.0e}) / heyoka ({there:.0e})"
    table.ratio(label, one, other, "≤ 5", rounds=31, clock=time.thread_time)


def test_ensemble(table) -> None:
    """A member of a thousand against a motion alone."""
    angles = np.linspace(0.1, 1.0, 2000).reshape(1000, 2)
    method = sd.DOP853(1e-9, 1e-9)

    def many() -> None:
        sd.integrate(PENDULUM, angles, 0 * angles, (0, 10), t_eval=[10.0], params={g: 9.81}, method=method)

    def alone() -> None:
        for angle in angles[::50]:
            sd.integrate(PENDULUM, angle, 0 * angle, (0, 10), t_eval=[10.0], params={g: 9.81}, method=method)

    many()
    table.ratio("ensemble of 1000 double pendula / 20 one by one", many, alone, "≤ 25 on two cores", rounds=5)
