"""The oracle itself, against sums and derivatives done by hand."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from tests.fuzz.expressions import INDICES, A, c, m, n, p, ptr, worlds, x, z
from tests.fuzz.oracle import over
from tests.fuzz.world import Meaningless, OutOfRange

i, j, k = INDICES[:3]
WORLD = worlds(7)[-1]
N, M = WORLD.sizes[n], WORLD.sizes[m]
X, Z, C = WORLD.values[x], WORLD.values[z], WORLD.values[c]


def value(expr, *limits):
    jets = over(expr, list(limits), WORLD)
    return jets if limits else jets[0]


def test_values():
    assert value(sp.Sum(i * x[i], (i, 0, n - 1))).v == pytest.approx(sum(k * X[k] for k in range(N)))
    assert value(sp.Sum(x[i], (i, 3, 1))) == 0
    rows = value(sp.Sum(x[p[sp.Mod(j, n)]], (j, ptr[i], ptr[i + 1] - 1)), (i, 0, n - 1))
    starts = WORLD.integers[ptr]
    expected = [sum(X[WORLD.integers[p][b % N]] for b in range(starts[a], starts[a + 1])) for a in range(N)]
    assert [getattr(row, "v", row) for row in rows] == pytest.approx(expected)
    assert value(sp.Mod(-x[0], 1)).v == pytest.approx(-X[0] % 1)
    assert value(sp.KroneckerDelta(1, 1) * sp.floor(c)) == np.floor(C)


def test_derivatives():
    jet = value(c * sp.sin(x[1] * z[0]) + sp.Abs(x[0]) ** 3)
    parts, step = WORLD.parts(jet.g), WORLD.direction
    s, o = np.sin(X[1] * Z[0]), np.cos(X[1] * Z[0])
    assert parts[x][1] == pytest.approx(C * Z[0] * o)
    assert parts[x][0] == pytest.approx(3 * X[0] * abs(X[0]))
    assert parts[c] == pytest.approx(s)
    along = step[x][1] * Z[0] + X[1] * step[z][0]
    assert jet.t == pytest.approx(step[c] * s + C * o * along + 3 * X[0] * abs(X[0]) * step[x][0])
    second = WORLD.parts(jet.h)
    assert second[c] == pytest.approx(o * along)
    assert second[z][0] == pytest.approx(C * o * step[x][1] + step[c] * X[1] * o - C * s * X[1] * along)


def test_what_cannot_be_read():
    with pytest.raises(OutOfRange, match="x"):
        value(sp.Sum(x[i + 1], (i, 0, n - 1)))
    with pytest.raises(OutOfRange, match="A"):
        value(A[0, -1])
    with pytest.raises(Meaningless, match="integer"):
        value(x[sp.Rational(1, 2)])
    # What decides a test is enough, wherever it stands.
    guarded = sp.Piecewise((1, (i < n - 1) & (x[i + 1] > 0)), (0, True))
    assert value(sp.Sum(guarded, (i, 0, n - 1))) == sum(X[1:] > 0)


def test_beside_a_factor_of_zero():
    """0*x[j] is 0, whether x[j] is there or not; that it is not is noted, as it may be refused."""
    here = replace(WORLD, _leaves={})
    assert over(sp.Sum(sp.KroneckerDelta(i, 0) * x[i + n], (i, 1, 2)), [], here) == [0]
    assert "x" in here.dropped
    with pytest.raises(OutOfRange, match="x"):
        value(sp.Sum(sp.KroneckerDelta(i, 0) * x[i + n], (i, 0, 1)))
    with pytest.raises(OutOfRange, match="x"):
        value((c - c.subs(c, C)) * x[n])  # of a value it is not known
