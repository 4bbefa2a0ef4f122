"""Derivatives of sums over indexed variables, as formulas."""

from __future__ import annotations

import pytest
import sympy as sp

import symdfi as sd
from symdfi.symbolic import indexed
from symdfi.symbolic.indexed import canonical, normalise, variation

n, m = sp.symbols("n m", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
c = sp.Symbol("c", real=True)
x, y = (sp.IndexedBase(sp.Symbol(name, real=True), shape=(n,)) for name in "xy")
z = sp.IndexedBase(sp.Symbol("z", real=True), shape=(2 * n,))
w = sp.IndexedBase(sp.Symbol("w", real=True), shape=(n, m))
p = sp.IndexedBase(sp.Symbol("p", integer=True), shape=(n,))


def over(expr, lower=0, upper=n - 1, index=i):
    return sp.Sum(expr, (index, lower, upper))


def where(value, condition):
    return sp.Piecewise((value, condition), (0, True))


@pytest.mark.parametrize(
    "energy, expected",
    [
        (over(x[i] ** 2), 2 * x[j]),
        (over(c * x[i] + y[i]), c),
        (over(y[i] ** 2), sp.S.Zero),
        (x[0] * c, c * sp.KroneckerDelta(0, j)),
        (over(i * x[i]), j * x[0] / x[0]),
        (over(n * x[n - 1 - i]), n),
        (over(x[i]) ** 2, 2 * over(x[i])),
        (over(x[i + 1] * y[i], 0, n - 2), where(y[j - 1], j >= 1)),
        (
            over((x[sp.Mod(i + 1, n)] - x[i]) ** 2),
            4 * x[j] - 2 * x[sp.Mod(j - 1, n)] - 2 * x[sp.Mod(j + 1, n)],
        ),
        (
            over(sp.Piecewise((x[i], i < 2), (x[i] ** 2, True))),
            where(1, j < 2) + where(2 * x[j], sp.Not(j < 2)),
        ),
        (over(sp.Abs(x[i])), sp.sign(x[j])),
        (over(x[i] ** sp.Rational(1, 3)), x[j] ** sp.Rational(-2, 3) / 3),
        (over(y[i] * x[p[i]]), over(y[i] * sp.KroneckerDelta(j, p[i]))),
    ],
)
def test_derivative(energy, expected):
    found = sd.derivative(energy, x[j])
    assert sp.expand(found - expected) == 0 or found.equals(expected)


def test_interior_of_a_chain_of_springs():
    potential = over((x[i + 1] - x[i]) ** 2 / 2, 0, n - 2)
    force = sd.derivative(potential, x[j])
    for at, expected in ((2, 2 * x[2] - x[1] - x[3]), (0, x[0] - x[1]), (4, x[4] - x[3])):
        assert force.subs({n: 5, j: at}) == expected.subs(n, 5)


def test_even_and_odd_elements():
    even = sd.derivative(over(c * z[2 * i]), z[j])  # SymPy: Sum(z[2*i]).diff(z[j]).doit() is 1 for every j
    assert [even.subs({n: 2, j: at}) for at in range(5)] == [c, 0, c, 0, 0]
    odd = sd.derivative(over(c * z[2 * i + 1]), z[j])
    assert [odd.subs({n: 2, j: at}) for at in range(5)] == [0, c, 0, c, 0]


def test_free_index_is_not_captured():
    """SymPy: Sum(x[i]**2, (i, 0, n - 1)).diff(x[i]) treats the free i as the bound one."""
    assert sd.derivative(over(x[i] ** 2), x[i]) == 2 * x[i]
    assert over(x[i] ** 2).diff(x[i]) != 2 * x[i]


def test_the_name_of_an_inner_index_is_not_captured():
    energy = over(x[i] * over(w[i, j] * y[j], 0, m - 1, j))
    assert sd.derivative(energy, x[j]) == over(w[j, i] * y[i], 0, m - 1)
    assert sd.derivative(energy, x[k]) == over(w[k, i] * y[i], 0, m - 1)


def test_second_derivative_of_a_formula():
    energy = over(sp.cos(x[i]) * over(x[j], 0, n - 1, j))
    first = sd.derivative(energy, x[j])
    second = sd.derivative(first, x[k], {j: (0, n - 1)})
    for a, b, expected in (
        (0, 0, -sp.cos(x[0]) * (x[0] + x[1]) - 2 * sp.sin(x[0])),
        (0, 1, -sp.sin(x[0]) - sp.sin(x[1])),
    ):
        assert sp.expand(second.subs({n: 2, j: a, k: b}).doit() - expected.subs(n, 2)) == 0


def test_matrix_elements():
    energy = over(over(w[i, j] * x[i] * y[j], 0, m - 1, j))
    assert sd.derivative(energy, w[j, k]) == x[j] * y[k]
    assert sd.derivative(energy, w[0, k]) == x[0] * y[k]
    diagonal = sp.IndexedBase("d", shape=(n, n))
    assert sd.derivative(over(c * diagonal[i, i]), diagonal[j, k]).subs(k, j).simplify() == c


def test_without_a_shape_every_bound_is_stated():
    bare = sp.IndexedBase("b")
    found = sd.derivative(over(c * bare[i + 1], 0, n - 2), bare[j])
    assert [found.subs({n: 4, j: at}) for at in range(-1, 6)] == [0, 0, c, c, c, 0, 0]


def test_conditions_on_values_are_kept():
    """A value is neither an integer nor positive: c > 0 says something."""
    energy = over(sp.Piecewise((x[i], c > 0), (x[i] ** 2, x[0] > 0), (0, True)))
    found = sd.derivative(energy, x[j])
    assert found.subs(c, 1) == 1
    assert found.subs({c: -1, x[0]: 1}) == 2 * x[j]
    assert found.subs({c: -1, x[0]: -1}) == 0


def test_tangent():
    v = sp.IndexedBase("v", shape=(n,))
    assert indexed.tangent(over(x[i] ** 2), {x: v}).dummy_eq(over(2 * x[i] * v[i]))
    assert indexed.tangent(over(y[i]), {x: v}) == 0
    assert indexed.tangent(c**2 * x[0], {x: v, c: sp.S(3)}) == c**2 * v[0] + 6 * c * x[0]


def test_names_are_readable():
    energy = over(sp.tanh(over(w[i, j] * x[j], 0, m - 1, j)) ** 2)
    found = sd.derivative(energy, x[k])
    assert not found.atoms(sp.Dummy)
    assert "_" not in str(found) and r"\_" not in sp.latex(found)


def test_canonical_avoids_every_name_in_use():
    dummy = sp.Dummy("a", integer=True)
    inner = over(x[i] * y[dummy])
    assert canonical(sp.Sum(inner, (dummy, 0, n - 1))).doit(deep=False) == sp.Sum(
        x[i] * y[j], (i, 0, n - 1), (j, 0, n - 1)
    )


def test_normalise_replaces_idx():
    index = sp.Idx("i", n)
    assert sd.derivative(sp.Sum(x[index] ** 3, (index, 0, n - 1)), x[j]) == 3 * x[j] ** 2
    assert not normalise(x[index]).atoms(sp.Idx)


@pytest.mark.parametrize(
    "energy, message",
    [
        (over(x[2**i]), r"the index map 2\*\*i of i in Sum\(x\[2\*\*i\], \(i, 0, n - 1\)\) is not supported"),
        (over(x[sp.sqrt(i) * n]), r"index map sqrt\(i\)\*n"),
        (over(y[x[i]]), r"x stands inside an index of y\[x\[.*\]\]"),
        (over(y[i], 0, x[0]), r"x stands inside a bound of Sum\(y\[.*\], \(.*, 0, x\[0\]\)\)"),
        (over(sp.Function("f")(x[i])), r"no derivative of f is known, in f\(x\[.*\]\)"),
    ],
)
def test_errors_name_the_term(energy, message):
    with pytest.raises(sd.SymbolicError, match=message):
        sd.derivative(energy, x[j])


def test_a_sum_of_a_plain_and_a_gathered_index_is_a_gather():
    found = sd.derivative(over(c * z[p[i] + i]), z[j])
    assert found == over(c * sp.KroneckerDelta(j, i + p[i]))


def test_cost_does_not_depend_on_size():
    big = sp.IndexedBase("b", shape=(10**9,))
    assert sd.derivative(sp.Sum(big[i] ** 2, (i, 0, 10**9 - 1)), big[j]) == 2 * big[j]


def test_variations_of_a_sum_have_their_own_indices():
    first, second = variation(over(x[i] * x[i]), x), variation(over(x[i] * x[i]), x)
    assert first[0].sums[0][0] != second[0].sums[0][0]
