"""Systems under constraints: accelerations, multipliers, residuals and projection against full matrices; integration
that stays on the constraints; what is refused."""

import pickle
from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp

import symdfi as sd

EPS = np.finfo(float).eps
n = sp.Symbol("n", integer=True, positive=True)
i, j, k = sp.symbols("i j k", integer=True)
m, g, length = sp.symbols("m g l", positive=True)
x, xd = sd.coordinates("x")
y, yd = sd.coordinates("y")
X, V = sd.coordinates("X", (n, 3))
BEADS = sp.Sum(m * V[i, k] ** 2 / 2, (i, 0, n - 1), (k, 0, 2)) - m * g * sp.Sum(X[i, 2], (i, 0, n - 1))
BONDS = (sp.Sum((X[i + 1, k] - X[i, k]) ** 2, (k, 0, 2)) - length**2, (i, 0, n - 2))
RING = (sp.Sum((X[sp.Mod(i + 1, n), k] - X[i, k]) ** 2, (k, 0, 2)) - length**2, (i, 0, n - 1))
c = sp.Symbol("c", integer=True, positive=True)
ends = sp.IndexedBase(sp.Symbol("ends", integer=True), shape=(c, 2))
LINKS = (sp.Sum((X[ends[i, 0], k] - X[ends[i, 1], k]) ** 2, (k, 0, 2)) - length**2, (i, 0, c - 1))
PENDULUM = sd.Lagrangian(
    m * (xd**2 + yd**2) / 2 - m * g * y, [x, y], [xd, yd], constraints=[x**2 + y**2 - length**2]
)  # fmt: skip
NUMBERS = {m: 2.0, g: 9.8, length: 1.5}


def pendulum_state(angle: float, rate: float) -> tuple[np.ndarray, np.ndarray]:
    s, u = np.sin(angle), np.cos(angle)
    return 1.5 * np.array([s, -u]), 1.5 * rate * np.array([u, s])


def test_pendulum() -> None:
    """l θ̈ = −g sin θ, and the rod pulls with m (l θ̇² + g cos θ): Gᵀλ is that along (−x, −y)/l."""
    angle, rate = 0.7, 1.3
    q, v = pendulum_state(angle, rate)
    compiled, bend = PENDULUM.compile(), -9.8 / 1.5 * np.sin(angle)
    s, u = np.sin(angle), np.cos(angle)
    expected = 1.5 * np.array([bend * u - rate**2 * s, bend * s + rate**2 * u])
    assert compiled.acceleration(q, v, NUMBERS) == pytest.approx(expected, rel=100 * EPS)
    pull = 2.0 * (1.5 * rate**2 + 9.8 * u)
    assert compiled.constraint_forces(q, v, NUMBERS) == pytest.approx(-pull * q / 1.5, rel=100 * EPS)
    assert compiled.multipliers(q, v, NUMBERS) == pytest.approx([-pull / 3], rel=100 * EPS)
    for residual in compiled.constraint_residual(q, v, NUMBERS):
        assert residual == pytest.approx([0.0], abs=100 * EPS)
    batch = compiled.multipliers([q, q], [v, 0 * v], NUMBERS)
    assert batch[:, 0] == pytest.approx([-pull / 3, -2.0 * 9.8 * u / 3], rel=100 * EPS)


