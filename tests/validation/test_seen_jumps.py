"""Functions with jumps, whose derivatives hold between the jumps: the minimum image, floor, sign, remainders."""

import itertools

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

n = sp.Symbol("n", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
x = sp.IndexedBase(sp.Symbol("x", real=True), shape=(n,))
c, L = sp.symbols("c L", real=True)
X = np.random.default_rng(3).normal(size=7) * 4


def outputs(expr, symbols):
    """The value, and the derivatives by the sweep and by the formula."""
    found = {"value": expr}
    for s in symbols:
        found |= {f"sweep_{s}": sd.gradient(expr, s), f"formula_{s}": sd.derivative(expr, s)}
    return found


def test_minimum_image():
    """The energy of a periodic box: d = Δ - L·round(Δ/L), ∂d/∂Δ = 1, ∂d/∂L = -round(Δ/L)."""
    images = {
        "remainder": lambda d: sp.Mod(d + L / 2, L) - L / 2,
        "floor": lambda d: d - L * sp.floor(d / L + sp.Rational(1, 2)),
        "ceiling": lambda d: d - L * sp.ceiling(d / L - sp.Rational(1, 2)),
    }
    box = 1.7
    pairs = list(itertools.combinations(range(X.size), 2))
    turns = [np.round((X[b] - X[a]) / box) for a, b in pairs]
    image = [X[b] - X[a] - box * turn for (a, b), turn in zip(pairs, turns, strict=True)]
    slope = np.zeros(X.size)
    for (a, b), d in zip(pairs, image, strict=True):
        slope[b] += 4 * d**3
        slope[a] -= 4 * d**3
    by_box = sum(-4 * d**3 * turn for d, turn in zip(image, turns, strict=True))
    for name, shift in images.items():
        energy = sp.Sum(shift(x[j] - x[i]) ** 4, (i, 0, j - 1), (j, 0, n - 1))
        row = (sd.derivative(energy, x[i]), (i, 0, n - 1))
        f = sd.compile({**outputs(energy, [L]), "force": sd.gradient(energy, x), "row": row}, [x, L])
        for run in (f, f.python):
            got = run(x=X, L=box)
            np.testing.assert_allclose(got["value"], np.sum(np.power(image, 4)), rtol=1e-11)
            for form in ("force", "row"):
                np.testing.assert_allclose(got[form], slope, rtol=1e-11, atol=1e-11, err_msg=name)
            for form in ("sweep_L", "formula_L"):
                np.testing.assert_allclose(got[form], by_box, rtol=1e-11, err_msg=name)


#: Expressions in c with their value and slope.
STEPS = (
    (c * sp.floor(3 * c), lambda v: v * np.floor(3 * v), lambda v: np.floor(3 * v)),
    (c * sp.ceiling(3 * c), lambda v: v * np.ceil(3 * v), lambda v: np.ceil(3 * v)),
    (sp.frac(3 * c) ** 2, lambda v: (3 * v - np.floor(3 * v)) ** 2, lambda v: 6 * (3 * v - np.floor(3 * v))),
    (c * sp.sign(c), np.abs, np.sign),
    (c * sp.Heaviside(c), lambda v: np.maximum(v, 0), lambda v: float(v > 0)),
    # The remainder has the sign of the modulus, as in SymPy and Python.
    (sp.Mod(c, 2) ** 2, lambda v: (v % 2) ** 2, lambda v: 2 * (v % 2)),
    (sp.Mod(c, -2) ** 2, lambda v: (v % -2) ** 2, lambda v: 2 * (v % -2)),
    # c is a number as good as any other, not a size of at least one.
    (sp.Mod(c, c**2 + 1), lambda v: v % (v * v + 1), lambda v: 1 - 2 * v * np.floor(v / (v * v + 1))),
)


def test_between_jumps():
    made = {f"{name}_{k}": out for k, (expr, _, _) in enumerate(STEPS) for name, out in outputs(expr, [c]).items()}
    f = sd.compile(made, [c])
    for v, run in itertools.product((-2.3, -0.4, 0.3, 1.9), (f, f.python)):
        got = run(c=v)
        for k, (expr, value, slope) in enumerate(STEPS):
            assert got[f"value_{k}"] == pytest.approx(value(v), rel=1e-13), (expr, v)
            assert got[f"sweep_c_{k}"] == pytest.approx(slope(v), rel=1e-13), (expr, v)
            assert got[f"formula_c_{k}"] == pytest.approx(slope(v), rel=1e-13), (expr, v)


def test_acceleration_in_a_periodic_box():
    y, v = sd.coordinates("y", n)
    shifted = y[j] - y[i] - L * sp.floor((y[j] - y[i]) / L + sp.Rational(1, 2))
    U = sp.Sum(sp.exp(-(shifted**2)), (i, 0, j - 1), (j, 0, n - 1))
    system = sd.Lagrangian(sp.Sum(v[i] ** 2, (i, 0, n - 1)) / 2 - U, y, v)
    got = system.compile().acceleration(X, 0 * X, {L: 1.7})
    distance = X[:, None] - X
    distance -= 1.7 * np.round(distance / 1.7)
    np.testing.assert_allclose(got, np.sum(2 * distance * np.exp(-(distance**2)), axis=1), rtol=1e-11)


def test_quotients_of_indices_are_exact():
    """49·(1/49) < 1 in floating point."""
    f = sd.compile({"q": (sp.floor(i / 49) + 100 * sp.ceiling(i / 49) + x[0] * 0, (i, 0, n - 1))}, [x])
    rows = np.arange(200)
    np.testing.assert_array_equal(f(x=np.zeros(200))["q"], rows // 49 + 100 * -(-rows // 49))
