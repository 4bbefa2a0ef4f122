"""Faces that ask for a condition, and the ways to give one."""

import doctest
import importlib

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from symdfi.dfi.lifting import Lifting, in_doubt
from symdfi.symbolic.periodic import is_periodic

X, Y, k = sp.symbols("x y k")
u, v = sp.Function("u")(sd.t, X), sp.Function("v")(sd.t, X, Y)
HEAT = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2)))
DRIFT = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -u.diff(X)))
BOX, GRID = sd.Box([(-1, 1)]), sd.Grid(32)
NET = sd.mlp([X], [4, 4])


def test_a_network_without_conditions_is_refused_with_the_ways_to_give_them():
    with pytest.raises(sd.SymbolicError) as refused:
        sd.Problem(HEAT, NET, BOX, GRID)
    message = str(refused.value)
    assert message.startswith("the equation needs a condition at x = -1 and x = 1: it has derivatives by x")
    for way in ("sd.Dirichlet(0)", "sd.Neumann(0)", '"in the ansatz"', "Box([(-1, 1)], periodic=True)"):
        assert way in message


@pytest.mark.parametrize(
    ("equation", "ansatz", "box", "boundary"),
    [
        (HEAT, sd.gaussians([X], 3), BOX, None),  # a window on the line
        (HEAT, sd.mlp([X], [4], period=[2]), sd.Box([(-1, 1)], periodic=True), None),
        (HEAT, NET, sd.Box([(-sp.oo, sp.oo)]), None),
        (sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -k * u)), NET, BOX, None),  # nothing is differentiated
        (HEAT, NET, BOX, "in the ansatz"),
        (HEAT, NET, BOX, sd.Dirichlet()),
        (HEAT, NET, BOX, [sd.Dirichlet(1, {X: -1}), sd.Neumann(0, {"x": 1})]),
        (HEAT, NET, BOX, [sd.Dirichlet(1, {X: -1}), "in the ansatz"]),
        (DRIFT, NET, BOX, sd.Dirichlet(0, {X: -1})),  # the outflow asks for nothing
    ],
)
def test_what_needs_no_more(equation, ansatz, box, boundary):
    quadrature = GRID if box.finite else sd.GaussHermite(20)
    sd.Problem(equation, ansatz, box, quadrature, {"k": 1.0} if equation.parameters else None, boundary=boundary)


@pytest.mark.parametrize(
    ("equation", "ansatz", "box", "boundary", "where"),
    [
        (HEAT, NET, BOX, sd.Dirichlet(0, {X: -1}), "at x = 1:"),
        (HEAT, NET, sd.Box([(0, sp.oo)]), None, "at x = 0:"),
        (DRIFT, NET, BOX, (), "at x = -1 and x = 1:"),
        (
            sd.EvolutionEquation(sp.Eq(v.diff(sd.t), v.diff(X, 2) + v.diff(Y, 2))),
            sd.mlp([X, Y], [4], period=[2, None]),
            sd.Box([(-1, 1), (0, 3)], periodic=[True, False]),
            None,
            "at y = 0 and y = 3: it has derivatives by y",
        ),
        (
            sd.EvolutionEquation(sp.Eq(v.diff(sd.t), v.diff(X, 2))),
            sd.Ansatz(sp.exp(-((k * Y) ** 2)) * sp.sin(k * X), [X, Y], [k]),
            sd.Box([(-1, 1), (0, 3)]),
            None,
            "at x = -1 and x = 1:",
        ),
    ],
)
def test_the_faces_that_lack_one_are_named(equation, ansatz, box, boundary, where):
    with pytest.raises(sd.SymbolicError, match=f"needs a condition {where}"):
        sd.Problem(equation, ansatz, box, GRID if box.finite else sd.GaussHermite(20), boundary=boundary)


def test_of_several_fields_those_that_are_differentiated_count():
    """u_t = w_x, w_t = −u: û may be anything, ŵ is a window on free space."""
    w = sp.Function("w")(sd.t, X)
    pair = sd.EvolutionEquation([sp.Eq(u.diff(sd.t), w.diff(X)), sp.Eq(w.diff(sd.t), -u)])
    sd.Problem(pair, {u: NET, w: sd.gaussians([X], 2)}, BOX, GRID)
    with pytest.raises(sd.SymbolicError, match="needs a condition"):
        sd.Problem(pair, {w: NET, u: sd.gaussians([X], 2)}, BOX, GRID)
    held = sd.Problem(pair, {w: NET, u: NET}, BOX, GRID, boundary=sd.Dirichlet({w: sp.sin(sd.t)}))
    assert [c.condition for c in held.boundary.conditions] == [sp.Eq(w, sp.sin(sd.t))]


