"""Indices in range: what conditions prove, what is refused, and how a message names it."""

from __future__ import annotations

import re

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.source.checked import bounds_checked

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
c = sp.Symbol("c", real=True)
x = sp.IndexedBase(sp.Symbol("x", real=True), shape=(n,))
y = sp.IndexedBase(sp.Symbol("y", real=True), shape=(m,))
p = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(m,))

X, Y = np.array([2.0, -1.0, 3.0, 0.5]), np.array([1.0, 4.0, -2.0])
#: Names of the compiler's own, which no message shows.
INTERNAL = re.compile(r"_[abcglt]\d|_o_|Dummy|maximum|minimum")


def where(value, condition):
    return sp.Piecewise((value, condition), (0, True))


def over(expr, index=i, lower=0, upper=m - 1) -> sp.Expr:
    return sp.Sum(expr, (index, lower, upper))


@pytest.mark.parametrize(
    "term, entries, by_hand",
    [
        (where(x[p[i] - 1], p[i] > 0), [0, 1, 4], lambda P: [X[a - 1] for a in P if a > 0]),
        (where(x[p[i] + 1], p[i] < n - 1), [3, 0, 2], lambda P: [X[a + 1] for a in P if a < 3]),
        (where(x[2 * p[i]], 2 * p[i] < n), [3, 0, 1], lambda P: [X[2 * a] for a in P if 2 * a < 4]),
        (where(x[n - p[i]], p[i] >= 1), [4, 0, 1], lambda P: [X[4 - a] for a in P if a >= 1]),
        (where(x[p[i] - 1], sp.Ne(p[i], 0)), [0, 1, 4], lambda P: [X[a - 1] for a in P if a != 0]),
        (where(x[p[i]], sp.Eq(p[i], i)), [7, 1, -3], lambda P: [X[a] for b, a in enumerate(P) if a == b]),
        (where(x[p[i]], (p[i] >= 0) & (p[i] < n)), [-5, 9, 2], lambda P: [X[a] for a in P if 0 <= a < 4]),
        (
            where(x[sp.Mod(p[i], n)], sp.Or(p[i] < 0, p[i] > 5)),
            [-5, 9, 2], lambda P: [X[a % 4] for a in P if a < 0 or a > 5],
        ),
    ],
)  # fmt: skip
def test_a_condition_keeps_a_gathered_index_in_range(term, entries, by_hand):
    energy = over(term**2)
    f = sd.compile({"v": energy, "g": sd.gradient(energy, x)}, [x, p, y])
    got = f.python(x=X, p=np.array(entries), y=Y)
    np.testing.assert_allclose(got["v"], np.sum(np.square(by_hand(np.array(entries)))))
    assert got["g"].sum() == pytest.approx(2 * np.sum(by_hand(np.array(entries))))


@pytest.mark.parametrize(
    "term, entries, reference",
    [
        (where(x[p[i] + 5], p[i] > 0), [0, 1, 2], "x[p[i] + 5]"),
        (where(x[p[i] - 2], p[i] > 0), [1, 2, 3], "x[p[i] - 2]"),
        (where(x[p[i] - 1], sp.Ne(p[i], 3)), [0, 1, 2], "x[p[i] - 1]"),
        (where(x[p[i]], sp.Or(p[i] < 0, p[i] > 5)), [-1, 7, 2], "x[p[i]]"),
        (where(x[i + 3], p[i] > i), [1, 2, 3], "x[i + 3]"),
    ],
)
def test_a_condition_that_speaks_of_an_index_need_not_keep_it_in_range(term, entries, reference):
    f = sd.compile({"v": over(term)}, [x, p, y])
    with pytest.raises(ValueError, match=re.escape(f"the index of {reference} is ")) as caught:
        f.python(x=X, p=np.array(entries), y=Y)
    assert not INTERNAL.search(str(caught.value))


@pytest.mark.parametrize("entries", [[-1, 0, 1], [4, 0, 1]])
@pytest.mark.parametrize("term", [x[p[i]] ** 2, x[p[i]] * y[i], sp.sin(x[p[i]] - c)])
def test_a_gradient_refuses_the_entries_that_the_value_refuses(term, entries):
    """What is added to no element is an error, never left out."""
    f = sd.compile({"g": sd.gradient(over(term), x)}, [x, p, y, c])
    with pytest.raises(
        ValueError, match=re.escape(f"the index of x[p[i]] is {entries[0]} at i = 0, outside 0..n - 1, at ")
    ):
        f.python(x=X, p=np.array(entries), y=Y, c=0.3)
    second = sd.compile({"v": over(term), "h": sd.gradient(sd.gradient(over(term), x)[3], x)}, [x, p, y, c])
    with pytest.raises(ValueError, match="the index of x") as caught:
        second.python(x=X, p=np.array(entries), y=Y, c=0.3)
    assert not INTERNAL.search(str(caught.value))


@pytest.mark.parametrize("entries", [[-1, 0, 1], [4, 0, 1]])
def test_a_delta_of_a_gathered_index_does_not_excuse_what_is_read_under_it(entries):
    term = over(x[p[i]] ** 3)
    for formula in (sd.gradient(term, x)[3], sd.gradient(sd.gradient(term, x)[3], x)):
        f = sd.compile({"g": formula}, [x, p, y])
        with pytest.raises(ValueError, match=re.escape("the index of x[p[")):
            f.python(x=X, p=np.array(entries), y=Y)
    # Where nothing else is read, a delta is zero beyond its target.
    f = sd.compile({"count": (over(sp.KroneckerDelta(p[i], k)), (k, 0, n - 1))}, [x, p, y])
    np.testing.assert_array_equal(f.python(x=X, p=np.array([-1, 7, 2]), y=Y)["count"], [0, 0, 1, 0])