def bonds_of(pairs: list[tuple[int, int]], q: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """G and γ of |x_a − x_b|² = l²."""
    jacobian, gamma = np.zeros((len(pairs), *q.shape)), np.zeros(len(pairs))
    for row, (a, b) in enumerate(pairs):
        jacobian[row, a] += 2 * (q[a] - q[b])
        jacobian[row, b] -= 2 * (q[a] - q[b])
        gamma[row] = 2 * np.sum((v[a] - v[b]) ** 2)
    return jacobian.reshape(len(pairs), -1), gamma


TREE = [(0, 1), (0, 4), (1, 2), (5, 1), (3, 4)]
FAMILIES: dict[str, tuple[tuple, Callable[[int], list[tuple[int, int]]], dict]] = {
    "chain": (BONDS, lambda size: [(b, b + 1) for b in range(size - 1)], {}),
    "ring": (RING, lambda size: [(b, (b + 1) % size) for b in range(size)], {}),
    "gathered": (LINKS, lambda size: TREE, {"ends": np.array(TREE)}),
}


@pytest.mark.parametrize("size", [6, 9])
@pytest.mark.parametrize("family", FAMILIES)
def test_bonds_against_the_full_matrix(family: str, size: int) -> None:
    constraint, pairs, more = FAMILIES[family]
    compiled = sd.Lagrangian(BEADS, X, V, constraints=[constraint]).compile()
    numbers = {**NUMBERS, n: size, **more}
    rng = np.random.default_rng(size)
    angle = 2 * np.pi * np.arange(size)[:, None] / size
    near = 1.5 * size / 6 * np.hstack([np.cos(angle), np.sin(angle), 0 * angle]) + 0.1 * rng.normal(size=(size, 3))
    q, v = compiled.project(near, rng.normal(size=(size, 3)), numbers)
    jacobian, gamma = bonds_of(pairs(size), q, v)
    rows = len(gamma)
    full = np.block([[2.0 * np.eye(3 * size), jacobian.T], [jacobian, np.zeros((rows, rows))]])
    forcing = np.tile([0, 0, -2.0 * 9.8], size)
    solution = np.linalg.solve(full, np.concatenate([forcing, -gamma]))
    room = 100 * EPS * np.linalg.cond(full) * np.abs(solution).max()
    assert compiled.acceleration(q, v, numbers).ravel() == pytest.approx(solution[: 3 * size], abs=room)
    assert compiled.multipliers(q, v, numbers) == pytest.approx(-solution[3 * size :], abs=room)
    forces = compiled.constraint_forces(q, v, numbers).ravel()
    assert forces == pytest.approx(-jacobian.T @ solution[3 * size :], abs=room * np.abs(jacobian).max())
    lengths = [np.sum((q[a] - q[b]) ** 2) for a, b in pairs(size)]
    assert lengths == pytest.approx([2.25] * rows, rel=100 * EPS)
    position, speed = compiled.constraint_residual(q, v, numbers)
    assert np.abs(position).max() < 1000 * EPS
    assert speed == pytest.approx(jacobian @ v.ravel(), abs=1000 * EPS)


def test_long_chain() -> None:
    """10⁴ beads: q̈ and λ obey M q̈ = F + Gᵀλ and G q̈ = −γ, the band as narrow as that of a short chain."""
    size = 10_000
    compiled = sd.Lagrangian(BEADS, X, V, constraints=[BONDS, (X[0, k], (k, 0, 2))]).compile()
    numbers = {**NUMBERS, n: size}
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(size - 1, 3))
    steps *= 1.5 / np.linalg.norm(steps, axis=1)[:, None]
    q = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    q, v = compiled.project(q, rng.normal(size=(size, 3)), numbers)
    a, multipliers = compiled.acceleration(q, v, numbers), compiled.multipliers(q, v, numbers)
    d, e = np.diff(q, axis=0), np.diff(v, axis=0)
    pull = 2 * multipliers[: size - 1, None] * d
    balance = 2.0 * a + 2.0 * 9.8 * np.array([0, 0, 1.0])
    balance[1:] -= pull
    balance[:-1] += pull
    balance[0] -= multipliers[size - 1 :]
    assert np.abs(balance).max() < 1e4 * EPS * np.abs(pull).max()
    bent = 2 * np.sum(d * np.diff(a, axis=0), axis=1) + 2 * np.sum(e**2, axis=1)
    assert np.abs(bent).max() < 1e5 * EPS * np.abs(a).max()
    assert compiled.pack(numbers, 3 * size)[1][2] == compiled.pack({**NUMBERS, n: 20}, 60)[1][2]


