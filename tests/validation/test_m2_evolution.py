"""M2, evolution of an ansatz: extreme but finite inputs give finite numbers or a named error."""

import warnings

import numpy as np
import pytest
import sympy as sp

import symdfi as sd
from tests.validation.extremes import COUNTS, EXTREME, Pick, all_finite, array, extremes, mostly, number, outcome

X, nu, c = sp.symbols("x nu c", real=True)
n, i = sp.Symbol("n", integer=True, positive=True), sp.Symbol("i", integer=True)
u = sp.Function("u")(sd.t, X)
HEAT = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), nu * u.diff(X, 2)))
BURGERS = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), nu * u.diff(X, 2) - u * u.diff(X)))
a, b, w = (sp.IndexedBase(name, shape=(n,)) for name in "abw")
WAVES = sd.Ansatz(sp.Sum(a[i] * sp.sin(w[i] * X + b[i]), (i, 0, n - 1)) + c, [X], [a, w, b, c])
BELLS = sd.gaussians([X], 2)
PROBLEMS = [
    sd.Problem(equation, ansatz, sd.Box([(-1, 1)], periodic=True), sd.Grid(24), {nu: 0.01}, boundary="in the ansatz")
    for equation in (HEAT, BURGERS) for ansatz in (WAVES, BELLS)
]  # fmt: skip
WORDS = (
    "theta", "parameter", "points", "point ", "point at", "box", "Box", "Grid", "Gauss", "domain", "periodic", "weight",
    "t_span", "dt", "save_every", "size", "ansatz", "velocity0", "quadrature", "epsilon", "gamma",
)  # fmt: skip
ORDINARY = [0.5, -1.0, 2.0, 0.1, 0.0]


def _theta(pick: Pick, problem: sd.Problem) -> object:
    length = 7 if problem.ansatz is WAVES else 6
    ordinary = np.array([pick(ORDINARY) for _ in range(length)])
    if pick([0, 1]):
        ordinary[pick(range(length))] = pick(EXTREME[:-1])
    return mostly(pick, [ordinary], [array(pick, length), array(pick, 4), {"a": [1.0]}, {}, None, "1", [1.0, "a"]])


@extremes(60)
def test_ansatz(pick: Pick) -> None:
    ansatz, size = pick([WAVES, BELLS]), 2
    values = {p: array(pick, size) if isinstance(p, sp.IndexedBase) else number(pick) for p in ansatz.parameters}
    theta = outcome(lambda: ansatz.pack(values), "parameter")
    if theta is not None:
        for name, part in ansatz.unpack(theta).items():
            np.testing.assert_array_equal(part, np.asarray(values[next(p for p in values if str(p) == name)], float))
    rows = outcome(lambda: ansatz.unpack(array(pick, 3, 7)), "theta")
    if rows is not None:
        assert {part.shape[0] for part in rows.values()} == {3}
    outcome(lambda: ansatz.length({n: pick(COUNTS)} if ansatz is WAVES else {}), "size")
    outcome(lambda: sd.gaussians([X], pick(COUNTS)), "Gaussians")
    outcome(lambda: sd.mlp([X], mostly(pick, [[2, 3]], [[], [pick(COUNTS)], pick(COUNTS)])), "width", "mlp", "layer")


@extremes(60)
def test_problem(pick: Pick) -> None:
    bounds = mostly(
        pick, [[(-1, 1)], [(number(pick), number(pick))]], [[], [(1,)], [(-1, 1)] * 2, "ab", None, [(0, "1")]]
    )
    periodic = mostly(pick, [True, False], [[True, False], "1", None, 1])
    box = outcome(lambda: sd.Box(bounds, periodic), *WORDS)
    rule = pick([lambda: sd.Grid(mostly(pick, [8], COUNTS)),
                 lambda: sd.GaussLegendre(mostly(pick, [3], COUNTS), mostly(pick, [2], COUNTS))])  # fmt: skip
    quadrature = outcome(rule, *WORDS)
    if box is None or quadrature is None:
        return
    problem = outcome(lambda: sd.Problem(HEAT, BELLS, box, quadrature, {nu: number(pick)}), *WORDS, "nu")
    if problem is not None:
        all_finite(problem.points, problem.weights, problem.fresh_points, problem.fresh_weights)


