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


@pytest.mark.parametrize(
    "choices",
    [
        sp.Mul(*(sp.Piecewise((a[0] + k, c[k] > 0), (a[0] ** 2, True)) for k in range(4))),
        sp.Add(*(sp.Piecewise((a[0] + k, c[k] > 0), (a[0] ** 2, True)) for k in range(4))),
        sp.Mul(*(sp.Piecewise((sp.exp(-a[0] * b[k]), c[k] > 0), (a[k], True)) for k in range(4))),
        sp.Mul(*(sp.Piecewise((1 / (a[0] + k + 1), c[k] > 0), (1 / a[0], True)) for k in range(4))),
    ],
    ids=["powers", "multiples", "exponentials", "quotients"],
)
def test_what_branches_share_under_one_head_comes_apart(choices) -> None:
    """x**2 of two factors has become x**4, of two terms 2*x**2, and the product of two exponentials is one."""
    folded = sp.piecewise_fold(choices)
    apart = unfolded(folded)
    assert len(folded.args) == 16
    assert len(apart.atoms(sp.Piecewise)) == 4
    for signs in itertools.product((-1, 1), repeat=4):
        put = dict(zip(c, signs, strict=False))
        assert sp.simplify(apart.subs(put) - folded.subs(put)) == 0


def test_a_choice_within_functions_stays_within_them() -> None:
    """A condition is asked once, where what differs is; what is the same around it is written once."""
    inner = sp.Piecewise((a[0] * a[1], c[0] > 0), (a[2], True))
    middle = sp.Piecewise((sp.sin(inner) + 2, c[1] > 0), (sp.cos(inner), True))
    folded = sp.piecewise_fold(sp.Piecewise((sp.sin(middle) + 3, c[2] > 0), (sp.cos(middle), True)))
    apart = unfolded(folded)
    assert len(folded.args) == 8
    assert len(apart.atoms(sp.Piecewise)) == 3
    for signs in itertools.product((-1, 1), repeat=3):
        put = dict(zip(c, signs, strict=False))
        assert apart.subs(put) == folded.subs(put)


def _statements(source: str) -> int:
    return sum(line.count(" = ") + line.count(" += ") for line in source.splitlines())


TESTS = {
    "indices": lambda k: sp.Eq(sp.Mod(i, k), 0) if k % 2 else i > k,
    "values": lambda k: x[i] > sp.Rational(k, 10),
    "both": lambda k: TESTS["indices" if k % 4 < 2 else "values"](k),
}


@pytest.mark.parametrize("kind", [sp.Add, sp.Mul])
@pytest.mark.parametrize("tests", list(TESTS))
def test_code_does_not_double_with_every_condition(kind, tests: str) -> None:
    """From four to eight conditions, none of which decides another, a gradient's code grows by a factor of four at most
    and its operations with the square of their number; both stay right."""

    def compiled(count: int):
        terms = [sp.Piecewise((x[i] + k, TESTS[tests](k)), (x[i] ** 2, True)) for k in range(2, count + 2)]
        energy = sp.Sum(kind(*terms), (i, 0, n - 1))
        return sd.compile({"E": energy, "g": sd.gradient(energy, x)}, [x])

    few, many = compiled(4), compiled(8)
    assert _statements(many.source) <= 4 * _statements(few.source)
    assert len(many.source) <= 5 * len(few.source)
    size, at = 23, np.random.default_rng(8).uniform(0.1, 1.2, 23)

    def holds(k: int) -> np.ndarray:
        by_index = np.arange(size) % k == 0 if k % 2 else np.arange(size) > k
        return by_index if tests == "indices" or (tests == "both" and k % 4 < 2) else at > k / 10

    values = np.array([np.where(holds(k), at + k, at**2) for k in range(2, 10)])
    slopes = np.array([np.where(holds(k), 1, 2 * at) for k in range(2, 10)])
    got = many(x=at)
    if kind is sp.Add:
        expected, slope = values.sum(), slopes.sum(axis=0)
    else:
        expected, slope = values.prod(axis=0).sum(), values.prod(axis=0) * (slopes / values).sum(axis=0)
    assert got["E"] == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(got["g"], slope, rtol=1e-13)