def test_units_do_not_matter() -> None:
    """A molecule in SI units, masses 10⁻²⁶ and lengths 10⁻¹⁰, as the same one in its own."""
    compiled = sd.Lagrangian(BEADS, X, V, constraints=[BONDS]).compile()
    rng = np.random.default_rng(3)
    q, v = compiled.project(np.arange(12.0).reshape(4, 3), rng.normal(size=(4, 3)), {**NUMBERS, n: 4})
    small = {m: 2e-26, g: 9.8e-10, length: 1.5e-10, n: 4}
    a, b = (compiled.acceleration(s * q, s * v, p) for s, p in ((1.0, {**NUMBERS, n: 4}), (1e-10, small)))
    assert b == pytest.approx(1e-10 * a, rel=1e-11)


def test_massless_coordinates() -> None:
    """M is singular, the whole is not: a mass on a rod of length r in (x, y) with an angle θ of no inertia."""
    q, qd = sd.coordinates("theta")
    L = m * (xd**2 + yd**2) / 2 - m * g * y
    rod = [x - length * sp.sin(q), y + length * sp.cos(q)]
    compiled = sd.Lagrangian(L, [x, y, q], [xd, yd, qd], constraints=rod).compile()
    angle, rate = 0.7, 1.3
    (at, move) = pendulum_state(angle, rate)
    found = compiled.acceleration([*at, angle], [*move, rate], NUMBERS)
    assert found[2] == pytest.approx(-9.8 / 1.5 * np.sin(angle), rel=1000 * EPS)
    assert found[:2] == pytest.approx(PENDULUM.compile().acceleration(at, move, NUMBERS), rel=1000 * EPS)


def test_moving_constraint() -> None:
    """A bead on a straight wire that turns with ω: r̈ = ω² r, φ depends on time."""
    omega = sp.Symbol("omega", positive=True)
    wire = -x * sp.sin(omega * sd.t) + y * sp.cos(omega * sd.t)
    system = sd.Lagrangian(m * (xd**2 + yd**2) / 2, [x, y], [xd, yd], constraints=[wire])
    numbers = {m: 2.0, omega: 1.2}
    q, v = system.compile().project([1.0, 0.1], [0.0, 0.0], numbers)
    r, u = q[0], v[0]
    assert v[1] == pytest.approx(1.2 * r, rel=100 * EPS)
    for method in ("verlet", "rk4", "dop853"):
        trajectory = sd.integrate(system, q, v, (0.0, 1.0), 2e-3, numbers, method=method)
        grown = r * np.cosh(1.2) + u / 1.2 * np.sinh(1.2)
        room = 1e-5 if method == "verlet" else 1e-9
        end = np.array([np.cos(1.2), np.sin(1.2)])
        assert trajectory.q[-1] == pytest.approx(grown * end, abs=room)


# Integration

METHODS = {"verlet": 2, "rk4": 4, "dop853": None, "scipy:DOP853": None, "scipy:Radau": None}


@pytest.fixture(scope="module")
def swing() -> sd.Trajectory:
    q, v = sd.coordinates("theta")
    system = sd.Lagrangian(m * length**2 * v**2 / 2 + m * g * length * sp.cos(q), q, v)
    return sd.integrate(system, 0.7, 1.3, (0, 4), 0.1, NUMBERS, method=sd.DOP853(rtol=1e-13, atol=1e-14))


@pytest.mark.parametrize("method", METHODS)
def test_pendulum_in_the_plane_moves_as_its_angle(method: str, swing: sd.Trajectory) -> None:
    errors = []
    for dt in (0.01, 0.005):
        every = round(0.1 / dt) if METHODS[method] else 1
        dt = dt if METHODS[method] else 0.1
        found = sd.integrate(
            PENDULUM, *pendulum_state(0.7, 1.3), (0, 4), dt, NUMBERS, method=method, save_every=every
        )  # fmt: skip
        errors.append(np.abs(found["x"] - 1.5 * np.sin(swing["theta"])).max())
        position, speed = PENDULUM.compile().constraint_residual(found.q, found.v, NUMBERS)
        assert np.abs(position).max() < 200 * EPS
        assert np.abs(speed).max() < 500 * EPS
    if METHODS[method]:
        assert np.log2(errors[0] / errors[1]) == pytest.approx(METHODS[method], abs=0.15)
    else:
        assert errors[0] < 1e-8