def test_a_condition_that_never_holds_reads_nothing():
    f = sd.compile({"v": over(where(x[p[i] + 5], p[i] > 3))}, [x, p, y])
    assert f.python(x=X, p=np.array([0, 1, 3]), y=Y)["v"] == 0


TRIANGLE = (j, 0, i), (i, 0, n - 1)


@pytest.mark.parametrize(
    "energy, message",
    [
        (sp.Sum(x[i + j], *TRIANGLE), r"the index of x\[i \+ j\]"),
        (sp.Sum(x[j - 1] * x[i], *TRIANGLE), r"the index of x\[j - 1\] .*j = 0\.\.i.* leaves the range 0\.\.n - 1"),
        (sp.Sum(x[sp.Mod(i, n) + 1] * x[j], *TRIANGLE), r"the index of x\[i \+ 1\]"),
        (over(sp.sin(over(x[j] * y[i + 1], j, 0, n - 1))), r"index of y\[i \+ 1\] .* leaves the range 0\.\.m - 1"),
        (sp.Sum(sp.Max(y[i], 0) * x[i - m], (i, 0, m - 1)), r"the index of x\[i - m\] \(i = 0\.\.m - 1\)"),
        (
            sp.Sum(x[i] * over(x[j], j, 0, i**2), (i, 0, n - 1)),
            r"the index of x\[j\] is 4 at i = 2, j = 4, outside 0\.\.n - 1, at n = 4",
        ),
        (over(x[sp.cos(i)]), r"the indices of x\[cos\(i\)\] must be integer expressions"),
        (over(sp.sqrt(over(x[j], j, 0, sp.sqrt(i)))), r"bounds of Sum\(x\[j\], \(j, 0, sqrt\(i\)\)\) must be"),
        (over(x[i], upper=x[0]), r"x is an index array: give integers"),
        (over(sp.Max(y[i], 0) * y[sp.Min(i + 1, m)]), r"the index of y\[Min\(m, i \+ 1\)\] is 3 at i = 2"),
        (over(sp.sin(y[i]) * y[sp.floor(i / 2) - 1]), r"the index of y\[floor\(i/2\) - 1\] is -1 at i = 0"),
        (over(y[sp.cos(i)]), r"the ind.*cos\(i\).* must be integer expressions"),
    ],
)
def test_messages_name_the_users_term(energy, message):
    with pytest.raises((sd.SymbolicError, sd.CompileError, ValueError), match=message) as caught:
        f = sd.compile({"g": sd.gradient(energy, y)}, [x, y])
        sd.compile({"v": energy}, [x, y]).python(x=X, y=Y)
        f.python(x=X, y=Y)
    assert not INTERNAL.search(str(caught.value))


def test_max_and_min_in_bounds_indices_and_conditions():
    """Of indices they are integer arithmetic, of values floating-point: both in one expression."""
    energy = sp.Sum(
        where(sp.Max(x[i], c, i / 2) * x[sp.Max(i - 1, 0)], i < sp.Min(n, m + 1)),
        (i, sp.Max(0, k - 1), sp.Min(n - 1, k + 1)),
    )
    f = sd.compile({"v": (energy, (k, 0, m))}, [x, y, c])
    for N, M in ((1, 1), (4, 3), (3, 5)):
        A, low = np.linspace(-1, 2, N), 0.3
        expected = np.zeros(M + 1)
        for b in range(M + 1):
            for a in range(max(0, b - 1), min(N - 1, b + 1) + 1):
                expected[b] += max(A[a], low, a / 2) * A[max(a - 1, 0)] if a < min(N, M + 1) else 0
        np.testing.assert_allclose(f.python(x=A, y=np.ones(M), c=low)["v"], expected, rtol=1e-14)


def test_what_varies_with_one_index_of_a_triangle_is_stored_for_that_index():
    """A sum over j <= i of f(j) stores f for every j, not for every pair."""
    energy = sp.Sum(x[i] * sp.sin(over(sp.exp(x[j]) * sp.tanh(over(y[k], k) + x[j]), j, 0, i)), (i, 0, n - 1))
    f = sd.compile({"v": energy}, [x, y])
    assert "n*n" not in f.source
    inner = np.cumsum(np.exp(X) * np.tanh(Y.sum() + X))
    assert f.python(x=X, y=Y)["v"] == pytest.approx(np.sum(X * np.sin(inner)))


def test_remainders_of_entries() -> None:
    """Mod of a gathered entry stays a remainder at run time."""
    f = sd.compile({"s": over(sp.Mod(i + p[i], n) * x[sp.Mod(i + p[i], n)])}, [x, p])
    entries, values = np.array([0, 5, -2]), np.arange(1.0, 5.0)
    places = (np.arange(3) + entries) % 4
    assert f(x=values, p=entries)["s"] == pytest.approx(np.sum(places * values[places]))


@pytest.mark.parametrize(
    "term",
    [
        over(sp.Mod(j + n - 1, n) * x[j], j, 0, 1),  # of x[1] it is Mod(n, n)
        over(sp.KroneckerDelta(0, j) * x[j], j, 1, 1),
        over(sp.KroneckerDelta(i + j, n) * x[i + j], i, 2, 2).subs(j, 5),
    ],
)
def test_beside_a_factor_of_zero_nothing_is_read(term):
    """SymPy makes 0 of 0*x[1], which nobody can check then: it is 0, and nothing is read, or it is refused."""
    at = {"x": X[:1]} if n in term.free_symbols or term.free_symbols else {}
    with bounds_checked():
        function = sd.compile({"f": term, "df": sd.gradient(term, x)}, [x])
        found = function(**at)
    assert found["f"] == 0 and list(found["df"]) == [0]
