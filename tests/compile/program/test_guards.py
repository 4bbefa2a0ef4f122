"""Literals on indices protect what the other literals of a test, and later cases, read."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.source.checked import bounds_checked

n, m = sp.symbols("n m", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
c = sp.Symbol("c", real=True)
x, y = (sp.IndexedBase(sp.Symbol(name, real=True), shape=(n,)) for name in "xy")
B = sp.IndexedBase(sp.Symbol("B", real=True), shape=(n, m))
p = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(n,))
#: i >= 1 and p[i] >= 1 are needed for what is read.
first, none = i < 1, p[i] < 1
before, gathered = x[i - 1], x[p[i] - 1]
row = sp.Sum(B[i - 1, j] * x[i], (j, 0, m - 1))

RNG = np.random.default_rng(5)
VALUES = {"x": RNG.normal(size=5), "y": RNG.normal(size=5), "B": RNG.normal(size=(5, 3)), "c": 0.3}
VALUES["p"] = np.array([0, 3, 1, 0, 4])
X, Y, P, C, ROWS = VALUES["x"], VALUES["y"], VALUES["p"], VALUES["c"], VALUES["B"].sum(axis=1)


def cases(*branches) -> sp.Expr:
    return sp.Sum(sp.Piecewise(*branches), (i, 0, n - 1))


CASES = [
        (cases((y[i], first | (before > 0)), (0, True)), lambda a: Y[a] if a < 1 or X[a - 1] > 0 else 0),
        (cases((y[i], none | (gathered > 0)), (0, True)), lambda a: Y[a] if P[a] < 1 or X[P[a] - 1] > 0 else 0),
        (
            cases((y[i], ~(sp.Not(none) & (gathered > 0))), (x[i], True)),
            lambda a: X[a] if P[a] >= 1 and X[P[a] - 1] > 0 else Y[a],
        ),
        (
            cases((y[i], sp.ITE(none, c > 1, gathered > 0)), (x[i], True)),
            lambda a: Y[a] if (C > 1 if P[a] < 1 else X[P[a] - 1] > 0) else X[a],
        ),
        (
            cases((y[i], sp.Xor(c > 0, sp.Not(none) & (gathered > 0))), (x[i], True)),
            lambda a: Y[a] if (C > 0) != (P[a] >= 1 and X[P[a] - 1] > 0) else X[a],
        ),
        (
            cases((y[i], none | (p[p[i] - 1] > 2) | (x[p[p[i] - 1]] > 0)), (0, True)),
            lambda a: Y[a] if P[a] < 1 or P[P[a] - 1] > 2 or X[P[P[a] - 1]] > 0 else 0,
        ),
        (
            cases((y[i], (c > 0) & (none | (sp.exp(gathered) > 1))), (x[i], True)),
            lambda a: Y[a] if P[a] < 1 or np.exp(X[P[a] - 1]) > 1 else X[a],
        ),
        # Later cases are there where the earlier ones are not.
        (cases((y[i], none | (c > 1)), (gathered**2, True)), lambda a: Y[a] if P[a] < 1 else X[P[a] - 1] ** 2),
        (
            cases((y[i], none | (c > 1)), (x[i], gathered > 0), (gathered**2, True)),
            lambda a: Y[a] if P[a] < 1 else X[a] if X[P[a] - 1] > 0 else X[P[a] - 1] ** 2,
        ),
        # Sums in tests and cases.
        (cases((y[i], first | (row > 0)), (0, True)), lambda a: Y[a] if a < 1 or ROWS[a - 1] * X[a] > 0 else 0),
        (cases((y[i], first | (c > 1)), (row, True)), lambda a: Y[a] if a < 1 else ROWS[a - 1] * X[a]),
        (
            cases((sp.Max(y[i], x[i]), ~first & (row > 0)), (sp.Min(x[i], c), True)),
            lambda a: max(Y[a], X[a]) if a >= 1 and ROWS[a - 1] * X[a] > 0 else min(X[a], C),
        ),
        # A test that no index of the sum is in.
        (
            sp.Sum(sp.Piecewise((y[i], i < 5), (x[n], y[n] > 0), (0, True)), (i, 0, n - 1)),
            lambda a: Y[a],
        ),
]  # fmt: skip


@pytest.mark.parametrize("energy, by_hand", CASES)
def test_in_values_and_gradients(energy, by_hand):
    variables = [v for v in (x, y, B, c, p) if (v.label if isinstance(v, sp.IndexedBase) else v) in energy.free_symbols]
    wrt = [v for v in variables if v is not p]
    given = {str(v): VALUES[str(v)] for v in variables}
    outputs = {"value": energy} | {f"d{v}": sd.gradient(energy, v) for v in wrt}
    direction = {v: sp.IndexedBase(f"d_{v}", shape=v.shape) if isinstance(v, sp.IndexedBase) else sp.S.One for v in wrt}
    steps = {f"d_{v}": RNG.normal(size=VALUES[str(v)].shape) for v in wrt if isinstance(v, sp.IndexedBase)}
    outputs["along"] = sd.tangent(energy, direction)
    taken = [*variables, *(d for d in direction.values() if d != 1)]
    with bounds_checked():
        got = sd.compile(outputs, taken)(**given, **steps)
    assert got["value"] == pytest.approx(sum(by_hand(a) for a in range(5)))
    along = sum(np.sum(got[f"d{v}"] * steps.get(f"d_{v}", 1.0)) for v in wrt)
    assert got["along"] == pytest.approx(along)


def test_compiled():
    f = sd.compile({f"v{k}": energy for k, (energy, _) in enumerate(CASES)}, [x, y, B, c, p])
    got = f(**VALUES)
    for k, (_, by_hand) in enumerate(CASES):
        assert got[f"v{k}"] == pytest.approx(sum(by_hand(a) for a in range(5)))


@pytest.mark.parametrize("test", [(p[i] < 0) | (gathered > 0), (c > 0) | (gathered > 0), none & (gathered > 0)])
def test_what_does_not_protect(test):
    f = sd.compile({"v": cases((y[i], test), (0, True))}, [v for v in (x, y, c, p) if v is not c or test.has(c)])
    with pytest.raises(ValueError, match=r"the index of x\[p\[i\] - 1\] is -1 at i = 0, outside 0..n - 1"):
        f(**{name: VALUES[name] for name in ("x", "y", "p", *(["c"] if test.has(c) else []))})


def test_many_tests_of_entries():
    """As many alternatives are not looked at one by one, each."""
    branches = [(y[i] * k, (p[i] < k) | (x[p[i] - k] > k)) for k in range(1, 9)]
    energy = cases(*branches, (x[p[i] - 8], True))
    f = sd.compile({"v": energy}, [x, y, p])
    assert f.python(**{name: VALUES[name] for name in "xyp"})["v"] == pytest.approx(
        sum(next(Y[a] * k for k in range(1, 9) if P[a] < k or X[P[a] - k] > k) for a in range(5))
    )
