"""Indices checked value by value, with what the index arrays hold, against loops written out."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.program import points
from symdfi.compile.program.loops import Loop
from symdfi.compile.program.points import Points
from symdfi.compile.source.checked import bounds_checked

n, m, e = sp.symbols("n m e", integer=True, positive=True)
i, j, k, l, a = sp.symbols("i j k l a", integer=True)
x = sp.IndexedBase(sp.Symbol("x", real=True), shape=(n,))
w = sp.IndexedBase(sp.Symbol("w", real=True), shape=(e,))
B = sp.IndexedBase(sp.Symbol("B", real=True), shape=(n, e))
p = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(n,))
ptr = sp.IndexedBase(sp.Symbol("ptr", integer=True), shape=(n + 1,))

X = np.array([2.0, -1.0, 3.0, 0.5])
W = np.array([1.0, 4.0, -2.0])
#: Rows {0, 1}, {}, {2}, {}: where the last one starts there is no entry.
PTR = np.array([0, 2, 2, 3, 3])


def where(value: sp.Expr, condition: sp.Basic) -> sp.Expr:
    return sp.Piecewise((value, condition), (0, True))


ROW = (j, ptr[k], ptr[k + 1] - 1), (k, 0, n - 1)


@pytest.mark.parametrize(
    "energy, by_hand",
    [
        (w[ptr[0]] ** 2, W[0] ** 2),
        (sp.Sum(w[ptr[k - 1]] ** 2, (k, 1, n - 1)), W[0] ** 2 + 2 * W[2] ** 2),
        (sp.Sum(x[k] * w[j] ** 2, *ROW), X[0] * (W[0] ** 2 + W[1] ** 2) + X[2] * W[2] ** 2),
        (sp.Sum(where(w[ptr[k]], ptr[k] < ptr[k + 1]), (k, 0, n - 1)), W[0] + W[2]),
        # The first entry of its row, read for each entry: of empty rows it is not read.
        (sp.Sum(w[j] * w[ptr[k]], *ROW), W[0] * (W[0] + W[1]) + W[2] ** 2),
        (sp.Sum(where(w[j + 1] ** 2, j + 1 < ptr[k + 1]), *ROW), W[1] ** 2),
        (sp.Sum(w[ptr[k] - sp.Mod(k, 2)], (k, 0, n - 1)), W[0] + W[1] + 2 * W[2]),
        (sp.Sum(w[j] * sp.sin(sp.Sum(x[l], (l, j, ptr[j]))), (j, 0, 1)), W @ np.sin([2.0, 2.0, 0.0])),
    ],
)
def test_what_is_read_is_in_range_whatever_other_entries_are(energy, by_hand):
    with bounds_checked():
        f = sd.compile({"v": energy, "g": sd.gradient(energy, w)}, [x, w, ptr])
        assert f(x=X, w=W, ptr=PTR)["v"] == pytest.approx(by_hand)
        slope = [f(x=X, w=W + 1e-3 * d, ptr=PTR)["v"] - f(x=X, w=W - 1e-3 * d, ptr=PTR)["v"] for d in np.eye(3)]
        np.testing.assert_allclose(f(x=X, w=W, ptr=PTR)["g"], np.array(slope) / 2e-3, atol=1e-9)


@pytest.mark.parametrize(
    "energy, starts, message",
    [
        (w[ptr[0]], [3, 3, 3, 3, 3], r"the index of w\[ptr\[0\]\] is 3, outside 0\.\.e - 1, at n = 4, e = 3"),
        (sp.Sum(w[ptr[k]], (k, 0, n - 1)), PTR, r"w\[ptr\[k\]\] is 3 at k = 3, outside 0\.\.e - 1"),
        (sp.Sum(x[k] * w[j], *ROW), [0, 2, 2, 3, 5], r"w\[j\] is 3 at k = 3, j = 3, outside 0\.\.e - 1"),
        (sp.Sum(w[j] * w[ptr[k] - 1], *ROW), PTR, r"w\[ptr\[k\] - 1\] is -1 at k = 0, outside 0\.\.e - 1"),
        # Entries that a bound, an index or a test of a loop is read from.
        (sp.Sum(w[0], (j, 0, ptr[2 * k]), (k, 0, n - 1)), PTR, r"ptr\[2\*k\] is 6 at k = 3, outside 0\.\.n"),
        (sp.Sum(w[sp.Mod(ptr[ptr[k] + 2], e)], (k, 0, n - 1)), PTR, r"ptr\[ptr\[k\] \+ 2\] is 5 at k = 3"),
        (sp.Sum(where(w[0], ptr[2 * k] > 0), (k, 0, n - 1)), PTR, r"ptr\[2\*k\] is 6 at k = 3, outside 0\.\.n"),
        (sp.Sum(w[sp.Mod(k, ptr[k])], (k, 0, n - 1)), PTR, r"Mod\(k, ptr\[k\]\) divides by zero at k = 0, at n = 4"),
    ],
)
def test_what_is_out_of_range_is_named_with_its_value(energy, starts, message):
    for output in (energy, sd.gradient(energy, w)):
        f = sd.compile({"v": output}, [x, w, ptr])
        with pytest.raises(ValueError, match=message):
            f.python(x=X, w=W, ptr=np.array(starts))


def test_a_test_that_holds_no_loop_index_is_made_before_a_bound_is_read():
    """δE/δx[a] of a sum over 1..1: the bound of the inner sum is read for the one a that owns the term."""
    energy = sp.Sum(x[sp.Mod(i + 3, n)] ** 2, (j, 0, ptr[i + 1]), (i, 1, 1))
    with bounds_checked():
        f = sd.compile({"g": (sd.derivative(energy, x[k]), (k, 0, n - 1))}, [x, ptr])
        np.testing.assert_array_equal(f(x=np.array([3.0, 5.0]), ptr=np.array([0, 1, 2]))["g"], [3 * 2 * 3.0, 0.0])


def test_a_test_of_entries_stays_in_a_loop_that_may_be_empty():
    energy = sp.Sum(x[p[1]], (i, 1, n - 1))
    with bounds_checked():
        f = sd.compile({"g": (sd.derivative(energy, x[k]), (k, 0, n - 1))}, [x, p])
        assert f(x=X[:1], p=np.array([0]))["g"] == 0
        np.testing.assert_array_equal(f(x=X[:3], p=np.array([7, 2, 7]))["g"], [0, 0, 2])


@pytest.mark.parametrize("of", [lambda term: term, sp.sin])
def test_no_entry_is_read_where_the_sum_over_it_is_empty(of):
    """Σ_k x_k Σ_{j = 2k}^{n-1} f(w[j - 2k + p[2k]]), by w: p[2k] is there where the inner sum has a term."""
    energy = sp.Sum(x[k] * sp.Sum(of(w[j - 2 * k + p[2 * k]]), (j, 2 * k, n - 1)), (k, 0, n - 1))
    reached = [(b, c - 2 * b) for b in range(4) for c in range(2 * b, 4)]
    slope = {sp.sin: np.cos}.get(of, np.ones_like)
    values, entries = np.linspace(0.3, 1.4, 7), np.array([3, 0, 1, 0])
    expected = np.zeros(7)
    for b, c in reached:
        expected[c + entries[2 * b]] += X[b] * slope(values[c + entries[2 * b]])
    outputs = {"g": sd.gradient(energy, w), "d": (sd.derivative(energy, w[i]), (i, 0, e - 1))}
    with bounds_checked():
        result = sd.compile(outputs, [x, w, p])(x=X, w=values, p=entries)
    np.testing.assert_allclose(result["g"], expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(result["d"], expected, rtol=1e-14, atol=1e-15)


def test_remainders_by_what_may_be_negative():
    """Mod(k, -3) lies in -2..0: that of a positive number alone is proved to be an index."""
    energy = sp.Sum(x[-sp.Mod(k, p[0])], (k, 0, n - 1))
    f = sd.compile({"v": energy}, [x, p])
    assert f.python(x=X, p=np.array([-3, 0, 0, 0]))["v"] == pytest.approx(X[0] + X[2] + X[1] + X[0])
    with pytest.raises(ValueError, match=r"the index of x\[.*\] is -1 at k = 1"):
        f.python(x=X, p=np.array([3, 0, 0, 0]))


def test_points_against_loops(monkeypatch):
    """Nested ranges with entries in them, a test at each level; more points than a block holds."""
    monkeypatch.setattr(points, "BLOCK", 100)
    rng = np.random.default_rng(3)
    entries = rng.integers(0, 40, 60)
    arrays = {p.label: entries}
    loops = (Loop(i, sp.S.Zero, n - 1), Loop(j, sp.Max(p[i] - 5, 0), sp.floor(p[i] / 2) + i), Loop(k, j, i + j))
    guard = sp.And(sp.Ne(sp.Mod(i, 3), 0), sp.Or(p[i] > j, sp.Eq(i, j)))
    index = sp.Abs(k - 2 * i) + sp.ceiling(j / 3) + (i * (i + 1)) / 2
    reached = [
        abs(c - 2 * a) - (-b // 3) + a * (a + 1) // 2
        for a in range(60)
        for b in range(max(entries[a] - 5, 0), entries[a] // 2 + a + 1)
        for c in range(b, a + b + 1)
        if a % 3 and (entries[a] > b or a == b)
    ]
    largest = max(reached)
    found = Points(loops, guard, {n: 60}, arrays)
    found.require("x[...]", index, sp.Integer(largest + 1))
    with pytest.raises(ValueError, match=rf"the index of x\[\.\.\.\] is {largest} at i = "):
        found.require("x[...]", index, sp.Integer(largest))


def test_too_many_to_look_at(monkeypatch):
    f = sd.compile({"v": sp.Sum(x[p[i] - p[j]], (j, 0, i), (i, 0, n - 1))}, [x, p])
    entries = np.array([3, 4, 4, 6])
    expected = sum(X[b - a] for k, b in enumerate(entries) for a in entries[: k + 1])
    assert f.python(x=X, p=entries)["v"] == pytest.approx(expected)
    monkeypatch.setattr(points, "MAX_POINTS", 13)
    message = r"the index of x\[p\[i\] - p\[j\]\] may leave its range, at n = 4, and it takes more than 13 values"
    with pytest.raises(ValueError, match=message):
        f.python(x=X, p=np.array([3, 3, 4, 6]))


def test_what_is_found_right_is_not_looked_at_again(monkeypatch):
    looked = []
    monkeypatch.setattr(Points, "require", lambda self, *arguments: looked.append(arguments))
    v, dv = sd.coordinates("v", n)
    L = sp.Sum(dv[i] ** 2, (i, 0, n - 1)) / 2 - sp.Sum(w[ptr[k - 1]] * v[k] ** 2, (k, 1, n - 1))
    system = sd.Lagrangian(L, v, dv).compile()
    bound = system.bind({w: W, ptr: PTR}, n_dof=4)
    bound.energy(X, X)
    once = len(looked)
    assert once > 0
    for _ in range(3):
        bound.energy(X, X)
        system.energy(X, X, {w: W, ptr: PTR.copy()})
    assert len(looked) == once
    system.energy(X, X, {w: W, ptr: np.array([0, 1, 2, 3, 3])})
    assert len(looked) == 2 * once


@pytest.mark.parametrize(
    "energy",
    [
        # Written apart, each factor would be read where the range of another is empty.
        sp.Sum(k * x[1], (k, 2, n), (j, 0, 0), (i, 0, e)),
        sp.Sum(x[k], (l, ptr[j], -1), (j, 0, 0), (i, 2, n), (k, 1, n)),
        # What the bounds of a loop are read from is tested before.
        sp.Sum(w[k + p[n - 1]] + x[0], (j, 0, 1), (l, 0, ptr[k] - 1), (k, 0, 0)),
    ],
)
def test_nothing_is_read_where_a_range_is_empty(energy):
    outputs = {"v": energy, "g": sd.gradient(energy, x), "d": (sd.derivative(energy, x[a]), (a, 0, n - 1))}
    with bounds_checked():
        result = sd.compile(outputs, [x, w, p, ptr])(x=X[:1], w=W, p=np.array([2]), ptr=np.array([0, 3]))
    assert result["v"] == 0
    np.testing.assert_array_equal(result["g"], [0.0])
    np.testing.assert_array_equal(result["d"], [0.0])
