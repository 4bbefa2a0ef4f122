"""Names from one end to the other: models that differ in names alone share kernels, and any name will do."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from sympy.physics.mechanics import dynamicsymbols

import symdfi as sd
from symdfi.results import load
from symdfi.symbolic.coordinates import acceleration_of

MARK = "names_were_executed"
PLAIN = ("x", "m", "k", "c", "n", "i", "j", "f", "y")
NAMES = [
    ("θ", "μ", "\u00b5", "K_{ij}", "N/2", "ι", "κ", "f'", "y₁"),
    ("if", "lambda", "None", "class", "def", "for", "in", "is", "or"),
    ("_a0", "_t00001", "_alpha", "_h", "sizes", "_b0", "_l0", "_n0", "out"),
    ("q", "v", "t0", "params", "ints", "_k0", "_j0", "h", "kernel"),
    tuple(f"{k}\n__import__('pathlib').Path('{MARK}').touch()  # '''\"\"\"" for k in range(9)),
    ("z", "k", "m", "b", "a", "j", "i", "u", "x"),
    ("x'", "x", "xdot", "xddot", "x_t", "p_x", r"\dot{x}", "energy", "time"),
]


@pytest.fixture(autouse=True)
def nothing_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert MARK not in {path.name for path in tmp_path.iterdir()}


def chain(names, declared=True):
    """A driven chain of masses m with springs k, c, as it is written with these names."""
    x, m, k, c, n, i, j, f, _ = names
    n = sp.Symbol(n, integer=True, positive=True)
    i, j = (sp.Symbol(s, integer=True) for s in (i, j))
    m, c, f = (sp.Symbol(s, real=True) for s in (m, c, f))
    x, v = sd.coordinates(x.replace(" ", r"\ "), n)
    k = sp.IndexedBase(sp.Symbol(k, real=True), shape=(n,))
    kinetic = sp.Sum(m * v[i] ** 2 / 2, (i, 0, n - 1))
    potential = sp.Sum(k[j] * (x[j + 1] - x[j]) ** 2 / 2 + c * (x[j + 1] - x[j]) ** 4, (j, 0, n - 2))
    drive = f * sp.sin(sd.t) * x[0]
    parameters = [m, k, c] if declared else None
    return sd.Lagrangian(kinetic - potential + drive, x, v, parameters=parameters, inputs=[f]), (x, v, m, k, c, f)


Q, V = np.array([0.1, -0.2, 0.4]), np.array([0.3, 0.0, -0.1])
M, K, C, F = 1.5, np.array([1.0, 2.0, 3.0]), 0.2, 0.7


def expected(time):
    d = np.diff(Q)
    pull = K[:-1] * d + 4 * C * d**3
    force = np.concatenate([pull, [0]]) - np.concatenate([[0], pull])
    force[0] += F * np.sin(time)
    return force / M


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("names", NAMES)
def test_chains_of_any_names_share_their_kernels(names, declared) -> None:
    system, (_, _, m, k, c, f) = chain(names, declared)
    kernels, others = system.compile(), chain(PLAIN, declared)[0].compile()
    params, drive = {m: M, k: K, c: C}, {f: F}
    np.testing.assert_allclose(kernels.acceleration(Q, V, params, 0.8, drive), expected(0.8), rtol=1e-12)
    by_name = {str(getattr(p, "label", p)): value for p, value in params.items()}
    np.testing.assert_allclose(kernels.acceleration(Q, V, by_name, 0.8, {str(f): F}), expected(0.8), rtol=1e-12)
    for kernel in ("acceleration_kernel", "midpoint_kernel", "energy_kernel"):
        assert getattr(kernels, kernel).source == getattr(others, kernel).source
    assert kernels.source.isascii()
    with pytest.raises(ValueError, match="no value for the parameter"):
        kernels.energy(Q, V, {m: M}, 0.0, drive)


@pytest.mark.parametrize("names", NAMES)
def test_trajectories_of_any_names(names, tmp_path) -> None:
    system, (x, v, m, k, c, f) = chain(names)
    run = sd.integrate(system, Q, V, (0, 0.2), dt=0.05, params={m: M, k: K, c: C}, inputs={f: F}, method="midpoint")
    plain, (x0, _, m0, k0, c0, f0) = chain(PLAIN)
    other = sd.integrate(
        plain, Q, V, (0, 0.2), dt=0.05, params={m0: M, k0: K, c0: C}, inputs={f0: F}, method="midpoint"
    )
    np.testing.assert_array_equal(run[x], other[x0])
    np.testing.assert_array_equal(run[v], run.v)
    np.testing.assert_array_equal(run.dataset["energy"], run.energy)
    loaded = load(run.save(tmp_path / "run.nc"))
    # The state, the energy and the work, with the times themselves.
    assert sum("time" in loaded[name].dims for name in loaded.variables) == 5
    run.plot().savefig(tmp_path / "run.png")


@pytest.mark.parametrize("names", NAMES[:5])
def test_velocities_print_with_a_dot(names) -> None:
    for name in (*names, "ω₀", r"\omega", "rad", "ξ_{1}", "r'"):
        q, v = sd.coordinates(name.replace(" ", r"\ "))
        a = acceleration_of(q)
        assert len({q, v, a}) == 3
        assert r"\dot{" in sp.latex(v) and r"\ddot{" in sp.latex(a)
    every = ["q", "qd", "x₁", "x_1", "x1", "x_{1}", r"\dot{q}", "rad", "ra", "θ", "theta"]
    pairs = [sd.coordinates(name) for name in every]
    symbols = [s for q, v in pairs for s in (q, v, acceleration_of(q))]
    assert len(set(symbols)) == len(symbols)


@pytest.mark.parametrize("names", NAMES)
def test_functions_of_time_and_symbols_that_read_as_they_do(names) -> None:
    """A pendulum on functions of time; its parameters have the names that velocities are shown by."""
    angle = dynamicsymbols(names[0]) if "\n" not in names[0] and " " not in names[0] else sp.Function(names[0])(sd.t)
    length, gravity = sp.Symbol(f"{names[0]}_tt", real=True), sp.Symbol(names[1], real=True)
    L = length**2 * angle.diff(sd.t) ** 2 / 2 + gravity * length * sp.cos(angle)
    kernels = sd.Lagrangian(L, angle).compile()
    got = kernels.acceleration([0.3], [0.1], {length: 2.0, gravity: 9.0})
    np.testing.assert_allclose(got, [-4.5 * np.sin(0.3)], rtol=1e-13)


@pytest.mark.parametrize("names", NAMES)
def test_equilibrium_propagation_of_any_names(names) -> None:
    def trainer(names):
        q, k, c, a, y = (*names[:4], names[8])
        q, v = sd.coordinates(q.replace(" ", r"\ "))
        k, c, a, y = (sp.Symbol(s, real=True) for s in (k, c, a, y))
        system = sd.Lagrangian(v**2 / 2 - k * q**2 / 2 - c * q**4, q, v)
        cost = sd.Cost(a * (q - y) ** 2 / 2, targets=[y])
        return sd.EPTrainer(system, cost, sd.FixedEnds(0.0, 1.0, 1.0), 8, trainable=[k, c]), {k: 1.0, c: 0.3, a: 1.0}, y

    one, params, y = trainer(names)
    other, theirs, target = trainer(PLAIN)
    loss, gradient = one.gradient(params, targets={y: 0.5})
    same, reference = other.gradient(theirs, targets={target: 0.5})
    assert loss == same
    np.testing.assert_array_equal(list(gradient.values()), list(reference.values()))
    for kernel in ("value", "slope", "blocks", "impulse", "doubled", "pull"):
        assert getattr(one.discrete.kernels, kernel).source == getattr(other.discrete.kernels, kernel).source


@pytest.mark.parametrize("names", NAMES)
def test_evolution_of_any_names(names, tmp_path) -> None:
    def problem(names):
        x, a, w, nu, n, i, speed = names[:7]
        x, nu, speed = (sp.Symbol(s, real=True) for s in (x, nu, speed))
        n, i = sp.Symbol(n, integer=True, positive=True), sp.Symbol(i, integer=True)
        a, w = (sp.IndexedBase(sp.Symbol(s, real=True), shape=(n,)) for s in (a, w))
        u = sp.Function(names[7])(sd.t, x)
        pde = sd.EvolutionEquation(sp.Eq(u.diff(sd.t), nu * u.diff(x, 2) - speed * u.diff(x) + speed**2 * u))
        ansatz = sd.Ansatz(sp.Sum(a[i] * sp.exp(-((w[i] * x) ** 2)), (i, 0, n - 1)), [x], [a, w])
        box, grid = sd.Box([(-1, 1)]), sd.Grid(12)
        return sd.Problem(pde, ansatz, box, grid, params={nu: 0.1, speed: 0.5}), {a: [1.0, 0.5], w: [1.0, 2.0]}

    one, theta = problem(names)
    other, theirs = problem(PLAIN)
    assert one.kernels.rows.source == other.kernels.rows.source
    assert one.kernels.tangent.source == other.kernels.tangent.source
    for mine, reference in zip(one.rows(one.theta(theta), 0.0), other.rows(other.theta(theirs), 0.0), strict=True):
        np.testing.assert_array_equal(mine, reference)
    solution = sd.evolve(one, theta, (0, 0.02), dt=0.01, stepper=sd.DFI(gamma=1e-6))
    solution.save(tmp_path / "solution.nc")
