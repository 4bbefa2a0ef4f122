"""Momenta, forces and rates from one reverse sweep, against the formulas for reading and against SymPy."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dynamics.kernels import Kernels

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
x, v = sd.coordinates("x", n)
q, qd = sd.coordinates("q")
CHAIN = sp.Sum(v[i] ** 2 / 2, (i, 0, n - 1)) - sp.Sum((x[i + 1] - x[i]) ** 2 / 2, (i, 0, n - 2))


def felt(L: sp.Expr, *args, **options) -> tuple:
    return Kernels(sd.Lagrangian(L, *args, **options)).velocities_felt


def test_velocities_that_accelerations_depend_on() -> None:
    assert felt(CHAIN, x, v) == ()
    assert felt(CHAIN, x, v, dissipation=sp.Sum(v[i] ** 2, (i, 0, n - 1))) == (v,)
    assert felt(q**2 * qd**2 / 2, q, qd) == (qd,)
    assert felt(qd**4 / 4, q, qd) == (qd,)
    assert felt(CHAIN + q**2 * qd**2 / 2, [x, q], [v, qd]) == (qd,)


def nested(depth: int) -> tuple[sp.Expr, list[sp.Expr]]:
    r, levels = q, [q]
    for _ in range(depth):
        r = sp.sin(r) * sp.cos(r) + r**2
        levels.append(r)
    return r, levels


@pytest.mark.parametrize("depth", [2, 9])
def test_nested_potentials(depth: int) -> None:
    """r = sin r cos r + r², again and again: ∂r/∂q is the product of cos 2r + 2r over the levels."""
    system = sd.Lagrangian(qd**2 / 2 - nested(depth)[0], q, qd)
    for at in (-0.3, 0.1, 0.45):
        r, slope = at, 1.0
        for _ in range(depth):
            r, slope = np.sin(r) * np.cos(r) + r**2, (np.cos(2 * r) + 2 * r) * slope
        # Rounding in r grows as the slope does, level by level.
        assert system.compile().acceleration([at], [0.0]) == pytest.approx([-slope], rel=1e-12 * 4**depth)


a = sp.IndexedBase("a", shape=(n,))
t = sd.t
CASES = {
    "moving frame": (sp.Sum((1 + a[i] * t**2) * (v[i] - t * x[i]) ** 2 / 2 + sp.cos(x[i] * t), (i, 0, n - 1)), {}),
    "relativistic": (-sp.Sum(a[i] * sp.sqrt(1 - v[i] ** 2), (i, 0, n - 1)) - CHAIN.args[1], {}),
    "curved": (sp.Sum((2 + sp.sin(x[i])) * v[i] ** 2 / 2, (i, 0, n - 1)), {}),
    "magnetic": (CHAIN + sp.Sum(x[i] * v[sp.Mod(i + 1, n)] * a[i], (i, 0, n - 1)), {}),
    "damped": (
        CHAIN,
        {"dissipation": sp.Sum(a[i] * v[i] ** 4, (i, 0, n - 1)), "forces": {x[j]: a[j] * sp.sin(t) * v[j]}},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_sweep_and_formulas_agree(name: str) -> None:
    """The kernels against the derived formulas, compiled as they are read."""
    L, options = CASES[name]
    system = sd.Lagrangian(L, x, v, **options)
    compiled, rng, size = system.compile(), np.random.default_rng(1), 5
    state = rng.uniform(-0.6, 0.6, size=(2, size))
    values = {x: state[0], v: state[1], a: rng.uniform(0.5, 1, size=size), t: 0.7}
    (row,) = system.indices
    formulas = {"p": system.momentum_terms[0], "f": system.forcing_terms[0]}
    f = sd.compile({key: (expr, (row[0], 0, n - 1)) for key, expr in formulas.items()}, list(values))
    expected = f(values)
    params = {a: values[a]} if a in system.parameters else {}
    tolerance = {"rtol": 1e-12, "atol": 1e-13}
    np.testing.assert_allclose(compiled.momenta(*state, params, 0.7), expected["p"], **tolerance)
    np.testing.assert_allclose(compiled.forcing(*state, params, 0.7), expected["f"], **tolerance)
    energy = state[1] @ expected["p"] - compiled.lagrangian(*state, params, 0.7)
    assert compiled.energy(*state, params, 0.7) == pytest.approx(energy, rel=1e-12)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_force_on_what_is_not_there_acts_on_nothing(size: int) -> None:
    """Σ_i r[i+1, i+1]: of the three components of a row each is pulled in the one row there may be."""
    r, s = sd.coordinates("r", (n, 3))
    L = sp.Sum(s[i, j] ** 2, (i, 0, n - 1), (j, 0, 2)) / 2 - sp.Sum(r[i + 1, i + 1], (i, 0, sp.Min(n - 2, 1)))
    system = sd.Lagrangian(L, r, s)
    expected = np.zeros((size, 3))
    for row in range(1, min(size, 3)):
        expected[row, row] = -1.0
    states = np.ones((2, size, 3))
    np.testing.assert_array_equal(system.compile().acceleration(*states), expected)