def test_backward_events_and_ensembles() -> None:
    q, v = pendulum_state(0.7, 1.3)
    forth = sd.integrate(PENDULUM, q, v, (0, 2), 0.5, NUMBERS, method="dop853", dense=True)
    back = sd.integrate(PENDULUM, forth.q[-1], forth.v[-1], (2, 0), 0.5, NUMBERS, method="dop853", events=[x])
    assert back.q[-1] == pytest.approx(q, abs=1e-8)
    assert np.hypot(*back.events[0].q.T) == pytest.approx(1.5, rel=20 * EPS)
    assert back.events[0].q[:, 0] == pytest.approx(0.0, abs=1e-12)
    many = sd.integrate(
        PENDULUM, [q, q, q], v, (0, 2), 0.5, {**NUMBERS, m: [2.0, 1.0, 5.0]}, method="dop853"
    )  # fmt: skip
    assert many.q[0] == pytest.approx(forth.q, abs=0)
    assert many.q[2] == pytest.approx(forth.q, abs=1e-8)
    for method in ("verlet", "rk4"):
        one = sd.integrate(PENDULUM, q, v, (0, 1), 0.01, NUMBERS, method=method)
        more = sd.integrate(PENDULUM, [q, q], [v, -v], (0, 1), 0.01, NUMBERS, method=method)
        assert (more.q[0] == one.q).all()


def test_driven() -> None:
    """A force that is an input reaches a constrained system: 2 m ẍ = f along the line x = y."""
    push = sp.Symbol("f")
    system = sd.Lagrangian(
        m * (xd**2 + yd**2) / 2 + push * x, [x, y], [xd, yd], inputs=[push], constraints=[x - y]
    )  # fmt: skip
    for method in ("verlet", "rk4", "dop853", "scipy:RK45"):
        found = sd.integrate(
            system, [0, 0], [0, 0], (0, 1), 0.01, {m: 2.0}, inputs={push: lambda t: 12 * t**2}, method=method
        )  # fmt: skip
        assert found.q[-1] == pytest.approx([0.25, 0.25], abs=1e-4 if method == "verlet" else 1e-8)


def test_pickles() -> None:
    again = pickle.loads(pickle.dumps(PENDULUM))
    q, v = pendulum_state(0.3, 0.2)
    assert (again.compile().acceleration(q, v, NUMBERS) == PENDULUM.compile().acceleration(q, v, NUMBERS)).all()


# What is refused


def test_initial_state_off_the_constraints() -> None:
    q, v = pendulum_state(0.7, 1.3)
    with pytest.raises(ValueError, match=r"constraints\[0\].* it is 0\.0\d+, not 0 \(.*project"):
        sd.integrate(PENDULUM, 1.01 * q, 1.01 * v, (0, 1), 0.01, NUMBERS)
    with pytest.raises(ValueError, match=r"of member \(1,\).*its time derivative is 1\.5"):
        sd.integrate(PENDULUM, [q, q], [v, v + q / 3], (0, 1), 0.01, NUMBERS, method="rk4")
    moved = PENDULUM.compile().project(1.01 * q, v + q, NUMBERS)
    assert sd.integrate(PENDULUM, *moved, (0, 0.1), 0.01, NUMBERS).q.shape == (11, 2)


