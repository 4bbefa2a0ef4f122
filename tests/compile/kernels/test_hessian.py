"""Second derivatives against SymPy's own at three elements."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, z = sp.IndexedBase("x", shape=(n,)), sp.IndexedBase("z", shape=(n, 2))
a = sp.Symbol("a")
E = sp.Sum(sp.exp(a * x[i] * x[i + 1]), (i, 0, n - 2)) + sp.Sum(z[i, 0] ** 2 * z[i, 1] * x[i], (i, 0, n - 1)) + a**3
EXPANDED = sum(sp.exp(a * x[k] * x[k + 1]) for k in range(2)) + a**3
EXPANDED += sum(z[k, 0] ** 2 * z[k, 1] * x[k] for k in range(3))
ELEMENTS = {x: [x[k] for k in range(3)], z: [z[k, c] for k in range(3) for c in range(2)], a: [a]}
VALUES = {x: np.array([0.1, 0.2, -0.3]), z: np.arange(6.0).reshape(3, 2), a: 0.7}


@pytest.mark.parametrize(
    ("pair", "shape"),
    [((x,), (3, 3)), ((x, z), (3, 3, 2)), ((z, x), (3, 2, 3)), ((z,), (3, 2, 3, 2)), ((a,), ()), ((a, x), (3,))],
)
def test_hessian(pair, shape):
    rows, columns = pair[0], pair[-1]
    put = {element: value for v in (x, z, a) for element, value in zip(ELEMENTS[v], np.ravel(VALUES[v]), strict=True)}
    exact = [float(sp.diff(EXPANDED, r, c).subs(put)) for r in ELEMENTS[rows] for c in ELEMENTS[columns]]
    found = sd.compile({"H": sd.hessian(E, *pair)}, [x, z, a])(VALUES)["H"]
    assert found.shape == shape
    np.testing.assert_allclose(found.ravel(), exact, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("pair", [(x,), (x, z), (z, x), (z,), (a, x)])
def test_formula_of_an_entry(pair):
    """hessian(E, x, y)[j, k] as a formula, compiled over all j and k, is the Hessian."""
    H = sd.hessian(E, *pair)
    axes = [extent for v in (pair[0], pair[-1]) if v is not a for extent in v.shape]
    free = sp.symbols(f"f:{len(axes)}", integer=True)
    formula = (H[free], *((k, 0, extent - 1) for k, extent in zip(free, axes, strict=True)))
    found = sd.compile({"H": H, "formula": formula}, [x, z, a])(VALUES)
    np.testing.assert_allclose(found["H"], found["formula"], rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("entries", [[0, 1, 2], [1, 2, 0], [0, 0, 0]])
def test_function_of_a_sum_under_a_condition_on_gathered_entries(entries):
    p, j = sp.IndexedBase("p", shape=(n,)), sp.Symbol("j", integer=True)
    total = sp.Sum(sp.Piecewise((x[j], j <= p[p[j]]), (0, True)), (j, 0, n - 1))
    f = sd.compile({"H": sd.hessian(sp.sin(total), x)}, [x, p])
    own = np.array([1.0 if k <= entries[entries[k]] else 0.0 for k in range(3)])
    exact = -np.sin(own @ VALUES[x]) * np.outer(own, own)
    np.testing.assert_allclose(f.python({x: VALUES[x], p: np.array(entries)})["H"], exact, rtol=1e-13)


def test_cost_of_shared_subterms():
    """Each level holds the one below four times; there are 4^6 paths, and a few statements a level."""
    r = x[i + 1] - x[i]
    for _ in range(6):
        r = sp.sin(r) * sp.cos(r) + r**2 / 4
    f = sd.compile({"H": sd.hessian(sp.Sum(r, (i, 0, n - 2)), x)}, [x])
    assert len(f.source.splitlines()) < 225


def test_what_has_none():
    with pytest.raises(sd.SymbolicError, match="y has no shape"):
        sd.hessian(E, sp.IndexedBase("y"))
    with pytest.raises(sd.SymbolicError, match="a Hessian is taken by"):
        sd.hessian(E, x[0])
    with pytest.raises(sd.SymbolicError, match="has 2 indices, not 1"):
        sd.hessian(E, x)[0]
    with pytest.raises(TypeError, match="is the text"):
        sd.hessian("x**2", x)
