"""S1: index maps, row-pointer ranges and conditions by brute force, values and gradients, every access checked."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.source.checked import bounds_checked
from symdfi.symbolic.sets import value

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)


def array(name, *shape, integer=False):
    return sp.IndexedBase(sp.Symbol(name, integer=True) if integer else sp.Symbol(name, real=True), shape=shape)


x, y, z, A = array("x", n), array("y", n), array("z", m), array("A", n, n)
flat, triangle = array("flat", n * m), array("triangle", n * (n + 1) / 2)
ptr, idx, val = array("ptr", n + 1, integer=True), array("idx", m, integer=True), array("val", m)
p = array("p", n, integer=True)


def where(term, condition):
    return sp.Piecewise((term, condition), (0, True))


def evaluate(expr, env):
    """The value by loops; ``ValueError`` for an element that does not exist."""
    if isinstance(expr, sp.Sum):
        *inner, (index, lower, upper) = expr.limits
        rest = sp.Expr.__new__(sp.Sum, expr.function, *inner) if inner else expr.function
        span = range(int(evaluate(lower, env)), int(evaluate(upper, env)) + 1)
        return sum(evaluate(rest, {**env, index: number}) for number in span)
    if isinstance(expr, sp.Indexed):
        own = tuple(int(evaluate(index, env)) for index in expr.indices)
        if not all(0 <= a < extent for a, extent in zip(own, env[expr.base].shape, strict=True)):
            raise ValueError(expr)
        return env[expr.base][own]
    if isinstance(expr, sp.Piecewise):
        return next(evaluate(term, env) for term, condition in expr.args if evaluate(condition, env))
    if isinstance(expr, sp.core.relational.Relational):
        return expr.func(*(sp.sympify(evaluate(side, env)) for side in expr.args)) == sp.true
    if isinstance(expr, sp.And | sp.Or):
        kind = all if isinstance(expr, sp.And) else any
        return kind(evaluate(part, env) for part in expr.args)
    if isinstance(expr, sp.Symbol | sp.Integer | sp.Rational) or expr in (sp.true, sp.false):
        return env[expr] if isinstance(expr, sp.Symbol) else bool(expr) if expr.is_Boolean else value(expr, {})
    args = [evaluate(arg, env) for arg in expr.args]
    if isinstance(expr, sp.Add | sp.Mul | sp.Pow):
        kind = {sp.Add: sum, sp.Mul: np.prod, sp.Pow: lambda ab: ab[0] ** ab[1]}[expr.func]
        return kind(args)
    if isinstance(expr, sp.sin):
        return np.sin(args[0])
    return value(expr.func(*map(sp.Integer, args), evaluate=False), {})


def over(term, *limits):
    return sp.Sum(term, *limits)


ROW = (i, 0, n - 1)
CASES = {
    "load above an empty loop": over(x[n - 2] * y[i], (i, 1, n - 1)),
    "stored above an empty loop": over(sp.sin(x[n - 2]) * y[i], (i, 1, n - 1)),
    "sum of remainders": over(z[sp.Mod(-i, n) + sp.Mod(i + 3, n)] ** 2, ROW),
    "remainder in a triangle": over(x[sp.Mod(i - j + 1, n)] * x[j], (j, 0, i), ROW),
    "floor": over(sp.sin(x[sp.floor(i / 2)]) * z[i], (i, 0, m - 1)),
    "distance": over(A[i, j] * x[sp.Abs(i - j)] ** 2, (j, 0, n - 1), ROW),
    "larger and smaller": over(x[sp.Max(i, j)] * y[sp.Min(i, j)] * x[i], (j, 0, n - 1), ROW),
    "flattened": over(flat[i * m + j] * x[i] * z[j], (j, 0, m - 1), ROW),
    "row and column of a flat index": over(flat[k] * x[sp.floor(k / m)] * z[sp.Mod(k, m)], (k, 0, n * m - 1)),
    "triangular": over(triangle[i * (i + 1) / 2 + j] * x[i] * x[j], (j, 0, i), ROW),
    "sparse rows": over(val[k] * x[idx[k]] * x[i], (k, ptr[i], ptr[i + 1] - 1), ROW),
    "function of sparse rows": over(sp.sin(over(val[k] * x[idx[k]], (k, ptr[i], ptr[i + 1] - 1))) * y[i], ROW),
    "band": over(where(A[i, j] * x[i] * x[j], sp.Abs(i - j) <= 1), (j, 0, n - 1), ROW),
    "every other": over(where(x[i] ** 2 * y[i], sp.Eq(sp.Mod(i, 2), 0)), ROW),
    "chequered": over(where(x[i] ** 2, sp.Eq(sp.Mod(i + j, 2), 0)) * x[j], (j, 0, n - 1), ROW),
    "every third, else": over(sp.Piecewise((x[i], sp.Eq(sp.Mod(i, 3), 1)), (x[i] ** 3, True)), ROW),
    "guarded gather, else": over(sp.Piecewise((x[p[i] + 1], (p[i] >= 0) & (p[i] < n - 1)), (y[i], True)) ** 2, ROW),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    energy, rng = CASES[name], np.random.default_rng(3)
    bases = sorted({b for b in energy.atoms(sp.IndexedBase)} | {x, z}, key=str)
    floats = [b for b in bases if not b.label.is_integer]
    with bounds_checked():
        f = sd.compile({"v": energy, **{f"d{b}": sd.gradient(energy, b) for b in floats}}, bases)
        for N, M in itertools.product((1, 2, 5), (1, 4, 9)):
            sizes = {n: N, m: M}
            env = {b: rng.normal(size=[int(e.subs(sizes)) for e in map(sp.sympify, b.shape)]) for b in floats}
            env |= {b: rng.integers(-1, N + 1, N) for b in bases if b == p}
            env |= {b: np.sort([0, M, *rng.integers(0, M + 1, N - 1)]) for b in bases if b == ptr}
            env |= {b: rng.integers(0, N, M) for b in bases if b == idx}
            given = {str(b.label): env[b] for b in bases}
            try:
                expected = evaluate(energy, {**env, **sizes})
            except ValueError:
                with pytest.raises(ValueError, match="the index of"):
                    f(**given)
                continue
            got = f(**given)
            np.testing.assert_allclose(got["v"], expected, rtol=1e-12, atol=1e-12)
            for b in floats:
                step = rng.normal(size=env[b].shape)
                slope = evaluate(energy, {**env, **sizes, b: env[b] + 1e-30j * step}).imag / 1e-30
                np.testing.assert_allclose(np.sum(got[f"d{b}"] * step), slope, rtol=1e-11, atol=1e-12)


def test_what_is_flattened_is_added_where_it_lies():
    """n*m additions, no search for i and j."""
    f = sd.compile({"g": sd.gradient(CASES["flattened"], flat)}, [flat, x, z])
    assert " // " not in f.source and " if " not in f.source
    assert "range(" in f.source


def test_a_parity_is_a_stride():
    f = sd.compile({"v": CASES["every other"]}, [x, y])
    assert "%" not in f.source and " if " not in f.source


def test_remainders_of_halves():
    """SymPy writes Mod(n*(n + 1)/2, n) as n*Mod((n + 1)/2, 1): a remainder of a fraction, whole as a product."""
    matrix = sp.IndexedBase("matrix", shape=(n, n))
    E = sp.Sum(matrix[sp.Mod(i * (i + 1) / 2, n), sp.Mod(i, n)], (i, 0, n))
    f = sd.compile({"E": E}, [matrix])
    for size in range(1, 7):
        a = np.arange(float(size**2)).reshape(size, size)
        assert f(matrix=a)["E"] == sum(a[(k * (k + 1) // 2) % size, k % size] for k in range(size + 1))
