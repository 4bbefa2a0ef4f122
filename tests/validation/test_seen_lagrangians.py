"""Lagrangians as a physicist may write them: right, or refused in words."""

import numpy as np
import pytest
import sympy as sp
from sympy.physics.mechanics import dynamicsymbols

import symdfi as sd
from symdfi.errors import SymbolicError

n, m, e = sp.symbols("n m e", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
x, v = sd.coordinates("x", n)
T = sp.Sum(v[i] ** 2, (i, 0, n - 1)) / 2


def test_accelerations_in_a_lagrangian_are_refused():
    """L = u'² + u u'' is 0 = 0, not u'' = 0 with u'' for a parameter."""
    u = dynamicsymbols("u")
    second = u.diff(sd.t, 2)
    with pytest.raises(SymbolicError, match=r"the Lagrangian holds the acceleration Derivative\(u\(t\), \(t, 2\)\)"):
        sd.Lagrangian(u.diff(sd.t) ** 2 + u * second, u)
    with pytest.raises(SymbolicError, match="the dissipation holds the acceleration"):
        sd.Lagrangian(u.diff(sd.t) ** 2, u, dissipation=second**2)
    with pytest.raises(SymbolicError, match="a force holds the acceleration"):
        sd.Lagrangian(u.diff(sd.t) ** 2, u, forces={u: -second})
    q, p = sd.coordinates("q")
    with pytest.raises(SymbolicError, match="the acceleration qddot"):
        sd.Lagrangian(p**2 + q * sp.Symbol("qddot"), q, p)
    a = sp.IndexedBase("xddot", shape=(n,))
    with pytest.raises(SymbolicError, match="the acceleration xddot"):
        sd.Lagrangian(T + sp.Sum(x[i] * a[i], (i, 0, n - 1)), x, v)
    # What is declared a parameter is one, whatever it is called.
    own = sp.Symbol("qddot", real=True)
    assert sd.Lagrangian(p**2 / 2 + q * own, q, p, parameters=[own]).forcing == (own,)


def test_rows_of_a_sparse_matrix_as_bounds():
    """U = ½ Σ_i Σ_{k in row i} w_k (x_i − x_col[k])², the commonest form of a neighbour list."""
    ptr, col = (sp.IndexedBase(name, shape=(size,)) for name, size in (("ptr", n + 1), ("col", e)))
    w = sp.IndexedBase("w", shape=(e,))
    U = sp.Sum(w[k] * (x[i] - x[col[k]]) ** 2, (k, ptr[i], ptr[i + 1] - 1), (i, 0, n - 1)) / 2
    kernels = sd.Lagrangian(T - U, x, v).compile()
    starts, columns = np.array([0, 2, 2, 5, 6]), np.array([1, 3, 0, 1, 3, 2])
    rng = np.random.default_rng(1)
    X, W = rng.normal(size=4), rng.normal(size=6)
    force = np.zeros(4)
    for row in range(4):
        for entry in range(starts[row], starts[row + 1]):
            pull = W[entry] * (X[row] - X[columns[entry]])
            force[row] -= pull
            force[columns[entry]] += pull
    params = {ptr: starts, col: columns, w: W}
    np.testing.assert_allclose(kernels.acceleration(X, 0 * X, params), force, rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match="ptr"):
        kernels.acceleration(X, 0 * X, {**params, ptr: starts.astype(float)})


def test_a_size_in_an_index_alone():
    """m in x[Mod(i, m)] is a size, as it is in a bound."""
    L = T - sp.Sum(x[sp.Mod(i, m)] ** 2, (i, 0, n - 1)) / 2
    system = sd.Lagrangian(L, x, v)
    assert system.sizes == {n, m}
    assert system.parameters == ()
    X = np.arange(1.0, 6.0)
    np.testing.assert_allclose(system.compile().energy(X, 0 * X, {m: 2}), np.sum(X[[0, 1, 0, 1, 0]] ** 2) / 2)
