"""Calls: bound to shapes, into given arrays, and without SymPy or files once the shapes are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x, w, p = (sp.IndexedBase(name, shape=(n,)) for name in "xwp")
a = sp.Symbol("a")
E = sp.Sum(a * w[i] * x[i] ** 2, (i, 0, n - 1))
X, W = np.arange(5.0), np.linspace(1, 2, 5)


@pytest.fixture(scope="module")
def f():
    return sd.compile({"e": E, "g": sd.gradient(E, x)}, [x, w, a])


@pytest.fixture
def without_sympy(monkeypatch):
    """From now on SymPy substitutes nothing and no file is read."""

    def refuse():
        def no(*args, **options):
            raise AssertionError("on the hot path")

        for name in ("subs", "xreplace", "__str__"):
            monkeypatch.setattr(sp.Basic, name, no)
        monkeypatch.setattr(sp, "sympify", no)
        monkeypatch.setattr(Path, "read_text", no)
        monkeypatch.setattr(Path, "open", no)

    return refuse


def check(found, scale=1.0):
    np.testing.assert_allclose(found["e"], scale * np.sum(W * X**2), rtol=1e-14)
    np.testing.assert_allclose(found["g"], 2 * scale * W * X, rtol=1e-14)


def test_bound_to_shapes_or_examples(f):
    for bound in (f.bind(x=(5,), w=W, a=1.0), f.bind({x: X, w: (5,), a: ()})):
        check(bound(X, W, 2.0), 2.0)
        check(bound(X, a=3, w=list(W)), 3.0)
        check(bound(np.arange(5), W[::-1][::-1].astype("f4").astype(float), np.array(2.0)), 2.0)
    first, second = (bound(X, W, scale) for scale in (1.0, 2.0))
    check(first)
    check(second, 2.0)


def test_into_given_arrays(f):
    bound = f.bind(x=(5,), w=(5,), a=())
    out = {"e": np.empty(()), "g": np.empty(5)}
    found = bound(X, W, 2.0, out=out)
    assert found["g"] is out["g"] and found["e"] is out["e"]
    check(out, 2.0)


def test_batches(f):
    scale = np.array([1.0, 2.0, 3.0])
    bound = f.bind(x=(5,), w=(3, 5), a=(3,))
    found = bound(X, np.tile(W, (3, 1)), scale)
    out = bound(X, np.tile(W, (3, 1)), scale, out={"e": np.empty(3), "g": np.empty((3, 5))})
    for k in range(3):
        check({name: value[k] for name, value in found.items()}, scale[k])
        check({name: value[k] for name, value in out.items()}, scale[k])
    constant = sd.compile({"s": sp.Sum(w[i], (i, 0, n - 1)), "e": E}, [x, w, a]).bind(x=(3, 5), w=(5,), a=())
    out = constant(np.tile(X, (3, 1)), W, 1.0, out={"s": np.empty(3), "e": np.empty(3)})
    np.testing.assert_allclose(out["s"], np.full(3, W.sum()), rtol=1e-14)
    np.testing.assert_allclose(out["e"], np.full(3, np.sum(W * X**2)), rtol=1e-14)


def test_index_arrays_are_settled():
    g = sd.compile({"y": (x[p[i]], (i, 0, n - 1))}, [x, p])
    order = np.array([2, 0, 1])
    bound = g.bind(x=(3,), p=order)
    order[:] = 0
    np.testing.assert_array_equal(bound(np.array([5.0, 6.0, 7.0]))["y"], [7.0, 5.0, 6.0])
    with pytest.raises(ValueError, match=r"the index of x\[p\[i\]\] is 3 at i = 2"):
        g.bind(x=(3,), p=[0, 1, 3])
    for _ in range(2):
        with pytest.raises(ValueError, match=r"the index of x\[p\[i\]\] is 3 at i = 2"):
            g(x=np.ones(3), p=[0, 1, 3])
    with pytest.raises(ValueError, match="p is an index array: give integers"):
        g.bind(x=(3,), p=np.ones(3))


def test_bad_calls(f):
    bound = f.bind(x=(5,), w=(5,), a=())
    for arguments, named in (((X,), {}), ((X, W, 1.0, 2.0), {}), ((X, W), {"x": X}), ((X, W), {"b": 1.0})):
        with pytest.raises(TypeError, match="expected"):
            bound(*arguments, **named)
    with pytest.raises(ValueError, match=r"w has shape \(4,\), but is bound to \(5,\)"):
        bound(X, W[:4], 1.0)
    with pytest.raises(ValueError, match="x holds complex128: give real numbers"):
        bound(X + 1j, W, 1.0)
    for out in ({}, {"e": np.empty(())}, {"e": np.empty(()), "h": np.empty(5)}):
        with pytest.raises(ValueError, match="the outputs are"):
            bound(X, W, 1.0, out=out)
    for wrong in (np.empty(4), np.empty(5, "f4"), np.empty(10)[::2], [0.0] * 5):
        with pytest.raises(ValueError, match=r"out\['g'\] must be"):
            bound(X, W, 1.0, out={"e": np.empty(()), "g": wrong})
    with pytest.raises(ValueError, match="w has shape"):
        f.bind(x=(5,), w=(4,), a=())
    with pytest.raises(TypeError, match="missing arguments"):
        f.bind(x=(5,))


def test_arrays_that_may_not_be_written_to_are_copied(f):
    fixed = X.copy()
    fixed.flags.writeable = False
    check(f(x=fixed, w=W, a=1.0))
    check(f.bind(x=(5,), w=(5,), a=())(fixed, W, 1.0))


def test_no_sympy_and_no_file_on_the_hot_path(f, without_sympy):
    g = sd.compile({"y": (x[p[i]], (i, 0, n - 1))}, [x, p])
    bound, order = f.bind(x=(5,), w=(5,), a=()), np.array([1, 0, 2])
    f(x=X, w=W, a=1.0), f({x: X, w: W, a: 1.0}), bound(X, W, 1.0), g(x=X[:3], p=order)
    without_sympy()
    check(f(x=X, w=W, a=2.0), 2.0)
    check(f({x: X, w: W, a: 2.0}), 2.0)
    check(bound(X, W, 2.0), 2.0)
    assert g(x=X[:3], p=order)["y"].tolist() == [1.0, 0.0, 2.0]
