"""What is read and computed element by element has the ranges of its neighbours: nothing in between is stored."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.source.checked import bounds_checked

n = sp.Symbol("n", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
x, y, w = (sp.IndexedBase(name, shape=(n,)) for name in "xyw")
#: A chain's force, which has two ends.
ENDS = sp.Piecewise((x[i + 1] - x[i], i < n - 1), (0, True)) + sp.Piecewise((x[i - 1] - x[i], i > 0), (0, True))
#: Stored, as cosines are read twice.
FORCE = sp.cos(ENDS) * y[i]


def force(values, other):
    padded = np.diff(values, prepend=values[:1], append=values[-1:])
    return np.cos(padded[1:] - padded[:-1]) * other


def both(outputs, given):
    """The outputs, and those of the build that checks every access."""
    plain = sd.compile(outputs, [x, y, w])
    with bounds_checked():
        checked = sd.compile(outputs, [x, y, w])
        found = checked(given)
    expected = plain(given)
    for name, values in expected.items():
        np.testing.assert_allclose(values, found[name], rtol=1e-12, atol=1e-12)
    return plain, expected


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9, 300])
def test_forwards_backwards_and_into_totals(size):
    rng = np.random.default_rng(size)
    given = dict(zip("xyw", rng.uniform(-1, 1, (3, size)), strict=True))
    L = sp.Sum((x[i] * w[i]) ** 2, (i, 0, n - 1))  # read by a total over all
    outputs = {
        "a": (FORCE * sp.exp(w[i]), (i, 0, n - 1)),
        "b": (FORCE / (2 + sp.sin(w[i])), (i, 0, n - 1)),
        "total": sp.Sum(FORCE * w[i] + FORCE**2, (i, 0, n - 1)),
        "L": L,
    }
    _, found = both(outputs, given)
    f, own = force(given["x"], given["y"]), given["w"]
    np.testing.assert_allclose(found["a"], f * np.exp(own), rtol=1e-12)
    np.testing.assert_allclose(found["b"], f / (2 + np.sin(own)), rtol=1e-12)
    np.testing.assert_allclose(found["total"], np.sum(f * own + f**2), rtol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_what_reads_other_elements_waits(size):
    """A neighbour's force is read where all of them are known."""
    rng = np.random.default_rng(size)
    given = dict(zip("xyw", rng.uniform(-1, 1, (3, size)), strict=True))
    shifted = FORCE.subs(i, sp.Mod(i + 1, n))
    _, found = both({"a": (FORCE * sp.exp(w[i]) + shifted, (i, 0, n - 1))}, given)
    f = force(given["x"], given["y"])
    np.testing.assert_allclose(found["a"], f * np.exp(given["w"]) + np.roll(f, -1), rtol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_a_chain_with_a_mass_at_every_site_stores_nothing(size):
    q, v = sd.coordinates("q", n)
    p, u = sd.coordinates("p", n)
    chain = sp.Sum((q[i + 1] - q[i]) ** 2 + (p[i + 1] - p[i]) ** 2, (i, 0, n - 2))
    L = sp.Sum((v[i] ** 2 + u[i] ** 2) / 2 + sp.cos(q[i]) * v[i] * u[i] / 2, (i, 0, n - 1)) - chain
    kernels = sd.Lagrangian(L, [q, p], [v, u]).compile()
    state = np.random.default_rng(0).uniform(-1, 1, (2, 2 * size))
    assert "np.empty" not in kernels.acceleration_kernel.source
    found, mass = kernels.acceleration(*state), kernels.mass_matrix(*state)
    np.testing.assert_allclose(mass @ found, kernels.forcing(*state), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_ranges_that_nobody_reads_are_left_out(size):
    """The slope of a maximum over 2..min(n, m - 1) is zero elsewhere, where nothing reads it."""
    m = sp.Symbol("m", integer=True, positive=True)
    b, p = sp.IndexedBase("b", shape=(n, m)), sp.IndexedBase("p", shape=(n,))
    energy = sp.Sum(sp.Max(b[0, j], b[p[0], j]), (j, 2, n))
    given = {"b": np.arange(size * 9.0).reshape(size, 9) - 2, "p": np.array([size - 1] * size)}
    expected = np.zeros((size, 9))
    expected[-1, 2 : size + 1] = 1
    with bounds_checked():
        np.testing.assert_array_equal(sd.compile({"g": sd.gradient(energy, b)}, [b, p])(given)["g"], expected)
    np.testing.assert_array_equal(sd.compile({"g": sd.gradient(energy, b)}, [b, p])(given)["g"], expected)