def test_projection_that_fails() -> None:
    parted = sd.Lagrangian(m * (xd**2 + yd**2) / 2, [x, y], [xd, yd], constraints=[x - y, x - y**2 - length])
    with pytest.raises(sd.ConvergenceError, match="no state on the constraints was found") as caught:
        parted.compile().project([[3.0, 0.5]], [0.0, 0.0], {m: 1.0, length: 1.0})
    assert np.isnan(caught.value.partial[0]).all()


def test_dependent_constraints_are_named() -> None:
    twice = sd.Lagrangian(
        m * (xd**2 + yd**2) / 2, [x, y], [xd, yd], constraints=[x**2 + y**2 - length**2, x**4 + y**2 - length**2]
    )  # fmt: skip
    with pytest.raises(sd.SingularMatrixError, match=r"follow from others at q = \[0\. +1\.\]: constraints\[1\]"):
        twice.compile().acceleration([0.0, 1.0], [0.0, 0.0], {m: 1.0, length: 1.0})
    with pytest.raises(sd.SingularMatrixError, match=r"are changed by no velocity .*constraints\[0\]"):
        PENDULUM.compile().multipliers([0.0, 0.0], [0.0, 0.0], NUMBERS)
    stiff = sd.Lagrangian(BEADS, X, V, constraints=[BONDS, (X[i, 0] - X[0, 0], (i, 0, n - 1))])
    with pytest.raises(sd.SingularMatrixError, match=r"constraints\[1\].*, at i = 0"):
        stiff.compile().acceleration(np.eye(3).ravel(), np.zeros(9), {**NUMBERS, n: 3})


def test_direction_without_mass_and_constraint() -> None:
    z, zd = sd.coordinates("z")
    system = sd.Lagrangian(m * xd**2 / 2 - z**2 - y, [x, y, z], [xd, yd, zd], constraints=[x - y])
    with pytest.raises(sd.SingularMatrixError, match="along z, which no constraint holds"):
        system.compile().acceleration([0, 0, 1], [0, 0, 0], {m: 1.0})


def test_methods_that_do_not_suit() -> None:
    q, v = pendulum_state(0.7, 1.3)
    for method, error in (("midpoint", "does not keep constraints"), ("scipy:BDF", "remembers earlier steps")):
        with pytest.raises(sd.SymbolicError, match=error):
            sd.integrate(PENDULUM, q, v, (0, 1), 0.1, NUMBERS, method=method)
    rolling = sd.Lagrangian(m * (xd**2 + yd**2) / 2, [x, y], [xd, yd], constraints=[xd - y * yd])
    with pytest.raises(sd.SymbolicError, match=r"constraints\[0\].* is nonholonomic: RATTLE"):
        sd.integrate(rolling, [0, 0], [0, 0], (0, 1), 0.1, {m: 1.0})
    curved = sd.Lagrangian((1 + x**2) * (xd**2 + yd**2), [x, y], [xd, yd], constraints=[x - y])
    with pytest.raises(sd.SymbolicError, match="constant mass matrix"):
        sd.integrate(curved, [0, 0], [0, 0], (0, 1), 0.1)


def test_without_constraints_there_are_no_multipliers() -> None:
    free = sd.Lagrangian(m * xd**2 / 2, x, xd).compile()
    for call in (free.multipliers, free.constraint_forces, free.constraint_residual, free.project):
        with pytest.raises(sd.SymbolicError, match="no constraints"):
            call([0.0], [0.0], {m: 1.0})


def test_equilibrium_propagation_refuses() -> None:
    with pytest.raises(sd.SymbolicError, match=r"does not support constraints: constraints\[0\]"):
        sd.extremize(PENDULUM, sd.Periodic(1.0), steps=8, params=NUMBERS)


def test_a_bond_past_the_end() -> None:
    system = sd.Lagrangian(BEADS, X, V, constraints=[(X[i + 1, 0] - X[i, 0], (i, 0, n - 1))])
    with pytest.raises(ValueError, match="runs over|outside|leads"):
        system.compile().acceleration(np.eye(3).ravel(), np.zeros(9), {m: 2.0, g: 9.8, n: 3})
