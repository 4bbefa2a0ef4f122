"""What a density reduces to, in files."""

from __future__ import annotations

import numpy as np
import sympy as sp

import symdfi as sd

t, X, g = sd.t, sp.Symbol("x"), sp.Symbol("g")
u = sp.Function("u")(t, X)
DENSITY = sd.LagrangianDensity(u.diff(t) ** 2 / 2 - u.diff(X) ** 2 / 2 - g * (1 - sp.cos(u)), [u], [X])


def test_a_reduced_lagrangian_and_its_motion(tmp_path):
    """The system comes back whole: with its ansatz, so that u is evaluated, and the motion goes on."""
    a, k = sp.IndexedBase("a", shape=(3,)), sp.Symbol("k", integer=True)
    modes = sd.Ansatz(sp.Sum(a[k] * sp.sin((k + 1) * X), (k, 0, 2)), [X], [a])
    system = DENSITY.reduce(modes, sd.Box([(0, np.pi)]), sd.Grid(40), params={g: 1.5})
    start = np.array([1.0, -0.5, 0.2])
    whole, half = (sd.integrate(system, start, 0 * start, (0, end), 0.05) for end in (0.4, 0.2))
    found = sd.load(half.save(tmp_path / "run.nc"))
    assert found == half and type(found.system) is type(system) and found.system.L == system.L
    points = np.linspace(0, 3, 11)
    np.testing.assert_array_equal(found.system.evaluate(found.q, points), system.evaluate(half.q, points))
    assert found.resume(0.4) == whole
