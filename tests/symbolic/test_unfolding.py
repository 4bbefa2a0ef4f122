"""Independent choices, multiplied out by SymPy's Sum, as one choice each."""

import itertools

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.symbolic.unfolding import unfolded

n = sp.Symbol("n", integer=True, positive=True)
i = sp.Symbol("i", integer=True)
x = sp.IndexedBase("x", shape=(n,))
a, b = sp.symbols("a:8", real=True), sp.symbols("b:8", real=True)
c = sp.symbols("c:8", real=True)


@pytest.mark.parametrize("kind", [sp.Add, sp.Mul])
@pytest.mark.parametrize("other", [0, 1, b])
def test_choices_come_apart(kind, other) -> None:
    """As many choices as conditions, with the value of the folded form wherever the conditions hold."""
    others = b if other is b else (sp.Integer(other),) * 8
    choices = [sp.Piecewise((a[k] + 2, c[k] > 0), (others[k], True)) for k in range(3)]
    folded = sp.piecewise_fold(kind(*choices))
    apart = unfolded(folded)
    assert len(apart.atoms(sp.Piecewise)) <= 3
    for signs in itertools.product((-1, 1), repeat=3):
        put = dict(zip(c, signs, strict=False))
        assert sp.expand(apart.subs(put) - folded.subs(put)) == 0


def test_dependent_choices_stay_right() -> None:
    folded = sp.piecewise_fold(
        sp.Piecewise((sp.Piecewise((a[0], c[0] > 0), (a[1], True)), c[1] > 0), (a[2], c[0] > 0), (a[3] * c[2], True))
    )
    for signs in itertools.product((-1, 1), repeat=2):
        put = dict(zip(c, signs, strict=False))
        assert unfolded(folded).subs(put) == folded.subs(put)


@pytest.mark.parametrize("count", [6, 8])
@pytest.mark.parametrize("kind", [sp.Add, sp.Mul])
def test_many_conditions_compile(kind, count: int) -> None:
    """Values and gradients under up to eight independent conditions; the code grows by as much for every one."""
    weights = [sp.IndexedBase(f"w{k}", shape=(n,)) for k in range(count)]
    neutral = 0 if kind is sp.Add else 1
    terms = [sp.Piecewise((weights[k][i] + x[i] ** 2, i <= n - 2 - k), (neutral, True)) for k in range(count)]
    energy = sp.Sum(kind(*terms), (i, 0, n - 1))
    f = sd.compile({"E": energy, "g": sd.gradient(energy, x)}, [x, *weights])
    assert len(f.source.splitlines()) < 40 * count
    size, rng = 11, np.random.default_rng(count)
    points, given = rng.normal(size=size), rng.normal(size=(count, size))
    reached = np.arange(size) <= size - 2 - np.arange(count)[:, None]

    def total(z):
        values = np.where(reached, given + z**2, neutral)
        return (values.sum(axis=0) if kind is sp.Add else values.prod(axis=0)).sum()

    steps = 1e-30j * np.eye(size)
    expected = [total(points + step).imag / 1e-30 for step in steps]
    got = f({x: points, **dict(zip(weights, given, strict=True))})
    assert got["E"] == pytest.approx(total(points), rel=1e-12)
    np.testing.assert_allclose(got["g"], expected, rtol=1e-11, atol=1e-12)
