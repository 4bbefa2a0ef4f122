"""Right sides with coefficients in x and t and with derivatives of up to fourth order, in several dimensions, against
SymPy's derivatives of the ansatz."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

t = sd.t
x = sp.symbols("x1:11")
c = sp.Symbol("c")


def sides(f, u, values, time):
    """f by SymPy for an ansatz with numbers in place of its parameters, a function of the points."""
    expr = f.subs(u, values).doit().subs({c: 0.7, t: time})
    return sp.lambdify(u.args[1:], expr)


def right_side(dim):
    """Every order from 0 to 4, mixed ones among them, and coefficients in space and time."""
    u, (first, *_, last) = sp.Function("u")(t, *x[:dim]), (*x[:dim], x[0])
    other = x[min(1, dim - 1)]
    return u, (
        sp.exp(-t) * first * u.diff(last, 4)
        + sp.sin(first * t) * u.diff(first, 2, other, 2)
        - c * u.diff(first) * u.diff(other, 3)
        + u.diff(last, 2, first)
        + sum(sp.cos(y) * u.diff(y, 2) for y in x[:dim])
        - u**2
    )


@pytest.mark.parametrize("dim", [1, 3])
def test_all_orders_in_several_dimensions(dim):
    u, f = right_side(dim)
    k = sp.IndexedBase("k", shape=(2, dim))
    a, i = sp.IndexedBase("a", shape=(2,)), sp.Symbol("i", integer=True)
    phase = sum(k[i, d] * x[d] for d in range(dim))
    ansatz = sd.Ansatz(sp.Sum(a[i] * sp.sin(phase) * sp.exp(-(phase**2) / 4), (i, 0, 1)), x[:dim], [a, k])
    problem = sd.Problem(
        sd.EvolutionEquation(sp.Eq(u.diff(t), f)), ansatz, sd.Box([(-1, 2)] * dim), sd.Grid(3), {c: 0.7}
    )
    theta = np.random.default_rng(dim).uniform(0.4, 0.9, size=2 * (1 + dim))
    values = ansatz.unpack(theta)
    numbers = {a[j]: values["a"][j] for j in range(2)} | {
        k[j, d]: values["k"][j, d] for j in range(2) for d in range(dim)
    }
    exact = sides(f, u, ansatz.expr.doit().subs(numbers), 0.4)
    expected = [exact(*point) for point in problem.points]
    _, rhs = problem.rows(theta, 0.4)
    np.testing.assert_allclose(rhs / np.sqrt(problem.weights), expected, rtol=1e-10, atol=1e-10)


def test_a_fokker_planck_equation_in_ten_dimensions():
    """f = ∇·(x u) + Δu of one isotropic Gaussian, by hand."""
    dim = 10
    u = sp.Function("u")(t, *x)
    f = sum(u + y * u.diff(y) + u.diff(y, 2) for y in x)
    ansatz = sd.gaussians(x, 1, covariance="isotropic")
    problem = sd.Problem(
        sd.EvolutionEquation(sp.Eq(u.diff(t), f)), ansatz, sd.Box([(-1, 1)] * dim), sd.Grid((2, 2, *[1] * 8))
    )
    a, w, b = 1.3, 0.6, np.linspace(-0.2, 0.3, dim)
    r = problem.points - b
    value = a * np.exp(-(w**2) * (r**2).sum(axis=1))
    slope, second = -2 * w**2 * r, 4 * w**4 * r**2 - 2 * w**2
    expected = value * (dim + (problem.points * slope).sum(axis=1) + second.sum(axis=1))
    _, rhs = problem.rows(ansatz.pack({"a": [a], "w": [w], "b": b[None]}), 0.0)
    np.testing.assert_allclose(rhs / np.sqrt(problem.weights), expected, rtol=1e-12)
