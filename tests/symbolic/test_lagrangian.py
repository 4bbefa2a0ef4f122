"""Lagrangians as SymPy objects: readable results in the user's notation, and errors that name the culprit."""

from __future__ import annotations

import pytest
import sympy as sp
from sympy.physics.mechanics import dynamicsymbols

import symdfi as sd
from symdfi.symbolic.lagrangian import Lagrangian

n = sp.Symbol("n", integer=True, positive=True)
i, j = sp.symbols("i j", integer=True)
alpha = sp.Symbol("alpha", real=True)
x, v = sd.coordinates("x", n)
q, qd = sd.coordinates("q")
m = sp.IndexedBase("m", shape=(n,))
CHAIN = sp.Sum(m[i] * v[i] ** 2 / 2, (i, 0, n - 1)) - sp.Sum(
    (x[i + 1] - x[i]) ** 2 / 2 + alpha * (x[i + 1] - x[i]) ** 3 / 3, (i, 0, n - 2)
)


def results(system: Lagrangian) -> list[sp.Basic]:
    return [*system.euler_lagrange, *system.momenta, system.mass_matrix, *system.forcing, system.energy]


def test_velocities_print_as_dots():
    assert sp.latex(qd) == r"\dot{q}"
    assert sp.latex(v[j]) == r"{\dot{x}}_{j}"
    assert sp.latex(sd.coordinates("theta_1")[1]) == r"\dot{\theta}_{1}"


def test_equations_of_a_chain_are_one_equation():
    system = Lagrangian(CHAIN, x, v)
    (equation,) = system.euler_lagrange
    assert system.momenta == (m[j] * v[j],)
    assert equation.lhs.coeff(sp.IndexedBase(sp.Symbol("xddot", real=True), shape=(n,))[j]) == m[j]
    assert system.parameters == (alpha, m)
    assert system.sizes == {n}


def test_no_dummies_are_shown():
    y, u = sd.coordinates("y", n)
    A = sp.IndexedBase("A", shape=(n, n))
    L = CHAIN + sp.Sum(A[i, j] * y[j] * x[i], (i, 0, n - 1), (j, 0, n - 1)) + sp.Sum(u[i] ** 2, (i, 0, n - 1))
    system = Lagrangian(L, [x, y], [v, u], dissipation=sp.Sum(v[i], (i, 0, n - 1)) ** 2)
    shown = [*results(system), system.hamiltonian]
    assert not any(expr.atoms(sp.Dummy) for expr in shown)
    assert not any("_" in str(symbol) for expr in shown[:-1] for symbol in expr.atoms(sp.Symbol))
    assert not any(r"\_" in sp.latex(expr) for expr in shown)


def test_functions_of_time_come_back():
    theta, time = dynamicsymbols("theta"), sd.t
    l, g, b = sp.symbols("l g b", positive=True)
    system = Lagrangian(
        l**2 * theta.diff(time) ** 2 / 2 + g * l * sp.cos(theta),
        theta,
        dissipation=b * theta.diff(time) ** 2 / 2,
    )
    (equation,) = system.euler_lagrange
    expected = l**2 * theta.diff(time, 2) + g * l * sp.sin(theta) + b * theta.diff(time)
    assert sp.expand(equation.lhs - equation.rhs - expected) == 0
    assert system.lagrangian.has(theta)
    for expr in results(system):
        assert {s.name for s in expr.atoms(sp.Symbol)} <= {"l", "g", "b", "t"}


def test_force_on_one_element_and_on_all():
    F, k = sp.Symbol("F"), sp.Symbol("k", integer=True)
    system = Lagrangian(CHAIN, x, v, forces={x[0]: F, x[k]: -k * x[k]})
    force = system.euler_lagrange[0].rhs
    free = system.indices[0][0]
    assert sp.simplify(force.subs(free, 0) - F) == 0
    assert sp.simplify(force.subs(free, 3) + 3 * x[3]) == 0


def test_index_of_a_force_does_not_capture_bound_ones():
    k = sp.Symbol("k", integer=True)
    A = sp.IndexedBase("A", shape=(n, n))
    force = sp.Sum(A[k, i] * A[i, j] * x[j], (i, 0, n - 1), (j, 0, n - 1))
    system = Lagrangian(CHAIN, x, v, forces={x[k]: force})
    (own,) = system.indices[0]
    shown = system.external_forces[0]
    assert own in shown.free_symbols
    assert own not in {limit[0] for limit in shown.limits}


