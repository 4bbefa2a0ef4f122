"""What solutions are measured against."""

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dfi.target import at_points
from symdfi.running.measures import Characteristics, Conserved, Exact, SpectralReference, uniform_points
from symdfi.running.measures.characteristics import flow_of, traced_back, wrapped

x, y, c = sp.symbols("x y c", real=True)
u = sp.Function("u")(sd.t, x, y)
TORUS = sd.Box([(-1, 1), (0, 3)], periodic=True)
U0 = sp.cos(sp.pi * x) + sp.sin(2 * sp.pi * y / 3)


def problem(side, variables=(x, y), domain=TORUS, field=u):
    """û = a cos(πx − πb₀) + a sin(2π(y − b₁)/3), or of x alone."""
    a, b0, b1 = sp.symbols("a b0 b1")
    expr = a * sp.cos(sp.pi * (x - b0)) + (a * sp.sin(2 * sp.pi * (y - b1) / 3) if y in variables else 0)
    parameters = [a, b0, b1] if y in variables else [a, b0]
    ansatz = sd.Ansatz(expr, list(variables), parameters)
    equation = sd.EvolutionEquation(sp.Eq(field.diff(sd.t), side))
    params = dict.fromkeys(equation.parameters, 0.5)
    return sd.Problem(equation, ansatz, domain, sd.Grid(8), params, boundary="in the ansatz")


def evolved():
    """By a constant velocity: the ansatz is exact."""
    of = problem(c * u.diff(x) - 2 * u.diff(y))
    return sd.evolve(of, [1.0, 0.0, 0.0], (0, 1.5), 0.05, save_every=10)


def initial(of):
    return lambda points: at_points(of, U0, points)


def test_exact_solutions_and_characteristics():
    solution = evolved()

    def exact(s, points, t):
        return np.cos(np.pi * (points[:, 0] + s["c"] * t)) + np.sin(2 * np.pi * (points[:, 1] - 2 * t) / 3)

    u0 = initial(solution.problem)
    moving = sp.cos(sp.pi * (x + sd.t / 2)) + sp.sin(2 * sp.pi * (y - 2 * sd.t) / 3)
    for measure in (Exact(exact), Exact(moving), Characteristics(0.5)):  # straight: exact whatever the step
        found = measure({"c": 0.5}, solution, u0)
        dims, errors, _ = found.data["relative_error"]
        assert (dims, errors.shape) == ("time", (4,))
        assert errors.max() <= 1e-6
        assert found.rows[1][0] == "relative L² error at t = 0"
    wrong = Exact(exact)({"c": 0.4}, solution, u0).data["relative_error"][1]
    assert wrong[0] <= 1e-12
    # ‖cos(πx) − cos(π(x − 0.15))‖ over ‖cos + sin‖, the two of which are orthogonal
    assert wrong[-1] == pytest.approx(np.sqrt(2) * np.sin(np.pi * 0.15 / 2), rel=1e-3)


def test_what_is_conserved_and_what_is_not():
    solution = evolved()
    of = {"square": u**2, "slope": u * u.diff(x), "growth": (u - 2) ** 2 * sp.cos(sp.pi * x)}
    integrals = {name: sp.Integral(f, (x, -1, 1), (y, 0, 3)) for name, f in of.items()}
    found = Conserved(Exact(U0), integrals)({}, solution, initial(solution.problem))
    assert found.data["square"][1] == pytest.approx(6, rel=1e-7)
    rows = dict(found.rows)
    assert float(rows["drift of the square"]) <= 1e-7
    assert float(rows["drift of the growth"]) >= 0.1
    # ∫u u_x = 0: there is nothing to be relative to
    assert np.abs(found.data["slope"][1]).max() <= 1e-12
    assert float(rows["drift of the slope"]) <= 1e-12
    assert "relative_error" in found.data


def test_characteristics_are_read_off_the_equation():
    of = problem(sp.sin(sp.pi * x) * u.diff(x) + c * u.diff(y))
    points = np.array([[-0.5, 1.0], [0.3, 2.9]])
    np.testing.assert_allclose(
        flow_of(of)(points + np.array([2, 3])), [[1, -0.5], [-np.sin(0.3 * np.pi), -0.5]], atol=1e-14
    )
    # tan(πx/2) grows by e^{πt} backward along x′ = −sin(πx)
    back = traced_back(flow_of(of), points, 0.5, 0.005)
    exact = 2 / np.pi * np.arctan(np.tan(np.pi * points[:, 0] / 2) * np.exp(np.pi * 0.5))
    np.testing.assert_allclose(back[:, 0], exact, atol=1e-8)
    np.testing.assert_allclose(back[:, 1], points[:, 1] + 0.25, rtol=1e-13)


@pytest.mark.parametrize("side", [u.diff(x, 2), u * u.diff(x), u.diff(x) + u, sd.t * u.diff(y), u.diff(x) + 1])
def test_other_equations_have_no_characteristics(side):
    of = problem(side)
    with pytest.raises(sd.SymbolicError, match="is no transport by a steady flow"):
        flow_of(of)


def test_points_lie_in_the_domain():
    points = uniform_points(TORUS)
    assert 1e4 < len(points) < 2e4
    assert TORUS.contains(points).all()
    half = sd.Box([(-1, 1), (0, 3)], periodic=[True, False])
    np.testing.assert_allclose(wrapped(half, np.array([[1.5, 4.0], [-1.25, -1.0]])), [[-0.5, 4], [0.75, -1]])
    with pytest.raises(ValueError, match="needs a box of finite ends"):
        uniform_points(sd.Box([(-np.inf, np.inf)]))


def test_a_spectral_reference_says_why_there_is_none():
    w = sp.Function("w")(sd.t, x)
    for of in (problem(c * u.diff(x)), problem(w.diff(x), [x], sd.Box([(-1, 1)]), w)):
        solution = sd.evolve(of, np.r_[1.0, np.zeros(len(of.ansatz.parameters) - 1)], (0, 0.1), 0.05)
        found = SpectralReference()({}, solution, initial(of))
        assert found.rows == [("reference", "none: the domain is no circle")]
        assert not found.data
