"""An ansatz of its own for every field: JᵀJ in diagonal blocks, and nothing else summed or factorised."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.linalg import QR, Cholesky
from symdfi.linalg.blas import one_blas_thread

EPS = np.finfo(float).eps
X = sp.Symbol("x")
a, b, c, d, e = sp.symbols("a b c d e")
u, v, w = FIELDS = [sp.Function(name)(sd.t, X) for name in "uvw"]
MIXED = sd.EvolutionEquation([
    sp.Eq(u.diff(sd.t), w * u.diff(X)),
    sp.Eq(v.diff(sd.t), v.diff(X, 2) / 50 - u),
    sp.Eq(w.diff(sd.t), sp.sin(v) - w),
])  # fmt: skip


@pytest.fixture(autouse=True)
def as_in_a_run():
    with one_blas_thread():
        yield


def problem(ansatz, points=1500):
    return sd.Problem(MIXED, ansatz, sd.Box([(-1, 1)]), sd.Grid(points), boundary="in the ansatz")


def widths(exprs, parameters):
    of = problem(sd.Ansatz(exprs, [X], parameters), 9)
    return of.strips(np.zeros(len(parameters))).widths


def test_fields_are_apart_where_no_parameter_joins_them():
    ones = [a * sp.sin(X), b * sp.cos(c * X), d + e * X]
    assert widths(ones, [a, b, c, d, e]) == (1, 2, 2)
    assert widths(ones, [a, d, e, b, c]) == (1, 2, 2)
    # b and c are not neighbours, so that the parameters of the third field lie between them.
    assert widths(ones, [a, b, d, e, c]) == (1, 4)
    assert widths([a * X, b + a * X, c * X], [a, b, c]) == (2, 1)
    assert widths([a * X, b * X, a + b], [a, b]) == (2,)
    # A parameter without effect, and a field without parameters.
    assert widths([a * X, b * X, sp.S(1)], [a, c, b]) == (2, 1)
    assert widths([sp.S(1), a * X, b * X], [c, a, b]) == (1, 1, 1)


def test_a_complex_field_is_one_block():
    psi = sp.Function("psi")(sd.t, X)
    pde = sd.EvolutionEquation(
        [sp.Eq(psi.diff(sd.t), sp.I * psi.diff(X, 2) + u * psi), sp.Eq(u.diff(sd.t), -u.diff(X))], complex=[psi]
    )
    ansatz = {psi: sd.Ansatz((a + sp.I * b) * sp.exp(sp.I * X), [X], [a, b]), u: sd.Ansatz(c * X, [X], [c])}
    of = sd.Problem(pde, ansatz, sd.Box([(-1, 1)]), sd.Grid(9), boundary="in the ansatz")
    assert of.strips(np.zeros(3)).widths == (2, 1)
    np.testing.assert_array_equal(of.strips(np.zeros(3)).table[:, :4], [[0, 3, 0, 2], [1, 3, 0, 2], [2, 3, 2, 1]])


@pytest.mark.parametrize(
    "ansatz",
    [
        {u: sd.gaussians([X], 7), v: sd.gaussians([X], 4), w: sd.mlp([X], [3])},
        # u and w share their amplitudes.
        sd.Ansatz([a * sp.sin(X) + b, d * sp.cos(e * X), a * sp.cos(X) - b * X], [X], [a, b, d, e]),
    ],
)
@pytest.mark.parametrize("points", [20, 1500])
def test_blocks_are_those_of_the_rows(ansatz, points):
    of = problem(ansatz, points)
    p = int(of.ansatz.count)
    rng = np.random.default_rng(5)
    theta, anchor = rng.normal(size=p), rng.normal(size=p)
    J, f = of.rows(theta, 0.0)
    normal = of.source(theta, 0.0).normal(anchor)
    rounding = 20 * 3 * points * EPS * np.abs(J).max() ** 2
    np.testing.assert_allclose(normal.gram, np.tril(J.T @ J), atol=rounding, rtol=0)
    size = np.linalg.norm(J) * np.linalg.norm(np.abs(f) + np.abs(J) @ np.abs(anchor))
    np.testing.assert_allclose(normal.gradient, J.T @ (f - J @ anchor), atol=20 * 3 * points * EPS * size, rtol=0)
    assert len(normal.grams) == (1 if points == 20 else len(of.strips(theta).widths))

    # γ = 1e-4 σ₁²: the relative error of the increment is of the order EPS/1e-4, and σ₁ known to 1e-6 or better.
    ours = Cholesky().solve(of.source(theta, 0.0), anchor, 1e-4, relative=True)
    dense = QR().solve([(J, f)], anchor, 1e-4, relative=True)
    increment = np.linalg.norm(dense.v - anchor)
    np.testing.assert_allclose(ours.v, dense.v, atol=1e-3 * increment, rtol=0)
    assert ours.sigma_max == pytest.approx(np.linalg.norm(J, 2), rel=1e-3)
    same = QR().solve([(J, f)], anchor, ours.gamma)
    np.testing.assert_allclose(ours.v, same.v, atol=1e4 * 3 * points * EPS * increment, rtol=0)
    assert ours.effective_rank == pytest.approx(same.effective_rank, rel=1e-6)


def test_a_run_moves_fields_as_each_would_alone():
    """Equations that are not coupled: the others' ansätze change nothing but σ₁, which an absolute γ does not see."""
    apart = [sp.Eq(field.diff(sd.t), field.diff(X, 2) / 20 - field.diff(X)) for field in (u, v)]
    ansatz = {u: sd.gaussians([X], 3), v: sd.gaussians([X], 2)}
    box, grid = sd.Box([(-4, 5)]), sd.Grid(600)
    both = sd.Problem(sd.EvolutionEquation(apart), ansatz, box, grid)
    bells = lambda n: {"a": np.ones(n), "w": np.linspace(1, 2, n), "b": np.linspace(-1, 1, n)}  # noqa: E731
    stepper = sd.DFI(epsilon=1e-6)
    found = sd.evolve(both, {u: bells(3), v: bells(2)}, (0, 0.2), 0.02, stepper, velocity0=np.zeros(15))
    assert both.strips(found.theta[-1]).widths == (9, 6)
    for field, equation, n, own in zip((u, v), apart, (3, 2), (slice(9), slice(9, 15)), strict=True):
        one = sd.Problem(sd.EvolutionEquation(equation), ansatz[field], box, grid)
        alone = sd.evolve(one, bells(n), (0, 0.2), 0.02, stepper, velocity0=np.zeros(3 * n))
        np.testing.assert_allclose(found.theta[-1][own], alone.theta[-1], rtol=1e-6, atol=1e-6)