def test_forces_on_a_row_of_a_family():
    """Q[0, j] acts on each component of one element, whatever j is called."""
    m = sp.Symbol("m", integer=True, positive=True)
    q, s = sd.coordinates("q", (n, m))
    T = sp.Sum(s[i, j] ** 2, (i, 0, n - 1), (j, 0, m - 1)) / 2
    for index in sp.symbols("i j k l", integer=True):
        (force,) = Lagrangian(T, q, s, forces={q[0, index]: index * q[1, index]}).generalized_forces
        row, column = sorted(force.free_symbols & set(sp.symbols("i j k l", integer=True)), key=str)
        assert force == column * q[1, column] * sp.KroneckerDelta(0, row)


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: Lagrangian(CHAIN, x, v, parameters=[m]), "symbol alpha"),
        (lambda: Lagrangian(CHAIN, x, v, parameters=[m, alpha], forces={x[j]: q}), "symbol q of a force is no"),
        (lambda: Lagrangian(CHAIN, x, v, parameters=[m, alpha, x]), "x is listed as a parameter"),
        (lambda: Lagrangian(qd**2, q, [qd, qd]), "1 coordinates but 2 velocities"),
        (lambda: Lagrangian(qd**2, q, v), "both be Symbol"),
        (lambda: Lagrangian(CHAIN, x, sd.coordinates("x", n + 1)[1]), "same shape"),
        (lambda: Lagrangian(qd**2, q), "function of time"),
        (lambda: Lagrangian(qd**2 + sp.Function("f")(sd.t), q, qd), r"f\(t\)"),
        (lambda: Lagrangian(qd**2, q, qd, forces={alpha: 1}), "alpha, which is no coordinate"),
        (lambda: Lagrangian(CHAIN, x, v, forces={x: 1}), "needs indices"),
        (lambda: Lagrangian(qd**2 * sp.Symbol("q"), q, qd), "named q"),
        (lambda: Lagrangian(sp.Sum(v[2**i] ** 2, (i, 0, n - 1)), x, v).momenta, "not supported"),
        (lambda: Lagrangian(alpha * qd**2, q, qd, inputs=[alpha]).forcing, "depends on the input alpha"),
        (lambda: sd.coordinates("x y"), "not one name"),
        (lambda: sd.coordinates("x", 0), "positive integer"),
    ],
)
def test_errors(build, match):
    with pytest.raises((sd.SymbolicError, ValueError), match=match):
        build()


def test_results_fit_for_reading():
    """Sums that differ by their index's name are one, numbers are cancelled, indices are i, j, k, l."""
    p_x = sp.IndexedBase(sp.Symbol("p_x", real=True), shape=(n,))
    k = sp.Symbol("k", integer=True)
    bonds = sp.Sum((x[k + 1] - x[k]) ** 2, (k, 0, n - 2))
    system = Lagrangian(sp.Sum(v[i] ** 2, (i, 0, n - 1)) / 2 - bonds / 2, x, v)
    kinetic, potential = p_x[i] ** 2 / 2, (x[i + 1] - x[i]) ** 2 / 2
    assert system.hamiltonian == sp.Sum(kinetic, (i, 0, n - 1)) + sp.Sum(potential, (i, 0, n - 2))
    magnetic = Lagrangian(sp.Sum(m[i] * v[i] ** 2 / 2 + alpha * v[i] * x[i], (i, 0, n - 1)), x, v)
    assert magnetic.hamiltonian == sp.Sum((p_x[i] - alpha * x[i]) ** 2 / (2 * m[i]), (i, 0, n - 1))


def test_numbers_are_cancelled_in_equations():
    springs, k = sp.IndexedBase("K", shape=(n,)), sp.Symbol("k", integer=True)
    a, b = (sp.IndexedBase(sp.Symbol(name, integer=True), shape=(n,)) for name in "ab")
    network = Lagrangian(
        sp.Sum(v[i] ** 2 / 2, (i, 0, n - 1)) - sp.Sum(springs[k] * (x[a[k]] - x[b[k]]) ** 2 / 2, (k, 0, n - 1)), x, v
    )
    delta = sp.KroneckerDelta
    (force,) = network.forcing
    stretch = (x[b[i]] - x[a[i]]) * springs[i]
    expected = sp.Sum(stretch * delta(j, a[i]) - stretch * delta(j, b[i]), (i, 0, n - 1))
    sign, total = force.as_coeff_Mul()
    assert total.limits == expected.limits
    assert sp.expand(sign * total.function - expected.function) == 0
    assert not any(number.q > 1 or abs(number) > 1 for number in total.function.atoms(sp.Rational))


def test_nested_sums_keep_their_indices_apart():
    """Against the expanded expression, at a size."""
    L = sp.Sum(v[i] ** 2 / 2, (i, 0, n - 1)) - sp.Sum(sp.Sum((x[i] - x[j]) ** 2, (j, 0, n - 1)) ** 2 / 8, (i, 0, n - 1))
    (force,) = Lagrangian(L, x, v).forcing
    (row,) = Lagrangian(L, x, v).indices[0]
    values, z = (sp.Rational(1, 2), sp.Rational(2, 3), sp.Rational(5, 4)), sp.symbols("z:3")
    plain = -sum(sum((z[a] - z[b]) ** 2 for b in range(3)) ** 2 for a in range(3)) / 8
    for place in range(3):
        found = force.subs({n: 3, row: place}).doit()
        found = found.xreplace({r: values[int(r.indices[0])] for r in found.atoms(sp.Indexed)})
        assert found == plain.diff(z[place]).subs(dict(zip(z, values, strict=True)))


def test_momenta_are_no_parameters():
    """H of a system with a parameter that is called as the momentum would be."""
    p_q = sp.Symbol("p_q", real=True)
    system = Lagrangian(p_q * qd**2 / 2, q, qd)
    (p,) = system.momentum_symbols
    assert p != p_q
    assert sp.simplify(system.hamiltonian - p**2 / (2 * p_q)) == 0
