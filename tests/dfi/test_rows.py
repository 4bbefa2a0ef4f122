"""The rows J and f of a problem against 40-digit derivatives and against JAX (S4)."""

import mpmath
import numpy as np
import pytest
import sympy as sp

import symdfi as sd

X, Y = sp.symbols("x y")
u1, u2 = sp.Function("u")(sd.t, X), sp.Function("u")(sd.t, X, Y)


def rows(ansatz, box, u, f, theta, quadrature):
    """Unweighted J and f."""
    problem = sd.Problem(
        sd.EvolutionEquation(sp.Eq(u.diff(sd.t), f)), ansatz, box, quadrature, boundary="in the ansatz"
    )
    J, rhs = problem.rows(theta, 0.3)
    root = np.sqrt(problem.weights)
    return problem, J / root[:, None], rhs / root


def network(values, features, activation=mpmath.tanh):
    """û of an mlp, in the numbers of its arguments."""
    h, level = features, 1
    while f"W{level}" in values:
        W, b = values[f"W{level}"], values[f"b{level}"]
        trained = (values[f"r{level}"],) if f"r{level}" in values else ()
        h = [activation(mpmath.fdot(W[k], h) + b[k], *trained) for k in range(len(b))]
        level += 1
    return mpmath.fdot(values["c"], h) + values["d"]


def mixture(values, x):
    a, w, b = values["a"], values["w"], values["b"]
    w, b = np.reshape(w, (len(a), -1)), np.reshape(b, (len(a), -1))
    terms = (sum((w[k][d] * (x[d] - b[k][d])) ** 2 for d in range(len(x))) for k in range(len(a)))
    return mpmath.fsum(a[k] * mpmath.exp(-e) for k, e in enumerate(terms))


def periodic_mixture(values, x):
    a, w, b = values["a"], values["w"], values["b"]
    return mpmath.fsum(
        a[k] * mpmath.exp(-((w[k] * 2 / mpmath.pi * mpmath.sin(mpmath.pi * (x[0] - b[k]) / 2)) ** 2))
        for k in range(len(a))
    )


def full_mixture(values, x):
    a, w, b = values["a"], values["w"], values["b"]
    total = 0
    for k in range(len(a)):
        rows, exponent = iter(w[k]), 0
        for d in range(len(x)):
            exponent += mpmath.fsum(next(rows) * (x[e] - b[k][e]) for e in range(d + 1)) ** 2
        total += a[k] * mpmath.exp(-exponent)
    return total


def isotropic_mixture(values, x):
    return mixture({**values, "w": np.stack([values["w"]] * len(x), axis=1)}, x)


def circle(x):
    return [mpmath.cos(mpmath.pi * x[0]), mpmath.sin(mpmath.pi * x[0])]


def phases(values, x):
    """Features of trained phases, period 2 in every variable."""
    phi = np.reshape(values["phi"], (len(values["phi"]), -1))
    A, B = np.reshape(values.get("A", np.ones_like(phi)), phi.shape), values.get("B", np.zeros(len(phi)))
    around = range(phi.shape[1])
    return [
        mpmath.fsum(A[f, d] * mpmath.cos(mpmath.pi * x[d] + phi[f, d]) for d in around) + B[f] for f in range(len(phi))
    ]


def swish(x):
    return x / (1 + mpmath.exp(-x))


def rational(x, r):
    z = r[4] + r[5] * x
    return r[0] + r[1] * x + (r[2] + r[3] * z) / (1 + z**2)