def test_neumann_is_along_the_outward_normal():
    """û = a + b x: c = −b − 3 at the lower end, b − 3 at the upper."""
    a, b = sp.symbols("a b")
    problem = sd.Problem(HEAT, sd.Ansatz(a + b * X, [X], [a, b]), BOX, GRID, boundary=sd.Neumann(3, rate=1.0))
    J, f = problem.boundary.rows(np.array([0.5, 2.0]), 0.0)
    np.testing.assert_allclose(J, [[0, 1], [0, 1]], atol=1e-15)
    np.testing.assert_allclose(f, [-(2 + 3), -(2 - 3)], rtol=1e-14)


def test_dirichlet_is_the_condition_that_it_stands_for():
    g = sp.sin(sd.t)
    short, long = (
        sd.Problem(HEAT, NET, BOX, GRID, boundary=boundary)
        for boundary in (sd.Dirichlet(g, weight=4, rate=2), [sd.BoundaryCondition(sp.Eq(u, g), weight=4, rate=2)])
    )
    theta = np.random.default_rng(0).normal(size=int(NET.count))
    for one, other in zip(short.boundary.rows(theta, 0.3), long.boundary.rows(theta, 0.3), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_network_that_ran_without_a_word_keeps_its_walls():
    """u_t = u_xx from cos(πx/2) between cold walls, to t = 2."""
    problem = sd.Problem(HEAT, sd.mlp([X], [8, 8]), BOX, sd.Grid(100), boundary=sd.Dirichlet())
    theta0 = sd.fit(problem, sp.cos(sp.pi * X / 2))
    solution = sd.evolve(problem, theta0, (0, 2), dt=1e-2)
    exact = sp.exp(-((sp.pi / 2) ** 2) * sd.t) * sp.cos(sp.pi * X / 2)
    assert np.abs(solution.evaluate([-1.0, 1.0])).max() < 2e-4
    assert solution.errors(exact).max() < 2e-4
    effectivity = solution.effectivity(exact)
    assert effectivity.min() >= 1 and effectivity[-1] < 1e3


def test_what_a_lifting_takes_off_holds_the_conditions():
    """ũ of a nonlinear equation and two fields: B(ũ) = g at the faces, and κ moves as it is differentiated."""
    w = sp.Function("w")(sd.t, X)
    pair = sd.EvolutionEquation([sp.Eq(u.diff(sd.t), u.diff(X, 2) - u * w), sp.Eq(w.diff(sd.t), w.diff(X, 2) + u)])
    walls = [
        sd.Dirichlet({u: sp.sin(sd.t)}),
        sd.BoundaryCondition(sp.Eq(w.diff(X) + 2 * w, u), {X: -1}),
        sd.Neumann({w: 1}, {X: 1}),
    ]
    problem = sd.Problem(pair, {u: NET, w: sd.mlp([X], [3])}, BOX, GRID, field_weights={w: 4.0}, boundary=walls)
    lifting = Lifting.of(problem)
    assert isinstance(lifting, Lifting)
    theta = np.random.default_rng(1).normal(size=int(problem.ansatz.count))
    state, slopes, rates = lifting.at(theta, 0.4)
    h, x = 1e-5, np.array([-1.0, -1.0 + 2e-5, 1.0 - 2e-5, 1.0])
    value, other = lifting.lifted.evaluate(state, x)
    np.testing.assert_allclose(value[[0, 3]], np.sin(0.4), rtol=1e-12)
    ends = (other[1] - other[0]) / 2e-5 + 2 * other[0], (other[3] - other[2]) / 2e-5
    np.testing.assert_allclose(ends, [value[0], 1.0], atol=1e-3)
    along = np.random.default_rng(2).normal(size=theta.size)
    ahead, behind = (lifting.at(theta + s * h * along, 0.4 + s * h)[0][theta.size :] for s in (1, -1))
    np.testing.assert_allclose(slopes @ along + rates, (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("boundary", "said"),
    [
        ([sd.BoundaryCondition(sp.Eq(u**2, 1))], "not linear"),
        ([sd.BoundaryCondition(sp.Eq(sd.t * u, 1))], "not linear in the fields, with constant coefficients"),
        ([sd.Dirichlet(0, {X: -1}), "in the ansatz"], "of some faces"),
        ([sd.Dirichlet(0), sd.Dirichlet(1)], "contradict"),
    ],
)
def test_no_bound_is_certified_where_none_is_known(boundary, said):
    a, b = sp.symbols("a b")
    problem = sd.Problem(HEAT, sd.Ansatz(a + b * X, [X], [a, b]), BOX, GRID, boundary=boundary)
    reason = Lifting.of(problem)
    assert isinstance(reason, str) and said in reason


C = sp.symbols("c0:4")
SERIES = sum(c * sp.sin((k + 1) * sp.pi * (X + 1) / 2) for k, c in enumerate(C))
COSINES = sum(c * sp.cos(k * sp.pi * (X + 1) / 2) for k, c in enumerate(C))


@pytest.mark.parametrize(
    ("expr", "is_in"),
    [
        (SERIES, True),
        (COSINES, True),
        (sp.exp(-X) * SERIES + 2, True),
        (sp.exp(-3 * X) * COSINES, True),  # Robin's, u_x + 3u = 0
        (sum(c * X**k for k, c in enumerate(C)), False),
    ],
)
def test_what_is_said_to_be_in_the_ansatz_is_checked(expr, is_in):
    problem = sd.Problem(HEAT, sd.Ansatz(expr, [X], C), BOX, GRID, boundary="in the ansatz")
    doubt = in_doubt(problem, np.array([0.3, 1.0, -0.4, 0.2]))
    assert (doubt is None) == is_in
    if doubt is not None:
        assert doubt.startswith("the ansatz is said to hold a condition at x = -1, but u and its derivative by x move")


def test_the_example_of_the_docstring_runs():
    module = importlib.import_module("symdfi.dfi.problem")
    (example,) = [t for t in doctest.DocTestFinder(recurse=False).find(module.Problem, globs={}) if t.examples]
    runner = doctest.DocTestRunner()
    runner.run(example)
    assert runner.failures == 0 and runner.tries > 0


def test_a_periodic_axis_asks_for_a_periodic_ansatz():
    """Read from the symbols, or seen at both ends; what falls to 0 is as on free space, and nothing is asked where the
    equation has no derivatives along the axis."""
    a, b = sp.IndexedBase("a", shape=(3,)), sp.IndexedBase("b", shape=(3,))
    k = sp.Symbol("k", integer=True)
    heat = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), u.diff(X, 2)))
    waves = sd.Ansatz(sp.Sum(a[k] * sp.cos(k * X) + b[k] * sp.exp(sp.sin(X)), (k, 0, 2)), [X], [a, b])

    def problem(ansatz, length, equation=heat, **more):
        return sd.Problem(equation, ansatz, sd.Box([(0, length)], periodic=True), sd.Grid(32), **more)

    net = sd.mlp([X], [3, 3])
    for ansatz in (net, waves, sd.mlp([X], [3, 3], period=[1.5])):
        with pytest.raises(sd.SymbolicError, match=r"the axis x is periodic, and the ansatz is not: û at x = 0 and 2"):
            problem(ansatz, 2)
    assert problem(sd.mlp([X], [3, 3], period=[2.0]), 2).domain.periodic == (True,)
    assert problem(waves, 2 * sp.pi) and problem(waves, 4 * sp.pi) and problem(sd.gaussians([X], 2), 2)
    assert problem(net, 2, boundary="in the ansatz")
    assert problem(net, 2, sd.EvolutionEquation(sp.Eq(u.diff(sd.t), -u)))
    # Not told by the symbols, but by the values.
    assert problem(sd.Ansatz(a[0] * (X * (2 - X)) ** 2 + a[1], [X], [a]), 2)
    # Sizes that are symbols; where θ does not tell them, nothing is evaluated, here or later.
    n, m = sp.symbols("n m", integer=True, positive=True)
    c, w = sp.IndexedBase("c", shape=(n,)), sp.IndexedBase("w", shape=(n,))
    free = sd.Ansatz(sp.Sum(c[k] * sp.sin(w[k] * X), (k, 0, n - 1)), [X], [c, w])
    with pytest.raises(sd.SymbolicError, match="differ by"):
        problem(free, 2)
    assert problem(free, 2, boundary="in the ansatz")
    assert problem(sd.Ansatz(sp.Sum(c[k] * (X * (2 - X)) ** k, (k, 0, n - 1)), [X], [c]), 2)
    d = sp.IndexedBase("d", shape=(m,))
    two = sp.Sum(c[k] * X**k, (k, 0, n - 1)) * sp.Sum(d[k] * X**k, (k, 0, m - 1))
    assert problem(sd.Ansatz(two, [X], [c, d]), 2)


@pytest.mark.parametrize(
    ("expr", "found"),
    [
        (sp.sin(2 * sp.pi * X / 3), True), (sp.cos(sp.pi * X), False), (sp.exp(2 * sp.I * sp.pi * X / 3), True),
        (sp.sin(4.1887902047863905 * X + 1), True), (sp.tanh(sp.cos(4 * sp.pi * X / 3)), True), (sp.exp(-X**2), False),
        (sp.sin(sp.Symbol("w") * X), False), (sp.sin(2 * sp.pi * sp.Symbol("m", integer=True) * X / 3), True),
        (X * sp.sin(2 * sp.pi * X / 3), False), (sp.Integer(1), True),
    ],
)  # fmt: skip
def test_periods_that_symbols_tell(expr, found):
    assert is_periodic(expr, X, 3.0) is found
