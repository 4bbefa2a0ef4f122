"""The build in which every access is checked: how the tests use it, and that it finds what it is to find.

    with bounds_checked():
        f = sd.compile({"v": energy, "g": sd.gradient(energy, x)}, [x, p])
        f(x=..., p=...)                 # IndexError for an element out of range, or read before it is written
        sd.Lagrangian(L, q, v).compile().acceleration(q0, v0)

Functions and systems are made and called within; both ``f(...)`` and ``f.python(...)`` are the checked form.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.kernels.kernel import KernelBuilder
from symdfi.compile.source.checked import bounds_checked
from symdfi.compile.source.emit import Writer

n, m = sp.symbols("n m", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
x = sp.IndexedBase(sp.Symbol("x", real=True), shape=(n,))
A = sp.IndexedBase(sp.Symbol("A", real=True), shape=(n, m))
p = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(n,))
q = sp.IndexedBase(sp.Symbol("q", integer=True), shape=(n, 2))

ENERGY = sp.Sum(sp.exp(A[i, j] * x[i]) * sp.Sum(A[i, p[i]] ** 2, (i, 0, n - 1)), (j, 0, m - 1), (i, 0, n - 1))
AT = {"x": np.array([0.3, -0.5, 1.0]), "A": np.arange(6.0).reshape(3, 2) / 7, "p": np.array([0, 1, 1])}


@pytest.mark.parametrize("batched", [False, True])
def test_the_checked_build_has_the_same_results(batched):
    outputs = {"v": ENERGY, "g": sd.gradient(ENERGY, A), "rows": (sp.exp(x[i] * A[i, 0]), (i, 0, n - 1))}
    at = AT | {"x": np.array([AT["x"], 2 * AT["x"]])} if batched else AT
    expected = sd.compile(outputs, [x, A, p]).python(**at)
    with bounds_checked():
        f = sd.compile(outputs, [x, A, p])
        got = f(**at)
    assert "known(" in f.source
    for name, value in expected.items():
        np.testing.assert_array_equal(got[name], value)


def test_a_lagrangian_runs_checked():
    """2 a_i + (a_{i-1} + a_{i+1})/4 = -∂V/∂y_i."""
    y, v = sd.coordinates("y", n)
    L = sp.Sum(v[i] ** 2, (i, 0, n - 1)) + sp.Sum(v[i] * v[i + 1] / 4 - (y[i + 1] - y[i]) ** 2 / 2, (i, 0, n - 2))
    mass = 2 * np.eye(4) + (np.eye(4, k=1) + np.eye(4, k=-1)) / 4
    state = np.array([1.0, 3.0, 2.0, 5.0])
    stretch = np.diff(state)
    force = np.append(stretch, 0) - np.append(0, stretch)
    with bounds_checked():
        found = sd.Lagrangian(L, y, v).compile().acceleration(state, np.zeros(4))
    np.testing.assert_allclose(found, np.linalg.solve(mass, force), rtol=1e-13)


@pytest.mark.parametrize("index", [2, -1])
def test_an_index_outside_its_own_extent_is_found(monkeypatch, index):
    """A[0, m] is an element of the flat array, but not of that row."""
    monkeypatch.setattr(KernelBuilder, "_checks", lambda *_: ())
    with bounds_checked():
        f = sd.compile({"v": sp.Sum(A[i, p[i]], (i, 0, n - 1))}, [x, A, p])
        with pytest.raises(IndexError, match=rf"the index {index} lies outside 0\.\.1"):
            f(**AT | {"p": np.array([0, 1, index])})
        f = sd.compile({"v": sp.Sum(x[q[i, p[i]]], (i, 0, n - 1))}, [x, q, p])
        with pytest.raises(IndexError, match=rf"the index {index} lies outside 0\.\.1"):
            f(x=AT["x"], q=np.zeros((3, 2), dtype=int), p=np.array([0, index, 1]))


def test_a_read_before_a_write_is_found(monkeypatch):
    """Without the zeros that a scatter adds to, and without a loop that stores an output."""
    with bounds_checked():
        f = sd.compile({"g": sd.gradient(sp.exp(sp.Sum(A[i, p[i]], (i, 0, n - 1))), A)}, [x, A, p])
        assert f(**AT)["g"].shape == (3, 2)
        monkeypatch.setattr(Writer, "fill", lambda self, d: None)
        f = sd.compile({"g": sd.gradient(sp.exp(sp.Sum(A[i, p[i]], (i, 0, n - 1))), A)}, [x, A, p])
        with pytest.raises(IndexError, match=r"read before it is written|are not written"):
            f(**AT)