CASES = {
    "mlp": (sd.mlp([X], [3, 4]), lambda v, x: network(v, x)),
    "mlp periodic": (sd.mlp([X], [3, 2, 2], period=[2]), lambda v, x: network(v, circle(x))),
    "gaussians": (sd.gaussians([X], 3), mixture),
    "gaussians periodic": (sd.gaussians([X], 3, period=[2]), periodic_mixture),
    "mlp 2-d": (sd.mlp([X, Y], [3, 3]), lambda v, x: network(v, x)),
    "gaussians 2-d": (sd.gaussians([X, Y], 3), mixture),
    "gaussians isotropic": (sd.gaussians([X, Y], 2, covariance="isotropic"), isotropic_mixture),
    "gaussians full": (sd.gaussians([X, Y], 2, covariance="full"), full_mixture),
    "mlp swish": (sd.mlp([X], [3, 2], sd.swish), lambda v, x: network(v, x, swish)),
    "mlp rational": (sd.mlp([X], [2, 2], sd.rational), lambda v, x: network(v, x, rational)),
    "mlp phases": (
        sd.mlp([X], [3, 2], period=[2], embedding=sd.Phases(5)),
        lambda v, x: network(v, phases(v, x)),
    ),
    "mlp phases 2-d": (
        sd.mlp([X, Y], [2], sd.swish, period=[2, 2], embedding=sd.Phases(5, amplitude=True, offset=True)),
        lambda v, x: network(v, phases(v, x), swish),
    ),
    "mlp phases and a line": (
        sd.mlp([X, Y], [2], period=[2, None], embedding=sd.Phases(5)),
        lambda v, x: network(v, [*phases(v, x), x[1]]),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_rows_against_forty_digits(name):
    ansatz, value = CASES[name]
    dim = len(ansatz.variables)
    theta = np.random.default_rng(1).normal(size=int(ansatz.count))
    box, quadrature = sd.Box([(-1, 1)] * dim), sd.Grid(2)

    def exact(point, parameters, orders=None):
        """û, or its derivative of the given orders in the space variables."""
        values = {n: np.array(v) for n, v in ansatz.unpack(np.arange(theta.size)).items()}
        named = {n: np.vectorize(lambda k: parameters[int(k)], otypes=[object])(v) for n, v in values.items()}
        named = {n: v.item() if v.ndim == 0 else v for n, v in named.items()}
        return mpmath.diff(lambda *x: value(named, x), point, orders) if orders else value(named, point)

    u = u1 if dim == 1 else u2
    wanted = {(0,): u, (2,): u.diff(X, 2), (3,): u.diff(X, 3), (4,): u.diff(X, 4)}
    if dim == 2:
        wanted = {(0, 0): u, (1, 0): u.diff(X), (0, 2): u.diff(Y, 2), (1, 1): u.diff(X, Y), (2, 2): u.diff(X, 2, Y, 2)}
    # All in one kernel, each with a factor of its own.
    factors = {orders: sp.Rational(7, 10 + 3 * k) for k, orders in enumerate(wanted)}
    f = sp.Add(*(factors[orders] * term for orders, term in wanted.items()))
    problem, J, rhs = rows(ansatz, box, u, f, theta, quadrature)
    with mpmath.workdps(40):
        parameters = [mpmath.mpf(float(p)) for p in theta]
        for point, number in zip(problem.points, rhs, strict=True):
            x = tuple(mpmath.mpf(float(c)) for c in point)
            terms = [float(factors[o] * exact(x, parameters, o if any(o) else None)) for o in wanted]
            assert number == pytest.approx(sum(terms), rel=1e-12, abs=1e-12 * max(1.0, *map(abs, terms)))
        for k in range(theta.size):
            moved = lambda p, k=k: exact(x, [*parameters[:k], p, *parameters[k + 1 :]])  # noqa: E731
            assert J[-1, k] == pytest.approx(float(mpmath.diff(moved, parameters[k])), rel=1e-12, abs=1e-13)


def test_a_network_against_jax():
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    ansatz = sd.mlp([X], [9, 9, 9], period=[2])
    theta = 0.7 * np.random.default_rng(2).normal(size=int(ansatz.count))

    def value(theta, x):
        h, begin = jnp.array([jnp.cos(jnp.pi * x), jnp.sin(jnp.pi * x)]), 0
        for inner, outer in ((2, 9), (9, 9), (9, 9)):
            W = theta[begin : begin + inner * outer].reshape(outer, inner)
            begin += inner * outer
            h = jnp.tanh(W @ h + theta[begin : begin + outer])
            begin += outer
        return theta[begin : begin + 9] @ h + theta[-1]

    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        box = sd.Box([(-1, 1)], periodic=True)
        for f, g in ((u1.diff(X), jax.grad(value, 1)), (u1.diff(X, 2), jax.grad(jax.grad(value, 1), 1))):
            problem, J, rhs = rows(ansatz, box, u1, f, theta, sd.Grid(40))
            points = jnp.asarray(problem.points[:, 0])
            expected = np.asarray(jax.vmap(g, (None, 0))(jnp.asarray(theta), points))
            np.testing.assert_allclose(rhs, expected, rtol=1e-12, atol=1e-12 * abs(expected).max())
        expected = np.asarray(jax.vmap(jax.grad(value), (None, 0))(jnp.asarray(theta), points))
        np.testing.assert_allclose(J, expected, rtol=1e-12, atol=1e-12 * abs(expected).max())


def test_an_ansatz_of_the_users_own_at_two_sizes():
    """One problem, one compilation: the number of units follows from θ."""
    i, m = sp.Symbol("i", integer=True), sp.Symbol("m", integer=True, positive=True)
    a, w, b = (sp.IndexedBase(name) for name in "awb")
    expr = sp.Sum(a[i] * sp.exp(-((w[i] * (X - b[i])) ** 2)), (i, 0, m - 1))
    own = sd.Ansatz(expr, variables=[X], parameters=[a, w, b])
    box = sd.Box([(-1, 1)])
    pde = sd.EvolutionEquation(sp.Eq(u1.diff(sd.t), u1.diff(X, 2) + sd.t * sp.sin(X) * u1))
    problem = sd.Problem(pde, own, box, sd.Grid(20))
    for count in (1, 4):
        theta = np.random.default_rng(count).normal(size=3 * count)
        ready = sd.Problem(pde, sd.gaussians([X], count), box, sd.Grid(20))
        for mine, theirs in zip(problem.rows(theta, 0.7), ready.rows(theta, 0.7), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-12)


def test_scalar_parameters_time_and_space_enter_the_right_hand_side():
    A, k, c = sp.symbols("A k c")
    problem = sd.Problem(
        sd.EvolutionEquation(sp.Eq(u1.diff(sd.t), c * X * sp.exp(-sd.t) + u1**2)),
        sd.Ansatz(A * sp.cos(k * X), [X], [A, k]),
        sd.Box([(0, 1)]),
        sd.Grid(7),
        {"c": 3.0},
    )
    J, rhs = problem.rows(np.array([2.0, 0.5]), 0.25)
    x, root = problem.points[:, 0], np.sqrt(problem.weights)
    np.testing.assert_allclose(rhs, root * (3 * x * np.exp(-0.25) + 4 * np.cos(0.5 * x) ** 2), rtol=1e-12)
    np.testing.assert_allclose(J, root[:, None] * np.stack([np.cos(x / 2), -2 * x * np.sin(x / 2)], 1), rtol=1e-12)


def test_the_residual_is_that_of_the_rows():
    problem = sd.Problem(
        sd.EvolutionEquation(sp.Eq(u1.diff(sd.t), u1.diff(X, 2))),
        sd.gaussians([X], 3),
        sd.Box([(-4, 4)]),
        sd.Grid(50),
    )
    generator = np.random.default_rng(0)
    theta, velocity = generator.normal(size=9), generator.normal(size=9)
    J, f = problem.rows(theta, 0.0)
    residual, rate = problem.residual(theta, velocity, 0.0, fresh=False)
    assert residual == pytest.approx(np.linalg.norm(J @ velocity - f), rel=1e-11)
    assert rate == pytest.approx(np.linalg.norm(f), rel=1e-11)


def test_problems_that_do_not_fit_are_refused():
    pde = sd.EvolutionEquation(sp.Eq(u1.diff(sd.t), sp.Symbol("nu") * u1.diff(X, 2)))

    def make(ansatz=None, box=None, params=None):
        ansatz, box = ansatz or sd.gaussians([X], 2), box or sd.Box([(0, 1)])
        return sd.Problem(pde, ansatz, box, sd.Grid(4), {"nu": 1.0} if params is None else params)

    with pytest.raises(ValueError, match="no value for parameter nu"):
        make(params={})
    with pytest.raises(ValueError, match="unknown parameter mu"):
        make(params={"nu": 1.0, "mu": 2.0})
    with pytest.raises(sd.SymbolicError, match="the ansatz"):
        make(ansatz=sd.gaussians([Y], 2))
    with pytest.raises(sd.SymbolicError, match="a domain of dimension 2"):
        make(box=sd.Box([(0, 1), (0, 1)]))
    nu = sp.Symbol("nu")
    with pytest.raises(sd.SymbolicError, match="nu is a parameter of both"):
        make(ansatz=sd.Ansatz(nu * X, [X], [nu]))
    with pytest.raises(ValueError, match="theta has 5 entries, this ansatz has 6 parameters"):
        make().rows(np.zeros(5), 0.0)
    with pytest.raises(ValueError, match=r"points of shape \(3, 2\) for a domain of dimension 1"):
        make().evaluate(np.ones(6), np.zeros((3, 2)))