@extremes(80)
def test_values(pick: Pick) -> None:
    """û and residuals are what their formulas give; ‖û − u₀‖ is finite or refused."""
    problem = pick(PROBLEMS)
    theta, points = (
        _theta(pick, problem),
        mostly(pick, [array(pick, 4), np.linspace(-1, 1, 5)], [array(pick, 3, 2), None]),
    )
    outcome(lambda: problem.evaluate(theta, points), *WORDS)
    velocity = mostly(pick, [np.zeros(7 if problem.ansatz is WAVES else 6)], [array(pick, 6), None])
    outcome(lambda: problem.residual(theta, velocity, number(pick)), *WORDS, "velocity", "time")
    u0 = mostly(
        pick, [sp.sin(X), lambda x: x], [1e200, (array(pick, 4), array(pick, 4)), lambda x: x / 0, "1", None, np.nan]
    )
    with np.errstate(all="ignore"):
        error = outcome(lambda: sd.fit_error(problem, theta, u0), *WORDS, "u0", "initial value", "data")
    if error is not None:
        all_finite(error)


@extremes(40)
def test_evolve(pick: Pick) -> None:
    problem = pick(PROBLEMS)
    t_span = mostly(
        pick, [(0, 0.02), (1, 1.02)], [(0, 0), (1, 0), (0, np.nan), (0, 1e-300), (1e300, 1.7e308), None, (0,), "ab"]
    )
    dt = mostly(pick, [0.01, 0.02], [0.0, -1.0, 5e-324, 1e-300, 1e300, np.nan, "1", None])
    settings = {pick(["gamma", "epsilon"]): mostly(pick, [1e-8, 1e-4], [*EXTREME[:-1], np.nan, -1.0, "1", None])}
    settings |= {"mu": mostly(pick, [1.0, 0.9], [number(pick)]), "scheme": pick(["euler", "bdf2", "rk4"])}
    stepper = outcome(lambda: sd.DFI(**settings), "gamma", "epsilon", "mu")
    if stepper is None:
        return
    options = {"save_every": mostly(pick, [1, 2], [0, 1.5, 2**70, "1"])}
    options |= {"velocity0": mostly(pick, [None], [array(pick, 6), array(pick, 7), {}])}
    found = outcome(lambda: sd.evolve(problem, _theta(pick, problem), t_span, dt, stepper, **options), *WORDS)
    if found is not None:
        all_finite(found.theta, found.velocity, found.residual, found.rate, found.step_residual, found.step_defect)
        time = mostly(pick, [found.t[0], found.t[-1]], [1e300, np.nan, "1", [[0.0]]])
        points = mostly(pick, [np.linspace(-1, 1, 3)], [array(pick, 3)])
        outcome(lambda: found.evaluate(points, time), *WORDS, "t ", "times")
        lipschitz = mostly(pick, [0.0, 1.0], [*EXTREME, "1", np.nan])
        bound = outcome(lambda: found.bound(lipschitz, number(pick)), "lipschitz", "initial_error")
        if bound is not None:  # infinite where it overflows, as it says
            assert not np.isnan(bound).any()


@extremes(12)
def test_fit(pick: Pick) -> None:
    problem = pick(PROBLEMS)
    scale = mostly(pick, [1.0], EXTREME)
    data = (np.linspace(-1, 1, 9), scale * np.cos(np.linspace(-1, 1, 9)))
    u0 = mostly(pick, [scale * sp.sin(X), data, lambda x: scale * x], [(array(pick, 4), array(pick, 4)), np.nan, "1"])
    options = {"start": mostly(pick, [_theta(pick, problem)], [None])}
    options |= {"iterations": mostly(pick, [5], [0, -1, 1.5, "1"]), "tolerance": mostly(pick, [1e-6], EXTREME[:-1])}
    options |= {"required": mostly(pick, [None], [0.0, 1e300, np.nan, "1"]), "seed": mostly(pick, [0], [-1, 1.5, "1"])}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.filterwarnings("ignore", message="the fit stopped at the relative error")
        theta = outcome(
            lambda: sd.fit(problem, u0, sizes={n: 2} if problem.ansatz is WAVES else None, **options),
            *WORDS, "u0", "start", "initial value", "data", "iterations", "tolerance", "required", "seed",
        )  # fmt: skip
    if theta is not None:
        all_finite(theta)


def test_a_fit_from_where_squares_overflow() -> None:
    """û = k l x is finite, and so is its derivative k x."""
    first, second = sp.symbols("k l")
    still = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), 0 * u.diff(X)))
    problem = sd.Problem(still, sd.Ansatz(first * second * X, [X], [first, second]), sd.Box([(0, 1)]), sd.Grid(8))
    with pytest.raises(ValueError, match="sum of squares of its derivatives, is not finite at the parameters"):
        sd.fit(problem, X, start=[1e155, 1e-155])
