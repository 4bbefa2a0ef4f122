"""Conditions that an index is this or that number: a piece for each, at the cost of the terms that hold there."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.compile.kernels.function import Function
from symdfi.compile.passes import numbered

n = sp.Symbol("n", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
x = sp.IndexedBase("x", shape=(n,))
EPS = np.finfo(float).eps


def derived(dim: int) -> Function:
    """The gradients of a mixture of Gaussians with full covariances, which names dim (dim + 1)/2 components of w."""
    variables = sp.symbols(f"x:{dim}", real=True)
    ansatz = sd.gaussians(variables, n, covariance="full")
    (expr,) = ansatz.exprs
    gradients = {str(p.label): sd.gradient(expr, p) for p in ansatz.parameters}
    return sd.compile(gradients, [*variables, *ansatz.parameters])


def test_code_and_the_work_of_deriving_it_grow_no_faster_than_the_components(monkeypatch) -> None:
    made, calls = sp.Piecewise.__new__, 0

    def counted(*args, **options) -> sp.Basic:
        nonlocal calls
        calls += 1
        return made(*args, **options)

    monkeypatch.setattr(sp.Piecewise, "__new__", counted)
    statements, conditions = [], []
    for dim in (4, 8):
        calls = 0
        statements.append(derived(dim).source.count("\n"))
        conditions.append(calls)
    assert statements[1] <= 4 * statements[0]
    assert conditions[1] <= 4 * conditions[0]


def test_no_component_is_asked_for_in_a_loop_over_all() -> None:
    source = derived(6).source
    assert " if " not in source
    assert source.count("for ") == 1


def test_gradients_of_all_components_of_a_full_covariance() -> None:
    dim, units, generator = 5, 3, np.random.default_rng(5)
    point, a, b = (generator.normal(size=s) for s in (dim, units, (units, dim)))
    w = 0.4 * generator.normal(size=(units, dim * (dim + 1) // 2))
    W, away = np.zeros((units, dim, dim)), point - b
    W[(slice(None), *np.tril_indices(dim))] = w
    rows = np.einsum("kde,ke->kd", W, away)
    heights = np.exp(-np.square(rows).sum(1))
    slopes = -2 * (a * heights)[:, None, None] * rows[:, :, None] * away[:, None, :]
    got = derived(dim)(**{f"x{k}": point[k] for k in range(dim)}, a=a, b=b, w=w)
    np.testing.assert_allclose(got["a"], heights, rtol=64 * EPS)
    expected = slopes[(slice(None), *np.tril_indices(dim))]
    np.testing.assert_allclose(got["w"], expected, rtol=0, atol=64 * EPS * np.abs(expected).max())
    expected = 2 * (a * heights)[:, None] * np.einsum("kde,kd->ke", W, rows)
    np.testing.assert_allclose(got["b"], expected, rtol=0, atol=64 * EPS * np.abs(expected).max())


def test_seventy_named_components() -> None:
    base = sp.IndexedBase("y", shape=(70,))
    energy = sum(k * base[k] ** 2 for k in range(70))
    y = np.random.default_rng(1).normal(size=70)
    got = sd.compile({"g": sd.gradient(energy, base)}, [base])(y=y)["g"]
    np.testing.assert_allclose(got, 2 * np.arange(70) * y, rtol=4 * EPS)


@pytest.mark.parametrize("size", [9, 12])
def test_components_apart_leave_the_ranges_between_them(size) -> None:
    f = sd.compile({"g": sd.gradient(x[0] ** 2 + x[3] ** 3 + x[4] ** 4 + sp.sin(x[8]), x)}, [x])
    z = np.random.default_rng(2).normal(size=size)
    expected = np.zeros(size)
    expected[[0, 3, 4, 8]] = 2 * z[0], 3 * z[3] ** 2, 4 * z[4] ** 3, np.cos(z[8])
    np.testing.assert_allclose(f(x=z)["g"], expected, rtol=8 * EPS)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_numbers_beside_other_conditions(size) -> None:
    cases = [(x[i] + 1, sp.Eq(i, 0)), (2 * x[i], sp.Eq(i, 2) & (i < n - 1)), (x[i] * x[i + 1], i < n - 1)]
    value = sp.Piecewise(*cases, (x[i] ** 2, True)) + sp.Piecewise((x[i - 1], sp.Eq(i, 3)), (0, True))
    f = sd.compile({"y": (value, (i, 0, n - 1)), "sum": sp.Sum(value, (i, 0, n - 1))}, [x])
    z = np.random.default_rng(size).normal(size=size)

    def expected(k: int) -> float:
        more = z[k - 1] if k == 3 else 0.0
        if k == 0:
            return z[k] + 1 + more
        if k < size - 1:
            return (2 * z[k] if k == 2 else z[k] * z[k + 1]) + more
        return z[k] ** 2 + more

    values = [expected(k) for k in range(size)]
    np.testing.assert_allclose(f(x=z)["y"], values, rtol=8 * EPS)
    np.testing.assert_allclose(f(x=z)["sum"], sum(values), rtol=0, atol=64 * EPS * np.abs(values).sum())


def test_numbers_along_two_axes() -> None:
    base = sp.IndexedBase("y", shape=(n, 4))
    energy = sum(sp.Rational(k + 1, m + 2) * base[k, m] ** 2 for k in range(5) for m in range(4) if (k + m) % 3)
    y = np.random.default_rng(3).normal(size=(7, 4))
    expected = np.zeros_like(y)
    for k, m in np.ndindex(5, 4):
        expected[k, m] = 2 * (k + 1) / (m + 2) * y[k, m] if (k + m) % 3 else 0.0
    got = sd.compile({"g": sd.gradient(energy, base)}, [base])(y=y)["g"]
    np.testing.assert_allclose(got, expected, rtol=8 * EPS)


def test_what_holds_everywhere_is_not_repeated_for_every_number() -> None:
    everywhere = sp.exp(x[i]) * sp.sin(x[i]) + sp.cos(x[i] ** 2) / (1 + x[i] ** 4)
    here = sum(sp.Piecewise((k * x[i], sp.Eq(i, 2 * k)), (0, True)) for k in range(20))
    f = sd.compile({"y": (everywhere + here, (i, 0, n - 1))}, [x])
    assert f.source.count("exp(") <= numbered.MAX_GROWTH
    z = np.random.default_rng(4).normal(size=50)
    expected = np.exp(z) * np.sin(z) + np.cos(z**2) / (1 + z**4)
    expected[:40:2] += np.arange(20) * z[:40:2]
    np.testing.assert_allclose(f(x=z)["y"], expected, rtol=0, atol=64 * EPS * np.abs(expected).max())
